"""Values outside a cell that its equations read: globals, class attributes, closures, and those of helper functions.

A program has the values of numbers that `update` read when it was traced. `ReadValues` finds what the code of a cell's
class refers to, so that a program is used only while these values are the same.
"""

from __future__ import annotations

import dis
import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Set
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch

__all__ = ["ReadValues", "content_of", "sources_of"]

# The methods of a cell, of a module in it and of an object that is called.
_ENTRIES = ("advance", "update", "forward", "__call__")
# What code of these modules does is not followed; their functions are known to the tracer.
_KNOWN = frozenset({"torch", "numpy", "math", "builtins", "typing", "types", "collections", "functools", "elman"})
_PLAIN = (bool, int, float, str, type(None))
# The attributes of every module.
_OWN = frozenset(vars(torch.nn.Module()))
_ABSENT = object()
_LARGEST = 256  # functions that are followed
# Larger containers and arrays are not compared.
_MOST_ITEMS, _MOST_BYTES = 1000, 65536
_GLOBALS = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_ATTRIBUTES = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})


class ReadValues:
    """The values that code reads from outside.

    sources  the classes and functions whose code it is, from `sources_of`
    names    the names of attributes that the code reads

    `now()` returns the values. Numbers, strings, arrays, containers of them and attributes of objects in `names` are
    compared by content, other objects by identity.
    """

    def __init__(self, sources: Iterable[Any]) -> None:
        self.names: set[str] = set()
        self._kinds: list[type[Any]] = []
        # (namespace, class, function or cell of a closure, name) of every value, in the order in which they are found.
        self._places: dict[tuple[int, str], tuple[Any, str]] = {}
        self._seen: dict[int, Any] = {}
        for source in sources:
            if isinstance(source, type):
                self._follow_class(source)
            else:
                self._follow(source)

    def now(self) -> tuple[Any, ...]:
        """Return the values as they are now."""
        return tuple([self.content(place, name) for place, name in self._places.values()])

    def places(self) -> Iterable[tuple[Any, str]]:
        """Return where each value is: a namespace, class, function or cell of a closure, and a name in it."""
        return self._places.values()

    def content(self, place: Any, name: str) -> Any:
        """Return a value as it is now, in a form that can be compared."""
        return content_of(_get(place, name), self.names)

    def _follow_class(self, kind: type[Any]) -> None:
        """Find what the methods of a class read that are called, now or by code that is found later."""
        if kind not in self._kinds:
            self._kinds.append(kind)
            for name in sorted({*_ENTRIES, *self.names}):
                if _static(kind, name) is not _ABSENT:
                    self._read(kind, name)

    def _follow(self, value: Any) -> None:
        """Find the values that a function reads, and the functions that it calls."""
        value = value.fget if isinstance(value, property) else value
        while isinstance(value, partial):
            value = value.func
        function = getattr(value, "__func__", value)  # of a method, a static method or a class method
        function = getattr(function, "__wrapped__", function)
        if not isinstance(function, FunctionType) or id(function) in self._seen:
            return
        if len(self._seen) >= _LARGEST:
            self._places[0, ""] = {"": _Never()}, ""
            return
        self._seen[id(function)] = function
        codes = [*_codes(function.__code__)]
        attributes = {name for code in codes for name in _names(code, _ATTRIBUTES)}
        names = {name for code in codes for name in _names(code, _GLOBALS)}
        fresh = attributes - self.names
        self.names |= attributes
        for name in sorted(names & function.__globals__.keys()):
            self._read(function.__globals__, name)
        for kind in list(self._kinds):
            for name in sorted(fresh):
                if _static(kind, name) is not _ABSENT:
                    self._read(kind, name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._read(cell, name)
        for name in ("__defaults__", "__kwdefaults__"):
            self._read(function, name)

    def _read(self, place: Any, name: str) -> None:
        key = (id(place), name)
        if key in self._places:
            return
        value = _get(place, name)
        if isinstance(value, ModuleType):
            if _package(value.__name__) not in _KNOWN:
                for inner in sorted(self.names & vars(value).keys()):
                    self._read(vars(value), inner)
            return
        known = "" if isinstance(value, partial) else _package(getattr(value, "__module__", None) or "")
        if known in _KNOWN and (isinstance(value, type) or known != "elman"):
            return
        self._places[key] = (place, name)
        for part in _parts(value):
            self._follow(part)
            if isinstance(part, type):
                if _package(part.__module__) not in _KNOWN:
                    self._follow_class(part)
            elif _is_object(part):
                self._follow_class(type(part))


def sources_of(module: Any) -> tuple[Any, ...]:
    """Return the classes of a module, of those in it and of the objects that they hold, and the functions they hold."""
    found: dict[Any, None] = {type(module): None}
    for inner in module.modules():
        if _package(type(inner).__module__) not in _KNOWN:
            found[type(inner)] = None
        for name, value in vars(inner).items():
            if name in _OWN or isinstance(value, _PLAIN):
                continue
            for part in _parts(value):
                own_class = isinstance(part, type) and _package(part.__module__) not in _KNOWN
                if own_class or isinstance(part, FunctionType | MethodType | partial):
                    found[part] = None
                elif not isinstance(part, _PLAIN) and _is_object(part):
                    found[type(part)] = None
    return tuple(found)


def _parts(value: Any, depth: int = 4) -> Iterator[Any]:
    """Yield a value, or those in a container that is small enough to be compared."""
    if not isinstance(value, tuple | list | dict | set | frozenset):
        yield value
    elif depth and len(value) <= _MOST_ITEMS:
        for part in value.values() if isinstance(value, dict) else value:
            yield from _parts(part, depth - 1)


def _is_object(value: Any) -> bool:
    """Whether a value is an object of a class that is not known."""
    return not isinstance(value, FunctionType | type) and _package(type(value).__module__) not in _KNOWN


def _package(module: Any) -> str:
    return str(module).partition(".")[0]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _names(code: CodeType, loads: frozenset[str]) -> Iterator[str]:
    """Yield the names that some instructions of a code object load, and strings that may be names for `getattr`."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in loads:
            yield str(instruction.argval)
    yield from (text for text in code.co_consts if isinstance(text, str) and text.isidentifier())


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
    if isinstance(place, FunctionType):
        return getattr(place, name)
    try:
        return place.cell_contents
    except ValueError:  # an empty cell
        return _ABSENT


class _Identity:
    """An object that is compared by identity. It is not kept alive, and equals nothing when it is gone.

    An object without weak references is kept alive, so that no other gets its address.
    """

    __slots__ = ("_find", "_number")

    def __init__(self, value: Any) -> None:
        self._number = id(value)
        self._find: Callable[[], Any]
        try:
            self._find = weakref.ref(value)
        except TypeError:
            self._find = partial(_itself, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Identity) or self._number != other._number:
            return False
        value = self._find()
        return value is not None and value is other._find()

    def __hash__(self) -> int:
        return self._number


def _itself(value: Any) -> Any:
    return value


class _Never:
    """A content that equals nothing: what is too large to compare is traced at every call."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return False


def content_of(value: Any, names: Set[str], depth: int = 6) -> Any:
    """Return a comparable and hashable copy of a value; `names` are the attributes of objects that count."""
    if value is None or isinstance(value, bool | int | str | bytes):
        return type(value), value
    if isinstance(value, float):
        return float, "nan" if math.isnan(value) else (value, math.copysign(1.0, value))
    if isinstance(value, tuple | list | set | frozenset | dict):
        if not depth or len(value) > _MOST_ITEMS:
            return _Never()
        parts = [part for item in value.items() for part in item] if isinstance(value, dict) else value
        return type(value), tuple([content_of(part, names, depth - 1) for part in parts])
    if isinstance(value, np.ndarray) and value.dtype != object:
        return (value.shape, value.dtype.str, value.tobytes()) if value.nbytes <= _MOST_BYTES else _Never()
    identity = _Identity(value)
    inner = getattr(value, "__dict__", None)
    if depth and isinstance(inner, dict) and not isinstance(value, FunctionType | type | torch.Tensor):
        own = [(name, content_of(inner[name], names, depth - 1)) for name in sorted(names & inner.keys())]
        return identity, tuple(own)
    return identity
