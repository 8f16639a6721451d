"""What a tagger answers: `elman tag`, `elman evaluate`. Imports torch only when a model is opened."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from elman.cli.evaluate import EvaluateFlags
from elman.cli.flags import INPUT
from elman.cli.model_folder import open_model
from elman.cli.output import print_json, remark
from elman.cli.tagger_output import as_columns, as_conllu, as_facts, as_text
from elman.display import aligned, printable
from elman.errors import ConfigError, DataError
from elman.files import write_text

if TYPE_CHECKING:
    from elman.data.tagged import Tagged
    from elman.tasks.tagger import Tagger
    from elman.tasks.tagger.report import Report

__all__ = ["evaluate_tags", "tag"]

Form = Literal["text", "columns", "conllu", "json"]
# What a file is written as, by its name.
_FORMS: dict[str, Form] = {".conllu": "conllu", ".json": "json"}


def tag(
    model: Annotated[Path, Parameter(help="The model's folder.")],
    files: Annotated[
        tuple[str, ...], INPUT, Parameter(help="Files or folders; - for standard input, a sentence a line.")
    ] = (),
    /,
    *,
    text: Annotated[
        list[str] | None,
        Parameter(allow_leading_hyphen=True, help="A sentence; may be given several times."),
    ] = None,
    format: Annotated[
        Literal["auto", "plain", "conllu", "columns", "triples", "frames"],
        Parameter(help="What the files are; auto goes by their names, else it is a sentence a line (plain)."),
    ] = "auto",
    punctuation: Annotated[
        bool, Parameter(negative="", show_default=False, help="Cut punctuation off the words of plain sentences.")
    ] = False,
    to: Annotated[
        Form | None,
        Parameter(help="Answer in this form; by default text on a terminal, else columns: a word and its tag a line."),
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], help="Write the answer there; .conllu and .json tell the form."),
    ] = None,
    color: Annotated[
        Literal["auto", "always", "never"],
        Parameter(help="Colour the tags; auto does so on a terminal, unless NO_COLOR is set."),
    ] = "auto",
    encoding: Annotated[
        str | None, Parameter(help="The text's encoding, if it is not that of the training data.")
    ] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="The same as --to json.")] = False,
) -> None:
    """Tell the tag of every word or frame, and the sentence's label where the tagger learnt it.

    For example:

        elman tag model --text "play the song little robin redbreast"
        elman tag model sentences.txt --punctuation -o tagged.conllu
        echo "the cat sat on the mat" | elman tag model - --json
    """
    if bool(files) == (text is not None):
        received = "both" if files else "neither"
        raise ConfigError(f"expected sentences from files (- for standard input) or by --text. Received: {received}")
    if json and to not in (None, "json"):
        raise ConfigError(f"expected one form of the answer. Received: --json and --to {to}")
    tagger: Tagger = open_model(model, "tagger")
    data = _read(tagger, files, text or [], format, punctuation, encoding)
    form = "json" if json else to or _form_for(output)
    answers = tagger.tag(data)
    if form == "json":
        facts = {"sequences": [as_facts(answer) for answer in answers]}
        if output is None:
            print_json(facts)
            return
        import json as writer

        content = writer.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    elif form == "conllu":
        content = as_conllu(answers, tagger.config.data.tag_column or "upos")
    elif form == "columns":
        content = as_columns(answers)
    else:
        shown = output is None and sys.stdout.isatty() and "NO_COLOR" not in os.environ
        coloured = color == "always" or (color == "auto" and shown)
        content = as_text(answers, tagger.vocabulary.tags, coloured)
    if output is None:
        sys.stdout.write(printable(content) if sys.stdout.isatty() and form in ("columns", "conllu") else content)
    else:
        write_text(output, content)


def _form_for(output: Path | None) -> Form:
    if output is not None:
        return _FORMS.get(output.suffix, "columns")
    return "text" if sys.stdout.isatty() else "columns"


def _read(
    tagger: Tagger, files: tuple[str, ...], text: list[str], format: str, punctuation: bool, encoding: str | None
) -> Tagged:
    """What is to be tagged."""
    from elman.data.tagged import joined, plain_format_of, read_plain

    if text:
        if tagger.vocabulary.features:
            raise DataError(f"expected frames of {tagger.vocabulary.features} numbers for this tagger. Received: text")
        return read_plain(text, "--text", punctuation=punctuation)
    parts: list[Tagged] = []
    for file in files:
        kind = plain_format_of(file) if format == "auto" else format
        parts.append(tagger.read(file, format=kind, with_tags=False, encoding=encoding or "", punctuation=punctuation))
    return joined(parts)


def evaluate_tags(model: Path, data: tuple[str, ...], flags: EvaluateFlags) -> None:
    """`elman evaluate` for a tagger: accuracy, span F1, and a report for every tag and every type of span."""
    if flags.limit is not None and flags.limit < 1:
        raise ConfigError(f"expected --limit of at least 1 sequence. Received: {flags.limit}")
    tagger: Tagger = open_model(model, "tagger")
    known = tagger.read(list(data), encoding=flags.encoding or "", errors=flags.errors or "")
    if flags.limit is not None:
        known = known.take(range(min(flags.limit, len(known))))
    from elman.tasks.tagger.run import unseen_answers

    strange = unseen_answers(tagger.vocabulary, known)
    if strange:
        remark(strange)
    report = tagger.report(known)
    if flags.picture is not None:
        from elman.plots.confusion import draw_confusion

        draw_confusion(report.matrix, report.names, flags.picture, title=f"tags of {Path(data[0]).name}")
    if flags.json:
        print_json(_facts(report))
        return
    print(aligned([(name.replace("_", " "), _shown(name, value)) for name, value in report.figures.items()], right=[1]))
    for what, figures in (("span", report.spans), ("tag", report.tags)):
        if figures:
            rows = [(what, "precision", "recall", "F1", "count")]
            rows += [
                (each.name, f"{each.precision:.2%}", f"{each.recall:.2%}", f"{each.f1:.2%}", f"{each.support:,}")
                for each in figures
            ]
            print()
            print(aligned(rows, right=[1, 2, 3, 4]))


def _shown(name: str, value: float) -> str:
    if name == "tokens":
        return f"{value:,.0f}"
    return f"{value:.4f}" if name == "loss" else f"{value:.2%}"


def _facts(report: Report) -> dict[str, Any]:
    """A report as plain values."""

    def told(figures: list[Any]) -> dict[str, dict[str, float]]:
        return {
            each.name: {"precision": each.precision, "recall": each.recall, "f1": each.f1, "support": each.support}
            for each in figures
        }

    return {**report.figures, "spans": told(report.spans), "tags": told(report.tags)}
