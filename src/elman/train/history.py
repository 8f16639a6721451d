"""What a run went through, as rows: kept in history.csv, drawn in loss.png, logged for TensorBoard.

Knows nothing about models.
"""

from __future__ import annotations

import csv
import io
import math
import os
from pathlib import Path
from typing import Any

from elman.errors import ArtifactError
from elman.files import write_text
from elman.train.events import Evaluated, Event, Stepped

__all__ = ["History", "TensorBoard"]

COLUMNS = ("step", "epoch", "seconds", "tokens", "train_loss", "learning_rate", "gradient_norm", "valid_loss")
# Steps that have a row in any case, so that a short run has a curve too.
EARLY = frozenset((1, 2, 5, 10, 20))


class History:
    """Rows of a run: one every `every` steps and at some early ones (means since the last), one for each evaluation."""

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self.rows: list[dict[str, float | int | None]] = []
        self._nats, self._tokens, self._norm, self._steps = 0.0, 0, 0.0, 0

    def hear(self, event: Event, seconds: float) -> dict[str, float | int | None] | None:
        """Take note of an event; returns the row that it completed, if any."""
        if isinstance(event, Stepped):
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
        elif isinstance(event, Evaluated) and event.metrics:
            row = dict.fromkeys(COLUMNS)
            row |= {"step": event.step, "seconds": round(seconds, 3), "valid_loss": event.metrics["loss"]}
        else:
            return None
        self.rows.append(row)
        return row

    def facts(self) -> dict[str, Any]:
        """What a checkpoint must keep so that the rows after a resume are the same."""
        return {"nats": self._nats, "tokens": self._tokens, "norm": self._norm, "steps": self._steps}

    def restore(self, facts: dict[str, Any], path: Path, evaluated_at: int, step: int) -> None:
        """Take the rows of history.csv up to `step` (evaluations: up to `evaluated_at`), and the sums since."""
        self._nats, self._tokens = facts["nats"], facts["tokens"]
        self._norm, self._steps = facts["norm"], facts["steps"]
        if not path.is_file():
            return
        try:
            with open(path, newline="", encoding="utf-8") as file:
                for read in csv.DictReader(file):
                    row = {name: _number(read[name]) for name in COLUMNS}
                    bound = step if row["valid_loss"] is None else evaluated_at
                    if row["step"] is not None and row["step"] <= bound:
                        self.rows.append(row)
        except (KeyError, ValueError, csv.Error, OSError) as error:
            raise ArtifactError(
                f"{path} is broken: expected the columns {', '.join(COLUMNS)}. Received: {error}"
            ) from error

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write all rows atomically."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(path, text.getvalue())


def _number(text: str | None) -> float | int | None:
    if not text:
        return None
    return int(text) if text.isdigit() else float(text)


class TensorBoard:
    """Rows as TensorBoard scalars in a folder; those after `step` that an earlier run left there are hidden."""

    def __init__(self, folder: str | os.PathLike[str], step: int = 0) -> None:
        # Imported here: it takes a while, and only a run that is logged needs it.
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder), flush_secs=30, purge_step=step + 1)

    def add(self, row: dict[str, float | int | None]) -> None:
        """Log the figures of a row; what is not finite, such as a loss of texts that fit no recording, has no place."""
        for name in ("train_loss", "valid_loss", "learning_rate", "gradient_norm"):
            value = row[name]
            if value is not None and math.isfinite(value):
                self._writer.add_scalar(name.replace("_", "/", 1), value, row["step"])

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
