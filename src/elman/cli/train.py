"""`elman train TASK` and `elman train --resume`: the tasks by name, and stopped runs. Imports torch to train only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError, ValidationError

from elman.cli.flags import add_commands, whole_number
from elman.cli.output import Progress, remark
from elman.cli.training import show_result
from elman.errors import ArtifactError, ConfigError
from elman.options import fill, suggestion
from elman.train.config import TrainConfig
from elman.train.tuning import shorten_spinning

__all__ = ["explain", "make_app"]

# The word for a task on the command line, the function that trains it, and what the list of tasks says of it.
COMMANDS = {
    "lm": ("elman.cli.train_language_model:lm", "A language model, on text."),
    "classifier": ("elman.cli.train_classifier:classifier", "A classifier of texts or series; or a score for each."),
    "tagger": ("elman.cli.train_tagger:tagger", "A tagger: a label for every word or frame."),
    "forecaster": ("elman.cli.train_forecaster:forecaster", "A forecaster of one or many time series."),
    "translator": ("elman.cli.train_translator:translator", "A translator: pairs of sequences of any two lengths."),
    "captioner": ("elman.cli.train_captioner:captioner", "A captioner: a text for a vector or an image."),
    "transcriber": ("elman.cli.train_transcriber:transcriber", "A transcriber: text from sound or pen strokes."),
}

Count = Annotated[int, Parameter(converter=whole_number)]


def make_app(words: Sequence[str] = ()) -> App:
    """The command `train` with its tasks; `words` is the command line."""
    app = App(name="train", help_format="markdown")
    app.default(resume)
    add_commands(app, COMMANDS, words)
    return app


def explain(error: CycloptsError, words: Sequence[str]) -> str | None:
    """What to say of command lines that lack their task, such as `elman train book.txt`, or that mix both.

    `words` is the command line. None for any other error.
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
            f"expected a new run, elman train {chain[1]} DATA -o MODEL, or a stopped one, train --resume MODEL. "
            "Received: both"
        )
    if chain != ["train"] or "Did you mean" in str(error):
        return None
    if resumes and isinstance(error, UnknownOptionError) and error.token is not None:
        return (
            "a resumed run keeps its options; only its end can be changed: --max-steps, --max-epochs, --max-seconds. "
            f"Received: {error.token.keyword or error.token.value}"
        )
    usage = f"expected a task ({', '.join(COMMANDS)}), elman train lm TEXT -o MODEL, or a run, train --resume MODEL"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{usage}. Received: {error.unused_tokens[0]!r}.{suggestion(error.unused_tokens[0], COMMANDS)}"
    return f"{usage}. Received: neither" if isinstance(error, UnknownOptionError) else None


def resume(
    *,
    resume: Annotated[Path | None, Parameter(help="The folder of a model whose run was stopped.")] = None,
    max_steps: Annotated[
        Count | None, Parameter(help="A new end instead of the run's own: after so many steps.")
    ] = None,
    max_epochs: Annotated[float | None, Parameter(help="A new end: after so many passes over the data.")] = None,
    max_seconds: Annotated[
        float | None, Parameter(help="A new end: after so many seconds, those before the stop included.")
    ] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Show no progress.")
    ] = False,
    tensorboard: Annotated[bool, Parameter(help="Go on with the TensorBoard log.")] = True,
    tune: Annotated[bool, Parameter(help="Set this process' threads and memory for training.")] = True,
    cache: Annotated[Path | None, Parameter(help="Language models: where texts are kept as tokens.")] = None,
) -> None:
    """Train a model (`elman train TASK`), or go on with a run that was stopped (`elman train --resume MODEL`).

    A resumed run makes the very steps that it would have made without the stop. It reads the same data.

    For example:

        elman train lm book.txt -o model
        elman train --resume model
        elman train --resume model --max-steps 20000
    """
    if resume is None:
        raise ConfigError(
            f"expected a task ({', '.join(COMMANDS)}) or a run to resume: elman train lm TEXT -o MODEL, or "
            "--resume MODEL"
        )
    overrides = new_budget(max_steps=max_steps, max_epochs=max_epochs, max_seconds=max_seconds)
    if tune:
        shorten_spinning()
    from elman import artifact
    from elman.tasks.registry import TASKS, resumption
    from elman.tasks.run import resume_run

    task = artifact.read(resume).task
    if task not in TASKS:
        raise ArtifactError(f"{resume}: expected a task among {', '.join(TASKS)}. Received: {task!r}")
    config, reopen = resumption(task)
    reading = {} if cache is None else {"cache": cache}
    with Progress(quiet=quiet) as progress:
        run = resume_run(
            resume,
            config=config,
            reopen=reopen,
            overrides=overrides,
            quiet=quiet,
            tensorboard=tensorboard,
            tune=tune,
            progress=progress,
            **reading,
        )
    before = run.training.step
    run.go()
    if run.training.step == before and not quiet:
        remark(f"the run was over at step {before:,}; --max-steps or --max-epochs give it a new end")
    show_result(run, resume, json)


def new_budget(**limits: float | None) -> dict[str, Any]:
    """A budget in place of a run's own, in which limits that are not given are lifted; empty when none is given."""
    named = {name: limit for name, limit in limits.items() if limit is not None}
    if not named:
        return {}
    budget = fill(TrainConfig, named, "the command line")
    if not any(named.values()):
        raise ConfigError(f"expected a limit above 0. Received: {named}")
    return {name: getattr(budget, name) for name in limits}
