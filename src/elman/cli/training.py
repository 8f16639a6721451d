"""Code shared by the training commands: flags, options, the run, and its results. torch is imported only to train."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from cyclopts import Group, Parameter

from elman.cli.dry_run import show_plan
from elman.cli.flags import read_toml
from elman.cli.model_folder import check_output, clear_output
from elman.cli.output import COMMAND_LINE, StageProgress, print_json, remark
from elman.errors import ConfigError
from elman.options import AUTO, Sections
from elman.tasks.task import Task
from elman.train.tuning import limit_openmp_spinning

if TYPE_CHECKING:
    from elman.tasks.run import Run
    from elman.tasks.setup import Setup
    from elman.tasks.start import StartModel

__all__ = ["RUN", "RunFlags", "show_result", "train_model"]

# The default budget of a run.
DEFAULT_SECONDS = 600.0

# The help group of the options that all training commands have.
RUN = Group("Options", sort_key=1)

C = TypeVar("C", bound=Sections)


def _switch(help: str) -> Parameter:
    return Parameter(group=RUN, negative="", show_default=False, help=help)


@dataclass(frozen=True, kw_only=True)
class _RunFlags:
    """Flags of a training command that do not depend on the task."""

    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], group=RUN, help="The model's folder; required except in a dry run."),
    ] = None
    preset: Annotated[
        str,
        Parameter(
            group=RUN, help="Preset to start from: auto, which adapts options to the data, small, base or large."
        ),
    ] = AUTO
    config: Annotated[Path | None, Parameter(group=RUN, help="A TOML file of options; flags override it.")] = None
    start: Annotated[
        Path | None,
        Parameter(name="--from", group=RUN, help="Start from the weights, vocabulary and options of a trained model."),
    ] = None
    overwrite: Annotated[bool, _switch("Replace the model in the output folder.")] = False
    dry_run: Annotated[bool, _switch("Make a few steps only; show sizes and estimated time.")] = False
    json: Annotated[bool, _switch("Print the result as JSON.")] = False
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], group=RUN, negative="", show_default=False, help="Show no progress.")
    ] = False
    tensorboard: Annotated[bool, Parameter(group=RUN, help="Write a TensorBoard log to the model's folder.")] = True
    tune: Annotated[bool, Parameter(group=RUN, help="Tune threads and memory allocation of this process.")] = True


RunFlags: TypeAlias = Annotated[_RunFlags | None, Parameter(name="*")]


def train_model(
    task: Task,
    files: Sequence[str],
    valid: Sequence[str],
    test: Sequence[str],
    flags: _RunFlags | None,
    given: dict[str, Any],
    *,
    cache: Path | None,
    usage: str,
) -> None:
    """Train a model of `task`.

    files, valid, test  the data
    flags               flags that do not depend on the task
    given               the options that were given as flags
    cache               the folder of cached data, for tasks that have a cache
    usage               the usage of the command, for errors: "elman train lm TEXT -o MODEL"
    """
    flags = flags or _RunFlags()
    if not files:
        raise ConfigError(f"expected at least one {task.data.noun} to train on: {usage}. Received: none")
    start = None if flags.start is None else load_start(task, flags.start)
    layers = given_options(task.config_class(), flags.config, given)
    options: Any = resolve_options(task.config_class(), flags.preset, layers, start)
    output = None if flags.dry_run else flags.output
    if output is not None:
        check_output(output, flags.overwrite)
    elif not flags.dry_run:
        raise ConfigError(f"expected a folder for the model: {usage}. Received: none")
    if flags.tune:
        limit_openmp_spinning()
    setup_class: type[Setup[Any, Any, Any, Any]] = task.model_class().setup_class
    setup_class.check(options)
    from elman.data.sources import Sources
    from elman.tasks.automatic import choosing
    from elman.tasks.run import Run
    from elman.tasks.start import starting_from
    from elman.train.machine import resolve_auto, tune_process

    training = resolve_auto(options.training)
    if flags.tune:
        tune_process(training)
    reading = {"cache": cache} if task.data.cache else {}
    own = {name for layer in layers for name in layer}
    with StageProgress(quiet=flags.quiet) as progress, starting_from(start), choosing(flags.preset, own):
        setup = setup_class.open(options, Sources(files, valid, test), progress=progress, **reading)
    del start  # its weights are in the network now
    run = Run(
        setup,
        folder=output,
        command=shlex.join(["elman", *COMMAND_LINE.get()]),
        watch=setup.watch(quiet=flags.quiet or flags.dry_run),
        tensorboard=flags.tensorboard,
        tune=flags.tune,
    )
    if setup.automatic is not None and not flags.quiet:
        for note in setup.automatic.notes():
            remark(note)
    for note in setup.notes():
        remark(note)
    if setup.started is not None and not flags.quiet:
        remark(setup.started.table())
    frozen = getattr(getattr(run.training, "freezing", None), "summary", "")
    if frozen and not flags.quiet:
        remark(frozen)
    if output is None:
        show_plan(run, flags.json)
        return
    if not flags.quiet:
        remark(f"{setup.summary()}; {training.device}, {training.precision}, threads: {training.threads}")
        if not setup.holds_out and getattr(setup.parts, "test", None) is None:  # with a test part, the notes say it
            remark("nothing is held out for validation: the weights of the last step will be kept")
    if flags.overwrite:
        clear_output(output)
    run.run()
    show_result(run, output, flags.json)


def load_start(task: Task, folder: Path) -> StartModel:
    """Return the model in a folder as the start of a run of a task."""
    from elman.tasks.start import open_start

    return open_start(folder, task.model_class().setup_class)


def given_options(kind: type[C], file: Path | None, flags: dict[str, Any]) -> list[Mapping[str, Any]]:
    """Return the options that were given: those of a TOML file and those of flags, in flat mappings.

    Raises ConfigError, which names the file.
    """
    layers: list[Mapping[str, Any]] = []
    if file is not None:
        layers.append(kind.present_names(read_toml(file, kind.sections()), str(file)))
        kind.make("base", layers[0], where=str(file))  # so that its errors name the file
    return [*layers, kind.present_names(flags, "the command line")]


def resolve_options(
    kind: type[C], preset: str, layers: Sequence[Mapping[str, Any]], start: StartModel | None = None
) -> C:
    """Return a preset overridden by layers of given options, with the default budget if there is none.

    Options of a model to start from override those of the preset.

    Raises ConfigError, also for limits that are given, but are all 0.
    """
    where = "the command line"
    own = {} if start is None else start.options_under(*layers, where=where)
    options: Any = kind.make(preset, own, *layers, where=where)
    training = options.training
    if not (training.max_steps or training.max_epochs or training.max_seconds):
        zeros = [f"{name} = 0" for name in kind.budget if any(name in layer for layer in layers)]
        if zeros:
            raise ConfigError(
                f"expected a limit above 0 among {', '.join(kind.budget)} (0 is no limit), or none of them, for "
                f"{DEFAULT_SECONDS:g} seconds. Received: {' and '.join(zeros)}"
            )
        training = dataclasses.replace(training, max_seconds=DEFAULT_SECONDS)
    resolved: C = dataclasses.replace(options, training=training)
    return resolved


def show_result(run: Run, folder: Path, as_json: bool) -> None:
    """Print the results of a run."""
    facts = {"model": str(folder), "steps": run.training.step, "seconds": round(run.training.seconds, 1), **run.metrics}
    if as_json:
        print_json(facts)
        return
    for part, label in (("valid", "validation"), ("test", "test")):
        figures = run.metrics.get(part)
        if figures:
            print(f"{label}: {run.setup.describe(figures)}")
    for name, figures in run.metrics.get("baselines", {}).items():
        print(f"{name}: {run.setup.describe(figures)}")
    if run.verdict is not None:
        print(run.verdict.to_text())
    print(f"model: {folder}")
