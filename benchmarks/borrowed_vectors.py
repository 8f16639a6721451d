"""Vectors learnt from novels, borrowed by a classifier of 500 movie reviews, against vectors of its own.

usage: python benchmarks/borrowed_vectors.py FILE --work W [--seeds 5]

FILE has vectors, such as those that gensim learns from the novels of shared/data (`--learn` writes it, with gensim
installed). Every training is a row of a file, so that a run that was stopped goes on where it was. Options are chosen
on validation data; the test data is measured for the chosen ones only.
"""

from __future__ import annotations

import argparse
import re
import statistics
from pathlib import Path
from typing import Any

from _common import dataset, machine
from starting import DROPOUT, SHORT, Rows, split

import elman

COMMON: dict[str, Any] = {"threads": 1, "baseline": False, "cell": "lstm", "hidden_size": 200, "bidirectional": False}
WAYS: dict[str, dict[str, Any]] = {
    "own": {"embedding": 100},
    "tuned": {},
    "frozen 2 epochs": {"freeze_vectors_until": 2.0},
    "frozen": {"freeze_vectors": True},
    "frozen, with the file's words": {"freeze_vectors": True, "vectors_words": 1_000_000},
}
RATES = (2e-3, 5e-4)
CHOOSING = range(3)


def learn(path: Path) -> None:
    """Write vectors of 100 numbers, learnt from the novels by gensim's skip-gram with one worker, to a file."""
    from gensim.models import Word2Vec

    sentences = [
        words
        for file in sorted(dataset("text/british_fiction").glob("*.txt"))
        for sentence in re.split(r"(?<=[.!?])\s", file.read_text("utf-8").lower())
        if (words := re.findall(r"\w+(?:'\w+)*|[^\w\s]", sentence))
    ]
    Word2Vec(sentences, vector_size=100, sg=1, workers=1, seed=1).wv.save_word2vec_format(str(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vectors", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of the rows and the texts")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--learn", action="store_true", help="learn the vectors first")
    arguments = parser.parse_args()
    if arguments.learn:
        learn(arguments.vectors)
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(machine())
    files, rows = split(arguments.work), Rows(arguments.work / "vectors.jsonl")

    def train(way: str, rate: float, seed: int, tested: bool) -> dict[str, float]:
        vectors = {} if way == "own" else {"vectors": str(arguments.vectors)}
        model = elman.Classifier(
            **{**COMMON, **SHORT, **DROPOUT, **WAYS[way], **vectors}, learning_rate=rate, seed=seed
        )
        held = {"valid": files["valid"], **({"test": files["test"]} if tested else {})}
        model.fit(files[f"train{seed}"], **held, progress=False, tune=False)
        return {part: model.metrics[part]["accuracy"] for part in held}

    for way in WAYS:
        tried = {
            rate: [rows.of("vectors", train, way=way, rate=rate, seed=seed, tested=False)["valid"] for seed in CHOOSING]
            for rate in RATES
        }
        rate = max(tried, key=lambda rate: statistics.mean(tried[rate]))
        found = [
            rows.of("vectors", train, way=way, rate=rate, seed=seed, tested=True) for seed in range(arguments.seeds)
        ]
        for part in ("valid", "test"):
            values = [row[part] for row in found]
            each = ", ".join(f"{value:.4f}" for value in values)
            print(f"{way}, learning_rate={rate:g}: {part} accuracy {statistics.mean(values):.4f} ({each})", flush=True)


if __name__ == "__main__":
    main()
