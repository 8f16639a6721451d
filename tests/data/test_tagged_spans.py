"""Spans in tags: their notations, what these allow, and where spans are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.tagged.spans import Span, allowed_ends, allowed_step, follows, scheme_of, spans_of


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O", "B-x", "I-x", "B-x", "O"], "iob2"),
        (["O", "I-x", "I-x", "B-x", "O"], "iob1"),
        (["O", "I-x", "O", "B-x"], "iob"),
        (["O", "B-x", "E-x", "S-y"], "iobes"),
        (["O", "B-x", "I-x", "L-x", "U-y"], "bilou"),
        (["NOUN", "VERB"], None),
        (["O", "O"], None),
        (["B", "I"], None),
        (["O", "B-x", "X-y"], None),
        (["B-x", "E-y"], None),
        (["I-x", "S-x"], None),
    ],
)
def test_the_notation_is_found(tags: list[str], scheme: str | None) -> None:
    assert scheme_of([tags, ["O"]]) == scheme


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        (["B-x", "I-x", "O", "B-x"], [("x", 0, 1), ("x", 3, 3)]),
        (["B-x", "B-x", "I-y"], [("x", 0, 0), ("x", 1, 1), ("y", 2, 2)]),
        (["I-x", "I-x", "I-y", "O"], [("x", 0, 1), ("y", 2, 2)]),
        (["B-x", "I-x", "E-x", "S-x", "E-x"], [("x", 0, 2), ("x", 3, 3), ("x", 4, 4)]),
        (["U-a-b", "O"], [("a-b", 0, 0)]),
        (["B-x", "NN", "I-x", "_", "B-", "-x", ""], [("x", 0, 0), ("x", 2, 2)]),
        (["O"], []),
        ([], []),
    ],
)
def test_spans_are_found(tags: list[str], spans: list[tuple[str, int, int]]) -> None:
    assert spans_of(tags) == [Span(*span) for span in spans]


@given(st.lists(st.integers(0, 3), max_size=8), st.sampled_from(["iob2", "iob1", "iobes", "bilou"]), st.integers(0, 99))
def test_what_is_written_in_a_notation_is_allowed_and_read_back(sizes: list[int], scheme: str, seed: int) -> None:
    """Spans drawn at random, written down by each notation's definition."""
    draw = random.Random(seed)
    tags: list[str] = []
    spans: list[Span] = []
    before = ""
    for size in sizes:
        kind = draw.choice("xy")
        if not size:
            tags.append("O")
            before = ""
            continue
        spans.append(Span(kind, len(tags), len(tags) + size - 1))
        roles = {
            "iob2": "B" + "I" * (size - 1),
            "iob1": ("B" if before == kind else "I") + "I" * (size - 1),
            "iobes": "S" if size == 1 else "B" + "I" * (size - 2) + "E",
            "bilou": "U" if size == 1 else "B" + "I" * (size - 2) + "L",
        }[scheme]
        tags += [f"{role}-{kind}" for role in roles]
        before = kind
    assert follows(scheme, tags)
    assert spans_of(tags) == spans


@pytest.mark.parametrize(
    ("scheme", "before", "after", "allowed"),
    [
        ("iob2", "O", "I-x", False),
        ("iob2", "B-x", "I-y", False),
        ("iob2", "I-x", "I-x", True),
        ("iob1", "O", "B-x", False),
        ("iob1", "I-x", "B-x", True),
        ("iob1", "I-y", "B-x", False),
        ("iob", "O", "I-x", True),
        ("iobes", "B-x", "O", False),
        ("iobes", "B-x", "E-x", True),
        ("iobes", "B-x", "E-y", False),
        ("iobes", "E-x", "I-x", False),
        ("iobes", "S-x", "B-x", True),
        ("bilou", "I-x", "U-x", False),
    ],
)
def test_steps_that_are_allowed(scheme: str, before: str, after: str, allowed: bool) -> None:
    assert allowed_step(scheme, before, after) == allowed


def test_ends_that_are_allowed() -> None:
    assert allowed_ends("iob2", "I-x") == (False, True)
    assert allowed_ends("iob1", "B-x") == (False, True)
    assert allowed_ends("iobes", "B-x") == (True, False)
    assert allowed_ends("bilou", "L-x") == (False, True)
    assert allowed_ends("iob", "I-x") == (True, True)
