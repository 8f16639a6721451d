"""SequenceSetup: what tasks share whose examples are whole sequences, such as sentences, texts or recordings.

Each part of the data is encoded once; batches are drawn from the training part, and figures are measured on the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from torch import Tensor

from elman.data.batches import Shuffled
from elman.data.parts import Parts, hold_out, read_parts
from elman.data.sources import Sources
from elman.data.tokens import Progress
from elman.nn import StoredModule
from elman.options import Sections
from elman.tasks.setup import Setup
from elman.types import Batch, State

__all__ = ["SequenceObjective", "SequenceSetup"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
P = TypeVar("P", bound=Parts[Any])
V = TypeVar("V")
E = TypeVar("E")


class SequenceObjective(ABC, Generic[E]):
    """A loss of whole sequences, and figures on held-out ones; no state is carried from batch to batch.

    A subclass sets `held_out`: what is held out, or None.
    """

    held_out: E | None

    def initial_state(self, batch_size: int) -> State:
        """No state."""
        del batch_size
        return ()

    @abstractmethod
    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of the loss, how many targets it is of, and no state."""

    @abstractmethod
    def measured(self, held_out: E, limit: int) -> dict[str, float]:
        """Figures on what is held out, of at most about so many targets (0: all)."""

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Figures on what is held out; empty without any."""
        return {} if self.held_out is None else self.measured(self.held_out, limit)


class SequenceSetup(Setup[C, N, P, V], Generic[C, N, P, V, E]):
    """A run on whole sequences.

    A subclass says how a part is read, encoded and measured. Without files for validation, `read` takes a share
    `held_out` of the training data.
    """

    # What messages call one of the examples.
    item: ClassVar[str] = "sequence"
    # Whether reading one part tells how far it is; else it is told which part is read.
    reading_tells: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def read_part(cls, paths: Sequence[Any], config: C, progress: Progress | None = None) -> Any:
        """The examples in the files of one part."""

    @classmethod
    def read(cls, config: C, sources: Sources, *, vocabulary: V | None = None, progress: Progress | None = None) -> P:
        """The examples in the files."""
        del vocabulary
        train, valid, test = read_parts(
            sources,
            lambda paths: cls.read_part(paths, config, progress),
            cls.item,
            None if cls.reading_tells else progress,
        )
        return cls.make_parts(train, config, valid=valid, test=test)

    @classmethod
    def make_parts(cls, train: Any, config: Any, *, valid: Any = None, test: Any = None) -> Any:
        """The parts; without `valid`, a random share of `train` becomes it. Raises DataError where too few examples are
        left."""
        if valid is None:
            train, valid = hold_out(train, config.data.held_out, config.training.seed, f"{cls.item}s")
        return Parts(train, valid, test)

    @abstractmethod
    def encode_part(self, part: Any, *, training: bool = False) -> E:
        """A part as numbers, of which batches are made."""

    def measure_part(self, data: E) -> dict[str, float]:
        """Figures on an encoded part, all of it: by default those of an evaluation."""
        objective: Any = self.objective()  # a SequenceObjective of encoded parts, unless a task measures in its own way
        figures = objective.measured(data, 0)
        return {name: value for name, value in figures.items() if name != "selection"}

    def encode(self) -> None:
        """All parts as numbers."""
        parts = self.parts
        self._train: E = self.encode_part(parts.train, training=True)
        self._valid: E | None = None if parts.valid is None else self.encode_part(parts.valid)
        self._test: E | None = None if parts.test is None else self.encode_part(parts.test)

    @property
    def batch_steps(self) -> int:
        """The most steps of a batch, padding included; 0 for any number."""
        return 0

    def stream(self) -> Shuffled:
        """Shuffled examples, of like length in a batch."""
        train: Any = self._train
        size: int = self.config.network.batch_size  # type: ignore[attr-defined]
        seed = self.training_config.seed
        return Shuffled(train.lengths, train.batch, batch_size=size, steps=self.batch_steps, seed=seed)

    @property
    def holds_out(self) -> bool:
        """Whether there are examples for validation."""
        return self._valid is not None

    def test(self, limit: int) -> dict[str, float]:
        """Figures of the test part, all of it: a test that leaves out examples would be no test."""
        del limit
        return {} if self._test is None else self.measure_part(self._test)

    def part_sizes(self, **sizes: Callable[[Any], int]) -> dict[str, int]:
        """For each part and each name what the function of this name gives, 0 without such a part."""
        return {
            f"{name}_{what}": 0 if part is None else int(size(part))
            for name, part in self.parts.named()
            for what, size in sizes.items()
        }

    def part_rows(self, **names: str) -> list[tuple[str, str]]:
        """Rows of an outline: of each part the sizes in `data` with what people call them."""
        return [
            (name, ", ".join(f"{self.data[f'{name}_{what}']:,} {shown}" for what, shown in names.items()))
            for name, _ in self.parts.named()
        ]
