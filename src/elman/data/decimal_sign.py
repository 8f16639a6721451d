"""Numbers with a decimal comma, as text."""

from __future__ import annotations

import re

__all__ = ["has_decimal_comma", "number_hint", "pointed"]

# A decimal comma, and between groups of three digits points, apostrophes or spaces.
_COMMA = re.compile(r"([+-]?)(\d{1,3}(?:[. '\u2019\u00a0\u202f]\d{3})+|\d*)(?:,(\d+))?([eE][+-]?\d+)?", re.ASCII)
# Commas between groups of three digits.
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)


def pointed(text: str) -> str:
    """Return a number with a decimal comma as Python writes it; other texts with a point are no numbers, and as given.

    Points, apostrophes and spaces between groups of three digits are left out: 1.234,5 is 1234.5.
    """
    found = _COMMA.fullmatch(text.strip())
    if found is None or not (found[2] or found[3]):
        return text.replace(".", "_")  # a text that is not a number either
    whole = re.sub(r"\D", "", found[2])
    return f"{found[1]}{whole or '0'}.{found[3] or '0'}{found[4] or ''}"


def has_decimal_comma(text: str) -> bool:
    """Return whether a text is a number with a decimal comma."""
    found = _COMMA.fullmatch(text.strip())
    return found is not None and bool(found[3])


def number_hint(text: str, decimal: str) -> str:
    """Return a hint for the message about a text that is not a number, or an empty text."""
    if decimal == "." and _GROUPED.fullmatch(text.strip()) and text.count(",") + text.count(".") > 1:
        return ", without separators of thousands"
    if decimal == "." and has_decimal_comma(text):
        return ", with a decimal point (the option decimal=, reads a decimal comma)"
    return ", with a decimal comma as the option decimal says" if decimal == "," else ""
