"""What a trained tagger does: tags of words and frames, figures. Imports no torch."""

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
    Conversation,
    EndpointOptions,
    EvaluateOptions,
    Figures,
    Screen,
    expect_one,
)

if TYPE_CHECKING:
    from elman.data.tagged import Tagged, TaggedSequence
    from elman.tasks.tagger.model import Tagger

__all__ = ["EvaluateTagsOptions", "TagOptions", "Tags", "evaluate", "tag"]

# What a file is written as, by its name.
_FORMS = MappingProxyType({".conllu": "conllu", ".json": "json"})


@dataclass(frozen=True)
class TagOptions(EndpointOptions):
    """What tagging takes."""

    text: list[str] | None = option(None, "A sentence; may be given several times.")
    format: str = option(
        "auto",
        "What the files are; auto goes by their names, else it is a sentence a line (plain).",
        choices=UNTAGGED_FORMATS,
    )
    punctuation: bool = option(False, "Cut punctuation off the words of plain sentences.")
    to: str = option(
        "",
        "Answer in this form; by default text on a terminal, else columns: a word and its tag a line.",
        choices=("", "text", "columns", "conllu", "json"),
        local=True,
    )
    output: Path | None = option(
        None, "Write the answer there; .conllu and .json tell the form.", local=True, flag="-o"
    )
    color: str = option(
        "auto",
        "Colour the tags; auto does so on a terminal, unless NO_COLOR is set.",
        choices=("auto", "always", "never"),
        local=True,
    )
    encoding: str = option("", "The text's encoding, if it is not that of the training data.")

    def check(self, files: tuple[str, ...], call: Call) -> None:
        """Raise ConfigError unless there are either files or texts, and one form of the answer."""
        expect_one(files, self.text, "sentences from files (- for standard input) or by --text")
        if call.as_json and self.to not in ("", "json"):
            raise ConfigError(f"expected one form of the answer. Received: --json and --to {self.to}")


@dataclass(frozen=True)
class Tags(Answer):
    """Tagged sequences.

    sequences  the sequences
    known      every tag that the model knows; each type of them has a colour of its own
    column     the column of CoNLL-U that has the tags
    form       text, columns, conllu or json; by default text on a terminal, else what a file's name says, or columns
    color      always, never, or auto for terminals
    """

    sequences: Sequence[TaggedSequence]
    known: Sequence[str]
    column: str = "upos"
    form: str = ""
    color: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """The sequences as plain values."""
        from elman.data.tagged.write import as_facts

        return {"sequences": [as_facts(each) for each in self.sequences]}

    def to_text(self, screen: Screen) -> Iterable[str]:
        """In the form that was asked for."""
        form = self.form or ("text" if screen.terminal else "columns")
        content = self._written(form, coloured=screen.colour)
        yield printable(content) if screen.terminal and form in ("columns", "conllu") else content

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write a file in the form that was asked for, or that its name says."""
        del remark
        form = "json" if as_json else self.form or _FORMS.get(path.suffix, "columns")
        write_text(path, self._written(form, coloured=False))
        return True

    def _written(self, form: str, *, coloured: bool) -> str:
        """`coloured` where nothing is said of colours."""
        from elman.data.tagged.write import as_columns, as_conllu, as_text

        if form == "json":
            return json.dumps(finite_json(self.to_json()), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
        if form == "conllu":
            return as_conllu(self.sequences, self.column)
        if form == "columns":
            return as_columns(self.sequences)
        return as_text(self.sequences, self.known, self.color == "always" or (self.color == "auto" and coloured))


def tag(model: Tagger, files: tuple[str, ...], options: TagOptions, talk: Conversation) -> Tags:
    """The tags of sentences or frames."""
    found = model.tag(_read(model, files, options), progress=talk.progress)
    column = model.config.data.tag_column or "upos"
    return Tags(found, model.vocabulary.tags, column, options.to, options.color)


def _read(model: Tagger, files: tuple[str, ...], options: TagOptions) -> Tagged:
    """What is to be tagged."""
    from elman.data.tagged import read_plain, read_untagged

    if options.text:
        if model.vocabulary.features:
            raise DataError(f"expected frames of {model.vocabulary.features} numbers for this tagger. Received: text")
        return read_plain(options.text, "--text", punctuation=options.punctuation)
    return read_untagged(
        files, model.config.data, format=options.format, encoding=options.encoding, punctuation=options.punctuation
    )


@dataclass(frozen=True)
class EvaluateTagsOptions(EvaluateOptions):
    """What the evaluation of a tagger takes."""

    noun = "sequence"

    picture: Path | None = option(None, "Draw the result there, as PNG or SVG.", local=True)


def evaluate(model: Tagger, files: tuple[str, ...], options: EvaluateTagsOptions, talk: Conversation) -> Figures:
    """Accuracy, span F1, and figures of every tag and every type of span."""
    from elman.data.tagged.vocabulary import unseen_answers

    known = options.limited(model.read(list(files), encoding=options.encoding, errors=options.errors))
    if strange := unseen_answers(model.vocabulary, known):
        talk.remark(strange)
    report = model.report(known, progress=talk.progress)
    if options.picture is not None:
        from elman.plots.confusion import draw_confusion

        draw_confusion(report.matrix, report.names, options.picture, title=f"tags of {Path(files[0]).name}")
    return Figures(report.to_json(), report.to_text())
