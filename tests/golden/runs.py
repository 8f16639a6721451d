"""The runs that `compare_runs` makes: every task, and those of its options that change how a step is made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.contract import tasks
from tests.golden import cases, data

__all__ = ["RUNS", "GoldenRun"]


class GoldenRun(NamedTuple):
    """A run under comparison.

    kind      the public class
    write     puts data into a folder and returns the files to train on
    options   of the model
    answers   what the trained model is asked
    measures  arguments of its `evaluate`, which reads the files of the training
    sees_all  whether these are those of the validation too
    """

    kind: str
    write: Callable[[Path], list[Path]]
    options: dict[str, Any]
    answers: Callable[[Any], Any]
    measures: dict[str, Any] = {}  # noqa: RUF012
    sees_all: bool = False


def of_task(name: str, kind: str, options: dict[str, Any] | None = None, **more: Any) -> GoldenRun:
    """The contract's case of a task with further options."""
    case = tasks.CASES[name]
    return GoldenRun(kind, case.write, case.options | (options or {}), case.answers, **more)


def of_case(name: str, **options: Any) -> GoldenRun:
    """A golden model's case."""
    case = cases.CASES[name]
    kept = {key: value for key, value in case.options.items() if key != "max_steps"}

    def answers(model: Any) -> Any:
        return {question: ask(model) for question, ask in case.ask.items()}

    return GoldenRun(case.kind, case.write, kept | options, answers, sees_all=case.sees_all)


LIMITED = {"steps": 4}  # of a series, its last steps alone
FORECASTER: dict[str, Any] = {"hidden_size": 5, "context": 10, "horizon": 3, "batch_size": 4}


def forecaster(write: Callable[[Path], list[Path]] = tasks.write_series, **options: Any) -> GoldenRun:
    """A forecaster with these options."""
    return GoldenRun(
        "Forecaster", write, FORECASTER | options, lambda model: model.forecast(horizon=4).to_json(), LIMITED
    )


RUNS: dict[str, GoldenRun] = {
    "language-model": of_task("language-model", "LanguageModel"),
    "language-model-subwords": of_task(
        "language-model",
        "LanguageModel",
        {"tokens": "subwords", "vocabulary_size": 270, "tied": True, "embedding": 8, "cell": "gru", "ema_decay": 0.9},
    ),
    "language-model-words": of_task(
        "language-model",
        "LanguageModel",
        {"tokens": "words", "documents": "lines", "layers": 2, "weight_drop": 0.2, "accumulate": 2, "loss_from": 1},
    ),
    "classifier": of_task("classifier", "Classifier", {"word_dropout": 0.1, "label_smoothing": 0.1}),
    "classifier-bag": of_task("classifier", "Classifier", {"bag": 2, "pool": "attention", "tokens": "characters"}),
    "classifier-series": GoldenRun(
        "Classifier",
        data.write_labelled_series,
        {"hidden_size": 5, "batch_size": 6, "noise": 0.1, "split": (0.6, 0.2, 0.2), "class_weights": "balanced"},
        lambda model: [model.predict_proba(cases.SERIES), model.explain(cases.SERIES)],
    ),
    "classifier-score": GoldenRun(
        "Classifier",
        data.write_ratings,
        {"kind": "regression", "hidden_size": 5, "embedding": 4, "batch_size": 6, "split": (0.8, 0.2, 0.0)},
        lambda model: [model.predict(cases.REVIEWS), model.explain(cases.REVIEWS)],
    ),
    "classifier-series-score": of_case("classifier-scores"),
    "tagger": of_task("tagger", "Tagger"),
    "tagger-crf": of_case("tagger-spans"),
    "tagger-words": of_task("tagger", "Tagger", {"char_embedding": 0, "layers": 1, "ema_decay": 0.0}),
    "forecaster": forecaster(dropout=0.2),
    "forecaster-direct": of_case("forecaster-direct")._replace(measures=LIMITED),
    "forecaster-carry": forecaster(carry=True, distribution="gaussian", members=2, autoregression=0),
    "forecaster-counts": forecaster(
        data.write_counts, distribution="negative-binomial", scaling="none", residual_to_last=False, autoregression=0
    ),
    "forecaster-sampling": forecaster(
        scheduled_sampling=0.5, sampling_epochs=1.0, distribution="point", loss="huber", difference=1
    ),
    "translator": of_task("translator", "Translator"),
    "translator-beams": of_task(
        "translator",
        "Translator",
        {"scheduled_sampling": 0.0, "attention": "bahdanau", "input_feeding": True, "best_by": "chrf"},
        measures={"beams": 3},
    ),
    "translator-subwords": of_task(
        "translator",
        "Translator",
        {"tokens": "subwords", "vocabulary_size": 290, "shared": True, "tied": "all", "attention": "none", "layers": 2},
        measures={"beams": 1},
    ),
    "captioner": of_task("captioner", "Captioner"),
    "captioner-images": of_case("captioner-images"),
    "captioner-both": of_task("captioner", "Captioner", {"vector": "both", "tied": True, "embedding": 5}),
    "transcriber": of_task("transcriber", "Transcriber"),
    "transcriber-strokes": of_case("transcriber-strokes"),
    "transcriber-streaming": of_task(
        "transcriber", "Transcriber", {"bidirectional": False, "normalise": "global"}, measures={"beams": 2}
    ),
    "filler": of_task("filler", "Filler"),
    "filler-lines": of_task(
        "filler", "Filler", {"documents": "lines", "layers": 2, "tied": False, "joined": 5, "cell": "gru"}
    ),
}
