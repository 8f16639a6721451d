"""Tiny forecasters and series for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from elman import Forecaster

OPTIONS: dict[str, Any] = {
    "hidden_size": 6,
    "context": 8,
    "horizon": 3,
    "autoregression": 3,
    "max_steps": 6,
    "learning_rate": 0.02,
    "warmup_steps": 0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}


def wave(steps: int = 48, seed: int = 0) -> npt.NDArray[np.float64]:
    """A rising yearly wave with a little noise, above 0."""
    time = np.arange(steps)
    noise = np.random.default_rng(seed).normal(size=steps)
    return 20 + 0.1 * time + 5 * np.sin(2 * np.pi * time / 12) + 0.3 * noise


def long_frame(lengths: dict[str, int], **columns: Any) -> pd.DataFrame:
    """Monthly series in long form; `columns` are functions of a series' number and steps."""
    parts = []
    for number, (name, steps) in enumerate(lengths.items()):
        parts.append(
            pd.DataFrame(
                {
                    "unique_id": name,
                    "ds": pd.date_range("2000-01-01", periods=steps, freq="MS"),
                    "y": wave(steps, number) * (1 + number),
                    **{column: make(number, np.arange(steps)) for column, make in columns.items()},
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def series_file(folder: Path, lengths: dict[str, int] | None = None) -> Path:
    """The same as a CSV file."""
    path = folder / "series.csv"
    long_frame(lengths or {"a": 40, "b": 30, "c": 22}).to_csv(path, index=False)
    return path


def fitted(data: Any, **options: Any) -> Forecaster:
    """A forecaster that saw the data for a moment."""
    return Forecaster(**OPTIONS | options).fit(data, progress=False, tune=False)
