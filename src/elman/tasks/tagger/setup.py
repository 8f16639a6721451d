"""`TaggerSetup`: data, loss and metrics of a tagger's training run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import Ints, in_order
from elman.data.labels import common_spelling
from elman.data.parts import Parts
from elman.data.tagged import TaggedDataset, read_part
from elman.data.tagged.encoded import EncodedSequences, TagTargets
from elman.data.tagged.vocabulary import TaggerVocabulary, broken_tags, unseen_answers
from elman.data.vocabulary.base import UNKNOWN
from elman.data.vocabulary.unknown import UnknownTokens
from elman.display import Progress, number_text
from elman.errors import ArtifactError
from elman.kernels import threads_for
from elman.metrics.tagging import figures_of
from elman.nn.ensemble import members_of
from elman.nn.tags import TagLogits, TagPredictions, batch_loss, count_right, decode
from elman.state import Batch, State
from elman.tasks.automatic import Choices
from elman.tasks.comparison import Comparison
from elman.tasks.remarks import labels_not_measured, labels_once
from elman.tasks.samples import compared, example_of
from elman.tasks.sequence_setup import SequenceObjective, SequenceSetup
from elman.tasks.start import StartModel
from elman.tasks.start_hooks import Entries
from elman.tasks.tagger.automatic import choices_for
from elman.tasks.tagger.baselines import comparison_of
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.network import TaggerEnsemble, TaggerNetwork
from elman.tasks.tagger.start import TAGGER_STARTS, options_from_language_model, vocabulary_from_start
from elman.tasks.vector_hooks import WordEmbedding

__all__ = ["TagObjective", "TaggerSetup", "answers", "measure"]

# Maximum sequences, and time steps with padding, per batch of an evaluation.
_ROWS, _STEPS = 64, 8192


@dataclass(eq=False)
class TagObjective(SequenceObjective[EncodedSequences]):
    """Negative log-likelihood of tags, plus the weighted one of sentence labels, averaged over time steps."""

    model: TaggerNetwork
    vocabulary: TaggerVocabulary
    held_out: EncodedSequences | None = None

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss in nats, the number of time steps, and no state."""
        logits = self.model(batch.inputs_BT, batch.lengths_B)
        total, count = batch_loss(logits, batch, self.model.crf, self.model.config.intent_weight)
        self._measure_batch(logits, batch)
        return total, count, state

    def _measure_batch(self, logits: TagLogits, batch: Batch) -> None:
        """Count the right tags, but not those of a CRF, whose best path takes as long as its loss; and the labels."""
        targets: TagTargets = batch.targets_BT  # type: ignore[assignment]
        if self.model.crf is None:
            self.batch_sums.add("accuracy", *count_right(logits.logits_BTV, targets.tags_BT))
        if logits.intents_BC is not None:
            self.batch_sums.add("intent_accuracy", *count_right(logits.intents_BC, targets.intents_B))

    def evaluate_part(self, held_out: EncodedSequences, limit: int) -> dict[str, float]:
        """Return loss, accuracy, span F1 for tags in a span notation, and metrics of sentence labels."""
        figures, _ = measure(self.model, self.vocabulary, held_out, limit)
        measures = [figures[name] for name in ("f1", "intent_accuracy") if name in figures]
        if "f1" not in figures:
            measures.append(figures["accuracy"])
        return {**figures, "selection": 1.0 - sum(measures) / len(measures)}


def measure(
    model: TaggerNetwork,
    vocabulary: TaggerVocabulary,
    data: EncodedSequences,
    limit: int = 0,
    *,
    progress: Progress | None = None,
) -> tuple[dict[str, float], list[TagPredictions]]:
    """Return metrics on `data`, and predictions; with `limit`, on evenly spaced sequences with that many steps."""
    rows = data.some(limit)
    nats, steps = 0.0, 0
    found: dict[int, TagPredictions] = {}
    for part, logits, batch in _scored(model, data, rows, progress):
        total, count = batch_loss(logits, batch, model.crf, model.config.intent_weight)
        nats, steps = nats + float(total), steps + count
        found.update(zip(part.tolist(), decode(logits, batch.lengths_B, model.crf), strict=True))
    given = [found[row] for row in rows.tolist()]
    figures = figures_of(
        data.data.take(rows.tolist()),
        [[vocabulary.tags[tag] for tag in answer.tags] for answer in given],
        [vocabulary.intents[answer.intent] for answer in given] if vocabulary.intents else None,
        spans=vocabulary.scheme is not None,
    )
    return {"loss": nats / max(steps, 1), **figures}, given


def answers(model: TaggerNetwork, data: EncodedSequences, *, progress: Progress | None = None) -> list[TagPredictions]:
    """Return the most likely tags of every sequence, in order."""
    found: dict[int, TagPredictions] = {}
    with threads_for(len(data), model):
        for part, logits, batch in _scored(model, data, np.arange(len(data)), progress):
            found.update(zip(part.tolist(), decode(logits, batch.lengths_B, model.crf), strict=True))
    return [found[row] for row in range(len(data))]


def _scored(
    model: TaggerNetwork, data: EncodedSequences, rows: Ints, progress: Progress | None
) -> Iterator[tuple[Ints, TagLogits, Batch]]:
    """Yield the indices, logits and batch for batches of `rows`. `progress` is called with "tagging" and a fraction."""
    done = 0
    with torch.no_grad():
        for part, batch in in_order(data.lengths, data.batch, batch_size=_ROWS, steps=_STEPS, rows=rows):
            yield part, model(batch.inputs_BT, batch.lengths_B), batch
            done += len(part)
            if progress is not None:
                progress("tagging", done / len(rows))


class TaggerSetup(SequenceSetup[TaggerConfig, TaggerNetwork, Parts[TaggedDataset], TaggerVocabulary, EncodedSequences]):
    """Setup of a tagger."""

    task = "tagger"
    config_class = TaggerConfig
    vocabulary_class = TaggerVocabulary
    starts_from = TAGGER_STARTS
    start_optional = ("crf.*", "intent_*")
    start_scaling = ("mean_I", "scale_I")

    @classmethod
    def read_part(cls, paths: Sequence[Any], config: TaggerConfig, progress: Progress | None = None) -> TaggedDataset:
        return read_part(paths, config.data)

    @staticmethod
    def make_network(config: TaggerConfig, vocabulary: TaggerVocabulary) -> TaggerNetwork:
        """Return a network for the inputs and tags of this vocabulary."""
        return _network(vocabulary, config)

    @classmethod
    def make_smallest_network(cls, config: TaggerConfig) -> TaggerNetwork:
        """Return a network with one word and two tags."""
        smallest = TaggerVocabulary.smallest(intent=config.network.intent)
        return _network(smallest, config)

    @classmethod
    def check_folder(cls, config: TaggerConfig, vocabulary: TaggerVocabulary, where: str) -> None:
        """Raise ArtifactError for sentence labels without `intent`, or `intent` without labels."""
        if config.network.intent != bool(vocabulary.intents):
            received = f"intent={config.network.intent} and {len(vocabulary.intents)} sentence labels"
            raise ArtifactError(
                f"{where}: expected sentence labels if and only if intent is true. Received: {received}"
            )

    def automatic_options(self, config: TaggerConfig) -> Choices:
        return choices_for(self.parts.train, config.training.max_seconds)

    def learn_vocabulary(self) -> TaggerVocabulary:
        """Return the words, characters, tags and sentence labels of the training set."""
        learnt = TaggerVocabulary.learn(self.parts.train, self.config.data, intent=self.config.network.intent)
        return learnt.with_words(self.words_of_vectors())

    def vocabulary_from_start(self, learnt: TaggerVocabulary, source: StartModel) -> TaggerVocabulary:
        return vocabulary_from_start(self, learnt, source)

    @classmethod
    def options_from_other(cls, source: StartModel) -> dict[str, Any]:
        return options_from_language_model(source)

    @classmethod
    def entries_of(cls, config: TaggerConfig, vocabulary: TaggerVocabulary) -> Mapping[str, Entries]:
        """Return the words, characters, tags and sentence labels of embeddings and output layers."""
        del config
        tags = tuple(map(common_spelling, vocabulary.tags))
        return {
            "embed.weight": ((UNKNOWN, *vocabulary.words), None),
            "letters.embed.weight": ((UNKNOWN, *vocabulary.characters), None),
            "head.*": (tags, None),
            "intent_head.*": (tuple(map(common_spelling, vocabulary.intents)), None),
            "crf.*": (tags, tags),
        }

    def text_vocabularies(self) -> list[TaggerVocabulary]:
        return [self.vocabulary]

    def training_texts(self) -> Iterator[str]:
        return chain.from_iterable(self.parts.train.words or ())

    def encode(self) -> None:
        for name, part in self.parts.named():
            if part is not None and name != "train":
                part.check_labels(intents=self.config.network.intent)
            if part is not None and self.config.data.strict:
                self.vocabulary.check_notation(part)
        super().encode()

    def notes(self) -> list[str]:
        """Return remarks on the data, on tags that break the notation of spans, and on rare and missing labels."""
        notes: list[str | None] = []
        known = self.vocabulary
        for names, noun in ((known.tags, "tags"), (known.intents, "sentence labels")):
            counts, held_out = (
                None if part is None else part.label_counts(len(names), intents=noun != "tags")
                for part in (self._train, self._valid)
            )
            notes += [] if counts is None else labels_once(names, counts, noun)
            notes += [] if counts is None or held_out is None else labels_not_measured(names, counts, held_out, noun)
        for name, part in self.parts.named():
            if part is not None:
                notes.append(broken_tags(self.vocabulary, part, training=name == "train"))
            if part is not None and name != "train":
                notes.append(unseen_answers(self.vocabulary, part))
        return [*super().notes(), *(note for note in dict.fromkeys(notes) if note)]

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Yield the counts of unknown words; those of validation only for a network that reads no characters."""
        if self.vocabulary.features or not self.config.network.embedding:
            return
        advice = "min_count=1" if self.config.data.min_count > 1 else ""
        read = self.config.network.char_embedding > 0
        for name, part in (("training", self._train), ("validation", None if read else self._valid)):
            if part is not None:
                characters = "" if read else "char_embedding=32, which reads characters"
                counts = part.unknown_words()
                yield counts, f"words of the {name} data", " or ".join(filter(None, (advice, characters)))

    def encode_part(self, part: TaggedDataset, *, training: bool = False) -> EncodedSequences:
        return EncodedSequences(self.vocabulary.with_read_tags(part, training=training), self.vocabulary)

    def make_run_network(self) -> TaggerNetwork:
        """Return a network with the word counts of the training set, for word dropout."""
        counts_V = self._train.word_counts(len(self.vocabulary.words) + 1)
        return _network(self.vocabulary, self.config, counts_V)

    def init_network(self) -> None:
        """Set the scale of frames from the training set."""
        frames = self._train.data.frames
        if frames is not None and self.config.data.standardise:
            for member in members_of(self.network):
                member.standardise(frames)

    def word_embeddings(self) -> list[WordEmbedding]:
        words = (UNKNOWN, *self.vocabulary.words)
        if self.vocabulary.features:
            return []
        return [WordEmbedding("vectors", "embed", words, lambda: self._train.word_counts(len(words)).long().numpy())]

    def objective(self) -> TagObjective:
        """Return the loss of tags and sentence labels."""
        return TagObjective(self.network, self.vocabulary, self._valid)

    @property
    def unit(self) -> str:
        """Name of the items that have a tag."""
        return "frame" if self.vocabulary.features else "word"

    def comparison(self, limit: int) -> Comparison | None:
        if (compared := self.compared_part()) is None:
            return None
        name, _, encoded = compared
        rows, spans = encoded.some(limit), self.vocabulary.scheme is not None

        def network() -> list[list[str]]:
            _, given = measure(self.network, self.vocabulary, encoded, limit)
            return [[self.vocabulary.tags[tag] for tag in answer.tags] for answer in given]

        held, train = encoded.data.take(rows.tolist()), self._train.data
        return comparison_of(network, self.vocabulary.tags, train, held, name, spans=spans)

    def sample(self) -> str:
        """Return a sequence with its tags; the right tag is added where it is another one."""
        part = example_of(self.parts, self.sample_number)
        found = answers(self.network, self.encode_part(part))[0]
        given = [self.vocabulary.tags[tag] for tag in found.tags]
        words = part.words[0] if part.words else [f"frame {number}" for number in range(1, len(given) + 1)]
        right = part.tags[0] if part.tags else given
        shown = [
            f"{word}/{tag}" + (f" (not {truth})" if truth != tag else "")
            for word, tag, truth in zip(words, given, right, strict=True)
        ]
        rows = [("tagged", " ".join(shown))]
        if self.vocabulary.intents:
            rows.append(("label", self.vocabulary.intents[found.intent]))
            rows += [("right", intent) for intent in part.intents or ()]
        return compared(rows)

    @property
    def plotted_metrics(self) -> list[str]:
        return ["accuracy", "f1", "intent_accuracy"]

    def describe(self, figures: Mapping[str, float]) -> str:
        shown = [f"accuracy {figures['accuracy']:.2%}"]
        if "f1" in figures:
            shown.append(f"span F1 {figures['f1']:.2%}")
        if "intent_accuracy" in figures:
            shown.append(f"intent accuracy {figures['intent_accuracy']:.2%}")
        return ", ".join([*shown, f"loss {number_text(figures['loss'])}"])

    def data_facts(self) -> dict[str, Any]:
        """Return the number of sequences and time steps in each split."""
        sizes = self.part_sizes(sequences=len, steps=lambda part: part.lengths.sum())
        return {"kind": "series" if self.vocabulary.features else "text", **sizes}

    def outline(self) -> list[tuple[str, str]]:
        """Describe the splits, inputs and tags."""
        return [
            *self.part_rows(sequences="sequences", steps=f"{self.unit}s"),
            ("input", self.vocabulary.input_summary()),
            ("answer", self.vocabulary.answer_summary()),
        ]

    def summary(self) -> str:
        steps = f"{self.data['train_steps']:,} {self.unit}s to train on"
        return f"{self.network_summary}; {steps}, {self.vocabulary.answer_summary()}"


def _network(vocabulary: TaggerVocabulary, config: TaggerConfig, counts_V: Tensor | None = None) -> TaggerNetwork:
    """Return a network, or an ensemble."""
    make = partial(TaggerNetwork, vocabulary, config.network, counts_V)
    return TaggerEnsemble.of(config.network.members, make)
