"""Tiny labelled texts and series, and classifiers that saw them for a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman import Classifier

OPTIONS: dict[str, Any] = {
    "preset": "small",
    "hidden_size": 6,
    "embedding": 5,
    "batch_size": 16,
    "max_steps": 6,
    "learning_rate": 0.03,
    "warmup_steps": 0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}
WORDS = {"pos": ("good", "fine", "great"), "neg": ("bad", "poor", "awful")}
COMMON = ("the", "film", "was", "a", "story", "plot")


def texts(count: int = 60, seed: int = 0) -> tuple[list[str], list[str]]:
    """Sentences of unequal length; one word of each determines its class."""
    draw = np.random.default_rng(seed)
    X, y = [], []
    for row in range(count):
        label = ("pos", "neg")[row % 2]
        words = [*draw.choice(COMMON, draw.integers(1, 6)), draw.choice(WORDS[label])]
        draw.shuffle(words)
        X.append(" ".join(words))
        y.append(label)
    return X, y


def series(count: int = 45, channels: int = 2, seed: int = 0) -> tuple[list[npt.NDArray[Any]], list[int]]:
    """Ragged series of three classes that drift down, stay or drift up, far from zero."""
    draw = np.random.default_rng(seed)
    y = [row % 3 for row in range(count)]
    X = [100 + 5 * np.cumsum(draw.normal(label - 1, 0.5, (draw.integers(4, 11), channels)), axis=0) for label in y]
    return X, y


def write_csv(path: Path, X: list[str], y: list[Any]) -> Path:
    """Texts and labels as a table."""
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in zip(X, y, strict=True)))
    return path


def fitted(X: Any = None, y: Any = None, **options: Any) -> Classifier:
    """A classifier after six steps; of texts, unless X says otherwise."""
    if X is None:
        X, y = texts()
    return Classifier(**OPTIONS | options).fit(X, y, progress=False, tune=False)
