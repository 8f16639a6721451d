"""Endpoints of word vectors: neighbours, analogy, similarity, project. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.display import aligned, plain
from elman.errors import ConfigError
from elman.options import option
from elman.tasks.embeddings.picture import ProjectedWords, check_output
from elman.tasks.endpoint import Answer, Call, EndpointCallbacks, EndpointOptions, Files, Metrics, Screen, errors_option

if TYPE_CHECKING:
    from elman.tasks.embeddings.queries import Neighbour, WordQueries

__all__ = [
    "AnalogyOptions",
    "NeighbourOptions",
    "ProjectOptions",
    "SimilarityOptions",
    "analogy",
    "neighbours",
    "project",
    "similarity",
]

_MOST_CONSIDERED = 300_000


@dataclass(frozen=True)
class VectorOptions(EndpointOptions):
    """Options of all queries: how a file of vectors is read."""

    encoding: str = option("", "A file of vectors: text encoding of the words; by default UTF-8.")
    errors: str = errors_option()

    def reading(self) -> dict[str, Any]:
        """Return how a file is read in place of a model."""
        given = {"encoding": self.encoding, "errors": self.errors}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class NeighbourOptions(VectorOptions):
    """Options of `neighbours`."""

    top: int = option(10, "Number of words.", least=1)
    restrict: int | None = option(None, "Search only the first N words, which are the commonest.", least=1)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError without words."""
        del call
        if not files:
            raise ConfigError("expected words: elman neighbours MODEL WORD... Received: none")


@dataclass(frozen=True)
class AnalogyOptions(VectorOptions):
    """Options of `analogy`."""

    plus: list[str] | None = option(None, "Words to add.", several=True)
    minus: list[str] | None = option(None, "Words to subtract.", several=True)
    method: str = option("add", "add: 3CosAdd; mul: 3CosMul.", choices=("add", "mul"))
    top: int = option(10, "Number of words.", least=1)
    questions: Path | None = option(
        None, "Answer the questions of this file, such as questions-words.txt, and show the accuracy.", local=True
    )
    restrict: int | None = option(
        None,
        "Consider only the first N words, which are the commonest; by default all, with --questions 300,000.",
        least=1,
    )
    fold_case: bool = option(True, "With --questions: compare words in upper case.")

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError unless there is one analogy or one file of questions."""
        ways = [bool(files), self.plus is not None or self.minus is not None, self.questions is not None]
        if sum(ways) != 1:
            received = "none" if not any(ways) else "several"
            raise ConfigError(
                "expected an analogy such as: elman analogy MODEL king - man + woman, or words by --plus and --minus, "
                f"or a file by --questions. Received: {received}"
            )
        if self.questions is not None and "top" in call.given:
            raise ConfigError(f"expected no --top with --questions. Received: {self.top}")
        if self.questions is None and not self.fold_case:
            raise ConfigError("expected --no-fold-case with --questions only. Received: an analogy")


@dataclass(frozen=True)
class SimilarityOptions(VectorOptions):
    """Options of `similarity`."""

    pairs: Path | None = option(
        None, "Compare with the scores of this file of pairs, such as WordSim-353: two words and a number.", local=True
    )
    restrict: int = option(_MOST_CONSIDERED, "With --pairs: consider only the first N words.", least=1)
    fold_case: bool = option(True, "With --pairs: compare words in upper case.")

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError unless there are two words or a file of pairs."""
        if (len(files) == 2) == (self.pairs is not None) or len(files) not in (0, 2):
            received = f"{len(files)} words{' and a file' if self.pairs is not None else ''}"
            raise ConfigError(f"expected two words, or a file of pairs by --pairs. Received: {received}")
        if self.pairs is None and ("restrict" in call.given or not self.fold_case):
            raise ConfigError("expected --restrict and --no-fold-case with --pairs only. Received: two words")


@dataclass(frozen=True)
class ProjectOptions(VectorOptions):
    """Options of `project`."""

    output: Path | None = option(
        None,
        "A .png, .svg or .json file, or a folder for all of these and the TSV files of TensorBoard's projector.",
        local=True,
        flag="-o",
    )
    method: str = option(
        "pca", "Projection; tsne needs scikit-learn, umap needs umap-learn.", choices=("pca", "tsne", "umap")
    )
    top: int = option(200, "Number of words if none are named: the first ones.", least=3)
    seed: int = option(0, "Random seed of tsne and umap.", least=0)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError without a place for the result, and for fewer than three words."""
        if self.output is not None:
            check_output(self.output)
        elif not call.as_json:
            raise ConfigError("expected a file or folder for the projection: -o words.png. Received: none")
        if files and "top" in call.given:
            raise ConfigError(f"expected either words or --top. Received: {len(files)} words and --top {self.top}")


class NeighbourAnswer(Answer):
    """Words with their scores, for each query."""

    def __init__(self, queries: Sequence[str], found: Sequence[Sequence[Neighbour]]) -> None:
        self.queries = queries
        self.found = found

    def to_json(self) -> dict[str, Any]:
        """Return an object for each query."""
        return {
            "queries": [
                {"query": query, "words": [{"word": each.word, "score": each.score} for each in words]}
                for query, words in zip(self.queries, self.found, strict=True)
            ]
        }

    def to_text(self, screen: Screen) -> Iterable[str]:
        """Yield a line for each word; with several queries, a heading and a blank line between them."""
        for place, (query, words) in enumerate(zip(self.queries, self.found, strict=True)):
            heading = f"{plain(query)}\n" if len(self.queries) > 1 else ""
            rows = [(plain(each.word), f"{each.score:.4f}") for each in words]
            yield screen.shown(("\n" if place else "") + heading + (aligned(rows, right=[1]) + "\n" if rows else ""))


def neighbours(
    model: WordQueries, files: Files, options: NeighbourOptions, callbacks: EndpointCallbacks
) -> NeighbourAnswer:
    """Find the nearest words of each word."""
    del callbacks
    return NeighbourAnswer(files, model.neighbours(list(files), options.top, restrict=options.restrict))


def analogy(model: WordQueries, files: Files, options: AnalogyOptions, callbacks: EndpointCallbacks) -> Answer:
    """Answer an analogy, or the questions of a file."""
    if options.questions is not None:
        scores = model.evaluate_analogies(
            options.questions,
            method=options.method,
            restrict=options.restrict or _MOST_CONSIDERED,
            fold_case=options.fold_case,
            progress=callbacks.progress,
        )
        return Metrics(scores.to_json(), scores.to_text())
    how: dict[str, Any] = {"method": options.method, "top": options.top, "restrict": options.restrict}
    if files:
        query = " ".join(files)
        return NeighbourAnswer([query], [model.analogy(query, **how)])
    plus, minus = options.plus or [], options.minus or []
    query = " ".join([*(f"+ {word}" for word in plus), *(f"- {word}" for word in minus)]).removeprefix("+ ")
    return NeighbourAnswer([query], [model.analogy(plus=plus, minus=minus, **how)])


def similarity(model: WordQueries, files: Files, options: SimilarityOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute the cosine of two words, or compare cosines with people's scores."""
    del callbacks
    if options.pairs is not None:
        scores = model.evaluate_pairs(options.pairs, restrict=options.restrict, fold_case=options.fold_case)
        return Metrics(scores.to_json(), plain_lines(scores.to_text()))
    cosine = model.similarity(*files)
    return Metrics({"words": list(files), "similarity": cosine}, f"{cosine:.4f}")


def plain_lines(text: str) -> str:
    """Return a text whose lines have no unprintable characters."""
    return "\n".join(map(plain, text.split("\n")))


def project(model: WordQueries, files: Files, options: ProjectOptions, callbacks: EndpointCallbacks) -> ProjectedWords:
    """Project words to two dimensions."""
    callbacks.progress("projecting", 0.0)
    found = model.project(list(files) or None, method=options.method, top=options.top, seed=options.seed)
    callbacks.progress("projecting", 1.0)
    return ProjectedWords(found, model.table)
