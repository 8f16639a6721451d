"""Endpoints of the classifier: predict, evaluate. Does not import torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.artifact import Artifact
from elman.data.cells import csv_line
from elman.display import plain
from elman.errors import ConfigError
from elman.files import write_text
from elman.options import check_text, option, with_given
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    EvaluateOptions,
    Metrics,
    Screen,
    errors_option,
    expect_one,
)

if TYPE_CHECKING:
    from elman.data.examples import Examples, ExamplesConfig
    from elman.data.examples.vocabulary import ClassifierVocabulary
    from elman.nn.attribution import Explanation
    from elman.tasks.classifier.model import Classifier

__all__ = ["EvaluateClassesOptions", "PredictOptions", "Predictions", "evaluate", "info_facts", "predict"]

# Number of characters of a text that are shown.
_SHOWN = 200


@dataclass(frozen=True)
class PredictOptions(EndpointOptions):
    """Options of `predict`."""

    text: list[str] | None = option(None, "A text; may be given several times.")
    proba: bool = option(False, "Show the probability of every class.")
    explain: bool = option(False, "Show the contribution of each word or time step.")
    picture: Path | None = option(
        None, "Plot the contributions for the first example to this PNG or SVG file.", local=True
    )
    color: str = option(
        "auto",
        "Colour the words of --explain; auto: on a terminal, unless NO_COLOR is set.",
        choices=("auto", "always", "never"),
        local=True,
    )
    output: Path | None = option(None, "Write the predictions to this CSV file.", local=True, flag="-o")
    encoding: str = option("", "Text encoding; by default that of the training data.")
    errors: str = errors_option()

    def check(self, files: tuple[str, ...], call: Call) -> None:
        """Raise ConfigError unless either files or texts are given, and a single output format."""
        expect_one(files, self.text, "data, from files (- for standard input) or by --text")
        for text in self.text or ():
            check_text(text)
        if call.as_json and self.output is not None:
            raise ConfigError("expected answers either as CSV (-o) or as JSON. Received: both")


@dataclass(frozen=True)
class Prediction:
    """The prediction for one example.

    shown          the text, or the place of the series in its file
    label          the predicted class; None for a regression and for an empty line
    value          the probability of the class, or the predicted number; None for an empty line
    probabilities  the probability of every class, by name; empty for a regression
    explanation    the contribution of each token or time step; None if not requested
    """

    shown: str
    label: str | None
    value: float | None
    probabilities: dict[str, float]
    explanation: Explanation | None


class Predictions(Answer):
    """A stream of predictions, formatted according to `options`."""

    def __init__(self, found: Iterable[Prediction], options: PredictOptions, vocabulary: ClassifierVocabulary) -> None:
        self.found = found
        self.options = options
        self.joiner = vocabulary.joiner
        self.names = vocabulary.names
        self.what = "text" if vocabulary.reads_text else "place"

    def to_json(self) -> dict[str, Any]:
        """Return an object for each example."""
        return {"examples": [self._facts(each) for each in self.found]}

    def _facts(self, each: Prediction) -> dict[str, Any]:
        facts: dict[str, Any] = {self.what: each.shown}
        facts |= {"label": each.label, "probability": each.value} if self.names else {"score": each.value}
        if self.options.proba and each.label is not None:
            facts["probabilities"] = each.probabilities
        if each.explanation is not None:
            facts["weights"] = each.explanation.weights.tolist()
            if each.explanation.pieces:
                facts["pieces"] = list(each.explanation.pieces)
        return facts

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield a line for each example, with probabilities and explanation if requested; an empty line for one."""
        colour = self.options.color == "always" or (self.options.color == "auto" and screen.colour)
        width = min(24, max((len(plain(name)) for name in self.names), default=0))
        for each in self.found:
            if each.value is None:
                yield "\n"
                continue
            shown = plain(each.shown)
            shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
            if each.label is None:
                lines = [f"{each.value:12.6g}  {shown}"]
            else:
                lines = [f"{plain(each.label):<{width}}  {each.value:6.1%}  {shown}"]
            if self.options.proba:
                ranked = sorted(each.probabilities.items(), key=lambda pair: -pair[1])
                lines += [f"    {value:6.1%}  {plain(name)}" for name, value in ranked]
            if self.options.explain and each.explanation is not None:
                lines.append("    " + self._marked(each.explanation, colour))
            yield "\n".join(lines) + "\n"

    def _marked(self, explanation: Explanation, colour: bool) -> str:
        """Return a text with marked words, or the most important time steps of a series."""
        from elman.plots.saliency import coloured, strongest_steps

        if explanation.values is not None:
            return f"steps: {strongest_steps(explanation.weights.sum(axis=1))}"
        return coloured(explanation.pieces, explanation.weights, colour=colour, joiner=self.joiner)

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write all predictions as CSV, atomically."""
        del as_json
        shares = self.names if self.options.proba else ()
        columns = ["label", "probability", *(f"probability of {name}" for name in shares)]
        lines = [csv_line([self.what, *(columns if self.names else ["score"])])]
        for each in self.found:
            label = [each.label] if self.names else []
            lines.append(csv_line([each.shown, *label, each.value, *(each.probabilities.get(name) for name in shares)]))
        write_text(path, "".join(lines))
        remark(f"{len(lines) - 1:,} answers in {path}")
        return True


def predict(
    model: Classifier, files: tuple[str, ...], options: PredictOptions, callbacks: EndpointCallbacks
) -> Predictions:
    """Predict the class or the number of texts, or of the examples in files."""
    from elman.data.examples.arguments import example_groups

    vocabulary, explained = model.vocabulary, options.explain or options.picture is not None
    if options.text is not None and not vocabulary.reads_text:
        raise ConfigError("expected --text for a model of texts only. Received: --text for a model of series")
    groups = example_groups(files, options.text, _reading(model, options), texts=vocabulary.reads_text)
    found = _answers(model, groups, explained)
    if options.picture is not None:
        found = _drawing(found, options.picture, vocabulary, callbacks)
    return Predictions(found, options, vocabulary)


def _reading(model: Classifier, options: PredictOptions | EvaluateOptions) -> ExamplesConfig:
    """Return the data options of training, with encoding and errors from `options`."""
    own = dataclasses.replace(model.config.data, labels="")
    return with_given(own, encoding=options.encoding, errors=options.errors)


def _answers(model: Classifier, groups: Iterator[Examples], explained: bool) -> Iterator[Prediction]:
    """Yield a prediction for each example."""
    for examples in groups:
        yield from _group_answers(model, examples, explained)


def _group_answers(model: Classifier, examples: Examples, explained: bool) -> list[Prediction]:
    """Return a prediction for each example, and an empty one for an empty line."""
    from elman.data.blank_lines import answer_lines

    shown = [str(each) for each in (examples.inputs if examples.kind == "text" else examples.places)]
    return answer_lines(
        shown,
        lambda rows: _predicted(model, examples.take(rows), [shown[row] for row in rows], explained),
        lambda row: Prediction(shown[row], None, None, {}, None),
    )


def _predicted(model: Classifier, examples: Examples, shown: list[str], explained: bool) -> Iterator[Prediction]:
    """Yield a prediction for each example, which has text or steps."""
    names = model.vocabulary.names
    found = (model.predict_proba if names else model.predict)(examples).tolist()
    explanations = model.explain(examples) if explained else [None] * len(examples)
    for each, answer, explanation in zip(shown, found, explanations, strict=True):
        if names:
            by_name = dict(zip(names, answer, strict=True))
            best = max(by_name, key=by_name.__getitem__)
            yield Prediction(each, best, by_name[best], by_name, explanation)
        else:
            yield Prediction(each, None, answer, {}, explanation)


def _drawing(
    found: Iterator[Prediction], path: Path, vocabulary: ClassifierVocabulary, callbacks: EndpointCallbacks
) -> Iterator[Prediction]:
    """Yield the predictions unchanged; plot the explanation of the first."""
    from elman.plots.saliency import draw_series_weights, draw_token_weights

    count = 0
    for each in found:
        count += each.explanation is not None
        if count == 1 and each.explanation is not None and each.value is not None:
            steps = each.explanation
            title = f"score {each.value:.4g}" if each.label is None else f"{each.label}, {each.value:.1%}"
            if steps.values is None:
                draw_token_weights(steps.pieces, steps.weights, path, title, joiner=vocabulary.joiner)
            else:
                draw_series_weights(steps.values, steps.weights, vocabulary.channels, path, title)
        yield each
    if count > 1:
        callbacks.remark(f"the plot shows the first of {count:,} examples")


@dataclass(frozen=True)
class EvaluateClassesOptions(EvaluateOptions):
    """Options of `evaluate`."""

    noun = "example"

    picture: Path | None = option(None, "Plot the confusion matrix to this PNG or SVG file.", local=True)


def evaluate(
    model: Classifier, files: tuple[str, ...], options: EvaluateClassesOptions, callbacks: EndpointCallbacks
) -> Metrics:
    """Compute metrics, a report for each class, and the confusion matrix; for a regression, its errors."""
    from elman.data.examples import read_examples
    from elman.metrics.classification import evaluation_text

    examples = options.limited(read_examples(list(files), _reading(model, options), progress=callbacks.progress))
    names = model.vocabulary.names
    if options.picture is not None and not names:
        raise ConfigError(
            f"expected --picture for a model of classes only. Received: {options.picture} for a regression"
        )
    figures = model.evaluate(examples, progress=callbacks.progress)
    if options.picture is not None:
        from elman.plots.confusion import draw_confusion

        title = f"{figures['examples']:,} examples, accuracy {figures['accuracy']:.2%}"
        draw_confusion(figures["confusion"], names, options.picture, title=title)
    return Metrics(figures, evaluation_text(figures))


def info_facts(described: Artifact) -> dict[str, Any]:
    """Return the vocabulary size of a text classifier for `elman info`."""
    from elman.data import vocabulary_from_json

    content = (described.vocabulary or {}).get("text")
    return {} if content is None else {"vocabulary": vocabulary_from_json(content).size}
