"""Values as text for people: safe on a terminal, in columns, with units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["aligned", "counted", "finite_json", "plain", "printable", "size_of", "span"]


def printable(text: str) -> str:
    """`text` without what could steer a terminal: control characters other than line ends and tabs become U+FFFD."""
    if text.isprintable():
        return text
    return "".join("\ufffd" if _steers(sign) else sign for sign in text)


def _steers(sign: str) -> bool:
    return (sign < " " and sign not in "\n\t") or "\x7f" <= sign <= "\x9f"


def plain(text: str) -> str:
    """`text` on one line, with everything that is not printable written as an escape."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Rows as columns, two spaces apart; the columns in `right` are aligned on their right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def counted(number: int, what: str) -> str:
    """A number of things."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def size_of(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def span(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 1:
        return f"{seconds:.1g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"


def finite_json(value: Any) -> Any:
    """`value` with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
