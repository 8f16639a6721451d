"""Models of one task side by side: the options that differ, sizes, times, figures, and the curves of their losses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elman.display import Progress, plain, span
from elman.errors import ConfigError
from elman.options import to_json
from elman.tasks.paired import PairedResult, compare_on_data
from elman.tasks.registry import find, load
from elman.train.history import read_curves

__all__ = ["ComparedModel", "ModelComparison", "compare"]

_PARTS = {"train": "training", "valid": "validation", "test": "test"}
_MANY_SHOWN = 12


@dataclass(frozen=True)
class ComparedModel:
    """What is compared of one model.

    name        the path of its folder, or a given name
    parameters  number of weights
    steps, seconds  of its training; None if they are not known
    options     every option by its name
    data        the description of its training data
    metrics     the record of its run
    curves      rows of step, seconds and losses; empty for a model that has none
    started_from  the model that its run started from; None without one
    """

    name: str
    parameters: int
    steps: int | None
    seconds: float | None
    options: Mapping[str, Any]
    data: Mapping[str, Any]
    metrics: Mapping[str, Any]
    curves: Sequence[Mapping[str, float | int | None]] = field(default=(), repr=False)
    started_from: str | None = None

    @classmethod
    def of(cls, name: str, model: Any, folder: Path | None) -> ComparedModel:
        """Return the facts of a trained model, and the curves in its folder. Raises ConfigError, ArtifactError."""
        config, training = model.config, model.training
        sections = [to_json(getattr(config, section)) for section in config.sections()]
        return cls(
            name,
            model.network.count_parameters(),
            training.get("steps"),
            training.get("seconds"),
            {option: value for section in sections for option, value in section.items()},
            model.data,
            model.metrics,
            () if folder is None else read_curves(folder / "history.csv"),
            _mapping(training.get("start")).get("model"),
        )

    def figures(self) -> dict[str, float]:
        """Return the numbers of the metrics of each part, such as `valid_loss`."""
        return {
            f"{part}_{name}": value
            for part in _PARTS
            for name, value in _mapping(self.metrics.get(part)).items()
            if _is_number(value)
        }

    @property
    def verdict(self) -> Mapping[str, Any]:
        """The comparison with simple rules when the model was trained; empty without one."""
        return _mapping(self.metrics.get("verdict"))


@dataclass(frozen=True)
class ModelComparison:
    """Models of one task side by side.

    task    the task's name in words
    models  the models
    paired  their figures on the same data, if data was given
    """

    task: str
    models: Sequence[ComparedModel]
    paired: PairedResult | None = None

    def options(self) -> dict[str, list[Any]]:
        """Return the values of each option that differs, one for each model."""
        return _differing([model.options for model in self.models])

    def data_facts(self) -> dict[str, list[Any]]:
        """Return the values of each fact of the training data that differs."""
        return _differing([model.data for model in self.models])

    def notes(self) -> list[str]:
        """Return what to keep in mind when the figures are read."""
        notes = []
        prints = [model.data.get("fingerprint") for model in self.models]
        if any(each != prints[0] for each in prints) and self.paired is None:
            notes.append(
                "The models were trained on different data, or split or encoded it differently, so their validation "
                "and test figures are not of the same items: --data FILE compares them on the same."
            )
        return notes

    def rows(self) -> list[tuple[str, str, list[str]]]:
        """Return rows of the table: the name of a group, that of a fact, and its value for each model."""
        models = self.models
        rows = [
            ("network", "parameters", [f"{model.parameters:,}" for model in models]),
            ("training", "steps", [_shown(model.steps) for model in models]),
            ("training", "time", [_time(model.seconds) for model in models]),
        ]
        if any(model.started_from for model in models):
            rows.append(("training", "started from", [_shown(model.started_from) for model in models]))
        rows += [("options", name, [_shown(each) for each in values]) for name, values in self.options().items()]
        rows += [
            ("data", f"data: {name.replace('_', ' ')}", [_shown(each) for each in values])
            for name, values in self.data_facts().items()
            if name != "fingerprint"  # of which the notes say that it differs
        ]
        figures = [model.figures() for model in models]
        for name in dict.fromkeys(name for each in figures for name in each):
            part, _, figure = name.partition("_")
            title = f"{_PARTS[part]} {figure.replace('_', ' ')}"
            rows.append(("figures", title, [_shown(each.get(name)) for each in figures]))
        if any(model.verdict for model in models):
            rows += _verdict_rows(models)
        if self.paired is not None:
            shown = [self.paired.figure.shown(self.paired.values[model.name]) for model in models]
            rows.append(("on the data", f"{self.paired.figure.label} on the data", shown))
        return rows

    def to_text(self, width: int | None = None) -> str:
        """Return the table, the sentences on the data and the notes; cells are folded to a `width` if it is given."""
        lines = [_table([model.name for model in self.models], self.rows(), width)]
        lines += [self.paired.to_text()] if self.paired is not None else []
        return "\n".join([*lines, *self.notes()])

    def __str__(self) -> str:
        return self.to_text()

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        options, data = self.options(), self.data_facts()
        facts: dict[str, Any] = {
            "task": self.task,
            "models": [
                {
                    "model": model.name,
                    "parameters": model.parameters,
                    "steps": model.steps,
                    "seconds": model.seconds,
                    "started_from": model.started_from,
                    "options": {name: values[place] for name, values in options.items()},
                    "data": {name: values[place] for name, values in data.items()},
                    "metrics": dict(model.metrics),
                }
                for place, model in enumerate(self.models)
            ],
            "notes": self.notes(),
        }
        return facts if self.paired is None else {**facts, "paired": self.paired.to_json()}

    def to_frame(self) -> Any:
        """Return a pandas data frame with a row for each model. Raises ConfigError if pandas is not installed."""
        try:
            import pandas  # type: ignore[import-untyped]
        except ImportError as error:
            raise ConfigError(f"expected pandas to be installed: pip install pandas. Received: {error}") from error
        options, rows = self.options(), []
        for place, model in enumerate(self.models):
            row: dict[str, Any] = {"parameters": model.parameters, "steps": model.steps, "seconds": model.seconds}
            row |= {"started_from": model.started_from} if any(each.started_from for each in self.models) else {}
            row |= {name: _plain_value(values[place]) for name, values in options.items()}
            rows.append(row | model.figures() | self._paired_row(model.name))
        return pandas.DataFrame(rows, index=pandas.Index([model.name for model in self.models], name="model"))

    def _paired_row(self, name: str) -> dict[str, Any]:
        if self.paired is None:
            return {}
        found = next((each for each in self.paired.differences if each.model == name), None)
        facts = {} if found is None else found.to_json()
        kept = {key: facts.get(key) for key in ("difference", "low", "high", "chance", "outcome")}
        return {self.paired.figure.name: self.paired.values[name], **kept}

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the losses of all runs over steps and over time, as PNG or SVG by the suffix.

        Raises ConfigError for another suffix, and if no model has a history.
        """
        from elman.plots.picture import check_suffix
        from elman.plots.run_curves import draw_curves

        check_suffix(path)
        if not any(model.curves for model in self.models):
            raise ConfigError(
                "expected models in folders with history.csv, the curves of a run. Received: "
                f"{', '.join(model.name for model in self.models)}"
            )
        draw_curves({model.name: model.curves for model in self.models}, path)


def compare(
    models: Sequence[Any] | Mapping[str, Any],
    *,
    data: Any = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> ModelComparison:
    """Return models of one task side by side.

    models    two or more paths of folders, or trained models; or a mapping of names to these
    data      data to compare the models on, with a test of the difference of each to the first one: paths, or a tuple
              of the arguments of `evaluate`, such as texts and labels
    limit     maximum number of items of `data`
    progress  called with the name of the stage and the completed fraction

    Raises ConfigError for fewer than two models and for models of different tasks, ArtifactError for a folder without a
    whole model, DataError for data that the models do not read as the same items.
    """
    named = _named(models)
    if len(named) < 2:
        raise ConfigError(f"expected at least two models to compare. Received: {', '.join(named) or 'none'}")
    opened = {name: load(each) if isinstance(each, str | os.PathLike) else each for name, each in named.items()}
    for name, model in opened.items():
        if not hasattr(model, "setup_class"):
            raise ConfigError(f"expected trained models, or paths of their folders. Received: {type(model).__name__}")
        if model.setup_class.task != next(iter(opened.values())).setup_class.task:
            tasks = ", ".join(f"{each.setup_class.title()} in {name}" for name, each in opened.items())
            raise ConfigError(f"expected models of one task. Received: {tasks}")
    task = find(next(iter(opened.values())).setup_class.task)
    compared = [
        ComparedModel.of(name, model, Path(named[name]) if isinstance(named[name], str | os.PathLike) else None)
        for name, model in opened.items()
    ]
    paired = None if data is None else compare_on_data(task, opened, data, limit, progress)
    return ModelComparison(task.title, compared, paired)


def _named(models: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the models by name: that in a mapping, the path of a folder, or "model 1". Raises ConfigError."""
    if isinstance(models, Mapping):
        return {str(name): model for name, model in models.items()}
    if isinstance(models, str | os.PathLike) or not isinstance(models, Iterable):
        raise ConfigError(f"expected a list of models to compare. Received: {models!r}")
    found: dict[str, Any] = {}
    for number, model in enumerate(models, 1):
        name = os.fspath(model) if isinstance(model, str | os.PathLike) else f"model {number}"
        if name in found:
            raise ConfigError(f"expected each model once. Received: {name} twice")
        found[name] = model
    return found


def _differing(tables: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for table in tables for name in table)
    columns = {name: [table.get(name) for table in tables] for name in names}
    return {name: values for name, values in columns.items() if any(each != values[0] for each in values)}


def _verdict_rows(models: Sequence[ComparedModel]) -> list[tuple[str, str, list[str]]]:
    found = [model.verdict for model in models]
    figures = {str(each["figure"]) for each in found if "figure" in each}
    name = figures.pop() if len(figures) == 1 else "figure"
    rules = [_mapping(each.get("rules")) for each in found]
    bests = [rule.get(str(each.get("best"))) for rule, each in zip(rules, found, strict=True)]
    return [
        ("verdict", f"{name} when trained", [_shown(each.get("network")) for each in found]),
        ("verdict", "best simple rule", [_shown(each) for each in bests]),
        ("verdict", "against that rule", [_shown(each.get("outcome")) for each in found]),
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    """Return a table of a model's record; an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _time(seconds: Any) -> str:
    return span(seconds) if _is_number(seconds) else "–"


def _plain_value(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        more = len(value) - _MANY_SHOWN
        return ", ".join([*map(_shown, value[:_MANY_SHOWN]), *([f"and {more} more"] if more > 0 else [])]) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_shown(each)}" for name, each in value.items()) or "–"
    return plain(str(value))


def _table(names: Sequence[str], rows: Sequence[tuple[str, str, list[str]]], width: int | None) -> str:
    """Format rows as a table with a column for each model, and a line between groups."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for name in names:
        table.add_column(Text(plain(name)), justify="right", overflow="fold")
    for place, (group, name, values) in enumerate(rows):
        last = place + 1 == len(rows) or rows[place + 1][0] != group
        table.add_row(Text(plain(name)), *(Text(value) for value in values), end_section=last)
    console = Console(width=width or 1000, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")
