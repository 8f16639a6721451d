"""The tagger as people use it: fit, predict, tag, evaluate, save, load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.data.tagged import Tagged, tagged_from
from elman.data.tagged.encoded import Encoded
from elman.data.tagged.spans import Span, spans_of
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.errors import ArtifactError, ConfigError
from elman.tasks.model import TaskModel
from elman.tasks.run import Run, tune_process
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.network import TaggerNetwork
from elman.tasks.tagger.objective import answers, measure
from elman.tasks.tagger.parts import Parts, Sources, as_paths, make_parts, read_part, read_parts
from elman.tasks.tagger.report import Report, report_of
from elman.tasks.tagger.run import TASK, tagger_job

__all__ = ["TaggedSequence", "Tagger"]


@dataclass(frozen=True)
class TaggedSequence:
    """What a tagger says of one sequence.

    words               its words; for frames, the numbers of the frames from 0, as texts
    tags, probabilities  the tag of each step, and how likely it is
    spans               the spans that the tags tell of; empty where they tell of none
    intent              the label of the sentence, or None where none is learnt
    intent_probability  how likely it is; None likewise
    """

    words: list[str]
    tags: list[str]
    probabilities: list[float]
    spans: list[Span]
    intent: str | None
    intent_probability: float | None


class Tagger(TaskModel[TaggerConfig, TaggerNetwork, TaggerVocabulary]):
    """A recurrent network with a label for every word or frame.

    Args:
        preset: "small", "base" or "large": the options to start from.
        options: any option of `elman train tagger` by its name, such as `head="crf"`, `hidden=100`, `max_epochs=10`.

    Example:
        >>> tagger = elman.Tagger(max_epochs=10).fit("train.conllu", valid="dev.conllu")  # doctest: +SKIP
        >>> tagger.predict(["the cat sat on the mat"])  # doctest: +SKIP
        >>> tagger.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    task = TASK
    config_class = TaggerConfig
    vocabulary_class = TaggerVocabulary

    @staticmethod
    def make_network(config: TaggerConfig, vocabulary: TaggerVocabulary) -> TaggerNetwork:
        """A network of these options that has not learnt yet."""
        return TaggerNetwork(vocabulary, config.network)

    @staticmethod
    def check_folder(config: TaggerConfig, vocabulary: TaggerVocabulary, where: str) -> None:
        """Raise ArtifactError where there are sentence labels without `intent`, or the other way."""
        if config.network.intent != bool(vocabulary.intents):
            raise ArtifactError(f"{where}: expected sentence labels where intent is true. Received: the contrary")

    def __repr__(self) -> str:
        """What kind of model it is, in a line."""
        network = self.config.network
        shape = f"{network.cell} {network.layers}x{network.hidden}, {network.head}"
        if self._network is None:
            return f"<Tagger {shape}, not trained>"
        return f"<Tagger {shape}, {self._network.count_parameters():,} weights, {len(self.vocabulary.tags)} tags>"

    def fit(
        self,
        sentences: Any,
        tags: Sequence[Sequence[Any]] | None = None,
        *,
        intents: Sequence[Any] | None = None,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool = True,
        tune: bool = True,
    ) -> Tagger:
        """Train.

        sentences    with `tags`: lists of words, texts cut at white space, or arrays `x_TI` of frames; without: a
                     path, or several
        tags         a tag for every step of each
        intents      a label of each sentence, for `intent=True`
        valid, test  data of their own for validation and test: paths, or (sentences, tags) or (sentences, tags,
                     intents); without `valid` the share `held_out` is kept for it
        folder       for files: keep checkpoints and the best model there while training
        progress     show a progress bar on standard error
        tune         set this process' threads and memory allocator for training

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, Diverged, OutOfMemory.
        """
        sources: Sources | None = None
        seed = self.config.training.seed
        if tags is None:
            if intents is not None:
                raise ConfigError("expected tags beside intents, or both in files. Received: intents alone")
            sources = Sources(as_paths(sentences), as_paths(valid), as_paths(test))
            parts = read_parts(sources, self.config.data, seed)
        else:
            if folder is not None:
                raise ConfigError("expected data in files when training in a folder. Received: data in memory")
            parts = make_parts(
                tagged_from(sentences, tags, intents=intents),
                self.config.data,
                seed,
                valid=self._given(valid, "valid"),
                test=self._given(test, "test"),
            )
        return self._train(parts, sources, None if folder is None else Path(folder), progress=progress, tune=tune)

    def _train(
        self, parts: Parts, sources: Sources | None, folder: Path | None, *, progress: bool, tune: bool
    ) -> Tagger:
        job = tagger_job(self.config, parts, sources)
        run = Run(job, folder=folder, command="", watch=job.watch(quiet=not progress))
        if tune:
            tune_process(run.config.training)
        run.go()
        return self.adopt(run)

    def predict(self, sentences: Any) -> list[list[str]]:
        """The tags of each of `sentences`: lists of words, texts cut at white space, or arrays `x_TI` of frames."""
        return [each.tags for each in self.tag(sentences)]

    def predict_intents(self, sentences: Any) -> list[str]:
        """The label of each sentence. Raises ConfigError for a tagger that was not trained with intent=True."""
        if not self.vocabulary.intents:
            raise ConfigError("expected a tagger that was trained with intent=true. Received: one that was not")
        return [each.intent or "" for each in self.tag(sentences)]

    def tag(self, sentences: Any) -> list[TaggedSequence]:
        """What the tagger says of each of `sentences`, as for `predict`, or of a single text."""
        if isinstance(sentences, str):
            sentences = [sentences]
        if isinstance(sentences, Tagged):
            return self._answered(sentences)
        if not len(sentences):
            return []
        return self._answered(tagged_from(sentences))

    def read(self, paths: Any, **reading: Any) -> Tagged:
        """Sequences from files, read as the training data was; `reading` is what `read_part` can be told beside."""
        return read_part(as_paths(paths), self.config.data, **reading)

    def evaluate(
        self, sentences: Any, tags: Sequence[Sequence[Any]] | None = None, *, intents: Sequence[Any] | None = None
    ) -> dict[str, float]:
        """Figures: loss, accuracy, span precision, recall and F1, accuracy of the sentence labels, and counts.

        `sentences` with `tags` as for `fit`, or paths. A tag that was not seen in training is counted as wrong. Raises
        DataError for data that cannot be used.
        """
        return self._measured(self._known(sentences, tags, intents))[0]

    def report(
        self, sentences: Any, tags: Sequence[Sequence[Any]] | None = None, *, intents: Sequence[Any] | None = None
    ) -> Report:
        """The figures of `evaluate`, and those of every tag and every type of span; arguments as there."""
        data = self._known(sentences, tags, intents)
        figures, given = self._measured(data)
        return report_of(data, given, figures, spans=self.vocabulary.scheme is not None)

    def score(
        self, sentences: Any, tags: Sequence[Sequence[Any]] | None = None, *, intents: Sequence[Any] | None = None
    ) -> float:
        """Span F1 where the tags tell of spans, else accuracy; arguments as for `evaluate`."""
        figures = self.evaluate(sentences, tags, intents=intents)
        return figures.get("f1", figures["accuracy"])

    def _measured(self, data: Tagged) -> tuple[dict[str, float], list[list[str]]]:
        self.network.eval()
        figures, given = measure(self.network, self.vocabulary, Encoded(data, self.vocabulary))
        return figures, [[self.vocabulary.tags[tag] for tag in answer.tags] for answer in given]

    def _known(self, sentences: Any, tags: Any, intents: Any) -> Tagged:
        if isinstance(sentences, Tagged):
            return sentences
        if tags is None:
            if intents is not None:
                raise ConfigError("expected tags beside intents, or both in files. Received: intents alone")
            return self.read(sentences)
        return tagged_from(sentences, tags, intents=intents)

    def _given(self, part: Any, name: str) -> Tagged | None:
        """Held-out data in memory, or in files."""
        if part is None:
            return None
        if isinstance(part, tuple) and len(part) in (2, 3) and not isinstance(part[0], str | os.PathLike):
            return tagged_from(part[0], part[1], intents=part[2] if len(part) == 3 else None, name=name)
        return self.read(part)

    def _answered(self, data: Tagged) -> list[TaggedSequence]:
        vocabulary = self.vocabulary
        self.network.eval()
        given = answers(self.network, Encoded(data, vocabulary))
        sequences = []
        for row, answer in enumerate(given):
            tags = [vocabulary.tags[tag] for tag in answer.tags]
            sequences.append(
                TaggedSequence(
                    words=data.words[row] if data.words is not None else [str(t) for t in range(len(tags))],
                    tags=tags,
                    probabilities=answer.probabilities,
                    spans=spans_of(tags) if vocabulary.scheme is not None else [],
                    intent=vocabulary.intents[answer.intent] if vocabulary.intents else None,
                    intent_probability=answer.intent_probability if vocabulary.intents else None,
                )
            )
        return sequences
