"""`Setup`: base class of what a task contributes to a training run: data, network, loss and metrics.

Each task has a subclass. `Run` trains any of them.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch

from elman.data.bad_rows import bad_rows_of
from elman.data.parts import Parts
from elman.data.sources import Sources
from elman.data.vocabulary.unicode_forms import two_forms_note
from elman.data.vocabulary.unknown import UnknownTokens
from elman.display import Progress
from elman.errors import ConfigError
from elman.former import former_methods
from elman.nn import StoredModule
from elman.nn.ensemble import check_members
from elman.nn.recurrent import check_cell, with_present_cell_options
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections
from elman.tasks.automatic import AutomaticHooks
from elman.tasks.comparison import Comparison
from elman.tasks.remarks import first_places, remark_on_unknown
from elman.tasks.samples import SampledSetup
from elman.tasks.start_hooks import StartHooks
from elman.tasks.vector_hooks import VectorHooks
from elman.train import TrainConfig
from elman.train.ensemble import training_of
from elman.train.loop import Objective, Stream
from elman.train.machine import chooses_threads, resolve_auto
from elman.train.memory import memory_remarks
from elman.train.out_of_memory import memory_errors
from elman.train.progress import TrainingProgress
from elman.train.trainer import Trainer

__all__ = ["Setup"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
P = TypeVar("P")
V = TypeVar("V")

# Methods that tasks of other packages may define under earlier names.
_FORMER = MappingProxyType(
    {
        "settle_config": "resolve_config",
        "start_network": "init_network",
        "measure_part": "evaluate_split",
        "reading_tells": "reports_reading",
    }
)


class Setup(SampledSetup, StartHooks, VectorHooks, AutomaticHooks, ABC, Generic[C, N, P, V]):
    """The options, data, network, loss and metrics of a run.

    Args:
        config: the options.
        parts: the splits of the data, of a type that depends on the task.
        sources: the files of the data; None for data in memory.
        vocabulary: that of a stopped run; by default it is learnt from the data.

    Within `starting_from`, vocabulary and weights are those of another model, as far as they are the same; within
    `choosing`, options that were not given are chosen by the data.

    Attributes:
        config: the options, with all automatic values resolved.
        automatic_threads: whether the number of threads is chosen by measuring.
        vocabulary: tokens, labels and scales, which are saved with the model.
        network: a new network on the run's device, initialised with the run's seed.
        started, automatic: what was taken from another model, and what was chosen by the data, or None.

    Raises ConfigError, DataError, OutOfMemoryError.
    """

    task: ClassVar[str]
    config_class: ClassVar[type[Any]]
    vocabulary_class: ClassVar[type[Any]]
    # Name of an input file in messages.
    noun: ClassVar[str] = "file"
    # Whether `read` uses a cache.
    caches: ClassVar[bool] = False
    # Whether there is a target at every time step, which loss_from and loss_to need.
    target_every_step: ClassVar[bool] = False
    # Whether progress shows the loss in bits as well as in nats.
    in_bits: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        former_methods(cls, _FORMER)

    def __init__(self, config: C, parts: P, sources: Sources | None = None, *, vocabulary: V | None = None) -> None:
        self.check_options(config)
        self.parts = parts
        self.sources = sources
        # Remarks on rows that could not be used.
        self.left_out: tuple[str, ...] = ()
        self.resumed = vocabulary is not None
        config = self.choose_options(config)
        self.automatic_threads = chooses_threads(config.training)  # type: ignore[attr-defined]
        self.config: C = self.resolve_config(with_present_cell_options(config))
        self.vocabulary: V = self.first_vocabulary() if vocabulary is None else vocabulary
        self.encode()
        training = self.training_config
        torch.manual_seed(training.seed)
        with memory_errors("making the network"):
            self.network: N = self.make_run_network().to(training.device)
        check_members(self.config, self.network, self.title())
        self.init_network()
        self.take_vectors()
        self.take_start()

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
        """Return the setup of a run on files.

        `progress` is called with the name of a stage and its completed fraction; `cache` is for tasks with `caches`.

        Raises DataError, EncodingError, ConfigError, StorageError, OutOfMemoryError.
        """
        if cache is not None and not cls.caches:
            raise ConfigError(f"expected no cache for a {cls.title()}, which does not use one. Received: {cache}")
        if not sources.train:
            raise ConfigError(f"expected at least one {cls.noun} to train on. Received: none")
        reading: dict[str, Any] = {"cache": cache} if cls.caches else {}
        config = config if vocabulary is not None else cls.choose_reading(config, sources, progress)
        with bad_rows_of(getattr(config, "data", None)) as bad:
            parts = cls.read(config, sources, vocabulary=vocabulary, progress=progress, **reading)
        setup = cls(config, parts, sources, vocabulary=vocabulary)
        setup.left_out = tuple(bad.remarks)
        return setup

    # --- required methods -----------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def read(cls, config: C, sources: Sources, *, vocabulary: V | None = None, progress: Progress | None = None) -> P:
        """Read the data. Tasks with `caches` take `cache` as well."""

    @abstractmethod
    def learn_vocabulary(self) -> V:
        """Return the vocabulary of the training data."""

    @staticmethod
    @abstractmethod
    def make_network(config: C, vocabulary: V) -> N:
        """Return an untrained network."""

    @classmethod
    @abstractmethod
    def make_smallest_network(cls, config: C) -> Any:
        """Return a network for the smallest possible data. Raises ConfigError for invalid options."""

    @abstractmethod
    def stream(self) -> Stream:
        """Return the stream of training batches."""

    @abstractmethod
    def objective(self) -> Objective:
        """Return the object that computes loss and validation metrics."""

    @property
    @abstractmethod
    def holds_out(self) -> bool:
        """Whether there is a validation set."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """Name of the items that the loss is averaged over, such as "char"."""

    @abstractmethod
    def describe(self, figures: Mapping[str, float]) -> str:
        """Format the metrics of an evaluation as one line."""

    @abstractmethod
    def data_facts(self) -> dict[str, Any]:
        """Return the description of the data for elman.json, without files and fingerprint."""

    @abstractmethod
    def outline(self) -> list[tuple[str, str]]:
        """Return rows (name, text) that describe the data, for a dry run."""

    @abstractmethod
    def summary(self) -> str:
        """Describe the network and the data in one line."""

    # --- methods that a task may override -------------------------------------------------------------------------

    @classmethod
    def check_options(cls, config: C) -> None:
        """Raise ConfigError for incompatible options, before any data is read. Overrides call `super`."""
        training: TrainConfig = config.training  # type: ignore[attr-defined]
        if (training.loss_from or training.loss_to) and not cls.target_every_step:
            raise ConfigError(
                "expected loss_from and loss_to for tasks with a target at every step. "
                f"Received: loss_from={training.loss_from}, loss_to={training.loss_to} for a {cls.title()}"
            )
        cls.check_vectors(config)
        cls.check_samples(training.sample_every)

    def resolve_config(self, config: C) -> C:
        """Resolve options set to "auto" for this machine. Overrides call `super`, and resolve others from the data."""
        sized: C = config if self.resumed else self.with_vector_size(config)
        return dataclasses.replace(sized, training=resolve_auto(sized.training))  # type: ignore[type-var,attr-defined]

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: C, where: str) -> V:
        """Load the vocabulary from its JSON content; `where` names the file in messages. Raises ArtifactError."""
        del config, where
        vocabulary: V = cls.vocabulary_class.from_json(content)
        return vocabulary

    @classmethod
    def check_folder(cls, config: C, vocabulary: V, where: str) -> None:
        """Raise ArtifactError if options and vocabulary, read from `where`, are inconsistent."""

    @classmethod
    def uncalibrated(cls, vocabulary: V) -> V:
        """Return the vocabulary without what `finish` fitted to the trained network, such as a temperature."""
        return vocabulary

    def encode(self) -> None:
        """Encode the data for making batches. Called before the network is made."""

    def make_run_network(self) -> N:
        """Return the network of this run. Override it if the network needs more than options and vocabulary."""
        return self.make_network(self.config, self.vocabulary)

    def init_network(self) -> None:
        """Initialise parts of the network from the data, such as scales."""

    def trainer(self) -> Trainer:
        """Return the trainer: by default, an optimiser over batches."""
        return training_of(self.objective(), self.stream(), self.training_config, self.evaluation_cost)

    @property
    def evaluation_cost(self) -> float:
        """Cost of an evaluation in passes over the training data, with which early ones are planned; 0 for none.

        On the same data, an evaluation takes about half of the time of training, since it has no backward pass.
        """
        return 0.0

    def data_fingerprint(self) -> str:
        """Return a digest of the data, which a resumed run must match."""
        digest: str = self.parts.fingerprint()  # type: ignore[attr-defined]
        return digest

    @property
    def plotted_metrics(self) -> Sequence[str]:
        """Names of the metrics that have a panel in the plot of a run."""
        return ()

    @property
    def loss_name(self) -> str:
        """Name and unit of the loss, for the plot of the loss curve."""
        return f"nats per {self.unit}"

    def test(self, limit: int) -> dict[str, float]:
        """Return metrics on the test set, of at most `limit` targets (0: all); empty without a test set."""
        del limit
        return {}

    def finish(self, folder: Path | None) -> dict[str, Any]:
        """Complete the vocabulary and write plots, after the best weights have been loaded.

        Returns further metrics to save.
        """
        del folder
        return {}

    def text_vocabularies(self) -> Sequence[Any]:
        """Return the vocabularies of the texts that are learnt from, each with `unicode_form` and `has_joining`."""
        return ()

    def training_texts(self) -> Iterable[str]:
        """Return the texts that are learnt from, for remarks on them."""
        return ()

    def notes(self) -> list[str]:
        """Return remarks on the data, to show before the run. Overrides call `super`."""
        notes = [*self.left_out, *self.vector_notes, *memory_remarks(self.training_config)]
        if note := two_forms_note(self.text_vocabularies(), self.training_texts):
            notes.append(note)
        if isinstance(self.parts, Parts):
            names = {"valid": "validation", "test": "test"}
            for name, rows in self.parts.repeated().items():
                part = getattr(self.parts, name)
                notes.append(
                    f"{len(rows):,} of {len(part):,} items of the {names[name]} data are also in the training data, so "
                    f"figures are better than on new data{first_places(part, rows)}"
                )
        notes += [note for each in self.unknown_tokens() if (note := remark_on_unknown(*each))]
        if self.holds_out or getattr(self.parts, "test", None) is None:
            return notes
        return [
            *notes,
            "there is no validation data, since nothing is cut from the training data where test data is given: the "
            "last weights are kept, not the best",
        ]

    def unknown_tokens(self) -> Iterator[tuple[UnknownTokens, str, str]]:
        """Yield counts of unknown tokens in the training and validation data, with the arguments of their remark."""
        yield from ()

    def baselines(self) -> dict[str, dict[str, float]]:
        """Return the metrics of simple baselines on held-out data, by the name of the baseline."""
        return {}

    def comparison(self, limit: int) -> Comparison | None:
        """Return what the network is compared with: simple rules on the test set, or on the validation set without one.

        `limit` is the number of targets that an evaluation may use (0: all). None if the task names no rules, or
        nothing is held out.
        """
        del limit
        return None

    @classmethod
    def title(cls) -> str:
        """The task's name in words."""
        return cls.task.replace("-", " ")

    @classmethod
    def check(cls, config: C) -> None:
        """Raise ConfigError for invalid options, before data is read and memory is allocated."""
        cls.check_options(config)
        for section in vars(config).values():
            if isinstance(section, RecurrentConfig):
                check_cell(section.cell, section.cell_options)
        sized = cls.with_vector_size(config)
        with torch.device("meta"):
            check_members(sized, cls.make_smallest_network(sized), cls.title())

    @property
    def training_config(self) -> TrainConfig:
        """The training options."""
        training: TrainConfig = self.config.training  # type: ignore[attr-defined]
        return training

    def set_threads(self, threads: int) -> None:
        """Replace the number of threads in the options."""
        training = dataclasses.replace(self.training_config, threads=threads)
        self.config = dataclasses.replace(self.config, training=training)  # type: ignore[type-var]

    @property
    def network_name(self) -> str:
        """Name of the network in plots and tables: its cell, or the task if it has none."""
        network = getattr(self.config, "network", None)
        return network.cell if isinstance(network, RecurrentConfig) else self.title()

    @property
    def network_summary(self) -> str:
        """The recurrent layers and the number of parameters."""
        network = self.config.network  # type: ignore[attr-defined]
        both = " bidirectional" * getattr(network, "bidirectional", False)
        return f"{network.shape}{both}, {self.network.count_parameters():,} weights"

    @cached_property
    def fingerprint(self) -> str:
        """A digest of the data."""
        return self.data_fingerprint()

    @cached_property
    def data(self) -> dict[str, Any]:
        """The description of the data for elman.json."""
        files = [] if self.sources is None else self.sources.names()
        return {"files": files, **self.data_facts(), "fingerprint": self.fingerprint}

    @property
    def inputs(self) -> dict[str, Any]:
        """The sources of the data as plain values, from which a resumed run reads it again."""
        return {} if self.sources is None else self.sources.to_json()

    def watch(self, *, quiet: bool = False) -> TrainingProgress:
        """Return the progress display on standard error."""
        describe = None if self.in_bits else self.describe
        return TrainingProgress(
            self.unit, describe=describe, budget_seconds=self.training_config.max_seconds, quiet=quiet
        )
