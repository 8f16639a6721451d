"""Texts whose lines are wrapped at a width, and others whose line ends mean something."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

from elman.data.hard_wraps import is_hard_wrapped, reflowed

WORDS = [
    "the",
    "captain",
    "of",
    "a",
    "ship",
    "had",
    "never",
    "seen",
    "such",
    "enormous",
    "waves",
    "before",
    "at",
    "sea",
]


def paragraphs(number: int = 12, words: int = 80) -> list[str]:
    draw = np.random.default_rng(0)
    return [" ".join(draw.choice(WORDS, words)).capitalize() + "." for _ in range(number)]


@pytest.mark.parametrize("width", [50, 65, 75, 100])
@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_text_that_is_wrapped(width: int, between: str) -> None:
    assert is_hard_wrapped(between.join(textwrap.fill(each, width) for each in paragraphs()))


def test_text_with_a_paragraph_on_each_line() -> None:
    assert not is_hard_wrapped("\n".join(paragraphs(60)))
    assert not is_hard_wrapped("\n\n".join(paragraphs(60)))
    assert not is_hard_wrapped("")
    assert not is_hard_wrapped("很久很久以前" * 9 + "\n" + "有一个国王" * 30 + "\n" + "他" * 20 + "\n")


def test_verse() -> None:
    draw = np.random.default_rng(1)
    verse = [" ".join(draw.choice(WORDS, 8)) for _ in range(60)]
    assert not is_hard_wrapped("\n".join(verse))
    # Lines of nearly the same width, each with a capital.
    assert not is_hard_wrapped("\n".join(f"{line:.45}".capitalize() for line in paragraphs(60)))


def test_line_ends_inside_paragraphs_are_spaces() -> None:
    assert reflowed("One line\nand another  \n  of it.\n\nA new\nparagraph") == (
        "One line and another of it.\n\nA new paragraph"
    )
    assert reflowed("subject- and ego-\nsuperstition") == "subject- and ego-superstition"
    assert reflowed("a woman--\nwhat then") == "a woman--what then"
