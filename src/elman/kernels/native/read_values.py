"""Values outside a cell that its equations read: globals, class attributes, closures, and those of helper functions.

A program has the values of numbers that `update` read when it was traced. `ReadValues` finds what the code of a cell's
class refers to, so that a program is used only while these values are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

__all__ = ["ReadValues"]

_ENTRIES = ("advance", "update")
# What code of these modules does is not followed; their functions are known to the tracer.
_KNOWN = ("torch", "numpy", "math", "builtins", "typing", "elman")
_ABSENT = object()
_LARGEST = 256  # functions that are followed


class ReadValues:
    """The values that the equations of a class of cells read from outside.

    `now()` returns them; objects other than numbers, strings and containers of them are compared by identity.
    """

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind
        # (namespace or class or cell of a closure, name) of every value, in the order in which they are found.
        self._places: dict[tuple[int, str], tuple[Any, str]] = {}
        self._seen: dict[int, Any] = {}
        for name in _ENTRIES:
            self._follow(getattr(kind, name, None))

    def now(self) -> tuple[Any, ...]:
        """Return the values as they are now."""
        return tuple([_content(_get(place, name)) for place, name in self._places.values()])

    def _follow(self, value: Any) -> None:
        """Find the values that a function reads, and the functions that it calls."""
        if isinstance(value, property):
            for function in (value.fget,):
                self._follow(function)
            return
        function = getattr(value, "__func__", value)  # of a method, a static method or a class method
        function = getattr(function, "__wrapped__", function)
        if not isinstance(function, FunctionType) or id(function) in self._seen or len(self._seen) >= _LARGEST:
            return
        self._seen[id(function)] = function
        names = sorted({name for code in _codes(function.__code__) for name in code.co_names})
        for name in names:
            if name in function.__globals__:
                self._read(function.__globals__, name, names)
            static = _static(self._kind, name)
            if static is not _ABSENT:
                self._read(self._kind, name, names)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._read(cell, name, names)
        for place, default in enumerate(function.__defaults__ or ()):
            if not isinstance(default, FunctionType):
                self._read({str(place): default}, str(place), names)

    def _read(self, place: Any, name: str, names: list[str]) -> None:
        key = (id(place), name)
        if key in self._places:
            return
        value = _get(place, name)
        if isinstance(value, ModuleType):
            if value.__name__.partition(".")[0] not in _KNOWN:
                for inner in names:
                    if inner in vars(value):
                        self._read(vars(value), inner, names)
            return
        if isinstance(value, type) and value.__module__.partition(".")[0] in _KNOWN:
            return
        if getattr(value, "__module__", None) and str(value.__module__).partition(".")[0] in _KNOWN[:-1]:
            return
        self._places[key] = (place, name)
        self._follow(value)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _static(kind: type[Any], name: str) -> Any:
    """Return an attribute of a class that is not one of every module; without calling descriptors."""
    for base in kind.__mro__:
        if base in (torch.nn.Module, object):
            continue
        if name in vars(base):
            return vars(base)[name]
    return _ABSENT


def _get(place: Any, name: str) -> Any:
    if isinstance(place, dict):
        return place.get(name, _ABSENT)
    if isinstance(place, type):
        return _static(place, name)
    try:
        return place.cell_contents
    except ValueError:  # an empty cell
        return _ABSENT


class _Same:
    """An object that is compared by identity, and held so that no other gets its address."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.held is other.held

    def __hash__(self) -> int:
        return id(self.held)


def _content(value: Any, depth: int = 4) -> Any:
    """Return a comparable and hashable copy of a value."""
    if isinstance(value, bool | int | str | bytes | type(None)):
        return type(value), value
    if isinstance(value, float):
        return float, "nan" if math.isnan(value) else (value, math.copysign(1.0, value))
    if depth and isinstance(value, tuple | list | set | frozenset):
        return type(value), tuple([_content(part, depth - 1) for part in value])
    if depth and isinstance(value, dict):
        return dict, tuple([(_content(key, depth - 1), _content(part, depth - 1)) for key, part in value.items()])
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.shape, value.dtype.str, value.tobytes()
    inner = getattr(value, "__dict__", None)
    if (
        depth
        and isinstance(inner, dict)
        and not callable(value)
        and not isinstance(value, type | torch.nn.Module | torch.Tensor)
    ):
        return _Same(value), _content(inner, depth - 1)
    return _Same(value)
