"""Verdicts on made data whose best rule is known, and the time that they take.

usage: python benchmarks/verdicts.py [--real] [--seconds 30 ...] [--seeds 3] [--only NAME ...] [--rows FILE]

Where a simple rule is the truth (a text of a trigram model, an autoregressive series, labels by words), no verdict may
say that the network is better. Where only a network can win (a character that returns after a long gap, an exclusive or
of two words, a series of a threshold model), it should say so. Every run is one with default options and a budget of so
many seconds; the overhead is the time of the comparison in per cent of it. With `--real`, the other tasks are trained
on public data (`_verdict_data.py`), for the overhead only. Rows are kept in a file, and the script goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from _common import machine
from _verdict_data import REAL, Fitted

import elman
from elman.tasks.run import Run

Made = tuple[Any, dict[str, Any]]


def trigram_text(seed: int, folder: Path) -> Made:
    """A text of a random trigram model over 12 letters."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.full(12, 0.3), size=(12, 12)).cumsum(-1)
    ids = [0, 1]
    for value in generator.random(300_000):
        ids.append(int((shares[ids[-2], ids[-1]] < value).sum().clip(0, 11)))
    path = folder / "trigrams.txt"
    path.write_text("".join("abcdefghijkl"[number] for number in ids))
    return elman.LanguageModel, {"data": path}


def copied_text(seed: int, folder: Path) -> Made:
    """Lines of a letter, eleven other ones that follow no rule, and the first one again, several times."""
    generator = np.random.default_rng(seed)
    lines = []
    for _ in range(15_000):
        first = generator.choice(list("abcdefgh"))
        lines.append(first + "".join(generator.choice(list("xy"), size=11)) + 4 * first)
    path = folder / "copies.txt"
    path.write_text("\n".join(lines))
    return elman.LanguageModel, {"data": path}


def labels_by_words(seed: int, folder: Path) -> Made:
    """Texts of two classes, whose words are drawn from one distribution for each class."""
    generator = np.random.default_rng(seed)
    words = np.array([f"w{number}" for number in range(2000)])
    shares = generator.dirichlet(np.full(2000, 0.3), size=2) * 0.15 + generator.dirichlet(np.full(2000, 0.5)) * 0.85
    labels = generator.integers(0, 2, 3000)
    texts = [" ".join(generator.choice(words, size=12, p=shares[label])) for label in labels]
    return elman.Classifier, {"data": (texts, [f"class {label}" for label in labels])}


def exclusive_or(seed: int, folder: Path) -> Made:
    """Texts with or without each of two words; the label says whether exactly one is there."""
    generator = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(4000):
        there = generator.integers(0, 2, 2)
        words = [f"w{number}" for number in generator.integers(0, 30, 8)]
        for word, present in zip(("alpha", "beta"), there, strict=True):
            words.insert(int(generator.integers(0, len(words) + 1)), word if present else f"{word[0]}none")
        texts.append(" ".join(words))
        labels.append("one" if there.sum() == 1 else "other")
    return elman.Classifier, {"data": (texts, labels)}


def autoregressive_series(seed: int, folder: Path) -> Made:
    """A series of a linear model of two lags."""
    generator = np.random.default_rng(seed)
    values = [0.0, 0.0]
    for shock in generator.normal(0.0, 1.0, 1500):
        values.append(1.6 * values[-1] - 0.8 * values[-2] + shock)
    return elman.Forecaster, {"data": np.array(values)}


def threshold_series(seed: int, folder: Path) -> Made:
    """A series of a logistic map with a little noise, which no linear model predicts."""
    generator = np.random.default_rng(seed)
    values = [0.3]
    for shock in generator.normal(0.0, 0.002, 1500):
        values.append(float(np.clip(3.8 * values[-1] * (1.0 - values[-1]) + shock, 0.0, 1.0)))
    return elman.Forecaster, {"data": np.array(values), "horizon": 2}


MADE: dict[str, tuple[Callable[[int, Path], Made], str]] = {
    "trigram text": (trigram_text, "rule"),
    "labels by words": (labels_by_words, "rule"),
    "autoregressive series": (autoregressive_series, "rule"),
    "copied letters": (copied_text, "network"),
    "exclusive or of words": (exclusive_or, "network"),
    "logistic map": (threshold_series, "network"),
}


def fitted(name: str, seed: int, folder: Path) -> Fitted:
    """Return the class, the options and the data of a run."""
    if name in REAL:
        return REAL[name](seed)
    model_class, made = MADE[name][0](seed, folder)
    data = made.pop("data")
    return model_class, made, data if isinstance(data, tuple) else (data,), {}


def measured(name: str, seed: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Train with a budget of so many seconds, and return what the verdict says and how long it took."""
    took: dict[str, float] = {}

    def timed(what: str) -> Callable[[Any], None]:
        method = getattr(Run, what)

        def call(run: Any) -> None:
            begun = time.perf_counter()
            method(run)
            took[what] = time.perf_counter() - begun

        return call

    model_class, options, data, keywords = fitted(name, seed, folder)
    model = model_class(max_seconds=seconds, seed=seed, **options)
    with patch.object(Run, "run", timed("run")), patch.object(Run, "_compare", timed("_compare")):
        model.fit(*data, progress=False, **keywords)
    verdict = model.metrics["verdict"]
    return {
        "data": name,
        "seed": seed,
        "budget": seconds,
        "outcome": verdict["outcome"],
        "network": verdict["network"],
        "best": verdict["best"],
        "rule": verdict["rules"][verdict["best"]],
        "chance": verdict["chance"],
        "overhead": 100 * took["_compare"] / seconds,
        "seconds": took["run"],
        "sampled": verdict.get("fitted_on", {}),
        "left_out": verdict.get("left_out", []),
    }


def shown(row: dict[str, Any]) -> str:
    """Return the line of a row."""
    truth = "" if row["data"] in REAL else MADE[row["data"]][1]
    wrong = truth == "rule" and row["outcome"] == "better"
    missed = truth == "network" and row["outcome"] != "better"
    return (
        f"{row['data']:24} seed {row['seed']}  {row['outcome']:7} network {row['network']:.4f}  "
        f"{row['best']} {row['rule']:.4f}  overhead {row['overhead']:.1f} %  {row['seconds']:.1f} of "
        f"{row['budget']:.0f} s" + "  WRONG" * wrong + "  MISSED" * missed
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--real", action="store_true", help="public data of the other tasks, for the overhead")
    parser.add_argument("--seconds", type=float, nargs="+", default=[30.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*MADE, *REAL])
    parser.add_argument("--rows", type=Path, default=Path("verdicts.jsonl"))
    given = parser.parse_args()
    print(machine())
    rows = [json.loads(line) for line in given.rows.read_text().splitlines()] if given.rows.exists() else []
    done = {(row["data"], row["seed"], row["budget"]) for row in rows}
    for name, seconds, seed in product(given.only or (REAL if given.real else MADE), given.seconds, range(given.seeds)):
        if (name, seed, seconds) in done:
            continue
        rows.append(measured(name, seed, seconds, given.rows.resolve().parent))
        with given.rows.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    for row in rows:
        print(shown(row))


if __name__ == "__main__":
    main()
