"""Characters that belong to the character before them: combining marks and joiners, and emoji of several characters."""

from __future__ import annotations

import unicodedata
from functools import cache

__all__ = ["EMOJI_PATTERN", "marks"]

_PICTURE = r"[\u00a9\u00ae\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
# Emoji of several code points: flags, keycaps, and pictures with skin tones, selectors, tags or joined pictures.
EMOJI_PATTERN = (
    r"[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3"
    rf"|{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff]|[\U000e0020-\U000e007f]|\u200d{_PICTURE})+"
)


@cache
def marks() -> str:
    """Return the combining marks and joiners, which \\w does not match, as the content of a character class."""
    codes = [code for code in (*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0)) if _is_mark(chr(code))]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or character in "\u200c\u200d"
