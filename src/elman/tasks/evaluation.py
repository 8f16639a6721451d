"""Comparison of a trained model with the simple rules of its task on new data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import Any

from elman.data.sources import Sources
from elman.decode.evaluation_mode import evaluation_mode
from elman.display import Progress
from elman.errors import ConfigError
from elman.metrics.verdict import Verdict
from elman.options import automatic_value
from elman.tasks.comparison import compare
from elman.tasks.endpoint import Answer, Screen
from elman.tasks.model import TaskModel
from elman.tasks.setup import Setup
from elman.tasks.training_files import training_files

__all__ = ["ComparedAnswer", "compare_on"]

# Seconds that the rules may take.
_SECONDS = 60.0


class ComparedAnswer(Answer):
    """The answer of an evaluation, followed by the verdict on the same data."""

    def __init__(self, answer: Answer, verdict: Verdict) -> None:
        self.answer = answer
        self.verdict = verdict

    def to_json(self) -> Any:
        """Return the metrics with the verdict."""
        return {**self.answer.to_json(), "verdict": self.verdict.to_json()}

    def to_text(self, screen: Screen) -> Iterable[str]:
        """Return the text of the answer and of the verdict."""
        yield from self.answer.to_text(screen)
        yield f"\n{self.verdict.to_text()}\n"


def compare_on(
    model: TaskModel[Any, Any, Any],
    folder: str | os.PathLike[str],
    files: Sequence[str],
    *,
    progress: Progress | None = None,
) -> Verdict:
    """Fit the rules on the training files of the model in `folder`, which are read again, and compare on `files`.

    Raises ArtifactError if the folder does not say which these are, DataError if they cannot be read, ConfigError for a
    task that is not compared on test data.
    """
    setup_class: type[Setup[Any, Any, Any, Any]] = model.setup_class
    if "-" in files:
        raise ConfigError("expected files with --baseline, which reads them twice. Received: standard input")
    known = training_files(folder)
    sources = Sources(known.train, known.valid, files, known.labels)
    config = model.config if known.test else _with_parts(model.config)
    setup = setup_class.open(config, sources, vocabulary=model.vocabulary, progress=progress)
    setup.network.load_stored(model.network.stored())
    comparison = setup.comparison(0)
    if comparison is None or comparison.part != "test":
        raise ConfigError(
            f"expected no --baseline: the rules of a {setup_class.title()} are not compared on test data. "
            "Received: --baseline"
        )
    with evaluation_mode(setup.network):
        verdict = compare(comparison, _SECONDS)
    if verdict is None:
        raise ConfigError("expected data to compare on. Received: none")
    return verdict


def _with_parts(config: Any) -> Any:
    """Return the options with the shares that the training run cut from its data, since it had no test files."""
    for name in config.sections():
        section = getattr(config, name)
        for share in ("split", "held_out"):
            if getattr(section, share, 0) is None:
                cut = dataclasses.replace(section, **{share: automatic_value(section, share)})
                return dataclasses.replace(config, **{name: cut})
    return config
