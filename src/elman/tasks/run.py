"""`Run`: a training run of any task, from a `Setup` to a trained network, in memory or in a model's folder.

From the start of the run, the folder holds a complete model: the best weights so far, the description, the history,
and a checkpoint from which `resume_run` continues bit for bit.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from elman import artifact
from elman.data.sources import Sources
from elman.decode.evaluation_mode import evaluation_mode
from elman.errors import (
    ArtifactError,
    ConfigError,
    DataError,
    DivergenceError,
    OutOfMemoryError,
    TrainingInterrupted,
)
from elman.files import make_folder
from elman.metrics.verdict import Verdict
from elman.plots.curves import draw_losses
from elman.tasks.comparison import compare
from elman.tasks.registry import find, task_of
from elman.tasks.remedies import add_remedies
from elman.tasks.samples import Samples
from elman.tasks.setup import Setup
from elman.train import EvaluationEvent, Event, StepEvent, checkpoint
from elman.train.averaging import check_needs_no_validation
from elman.train.callbacks import Callbacks, OnEvent, as_callbacks, until_stopped
from elman.train.history import History, TensorBoard, open_board
from elman.train.interrupt import Interrupt
from elman.train.loop import Training
from elman.train.machine import resolve_auto, tune_process
from elman.train.out_of_memory import memory_errors
from elman.train.plan import COMPARISON_SHARE
from elman.train.progress import TrainingProgress
from elman.train.snapshot import check_shapes, parts_of
from elman.train.stored import Stored, finite, read, stored_threads
from elman.train.threads import ThreadChooser
from elman.train.tuning import release_memory

__all__ = ["Run", "resume_run"]

# Seconds that the comparison with simple rules may take in any run.
_MIN_SECONDS = 0.5
# Number of optimiser steps after which free memory is returned to the system.
_STEPS_TO_RELEASE = 200


class Run:
    """A training run, with history, checkpoints, progress and TensorBoard log.

    Args:
        setup: options, data and network of the run.
        folder: the model's folder; None to keep everything in memory.
        command: the command line, stored with the model.
        watch: the progress display.
        tensorboard: whether to write a TensorBoard log into the folder.
        samples: whether to show a sample after each regular evaluation; by default, as the option `sample_every` says.
        tune: whether to choose the number of threads by measuring, and to let them wait as the machine's load demands.
        compares: whether to compare the network with simple rules, if the option `baseline` is set.
        on_event: the functions that are called with the run's events.

    Attributes:
        training, metrics: the trainer, and the metrics of the best weights, which the network has after `run`.
        verdict: the comparison with simple rules; None if there is none.

    Raises ConfigError for options that need validation data if there is none.
    """

    def __init__(
        self,
        setup: Setup[Any, Any, Any, Any],
        *,
        folder: Path | None,
        command: str,
        watch: TrainingProgress,
        tensorboard: bool = True,
        samples: bool = False,
        tune: bool = False,
        compares: bool = True,
        on_event: OnEvent = None,
    ) -> None:
        self.setup = setup
        self.folder = folder
        self.command = command
        self.watch = watch
        self.metrics: dict[str, Any] = {}
        training = setup.training_config
        if not setup.holds_out:
            check_needs_no_validation(training, setup.data)
        self.training = setup.checked_trainer()
        self.history = History()
        self._tensorboard = tensorboard
        self._samples = Samples(setup, self.training, folder, 1 if samples else training.sample_every)
        self._tune = tune
        self._compares = compares and setup.training_config.baseline
        self.verdict: Verdict | None = None
        self._callbacks = Callbacks(as_callbacks(on_event), setup.network)
        self._best: dict[str, torch.Tensor] = {}
        self._best_unsaved = False
        self._saved_at = time.perf_counter()
        self._resumed = False

    @property
    def config(self) -> Any:
        """The model's options."""
        return self.setup.config

    @property
    def network(self) -> Any:
        """The network."""
        return self.setup.network

    def run(self) -> None:
        """Train to the end of the budget, then load the best weights and evaluate them on the test set.

        Raises TrainingInterrupted after Ctrl-C or SIGTERM, once a checkpoint is saved; DivergenceError,
        OutOfMemoryError, StorageError; and what a callback raises, once a checkpoint is saved.
        """
        if self.folder is not None and not self._resumed:
            self._begin_folder(self.folder)
        board = open_board(self.folder if self._tensorboard else None, self.training.step, self.watch.print)
        try:
            with self.watch, Interrupt() as interrupt, self.choosing_threads() as chooser:
                for event in until_stopped(self.training, self._callbacks):
                    row = self.history.on_event(event, self.training.seconds)
                    if row is not None and board is not None:
                        board.add(row)
                    if isinstance(event, EvaluationEvent):
                        self._keep_best(event)
                    self.watch.on_event(event)
                    sample = self._show_sample(event, board) if isinstance(event, EvaluationEvent) else []
                    if isinstance(event, StepEvent) and event.step % _STEPS_TO_RELEASE == 0:
                        release_memory()
                    if isinstance(event, StepEvent):
                        chooser.on_step()
                    self._call(event, *sample)
                    if isinstance(event, StepEvent | EvaluationEvent):
                        if interrupt.exit_code is not None:
                            self._stop(interrupt.exit_code)
                        if time.perf_counter() - self._saved_at >= self.setup.training_config.checkpoint_seconds:
                            self._save_checkpoint()
        except (DivergenceError, OutOfMemoryError) as error:
            self._save_best()
            if not self._callbacks.failed:
                add_remedies(error, self.setup)
            raise
        finally:
            if board is not None:
                board.close()
        self.metrics |= self._callbacks.outcome
        self._finish()
        self._callbacks.end(self.metrics)

    def _call(self, *events: Event) -> None:
        """Call the callbacks; save the run before what one of them raises goes on."""
        try:
            for event in events:
                self._callbacks.on_event(event)
        except BaseException:
            self._save_checkpoint()
            raise

    @contextmanager
    def choosing_threads(self) -> Iterator[ThreadChooser]:
        """Context manager of the steps, for which the number of threads is chosen first, if it is automatic."""
        training = self.training if self._tune and isinstance(self.training, Training) else None
        automatic = self.setup.automatic_threads and not self._resumed
        with ThreadChooser(training, automatic=automatic, report=self.watch.print, folder=self.folder) as chooser:
            before = chooser.threads
            chooser.start()
            if chooser.threads != before:
                self.setup.set_threads(chooser.threads)
                if self.folder is not None:
                    self._save_model(self.folder, self._kept())
                    self._save_checkpoint()
            yield chooser

    def restore(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        """Restore the checkpoint of a run with the same options and data. Raises DataError, ArtifactError."""
        if self.folder is None:
            raise ConfigError("expected a folder to resume in. Received: none")
        fingerprint = read(facts, "fingerprint", str)
        if fingerprint != self.setup.fingerprint:
            raise DataError(
                "expected the data that the run was started with, read as it was then (the files have changed, or the "
                "rules by which elman reads them, see CHANGELOG.md), fingerprint "
                f"{fingerprint[:12]}. Received: {self.setup.fingerprint[:12]}"
            )
        metrics, history = read(facts, "metrics", dict), read(facts, "history", dict)
        evaluated_at, step = read(facts, "evaluated_at", int), read(facts, "step", int)
        best = parts_of(tensors)["best"]
        if best:
            check_shapes(best, self.network.stored(), "best")
        self.training.restore(tensors, facts)
        self._resumed = True
        self._samples.evaluations = read(facts, "evaluations", int) if "evaluations" in facts else 0
        self.metrics, self._best = {name: metrics[name] for name in metrics if name != "stopped"}, dict(best)
        self.history.restore(history, self.folder / "history.csv", evaluated_at, step)

    def _begin_folder(self, folder: Path) -> None:
        make_folder(folder)
        checkpoint.path_in(folder).unlink(missing_ok=True)
        self._save_model(folder, self._kept())
        self._save_checkpoint()

    def _save_model(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        """Write the weights, and last the description, which has their digest."""
        digest = artifact.write_weights(folder, weights)
        artifact.write(
            folder,
            task=self.setup.task,
            config=self.config.stored(),
            training={
                "options": self.config.to_json()["training"],
                "steps": self.training.step,
                "seconds": round(self.training.seconds, 1),
                "parameters": self.network.count_parameters(),
                "torch": torch.__version__,
                **self.setup.start_facts,
            },
            metrics=self.metrics,
            data=self.setup.data,
            command=self.command,
            vocabulary=self.setup.vocabulary.to_json(),
            weights_digest=digest,
            snippet=find(self.setup.task).card,
        )

    def _kept(self) -> dict[str, torch.Tensor]:
        """Return a copy of the weights to save: their moving average if there is one."""
        with self.training.averaged_weights():
            return {name: tensor.cpu().clone() for name, tensor in self.network.stored().items()}

    def _show_sample(self, event: EvaluationEvent, board: TensorBoard | None) -> list[Event]:
        """Show the sample that follows an evaluation, if there is one, and return it."""
        sample = self._samples.after(event)
        if sample is None:
            return []
        self.watch.on_event(sample)
        if board is not None:
            board.add_sample(sample)
        return [sample]

    def _keep_best(self, event: EvaluationEvent) -> None:
        """Keep the best weights; those of an early evaluation are written with the next regular one or checkpoint."""
        if event.best:
            self._best = self._kept()
            self.metrics = {"valid": finite(event.metrics), "best_step": event.step}
            if event.training:
                self.metrics["train"] = finite(event.training)
            self._best_unsaved = True
        if event.regular:
            self._save_best()

    def _save_best(self) -> None:
        if self._best_unsaved and self.folder is not None:
            self._save_model(self.folder, self._best)
        self._best_unsaved = False

    def _save_checkpoint(self) -> None:
        if self.folder is None:
            return
        self._save_best()
        tensors, facts = self.training.snapshot()
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        facts |= {
            "fingerprint": self.setup.fingerprint,
            "inputs": self.setup.inputs,
            "metrics": self.metrics,
            "history": self.history.facts(),
            "evaluations": self._samples.evaluations,
            "threads": torch.get_num_threads(),
            "command": self.command,
        }
        self.history.write_csv(self.folder / "history.csv")
        checkpoint.save(self.folder, tensors, facts)
        if not self.setup.holds_out:
            self._save_model(self.folder, self._kept())
        self._saved_at = time.perf_counter()

    def _stop(self, exit_code: int) -> None:
        name = "Ctrl-C" if exit_code == 130 else "SIGTERM"
        if self.folder is None:
            raise TrainingInterrupted(f"stopped by {name} at step {self.training.step}", exit_code)
        self._save_checkpoint()
        raise TrainingInterrupted(
            f"stopped by {name} at step {self.training.step}; resume: elman train --resume {self.folder}", exit_code
        )

    def _measure_in_float32(self) -> None:
        """Replace the validation metrics of a bfloat16 run by those in float32, which are those of `evaluate`."""
        if self.setup.training_config.precision != "bfloat16" or "valid" not in self.metrics:
            return
        if not isinstance(self.training, Training):
            return
        with torch.no_grad(), memory_errors("in the last evaluation"):
            metrics = self.training.objective.evaluate(self.training.evaluation_limit)
        metrics.pop("selection", None)
        self.metrics["valid"] = finite(metrics)
        self.watch.on_result(metrics)

    def _compare(self) -> None:
        """Compare the network, which is saved, with the task's simple rules, and add the verdict to the metrics."""
        training = self.setup.training_config
        comparison = self.setup.comparison(self.training.evaluation_limit) if self._compares else None
        if comparison is None:
            return
        seconds = COMPARISON_SHARE * (training.max_seconds or self.training.seconds)
        with evaluation_mode(self.network), memory_errors("in the comparison with simple rules"):
            self.verdict = compare(comparison, max(seconds, _MIN_SECONDS))
        if self.verdict is not None:
            self.metrics["verdict"] = self.verdict.to_json()
            if self.folder is not None:
                self._save_model(self.folder, self.network.stored())

    def _finish(self) -> None:
        """Save the last checkpoint, then load the best weights, evaluate them and write the model."""
        self._save_checkpoint()
        self.network.load_stored(self._best or self._kept())
        self.network.eval()
        self._measure_in_float32()
        self.metrics |= self.setup.finish(self.folder)
        if tested := self.setup.test(self.setup.training_config.evaluate_tokens or 0):
            self.metrics["test"] = finite(tested)
        if baselines := self.setup.baselines():
            self.metrics["baselines"] = {name: finite(figures) for name, figures in baselines.items()}
        if self.folder is not None:
            self._save_model(self.folder, self.network.stored())
            draw_losses(
                self.history.rows,
                self.folder / "loss.png",
                unit=self.setup.loss_name,
                title=f"{self.setup.network_name}, {self.network.count_parameters():,} weights",
                metrics=self.setup.plotted_metrics,
            )
        self._compare()


def resume_run(
    folder: Path,
    *,
    overrides: Mapping[str, Any],
    quiet: bool = False,
    tensorboard: bool = True,
    tune: bool = False,
    on_event: OnEvent = None,
    **reading: Any,
) -> Run:
    """Return the run whose checkpoint is in `folder`, ready to continue with `run`.

    overrides   budget options and `threads` that replace those of the run
    quiet       show no progress
    tensorboard write a TensorBoard log
    tune        set threads and the memory allocator of this process for training
    on_event    the functions that are called with the run's events
    reading     `progress` and `cache` of `Setup.open`

    Raises ArtifactError for a missing or invalid checkpoint, DataError for missing or changed data.
    """
    as_callbacks(on_event)
    described = artifact.read(folder)
    setup_class = task_of(folder).model_class().setup_class
    tensors, facts = checkpoint.load(folder)
    where = f"{folder}/elman.json"
    options = setup_class.config_class.from_json(
        {**described.config, "training": read(Stored(described.training, where), "options", dict)}, where
    )
    training = dataclasses.replace(options.training, **{"threads": stored_threads(facts), **overrides})
    sources = Sources.from_json(read(facts, "inputs", dict))
    command = read(facts, "command", str)
    if described.vocabulary is None:
        raise ArtifactError(f"expected a vocabulary in {folder}. Received: none")
    vocabulary = setup_class.vocabulary_from(described.vocabulary, options, f"{folder}/vocabulary.json")
    setup_class.check_folder(options, vocabulary, where)
    training = resolve_auto(training)
    if tune:
        tune_process(training)
    options = dataclasses.replace(options, training=training)
    setup = setup_class.open(options, sources, vocabulary=vocabulary, **reading)
    setup.resume_start(described.training, where)
    watch = setup.watch(quiet=quiet)
    how: dict[str, Any] = {"tensorboard": tensorboard, "tune": tune, "on_event": on_event}
    run = Run(setup, folder=folder, command=command, watch=watch, **how)
    run.restore(tensors, facts)
    return run
