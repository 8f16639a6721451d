"""Word vectors against gensim: words a second, and what the vectors are worth, on the same tokens.

    ./dev bench word_vectors [--work FOLDER] [--data FOLDER] [--rounds 3] [--only speed|quality]

Speed: for skip-gram and CBOW, one pass over the text with two threads by gensim, elman and elman with `fast`, in turns;
the figure is the median of the ratios of a round. Quality: defaults of both, five passes, three seeds: Spearman's rank
correlation with WordSim-353, and the accuracy on questions-words (restricted to the 300,000 commonest words, in upper
case, without questions that have an unknown word). Rows are kept in FOLDER/rows.jsonl; rows that are there are not
measured again. gensim is no dependency: without it only elman is measured.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

TEXT, PAIRS, QUESTIONS = "text/british_fiction", "wordvec/wordsim353.tsv", "wordvec/questions-words.txt"
OBJECTIVES = ("skip-gram", "cbow")
WHO = ("gensim", "elman", "elman-fast")


def main() -> None:
    """Measure what is missing, and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/word_vectors"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=("speed", "quality"))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(json.loads(options.one), options)))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    rows = read_rows(options.work)
    for wanted in cells(options):
        if not any(all(row.get(name) == value for name, value in wanted.items()) for row in rows):
            row = in_own_process(wanted, options)
            rows.append(row)
            with open(options.work / "rows.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    summarise(rows)


def cells(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What is to be measured, with those who are compared next to each other."""
    found = []
    if options.only != "quality":
        found += [
            {"what": "speed", "objective": objective, "round": number, "who": who, "threads": options.threads}
            for number in range(options.rounds)
            for objective in OBJECTIVES
            for who in WHO
        ]
    if options.only != "speed":
        found += [
            {"what": "quality", "objective": objective, "seed": seed, "who": who, "threads": options.threads}
            for seed in range(1, options.seeds + 1)
            for objective in OBJECTIVES
            for who in WHO
        ]
    return found


def read_rows(work: Path) -> list[dict[str, Any]]:
    """The rows that are there."""
    path = work / "rows.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def in_own_process(wanted: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Measure one cell in a process of its own."""
    command = [sys.executable, __file__, "--one", json.dumps(wanted), "--work", str(options.work)]
    done = subprocess.run([*command, "--data", str(options.data)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return {**wanted, "failed": done.stderr.strip().splitlines()[-1][:200] if done.stderr.strip() else "no output"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(wanted: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The row of a cell."""
    epochs = 1 if wanted["what"] == "speed" else 5
    train = by_gensim if wanted["who"] == "gensim" else by_elman
    words, matrix, tokens, seconds = train(wanted, epochs, options)
    row = {**wanted, "words": len(words), "tokens": tokens, "seconds": seconds, "speed": epochs * tokens / seconds}
    if wanted["what"] == "quality":
        from elman.data.word_vectors import WordTable
        from elman.metrics.analogies import evaluate_analogies, read_questions
        from elman.metrics.word_similarity import evaluate_pairs, read_pairs

        table = WordTable(words, matrix)
        pairs = evaluate_pairs(table, read_pairs(options.data / PAIRS))
        analogies = evaluate_analogies(table, read_questions(options.data / QUESTIONS), restrict=300_000)
        row |= {"pairs": pairs.to_json(), "analogies": analogies.to_json()}
    return row


def encoded(options: argparse.Namespace, **more: Any) -> Any:
    """The setup of a run on the whole text, with its tokens: the same for both."""
    from elman.data.sources import Sources
    from elman.tasks.embeddings.config import EmbeddingsConfig
    from elman.tasks.embeddings.setup import EmbeddingsSetup

    config = EmbeddingsConfig.make("base", {"split": (1.0, 0.0, 0.0), **more})
    return EmbeddingsSetup.open(config, Sources([str(options.data / TEXT)]), cache=options.work / "cache")


def by_elman(wanted: dict[str, Any], epochs: int, options: argparse.Namespace) -> tuple[Any, Any, int, float]:
    """Words, vectors, tokens of the text, and seconds of the training of elman."""
    import torch

    setup = encoded(
        options,
        objective=wanted["objective"],
        seed=wanted.get("seed", wanted.get("round", 0)),
        threads=wanted["threads"],
        max_epochs=float(epochs),
        fast=wanted["who"] == "elman-fast",
    )
    torch.set_num_threads(wanted["threads"])
    training = setup.trainer()
    begun = time.perf_counter()
    for _ in training.fit():
        pass
    seconds = time.perf_counter() - begun
    counts = int(setup.words.counts_V.sum())
    return setup.words.words, setup.network.input_vectors.detach().numpy(), counts, seconds


def by_gensim(wanted: dict[str, Any], epochs: int, options: argparse.Namespace) -> tuple[Any, Any, int, float]:
    """The same of gensim, whose vocabulary is made before the time is taken."""
    from gensim.models import Word2Vec

    setup = encoded(options)
    names, tokens = setup.words.words, setup.parts.train
    numbers = setup.words.numbers(tokens.read(0, len(tokens))).tolist()
    sentences: list[list[str]] = [[]]
    for number in numbers:
        if number < 0 or len(sentences[-1]) == 10_000:  # the most that gensim takes of one
            sentences.append([])
        if number >= 0:
            sentences[-1].append(names[number])
    model = Word2Vec(
        vector_size=100,
        sg=int(wanted["objective"] == "skip-gram"),
        workers=wanted["threads"],
        seed=wanted.get("seed", wanted.get("round", 0)),
        min_count=5,
        epochs=epochs,
    )
    model.build_vocab(sentences)
    begun = time.perf_counter()
    model.train(sentences, total_examples=model.corpus_count, epochs=epochs)
    seconds = time.perf_counter() - begun
    return list(model.wv.index_to_key), model.wv.vectors, sum(map(len, sentences)), seconds


def summarise(rows: list[dict[str, Any]]) -> None:
    """Print ratios of speeds, and means over seeds."""
    for objective in OBJECTIVES:
        mine = [row for row in rows if row["objective"] == objective and "failed" not in row]
        speeds = {(row["who"], row["round"]): row["speed"] for row in mine if row["what"] == "speed"}
        for who in WHO:
            own = [speed for (name, _), speed in speeds.items() if name == who]
            ratios = [
                speeds[who, number] / speed
                for (name, number), speed in speeds.items()
                if name == "gensim" and (who, number) in speeds
            ]
            if own:
                ratio = f", {statistics.median(ratios):.2f} x gensim" if ratios else ""
                print(f"{objective:10} {who:11} {statistics.median(own):12,.0f} words/s{ratio}")
            values = [row for row in mine if row["what"] == "quality" and row["who"] == who]
            if values:
                spearman = statistics.fmean(row["pairs"]["spearman"] for row in values)
                accuracy = statistics.fmean(row["analogies"]["accuracy"] for row in values)
                print(
                    f"{objective:10} {who:11} WordSim-353 {spearman:.3f}, analogies {accuracy:.2%}, {len(values)} seeds"
                )


if __name__ == "__main__":
    main()
