"""Tags that break the notation of spans, such as 0, o, B_PER and PER-B among O and B-PER.

A tag whose meaning is certain is read in the usual spelling; in training data, every other is taken as O, outside of
spans. In other data it is left, and counts as wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from elman.data.tagged.spans import OUTSIDE, SCHEMES, is_written_in, scheme_of

__all__ = ["describe_readings", "learn_scheme", "read_tag"]

# Largest share of tags that are taken as O.
_FEW = 0.1
_DASHES = "-_:\u2010\u2011\u2012\u2013\u2014\u2212"
_BEFORE = re.compile(rf"([BIESLUbieslu])[{_DASHES}](.+)", re.DOTALL)
_AFTER = re.compile(rf"(.+)[{_DASHES}]([BIESLU])", re.DOTALL)
# Characters that are drawn like an O.
_OUTSIDE = frozenset("o0\u041e\u043e\u039f\u03bf")
_LISTED = 5


def read_tag(tag: str, scheme: str | None, *, training: bool = True) -> str:
    """Return a tag as it is read where the others are in a tagging scheme; without one, unchanged."""
    if scheme is None or tag == OUTSIDE or is_written_in(scheme, [tag]):
        return tag
    usual = _respelled(tag)
    if usual == OUTSIDE or is_written_in(scheme, [usual]):
        return usual
    return OUTSIDE if training else tag


def _respelled(tag: str) -> str:
    """Return a tag in the usual spelling, B-TYPE or O, where its meaning is certain; otherwise unchanged."""
    if tag in _OUTSIDE:
        return OUTSIDE
    if found := _BEFORE.fullmatch(tag):
        return f"{found[1].upper()}-{found[2]}"
    if found := _AFTER.fullmatch(tag):
        return f"{found[2]}-{found[1]}"
    return tag


def learn_scheme(sequences: Iterable[Sequence[str]]) -> str | None:
    """Return the tagging scheme of sequences in which a few tags may break the notation; None if they have no spans.

    A tag that can be respelled does not count as broken.
    """
    found = [list(tags) for tags in sequences]
    if (scheme := scheme_of(found)) is not None:
        return scheme
    counts = Counter(tag for tags in found for tag in tags)
    for widest in ("iob", "iobes", "bilou"):
        if _is_nearly_written_in(widest, counts):
            return _followed(widest, found)
    return None


def _is_nearly_written_in(scheme: str, counts: Mapping[str, int]) -> bool:
    """Return whether the tags with these counts are in a scheme, except for a few."""
    usual = {tag: _respelled(tag) for tag in counts}
    inside = {tag: count for tag, count in counts.items() if is_written_in(scheme, [usual[tag]])}
    broken = sum(count for tag, count in counts.items() if tag not in inside and usual[tag] != OUTSIDE)
    if not inside or broken > _FEW * sum(counts.values()) or 2 * broken > sum(inside.values()):
        return False
    if any(is_written_in(scheme, [tag]) for tag in inside):
        return True
    # All are spelled otherwise: plain labels may look so by chance, but not with both ends of one type.
    roles = {usual[tag] for tag in inside}
    return any(f"B-{role[2:]}" in roles and f"I-{role[2:]}" in roles for role in roles)


def _followed(widest: str, sequences: Sequence[Sequence[str]]) -> str:
    """Return the scheme that the sequences follow that have no tag taken as O; `widest` if they follow none."""
    read = [[read_tag(tag, widest) for tag in tags] for tags in sequences]
    whole = [
        after
        for before, after in zip(sequences, read, strict=True)
        if all(a == OUTSIDE or b != OUTSIDE or a in _OUTSIDE for a, b in zip(before, after, strict=True))
    ]
    found = scheme_of(whole)
    tags = {tag for each in read for tag in each}
    return found if found is not None and is_written_in(found, tags) else widest


def describe_readings(readings: Mapping[tuple[str, str], int], total: int, scheme: str) -> str:
    """Return a sentence on tags that break the notation: `readings` counts pairs of a tag and what it is read as."""
    count = sum(readings.values())
    shown = [f"{tag!r} ({number:,} time{'s' * (number > 1)}) as {read}" for (tag, read), number in readings.items()]
    more = f", and {len(shown) - _LISTED} others" if len(shown) > _LISTED else ""
    verb = "tags break" if count > 1 else "tag breaks"
    taken = "are taken" if count > 1 else "is taken"
    prefixes = ", ".join(f"{prefix}-TYPE" for prefix in SCHEMES[scheme])
    return (
        f"{count:,} {verb} the notation of the other {total - count:,} ({prefixes} and O; strict=true refuses them), "
        f"and {taken} as follows: {', '.join(shown[:_LISTED])}{more}"
    )
