"""Line ends of texts whose lines are wrapped at a fixed width, as those of many books are."""

from __future__ import annotations

import itertools
import re

__all__ = ["is_hard_wrapped", "reflowed"]

# Characters of the narrowest text that is taken for wrapped, the number of lines needed, the share of lines that the
# next word did not fit into, and that of lines that do not begin with a capital letter, as those of verse do.
_NARROWEST, _FEWEST, _FULL, _INNER = 40, 20, 0.65, 0.2
# Characters of the next word, at most: in scripts without spaces it is the whole line.
_LONGEST_WORD = 15
_BREAK = re.compile(r"(?<=\S)[^\S\n]*\n[^\S\n]*(?=\S)")
# A line end after a hyphen or a dash inside a word stands for no space.
_AFTER_HYPHEN = re.compile(r"(?:(?<=\w-)|(?<=\w--))[^\S\n]*\n[^\S\n]*(?=\w)")


def is_hard_wrapped(text: str) -> bool:
    """Return whether the lines of a text are wrapped at a width: the next word would seldom have fitted into a line.

    Lines before an empty one are left out. Verse, dialogue and text with one paragraph on a line are not wrapped.
    """
    lines = [line.rstrip() for line in text.split("\n")]
    inner = [(len(line), following) for line, following in itertools.pairwise(lines) if line and following]
    if len(inner) < _FEWEST:
        return False
    # A few lines are wider than the others.
    width = sorted(size for size, _ in inner)[len(inner) * 9 // 10]
    full = sum(size + 1 + min(len(following.split()[0]), _LONGEST_WORD) >= width for size, following in inner)
    small = sum(not following.lstrip()[0].isupper() for _, following in inner)
    return width >= _NARROWEST and full >= _FULL * len(inner) and small >= _INNER * len(inner)


def reflowed(text: str) -> str:
    """Return a text without the line ends inside its paragraphs, which empty lines separate."""
    return _BREAK.sub(" ", _AFTER_HYPHEN.sub("", text))
