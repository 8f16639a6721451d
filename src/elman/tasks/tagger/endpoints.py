"""Endpoints of the tagger: tag, evaluate. Does not import torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from elman.data.tagged.config import UNTAGGED_FORMATS
from elman.display import finite_json, printable
from elman.errors import ConfigError, DataError
from elman.files import write_text
from elman.options import option
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    EvaluateOptions,
    Files,
    Metrics,
    Screen,
    expect_one,
)

if TYPE_CHECKING:
    from elman.data.tagged import TaggedDataset, TagPrediction
    from elman.tasks.tagger.model import Tagger

__all__ = ["EvaluateTagsOptions", "TagOptions", "Tags", "evaluate", "tag"]

# Output format by file suffix.
_FORMS = MappingProxyType({".conllu": "conllu", ".json": "json"})


@dataclass(frozen=True)
class TagOptions(EndpointOptions):
    """Options of `tag`."""

    text: list[str] | None = option(None, "A sentence; may be given several times.")
    format: str = option(
        "auto", "File format; auto: by file name, otherwise one sentence per line (plain).", choices=UNTAGGED_FORMATS
    )
    punctuation: bool = option(False, "Split punctuation from the words of plain sentences.")
    to: str = option(
        "",
        "Output format; by default text on a terminal, otherwise columns: a word and its tag per line.",
        choices=("", "text", "columns", "conllu", "json"),
        local=True,
    )
    output: Path | None = option(
        None, "Write the tags to this file; .conllu and .json set the format.", local=True, flag="-o"
    )
    color: str = option(
        "auto",
        "Colour the tags; auto: on a terminal, unless NO_COLOR is set.",
        choices=("auto", "always", "never"),
        local=True,
    )
    encoding: str = option("", "Text encoding; by default that of the training data.")

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError unless either files or texts are given, and a single output format."""
        expect_one(files, self.text, "sentences from files (- for standard input) or by --text")
        if call.as_json and self.to not in ("", "json"):
            raise ConfigError(f"expected one output format. Received: --json and --to {self.to}")


@dataclass(frozen=True)
class Tags(Answer):
    """Tagged sequences.

    sequences  the tagged sequences
    known      all tags of the model; each type has its own colour
    column     the CoNLL-U column of the tags
    form       text, columns, conllu or json; by default text on a terminal, and columns or by suffix in a file
    color      always, never, or auto: on terminals
    """

    sequences: Sequence[TagPrediction]
    known: Sequence[str]
    column: str = "upos"
    form: str = ""
    color: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """Return the sequences as plain values."""
        from elman.data.tagged.write import as_facts

        return {"sequences": [as_facts(each) for each in self.sequences]}

    def to_text(self, screen: Screen) -> Iterable[str]:
        """Yield the sequences in the requested format."""
        form = self.form or ("text" if screen.terminal else "columns")
        content = self._written(form, coloured=screen.colour)
        yield printable(content) if screen.terminal and form in ("columns", "conllu") else content

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write the sequences in the requested format, or in that of the suffix."""
        del remark
        form = "json" if as_json else self.form or _FORMS.get(path.suffix, "columns")
        write_text(path, self._written(form, coloured=False))
        return True

    def _written(self, form: str, *, coloured: bool) -> str:
        """Format the sequences; `coloured` applies if `color` is auto."""
        from elman.data.tagged.write import as_columns, as_conllu, as_text

        if form == "json":
            return json.dumps(finite_json(self.to_json()), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        if form == "conllu":
            return as_conllu(self.sequences, self.column)
        if form == "columns":
            return as_columns(self.sequences)
        return as_text(self.sequences, self.known, self.color == "always" or (self.color == "auto" and coloured))


def tag(model: Tagger, files: Files, options: TagOptions, callbacks: EndpointCallbacks) -> Tags:
    """Tag sentences or frames."""
    found = model.tag(_read(model, files, options), progress=callbacks.progress)
    column = model.config.data.tag_column or "upos"
    return Tags(found, model.vocabulary.tags, column, options.to, options.color)


def _read(model: Tagger, files: Files, options: TagOptions) -> TaggedDataset:
    """Read the sequences to tag."""
    from elman.data.tagged import read_plain, read_untagged

    if options.text:
        if model.vocabulary.features:
            raise DataError(f"expected frames of {model.vocabulary.features} numbers for this tagger. Received: text")
        return read_plain(options.text, "--text", punctuation=options.punctuation)
    return read_untagged(
        files,
        model.config.data,
        format=options.format,
        encoding=options.encoding,
        punctuation=options.punctuation,
        tags=frozenset(model.vocabulary.tags),
    )


@dataclass(frozen=True)
class EvaluateTagsOptions(EvaluateOptions):
    """Options of `evaluate`."""

    noun = "sequence"

    picture: Path | None = option(None, "Plot the confusion matrix to this PNG or SVG file.", local=True)


def evaluate(model: Tagger, files: Files, options: EvaluateTagsOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute accuracy, span F1, and metrics of every tag and every type of span."""
    from elman.data.tagged.vocabulary import broken_tags, unseen_answers

    known = options.limited(model.read(list(files), encoding=options.encoding, errors=options.errors))
    for remark in (broken_tags(model.vocabulary, known), unseen_answers(model.vocabulary, known)):
        if remark:
            callbacks.remark(remark)
    report = model.report(known, progress=callbacks.progress)
    if options.picture is not None:
        from elman.plots.confusion import draw_confusion

        draw_confusion(report.matrix, report.names, options.picture, title=f"tags of {Path(files[0]).name}")
    return Metrics(report.to_json(), report.to_text())
