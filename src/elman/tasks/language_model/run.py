"""One training run of a language model: from texts to a trained network, in memory or in a model's folder.

The folder is whole from the start of the run: the best weights so far, the description, the history, and a checkpoint
from which `resume` goes on bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from elman import artifact
from elman.data import Corpus, Vocabulary
from elman.errors import ArtifactError, ConfigError, DataError, Interrupted
from elman.files import make_folder
from elman.inspect.curves import draw_losses
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.corpus import HeldOut, Inputs, describe_data, training_lanes
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.objective import NextToken, measure
from elman.train import Evaluated, Stepped, TrainConfig, checkpoint
from elman.train.history import History, TensorBoard
from elman.train.interrupt import Interrupt
from elman.train.loop import Training
from elman.train.memory import memory_errors
from elman.train.tuning import has_bfloat16, tune_allocator, usable_cores
from elman.train.watch import Watch

__all__ = ["TASK", "Run", "settle", "tune_process"]

TASK = "language-model"


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


class Run:
    """A run of `training` events with everyone who listens.

    Args:
        config: the model's options.
        corpus: its text as tokens.
        inputs: where the text came from, for the record.
        folder: the model's folder; None to keep everything in memory.
        command: the command line, for the record.
        watch: what shows progress.
        tensorboard: whether to write a TensorBoard log into the folder.

    Attributes:
        network, metrics: what came out; after `go` the network has the best weights.
    """

    def __init__(
        self,
        config: LanguageModelConfig,
        corpus: Corpus,
        inputs: Inputs,
        *,
        folder: Path | None,
        command: str,
        watch: Watch,
        tensorboard: bool = True,
    ) -> None:
        self.config = dataclasses.replace(config, training=settle(config.training))
        self.corpus = corpus
        self.inputs = inputs
        self.folder = folder
        self.command = command
        self.watch = watch
        self.metrics: dict[str, Any] = {}
        training = self.config.training
        if corpus.valid is None and (training.patience or training.schedule == "plateau"):
            raise ConfigError(
                "expected a validation part for patience and for the plateau schedule: give a share of it in split, or "
                f"a text of its own. Received: split {self.config.text.split} of {len(corpus.train)} training tokens"
            )
        torch.manual_seed(training.seed)
        with memory_errors("making the network"):
            self.network = LanguageModelNetwork(corpus.vocabulary.size, self.config.network).to(training.device)
        held_out = None if corpus.valid is None else HeldOut(corpus.valid, corpus.vocabulary, training.evaluate_tokens)
        self.training = Training(
            NextToken(self.network, held_out), training_lanes(corpus, self.config.network), training
        )
        self.history = History()
        self._tensorboard = tensorboard
        self._best: dict[str, torch.Tensor] = {}
        self._saved_at = time.perf_counter()
        self._resumed = False

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
        """Go on from the checkpoint of a run with the same options and text. Raises DataError, ArtifactError."""
        if facts["fingerprint"] != self.corpus.fingerprint:
            raise DataError(
                "the text is not the one that the run was begun with: expected fingerprint "
                f"{facts['fingerprint'][:12]}. Received: {self.corpus.fingerprint[:12]}"
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
        artifact.write_weights(folder, self.network.stored())
        self._describe(folder)
        self._save_checkpoint()

    def _describe(self, folder: Path) -> None:
        options = self.config.to_json()
        artifact.write(
            folder,
            task=TASK,
            config={"text": options["text"], "network": options["network"]},
            training={
                "options": options["training"],
                "steps": self.training.step,
                "seconds": round(self.training.seconds, 1),
                "parameters": self.network.count_parameters(),
                "torch": torch.__version__,
            },
            metrics=self.metrics,
            data=describe_data(self.corpus, self.inputs),
            command=self.command,
            vocabulary=self.corpus.vocabulary.to_json(),
        )

    def _keep_best(self, event: Evaluated) -> None:
        self._best = {name: tensor.cpu().clone() for name, tensor in self.network.stored().items()}
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
            "fingerprint": self.corpus.fingerprint,
            "inputs": self.inputs.to_json(),
            "metrics": self.metrics,
            "history": self.history.facts(),
            "threads": torch.get_num_threads(),
            "command": self.command,
        }
        self.history.write_csv(self.folder / "history.csv")
        checkpoint.save(self.folder, tensors, facts)
        if self.corpus.valid is None:
            artifact.write_weights(self.folder, self.network.stored())
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
        if self._best:
            self.network.load_stored(self._best)
        self.network.eval()
        vocabulary = self.corpus.vocabulary
        if self.corpus.test is not None:
            batches, characters = HeldOut(self.corpus.test, vocabulary, self.config.training.evaluate_tokens)(
                self.training.plan.evaluate_tokens
            )
            self.metrics["test"] = finite(measure(self.network, batches).metrics(characters))
        if self.folder is not None:
            artifact.write_weights(self.folder, self.network.stored())
            self._describe(self.folder)
            draw_losses(
                self.history.rows,
                self.folder / "loss.png",
                unit=f"nats a {unit_of(vocabulary)}",
                title=f"{self.config.network.cell}, {self.network.count_parameters():,} weights",
            )


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """Without what JSON has no number for."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def unit_of(vocabulary: Vocabulary) -> str:
    """What one token is called."""
    return {"character": "char"}.get(vocabulary.unit, vocabulary.unit)


def resume_run(
    folder: Path,
    *,
    open_corpus: Callable[[Inputs, LanguageModelConfig, Vocabulary], Corpus],
    overrides: dict[str, Any],
    make_watch: Callable[[str, TrainConfig], Watch],
    tensorboard: bool = True,
) -> Run:
    """The run whose checkpoint lies in `folder`, ready to `go` on.

    overrides  options of the budget that replace those of the run. Raises ArtifactError when there is no checkpoint.
    """
    from elman.data import vocabulary_from_json

    described = artifact.read(folder, task=TASK)
    tensors, facts = checkpoint.load(folder)
    try:
        config = LanguageModelConfig.from_json(
            {**described.config, "training": described.training["options"]}, f"{folder}/elman.json"
        )
        inputs = Inputs(**facts["inputs"])
        if described.vocabulary is None:
            raise ArtifactError(f"expected a vocabulary in {folder}. Received: none")
        vocabulary = vocabulary_from_json(described.vocabulary)
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, **overrides))
        threads = facts["threads"]
        if type(threads) is not int or not 1 <= threads <= 4096:
            raise TypeError(f"threads {threads!r}")
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, threads=threads))
        corpus = open_corpus(inputs, config, vocabulary)
        watch = make_watch(unit_of(vocabulary), config.training)
        run = Run(config, corpus, inputs, folder=folder, command=facts["command"], watch=watch, tensorboard=tensorboard)
        run.restore(tensors, facts)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ArtifactError(f"the checkpoint in {folder} is broken. Received: {error!r}") from error
    return run
