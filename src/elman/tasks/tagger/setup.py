"""A tagger's run: the likelihood of tags and sentence labels, figures of held-out data, and what a run is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import Ints, Shuffled, in_order
from elman.data.parts import Parts, hold_out, read_parts
from elman.data.sources import Sources
from elman.data.tagged import Tagged, read_part
from elman.data.tagged.encoded import Encoded
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.data.tokens import Progress
from elman.errors import ArtifactError
from elman.metrics.tagging import figures_of
from elman.nn.tags import Answer, Scores, batch_loss, decode
from elman.tasks.setup import Setup
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.network import TaggerNetwork
from elman.types import Batch, State

__all__ = ["TagLikelihood", "TaggerSetup", "answers", "make_parts", "measure"]

# Rows and, padding included, steps of a batch of an evaluation.
_ROWS, _STEPS = 64, 8192


class TagLikelihood:
    """Negative log-likelihood of the tags, and of the sentence labels times their weight, by step.

    Args:
        model: the network.
        vocabulary: the names of the answers.
        held_out: the sequences of the evaluation; None when nothing is held out.
    """

    def __init__(self, model: TaggerNetwork, vocabulary: TaggerVocabulary, held_out: Encoded | None = None) -> None:
        self.model = model
        self.vocabulary = vocabulary
        self.held_out = held_out

    def initial_state(self, batch_size: int) -> State:
        """None: no state is carried from sequence to sequence."""
        del batch_size
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the counted steps, their number, and the empty state."""
        scores = self.model(batch.inputs_BT, batch.lengths_B)
        total, count = batch_loss(scores, batch, self.model.crf, self.model.config.intent_weight)
        return total, count, state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Loss, accuracy, span F1 where the tags tell of spans, and those of sentence labels; empty without data."""
        if self.held_out is None:
            return {}
        figures, _ = measure(self.model, self.vocabulary, self.held_out, limit)
        judged = [figures[name] for name in ("f1", "intent_accuracy") if name in figures]
        if "f1" not in figures:
            judged.append(figures["accuracy"])
        return {**figures, "selection": 1.0 - sum(judged) / len(judged)}


def measure(
    model: TaggerNetwork,
    vocabulary: TaggerVocabulary,
    data: Encoded,
    limit: int = 0,
    *,
    progress: Progress | None = None,
) -> tuple[dict[str, float], list[Answer]]:
    """Figures on `data`, and the answers they are of; with `limit`, of sequences at even distances, of at most about
    so many steps in all (0: all)."""
    rows = data.some(limit)
    nats, steps = 0.0, 0
    found: dict[int, Answer] = {}
    for part, scores, batch in _scored(model, data, rows, progress):
        total, counted = batch_loss(scores, batch, model.crf, model.config.intent_weight)
        nats, steps = nats + float(total), steps + counted
        found.update(zip(part.tolist(), decode(scores, batch.lengths_B, model.crf), strict=True))
    given = [found[row] for row in rows.tolist()]
    figures = figures_of(
        data.data.take(rows.tolist()),
        [[vocabulary.tags[tag] for tag in answer.tags] for answer in given],
        [vocabulary.intents[answer.intent] for answer in given] if vocabulary.intents else None,
        spans=vocabulary.scheme is not None,
    )
    return {"loss": nats / max(steps, 1), **figures}, given


def answers(model: TaggerNetwork, data: Encoded, *, progress: Progress | None = None) -> list[Answer]:
    """The likeliest tags of every sequence, in order."""
    found: dict[int, Answer] = {}
    for part, scores, batch in _scored(model, data, np.arange(len(data)), progress):
        found.update(zip(part.tolist(), decode(scores, batch.lengths_B, model.crf), strict=True))
    return [found[row] for row in range(len(data))]


def _scored(
    model: TaggerNetwork, data: Encoded, rows: Ints, progress: Progress | None
) -> Iterator[tuple[Ints, Scores, Batch]]:
    """Every batch of `rows`, with their numbers and the network's scores. `progress` is called with "tagging" and the
    share that is done."""
    done = 0
    with torch.no_grad():
        for part, batch in in_order(data.lengths, data.batch, batch_size=_ROWS, steps=_STEPS, rows=rows):
            yield part, model(batch.inputs_BT, batch.lengths_B), batch
            done += len(part)
            if progress is not None:
                progress("tagging", done / len(rows))


def make_parts(
    train: Tagged, config: TaggerConfig, *, valid: Tagged | None = None, test: Tagged | None = None
) -> Parts[Tagged]:
    """The parts; without `valid`, a random share of `train` becomes it. Raises DataError where too few sequences are
    left."""
    if valid is None:
        train, valid = hold_out(train, config.data.held_out, config.training.seed, "sequences")
    return Parts(train, valid, test)


class TaggerSetup(Setup[TaggerConfig, TaggerNetwork, Parts[Tagged], TaggerVocabulary]):
    """A run of a tagger."""

    task = "tagger"
    config_class = TaggerConfig
    vocabulary_class = TaggerVocabulary

    @classmethod
    def read(
        cls,
        config: TaggerConfig,
        sources: Sources,
        *,
        vocabulary: TaggerVocabulary | None = None,
        progress: Progress | None = None,
    ) -> Parts[Tagged]:
        """The sequences in the files."""
        del vocabulary
        train, valid, test = read_parts(sources, lambda paths: read_part(paths, config.data), "sequence", progress)
        return make_parts(train, config, valid=valid, test=test)

    @staticmethod
    def make_network(config: TaggerConfig, vocabulary: TaggerVocabulary) -> TaggerNetwork:
        """A network that reads the vocabulary's words or frames and scores its tags."""
        return TaggerNetwork(vocabulary, config.network)

    @classmethod
    def make_smallest_network(cls, config: TaggerConfig) -> TaggerNetwork:
        """A network of one word and two tags."""
        smallest = TaggerVocabulary.smallest(intent=config.network.intent)
        return TaggerNetwork(smallest, config.network)

    @classmethod
    def check_folder(cls, config: TaggerConfig, vocabulary: TaggerVocabulary, where: str) -> None:
        """Raise ArtifactError where there are sentence labels without `intent`, or the other way."""
        if config.network.intent != bool(vocabulary.intents):
            raise ArtifactError(f"{where}: expected sentence labels where intent is true. Received: the contrary")

    def learn_vocabulary(self) -> TaggerVocabulary:
        """The words, letters, tags and sentence labels of the training part."""
        return TaggerVocabulary.learn(self.parts.train, self.config.data, intent=self.config.network.intent)

    def encode(self) -> None:
        """The words, tags and labels of all parts as numbers."""
        parts = self.parts
        for part in (parts.valid, parts.test):
            if part is not None:
                part.check_labels(intents=self.config.network.intent)
        self._train = Encoded(parts.train, self.vocabulary)
        self._valid = None if parts.valid is None else Encoded(parts.valid, self.vocabulary)
        self._test = None if parts.test is None else Encoded(parts.test, self.vocabulary)

    def make_run_network(self) -> TaggerNetwork:
        """A network that knows how often each word occurs, for word dropout."""
        counts_V = self._train.word_counts(len(self.vocabulary.words) + 1)
        return TaggerNetwork(self.vocabulary, self.config.network, counts_V)

    def start_network(self) -> None:
        """Standardise frames by the training part."""
        frames = self.parts.train.frames
        if frames is not None and self.config.data.standardise:
            self.network.standardise(frames)

    def stream(self) -> Shuffled:
        """Shuffled sequences."""
        train, batch_size = self._train, self.config.network.batch_size
        return Shuffled(train.lengths, train.batch, batch_size=batch_size, seed=self.training_config.seed)

    def objective(self) -> TagLikelihood:
        """The likelihood of the tags and sentence labels."""
        return TagLikelihood(self.network, self.vocabulary, self._valid)

    @property
    def holds_out(self) -> bool:
        """Whether there are sequences for validation."""
        return self._valid is not None

    @property
    def unit(self) -> str:
        """What has a tag."""
        return "frame" if self.vocabulary.features else "word"

    def test(self, limit: int) -> dict[str, float]:
        """Figures of the test part, all of it."""
        del limit
        return {} if self._test is None else measure(self.network, self.vocabulary, self._test)[0]

    def describe(self, figures: Mapping[str, float]) -> str:
        """Figures of an evaluation, in a line for people."""
        shown = [f"accuracy {figures['accuracy']:.2%}"]
        if "f1" in figures:
            shown.append(f"span F1 {figures['f1']:.2%}")
        if "intent_accuracy" in figures:
            shown.append(f"intent accuracy {figures['intent_accuracy']:.2%}")
        return ", ".join([*shown, f"loss {figures['loss']:.4f}"])

    def data_fingerprint(self) -> str:
        """A digest of all sequences, tags and labels."""
        return self.parts.fingerprint()

    def data_facts(self) -> dict[str, Any]:
        """Files, and how many sequences and steps each part has."""
        counts: dict[str, int] = {}
        for name, part in self.parts.named():
            counts[f"{name}_sequences"] = 0 if part is None else len(part)
            counts[f"{name}_steps"] = 0 if part is None else int(part.lengths.sum())
        return {
            "files": [] if self.sources is None else self.sources.names(),
            "kind": "series" if self.vocabulary.features else "text",
            **counts,
        }

    def outline(self) -> list[tuple[str, str]]:
        """The parts, the input and the answers."""
        facts = self.data
        return [
            *(
                (name, f"{facts[f'{name}_sequences']:,} sequences, {facts[f'{name}_steps']:,} {self.unit}s")
                for name, _ in self.parts.named()
            ),
            ("input", self.vocabulary.input_summary()),
            ("answer", self.vocabulary.answer_summary()),
        ]

    def summary(self) -> str:
        """The network and the data, in a line."""
        network = self.config.network
        layers = f"{network.layers}x{network.hidden}" + (" both ways" * network.bidirectional)
        return (
            f"{network.cell} {layers}, {self.network.count_parameters():,} weights; "
            f"{self.data['train_steps']:,} {self.unit}s to train on, "
            f"{self.vocabulary.answer_summary()}"
        )
