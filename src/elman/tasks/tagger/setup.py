"""A tagger's run: the likelihood of tags and sentence labels, figures of held-out data, and what a run is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import Ints, in_order
from elman.data.parts import Parts
from elman.data.tagged import Tagged, read_part
from elman.data.tagged.encoded import Encoded
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.data.tokens import Progress
from elman.errors import ArtifactError
from elman.metrics.tagging import figures_of
from elman.nn.tags import Answer, Scores, batch_loss, decode
from elman.tasks.sequence_setup import SequenceObjective, SequenceSetup
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.network import TaggerNetwork
from elman.types import Batch, State

__all__ = ["TagLikelihood", "TaggerSetup", "answers", "measure"]

# Rows and, padding included, steps of a batch of an evaluation.
_ROWS, _STEPS = 64, 8192


@dataclass(eq=False)
class TagLikelihood(SequenceObjective[Encoded]):
    """Negative log-likelihood of the tags, and of the sentence labels times their weight, by step.

    model       the network
    vocabulary  the names of the answers
    held_out    the sequences of the evaluation; None when nothing is held out
    """

    model: TaggerNetwork
    vocabulary: TaggerVocabulary
    held_out: Encoded | None = None

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the counted steps, their number, and the empty state."""
        scores = self.model(batch.inputs_BT, batch.lengths_B)
        total, count = batch_loss(scores, batch, self.model.crf, self.model.config.intent_weight)
        return total, count, state

    def measured(self, held_out: Encoded, limit: int) -> dict[str, float]:
        """Loss, accuracy, span F1 where the tags are of spans, and those of sentence labels."""
        figures, _ = measure(self.model, self.vocabulary, held_out, limit)
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


class TaggerSetup(SequenceSetup[TaggerConfig, TaggerNetwork, Parts[Tagged], TaggerVocabulary, Encoded]):
    """A run of a tagger."""

    task = "tagger"
    config_class = TaggerConfig
    vocabulary_class = TaggerVocabulary

    @classmethod
    def read_part(cls, paths: Sequence[Any], config: TaggerConfig, progress: Progress | None = None) -> Tagged:
        """The sequences in the files."""
        return read_part(paths, config.data)

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
        for part in (self.parts.valid, self.parts.test):
            if part is not None:
                part.check_labels(intents=self.config.network.intent)
        super().encode()

    def encode_part(self, part: Tagged, *, training: bool = False) -> Encoded:
        """A part as numbers."""
        return Encoded(part, self.vocabulary)

    def make_run_network(self) -> TaggerNetwork:
        """A network that knows how often each word occurs, for word dropout."""
        counts_V = self._train.word_counts(len(self.vocabulary.words) + 1)
        return TaggerNetwork(self.vocabulary, self.config.network, counts_V)

    def start_network(self) -> None:
        """Standardise frames by the training part."""
        frames = self.parts.train.frames
        if frames is not None and self.config.data.standardise:
            self.network.standardise(frames)

    def objective(self) -> TagLikelihood:
        """The likelihood of the tags and sentence labels."""
        return TagLikelihood(self.network, self.vocabulary, self._valid)

    @property
    def unit(self) -> str:
        """What has a tag."""
        return "frame" if self.vocabulary.features else "word"

    def describe(self, figures: Mapping[str, float]) -> str:
        """Figures of an evaluation, in a line for people."""
        shown = [f"accuracy {figures['accuracy']:.2%}"]
        if "f1" in figures:
            shown.append(f"span F1 {figures['f1']:.2%}")
        if "intent_accuracy" in figures:
            shown.append(f"intent accuracy {figures['intent_accuracy']:.2%}")
        return ", ".join([*shown, f"loss {figures['loss']:.4f}"])

    def data_facts(self) -> dict[str, Any]:
        """How many sequences and steps each part has."""
        sizes = self.part_sizes(sequences=len, steps=lambda part: part.lengths.sum())
        return {"kind": "series" if self.vocabulary.features else "text", **sizes}

    def outline(self) -> list[tuple[str, str]]:
        """The parts, the input and the answers."""
        return [
            *self.part_rows(sequences="sequences", steps=f"{self.unit}s"),
            ("input", self.vocabulary.input_summary()),
            ("answer", self.vocabulary.answer_summary()),
        ]

    def summary(self) -> str:
        """The network and the data, in a line."""
        steps = f"{self.data['train_steps']:,} {self.unit}s to train on"
        return f"{self.network_summary}; {steps}, {self.vocabulary.answer_summary()}"
