"""The tagger on two public sets: UD English-EWT (part-of-speech tags) and SNIPS (slots and intents).

Weights are selected on the validation part; the test part is measured once, at the end. The baseline gives each word
its most frequent tag.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from _common import dataset, machine, row

QUICK = False


class Task(NamedTuple):
    """The three parts of a data set, its options, and the target metrics."""

    parts: tuple[str, str, str]
    options: Mapping[str, Any]
    seconds: float
    wanted: Mapping[str, float]


TASKS = {
    "ewt": Task(
        tuple(f"tagging/ud-english-ewt/en_ewt-ud-{part}.conllu" for part in ("train", "dev", "test")),
        {},
        1400.0,
        {"accuracy": 0.945},
    ),
    "snips": Task(
        tuple(f"tagging/snips/{part}" for part in ("train", "valid", "test")),
        {"preset": "spans", "intent": True, "intent_pool": "attention-max"},
        900.0,
        {"f1": 0.922, "intent_accuracy": 0.977},
    ),
}


def most_frequent(train: Any, test: Any, scheme: str | None) -> dict[str, float]:
    """Return the metrics of the most frequent tag of each word and the most frequent label in the training part."""
    from elman.metrics.tagging import figures_of

    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in zip(train.words, train.tags, strict=True):
        for word, tag in zip(words, tags, strict=True):
            counts[word][tag] += 1
    # An unknown word gets the most frequent tag of words that occur once.
    rare = Counter(next(iter(each)) for each in counts.values() if each.total() == 1)
    best = {word: each.most_common(1)[0][0] for word, each in counts.items()}
    given = [[best.get(word, rare.most_common(1)[0][0]) for word in words] for words in test.words]
    labels = None if train.intents is None else [Counter(train.intents).most_common(1)[0][0]] * len(test)
    return figures_of(test, given, labels, spans=scheme is not None)


def run(name: str, task: Task, seconds: float, given: dict[str, Any]) -> list[str]:
    """Train, evaluate, and return rows of the table."""
    import elman

    train, valid, test = (dataset(part) for part in task.parts)
    budget = {} if {"max_steps", "max_epochs"} & given.keys() else {"max_seconds": seconds}
    begun, used = time.perf_counter(), time.process_time()
    tagger = elman.Tagger(**{**task.options, **budget, **given}).fit(train, valid=valid)
    wall, cpu = time.perf_counter() - begun, time.process_time() - used
    figures = tagger.evaluate(test)
    parts = [tagger.read(part) for part in (train, test)]
    simple = most_frequent(*parts, tagger.vocabulary.scheme)
    print(
        f"{name}: {tagger!r}, {tagger.training['steps']:,} steps in {wall:.0f} s ({cpu:.0f} s of processor time), "
        f"validation { ({each: round(tagger.metrics['valid'][each], 4) for each in task.wanted}) }",
        flush=True,
    )
    return [
        row(f"{name}, {each.replace('_', ' ')}", f"{figures[each]:.2%}", f"{wanted:.1%}", f"{simple[each]:.2%}")
        for each, wanted in task.wanted.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(TASKS), help="only this data set")
    parser.add_argument("--seconds", type=float, help="training budget in seconds, instead of each data set's")
    parser.add_argument("--epochs", type=float, help="passes over the data, instead of seconds")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(machine(), flush=True)
    given: dict[str, Any] = {"threads": arguments.threads, "seed": arguments.seed}
    if arguments.epochs:
        given["max_epochs"] = arguments.epochs
    rows = []
    for name, task in TASKS.items():
        if arguments.only in (None, name):
            rows += run(name, task, arguments.seconds or task.seconds, given)
    print(row("test part", "elman", "target", "most frequent"))
    print(row(*["---"] * 4))
    print("\n".join(rows))


if __name__ == "__main__":
    main()
