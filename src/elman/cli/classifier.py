"""What a classifier answers: `elman predict` and `elman evaluate`. Imports torch only when one is opened."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from elman.cli.classifier_answers import Answer, answers, groups
from elman.cli.evaluate import EvaluateFlags
from elman.cli.flags import INPUT
from elman.cli.model_folder import open_model
from elman.cli.output import Progress, print_json, remark
from elman.display import aligned, plain
from elman.errors import ConfigError

if TYPE_CHECKING:
    from elman.tasks.classifier.explain import Explanation
    from elman.tasks.classifier.fitted import Fitted

__all__ = ["evaluate_examples", "predict"]

# Of a series, so many steps are named that mattered most; of a table, so much of a text is shown.
_STEPS_TOLD, _SHOWN = 10, 200


def predict(
    model: Annotated[Path, Parameter(help="The model's folder.")],
    /,
    *data: Annotated[
        str, INPUT, Parameter(help="Files or folders, read as the training data was; - for lines of standard input.")
    ],
    text: Annotated[
        list[str] | None, Parameter(allow_leading_hyphen=True, help="A text; may be given several times.")
    ] = None,
    proba: Annotated[
        bool, Parameter(negative="", show_default=False, help="Tell the probability of every class.")
    ] = False,
    explain: Annotated[
        bool, Parameter(negative="", show_default=False, help="Show which words or steps spoke for the answer.")
    ] = False,
    picture: Annotated[
        Path | None, Parameter(help="Draw which steps of the first example mattered there, as PNG or SVG.")
    ] = None,
    color: Annotated[
        Literal["auto", "always", "never"],
        Parameter(help="Colour the words of --explain; auto does so on a terminal, unless NO_COLOR is set."),
    ] = "auto",
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], help="Write the answers there, as CSV, and not to the screen.")
    ] = None,
    encoding: Annotated[
        str | None, Parameter(help="The text's encoding, if it is not that of the model's data.")
    ] = None,
    errors: Annotated[
        Literal["strict", "replace", "ignore"] | None, Parameter(help="What to do with bytes that are not text.")
    ] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")] = False,
) -> None:
    """Tell the class, or the score, of texts or series.

    Lines of standard input are answered as they come; each is a text. With `--explain` every word is marked by
    gradient x input: what spoke for the answer, and what against it.

    For example:

        elman predict model --text "a delight from start to end" --explain
        elman predict model new.csv -o answers.csv --proba
        tail -f log.txt | elman predict model -
        elman predict model test.ts --picture mattered.png
    """
    if bool(data) == (text is not None):
        received = "both" if data else "neither"
        raise ConfigError(f"expected data, from files (- for standard input) or by --text. Received: {received}")
    for line in text or ():
        _check_text(line)
    if json and output is not None:
        raise ConfigError("expected answers either as CSV (-o) or as JSON. Received: both")
    fitted: Fitted = open_model(model, "classifier").fitted
    read_as(fitted, encoding, errors)
    explained = explain or picture is not None
    found: Iterator[Answer] = (
        answer for group in groups(fitted, data, text) for answer in answers(fitted, group, explained)
    )
    if picture is not None:
        found = _drawing(found, fitted, picture)
    if json:
        print_json({"examples": [answer.facts(fitted.reads_text, proba) for answer in found]})
    elif output is not None:
        _write_csv(output, found, fitted, proba)
    else:
        on_terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        colour = color == "always" or (color == "auto" and on_terminal)
        _print(found, fitted, proba=proba, explain=explain, colour=colour)


def read_as(fitted: Fitted, encoding: str | None, errors: str | None) -> None:
    """Read data in another way than that which the model was trained on."""
    own = fitted.config.data
    data = dataclasses.replace(own, encoding=encoding or own.encoding, errors=errors or own.errors, labels="")
    fitted.config = dataclasses.replace(fitted.config, data=data)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"expected --text to be text. Received: bytes that are not, at character {error.start}"
        ) from None


def _drawing(found: Iterator[Answer], fitted: Fitted, picture: Path) -> Iterator[Answer]:
    """The answers as they are; the first one is drawn."""
    from elman.plots.saliency import draw_series_weights, draw_token_weights

    count = 0
    for count, answer in enumerate(found, 1):
        if count == 1 and answer.explanation is not None:
            steps = answer.explanation
            title = f"score {answer.value:.4g}" if answer.label is None else f"{answer.label}, {answer.value:.1%}"
            if steps.values is None:
                draw_token_weights(steps.pieces, steps.weights, picture, title, joiner=_joiner(fitted))
            else:
                channels = getattr(fitted.encoder, "channels", ())
                draw_series_weights(steps.values, steps.weights, channels, picture, title)
        yield answer
    if count > 1:
        remark(f"the picture shows the first of {count:,} examples")


def _print(found: Iterator[Answer], fitted: Fitted, *, proba: bool, explain: bool, colour: bool) -> None:
    """A line for each answer, as it comes."""
    names = fitted.names
    width = min(24, max((len(plain(name)) for name in names), default=0))
    for answer in found:
        shown = plain(answer.shown)
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
        if answer.label is None:
            print(f"{answer.value:12.6g}  {shown}")
        else:
            print(f"{plain(answer.label):<{width}}  {answer.value:6.1%}  {shown}")
        if proba and answer.probabilities:
            ranked = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])
            print("\n".join(f"    {value:6.1%}  {plain(name)}" for name, value in ranked))
        if explain and answer.explanation is not None:
            print("    " + _marked(answer.explanation, _joiner(fitted), colour))
        sys.stdout.flush()


def _joiner(fitted: Fitted) -> str:
    return getattr(fitted.encoder, "joiner", " ")


def _marked(explanation: Explanation, joiner: str, colour: bool) -> str:
    """A text with its words marked; of a series, the steps that mattered most."""
    from elman.plots.saliency import coloured

    if explanation.values is None:
        return coloured(explanation.pieces, explanation.weights, colour=colour, joiner=joiner)
    by_step_T = explanation.weights.sum(axis=1)
    most = sorted(range(len(by_step_T)), key=lambda step: -abs(by_step_T[step]))[:_STEPS_TOLD]
    return "steps: " + ", ".join(f"{step + 1} ({by_step_T[step]:+.3g})" for step in sorted(most))


def _write_csv(path: Path, found: Iterator[Answer], fitted: Fitted, proba: bool) -> None:
    """All answers as a table, written whole or not at all."""
    from elman.files import write_text

    names = fitted.names
    head = ["text" if fitted.reads_text else "place", *(("label", "probability") if names else ("score",))]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*head, *([f"probability of {name}" for name in names] if proba else [])])
    count = 0
    for answer in found:
        count += 1
        row: list[Any] = [answer.shown, *([] if answer.label is None else [answer.label]), answer.value]
        writer.writerow([*row, *(answer.probabilities.values() if proba else ())])
    write_text(path, table.getvalue())
    remark(f"{count:,} answers in {path}")


def evaluate_examples(model: Path, data: tuple[str, ...], flags: EvaluateFlags) -> None:
    """`elman evaluate` for a classifier: figures, a report by class, the confusion matrix, and its picture."""
    from elman.data.examples import read_examples

    if flags.limit is not None and flags.limit < 1:
        raise ConfigError(f"expected --limit of at least 1 example. Received: {flags.limit}")
    fitted: Fitted = open_model(model, "classifier").fitted
    read_as(fitted, flags.encoding, flags.errors)
    with Progress() as progress:
        examples = read_examples(list(data), fitted.config.data, progress=progress)
    if flags.limit is not None:
        examples = examples.take(range(min(flags.limit, len(examples))))
    names = fitted.names
    if flags.picture is not None and not names:
        raise ConfigError(f"expected --picture for a model of classes only. Received: {flags.picture} for a score")
    figures = fitted.evaluate(examples)
    if flags.picture is not None:
        import numpy as np

        from elman.plots.confusion import draw_confusion

        title = f"{figures['examples']:,} examples, accuracy {figures['accuracy']:.2%}"
        draw_confusion(np.array(figures["confusion"]), names, flags.picture, title=title)
    if flags.json:
        print_json(figures)
    elif names:
        _print_report(figures, names)
    else:
        rows = [(name, f"{figures[name]:,}" if name == "examples" else f"{figures[name]:.6g}") for name in figures]
        print(aligned(rows, right=[1]))


def _print_report(figures: dict[str, Any], names: Sequence[str]) -> None:
    """Figures, a row a class, and the confusion matrix."""
    import numpy as np

    from elman.metrics.confusion import confusion_text

    told = ("accuracy", "macro_f1", "log_loss", "brier", "ece", "ece_before", "temperature")
    rows = [
        ("examples", f"{figures['examples']:,}"),
        *((name.replace("_", " "), f"{figures[name]:.4f}") for name in told),
    ]
    print(aligned(rows, right=[1]))
    head = ("class", "precision", "recall", "f1", "support")
    table = [
        (plain(each["name"]), *(f"{each[name]:.4f}" for name in head[1:4]), f"{each['support']:,}")
        for each in figures["classes"]
    ]
    print()
    print(aligned([head, *table], right=[1, 2, 3, 4]))
    print()
    print(confusion_text(np.array(figures["confusion"]), [plain(name) for name in names]))
