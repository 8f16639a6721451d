"""History of a run as rows, for history.csv, loss.png and TensorBoard."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from elman.display import printable
from elman.errors import ArtifactError
from elman.files import write_text
from elman.train.events import EvaluationEvent, Event, SampleEvent, StepEvent
from elman.train.stored import read

__all__ = ["History", "TensorBoard", "open_board", "read_curves"]

COLUMNS = ("step", "epoch", "seconds", "tokens", "train_loss", "learning_rate", "gradient_norm", "valid_loss")
# Steps that always have a row, so that a short run has a curve too.
EARLY = frozenset((1, 2, 5, 10, 20))


class History:
    """Rows of a run: means over the last steps, every `every` steps and at some early ones, and every evaluation.

    A row of an evaluation has further columns for the metrics of the task: train_NAME and valid_NAME.
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.rows: list[dict[str, float | int | None]] = []
        self._nats, self._tokens, self._norm, self._steps = 0.0, 0, 0.0, 0

    def on_event(self, event: Event, seconds: float) -> dict[str, float | int | None] | None:
        """Handle an event; return the row that it completed, if any."""
        if isinstance(event, StepEvent):
            self._nats += event.loss * event.tokens
            self._tokens += event.tokens
            self._norm += event.gradient_norm
            self._steps += 1
            if event.step % self.every and event.step not in EARLY:
                return None
            row = {
                "step": event.step,
                "epoch": round(event.epoch, 6),
                "seconds": round(seconds, 3),
                "tokens": self._tokens,
                "train_loss": self._nats / max(self._tokens, 1),
                "learning_rate": event.learning_rate,
                "gradient_norm": self._norm / self._steps,
                "valid_loss": None,
            }
            self._nats, self._tokens, self._norm, self._steps = 0.0, 0, 0.0, 0
        elif isinstance(event, EvaluationEvent) and (event.metrics or any(_further(event.training))):
            row = dict.fromkeys(COLUMNS)
            row |= {"step": event.step, "seconds": round(seconds, 3), "valid_loss": event.metrics.get("loss")}
            row |= {f"train_{name}": value for name, value in _further(event.training)}
            row |= {f"valid_{name}": value for name, value in _further(event.metrics)}
        else:
            return None
        self.rows.append(row)
        return row

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint must store so that the rows after a resume are the same."""
        return {"nats": self._nats, "tokens": self._tokens, "norm": self._norm, "steps": self._steps}

    def restore(self, facts: dict[str, Any], path: Path, evaluated_at: int, step: int) -> None:
        """Restore the sums since the last row, and the rows of history.csv up to `step` (or `evaluated_at`).

        Raises ArtifactError for other values, and for a file without the columns of a history.
        """
        self._nats, self._tokens = read(facts, "nats", float), read(facts, "tokens", int)
        self._norm, self._steps = read(facts, "norm", float), read(facts, "steps", int)
        if not path.is_file():
            return
        try:
            with open(path, newline="", encoding="utf-8") as file:
                for line in csv.DictReader(file):
                    row = {name: _number(line[name]) for name in COLUMNS}
                    further = {name: _number(text) for name, text in line.items() if name not in COLUMNS}
                    row |= {name: value for name, value in further.items() if value is not None}
                    bound = step if row["tokens"] is not None else evaluated_at
                    if row["step"] is not None and row["step"] <= bound:
                        self.rows.append(row)
        except (KeyError, ValueError, csv.Error, OSError) as error:
            raise ArtifactError(
                f"{path} is broken: expected the columns {', '.join(COLUMNS)}. Received: {error}"
            ) from error

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write all rows atomically."""
        text = io.StringIO()
        columns = dict.fromkeys((*COLUMNS, *(name for row in self.rows for name in row)))
        writer = csv.DictWriter(text, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(path, text.getvalue())


def _further(metrics: dict[str, float]) -> Iterator[tuple[str, float]]:
    """Yield the metrics that are no counts, except the loss, which has its own column."""
    yield from ((name, value) for name, value in metrics.items() if name != "loss" and isinstance(value, float))


def _number(text: str | None) -> float | int | None:
    if not text:
        return None
    return int(text) if text.isdigit() else float(text)


class TensorBoard:
    """Writes rows as TensorBoard scalars; entries after `step` from an earlier run in `folder` are hidden."""

    def __init__(self, folder: str | os.PathLike[str], step: int = 0) -> None:
        # Imported here because the import is slow and only logged runs need it.
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder), flush_secs=30, purge_step=step + 1)

    def add(self, row: dict[str, float | int | None]) -> None:
        """Log the metrics of a row. Values that are not finite, such as an infinite CTC loss, are skipped."""
        names = [name for name in row if name.startswith(("train_", "valid_"))]
        for name in (*names, "learning_rate", "gradient_norm"):
            value = row[name]
            if value is not None and math.isfinite(value):
                self._writer.add_scalar(name.replace("_", "/", 1), value, row["step"])

    def add_sample(self, event: SampleEvent) -> None:
        """Log a sample: its text, as it is and not as Markdown, and its picture."""
        text = "\n".join(f"    {line}" for line in printable(event.text).splitlines())
        self._writer.add_text("sample", text, event.step)
        if event.picture is not None:
            from PIL import Image

            with Image.open(event.picture) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            self._writer.add_image("sample", pixels, event.step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close the log."""
        self._writer.close()


def open_board(folder: Path | None, step: int, report: Callable[[str], None]) -> TensorBoard | None:
    """Return the TensorBoard log in a model's folder; None, with a remark, if tensorboardX is missing."""
    if folder is None:
        return None
    try:
        return TensorBoard(folder / "tensorboard", step)
    except ImportError:
        report("no TensorBoard log: tensorboardX is not installed (pip install 'elman[tensorboard]')")
        return None


def read_curves(path: Path) -> list[dict[str, float | int | None]]:
    """Return the steps, seconds and losses in a history.csv; none if there is no such file. Raises ArtifactError."""
    names = ("step", "seconds", "train_loss", "valid_loss")
    if not path.is_file():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [{name: _number(line[name]) for name in names} for line in csv.DictReader(file)]
    except (KeyError, ValueError, csv.Error, OSError) as error:
        raise ArtifactError(f"{path} is broken: expected the columns {', '.join(names)}. Received: {error}") from error
