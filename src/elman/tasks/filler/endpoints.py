"""Endpoints of the filler: fill, evaluate. Does not import torch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.display import aligned, counted, number_text, plain
from elman.errors import ConfigError, DataError
from elman.options import check_text, option
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    EvaluateOptions,
    Files,
    Metrics,
    Screen,
    errors_option,
    vocabulary_facts,
)

if TYPE_CHECKING:
    from elman.tasks.filler.filling import FilledText, Gap
    from elman.tasks.filler.model import Filler
    from elman.tasks.filler.suspicion import SuspiciousWord

__all__ = ["EvaluateFillerOptions", "FillOptions", "evaluate", "fill", "vocabulary_facts"]

# Suspicious words that are shown by default.
_SUSPICIOUS = 10
_FIGURES = ("loss", "perplexity", "accuracy", "top5_accuracy", "unknown_share", "perplexity_known", "words")
_SHARES = ("accuracy", "top5_accuracy", "unknown_share")


@dataclass(frozen=True)
class FillOptions(EndpointOptions):
    """Options of `fill`."""

    text: list[str] | None = option(
        None, "A text, which may begin with - or name a file; may be given several times.", free=True
    )
    file: list[str] | None = option(None, "A file of lines; - for standard input.", local=True, free=True)
    gap: str = option("", "Mark of a gap; by default three or more underscores.", free=True)
    top: int | None = option(
        None, "Number of words to show for each gap, by default 5; of suspicious words, by default 10.", least=1
    )
    candidates: list[str] | None = option(None, "The only words that a gap may have.", several=True)
    beams: int = option(4, "Hypotheses of the search for the words of several gaps.", least=1)
    suspicious: bool = option(False, "Show the words of a text that are less likely than another one in their place.")
    output: Path | None = option(None, "Write the result to this file.", local=True, flag="-o")
    encoding: str = option("", "Text encoding; by default that of the training data.")
    errors: str = errors_option()

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for no text, for options of gaps with `suspicious`, and for both `top` and `candidates`."""
        if not files and not self.text and not self.file:
            raise ConfigError('expected a text with a gap: elman fill MODEL "the cat ___ on the mat". Received: none')
        for text in (*files, *(self.text or ()), *(self.candidates or ()), self.gap):
            check_text(text, "the arguments")
        if self.top is not None and self.candidates is not None:
            raise ConfigError(f"expected either --top or --candidates. Received: both, --top {self.top}")
        of_gaps = sorted(call.given & {"gap", "candidates", "beams"})
        if self.suspicious and of_gaps:
            raise ConfigError(
                f"expected no options of gaps with --suspicious. Received: {', '.join(f'--{name}' for name in of_gaps)}"
            )


class FilledTexts(Answer):
    """Texts with their gaps filled; texts without gaps stay as they are.

    Each has the name of its file, or None for an argument, and the number of its line or argument. With `tables`, the
    words of each gap follow their text.
    """

    def __init__(self, found: Sequence[tuple[str | None, int, str, FilledText | None]], tables: bool) -> None:
        self.found = found
        self.tables = tables

    def to_json(self) -> dict[str, Any]:
        """Return the texts with gaps, and the words of the gaps."""
        return {
            "texts": [
                {"file": file, "line": line, "given": given, **filled.to_json()}
                for file, line, given, filled in self.found
                if filled is not None
            ]
        }

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield the texts, each on its line, and the tables of the gaps."""
        for _, _, given, filled in self.found:
            yield screen.shown((given if filled is None else filled.text) + "\n")
            if filled is not None and self.tables:
                for number, gap in enumerate(filled.gaps, 1):
                    yield screen.shown(_table(gap, number if len(filled.gaps) > 1 else 0) + "\n")


def _table(gap: Gap, number: int) -> str:
    """Return the words of a gap, under its number if it is not 0."""
    from elman.decode.next_token import shown_probability

    head = "probability" if not number else f"gap {number}"
    rows = [(shown_probability(each.probability), plain(each.word)) for each in gap.found]
    rows.append((shown_probability(gap.unknown), "(a word that is not in the vocabulary)"))
    return aligned([(head, "word"), *rows], right=[0])


class SuspiciousWords(Answer):
    """The most suspicious words of a text."""

    def __init__(self, found: Sequence[SuspiciousWord], words: int) -> None:
        self.found = found
        self.words = words

    def to_json(self) -> dict[str, Any]:
        """Return the words as plain values."""
        return {"words": self.words, "suspicious": [each.to_json() for each in self.found]}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield the table."""
        from elman.decode.next_token import shown_probability

        rows = [
            (
                f"{each.score:.2f}",
                f"{each.line}:{each.number}",
                plain(each.word) + " (unknown)" * each.unknown,
                shown_probability(each.probability),
                plain(each.suggestion),
                shown_probability(each.suggested),
                plain(each.context),
            )
            for each in self.found
        ]
        head = ("score", "line:word", "word", "probability", "better", "probability", "text")
        yield screen.shown(aligned([head, *rows], right=[0, 3, 5]) + "\n")


def fill(model: Filler, files: Files, options: FillOptions, callbacks: EndpointCallbacks) -> Answer:
    """Fill the gaps of texts and of the lines of files, or find suspicious words."""
    texts, paths = _sorted_arguments(files, options)
    if options.suspicious:
        return _suspicious(model, texts, paths, options, callbacks)
    given: list[tuple[str | None, int, str]] = [(None, number, text) for number, text in enumerate(texts, 1)]
    for path in paths:
        given += [(path, line, text) for line, text in _lines_with_gaps(model, path, options)]
    rows = [row for row, (_, _, text) in enumerate(given) if row < len(texts) or _has_gap(text, options.gap)]
    found: dict[int, FilledText] = {}
    if rows:
        asked: dict[str, Any] = {"top": options.top, "candidates": options.candidates, "beams": options.beams}
        _remark_on_unknown(model, [given[row][-1] for row in rows], options.gap, callbacks)
        filled = model.fill_many([given[row][-1] for row in rows], gap=options.gap, **asked)
        found = dict(zip(rows, filled, strict=True))
    tables = len(given) == 1 or options.top is not None or options.candidates is not None
    return FilledTexts([(*each, found.get(row)) for row, each in enumerate(given)], tables)


def _sorted_arguments(files: Files, options: FillOptions) -> tuple[list[str], list[str]]:
    """Return the arguments that are texts, and those that are files.

    Raises DataError for what is neither a file nor a text with a gap (with `suspicious`, of several words), ConfigError
    for what is both.
    """
    texts, paths = list(options.text or ()), list(options.file or ())
    for each in files:
        is_text = bool(re.search(r"\s", each)) if options.suspicious else _has_gap(each, options.gap)
        if each == "-":
            paths.append(each)
        elif is_text and os.path.exists(each):
            raise ConfigError(
                f"expected --text or --file for what is a text and also the name of a file. Received: {each!r}"
            )
        elif is_text:
            texts.append(each)
        elif os.path.exists(each):
            paths.append(each)
        else:
            what = "a text of several words" if options.suspicious else "a text with a gap, such as ___"
            raise DataError(f"expected {what}, or a file that exists. Received: {each[:80]!r}")
    return texts, paths


def _has_gap(text: str, gap: str) -> bool:
    from elman.tasks.filler.gaps import gap_pattern

    return gap_pattern(gap).search(text) is not None


def _lines_with_gaps(model: Filler, path: str, options: FillOptions) -> list[tuple[int, str]]:
    """Return the lines of a file with their numbers. Raises DataError for a line that cannot be filled."""
    lines = list(enumerate(model.lines(path, encoding=options.encoding, errors=options.errors), 1))
    with_gaps = [(number, line) for number, line in lines if _has_gap(line, options.gap)]
    if not with_gaps:
        mark = options.gap or "___"
        raise DataError(
            f"{path}: expected a line with a gap, marked by {mark}. Received: {counted(len(lines), 'line')} without"
        )
    for number, line in with_gaps:
        try:
            model.gapped(line, options.gap)
        except DataError as error:
            raise DataError(f"{path}, line {number}: {error}") from error
    return lines


def _remark_on_unknown(model: Filler, texts: Sequence[str], gap: str, callbacks: EndpointCallbacks) -> None:
    """Say which words around the gaps are unknown."""
    around = " ".join(" ".join(model.gapped(text, gap).pieces) for text in texts)
    if unknown := model.unknown_in(around, "text"):
        callbacks.remark(unknown)


def _suspicious(
    model: Filler, texts: Sequence[str], paths: Sequence[str], options: FillOptions, callbacks: EndpointCallbacks
) -> SuspiciousWords:
    """Find the suspicious words of one text or one file. Raises ConfigError for several."""
    if len(texts) + len(paths) != 1:
        raise ConfigError(f"expected one text or one file with --suspicious. Received: {len(texts) + len(paths)}")
    lines = texts[0].split("\n") if texts else []
    for path in paths:
        lines = list(model.lines(path, encoding=options.encoding, errors=options.errors))
    found = model.suspicious(lines, progress=callbacks.progress)
    return SuspiciousWords(found[: options.top or _SUSPICIOUS], len(found))


@dataclass(frozen=True)
class EvaluateFillerOptions(EvaluateOptions):
    """Options of `evaluate`."""

    noun = "word"


def evaluate(model: Filler, files: Files, options: EvaluateFillerOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute nats per word, perplexity, accuracies, and the share of unknown words."""
    figures = model.evaluate(
        list(files),
        limit=options.limit,
        encoding=options.encoding,
        errors=options.errors,
        progress=callbacks.progress,
    )
    rows = [
        (name, f"{figures[name]:.2%}" if name in _SHARES else f"{figures[name]:,}" if name == "words" else
         number_text(figures[name]))
        for name in _FIGURES
    ]  # fmt: skip
    return Metrics(figures, aligned(rows))
