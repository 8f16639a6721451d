"""`program_of(cell)`: the program of a cell's equations, cached for every cell.

A cell is traced again when one of its plain attributes, its training mode or its set of weights has changed; the values
of the weights do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch.utils._python_dispatch import _disable_current_modes

from elman.kernels.native.abi import MAX_GATES, MAX_LEAVES, MAX_PARAMETERS
from elman.kernels.native.compose import compose
from elman.kernels.native.equations import has_hooks, trace
from elman.kernels.native.guard import OWN, Guard
from elman.kernels.native.program import Program
from elman.kernels.native.read_values import ReadValues, content_of, sources_of
from elman.kernels.native.symbols import UntraceableError
from elman.recurrence import RunnableCell

__all__ = ["program_of"]


class _Known(NamedTuple):
    """The program of a cell, a fast check that it is still right, and the snapshot that it was found with."""

    guard: Guard
    snapshot: Any
    program: Program | str


_traced: WeakKeyDictionary[RunnableCell, _Known] = WeakKeyDictionary()
# Programs by fingerprint, shared by equal cells, such as copies and the layers of a stack.
_shared: dict[Any, Program | str] = {}
_MAX_SHARED = 256
# What the code of these classes and functions reads, and the values when it was found.
_read: dict[tuple[Any, ...], tuple[Any, ReadValues]] = {}


def _snapshot_of(module: Any, names: Set[str]) -> Any:
    """Return a snapshot of everything in a module that tracing depends on."""
    attributes = vars(module)
    own = tuple([(name, content_of(value, names)) for name, value in attributes.items() if name not in OWN])
    weights = tuple(
        [
            None if tensor is None else (name, tensor.dtype, tensor.shape, tensor.device)
            for group in (attributes["_parameters"], attributes["_buffers"])
            for name, tensor in group.items()
        ]
    )
    inner = tuple(
        [
            (name, None if child is None else (type(child), has_hooks(child), _snapshot_of(child, names)))
            for name, child in attributes["_modules"].items()
        ]
    )
    return own, weights, inner


def _ties_of(module: Any) -> Any:
    """Return which weights are the same tensor: tied weights have one place in a program."""
    tensors = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    if len({id(tensor) for _, tensor in tensors}) == len(tensors):
        return ()
    first: dict[int, int] = {}
    return tuple([first.setdefault(id(tensor), place) for place, (_, tensor) in enumerate(tensors)])


def program_of(cell: RunnableCell) -> Program | str:
    """Return the program of `cell`'s equations, or the reason why there is none."""
    known = _traced.get(cell)
    if known is not None and known.guard.holds(cell):
        return known.program
    values = _find_values(sources_of(cell))
    kind, ties = type(cell), _ties_of(cell)
    snapshot = (kind, vars(kind).get("update"), _snapshot_of(cell, values.names), ties, values.now())
    if known is not None and known.snapshot == snapshot:
        program = known.program  # the same content in other objects
    elif snapshot in _shared:
        program = _shared[snapshot]
    else:
        program = _make(cell)
        if len(_shared) >= _MAX_SHARED:
            _shared.clear()
        _shared[snapshot] = program
    _traced[cell] = _Known(Guard(cell, values), snapshot, program)
    return program


def _find_values(sources: tuple[Any, ...]) -> ReadValues:
    """Return the values that the code of `sources` reads; a function that it calls may be another than before."""
    kept = _read.get(sources)
    if kept is not None and kept[0] == kept[1].now():
        return kept[1]
    if len(_read) >= _MAX_SHARED:
        _read.clear()
    values = ReadValues(sources)
    _read[sources] = values.now(), values
    return values


@contextmanager
def _no_jit_tracing() -> Iterator[None]:
    """Context manager in which torch.jit.trace records nothing."""
    set_state: Callable[[Any], None] = vars(torch._C)["_set_tracing_state"]
    state = torch._C._get_tracing_state()
    set_state(None)
    try:
        yield
    finally:
        set_state(state)


def _make(cell: RunnableCell) -> Program | str:
    where = "its update"
    if not isinstance(getattr(type(cell), "update", None), FunctionType):
        where = "its advance"
    try:
        # The result is cached, so it must not depend on the current dispatch mode (such as fake tensors).
        with _disable_current_modes(), _no_jit_tracing():
            equations = trace(cell)
    except UntraceableError as reason:
        return str(reason) if str(reason).startswith("its ") else f"{where} {reason}"
    except Exception as error:  # A cell's own code may raise any exception on symbolic tensors.
        return f"{where} cannot be traced: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    if not equations.leaves:
        return "it has no state"
    if max(equations.p_blocks, equations.u_blocks) > MAX_GATES:
        blocks = max(equations.p_blocks, equations.u_blocks)
        return f"its products have {blocks} blocks of hidden_size numbers, expected at most {MAX_GATES}"
    if len(equations.leaves) > MAX_LEAVES:
        return f"its state has {len(equations.leaves)} leaves, expected at most {MAX_LEAVES}"
    if len(equations.parameters) > MAX_PARAMETERS:
        return f"its equations have {len(equations.parameters)} parameters, expected at most {MAX_PARAMETERS}"
    return compose(equations)
