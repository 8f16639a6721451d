"""`elman train TASK` and `elman train --resume`. torch is imported only to train."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError, ValidationError

from elman.cli.flags import INPUT, command, flags_of, given, help_text, whole_number
from elman.cli.output import StageProgress, remark
from elman.cli.training import RUN, RunFlags, show_result, train_model
from elman.errors import ConfigError
from elman.options import fill, suggestion
from elman.tasks import registry
from elman.tasks.task import Task
from elman.train.config import TrainConfig
from elman.train.tuning import limit_openmp_spinning

__all__ = ["explain", "make_app"]

Count = Annotated[int, Parameter(converter=whole_number)]


def make_app(words: Sequence[str] = (), *, whole: bool = False) -> App:
    """Make the command `train`; `words` is the command line.

    Only the options of the task that it names are made, or those of all tasks with `whole`.
    """
    app = App(name="train", help_format="markdown")
    app.default(resume)
    for task in _tasks(words):
        if whole or task.train_command in words:
            app.command(train_command(task), name=task.train_command)
        else:
            app.command(App(name=task.train_command, help=task.summary))
        if words[1:2] == [task.name] != [task.train_command]:
            app.command(train_command(task), name=task.name)
    return app


def _tasks(words: Sequence[str]) -> list[Task]:
    """Return the built-in tasks, and the task of another package that the command line names."""
    tasks = list(registry.built_in().values())
    word = words[1] if len(words) > 1 and words[0] == "train" else ""
    if word and not word.startswith("-") and word not in {task.train_command for task in tasks}:
        task = registry.extension(word)
        tasks += [] if task is None else [dataclasses.replace(task, command=word)]
    return tasks


def train_command(task: Task) -> Callable[..., None]:
    """Make the function of `elman train TASK`."""
    config, data = task.config_class(), task.data
    base = config.make()
    name = data.name.replace("-", "_")
    usage = f"elman train {task.train_command} {(data.usage or data.name).upper()} -o MODEL"
    keyword = inspect.Parameter.KEYWORD_ONLY
    files = Annotated[str, INPUT, Parameter(help=data.help)]
    parameters = [inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL, annotation=files)]
    for part, text in (("valid", data.valid), ("test", data.test)):
        if text:
            own = Annotated[list[str] | None, Parameter(group=RUN, consume_multiple=True, help=text)]
            parameters.append(inspect.Parameter(part, keyword, annotation=own, default=None))
    if data.cache:
        kept = Annotated[Path | None, Parameter(group=RUN, help=data.cache)]
        parameters.append(inspect.Parameter("cache", keyword, annotation=kept, default=None))
    parameters.append(inspect.Parameter("run", keyword, annotation=RunFlags, default=None))
    sections = {f"{section}_flags": section for section in config.sections()}
    for place, (flags, section) in enumerate(sections.items(), 2):
        title = task.titles.get(section, section.capitalize())
        annotation = flags_of(config.sections()[section], title, place, getattr(base, section), config.unused) | None
        parameters.append(inspect.Parameter(flags, keyword, annotation=annotation, default=None))

    def run(arguments: dict[str, Any]) -> None:
        train_model(
            task,
            arguments[name],
            arguments.get("valid") or (),
            arguments.get("test") or (),
            arguments["run"],
            given(*(arguments[flags] for flags in sections)),
            cache=arguments.get("cache"),
            usage=usage,
        )

    *some, last = (f"`[{section}]`" for section in config.sections())
    more = f"A TOML file sets options by name, {data.toml}, at the top or in the tables {', '.join(some)} and {last}."
    return command(task.train_command, parameters, help_text(task.help, task.examples, more), run)


def explain(error: CycloptsError, words: Sequence[str]) -> str | None:
    """Return the message for a command line with no task, such as `elman train book.txt`, or a task and `--resume`.

    `words` is the command line. Returns None for any other error.
    """
    chain = list(error.command_chain or ())
    resumes = any(word.partition("=")[0] == "--resume" for word in words)
    if (
        len(chain) == 2
        and chain[0] == "train"
        and resumes
        and isinstance(error, ValidationError | UnknownOptionError | UnusedCliTokensError)
    ):
        return (
            f"expected a new run (elman train {chain[1]} DATA -o MODEL) or a stopped one (elman train --resume MODEL). "
            "Received: both"
        )
    if chain != ["train"] or "Did you mean" in str(error):
        return None
    if resumes and isinstance(error, UnknownOptionError) and error.token is not None:
        return (
            "expected only --max-steps, --max-epochs, --max-seconds or --threads: a resumed run keeps all others. "
            f"Received: {error.token.keyword or error.token.value}"
        )
    names = _names()
    usage = f"expected a task ({', '.join(names)}), as in elman train lm TEXT -o MODEL, or --resume MODEL"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{usage}. Received: {error.unused_tokens[0]!r}.{suggestion(error.unused_tokens[0], names)}"
    if isinstance(error, UnknownOptionError):
        return f"{usage}. Received: {error.token.keyword or error.token.value}"
    return None


def _names() -> list[str]:
    """Return the names of the tasks on the command line."""
    return [task.train_command for task in registry.built_in().values()]


def resume(
    *,
    resume: Annotated[Path | None, Parameter(help="The model folder of a stopped run.")] = None,
    max_steps: Annotated[
        Count | None, Parameter(help="Replace the budget of the run: stop after this many steps in all.")
    ] = None,
    max_epochs: Annotated[
        float | None, Parameter(help="Replace the budget of the run: stop after this many passes over the data.")
    ] = None,
    max_seconds: Annotated[
        float | None, Parameter(help="Replace the budget of the run: stop after this many seconds in all.")
    ] = None,
    patience: Annotated[
        Count | None,
        Parameter(help="Replace the patience of the run: 0 trains to the end, also where validation only gets worse."),
    ] = None,
    threads: Annotated[
        Count | None,
        Parameter(help="Replace the number of threads, which changes the last bits of the results; 0 for the default."),
    ] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Show no progress.")
    ] = False,
    tensorboard: Annotated[bool, Parameter(help="Continue the TensorBoard log.")] = True,
    tune: Annotated[bool, Parameter(help="Tune threads and memory allocation of this process.")] = True,
    cache: Annotated[Path | None, Parameter(help="Language models: folder for the cache of encoded texts.")] = None,
) -> None:
    """Train a model (`elman train TASK`), or resume a stopped run (`elman train --resume MODEL`).

    A resumed run reads the same data, and makes the same steps as a run that was never stopped.

    For example:

        elman train lm book.txt -o model
        elman train --resume model
        elman train --resume model --max-steps 20000
    """
    if resume is None:
        raise ConfigError(
            f"expected a task ({', '.join(_names())}), as in elman train lm TEXT -o MODEL, or --resume MODEL. "
            "Received: neither"
        )
    overrides = new_budget(max_steps=max_steps, max_epochs=max_epochs, max_seconds=max_seconds)
    for name, value in (("patience", patience), ("threads", threads)):
        if value is not None:
            overrides[name] = getattr(fill(TrainConfig, {name: value}, "the command line"), name)
    if tune:
        limit_openmp_spinning()
    from elman.tasks.run import resume_run

    reading: dict[str, Any] = {} if cache is None else {"cache": cache}
    with StageProgress(quiet=quiet) as progress:
        run = resume_run(
            resume,
            overrides=overrides,
            quiet=quiet,
            tensorboard=tensorboard,
            tune=tune,
            progress=progress,
            **reading,
        )
    before = run.training.step
    run.run()
    if run.training.step == before and not quiet:
        remark(
            f"the run had already ended at step {before:,}; extend it with --max-steps or --max-epochs, or with "
            "--patience 0 if it was stopped early"
        )
    show_result(run, resume, json)


def new_budget(**limits: float | None) -> dict[str, Any]:
    """Make a budget that replaces the run's own: limits that are not given are lifted. Empty if none is given."""
    named = {name: limit for name, limit in limits.items() if limit is not None}
    if not named:
        return {}
    budget = fill(TrainConfig, named, "the command line")
    if not any(named.values()):
        raise ConfigError(f"expected a limit above 0. Received: {named}")
    return {name: getattr(budget, name) for name in limits}
