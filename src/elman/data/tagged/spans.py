"""Tagging schemes for spans, with tags such as B-place and I-place: detection, allowed transitions, and the spans."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["SCHEMES", "Span", "allowed_ends", "allowed_step", "is_written_in", "scheme_of", "spans_of"]

# The prefixes of each scheme. `iob` are IOB tags that follow neither the rules of IOB1 nor those of IOB2.
SCHEMES = {"iob2": "BI", "iob1": "BI", "iob": "BI", "iobes": "BIES", "bilou": "BILU"}
OUTSIDE = "O"
# Smallest share of sequences that follow a scheme of more than two prefixes.
_MOST = 0.9
# The role of a prefix: B begin, I inside, E end, S single step.
_ROLES = {"B": "B", "I": "I", "E": "E", "L": "E", "S": "S", "U": "S"}


class Span(NamedTuple):
    """A span's type and its first and last step."""

    type: str
    first: int
    last: int


def _split(tag: str) -> tuple[str, str]:
    """Return the role and type of a tag; the role is O outside of spans, and for tags in no scheme."""
    prefix, _, kind = tag.partition("-")
    return (_ROLES[prefix], kind) if kind and prefix in _ROLES else ("O", "")


def scheme_of(sequences: Iterable[Sequence[str]]) -> str | None:
    """Return the tagging scheme of all `sequences` of tags, or None if they have no spans.

    `iob2`: a span begins with B. `iob1`: it begins with I, or with B directly after a span of the same type. `iob`:
    both occur. A few sequences may break the rules of `iobes` or `bilou`.
    """
    found = [list(tags) for tags in sequences]
    tags = {tag for each in found for tag in each}
    for scheme in ("iob2", "iob1", "iobes", "bilou", "iob"):
        if is_written_in(scheme, tags) and all(follows(scheme, each) for each in found):
            return scheme
    for scheme in ("iobes", "bilou"):
        if is_written_in(scheme, tags) and sum(follows(scheme, each) for each in found) >= _MOST * len(found):
            return scheme
    return None


def is_written_in(scheme: str, tags: Iterable[str]) -> bool:
    """Return whether all `tags` are valid in the scheme, and at least one of them is in a span."""
    inside = {tag for tag in tags if tag != OUTSIDE}
    return bool(inside) and all(len(tag) > 2 and tag[1] == "-" and tag[0] in SCHEMES[scheme] for tag in inside)


def follows(scheme: str, tags: Sequence[str]) -> bool:
    """Return whether the scheme allows this sequence of tags."""
    if not tags:
        return True
    first, _ = allowed_ends(scheme, tags[0])
    _, last = allowed_ends(scheme, tags[-1])
    steps = itertools.pairwise(tags)
    return first and last and all(allowed_step(scheme, before, after) for before, after in steps)


def allowed_step(scheme: str, before: str, after: str) -> bool:
    """Return whether the tag `after` may follow the tag `before`."""
    (role, kind), (next_role, next_kind) = _split(before), _split(after)
    same = kind == next_kind
    if scheme == "iob":
        return True
    if scheme == "iob2":
        return next_role != "I" or (role in "BI" and same)
    if scheme == "iob1":
        return next_role != "B" or (role in "BI" and same)
    if role in "BI":  # inside a span, which must continue or end
        return next_role in "IE" and same
    return next_role not in "IE"


def allowed_ends(scheme: str, tag: str) -> tuple[bool, bool]:
    """Return whether a sequence may begin, and whether it may end, with `tag`."""
    role, _ = _split(tag)
    if scheme == "iob":
        return True, True
    if scheme == "iob2":
        return role != "I", True
    if scheme == "iob1":
        return role != "B", True
    return role not in "IE", role not in "BI"


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Return the spans in a sequence of tags in any scheme, as conlleval counts them.

    A tag that cannot continue the previous span begins a new one. A tag in no scheme is outside of all spans.
    """
    spans: list[Span] = []
    first, kind = -1, ""
    before = "O"
    for place, tag in enumerate([*tags, OUTSIDE]):
        role, now = _split(tag)
        inside = before in "BI" and role in "IE" and now == kind and first >= 0
        if first >= 0 and not inside:
            spans.append(Span(kind, first, place - 1))
            first = -1
        if first < 0 and role != "O":
            first, kind = place, now
        before = role
    return spans
