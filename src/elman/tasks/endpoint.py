"""Base classes of endpoints: their options, and answers as JSON, text and files. Does not import torch."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from elman.data.shared_options import BLEU_TOKENIZERS
from elman.display import Progress, finite_json, plain, printable
from elman.errors import ConfigError
from elman.files import write_text
from elman.former import former_attributes
from elman.metrics.translation import figures_text
from elman.options import option

if TYPE_CHECKING:
    from elman.artifact import Artifact
    from elman.data.parts import P
    from elman.decode.text_output import TextOutput
    from elman.decode.translation import Translation

__all__ = [
    "Answer",
    "Call",
    "EndpointCallbacks",
    "EndpointOptions",
    "EvaluateGenerationOptions",
    "EvaluateOptions",
    "EvaluateTextsOptions",
    "Files",
    "Metrics",
    "ScoreOptions",
    "Screen",
    "errors_option",
    "expect_data",
    "expect_one",
    "scored_tokens",
    "text_metrics_answer",
    "vocabulary_facts",
    "with_line_ends",
    "written_lines",
]

__getattr__ = former_attributes(
    __name__,
    {
        "Conversation": "EndpointCallbacks",
        "EvaluateWritingOptions": "EvaluateGenerationOptions",
        "Figures": "Metrics",
        "writing_figures": "text_metrics_answer",
    },
)

# Paths of the data, as given on the command line.
Files: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Screen:
    """The output device: whether it is a terminal, and whether colours are allowed."""

    terminal: bool = False
    colour: bool = False

    def shown(self, text: str) -> str:
        """Return `text`, with control characters escaped on a terminal."""
        return printable(text) if self.terminal else text


@dataclass(frozen=True)
class EndpointCallbacks:
    """Callbacks of an endpoint.

    progress  called with the name of the stage and the completed fraction, from 0 to 1
    remark    called with a sentence for the user
    """

    progress: Progress = lambda stage, share: None
    remark: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True)
class Call:
    """How an endpoint was called.

    as_json  whether the answer is requested as JSON
    given    names of the options that were given explicitly, even with their default value (without switches)
    """

    as_json: bool = False
    given: frozenset[str] = frozenset()


class EndpointOptions:
    """Base class of an endpoint's options: a subclass is a dataclass whose fields are declared with `option()`."""

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for incompatible options and files. Called before the model is loaded."""

    def reading(self) -> dict[str, Any]:
        """Return how a file that stands for a model is read (`Task.reads_files`); empty for the defaults."""
        return {}


class Answer(ABC):
    """Result of an endpoint. It can be consumed only once, because text may be generated while it is shown."""

    @abstractmethod
    def to_json(self) -> Any:
        """Return plain values that can be serialised as JSON."""

    @abstractmethod
    def to_text(self, screen: Screen) -> Iterable[str]:
        """Return the text to show, in pieces that may be generated lazily."""

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write the answer to a file, as JSON or text. Returns whether nothing is left to show."""
        del remark
        if as_json:
            content = json.dumps(finite_json(self.to_json()), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        else:
            content = "".join(self.to_text(Screen()))
        write_text(path, content)
        return True


class Metrics(Answer):
    """Metrics of an evaluation, with their text representation."""

    def __init__(self, figures: dict[str, Any], text: str) -> None:
        self.figures = figures
        self.text = text

    def to_json(self) -> dict[str, Any]:
        """Return the metrics by name."""
        return self.figures

    def to_text(self, screen: Screen) -> Iterable[str]:
        """Return the text representation of the metrics."""
        del screen
        yield self.text + "\n"


def errors_option() -> Any:
    """Option for undecodable bytes; the default is the model's own setting."""
    return option("", "How to handle bytes that cannot be decoded.", choices=("", "strict", "replace", "ignore"))


@dataclass(frozen=True)
class EvaluateOptions(EndpointOptions):
    """Options of every evaluation; a task may add its own.

    `noun` names the items that `limit` counts in messages; `least` is the smallest `limit`.
    """

    noun: ClassVar[str] = "item"
    least: ClassVar[int] = 1

    limit: int | None = option(None, "Use only the first N tokens or sequences; forecasters: the last N steps.")
    baseline: bool = option(
        False, "Also fit the task's simple rules on the training files again, and compare the network with them here."
    )
    encoding: str = option("", "Text encoding; by default that of the training data.")
    errors: str = errors_option()

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for missing data, a limit below `least`, and options that `baseline` cannot follow."""
        expect_data(files, "data to evaluate on: elman evaluate MODEL DATA")
        if self.limit is not None and self.limit < self.least:
            plural = "s" * (self.least > 1)
            raise ConfigError(f"expected --limit of at least {self.least} {self.noun}{plural}. Received: {self.limit}")
        others = sorted(call.given & {"limit", "encoding", "errors"}) if self.baseline else []
        if others:
            raise ConfigError(
                f"expected --baseline without --limit, --encoding and --errors, since the comparison reads the data as "
                f"training did. Received: {', '.join(f'--{name}' for name in others)}"
            )

    def limited(self, data: P) -> P:
        """Return the first `limit` items."""
        return data if self.limit is None else data.take(range(min(self.limit, len(data))))


@dataclass(frozen=True)
class EvaluateGenerationOptions(EvaluateOptions):
    """Options of the evaluation of a task that generates text by beam search."""

    beams: int | None = option(None, "Tasks that generate text: beam size.")
    lm: Path | None = option(None, "Tasks that generate text: a language model for shallow fusion.", local=True)
    lm_weight: float | None = option(
        None, "Tasks that generate text: weight of the language model's log-probabilities."
    )

    def search(self) -> dict[str, Any]:
        """Return the search options that were given."""
        given = {"beams": self.beams, "lm_weight": self.lm_weight}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class EvaluateTextsOptions(EvaluateGenerationOptions):
    """Options of the evaluation of a task whose texts are compared with references by BLEU."""

    bleu_tokenizer: str = option(
        "",
        "BLEU: sacrebleu's tokenizer; by default that of the model.",
        choices=("", *BLEU_TOKENIZERS),
    )

    def search(self) -> dict[str, Any]:
        return super().search() | ({"bleu_tokenizer": self.bleu_tokenizer} if self.bleu_tokenizer else {})


@dataclass(frozen=True)
class ScoreOptions(EndpointOptions):
    """Options of scoring texts."""

    text: list[str] | None = option(
        None, "A line to score (translators: source, tab, target); may be given several times."
    )
    rank: bool = option(False, "Sort by perplexity, most likely first.")
    per_token: bool = option(False, "Also show the log-probability of every token.")
    encoding: str = option("", "Text encoding; by default that of the training data.")
    errors: str = errors_option()

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError unless either files or texts are given."""
        del call
        expect_one(files, self.text, "lines to score, from a file (- for standard input) or by --text")


def expect_data(files: Files, expected: str) -> None:
    """Raise ConfigError if there are no files; `expected` describes them in the message."""
    if not files:
        raise ConfigError(f"expected {expected}. Received: none")


def expect_one(files: Files, text: Sequence[str] | None, expected: str) -> None:
    """Raise ConfigError unless either files or texts are given; `expected` describes them in the message."""
    if bool(files) == (text is not None):
        raise ConfigError(f"expected {expected}. Received: {'both' if files else 'neither'}")


def written_lines(
    found: Iterable[Sequence[TextOutput | Translation]], screen: Screen, *, several: bool, first: int = 1
) -> Iterator[str]:
    """Yield texts as lines. With `several`, lines start with the number of the input, from `first`, and a score."""
    for number, best in enumerate(found, first):
        for each in best:
            text = plain(each.text) if "\n" in each.text or "\r" in each.text else each.text
            yield screen.shown(f"{number}\t{each.score:.4f}\t{text}\n" if several else f"{text}\n")


def scored_tokens(tokens: Sequence[str], log_probs: Sequence[float]) -> Iterator[str]:
    """Yield a line for each token of a text, with its log-probability."""
    for token, value in zip(tokens, log_probs, strict=True):
        yield f"{value:20.3f}  {plain(token)}\n"


def text_metrics_answer(figures: dict[str, Any], callbacks: EndpointCallbacks) -> Metrics:
    """Return metrics of generated texts; add a remark if sacrebleu is not installed."""
    if "bleu" not in figures:
        callbacks.remark("BLEU and chrF need sacrebleu: pip install 'elman[translation]'")
    return Metrics(figures, figures_text(figures))


def vocabulary_facts(described: Artifact) -> dict[str, Any]:
    """Return the vocabulary size for `elman info`."""
    from elman.data.vocabulary import vocabulary_from_json

    return {} if described.vocabulary is None else {"vocabulary": vocabulary_from_json(described.vocabulary).size}


def with_line_ends(text: str) -> str:
    r"""Return a text of a command line, in which \n, \r, \t and \\ stand for the characters."""
    signs = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
    return re.sub(r"\\([nrt\\])", lambda found: signs[found[1]], text)
