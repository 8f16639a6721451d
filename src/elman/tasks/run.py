"""One training run of any task: from a `Job` to a trained network, in memory or in a model's folder.

The folder is whole from the start of the run: the best weights so far, the description, the history, and a checkpoint
from which `resume_run` goes on bit for bit. Knows nothing about what a task is.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from elman import artifact
from elman.errors import ArtifactError, ConfigError, DataError, Interrupted
from elman.files import make_folder
from elman.nn import StoredModule
from elman.plots.curves import draw_losses
from elman.train import Evaluated, Stepped, TrainConfig, checkpoint
from elman.train.history import History, TensorBoard
from elman.train.interrupt import Interrupt
from elman.train.loop import Objective, Stream, Training
from elman.train.tuning import has_bfloat16, release_memory, tune_allocator, usable_cores
from elman.train.watch import Watch

__all__ = ["Job", "Reopen", "Run", "finite", "resume_run", "settle", "tune_process"]

N = TypeVar("N", bound=StoredModule)

# Steps after which memory that is free is given back to the system.
_STEPS_TO_RELEASE = 200


@dataclass
class Job(Generic[N]):
    """What a run trains, and how its model's folder tells of it.

    task         the task's name in elman.json
    config       the model's options, with `training` settled (see `settle`)
    network      the network, made by `building.make_network`
    objective    its loss, and its figures on held-out data
    stream       its batches
    holds_out    whether there is held-out data to evaluate on
    fingerprint  a digest of the data: a run goes on with the very data that it was begun with only
    inputs       where the data came from, as plain values, so that a resumed run can read it again
    data         what the model's folder tells of the data, as plain values
    vocabulary   what else belongs to the model, as plain values: tokens, labels, scales; None for nothing
    unit         what is counted in the loss: "char", "sequence"
    loss_name    what the loss is, with its unit, for the picture: "nats a char"
    describe     figures of an evaluation, in a line for people
    test         figures on the test part, of at most so many targets (0: all); None when there is no such part
    finish       called with the best weights in place, and the folder if there is one: may complete `vocabulary`, and
                 returns figures to be told with the others; None for nothing to be done
    outline      rows of a name and a text that tell people of the data, for a dry run
    start        the network and the data, in a line for people
    in_bits      whether the loss is in nats, and people are used to see it in bits as well
    """

    task: str
    config: Any
    network: N
    objective: Objective
    stream: Stream
    holds_out: bool
    fingerprint: str
    inputs: dict[str, Any]
    data: dict[str, Any]
    vocabulary: dict[str, Any] | None
    unit: str
    loss_name: str
    describe: Callable[[Mapping[str, float]], str]
    test: Callable[[int], dict[str, float]] | None = None
    finish: Callable[[Path | None], dict[str, Any]] | None = None
    outline: list[tuple[str, str]] = field(default_factory=list)
    start: str = ""
    in_bits: bool = False

    def watch(self, *, quiet: bool = False) -> Watch:
        """What shows the run's progress on standard error."""
        describe = None if self.in_bits else self.describe
        return Watch(self.unit, describe=describe, budget_seconds=self.config.training.max_seconds, quiet=quiet)


# Reads a stopped run's data again: from the model's folder, `Job.inputs`, the options, and what the caller reads with
# (such as `progress` and `cache`).
Reopen = Callable[..., Job[Any]]


def settle(config: TrainConfig) -> TrainConfig:
    """`config` with "auto" replaced by what this machine has. Raises ConfigError for a device that is not there."""
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ConfigError(f"expected device to be auto, cpu, cuda or cuda:N. Received: {device!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"expected a device of this machine: no usable GPU was found. Received: {device!r}")
    precision = config.precision
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if kind == "cuda" else has_bfloat16()
        precision = "bfloat16" if fast else "float32"
    return dataclasses.replace(config, device=device, precision=precision, threads=config.threads or usable_cores())


def tune_process(config: TrainConfig) -> None:
    """Set threads and allocator of this process for training."""
    torch.set_num_threads(config.threads)
    tune_allocator()


class Run(Generic[N]):
    """A run of a job's `training` events with everyone who listens.

    Args:
        job: what is trained.
        folder: the model's folder; None to keep everything in memory.
        command: the command line, for the record.
        watch: what shows progress.
        tensorboard: whether to write a TensorBoard log into the folder.

    Attributes:
        training, metrics: the loop, and what came out; after `go` the network has the best weights.

    Raises ConfigError for options that need held-out data where there is none.
    """

    def __init__(
        self, job: Job[N], *, folder: Path | None, command: str, watch: Watch, tensorboard: bool = True
    ) -> None:
        self.job = job
        self.folder = folder
        self.command = command
        self.watch = watch
        self.metrics: dict[str, Any] = {}
        training: TrainConfig = job.config.training
        if not job.holds_out and (training.patience or training.schedule == "plateau"):
            raise ConfigError(
                "expected a validation part for patience and for the plateau schedule: give a share of it in split, or "
                f"data of its own. Received: {job.data}"
            )
        self.training = Training(job.objective, job.stream, training)
        self.history = History()
        self._tensorboard = tensorboard
        self._best: dict[str, torch.Tensor] = {}
        self._saved_at = time.perf_counter()
        self._resumed = False

    @property
    def config(self) -> Any:
        """The model's options."""
        return self.job.config

    @property
    def network(self) -> N:
        """The network."""
        return self.job.network

    def go(self) -> None:
        """Train to the end of the budget, then take the best weights and measure them on the test part.

        Raises Interrupted after Ctrl-C or SIGTERM (a checkpoint is saved first), Diverged, OutOfMemory, StorageError.
        """
        if self.folder is not None and not self._resumed:
            self._begin_folder(self.folder)
        board = (
            TensorBoard(self.folder / "tensorboard", self.training.step)
            if self.folder is not None and self._tensorboard
            else None
        )
        try:
            with self.watch, Interrupt() as interrupt:
                for event in self.training.fit():
                    row = self.history.hear(event, self.training.seconds)
                    if row is not None and board is not None:
                        board.add(row)
                    if isinstance(event, Evaluated) and event.best:
                        self._keep_best(event)
                    self.watch.hear(event)
                    if isinstance(event, Stepped) and event.step % _STEPS_TO_RELEASE == 0:
                        release_memory()
                    if isinstance(event, Stepped | Evaluated):
                        if interrupt.exit_code is not None:
                            self._stop(interrupt.exit_code)
                        if time.perf_counter() - self._saved_at >= self.config.training.checkpoint_seconds:
                            self._save_checkpoint()
        finally:
            if board is not None:
                board.close()
        self._finish()

    def restore(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        """Go on from the checkpoint of a run with the same options and data. Raises DataError, ArtifactError."""
        if facts["fingerprint"] != self.job.fingerprint:
            raise DataError(
                "the data is not what the run was begun with: expected fingerprint "
                f"{facts['fingerprint'][:12]}. Received: {self.job.fingerprint[:12]}"
            )
        self.training.restore(tensors, facts)
        self._resumed = True
        self.metrics = facts["metrics"]
        if self.folder is None:
            raise ConfigError("expected a folder to resume in. Received: none")
        self._best = {name[5:]: tensor for name, tensor in tensors.items() if name.startswith("best.")}
        self.history.restore(facts["history"], self.folder / "history.csv", facts["evaluated_at"], facts["step"])

    def _begin_folder(self, folder: Path) -> None:
        make_folder(folder)
        checkpoint.path_in(folder).unlink(missing_ok=True)
        artifact.write_weights(folder, self._kept())
        self._describe(folder)
        self._save_checkpoint()

    def _describe(self, folder: Path) -> None:
        artifact.write(
            folder,
            task=self.job.task,
            config=self.config.stored(),
            training={
                "options": self.config.to_json()["training"],
                "steps": self.training.step,
                "seconds": round(self.training.seconds, 1),
                "parameters": self.network.count_parameters(),
                "torch": torch.__version__,
            },
            metrics=self.metrics,
            data=self.job.data,
            command=self.command,
            vocabulary=self.job.vocabulary,
        )

    def _kept(self) -> dict[str, torch.Tensor]:
        """A copy of the weights that are worth keeping now: their average, where one is made."""
        with self.training.averaged():
            return {name: tensor.cpu().clone() for name, tensor in self.network.stored().items()}

    def _keep_best(self, event: Evaluated) -> None:
        self._best = self._kept()
        self.metrics = {"valid": finite(event.metrics), "best_step": event.step}
        if self.folder is not None:
            artifact.write_weights(self.folder, self._best)
            self._describe(self.folder)

    def _save_checkpoint(self) -> None:
        if self.folder is None:
            return
        tensors, facts = self.training.snapshot()
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        facts |= {
            "fingerprint": self.job.fingerprint,
            "inputs": self.job.inputs,
            "metrics": self.metrics,
            "history": self.history.facts(),
            "threads": torch.get_num_threads(),
            "command": self.command,
        }
        self.history.write_csv(self.folder / "history.csv")
        checkpoint.save(self.folder, tensors, facts)
        if not self.job.holds_out:
            artifact.write_weights(self.folder, self._kept())
        self._saved_at = time.perf_counter()

    def _stop(self, exit_code: int) -> None:
        name = "Ctrl-C" if exit_code == 130 else "SIGTERM"
        if self.folder is None:
            raise Interrupted(f"stopped by {name} at step {self.training.step}", exit_code)
        self._save_checkpoint()
        raise Interrupted(
            f"stopped by {name} at step {self.training.step}; go on with: elman train --resume {self.folder}", exit_code
        )

    def _finish(self) -> None:
        """Save the last checkpoint, then go back to the best weights and describe them."""
        self._save_checkpoint()
        self.network.load_stored(self._best or self._kept())
        self.network.eval()
        if self.job.finish is not None:
            self.metrics |= self.job.finish(self.folder)
        if self.job.test is not None:
            self.metrics["test"] = finite(self.job.test(self.training.plan.evaluate_tokens))
        if self.folder is not None:
            artifact.write_weights(self.folder, self.network.stored())
            self._describe(self.folder)
            draw_losses(
                self.history.rows,
                self.folder / "loss.png",
                unit=self.job.loss_name,
                title=f"{self.config.network.cell}, {self.network.count_parameters():,} weights",
            )


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Without what JSON has no number for."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def resume_run(
    folder: Path,
    *,
    config: type[Any],
    reopen: Reopen,
    overrides: Mapping[str, Any],
    quiet: bool = False,
    tensorboard: bool = True,
    tune: bool = False,
    **reading: Any,
) -> Run[Any]:
    """The run whose checkpoint lies in `folder`, ready to `go` on.

    config      the class of the task's options
    reopen      reads the run's data again
    overrides   options of the budget that replace those of the run
    quiet       show no progress
    tune        set this process' threads and memory for training before anything is made
    reading     further arguments of `reopen`

    Raises ArtifactError when there is no checkpoint, or a broken one; DataError when the data is gone or another.
    """
    described = artifact.read(folder)
    tensors, facts = checkpoint.load(folder)
    try:
        options = config.from_json(
            {**described.config, "training": described.training["options"]}, f"{folder}/elman.json"
        )
        threads = facts["threads"]
        if type(threads) is not int or not 1 <= threads <= 4096:
            raise TypeError(f"threads {threads!r}")
        training = settle(dataclasses.replace(options.training, **overrides, threads=threads))
        if tune:
            tune_process(training)
        job = reopen(described, facts["inputs"], dataclasses.replace(options, training=training), **reading)
        run = Run(job, folder=folder, command=facts["command"], watch=job.watch(quiet=quiet), tensorboard=tensorboard)
        run.restore(tensors, facts)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ArtifactError(f"the checkpoint in {folder} is broken. Received: {error!r}") from error
    return run
