"""The lesson on patent abstracts: the next word, on parts that share no document, and on the lesson's own parts.

usage: python benchmarks/patents.py PART --work W [--seconds 600] [--vectors FILE]

The text is 3,522 abstracts of patents on neural networks, of which a tenth are copies of others. Words are those of the
lesson (https://github.com/WillKoehrsen/recurrent-neural-networks): lower case, without punctuation.

documents  Copies are left out, and 90 % of the documents are for training, 5 % for choosing, 5 % for the test, through
           `text_column` of a table. Every word of a test document is predicted.
lesson     The lesson cuts every abstract of more than 70 words into all windows of 50 words, and holds out 30 % of the
           windows at random. THESE PARTS LEAK: the words of a held-out window are also in windows of the training part,
           one place further on, and copies are in both. Its best network has 26.88 % accuracy and 4.59 nats. Here the
           same words are held out as targets: a network reads the documents and learns from 70 % of the words after the
           50th; a third of the held-out words chooses the weights, the others are the test. It is then measured as the
           lesson does it: the 50 words before a target are all that it reads.

Every training is a row of a file, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _common import dataset, machine
from starting import Rows

import elman
from elman.data import learn_vocabulary
from elman.decode.evaluation_mode import evaluation_mode
from elman.metrics.likelihood import measure
from elman.nn.sampled_losses import Noise
from elman.state import IGNORE_INDEX, Batch
from elman.tasks.language_model.config import LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.setup import NextTokenObjective
from elman.train import EvaluationEvent, TrainConfig
from elman.train.loop import Training
from elman.train.machine import resolve_auto

WINDOW, LONGER = 50, 70
FILTER = re.compile(r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n]""")
WORDS: dict[str, Any] = {"tokens": "words", "tokenizer": "whitespace", "min_count": 1}
# Training is on samples of the vocabulary, which takes a third of the time; figures are of all of it.
NETWORK: dict[str, Any] = {
    "embedding": 200,
    "embedding_range": 0.1,
    "hidden_size": 200,
    "tied": True,
    "variational": True,
    "head": "sampled",
    "noise_samples": 1024,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "less dropout": {**NETWORK, "dropout": 0.2, "input_dropout": 0.1},
    "more dropout": {**NETWORK, "dropout": 0.4, "input_dropout": 0.3},
    "vectors": {**NETWORK, "dropout": 0.4, "input_dropout": 0.3, "freeze_vectors_until": 2.0},
}
TRAINING: dict[str, Any] = {"learning_rate": 1e-2, "weight_decay": 0.1, "threads": 1}
# Documents on which the lesson's parts are evaluated during training, and windows that are measured at the end.
EVALUATED, MEASURED = 160, 10_000


def abstracts() -> list[str]:
    """Return the abstracts as words with spaces between them, as the lesson makes them."""
    path = dataset("patents/neural_network_patent_query.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [" ".join(FILTER.sub(" ", row["patent_abstract"].lower()).split()) for row in rows]


def by_document(work: Path, settings: list[str], seconds: float, vectors: str, rows: Rows) -> None:
    """Train on 90 % of the documents, choose by 5 %, and test on 5 %."""
    texts = list(dict.fromkeys(abstracts()))
    random.Random(0).shuffle(texts)
    cuts = [0, int(0.9 * len(texts)), int(0.95 * len(texts)), len(texts)]
    files = {}
    for name, begin, end in zip(("train", "valid", "test"), cuts, cuts[1:], strict=False):
        files[name] = work / f"{name}.csv"
        with files[name].open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["abstract"], *([text] for text in texts[begin:end])])

    def train(setting: str, seconds: float, seed: int) -> dict[str, float]:
        own = {"vectors": vectors} if setting == "vectors" else {}
        options = {**TRAINING, **WORDS, **SETTINGS[setting], **own, "batch_size": 32, "bptt": WINDOW}
        model = elman.LanguageModel(text_column="abstract", **options, max_seconds=seconds, seed=seed)
        model.fit(files["train"], valid=files["valid"], test=files["test"], tune=False)
        model.save(work / f"documents {setting}")
        kept = ("loss", "perplexity", "perplexity_known", "unknown_share", "accuracy")
        figures = {f"{part} {name}": model.metrics[part][name] for part in ("valid", "test") for name in kept}
        return figures | {"verdict": model.metrics.get("verdict", {}).get("sentence", "")}

    found = [rows.of("documents", train, setting=name, seconds=seconds, seed=0) for name in settings]
    best = min(found, key=lambda row: row["valid loss"])
    print(
        f"documents, {best['setting']}: test {best['test accuracy']:.2%}, {best['test loss']:.3f} nats, perplexity "
        f"{best['test perplexity']:.1f} ({best['test perplexity_known']:.1f} without the "
        f"{best['test unknown_share']:.2%} of unknown words). {best['verdict']}"
    )


class Documents:
    """Documents with targets, in batches of whole documents in a new order in each epoch.

    ids      the token ids of each document, after an end token
    targets  the same, with IGNORE_INDEX for words that are no targets
    """

    def __init__(self, ids: list[np.ndarray], targets: list[np.ndarray], rows: int, seed: int) -> None:
        self.ids, self.targets, self.rows = ids, targets, rows
        self._draw = np.random.default_rng(seed)
        self._order: list[list[int]] = []
        self._batches = 0

    @property
    def epoch(self) -> float:
        """Passes over the documents."""
        return self._batches * self.rows / len(self.ids)

    def next_batch(self) -> Batch:
        """Return documents of similar length; the batches of an epoch are in a random order."""
        if not self._order:
            rows = self._draw.permutation(len(self.ids))[: len(self.ids) // self.rows * self.rows]
            # Documents are sorted within pools, so that batches are others in each epoch and have little padding.
            pools = [sorted(pool, key=lambda row: len(self.ids[row])) for pool in np.array_split(rows, 10)]
            batches = np.concatenate(pools).reshape(-1, self.rows)
            self._order = self._draw.permutation(batches).tolist()
        self._batches += 1
        return self.batch(self._order.pop())

    def batch(self, chosen: list[int]) -> Batch:
        """Return these documents as a padded batch."""
        lengths = [len(self.ids[row]) for row in chosen]
        inputs_BT = torch.zeros(len(chosen), max(lengths), dtype=torch.int64)
        targets_BT = torch.full_like(inputs_BT, IGNORE_INDEX)
        for place, row in enumerate(chosen):
            inputs_BT[place, 1 : lengths[place]] = torch.from_numpy(self.ids[row][:-1])
            inputs_BT[place, 0] = 1  # the end token, with which a document begins
            targets_BT[place, : lengths[place]] = torch.from_numpy(self.targets[row])
        return Batch(inputs_BT, targets_BT, torch.tensor(lengths), torch.ones(len(chosen), dtype=torch.bool))

    def whole(self) -> Iterator[Batch]:
        """Yield all documents."""
        for begin in range(0, len(self.ids) - self.rows + 1, self.rows):
            yield self.batch(list(range(begin, begin + self.rows)))

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: a run is not resumed."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing."""


def as_in_the_lesson(settings: list[str], seconds: float, rows: Rows) -> None:
    """Hold out 30 % of the words after the 50th as targets, as the lesson does."""
    texts = [text for text in abstracts() if len(text.split()) > LONGER]
    vocabulary = learn_vocabulary({"kind": "words", "tokenizer": "whitespace"}, texts)
    ids = vocabulary.encode_many(texts)
    draw = np.random.default_rng(0)
    # 0 for training, 1 for choosing, 2 for the test, 3 for the first 50 words, which the lesson only reads.
    parts = [np.where(np.arange(len(each)) < WINDOW, 3, draw.choice(3, len(each), p=(0.7, 0.1, 0.2))) for each in ids]

    def targets(*wanted: int) -> list[np.ndarray]:
        return [np.where(np.isin(part, wanted), each, IGNORE_INDEX) for part, each in zip(parts, ids, strict=True)]

    counts_V = np.bincount(np.concatenate(ids), minlength=vocabulary.size)

    def train(setting: str, seconds: float, seed: int) -> dict[str, float]:
        torch.manual_seed(seed)
        own = LanguageModelNetworkConfig(**SETTINGS[setting])
        network = LanguageModelNetwork(vocabulary.size, own)
        network.noise = Noise.of(own.noise, counts_V, own.noise_samples, own.noise_power)
        held = Documents(ids[:EVALUATED], targets(1)[:EVALUATED], 16, seed)
        objective = NextTokenObjective(network, lambda limit: (held.whole(), 0))
        limits = {"max_seconds": seconds, "evaluate_every": 150}
        config = resolve_auto(TrainConfig(**{**TRAINING, **limits, "seed": seed}))
        torch.set_num_threads(1)
        best: dict[str, torch.Tensor] = {}
        for event in Training(objective, Documents(ids, targets(0), 16, seed), config).fit():
            if isinstance(event, EvaluationEvent):
                print(
                    f"step {event.step}: {event.metrics['loss']:.4f} nats, {event.metrics['accuracy']:.2%}", flush=True
                )
                if event.best:
                    best = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(best)
        with evaluation_mode(network):
            whole = measure(network, Documents(ids[:EVALUATED], targets(2)[:EVALUATED], 16, seed).whole()).metrics()
            return {
                "chosen by": objective.evaluate()["loss"],
                **{f"whole {name}": whole[name] for name in ("loss", "accuracy")},
                **windows(network, ids, parts),
            }

    found = [rows.of("lesson", train, setting=name, seconds=seconds, seed=0) for name in settings]
    best = min(found, key=lambda row: row["chosen by"])
    print(
        f"lesson's parts, which leak, {best['setting']}: {best['window accuracy']:.2%}, {best['window loss']:.3f} nats "
        f"from 50 words (goal: above 26.88 %, below 4.59); {best['whole accuracy']:.2%}, {best['whole loss']:.3f} from "
        "the whole document before the word"
    )


def windows(network: LanguageModelNetwork, ids: list[np.ndarray], parts: list[np.ndarray]) -> dict[str, float]:
    """Return loss and accuracy of the test words, each from the 50 words before it."""
    begins = [(row, place) for row, part in enumerate(parts) for place in np.flatnonzero(part == 2).tolist()]
    begins = random.Random(0).sample(begins, MEASURED)
    nats, right = 0.0, 0
    with torch.no_grad():
        for first in range(0, len(begins), 512):
            group = begins[first : first + 512]
            read_BT = torch.from_numpy(np.stack([ids[row][place - WINDOW : place] for row, place in group]))
            wanted_B = torch.tensor([int(ids[row][place]) for row, place in group])
            state = network.initial_state(len(group))
            y_BTH, _ = network.stack(network.embed.lookup(read_BT), None, state)
            logits_BV = network.head(y_BTH[:, -1]).float()
            nats += float(F.cross_entropy(logits_BV, wanted_B, reduction="sum"))
            right += int((logits_BV.argmax(-1) == wanted_B).sum())
    loss = nats / len(begins)
    return {
        "window loss": loss,
        "window accuracy": right / len(begins),
        "window perplexity": math.exp(loss),
        "windows": len(begins),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("documents", "lesson"))
    parser.add_argument("--work", type=Path, required=True, help="folder of the rows, the tables and the models")
    parser.add_argument("--seconds", type=float, default=600.0, help="seconds of each training")
    parser.add_argument("--vectors", default="", help="documents: a file of 200 numbers a word, as a third setting")
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), help="the settings that are tried")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(machine())
    rows = Rows(arguments.work / "patents.jsonl")
    chosen = [name for name in arguments.settings if name != "vectors" or arguments.vectors]
    if arguments.part == "documents":
        by_document(arguments.work, chosen, arguments.seconds, arguments.vectors, rows)
    else:
        as_in_the_lesson([name for name in chosen if name != "vectors"], arguments.seconds, rows)


if __name__ == "__main__":
    main()
