"""`elman train lm` and `elman train --resume`: from texts to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import App, CycloptsError, Group, Parameter, UnknownOptionError, UnusedCliTokensError, ValidationError

from elman.cli.cells import check_cell
from elman.cli.dry_run import show_plan
from elman.cli.flags import INPUT, flags_of, given, read_toml, whole_number
from elman.cli.model_folder import check_output, clear_output
from elman.cli.output import COMMAND_LINE, Progress, print_json, remark
from elman.errors import ConfigError
from elman.options import fill, suggestion
from elman.tasks.language_model.config import PRESETS, LanguageModelConfig, NetworkConfig, TextConfig
from elman.train.config import TrainConfig
from elman.train.tuning import shorten_spinning

if TYPE_CHECKING:
    from elman.data import Corpus
    from elman.tasks.language_model.run import Run

    TextFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = LanguageModelConfig.make()
    TextFlags = flags_of(TextConfig, "Text", 2, _base.text)
    NetworkFlags = flags_of(NetworkConfig, "Network", 3, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 4, _base.training)

__all__ = ["explain", "make_app"]

# The budget of a run for which nobody named one.
DEFAULT_SECONDS = 600.0

_RUN = Group("Options", sort_key=1)
Count = Annotated[int, Parameter(converter=whole_number)]


def make_app() -> App:
    """The command `train` with its tasks."""
    app = App(name="train", help_format="markdown")
    app.default(resume)
    app.command(lm)
    return app


def explain(error: CycloptsError, words: Sequence[str]) -> str | None:
    """What to say of command lines that lack their task, such as `elman train book.txt`, or that mix both.

    `words` is the command line. None for any other error.
    """
    chain = list(error.command_chain or ())
    resumes = any(word.partition("=")[0] == "--resume" for word in words)
    if (
        chain == ["train", "lm"]
        and resumes
        and isinstance(error, ValidationError | UnknownOptionError | UnusedCliTokensError)
    ):
        return (
            "expected a new run, elman train lm TEXT -o MODEL, or a stopped one, train --resume MODEL. Received: both"
        )
    if chain != ["train"] or "Did you mean" in str(error):
        return None
    if resumes and isinstance(error, UnknownOptionError) and error.token is not None:
        return (
            "a resumed run keeps its options; only its end can be changed: --max-steps, --max-epochs, --max-seconds. "
            f"Received: {error.token.keyword or error.token.value}"
        )
    usage = "expected a task, elman train lm TEXT -o MODEL, or a run, elman train --resume MODEL"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{usage}. Received: {error.unused_tokens[0]!r}.{suggestion(error.unused_tokens[0], ['lm'])}"
    return f"{usage}. Received: neither" if isinstance(error, UnknownOptionError) else None


def lm(
    *text: Annotated[
        str, INPUT, Parameter(help="Files, folders or globs; - for standard input. `.gz` is read as it is.")
    ],
    output: Annotated[
        Path | None,
        Parameter(name=["--output", "-o"], group=_RUN, help="The model's folder: needed but for a dry run."),
    ] = None,
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

    For example:

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
    if dry_run:
        output = None
    elif output is None:
        raise ConfigError("expected a folder for the model: elman train lm TEXT -o MODEL. Received: none")
    else:
        check_output(output, overwrite)
    if tune:
        shorten_spinning()
    check_network(options.network)
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
        folder=output,
        command=shlex.join(["elman", *COMMAND_LINE.get()]),
        watch=Watch(unit_of(corpus.vocabulary), budget_seconds=training.max_seconds, quiet=quiet or dry_run),
        tensorboard=tensorboard,
    )
    if output is None:
        show_plan(run, json)
        return
    if not quiet:
        remark(describe_start(run))
        if busy := describe_load(training.threads):
            remark(busy)
        if corpus.valid is None:
            remark("nothing is held out for validation: the weights of the last step will be kept")
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
    max_seconds: Annotated[
        float | None, Parameter(help="A new end: after so many seconds, those before the stop included.")
    ] = None,
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

    For example:

        elman train lm book.txt -o model
        elman train --resume model
        elman train --resume model --max-steps 20000
    """
    if resume is None:
        raise ConfigError("expected a task or a run to resume: elman train lm TEXT -o MODEL, or --resume MODEL")
    overrides = new_budget(max_steps=max_steps, max_epochs=max_epochs, max_seconds=max_seconds)
    if tune:
        shorten_spinning()
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


def new_budget(**limits: float | None) -> dict[str, Any]:
    """A budget in place of a run's own, in which limits that are not given are lifted; empty when none is given."""
    named = {name: limit for name, limit in limits.items() if limit is not None}
    if not named:
        return {}
    budget = fill(TrainConfig, named, "the command line")
    if not any(named.values()):
        raise ConfigError(f"expected a limit above 0. Received: {named}")
    return {name: getattr(budget, name) for name in limits}


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


def check_network(network: NetworkConfig) -> None:
    """Raise ConfigError for a network that cannot be made, before any text is read and any memory taken."""
    import torch

    from elman.tasks.language_model.network import LanguageModelNetwork

    check_cell(network.cell, network.cell_options)
    with torch.device("meta"):
        LanguageModelNetwork(2, network)


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


def describe_load(threads: int) -> str | None:
    """A hint where other programs keep the cores busy: threads that wait for each other are slow then."""
    load = os.getloadavg()[0]
    if threads == 1 or load < 0.75 * threads:
        return None
    return f"other programs keep this machine busy (load {load:.1f} on {threads} cores): --threads 1 can be faster"


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
