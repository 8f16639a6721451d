"""What endpoints give and what they say meanwhile: answers as JSON, text and files. Imports no torch."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from elman.display import finite_json, plain, printable
from elman.errors import ConfigError
from elman.files import write_text
from elman.metrics.translation import figures_text
from elman.options import option

if TYPE_CHECKING:
    from elman.data.parts import P
    from elman.decode.translation import Translation
    from elman.decode.writing import Written

__all__ = [
    "Answer",
    "Call",
    "Conversation",
    "EndpointOptions",
    "EvaluateOptions",
    "EvaluateWritingOptions",
    "Figures",
    "ScoreOptions",
    "Screen",
    "errors_option",
    "expect_data",
    "expect_one",
    "scored_tokens",
    "writing_figures",
    "written_lines",
]


@dataclass(frozen=True)
class Screen:
    """Where text is shown: whether it is a terminal, and whether that may be coloured."""

    terminal: bool = False
    colour: bool = False

    def shown(self, text: str) -> str:
        """`text`, made harmless where it goes to a terminal."""
        return printable(text) if self.terminal else text


@dataclass(frozen=True)
class Conversation:
    """What an endpoint says while it works.

    progress  called with what is being done and which share of it is done, from 0 to 1
    remark    called with a sentence that a person should read
    """

    progress: Callable[[str, float], None] = lambda stage, share: None
    remark: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True)
class Call:
    """How an endpoint was called.

    as_json  whether the answer is wanted as JSON
    given    the names of the options that were given, also those at their defaults (but for switches)
    """

    as_json: bool = False
    given: frozenset[str] = frozenset()


class EndpointOptions:
    """The options of an endpoint: a subclass is a dataclass whose fields are declared with `option()`."""

    def check(self, files: tuple[str, ...], call: Call) -> None:
        """Raise ConfigError, before any model is opened, for options and files that do not go together."""


class Answer(ABC):
    """What an endpoint gives. It may be shown once: its text may come while it is made."""

    @abstractmethod
    def to_json(self) -> Any:
        """As plain values."""

    @abstractmethod
    def to_text(self, screen: Screen) -> Iterable[str]:
        """As text for people, in pieces that may come one after the other."""

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write it to a file: by default JSON, or the text. Returns whether nothing is left to be shown."""
        del remark
        if as_json:
            content = json.dumps(finite_json(self.to_json()), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        else:
            content = "".join(self.to_text(Screen()))
        write_text(path, content)
        return True


class Figures(Answer):
    """Figures of an evaluation: JSON as they are, and a text of whoever makes them."""

    def __init__(self, figures: dict[str, Any], text: str) -> None:
        self.figures = figures
        self.text = text

    def to_json(self) -> dict[str, Any]:
        """The figures by name."""
        return self.figures

    def to_text(self, screen: Screen) -> Iterable[str]:
        """The figures for people."""
        del screen
        yield self.text + "\n"


def errors_option() -> Any:
    """What happens to bytes that are not text, where it is not what the model's options say."""
    return option("", "What to do with bytes that are not text.", choices=("", "strict", "replace", "ignore"))


@dataclass(frozen=True)
class EvaluateOptions(EndpointOptions):
    """What every evaluation takes. A task extends it by what else it takes.

    `noun` is what messages call one of what `limit` counts, and `least` the fewest that can be measured.
    """

    noun: ClassVar[str] = "item"
    least: ClassVar[int] = 1

    limit: int | None = option(None, "Use the first so many tokens or sequences only.")
    encoding: str = option("", "The text's encoding, if it is not that of the model's texts.")
    errors: str = errors_option()

    def check(self, files: tuple[str, ...], call: Call) -> None:
        """Raise ConfigError where there is no data, and for a limit that leaves nothing to measure."""
        del call
        expect_data(files, "data to evaluate on: elman evaluate MODEL DATA")
        if self.limit is not None and self.limit < self.least:
            plural = "s" * (self.least > 1)
            raise ConfigError(f"expected --limit of at least {self.least} {self.noun}{plural}. Received: {self.limit}")

    def limited(self, data: P) -> P:
        """The first items, as many as `limit` says."""
        return data if self.limit is None else data.take(range(min(self.limit, len(data))))


@dataclass(frozen=True)
class EvaluateWritingOptions(EvaluateOptions):
    """What the evaluation of a task takes whose answers are texts that a search finds."""

    beams: int | None = option(None, "Answers of text: hypotheses of the search.")

    def search(self) -> dict[str, Any]:
        """The options of the search that were given."""
        return {} if self.beams is None else {"beams": self.beams}


@dataclass(frozen=True)
class ScoreOptions(EndpointOptions):
    """What scoring texts takes, whatever the task."""

    text: list[str] | None = option(
        None, "A line to score (translators: a source, a tab, and a target); may be given several times."
    )
    rank: bool = option(False, "Sort the lines, likeliest by token first.")
    per_token: bool = option(False, "Show the log-probability of every token too.")
    encoding: str = option("", "The text's encoding, if it is not that of the model's texts.")
    errors: str = errors_option()

    def check(self, files: tuple[str, ...], call: Call) -> None:
        """Raise ConfigError unless there is either a file or a text."""
        del call
        expect_one(files, self.text, "lines to score, from a file (- for standard input) or by --text")


def expect_data(files: tuple[str, ...], expected: str) -> None:
    """Raise ConfigError, naming what was `expected`, for no files."""
    if not files:
        raise ConfigError(f"expected {expected}. Received: none")


def expect_one(files: tuple[str, ...], text: Sequence[str] | None, expected: str) -> None:
    """Raise ConfigError, naming what was `expected`, unless there are either files or texts."""
    if bool(files) == (text is not None):
        raise ConfigError(f"expected {expected}. Received: {'both' if files else 'neither'}")


def written_lines(
    found: Iterable[Sequence[Written | Translation]], screen: Screen, *, several: bool, first: int = 1
) -> Iterator[str]:
    """Texts as lines. Where `several` were asked for, a line has the number of its input, from `first`, and a score."""
    for number, best in enumerate(found, first):
        for each in best:
            text = plain(each.text) if "\n" in each.text or "\r" in each.text else each.text
            yield screen.shown(f"{number}\t{each.score:.4f}\t{text}\n" if several else f"{text}\n")


def scored_tokens(tokens: Sequence[str], log_probs: Sequence[float]) -> Iterator[str]:
    """The tokens of a text with their log-probabilities, as lines below it."""
    for token, value in zip(tokens, log_probs, strict=True):
        yield f"{value:20.3f}  {plain(token)}\n"


def writing_figures(figures: dict[str, Any], talk: Conversation) -> Figures:
    """Figures of written texts, with a remark where some of them need a package."""
    if "bleu" not in figures:
        talk.remark("BLEU and chrF need sacrebleu: pip install 'elman[translation]'")
    return Figures(figures, figures_text(figures))
