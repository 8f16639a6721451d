"""For every task: a little data in files, options of a run of a moment, and something that its model answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CASES", "COMMON", "TaskCase"]

COMMON: dict[str, Any] = {
    "max_steps": 8,
    "evaluate_every": 3,
    "warmup_steps": 2,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "seed": 5,
}


class TaskCase(NamedTuple):
    """A task under test.

    command  what it is called after `elman train`
    write    puts data into a folder and returns the files to train on
    options  of a tiny model
    answers  plain values that a trained model gives
    """

    command: str
    write: Callable[[Path], list[Path]]
    options: dict[str, Any]
    answers: Callable[[Any], Any]


def write_text(folder: Path) -> list[Path]:
    path = folder / "book.txt"
    path.write_text("the cat sat on the mat; the dog sat on the log.\n" * 40, encoding="utf-8")
    return [path]


def write_reviews(folder: Path) -> list[Path]:
    path = folder / "reviews.csv"
    words = {"good": ["fine", "warm", "bright"], "bad": ["cold", "dull", "grey"], "so-so": ["plain", "usual", "flat"]}
    rows = [
        f"a {found[i % 3]} and {found[(i + j) % 3]} play,{label}"
        for i in range(10)
        for j, (label, found) in enumerate(words.items())
    ]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return [path]


def write_tagged(folder: Path) -> list[Path]:
    path = folder / "tagged.txt"
    sentences = [
        "\n".join(f"{word} {tag}" for word, tag in (("the", "DET"), (noun, "NOUN"), (verb, "VERB"), (adverb, "ADV")))
        for noun in ("cat", "dog", "bird")
        for verb in ("sits", "runs")
        for adverb in ("here", "there", "today")
    ]
    path.write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    return [path]


def write_series(folder: Path) -> list[Path]:
    path = folder / "series.csv"
    rows = [
        f"{name},{2001 + month // 12}-{1 + month % 12:02}-01,{10 + i + math.sin(month / 2) + 0.07 * (month % 5):.4f}"
        for i, name in enumerate(("a", "b"))
        for month in range(40)
    ]
    path.write_text("\n".join(["unique_id,ds,y", *rows]) + "\n", encoding="utf-8")
    return [path]


CASES = {
    "language-model": TaskCase(
        "lm",
        write_text,
        {"hidden": 8, "embedding": 4, "lanes": 3, "chunk": 7, "dropout": 0.2},
        lambda model: [score.log_probs for score in model.score(["the cat", "a dog sat"])],
    ),
    "classifier": TaskCase(
        "classifier",
        write_reviews,
        {"hidden": 5, "embedding": 4, "batch_size": 6, "output_dropout": 0.2, "split": (0.7, 0.3, 0.0)},
        lambda model: model.predict_proba(["a warm play", "a dull and grey play"]).tolist(),
    ),
    "tagger": TaskCase(
        "tagger",
        write_tagged,
        {"hidden": 5, "embedding": 4, "batch_size": 4, "dropout": 0.2},
        lambda model: model.predict([["the", "cat", "runs", "there"], ["unheard", "of"]]),
    ),
    "forecaster": TaskCase(
        "forecaster",
        write_series,
        {"hidden": 5, "context": 10, "horizon": 3, "batch_size": 4, "dropout": 0.2},
        lambda model: model.forecast(horizon=3).to_json(),
    ),
}
