"""Classifiers on public data sets: accuracy on test data, compared with a simple baseline from the same run.

usage: python benchmarks/classification.py [--only NAME ...] [--threads N] [--seed N] [--minutes NAME=M ...]

The weights and the options below were selected on validation data.
Names: mnist-rows-tanh, mnist-rows, mnist-pixels, sst2, mr, names, japanese-vowels, gunpoint.

The baselines: the most frequent class; for texts, multinomial naive Bayes over word uni- and bigrams; for series, the
nearest neighbour by Euclidean distance on series stretched to one length.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _common import dataset, machine

QUICK = False

MNIST = "images/mnist/{}-images-idx3-ubyte.gz"


@dataclass(frozen=True)
class Work:
    """One data set with its options and the target accuracy.

    train, test  files; `test` is empty if `split` takes the test part from the same files
    asked        the target accuracy on the test data
    folds        the number of folds of cross-validation, with empty `test`; 0 for none
    minutes      the training budget on two cores; 0 if the options set the budget
    rule         the baseline
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    asked: float
    options: dict[str, Any]
    rule: Callable[[Any, Any], float]
    minutes: float = 0.0
    valid: tuple[str, ...] = ()
    seeds: int = 1
    folds: int = 0
    others: str = ""
    reading: dict[str, Any] = field(default_factory=dict)


def commonest(train: Any, test: Any) -> float:
    """Return the accuracy of the most frequent class in the training data."""
    label = Counter(train.labels).most_common(1)[0][0]
    return float(np.mean([each == label for each in test.labels]))


def naive_bayes(train: Any, test: Any) -> float:
    """Return the accuracy of multinomial naive Bayes over word uni- and bigrams with add-one smoothing."""

    def grams(text: str) -> list[str]:
        words = text.lower().split()
        return words + [f"{one} {two}" for one, two in pairwise(words)]

    classes = sorted(set(train.labels))
    counts = {label: Counter[str]() for label in classes}
    for text, label in zip(train.inputs, train.labels, strict=True):
        counts[label].update(grams(text))
    known = set().union(*counts.values())
    totals = {label: sum(counts[label].values()) + len(known) for label in classes}
    prior = Counter(train.labels)
    right = 0
    for text, label in zip(test.inputs, test.labels, strict=True):
        found = [gram for gram in grams(text) if gram in known]
        scores = {
            each: np.log(prior[each]) + sum(np.log((counts[each][gram] + 1) / totals[each]) for gram in found)
            for each in classes
        }
        right += max(scores, key=scores.__getitem__) == label
    return right / len(test.labels)


def nearest_neighbour(train: Any, test: Any) -> float:
    """Return the accuracy of the nearest training series by Euclidean distance, all stretched to the longest length."""
    steps = max(len(series) for series in train.inputs)

    def stretched(series: Any) -> Any:
        old, new = np.linspace(0, 1, len(series)), np.linspace(0, 1, steps)
        return np.stack([np.interp(new, old, channel) for channel in series.T], axis=1).ravel()

    known = np.stack([stretched(series) for series in train.inputs])
    found = [int(((known - stretched(series)) ** 2).sum(1).argmin()) for series in test.inputs]
    return float(np.mean([train.labels[i] == label for i, label in zip(found, test.labels, strict=True)]))


BAG: dict[str, Any] = {
    "tokenizer": "whitespace", "min_count": 2, "embedding": 50, "hidden_size": 50, "variational": True,
    "input_dropout": 0.5, "embedding_dropout": 0.0, "output_dropout": 0.5, "bag": 2, "bag_start": 0.3,
    "learning_rate": 1e-3, "weight_decay": 0.1, "batch_size": 50, "max_epochs": 4,
}  # fmt: skip
SERIES: dict[str, Any] = {
    "hidden_size": 64, "noise": 0.3, "output_dropout": 0.3, "learning_rate": 3e-3, "weight_decay": 0.01,
    "batch_size": 32, "max_epochs": 60, "standardise": "channels",
}  # fmt: skip
SST2 = tuple(f"classification/sst2/{part}.tsv" for part in ("train", "dev", "test"))
SST2_FORM = {"format": "table", "header": False, "text_column": "1", "label_column": "2"}
TS = "series-classification/{0}/{0}_{1}.ts"

WORKS: dict[str, Work] = {
    "mnist-rows-tanh": Work(
        (MNIST.format("train"),), (MNIST.format("t10k"),), 0.981,
        {"cell": "elman", "hidden_size": 150, "bidirectional": False, "pool": "last", "output_dropout": 0.0,
         "batch_size": 150, "optimizer": "adam", "weight_decay": 0.0, "learning_rate": 1e-3,
         "noise": 0.2, "max_epochs": 30, "split": (0.95, 0.05, 0.0)},
        commonest, others="without noise and with a constant learning rate: 98.09 % after 100 passes",
    ),
    "mnist-rows": Work(
        (MNIST.format("train"),), (MNIST.format("t10k"),), 0.990, {"split": (0.95, 0.05, 0.0)}, commonest, minutes=9.0,
    ),
    "mnist-pixels": Work(
        (MNIST.format("train"),), (MNIST.format("t10k"),), 0.965,
        {"images": "pixels", "cell": "gru", "cell_options": {"memory": 784}, "hidden_size": 128, "bidirectional": False,
         "pool": "last", "output_dropout": 0.0, "batch_size": 64, "learning_rate": 3e-3, "split": (0.95, 0.05, 0.0)},
        commonest, minutes=38.0, others="GRU 96.2, LSTM 87.2 (Bai et al. 2018)",
    ),
    "sst2": Work(
        SST2[:1], SST2[2:], 0.825, BAG, naive_bayes, valid=SST2[1:2], seeds=3, reading=SST2_FORM,
        others="usual RNN 78-83",
    ),
    "mr": Work(
        ("classification/mr",), (), 0.786, {**BAG, "split": (1.0, 0.0, 0.0)}, naive_bayes, folds=10,
        others="LSTM without vectors 76.1",
    ),
    "names": Work(
        ("classification/names",), (), 0.84,
        {"tokens": "characters", "lowercase": False, "embedding": 32, "hidden_size": 128, "pool": "last",
         "variational": True, "input_dropout": 0.2, "embedding_dropout": 0.0, "output_dropout": 0.5,
         "learning_rate": 3e-3, "max_epochs": 10, "bag": 3,
         "split": (0.8, 0.1, 0.1)},
        commonest, seeds=3,
    ),
    "japanese-vowels": Work(
        (TS.format("JapaneseVowels", "TRAIN"),), (TS.format("JapaneseVowels", "TEST"),), 0.975,
        {**SERIES, "split": (1.0, 0.0, 0.0)}, nearest_neighbour, seeds=5,
    ),
    "gunpoint": Work(
        (TS.format("GunPoint", "TRAIN"),), (TS.format("GunPoint", "TEST"),), 0.96,
        {**SERIES, "noise": 0.1, "batch_size": 25, "max_epochs": 300, "split": (1.0, 0.0, 0.0)}, nearest_neighbour,
        seeds=3,
    ),
}  # fmt: skip


def files(names: tuple[str, ...]) -> list[Path]:
    """Return the paths of data sets."""
    return [dataset(name) for name in names]


def run(name: str, threads: int, first_seed: int, minutes: float) -> None:
    """Train, and print the accuracy on the test data, its range over seeds or folds, and the baseline's accuracy."""
    from elman import Classifier
    from elman.data.examples import ExamplesConfig, read_examples, split_rows

    work = WORKS[name]
    budget = {"max_seconds": 60.0 * (minutes or work.minutes)} if minutes or work.minutes else {}
    reading = {**work.reading, **({"images": work.options["images"]} if "images" in work.options else {})}
    form = dataclasses.replace(ExamplesConfig(), **reading)
    train = read_examples(files(work.train), form)
    test = read_examples(files(work.test), form) if work.test else None
    found, seconds = [], []
    if work.folds:
        options = {**work.options, "threads": threads, "device": "cpu", "seed": first_seed}
        rules = []
        for part in np.array_split(np.random.default_rng(first_seed).permutation(len(train)), work.folds):
            kept = train.take(np.setdiff1d(np.arange(len(train)), part))
            last = train.take(part)
            begun = time.perf_counter()
            model = Classifier(**options).fit(kept.inputs, kept.labels, progress=False)
            seconds.append(time.perf_counter() - begun)
            found.append(model.score(last.inputs, last.labels))
            rules.append(work.rule(kept, last))
        rule = float(np.mean(rules))
    for seed in range(first_seed, first_seed + (0 if work.folds else work.seeds)):
        options = {**work.options, **work.reading, **budget, "seed": seed, "threads": threads, "device": "cpu"}
        begun = time.perf_counter()
        model = Classifier(**options).fit(
            files(work.train), valid=files(work.valid) or None, progress=seed == first_seed and bool(budget)
        )
        seconds.append(time.perf_counter() - begun)
        if test is None:
            figures = model.metrics["test"]
            rows, _, last = split_rows(
                train.labels, len(train), work.options["split"], seed=seed, stratify=form.stratify
            )
            rule = work.rule(train.take(rows), train.take(last))
        else:
            figures = model.evaluate(files(work.test))
            rule = work.rule(train, test) if seed == first_seed else rule
        found.append(figures["accuracy"])
    spread = (
        f" ({min(found):.2%} to {max(found):.2%} in {len(found)} {'folds' if work.folds else 'seeds'})"
        if len(found) > 1
        else ""
    )
    accuracy = float(np.mean(found))
    verdict = "reached" if accuracy >= work.asked else "MISSED"
    others = f"; {work.others}" if work.others else ""
    print(
        f"{name:16} {accuracy:.2%}{spread}, target {work.asked:.1%}: {verdict}; "
        f"{work.rule.__name__.replace('_', ' ')} {rule:.2%}{others}; {np.mean(seconds):.0f} s of training",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0.0, help="training budget in minutes")
    arguments = parser.parse_args()
    print(machine())
    for name in arguments.only:
        run(name, arguments.threads, arguments.seed, arguments.minutes)


if __name__ == "__main__":
    main()
