"""Formatting of values for people: terminal-safe text, aligned columns, sizes and durations."""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = [
    "SHARES",
    "Progress",
    "aligned",
    "columns_of",
    "counted",
    "figure",
    "finite_json",
    "invisible",
    "listed",
    "metric_name",
    "number_text",
    "places_of",
    "plain",
    "printable",
    "size_of",
    "span",
    "with_article",
    "wrapped",
]

_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")

# Metrics from 0 to 1 that are shown in per cent.
SHARES = frozenset(("accuracy", "intent_accuracy", "f1", "exact", "cer", "wer", "top5_accuracy", "unknown_share"))

# Parts of names of metrics that are written in capitals.
_INITIALS = frozenset(("f1", "rmse", "mae", "cer", "wer", "bleu"))

# Numbers from here on are shown with an exponent.
_LARGE = 1e6
# A perplexity from here on is too large for a float, and is stored as a smaller number.
_LARGEST = 1e300

# Places that a remark names, and the file and the rest of one.
_PLACES = 5
_PLACE = re.compile(r"(.+), ((?:line|row|number|item|index|sequence|drawing) (?:label )?\S.*)", re.DOTALL)

# Called with the name of a stage of the work and the share of it that is done, from 0 to 1.
Progress = Callable[[str, float], None]


def printable(text: str) -> str:
    """Replace control characters, except line ends and tabs, with U+FFFD, so that `text` is safe on a terminal."""
    if text.isprintable():
        return text
    return "".join("\ufffd" if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return (character < " " and character not in "\n\t") or "\x7f" <= character <= "\x9f"


def plain(text: str) -> str:
    """Return `text` on one line, with unprintable characters as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def invisible(text: str) -> str:
    """Return a remark on characters of `text` that look like a space or like nothing, such as ` (with a no-break space,
    U+00A0)`; an empty text if there are none.
    """
    found = [character for character in dict.fromkeys(text) if _is_invisible(character)]
    names = [f"{unicodedata.name(each, 'CONTROL CHARACTER').lower()}, U+{ord(each):04X}" for each in found]
    return f" (with a {' and a '.join(names)})" if names else ""


def listed(names: Iterable[str], most: int = 20) -> str:
    """Return the first names in quotation marks, with their invisible characters named."""
    shown = list(names)
    quoted = ", ".join(f"{name[:40]!r}{invisible(name)}" for name in shown[:most])
    return quoted + (", ..." if len(shown) > most else "")


def places_of(places: Sequence[str], most: int = _PLACES) -> str:
    """Return the first of some places, such as "a.csv, line 3": a file is named once for its places in a row."""
    shown: list[str] = []
    before = ""
    for place in places[:most]:
        found = _PLACE.fullmatch(place)
        shown.append(found[2] if found and found[1] == before else place)
        before = found[1] if found else ""
    return ", ".join(shown) + (", ..." if len(places) > most else "")


def _is_invisible(character: str) -> bool:
    # The last ones are letters or symbols that are drawn as nothing.
    return character != " " and (unicodedata.category(character)[0] in "ZC" or character in _BLANK_LETTERS)


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Format rows as columns two spaces apart on a terminal; the columns in `right` are right-aligned."""
    widths = [max(columns_of(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines = []
    for row in rows:
        cells = [
            " " * (width - columns_of(text)) + text if column in right else text + " " * (width - columns_of(text))
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def columns_of(text: str) -> int:
    """Return the number of columns of a line on a terminal: a Chinese character has two, a combining accent none."""
    if text.isascii():
        return len(text)
    kinds = ((unicodedata.east_asian_width(each), unicodedata.category(each)) for each in text)
    return sum(0 if category in ("Mn", "Me", "Cf") else 2 if width in "WF" else 1 for width, category in kinds)


def number_text(value: float, form: str = ".4f") -> str:
    """Format a number, with an exponent where it is a million or more: `12.3457`, `3.79e+105`, `over 1e+300`."""
    if abs(value) < _LARGE or not math.isfinite(value):
        return f"{value:{form}}"
    return f"{value:.2e}" if value < _LARGEST else "over 1e+300"


def figure(name: str, value: float) -> str:
    """Format a metric with its name: `accuracy 91.20%`, `loss 0.2431`, `perplexity 3.792`."""
    shown = f"{value:.2%}" if name in SHARES else number_text(value)
    return f"{metric_name(name)} {shown}"


def metric_name(name: str) -> str:
    """Return the name of a metric in words: `scaled RMSE` for `scaled_rmse`."""
    return " ".join(word.upper() if word in _INITIALS else word for word in name.split("_"))


def counted(number: int, what: str) -> str:
    """Return a count with its noun, such as `2 words` or `1 word`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def with_article(noun: str) -> str:
    """Return a noun with its article, such as `a tagger`; a plural, such as `embeddings`, has none."""
    if noun.endswith("s"):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def size_of(count: float) -> str:
    """Format a number of bytes, such as `1.2 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def span(seconds: float) -> str:
    """Format a duration, such as `45 s` or `1 h 20 min`."""
    if seconds < 1:
        return f"{seconds:.1g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"


def wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines of at most `width` characters, which begin where its own lines do."""
    return [line for each in text.split("\n") for line in textwrap.wrap(each, width) or [""]]


def finite_json(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, with None."""
    if isinstance(value, dict):
        return {key: finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
