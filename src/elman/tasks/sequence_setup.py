"""`SequenceSetup`: base class of runs whose examples are whole sequences, such as sentences or recordings.

Each split is encoded once; batches are drawn from the training set, and metrics are computed on the others.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from torch import Tensor

from elman.data.batches import ShuffledBatches
from elman.data.parts import Parts, held_out_share, hold_out, read_parts
from elman.data.sources import Sources
from elman.display import Progress
from elman.former import former_methods
from elman.nn import StoredModule
from elman.options import Sections, automatic_value
from elman.state import Batch, State
from elman.tasks.automatic import Choices, current_choice
from elman.tasks.setup import Setup
from elman.train.batch_sums import BatchSums

__all__ = ["SequenceObjective", "SequenceSetup"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
P = TypeVar("P", bound=Parts[Any])
V = TypeVar("V")
E = TypeVar("E")


class SequenceObjective(ABC, Generic[E]):
    """Loss and validation metrics of whole sequences; no state is carried from batch to batch.

    A subclass sets `held_out`: the encoded validation set, or None.
    """

    held_out: E | None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        former_methods(cls, {"measured": "evaluate_part"})

    def initial_state(self, batch_size: int) -> State:
        """Return no state."""
        del batch_size
        return ()

    @abstractmethod
    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss, the number of targets, and no state."""

    @cached_property
    def batch_sums(self) -> BatchSums:
        """Sums over the training batches; `loss` may add to them."""
        return BatchSums()

    def training_metrics(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return metrics of the training batches: by default the means of `batch_sums`."""
        return {name: mean for name, mean in means.items() if name != "loss"}

    @abstractmethod
    def evaluate_part(self, held_out: E, limit: int) -> dict[str, float]:
        """Return metrics on `held_out`, of about `limit` targets at most (0: all)."""

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return metrics on the validation set; empty without one."""
        return {} if self.held_out is None else self.evaluate_part(self.held_out, limit)


# With fewer examples, some for validation are worth less than in training.
_LEAST_TO_HOLD_OUT = 1000


class SequenceSetup(Setup[C, N, P, V], Generic[C, N, P, V, E]):
    """A run on whole sequences.

    A subclass implements how a split is read, encoded and evaluated. Without validation files, `read` holds out the
    share `held_out` of the training data.
    """

    # Name of an example in messages.
    item: ClassVar[str] = "sequence"
    # Whether `read_part` reports progress; else only the split being read is reported.
    reports_reading: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def read_part(cls, paths: Sequence[Any], config: C, progress: Progress | None = None) -> Any:
        """Read the examples of one split."""

    @classmethod
    def read(cls, config: C, sources: Sources, *, vocabulary: V | None = None, progress: Progress | None = None) -> P:
        """Read all splits."""
        del vocabulary
        train, valid, test = read_parts(
            sources,
            lambda paths: cls.read_part(paths, config, progress),
            cls.item,
            None if cls.reports_reading else progress,
        )
        return cls.make_parts(train, config, valid=valid, test=test)

    @classmethod
    def make_parts(cls, train: Any, config: Any, *, valid: Any = None, test: Any = None) -> Any:
        """Return the splits; without `valid`, a random share of `train` is held out. Raises DataError for too few.

        Without `held_out`, nothing is held out if there is test data.
        """
        if valid is None:
            share = held_out_share(config.data, test)
            train, valid = hold_out(train, share, config.training.seed, f"{cls.item}s")
        return Parts(train, valid, test)

    def choose_options(self, config: Any) -> Any:
        """Choose to hold out validation examples too where there is test data only, then other options."""
        automatic = None if self.resumed else current_choice()
        parts: Any = self.parts
        alone = parts.valid is None and parts.test is not None and len(parts.train) >= _LEAST_TO_HOLD_OUT
        if automatic is not None and alone:
            config = automatic.apply(config, Choices(self.validation_share(config)))
            self.parts = self.with_validation(config)
        return super().choose_options(config)

    def validation_share(self, config: Any) -> dict[str, Any]:
        """Return the option, and its usual value, by which a share of the training data is for validation."""
        return {"held_out": automatic_value(config.data, "held_out")}

    def with_validation(self, config: Any) -> Any:
        """Return the splits as they are read with these options, made from those that were read."""
        parts: Any = self.parts
        share = held_out_share(config.data, parts.test)
        train, valid = hold_out(parts.train, share, config.training.seed, f"{self.item}s")
        return dataclasses.replace(parts, train=train, valid=valid)

    @abstractmethod
    def encode_part(self, part: Any, *, training: bool = False) -> E:
        """Encode a split for making batches."""

    def evaluate_split(self, data: E) -> dict[str, float]:
        """Return metrics on a whole encoded split: by default those of an evaluation."""
        objective: Any = self.objective()  # a SequenceObjective, unless a task overrides this method
        figures = objective.evaluate_part(data, 0)
        return {name: value for name, value in figures.items() if name != "selection"}

    def encode(self) -> None:
        """Encode all splits."""
        parts = self.parts
        self._train: E = self.encode_part(parts.train, training=True)
        self._valid: E | None = None if parts.valid is None else self.encode_part(parts.valid)
        self._test: E | None = None if parts.test is None else self.encode_part(parts.test)

    @property
    def batch_steps(self) -> int:
        """Maximum number of time steps in a batch, padding included; 0 for no limit."""
        return 0

    def stream(self) -> ShuffledBatches:
        """Return shuffled batches of examples of similar length."""
        train: Any = self._train
        size: int = self.config.network.batch_size  # type: ignore[attr-defined]
        seed = self.training_config.seed
        return ShuffledBatches(train.lengths, train.batch, batch_size=size, steps=self.batch_steps, seed=seed)

    @property
    def evaluation_cost(self) -> float:
        """Half of the size of the validation set, as a fraction of the training set."""
        return 0.0 if self.parts.valid is None else 0.5 * len(self.parts.valid) / len(self.parts.train)

    @property
    def holds_out(self) -> bool:
        """Whether there is a validation set."""
        return self._valid is not None

    def test(self, limit: int) -> dict[str, float]:
        """Return metrics on the whole test set; `limit` is ignored."""
        del limit
        return {} if self._test is None else self.evaluate_split(self._test)

    def compared_part(self) -> tuple[str, Any, E] | None:
        """Return the split on which the network is compared with simple rules: its name, its data, and it encoded.

        That is the test set, or the validation set without one; None without both.
        """
        for name, part, encoded in (
            ("test", self.parts.test, self._test),
            ("validation", self.parts.valid, self._valid),
        ):
            if part is not None and encoded is not None:
                return name, part, encoded
        return None

    def part_sizes(self, **sizes: Callable[[Any], int]) -> dict[str, int]:
        """Return the value of each function for each split, as "SPLIT_NAME"; 0 for a missing split."""
        return {
            f"{name}_{what}": 0 if part is None else int(size(part))
            for name, part in self.parts.named()
            for what, size in sizes.items()
        }

    def part_rows(self, **names: str) -> list[tuple[str, str]]:
        """Return rows of `outline`: the sizes of each split, with the names to show."""
        return [
            (name, ", ".join(f"{self.data[f'{name}_{what}']:,} {shown}" for what, shown in names.items()))
            for name, _ in self.parts.named()
        ]
