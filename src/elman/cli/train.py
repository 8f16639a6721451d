"""`elman train lm` and `elman train --resume`: from texts to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from elman.cli.flags import flags_of, given, read_toml, whole_number
from elman.cli.output import Progress, aligned, print_json, remark, size_of, span
from elman.errors import ConfigError
from elman.options import fill, suggestion
from elman.tasks.language_model.config import PRESETS, LanguageModelConfig, NetworkConfig, TextConfig
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.data import Corpus
    from elman.tasks.language_model.run import Run

    TextFlags = NetworkFlags = TrainFlags = Any
else:
    _base = LanguageModelConfig.make()
    TextFlags = flags_of(TextConfig, "Text", 2, _base.text)
    NetworkFlags = flags_of(NetworkConfig, "Network", 3, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 4, _base.training)

__all__ = ["make_app"]

# The budget of a run for which nobody named one.
DEFAULT_SECONDS = 600.0

_RUN = Group("Options", sort_key=1)
Count = Annotated[int, Parameter(converter=whole_number)]


def make_app() -> App:
    """The command `train` with its tasks."""
    app = App(name="train", help="Train a model, or go on with a run that was stopped.", help_format="markdown")
    app.default(resume)
    app.command(lm)
    return app


def lm(
    *text: Annotated[str, Parameter(help="Files, folders or globs; - for standard input. `.gz` is read as it is.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], group=_RUN, help="The model's folder.")],
    preset: Annotated[str, Parameter(group=_RUN, help=f"Options to start from: {', '.join(PRESETS)}.")] = "base",
    config: Annotated[Path | None, Parameter(group=_RUN, help="A TOML file of options; flags outrank it.")] = None,
    valid: Annotated[
        list[str] | None, Parameter(group=_RUN, consume_multiple=True, help="Texts of their own for validation.")
    ] = None,
    test: Annotated[
        list[str] | None, Parameter(group=_RUN, consume_multiple=True, help="Texts of their own for the last test.")
    ] = None,
    overwrite: Annotated[
        bool, Parameter(group=_RUN, negative="", show_default=False, help="Replace a model in the folder.")
    ] = False,
    dry_run: Annotated[
        bool,
        Parameter(
            group=_RUN,
            negative="",
            show_default=False,
            help="Train a few steps only, and tell sizes and the time needed.",
        ),
    ] = False,
    json: Annotated[
        bool, Parameter(group=_RUN, negative="", show_default=False, help="Print the result as JSON.")
    ] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], group=_RUN, negative="", show_default=False, help="Show no progress.")
    ] = False,
    tensorboard: Annotated[bool, Parameter(group=_RUN, help="Write a TensorBoard log into the folder.")] = True,
    tune: Annotated[bool, Parameter(group=_RUN, help="Set this process' threads and memory for training.")] = True,
    cache: Annotated[Path | None, Parameter(group=_RUN, help="Where to keep texts as tokens.")] = None,
    text_flags: TextFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a language model on text.

    Without `--max-steps`, `--max-epochs` or `--max-seconds` it trains for ten minutes. Ctrl-C stops it so that
    `elman train --resume MODEL` goes on.

    Examples:

        elman train lm book.txt -o model

        elman train lm corpus/ -o model --preset large --cell gru --max-seconds 3600

        elman train lm train.txt --valid valid.txt --test test.txt -o model --tokens words --split 1,0,0

        elman train lm book.txt -o model --config options.toml --dry-run

    A TOML file sets options by name, such as `hidden = 512` or `cell_options = {peepholes = true}`, at the top or in
    the tables `[text]`, `[network]` and `[training]`.
    """
    if not text:
        raise ConfigError("expected at least one text to train on: elman train lm TEXT -o MODEL. Received: none")
    options = settled_options(preset, config, given(text_flags, network_flags, train_flags))
    if not dry_run:
        check_output(output, overwrite)
    check_cell(options.network)
    from elman.tasks.language_model.corpus import Inputs, prepare_corpus
    from elman.tasks.language_model.run import Run, settle, tune_process, unit_of
    from elman.train.watch import Watch

    training = settle(options.training)
    if tune:
        tune_process(training)
    inputs = Inputs(text, valid or (), test or ())
    with Progress(quiet=quiet) as progress:
        corpus = prepare_corpus(inputs, options.text, cache=cache, progress=progress)
    run = Run(
        options,
        corpus,
        inputs,
        folder=None if dry_run else output,
        command=shlex.join(["elman", *sys.argv[1:]]),
        watch=Watch(unit_of(corpus.vocabulary), budget_seconds=training.max_seconds, quiet=quiet or dry_run),
        tensorboard=tensorboard,
    )
    if dry_run:
        show_plan(run, json)
        return
    if not quiet:
        remark(describe_start(run))
    if overwrite:
        clear_output(output)
    run.go()
    show_result(run, output, json)


def resume(
    *,
    resume: Annotated[Path | None, Parameter(help="The folder of a model whose run was stopped.")] = None,
    max_steps: Annotated[
        Count | None, Parameter(help="A new end instead of the run's own: after so many steps.")
    ] = None,
    max_epochs: Annotated[float | None, Parameter(help="A new end: after so many passes over the data.")] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Show no progress.")
    ] = False,
    tensorboard: Annotated[bool, Parameter(help="Go on with the TensorBoard log.")] = True,
    tune: Annotated[bool, Parameter(help="Set this process' threads and memory for training.")] = True,
    cache: Annotated[Path | None, Parameter(help="Where to keep texts as tokens.")] = None,
) -> None:
    """Train a model (`elman train lm`), or go on with a run that was stopped (`elman train --resume MODEL`).

    A resumed run makes the very steps that it would have made without the stop. It reads the same texts.

    Examples:

        elman train lm book.txt -o model

        elman train --resume model

        elman train --resume model --max-steps 20000
    """
    if resume is None:
        raise ConfigError("expected a task or a run to resume: elman train lm TEXT -o MODEL, or --resume MODEL")
    overrides = {name: value for name, value in (("max_steps", max_steps), ("max_epochs", max_epochs)) if value}
    overrides = fill_budget(overrides)
    from elman.tasks.language_model.corpus import Inputs, prepare_corpus
    from elman.tasks.language_model.run import resume_run, settle, tune_process
    from elman.train.watch import Watch

    def open_corpus(inputs: Inputs, config: LanguageModelConfig, vocabulary: Any) -> Corpus:
        # Threads and memory are set before the network is made.
        if tune:
            tune_process(settle(config.training))
        with Progress(quiet=quiet) as progress:
            return prepare_corpus(inputs, config.text, vocabulary=vocabulary, cache=cache, progress=progress)

    def make_watch(unit: str, training: TrainConfig) -> Watch:
        return Watch(unit, budget_seconds=training.max_seconds, quiet=quiet)

    run = resume_run(
        resume, open_corpus=open_corpus, overrides=overrides, make_watch=make_watch, tensorboard=tensorboard
    )
    before = run.training.step
    run.go()
    if run.training.step == before and not quiet:
        remark(f"the run was over at step {before:,}; --max-steps or --max-epochs give it a new end")
    show_result(run, resume, json)


def fill_budget(overrides: dict[str, Any]) -> dict[str, Any]:
    """A new budget in place of a run's own: the limits that it does not name are lifted."""
    if not overrides:
        return {}
    checked = fill(TrainConfig, overrides, "the command line")
    return {name: getattr(checked, name) for name in ("max_steps", "max_epochs", "max_seconds")}


def settled_options(preset: str, file: Path | None, flags: dict[str, Any]) -> LanguageModelConfig:
    """A preset, overridden by a TOML file, overridden by flags; with a budget if none is given."""
    sections = LanguageModelConfig.sections()
    layers = []
    if file is not None:
        layers.append(read_toml(file, sections))
        LanguageModelConfig.make("base", layers[0], where=str(file))  # so that its errors name the file
    options = LanguageModelConfig.make(preset, *layers, flags, where="the command line")
    training = options.training
    if not (training.max_steps or training.max_epochs or training.max_seconds):
        training = dataclasses.replace(training, max_seconds=DEFAULT_SECONDS)
    return dataclasses.replace(options, training=training)


def check_output(folder: Path, overwrite: bool) -> None:
    """Raise ConfigError unless a model can be written to `folder` without harm to what is there."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise ConfigError(f"expected a folder for the model. Received: the file {folder}") from None
    if "elman.json" in names and not overwrite:
        raise ConfigError(
            f"there is a model in {folder} already: choose another folder, add --overwrite, or go on with it by "
            f"elman train --resume {shlex.quote(str(folder))}"
        )
    if names and "elman.json" not in names:
        shown = ", ".join(sorted(names)[:3])
        raise ConfigError(
            f"expected a new or empty folder, or one with a model, for -o. Received: {folder} with {shown}"
        )


def clear_output(folder: Path) -> None:
    """Remove what the run of an older model would leave beside the new one."""
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    for name in ("loss.png", "history.csv"):
        (folder / name).unlink(missing_ok=True)


def check_cell(network: NetworkConfig) -> None:
    """Raise ConfigError for a cell or cell options that do not exist, before any text is read."""
    from elman import cells

    known = cells.available()
    if network.cell not in known:
        near = suggestion(network.cell, known)
        raise ConfigError(f"expected cell among {', '.join(known)}. Received: {network.cell!r}.{near}")
    cells.make(network.cell, 1, 1, **network.cell_options)


def describe_start(run: Run) -> str:
    """What is about to be trained, in a line."""
    config, corpus = run.config, run.corpus
    layers = f"{config.network.layers}x{config.network.hidden}"
    unit = corpus.vocabulary.unit
    return (
        f"{config.network.cell} {layers}, {run.network.count_parameters():,} weights; "
        f"{len(corpus.train):,} {unit}s to train on, vocabulary of {corpus.vocabulary.size:,}; "
        f"{config.training.device}, {config.training.precision}, threads: {config.training.threads}"
    )


def show_result(run: Run, folder: Path, as_json: bool) -> None:
    """What came out of a run."""
    facts = {"model": str(folder), "steps": run.training.step, "seconds": round(run.training.seconds, 1), **run.metrics}
    if as_json:
        print_json(facts)
        return
    for part, label in (("valid", "validation"), ("test", "test")):
        figures = run.metrics.get(part)
        if figures:
            by_char = f", {figures['bits_per_char']:.4f} bits a char" if "bits_per_char" in figures else ""
            loss = f"{figures['loss']:.4f} nats a {run.watch.unit}"
            print(f"{label}: {loss}, perplexity {figures['perplexity']:.2f}{by_char}")
    print(f"model: {folder}")


def show_plan(run: Run, as_json: bool) -> None:
    """Sizes and the time that the run would take, from a few steps that are really made."""
    config, corpus, training = run.config, run.corpus, run.config.training
    step_seconds, evaluation_seconds = measure_speed(run)
    tokens_per_step = config.network.lanes * config.network.chunk * training.accumulate
    steps_per_epoch = math.ceil((len(corpus.train) - 1) / tokens_per_step)
    limits = []
    if training.max_steps:
        limits.append(training.max_steps)
    if training.max_epochs:
        limits.append(math.ceil(training.max_epochs * steps_per_epoch))
    if training.max_seconds:
        limits.append(int(training.max_seconds / step_seconds))
    steps = max(1, min(limits))
    evaluations = steps / training.evaluate_every if training.evaluate_every else min(steps, 10)
    seconds = steps * step_seconds + evaluations * evaluation_seconds
    if training.max_seconds:
        seconds = min(seconds, training.max_seconds)
    weights = run.network.count_parameters()
    held_out = {
        name: 0 if part is None else len(part) for name, part in (("valid", corpus.valid), ("test", corpus.test))
    }
    facts = {
        "cell": config.network.cell,
        "parameters": weights,
        "model_bytes": 4 * weights,
        "vocabulary": corpus.vocabulary.size,
        "characters": corpus.scan.characters,
        "documents": corpus.scan.documents,
        "tokens": {"train": len(corpus.train), **held_out},
        "device": training.device,
        "precision": training.precision,
        "threads": training.threads,
        "seconds_per_step": step_seconds,
        "seconds_per_evaluation": evaluation_seconds,
        "tokens_per_second": tokens_per_step / step_seconds,
        "steps_per_epoch": steps_per_epoch,
        "steps": steps,
        "seconds": seconds,
    }
    if as_json:
        print_json(facts)
        return
    unit = corpus.vocabulary.unit
    rows = [
        (
            "network",
            f"{config.network.cell}, {config.network.layers} x {config.network.hidden} units, {weights:,} weights",
        ),
        ("on disk", size_of(4 * weights)),
        ("text", f"{corpus.scan.characters:,} characters in {corpus.scan.documents:,} documents"),
        (
            "parts",
            f"{len(corpus.train):,} {unit}s to train on, {held_out['valid']:,} validation, {held_out['test']:,} test",
        ),
        ("vocabulary", f"{corpus.vocabulary.size:,} {unit}s"),
        ("machine", f"{training.device}, {training.precision}, threads: {training.threads}"),
        (
            "speed",
            f"{step_seconds * 1000:.1f} ms a step, {tokens_per_step / step_seconds:,.0f} {unit}s a second (measured)",
        ),
        ("run", f"{steps:,} steps, {steps / steps_per_epoch:.2f} passes over the text, about {span(seconds)}"),
    ]
    print(aligned(rows))


def measure_speed(run: Run) -> tuple[float, float]:
    """Seconds of a step, the median over two seconds of real ones after a warm-up, and of an evaluation."""
    from elman.train.events import Stepped

    durations = []
    begun = time.perf_counter()
    for event in run.training.fit():
        if isinstance(event, Stepped):
            durations.append(event.seconds)
        if len(durations) >= 5 and time.perf_counter() - begun > 2.0:
            break
    warm = sorted(durations[3:] or durations)
    run.network.eval()
    begun = time.perf_counter()
    run.training.objective.evaluate()  # type: ignore[attr-defined]
    return warm[len(warm) // 2], time.perf_counter() - begun
