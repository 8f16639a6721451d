"""Output of commands: results on standard output, progress and remarks on standard error."""

from __future__ import annotations

import json
import sys
import time
from contextvars import ContextVar
from typing import Any

from elman.display import finite_json

__all__ = ["COMMAND_LINE", "StageProgress", "print_json", "remark"]


# The words after `elman`; stored with a model.
COMMAND_LINE: ContextVar[tuple[str, ...]] = ContextVar("COMMAND_LINE", default=())


def print_json(value: Any) -> None:
    """Print one JSON document. NaN and infinity become null."""
    print(json.dumps(finite_json(value), ensure_ascii=False, indent=2, allow_nan=False))


def remark(text: str) -> None:
    """Print a line on standard error."""
    print(f"elman: {text}", file=sys.stderr, flush=True)


class StageProgress:
    """Progress of a command in stages: a bar on a terminal, otherwise a line every ten seconds.

    Nothing is shown in the first `patience` seconds. It is a context manager; call it with the name of a stage and the
    fraction of the stage that is done, from 0 to 1.
    """

    def __init__(self, *, quiet: bool = False, patience: float = 2.0) -> None:
        self.quiet = quiet
        self.patience = patience
        self._begun = self._last_line_at = time.perf_counter()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> StageProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, share: float) -> None:
        """Show that the fraction `share` of `stage` is done."""
        now = time.perf_counter()
        if self.quiet or now - self._begun < self.patience:
            return
        if not sys.stderr.isatty():
            if now - self._last_line_at >= 10.0:
                self._last_line_at = now
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
