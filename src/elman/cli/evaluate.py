"""`elman evaluate`: how good a model of any task is on other data. Imports torch only when a model is opened."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, whole_number
from elman.errors import ArtifactError, ConfigError

__all__ = ["EvaluateFlags", "evaluate"]

# Of each task, the function that evaluates: its arguments are the model's folder, the data, and the flags.
_EVALUATE = MappingProxyType(
    {
        "language-model": "elman.cli.language_model:evaluate_text",
        "classifier": "elman.cli.classifier:evaluate_examples",
        "tagger": "elman.cli.tagger:evaluate_tags",
        "forecaster": "elman.cli.forecaster:evaluate_forecasts",
        "translator": "elman.cli.translator_figures:evaluate_pairs",
        "captioner": "elman.cli.captioner:evaluate_captions",
        "transcriber": "elman.cli.transcriber:evaluate_transcripts",
    }
)

# Flags that are not for every task.
_OF_TASKS = MappingProxyType(
    {
        "beams": ("translator", "captioner", "transcriber"),
        "ensemble": ("translator",),
        "lm": ("transcriber",),
        "lm_weight": ("transcriber",),
    }
)

Count = Annotated[int, Parameter(converter=whole_number)]


@dataclass(frozen=True, kw_only=True)
class EvaluateFlags:
    """What an evaluation is told. A task refuses what it has no use for."""

    limit: Annotated[Count | None, Parameter(help="Use the first so many tokens or sequences only.")] = None
    encoding: Annotated[str | None, Parameter(help="The text's encoding, if it is not that of the model's texts.")] = (
        None
    )
    errors: Annotated[
        Literal["strict", "replace", "ignore"] | None, Parameter(help="What to do with bytes that are not text.")
    ] = None
    picture: Annotated[Path | None, Parameter(help="Draw the result there, as PNG or SVG.")] = None
    beams: Annotated[Count | None, Parameter(help="Answers of text: hypotheses of the search.")] = None
    ensemble: Annotated[
        list[Path] | None, Parameter(consume_multiple=True, help="Translators: further models that decide together.")
    ] = None
    lm: Annotated[Path | None, Parameter(help="Transcribers: a language model of characters beside.")] = None
    lm_weight: Annotated[float | None, Parameter(help="Transcribers: what its log-probabilities count.")] = None
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")] = False

    def refuse(self, task: str, *names: str) -> None:
        """Raise ConfigError where one of `names` was given: a `task` has no use for it."""
        for name in names:
            if getattr(self, name) is not None:
                raise ConfigError(
                    f"expected no --{name.replace('_', '-')} for a {task}. Received: {getattr(self, name)}"
                )


_Flags: TypeAlias = Annotated[EvaluateFlags | None, Parameter(name="*")]


def evaluate(
    model: Annotated[Path, Parameter(help="The model's folder.")],
    /,
    *data: Annotated[str, INPUT, Parameter(help="Files, folders or globs; - for standard input.")],
    flags: _Flags = None,
) -> None:
    """Measure how good a model is on data that it has not seen.

    A language model: nats and bits by token and by character, perplexity, accuracy. Every token that has one before it
    is predicted once, with the state carried over the whole text. A classifier: accuracy and F1, how far its
    probabilities can be trusted, a report by class and the confusion matrix, which `--picture` draws; of scores, their
    errors. A tagger: accuracy, span F1, figures of every tag and type of span. A forecaster: the errors one step ahead
    on what comes after its training data, or on the last `--limit` steps. A translator: perplexity, accuracy by token,
    BLEU and chrF of its translations with sacrebleu's signatures, and how many are exact. A captioner: the same of its
    captions, of all references. A transcriber: word and character error rate, and how many texts are right as a whole.

    For example:

        elman evaluate model test.txt
        elman evaluate sentiment test.csv --picture confusion.png
        elman evaluate model corpus/ --limit 100000 --json
        elman evaluate translator test.de test.en
        elman evaluate transcriber test.csv --lm lm
    """
    if not data:
        raise ConfigError("expected data to evaluate on: elman evaluate MODEL DATA. Received: none")
    from elman import artifact

    task = artifact.read(model).task
    if task not in _EVALUATE:
        raise ArtifactError(f"{model}: expected a task among {', '.join(_EVALUATE)}. Received: {task!r}")
    flags = flags or EvaluateFlags()
    flags.refuse(task, *(name for name, tasks in _OF_TASKS.items() if task not in tasks))
    module, name = _EVALUATE[task].split(":")
    getattr(importlib.import_module(module), name)(model, data, flags)
