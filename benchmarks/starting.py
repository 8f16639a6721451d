"""Training that starts from a trained model, against the same training from nothing: novels, and labelled reviews.

Every training is a row of a file, so that a run that was stopped goes on where it was. Options are chosen on validation
data; the test data is measured for the chosen ones only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _common import dataset, machine

import elman

QUICK = False

COMMON: dict[str, Any] = {"threads": 1, "baseline": False}
NOVEL: dict[str, Any] = {"max_steps": 600, "evaluate_tokens": 50_000}
RATES = (1e-2, 3e-3)
LANGUAGE: dict[str, Any] = {
    "tokens": "words",
    "documents": "lines",
    "min_count": 2,
    "embedding": 200,
    "hidden_size": 200,
    "tied": True,
    "dropout": 0.4,
    "input_dropout": 0.3,
    "variational": True,
    "learning_rate": 4e-3,
    "weight_decay": 0.1,
    "batch_size": 32,
    "bptt": 35,
    "max_seconds": 400.0,
}
# Word vectors of the same texts, all of them; language models with vectors of their own, or with these.
VECTORS: dict[str, Any] = {
    "documents": "lines",
    "punctuation": "keep",
    "min_count": 2,
    "embedding": 200,
    "max_epochs": 20.0,
    "split": (1.0, 0.0, 0.0),
}
SOURCES: dict[str, dict[str, Any]] = {
    "own vectors": {},
    "word vectors": {"tied": False, "freeze_vectors": True},
}
# The network of the language model, for the classifier from nothing.
NETWORK: dict[str, Any] = {"cell": "lstm", "embedding": 200, "hidden_size": 200, "bidirectional": False}
SHORT: dict[str, Any] = {"max_epochs": 15.0, "max_steps": 0, "batch_size": 16, "precision": "float32"}
DROPOUT: dict[str, Any] = {"output_dropout": 0.5, "embedding_dropout": 0.5, "word_dropout": 0.2}
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "default dropout": SHORT,
    "more dropout": {**SHORT, **DROPOUT},
    "more dropout, slower": {**SHORT, **DROPOUT, "learning_rate": 5e-4},
    "more dropout, rates by layer": {**SHORT, **DROPOUT, "layer_decay": 0.4},
    "frozen embedding": {**SHORT, **DROPOUT, "freeze": ("embedding:5",)},
}
SEEDS = range(5)
CHOOSING = range(2)


class Rows:
    """The rows of a file, one for each training that has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def of(self, part: str, train: Callable[..., dict[str, float]], **key: Any) -> dict[str, Any]:
        """Return the row with this key; if there is none, train with it and add one."""
        key = {"part": part, **key}
        for row in self.rows:
            if all(row.get(name) == value for name, value in key.items()):
                return row
        begun = time.perf_counter()
        found = train(**{name: value for name, value in key.items() if name != "part"})
        row = {**key, **found, "seconds": round(time.perf_counter() - begun, 1)}
        self.rows.append(row)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
        return row


def source(folder: Path, text: Path, valid: Sequence[Path] = (), **options: Any) -> Path:
    """Train a language model into a folder, unless it is there."""
    if not (folder / "elman.json").is_file():
        model = elman.LanguageModel(**COMMON, **options)
        model.fit(text, valid=valid, progress=False, tune=False).save(folder)
    return folder


def novels(work: Path, rows: Rows) -> None:
    """A language model of characters of Emma, from nothing and from one of David Copperfield."""
    folder = dataset("text/british_fiction")
    begin = source(
        work / "david", folder / "Dickens_David.txt", hidden_size=256, evaluate_tokens=50_000, max_seconds=420.0
    )

    def train(start: bool, rate: float, seed: int) -> dict[str, float]:
        model = elman.LanguageModel(**COMMON, **NOVEL, learning_rate=rate, seed=seed)
        text = folder / "Austen_Emma.txt"
        model.fit(text, progress=False, tune=False, start_from=begin if start else None)
        return {part: model.metrics[part]["nats_per_char"] for part in ("valid", "test")}

    for start in (False, True):
        tried = {rows.of("novels", train, start=start, rate=rate, seed=0)["valid"]: rate for rate in RATES}
        rate = tried[min(tried)]
        found = [rows.of("novels", train, start=start, rate=rate, seed=seed)["test"] for seed in range(3)]
        report("novels", "nats a character", start, f"learning_rate={rate:g}", found)


def reviews(work: Path, rows: Rows) -> None:
    """A classifier of 500 movie reviews, from nothing and from a language model of the other training texts.

    Language models learn their vectors with the rest, or have those of word vectors of the same texts.
    """
    files = split(work)
    vectors = work / "vectors"
    if not (vectors / "elman.json").is_file():
        elman.Embeddings(**COMMON, **VECTORS).fit(files["texts"], progress=False, tune=False).save(vectors)

    def language(name: str) -> Path:
        borrowed = {"vectors": str(vectors)} if SOURCES[name] else {}
        options = {**LANGUAGE, **SOURCES[name], **borrowed}
        return source(work / name.replace(" ", "_"), files["texts"], [files["held"]], **options)

    def train(start: str, options: str, seed: int, tested: bool) -> dict[str, float]:
        network = {} if start else NETWORK
        model = elman.Classifier(**COMMON, **{**network, **CLASSIFIERS[options]}, seed=seed)
        held = {"valid": files["valid"], **({"test": files["test"]} if tested else {})}
        begin = language(start) if start else None
        model.fit(files[f"train{seed}"], **held, progress=False, tune=False, start_from=begin)
        return {part: model.metrics[part]["accuracy"] for part in held}

    def of(start: str, options: str, seed: int, tested: bool) -> dict[str, Any]:
        return rows.of("reviews", train, start=start, options=options, seed=seed, tested=tested)

    def validated(start: str, options: str) -> float:
        """The mean validation accuracy of a start and of nothing, which have the same options."""
        return statistics.mean(of(each, options, seed, False)["valid"] for each in ("", start) for seed in CHOOSING)

    start, best = max(itertools.product(SOURCES, CLASSIFIERS), key=lambda pair: validated(*pair))
    for each in ("", start):
        report("reviews", "accuracy", each, best, [of(each, best, seed, True)["test"] for seed in SEEDS])


def split(work: Path) -> dict[str, Path]:
    """Write 2,000 reviews for the test, 500 for validation, five draws of 500 from the others, and these as texts."""
    folder = dataset("classification/mr")
    labelled = [
        (line.strip(), label)
        for label in ("neg", "pos")
        for line in (folder / f"rt-polarity.{label}").read_text("utf-8").splitlines()
        if line.strip()
    ]
    labelled = list(dict.fromkeys(labelled))
    random.Random(0).shuffle(labelled)
    test, valid, pool = labelled[:2000], labelled[2000:2500], labelled[2500:]
    parts = {"test": test, "valid": valid, **{f"train{seed}": random.Random(seed).sample(pool, 500) for seed in SEEDS}}
    texts = {name: "".join(f"{label}\t{text}\n" for text, label in part) for name, part in parts.items()}
    texts |= {
        name: "".join(f"{text}\n" for text, _ in part) for name, part in (("held", pool[:300]), ("texts", pool[300:]))
    }
    for name, text in texts.items():
        (work / f"{name}.txt").write_text(text, "utf-8")
    return {name: work / f"{name}.txt" for name in texts}


def report(part: str, unit: str, start: str | bool, options: str, values: list[float]) -> None:
    """Print the mean and the range of a figure over seeds."""
    how = "from nothing" if not start else f"started ({start})" if isinstance(start, str) else "started"
    each = ", ".join(f"{value:.4f}" for value in values)
    print(f"{part}, {how} ({options}): test {statistics.mean(values):.4f} {unit} ({each})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("novels", "reviews"))
    parser.add_argument("--work", type=Path, required=True, help="folder of the rows, the texts and the sources")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(machine())
    {"novels": novels, "reviews": reviews}[arguments.part](arguments.work, Rows(arguments.work / "rows.jsonl"))


if __name__ == "__main__":
    main()
