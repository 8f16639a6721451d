"""SequenceModel: what classes for people share that learn from inputs with targets, in memory or in files."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import Any, ClassVar, Generic, Self, TypeVar

from elman.data.sources import Sources, as_paths
from elman.nn import StoredModule
from elman.options import Sections
from elman.tasks.model import TaskModel
from elman.tasks.sequence_setup import SequenceSetup

__all__ = ["SequenceModel"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
V = TypeVar("V")


class SequenceModel(TaskModel[C, N, V], Generic[C, N, V]):
    """A model of inputs with targets, such as sentences with tags.

    A subclass says how data in memory becomes a part, and calls `_fit` with what its `fit` is given.
    """

    setup_class: ClassVar[type[SequenceSetup[Any, Any, Any, Any, Any]]]
    # What messages expect where there are inputs without targets.
    _expected: ClassVar[str]
    # How many things held-out data in memory may be: inputs, targets, and what else a task has.
    _given: ClassVar[tuple[int, ...]] = (2,)

    @abstractmethod
    def _part(self, *given: Any, **how: Any) -> Any:
        """A part of inputs, targets and what else a task has; `how` may have its `name` for messages."""

    def _fit(
        self,
        *given: Any,
        valid: Any,
        test: Any,
        folder: str | os.PathLike[str] | None,
        progress: bool,
        tune: bool,
        **how: Any,
    ) -> Self:
        """Train on `given`: inputs and targets in memory or, where the targets are None, files.

        `how` is what `_part` takes; other arguments are those of `fit`.
        """
        if given[1] is None:
            train, valid, test = (as_paths(each, self._expected) for each in (given[0], valid, test))
            return self._fit_files(Sources(train, valid, test), folder=folder, progress=progress, tune=tune)
        parts = self.setup_class.make_parts(
            self._part(*given, **how),
            self.config,
            valid=self._held_out(valid, name="valid", **how),
            test=self._held_out(test, name="test", **how),
        )
        return self._fit_memory(parts, folder=folder, progress=progress, tune=tune)

    def _held_out(self, part: Any, **how: Any) -> Any:
        """Held-out data: None, a tuple of what `_part` takes, or paths."""
        if part is None:
            return None
        in_memory = isinstance(part, tuple) and len(part) in self._given and not isinstance(part[0], str | os.PathLike)
        if in_memory:
            return self._part(*part, **how)
        return self.setup_class.read_part(as_paths(part, self._expected), self.config)
