"""`SequenceModel`: base class of models trained on pairs of inputs and targets, in memory or in files."""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import Any, ClassVar, Generic, Self, TypeVar

from elman.data.sources import Sources, as_paths
from elman.nn import StoredModule
from elman.options import Sections
from elman.tasks.model import TaskModel
from elman.tasks.sequence_setup import SequenceSetup
from elman.train.callbacks import OnEvent, as_callbacks

__all__ = ["SequenceModel"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
V = TypeVar("V")


class SequenceModel(TaskModel[C, N, V], Generic[C, N, V]):
    """A model trained on inputs with targets, such as sentences with tags.

    A subclass implements `_part` for data in memory, and its `fit` calls `_fit`.
    """

    setup_class: ClassVar[type[SequenceSetup[Any, Any, Any, Any, Any]]]
    # Completes "expected ..." in messages about inputs without targets.
    _expected: ClassVar[str]
    # Allowed lengths of the tuple of held-out data in memory: inputs, targets, and further columns of the task.
    _given: ClassVar[tuple[int, ...]] = (2,)

    @abstractmethod
    def _part(self, *given: Any, **how: Any) -> Any:
        """Make a split from inputs, targets and further columns; `how` may have its `name` for messages."""

    def _fit(
        self,
        *given: Any,
        valid: Any,
        test: Any,
        folder: str | os.PathLike[str] | None,
        progress: bool | None,
        tune: bool,
        on_event: OnEvent = None,
        **how: Any,
    ) -> Self:
        """Train on `given`: inputs and targets in memory or, if the targets are None, files.

        `how` holds keyword arguments of `_part`; other arguments are those of `fit`.
        """
        running: dict[str, Any] = {
            "folder": folder,
            "progress": progress,
            "tune": tune,
            "on_event": as_callbacks(on_event),
        }
        if given[1] is None:
            train, valid, test = (as_paths(each, self._expected) for each in (given[0], valid, test))
            return self._fit_files(Sources(train, valid, test), **running)
        with self._usable_rows() as bad:
            train = self._part(*given, **how)
            valid, test = (self._held_out(part, name=name, **how) for name, part in (("valid", valid), ("test", test)))
        parts = self.setup_class.make_parts(train, self.config, valid=valid, test=test)
        return self._fit_memory(parts, **running, left_out=bad.remarks)

    def _held_out(self, part: Any, **how: Any) -> Any:
        """Make a held-out split from None, a tuple of arguments of `_part`, or paths."""
        if part is None:
            return None
        in_memory = isinstance(part, tuple) and len(part) in self._given and not isinstance(part[0], str | os.PathLike)
        if in_memory:
            return self._part(*part, **how)
        return self.setup_class.read_part(as_paths(part, self._expected), self.config)
