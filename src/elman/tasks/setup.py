"""Setup: what a training run of a task is made of, from options and data to a network, a loss and figures.

A task's subclass says what is particular to it. `Run` trains it, and does not know which task it is.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch

from elman.data.sources import Sources
from elman.data.tokens import Progress
from elman.errors import ConfigError
from elman.nn import StoredModule
from elman.nn.recurrent import check_cell
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections
from elman.train import TrainConfig
from elman.train.loop import Objective, Stream, Training
from elman.train.machine import settle
from elman.train.memory import memory_errors
from elman.train.trainer import Trainer
from elman.train.watch import Watch

__all__ = ["Setup"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
P = TypeVar("P")
V = TypeVar("V")


class Setup(ABC, Generic[C, N, P, V]):
    """A run of a task: its options, data, network, loss and figures.

    Args:
        config: the options.
        parts: the data, in whatever shape the task has it.
        sources: the files that it came from; None for data that was in memory.
        vocabulary: that of a stopped run; by default it is learnt from the data.

    Attributes:
        config: the options with everything settled that was left to the machine or the data.
        vocabulary: what belongs to the model beside options and weights: tokens, labels, scales.
        network: a new network, whose weights are drawn by the run's seed, on the run's device.

    Raises ConfigError, DataError, OutOfMemory.
    """

    task: ClassVar[str]
    config_class: ClassVar[type[Any]]
    vocabulary_class: ClassVar[type[Any]]
    # What messages call one of the files.
    noun: ClassVar[str] = "file"
    # Whether what is read is kept in a cache.
    caches: ClassVar[bool] = False
    # Whether there is a target at every step, so that loss_from and loss_to mean something.
    target_every_step: ClassVar[bool] = False
    # Whether people are used to see the loss in bits as well as in nats.
    in_bits: ClassVar[bool] = False

    def __init__(self, config: C, parts: P, sources: Sources | None = None, *, vocabulary: V | None = None) -> None:
        self.check_options(config)
        self.parts = parts
        self.sources = sources
        self.resumed = vocabulary is not None
        self.config: C = self.settle_config(config)
        self.vocabulary: V = self.learn_vocabulary() if vocabulary is None else vocabulary
        self.encode()
        training = self.training_config
        torch.manual_seed(training.seed)
        with memory_errors("making the network"):
            self.network: N = self.make_run_network().to(training.device)
        self.start_network()

    @classmethod
    def open(
        cls,
        config: C,
        sources: Sources,
        *,
        vocabulary: V | None = None,
        progress: Progress | None = None,
        cache: Path | None = None,
    ) -> Self:
        """The setup of a run on files.

        progress  called with what is being read, and which share of it has been
        cache     where to keep what was read, for tasks that keep anything

        Raises DataError, EncodingError, ConfigError, StorageError, OutOfMemory.
        """
        if cache is not None and not cls.caches:
            raise ConfigError(f"expected no cache for a {cls.title()}, which keeps nothing there. Received: {cache}")
        if not sources.train:
            raise ConfigError(f"expected at least one {cls.noun} to train on. Received: none")
        reading: dict[str, Any] = {"cache": cache} if cls.caches else {}
        parts = cls.read(config, sources, vocabulary=vocabulary, progress=progress, **reading)
        return cls(config, parts, sources, vocabulary=vocabulary)

    # --- what a task says -----------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def read(cls, config: C, sources: Sources, *, vocabulary: V | None = None, progress: Progress | None = None) -> P:
        """The data in the files. Tasks that cache take `cache` as well."""

    @abstractmethod
    def learn_vocabulary(self) -> V:
        """What the model knows of its training data."""

    @staticmethod
    @abstractmethod
    def make_network(config: C, vocabulary: V) -> N:
        """A network of these options that has not learnt yet."""

    @classmethod
    @abstractmethod
    def make_smallest_network(cls, config: C) -> Any:
        """A network of these options for the smallest data there is: what refuses options refuses them here."""

    @abstractmethod
    def stream(self) -> Stream:
        """The batches."""

    @abstractmethod
    def objective(self) -> Objective:
        """The loss, as a sum and a count, and the figures on held-out data."""

    @property
    @abstractmethod
    def holds_out(self) -> bool:
        """Whether there is held-out data to evaluate on."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """What is counted in the loss: "char", "sequence"."""

    @abstractmethod
    def describe(self, figures: Mapping[str, float]) -> str:
        """Figures of an evaluation, in a line for people."""

    @abstractmethod
    def data_facts(self) -> dict[str, Any]:
        """What the model's folder says of the data, as plain values, without files and fingerprint."""

    @abstractmethod
    def outline(self) -> list[tuple[str, str]]:
        """Rows of a name and a text that describe the data, for a dry run."""

    @abstractmethod
    def summary(self) -> str:
        """The network and the data, in a line for people."""

    # --- what a task may say --------------------------------------------------------------------------------------

    @classmethod
    def check_options(cls, config: C) -> None:
        """Raise ConfigError for options that cannot go together, before any data is read. Extend it."""
        training: TrainConfig = config.training  # type: ignore[attr-defined]
        if (training.loss_from or training.loss_to) and not cls.target_every_step:
            raise ConfigError(
                "expected loss_from and loss_to for tasks with a target at every step. "
                f"Received: loss_from={training.loss_from}, loss_to={training.loss_to} for a {cls.title()}"
            )

    def settle_config(self, config: C) -> C:
        """The options with "auto" replaced by what this machine has. Extend it by what the data settles."""
        return dataclasses.replace(config, training=settle(config.training))  # type: ignore[type-var,attr-defined]

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: C, where: str) -> V:
        """The vocabulary as a model's folder has it; `where` names it in messages. Raises ArtifactError."""
        del config, where
        vocabulary: V = cls.vocabulary_class.from_json(content)
        return vocabulary

    @classmethod
    def check_folder(cls, config: C, vocabulary: V, where: str) -> None:
        """Raise ArtifactError for options and a vocabulary, read from `where`, that contradict each other."""

    def encode(self) -> None:
        """Make of the data what batches are made of. Called before the network is made."""

    def make_run_network(self) -> N:
        """The network of this run, where it takes more than options and vocabulary."""
        return self.make_network(self.config, self.vocabulary)

    def start_network(self) -> None:
        """Set what the network takes from the data at the start, such as scales."""

    def trainer(self) -> Trainer:
        """What trains the network: by default, steps of an optimiser over batches."""
        return Training(self.objective(), self.stream(), self.training_config)

    def data_fingerprint(self) -> str:
        """A digest of the data, by default that of the parts: a run goes on only with the data that it began with."""
        digest: str = self.parts.fingerprint()  # type: ignore[attr-defined]
        return digest

    @property
    def loss_name(self) -> str:
        """What the loss is, with its unit, for the picture."""
        return f"nats a {self.unit}"

    def test(self, limit: int) -> dict[str, float]:
        """Figures on the test part, of at most so many targets (0: all); empty where there is no such part."""
        del limit
        return {}

    def finish(self, folder: Path | None) -> dict[str, Any]:
        """Called with the best weights in place: may complete the vocabulary and write pictures into the folder.

        Returns figures that are kept beside the others.
        """
        del folder
        return {}

    def notes(self) -> list[str]:
        """What a person should know of the data before the run: a sentence each."""
        return []

    def baselines(self) -> dict[str, dict[str, float]]:
        """Figures of simple rules on the held-out data, by the rule's name, to compare the network with."""
        return {}

    def sample(self) -> str | None:
        """Something that the network answers now, for people to see while it trains; None for nothing."""
        return None

    # --- what follows from it -------------------------------------------------------------------------------------

    @classmethod
    def title(cls) -> str:
        """The task's name as words."""
        return cls.task.replace("-", " ")

    @classmethod
    def check(cls, config: C) -> None:
        """Raise ConfigError for options that cannot work, before any data is read and any memory is taken."""
        cls.check_options(config)
        for section in vars(config).values():
            if isinstance(section, RecurrentConfig):
                check_cell(section.cell, section.cell_options)
        with torch.device("meta"):
            cls.make_smallest_network(config)

    @property
    def training_config(self) -> TrainConfig:
        """The options of training."""
        training: TrainConfig = self.config.training  # type: ignore[attr-defined]
        return training

    @property
    def network_name(self) -> str:
        """What the network is called in pictures and tables: its cell, or the task where it has none."""
        network = getattr(self.config, "network", None)
        return network.cell if isinstance(network, RecurrentConfig) else self.title()

    @property
    def network_summary(self) -> str:
        """The recurrent layers and the number of weights, for people."""
        network = self.config.network  # type: ignore[attr-defined]
        both = " both ways" * getattr(network, "bidirectional", False)
        return f"{network.shape}{both}, {self.network.count_parameters():,} weights"

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the data."""
        return self.data_fingerprint()

    @cached_property
    def data(self) -> dict[str, Any]:
        """What the model's folder says of the data."""
        files = [] if self.sources is None else self.sources.names()
        return {"files": files, **self.data_facts(), "fingerprint": self.fingerprint}

    @property
    def inputs(self) -> dict[str, Any]:
        """Where the data came from, as plain values, so that a resumed run can read it again."""
        return {} if self.sources is None else self.sources.to_json()

    def watch(self, *, quiet: bool = False) -> Watch:
        """What shows the run's progress on standard error."""
        describe = None if self.in_bits else self.describe
        return Watch(self.unit, describe=describe, budget_seconds=self.training_config.max_seconds, quiet=quiet)
