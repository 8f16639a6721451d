"""`Tagger`: train, predict, tag, evaluate, save and load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

from elman.data.blank_lines import answer_lines
from elman.data.sources import as_paths
from elman.data.tagged import TaggedDataset, TagPrediction, read_part, tagged_from
from elman.data.tagged.encoded import EncodedSequences
from elman.data.tagged.spans import spans_of
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.decode.evaluation_mode import evaluation_mode
from elman.display import Progress
from elman.errors import ConfigError
from elman.metrics.tagging import Report, report_of
from elman.tasks.model import TaskModel
from elman.tasks.sequence_model import SequenceModel
from elman.tasks.start import startable
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.network import TaggerNetwork
from elman.tasks.tagger.setup import TaggerSetup, answers, measure
from elman.train.callbacks import OnEvent

__all__ = ["Tagger"]

Labels: TypeAlias = Sequence[Any] | None


class Tagger(SequenceModel[TaggerConfig, TaggerNetwork, TaggerVocabulary]):
    """A recurrent network that predicts a tag for every word or frame.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "spans", "large" or "plain", the options to start from.
        options: any option of `elman train tagger`, such as `head="crf"`, `hidden_size=100`, `max_epochs=10`.

    Example:
        >>> tagger = elman.Tagger(max_epochs=10).fit("train.conllu", valid="dev.conllu")  # doctest: +SKIP
        >>> tagger.predict(["the cat sat on the mat"])  # doctest: +SKIP
        >>> tagger.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = TaggerSetup
    _expected = "sentences and tags, or paths of files"
    _given = (2, 3)

    def __repr__(self) -> str:
        network = self.config.network
        shape = f"{network.shape}, {network.head}"
        if self._network is None:
            return f"<Tagger {shape}, not trained>"
        return f"<Tagger {shape}, {self._network.count_parameters():,} weights, {len(self.vocabulary.tags)} tags>"

    @startable
    def fit(
        self,
        sentences: Any,
        tags: Labels = None,
        *,
        intents: Labels = None,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        tune: bool = True,
        on_event: OnEvent = None,
        start_from: str | os.PathLike[str] | TaskModel[Any, Any, Any] | None = None,
    ) -> Tagger:
        """Train the tagger.

        sentences    with `tags`: lists of words, texts split at white space, or arrays `x_TI` of frames; without: one
                     or more paths
        tags         a tag for every time step of each sentence
        intents      a label for each sentence, for `intent=True`
        valid, test  separate validation and test data: paths, (sentences, tags) or (sentences, tags, intents);
                     without `valid`, the share `held_out` of the training data is held out
        folder       for files: write checkpoints and the best model to this folder during training
        progress     show a progress bar on standard error; by default, unless scikit-learn calls `fit`
        tune         set the threads and the memory allocator of this process for training
        on_event     a function, or a list of them, that is called with the events of the run and may stop it
        start_from   a trained model or the path of one, whose weights, vocabulary and options are the start

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, DivergenceError, OutOfMemoryError.
        """
        if tags is None:
            _refuse_labels_alone(intents)
        return self._fit(
            sentences,
            tags,
            intents,
            valid=valid,
            test=test,
            folder=folder,
            progress=progress,
            tune=tune,
            on_event=on_event,
        )

    def _part(self, sentences: Any, tags: Any, intents: Any = None, **how: Any) -> TaggedDataset:
        return tagged_from(sentences, tags, intents=intents, **how)

    def read(self, paths: Any, **reading: Any) -> TaggedDataset:
        """Read sequences from files, with the data options of training. Raises DataError, EncodingError, StorageError.

        reading  `format`, `with_tags`, `encoding`, `errors` and `punctuation` of `read_part`
        """
        return read_part(as_paths(paths, self._expected), self.config.data, **reading)

    def predict(self, sentences: Any, *, progress: Progress | None = None) -> list[list[Any]]:
        """Return the tags of each sentence, of the type given to `fit`.

        Sentences are lists of words, texts split at white space, or frames `x_TI`.
        `progress` is called with the name of the stage and the completed fraction. Raises DataError for sentences that
        cannot be used.
        """
        return [self.vocabulary.tag_values(each.tags) for each in self.tag(sentences, progress=progress)]

    def predict_intents(self, sentences: Any, *, progress: Progress | None = None) -> list[Any]:
        """Return the label of each sentence, of the type given to `fit`; sentences as for `predict`.

        Raises ConfigError without `intent=True`.
        """
        if not self.vocabulary.intents:
            raise ConfigError("expected a tagger that was trained with intent=true. Received: one that was not")
        found = [each.intent or "" for each in self.tag(sentences, progress=progress)]
        return self.vocabulary.intent_values(found)

    def tag(self, sentences: Any, *, progress: Progress | None = None) -> list[TagPrediction]:
        """Return tags with probabilities, spans and labels; arguments and errors as for `predict`, or a single text."""
        if isinstance(sentences, str):
            sentences = [sentences]
        if not isinstance(sentences, TaggedDataset):
            if hasattr(sentences, "__len__") and not len(sentences):
                return []
            sentences = tagged_from(sentences)
        data = sentences
        if data.words is None:
            return self._predictions(data, progress)
        return answer_lines(
            data.words,
            lambda rows: self._predictions(data.take(rows), progress),
            lambda row: TagPrediction([], [], [], [], None, None),
        )

    def _predictions(self, data: TaggedDataset, progress: Progress | None) -> list[TagPrediction]:
        """Return the predictions for sequences that are not empty."""
        vocabulary = self.vocabulary
        with evaluation_mode(self.network):
            found = answers(self.network, EncodedSequences(data, vocabulary), progress=progress)
        sequences = []
        for row, answer in enumerate(found):
            tags = [vocabulary.tags[tag] for tag in answer.tags]
            sequences.append(
                TagPrediction(
                    words=data.words[row] if data.words is not None else [str(t) for t in range(len(tags))],
                    tags=tags,
                    probabilities=answer.probabilities,
                    spans=spans_of(tags) if vocabulary.scheme is not None else [],
                    intent=vocabulary.intents[answer.intent] if vocabulary.intents else None,
                    intent_probability=answer.intent_probability if vocabulary.intents else None,
                )
            )
        return sequences

    def evaluate(
        self, sentences: Any, tags: Labels = None, *, intents: Labels = None, progress: Progress | None = None
    ) -> dict[str, float]:
        """Return metrics: loss, accuracy, span precision, recall and F1, accuracy of sentence labels, and counts.

        `sentences` with `tags` as for `fit`, or paths; `progress` as for `predict`. A tag that was not seen in training
        counts as wrong. Raises DataError for invalid data, ConfigError for intents without tags.
        """
        return self._measured(self.known(sentences, tags, intents), progress)[0]

    def report(
        self, sentences: Any, tags: Labels = None, *, intents: Labels = None, progress: Progress | None = None
    ) -> Report:
        """Return the metrics of `evaluate`, with the same arguments, and those of every tag and type of span."""
        data = self.known(sentences, tags, intents)
        figures, given = self._measured(data, progress)
        truth = self.vocabulary.with_read_tags(data)
        return report_of(truth, given, figures, spans=self.vocabulary.scheme is not None)

    def score(self, sentences: Any, tags: Labels = None, *, intents: Labels = None) -> float:
        """Return span F1 if the tags use a span notation, else accuracy; arguments as for `evaluate`."""
        figures = self.evaluate(sentences, tags, intents=intents)
        return figures.get("f1", figures["accuracy"])

    def _measured(self, data: TaggedDataset, progress: Progress | None) -> tuple[dict[str, float], list[list[str]]]:
        vocabulary = self.vocabulary
        with evaluation_mode(self.network):
            figures, given = measure(self.network, vocabulary, EncodedSequences(data, vocabulary), progress=progress)
        return figures, [[vocabulary.tags[tag] for tag in answer.tags] for answer in given]

    def tags_of(self, data: TaggedDataset, progress: Progress | None = None) -> list[list[str]]:
        """Return the most likely tags of tagged sequences; `progress` as for `predict`."""
        return self._measured(data, progress)[1]

    def known(self, sentences: Any, tags: Any = None, intents: Any = None) -> TaggedDataset:
        """Return the tagged sequences of the arguments of `evaluate`."""
        if isinstance(sentences, TaggedDataset):
            return sentences
        with self._evaluated_rows():
            if tags is None:
                _refuse_labels_alone(intents)
                return self.read(sentences)
            return tagged_from(sentences, tags, intents=intents)


def _refuse_labels_alone(intents: Any) -> None:
    if intents is not None:
        raise ConfigError("expected tags with intents, or both in files. Received: intents alone")
