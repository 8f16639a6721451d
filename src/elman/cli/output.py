"""How commands speak: results on standard output, progress and remarks on standard error.

Knows nothing about models.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

__all__ = [
    "COMMAND_LINE",
    "Progress",
    "aligned",
    "counted",
    "plain",
    "print_json",
    "printable",
    "remark",
    "size_of",
    "span",
]


# The words after `elman`, for the record.
COMMAND_LINE: ContextVar[tuple[str, ...]] = ContextVar("COMMAND_LINE", default=())


def print_json(value: Any) -> None:
    """Print exactly one JSON document. Numbers that JSON does not have become null."""
    print(json.dumps(_finite(value), ensure_ascii=False, indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def remark(text: str) -> None:
    """A line for people, on standard error."""
    print(f"elman: {text}", file=sys.stderr, flush=True)


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


class Progress:
    """Tells what is being done and how much of it is: a bar on a terminal, else a line now and then.

    Nothing is shown in the first `patience` seconds. Use it in a `with`; call it with a stage and a share from 0 to 1.
    """

    def __init__(self, *, quiet: bool = False, patience: float = 2.0) -> None:
        self.quiet = quiet
        self.patience = patience
        self._begun = self._told = time.perf_counter()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, share: float) -> None:
        """Stage `stage` is done to this share."""
        now = time.perf_counter()
        if self.quiet or now - self._begun < self.patience:
            return
        if not sys.stderr.isatty():
            if now - self._told >= 10.0:
                self._told = now
                remark(f"{stage}: {share:.0%}")
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("{task.description}"), BarColumn(24), TextColumn("{task.percentage:>3.0f} %"))
            self._bar = Bar(*columns, console=Console(file=sys.stderr), transient=True)
            self._bar.start()
        if stage not in self._tasks:
            for task in self._tasks.values():
                self._bar.remove_task(task)
            self._tasks = {stage: self._bar.add_task(stage, total=1.0)}
        self._bar.update(self._tasks[stage], completed=share)
