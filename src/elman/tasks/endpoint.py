"""What endpoints give and what they say meanwhile: answers as JSON, text and files. Imports no torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.errors import ConfigError
from elman.files import write_text
from elman.options import option

__all__ = [
    "Answer",
    "Conversation",
    "EvaluateOptions",
    "Figures",
    "ScoreOptions",
    "Screen",
    "check_limit",
    "expect_data",
    "finite_json",
    "shown_figure",
]


@dataclass(frozen=True)
class Screen:
    """Where text is shown: whether it is a terminal, and whether that may be coloured."""

    terminal: bool = False
    colour: bool = False


@dataclass(frozen=True)
class Conversation:
    """What an endpoint says while it works.

    progress  called with what is being done and which share of it is done, from 0 to 1
    remark    called with a sentence that a person should read
    """

    progress: Callable[[str, float], None] = lambda stage, share: None
    remark: Callable[[str], None] = lambda sentence: None


class Answer:
    """What an endpoint gives. A subclass has `to_json` and `to_text`."""

    def to_json(self) -> Any:
        """As plain values."""
        raise NotImplementedError

    def to_text(self, screen: Screen) -> Iterable[str]:
        """As text for people, in pieces that may come one after the other."""
        raise NotImplementedError

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


@dataclass(frozen=True)
class EvaluateOptions:
    """What every evaluation takes. A task extends it by what else it takes."""

    limit: int | None = option(None, "Use the first so many tokens or sequences only.")
    encoding: str = option("", "The text's encoding, if it is not that of the model's texts.")
    errors: str = option("", "What to do with bytes that are not text.", choices=("", "strict", "replace", "ignore"))

    def check(self, files: tuple[str, ...], *, as_json: bool) -> None:
        """Raise ConfigError where there is no data."""
        del as_json
        expect_data(files, "data to evaluate on: elman evaluate MODEL DATA")


@dataclass(frozen=True)
class ScoreOptions:
    """What scoring texts takes, whatever the task."""

    text: list[str] | None = option(
        None, "A line to score (translators: a source, a tab, and a target); may be given several times."
    )
    rank: bool = option(False, "Sort the lines, likeliest by token first.")
    per_token: bool = option(False, "Show the log-probability of every token too.")
    encoding: str = option("", "The text's encoding, if it is not that of the model's texts.")
    errors: str = option("", "What to do with bytes that are not text.", choices=("", "strict", "replace", "ignore"))

    def check(self, files: tuple[str, ...], *, as_json: bool) -> None:
        """Raise ConfigError unless there is either a file or a text."""
        del as_json
        if bool(files) == (self.text is not None):
            received = "both" if files else "neither"
            raise ConfigError(
                f"expected lines to score, from a file (- for standard input) or by --text. Received: {received}"
            )


def expect_data(files: tuple[str, ...], expected: str) -> None:
    """Raise ConfigError, naming what was `expected`, for no files."""
    if not files:
        raise ConfigError(f"expected {expected}. Received: none")


def check_limit(limit: int | None, noun: str, least: int = 1) -> None:
    """Raise ConfigError for a limit that leaves nothing to measure; `noun` is what is counted."""
    if limit is not None and limit < least:
        raise ConfigError(f"expected --limit of at least {least} {noun}{'s' * (least > 1)}. Received: {limit}")


_TITLES = {"bleu": "BLEU", "chrf": "chrF", "bleu_signature": "BLEU signature", "chrf_signature": "chrF signature"}


def shown_figure(name: str, value: Any) -> tuple[str, str]:
    """The name and the value of a figure of written texts, for people."""
    if name in ("tokens", "pairs"):
        shown = f"{value:,.0f}"
    elif name in ("bleu", "chrf"):
        shown = f"{value:.2f}"
    elif name in ("accuracy", "exact"):
        shown = f"{value:.2%}"
    else:
        shown = value if isinstance(value, str) else f"{value:.4f}"
    return _TITLES.get(name, name), shown


def finite_json(value: Any) -> Any:
    """`value` with null for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: finite_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
