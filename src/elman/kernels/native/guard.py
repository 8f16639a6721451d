"""`Guard`: a fast check that nothing which a program rests on has changed since the program was found."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.kernels.native.read_values import ReadValues, content_of

__all__ = ["HOOKS", "OWN", "Guard"]

# The attributes of every module that do not count as the cell's own.
OWN = frozenset(vars(nn.Module())) - {"training"}
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# Values that have the same content as long as they are the same object.
_FIXED = (bool, int, float, str, bytes, type(None), FunctionType, BuiltinFunctionType, property, type, ModuleType)
_ABSENT = object()


def _is_fixed(value: Any) -> bool:
    return value is _ABSENT or isinstance(value, _FIXED) or (type(value) is tuple and all(map(_is_fixed, value)))


class _Weight(NamedTuple):
    """A parameter or buffer: where it is, itself, and what of it can change."""

    name: str
    tensor: weakref.ref[Tensor] | None
    dtype: torch.dtype | None
    shape: torch.Size | None
    device: torch.device | None

    def holds(self, tensor: Any) -> bool:
        """Whether a tensor is the same."""
        if self.tensor is None:
            return tensor is None
        kept = self.tensor()
        if kept is None or kept is not tensor:
            return False
        return kept.dtype is self.dtype and kept.shape == self.shape and kept.device == self.device


class _Module:
    """What a program rests on in one module: attributes, weights, inner modules and whether there are hooks.

    Attributes that may change while they are the same object are compared by content. Objects are not kept alive.
    """

    def __init__(self, module: nn.Module, names: frozenset[str]) -> None:
        attributes = vars(module)
        own = {name: value for name, value in attributes.items() if name not in OWN}
        self._names = names
        self._count = len(attributes)
        self._fixed = [(name, value) for name, value in own.items() if _is_fixed(value)]
        self._others = [(name, content_of(value, names)) for name, value in own.items() if not _is_fixed(value)]
        self._hooks = [bool(attributes[name]) for name in HOOKS]
        self._groups = [
            (group, [self._weight(name, tensor) for name, tensor in attributes[group].items()])
            for group in ("_parameters", "_buffers")
        ]
        self._children = [
            (name, None if child is None else (weakref.ref(child), _Module(child, names)))
            for name, child in attributes["_modules"].items()
        ]

    @staticmethod
    def _weight(name: str, tensor: Tensor | None) -> _Weight:
        if tensor is None:
            return _Weight(name, None, None, None, None)
        return _Weight(name, weakref.ref(tensor), tensor.dtype, tensor.shape, tensor.device)

    def holds(self, module: Any) -> bool:
        """Whether nothing has changed in a module."""
        attributes: dict[str, Any] = vars(module)
        if len(attributes) != self._count:
            return False
        for name, value in self._fixed:
            if attributes.get(name, _ABSENT) is not value:
                return False
        for group, weights in self._groups:
            found: dict[str, Any] = attributes[group]
            if len(found) != len(weights):
                return False
            for weight in weights:
                if not weight.holds(found.get(weight.name, _ABSENT)):
                    return False
        if [bool(attributes[name]) for name in HOOKS] != self._hooks:
            return False
        names = self._names
        if any(content_of(attributes.get(name), names) != content for name, content in self._others):
            return False
        children = attributes["_modules"]
        if len(children) != len(self._children):
            return False
        for name, inner in self._children:
            child = children.get(name, _ABSENT)
            if (child is not None) if inner is None else (inner[0]() is not child or not inner[1].holds(child)):
                return False
        return True


class Guard:
    """What a program of a cell rests on: the cell, and the values that its code reads from outside."""

    def __init__(self, cell: Any, values: ReadValues) -> None:
        self._values = values
        self._module = _Module(cell, frozenset(values.names))
        self._kind = type(cell)
        # (function, its arguments, result) of the values that are the same while they are the same object.
        self._fixed: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = []
        self._others: list[tuple[Any, str, Any]] = []
        for place, name in values.places():
            read, arguments = _reader(place, name)
            value = read(*arguments)
            # A class method is another object each time.
            if _is_fixed(value) and read(*arguments) is value:
                self._fixed.append((read, arguments, value))
            else:
                self._others.append((place, name, values.content(place, name)))

    def holds(self, cell: Any) -> bool:
        """Whether nothing has changed."""
        if type(cell) is not self._kind or not self._module.holds(cell):
            return False
        for read, arguments, value in self._fixed:
            if read(*arguments) is not value:
                return False
        return all(self._values.content(place, name) == content for place, name, content in self._others)


def _reader(place: Any, name: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return a fast function, and its arguments, that reads a value."""
    if isinstance(place, dict):
        return place.get, (name, _ABSENT)
    if isinstance(place, CellType):
        return _contents_of, (place,)
    return getattr, (place, name, _ABSENT)


def _contents_of(closure: CellType) -> Any:
    try:
        return closure.cell_contents
    except ValueError:  # an empty cell
        return _ABSENT
