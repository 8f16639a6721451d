"""`trace(cell)`: the equations of a cell, traced several times under different conditions and compared."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import torch
from torch import Tensor

from elman.kernels.native.compose import Equations
from elman.kernels.native.guard import HOOKS
from elman.kernels.native.symbols import OTHER_ROWS, ROWS, Symbol, UntraceableError
from elman.kernels.native.tracer import Tracer
from elman.state import State, map_leaves, named_leaves

__all__ = ["has_hooks", "trace"]


def _width_of_part(cell: Any, weight: Tensor) -> int:
    """Return the size of `project`'s output for one time step."""
    try:
        # Without data, so that no random numbers are drawn from the generator that all threads share.
        shapes = _copy(cell).to("meta")
        with torch.no_grad():
            found: Tensor = shapes.project(torch.empty(1, 1, cell.input_size, dtype=weight.dtype, device="meta"))
        return found.shape[-1]
    except Exception:  # code of a cell that needs data
        pass
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        projected: Tensor = cell.project(weight.new_zeros(1, 1, cell.input_size))
    return projected.shape[-1]


def _start(cell: Any, H: int) -> State:
    with torch.no_grad():
        state = cell.initial_state(1)
    for name, leaf in named_leaves(state):
        if leaf.dim() != 2 or leaf.shape[-1] != H:
            raise UntraceableError(
                f"its state leaf {name!r} has {leaf.shape[-1]} numbers a row, expected {H} (hidden_size)"
            )
    return state


def _run(cell: Any, *, masked: bool = False, rows: int = ROWS, gradients: bool = True, cuts: bool = True) -> Equations:
    """Trace one call of `advance`.

    rows       number of rows of the symbolic tensors
    gradients  whether the caller has gradients on
    cuts       whether gradients are cut where the cell switches them off
    """
    H = cell.hidden_size
    weight = next(iter(cell.parameters()))
    start = _start(cell, H)
    width = _width_of_part(cell, weight)
    if width % H:
        raise UntraceableError(f"its project gives {width} numbers a row, expected a multiple of {H} (hidden_size)")
    with torch.set_grad_enabled(gradients):
        tracer = Tracer(cell, H, weight.dtype, rows=rows, cuts=cuts)
    names = [name for name, _ in named_leaves(start)]
    indices = iter(range(len(names)))
    state = map_leaves(lambda _: tracer.leaf(next(indices)), start)
    p_BG = tracer.part("p", width // H)
    mask = (tracer.part("mask", 1),) if masked else ()
    before = _contents(cell)
    with torch.set_grad_enabled(gradients), warnings.catch_warnings(), tracer:
        warnings.simplefilter("ignore")
        step = cell.advance(p_BG, state, *mask)
    if tracer.without_bias:
        raise UntraceableError("calls linear(h, weight_hh) without bias_hh, although the cell has one")
    if changed := [name for name, value in _contents(cell).items() if before.get(name) is not value]:
        raise UntraceableError(f"changes the cell ({changed[0][1]})")
    if [name for name, _ in named_leaves(step.state)] != names:
        raise UntraceableError("returns a state with different leaves from the previous state")

    def node_of(what: str, value: Any) -> int:
        if not isinstance(value, Symbol) or tuple(value.shape) != (rows, H) or value.grid.size != 1:
            shape = tuple(getattr(value, "shape", ()))
            received = f"batch x {shape[-1]}" if shape[:1] == (rows,) and len(shape) == 2 else f"{shape}"
            raise UntraceableError(f"returns {what} of shape {received}, expected batch x {H}")
        node = int(value.grid.flat[0])
        if value.dtype == torch.bool:
            raise UntraceableError(f"returns booleans as {what}")
        return node

    new = tuple(node_of(f"the leaf {name!r}", leaf) for name, leaf in named_leaves(step.state))
    y = node_of("an output", step.y)
    if masked and tracer.h_leaf is not None:
        used = {tracer.graph.nodes[number].value for number in tracer.graph.reachable([*new, y])}
        if not tracer.masked or "mask0" in used:
            raise UntraceableError("applies the recurrent mask to something else than the input of its product")
    return Equations(
        tracer.graph, y, new, width // H, tracer.u_blocks, tuple(names), tracer.h_leaf or 0, tuple(tracer.parameters)
    )


def _contents(cell: Any) -> dict[tuple[int, str], Any]:
    """Return all attributes, weights and buffers of a cell and the modules in it, by module and name."""
    found: dict[tuple[int, str], Any] = {}
    for number, module in enumerate(cell.modules()):
        own = {name: value for name, value in vars(module).items() if name not in ("_parameters", "_buffers")}
        for group in (own, module._parameters, module._buffers):
            found |= {(number, name): value for name, value in group.items()}
    return found


def has_hooks(module: torch.nn.Module) -> bool:
    """Whether a module calls hooks, forward or backward."""
    attributes = vars(module)
    return any(attributes[name] for name in HOOKS)


def trace(cell: Any) -> Equations:
    """Trace the equations of `cell`, on a copy. Raises UntraceableError when they are not element-wise.

    The equations must be the same for another number of rows, without gradients, and with a recurrent mask.
    """
    for name, module in cell.named_modules():
        if name and has_hooks(module):
            raise UntraceableError(f"calls {name}, which has hooks")
    cell = _copy(cell)
    equations = _run(cell)
    plain = _run(cell, cuts=False)
    if not _equal(plain, _run(cell, cuts=False, rows=OTHER_ROWS)):
        raise UntraceableError("depends on the number of rows")
    if not _equal(plain, _run(cell, cuts=False, gradients=False)):
        raise UntraceableError("depends on whether gradients are on")
    if equations.u_blocks and not _equal(equations, _run(cell, masked=True)):
        raise UntraceableError("depends on whether there is a recurrent mask")
    return equations


def _copy(cell: Any) -> Any:
    """Return a deep copy of a cell; tensors that torch computed, such as weights with dropout, are copied detached."""
    tensors = [
        value
        for module in cell.modules()
        for group in (vars(module), module._parameters, module._buffers)
        for value in group.values()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    try:
        return copy.deepcopy(cell, {id(tensor): tensor.detach().clone() for tensor in tensors})
    except Exception as error:  # An attribute of a cell may refuse in any way.
        raise UntraceableError(f"its attributes cannot be copied ({type(error).__name__}: {error})") from error


def _equal(one: Equations, other: Equations) -> bool:
    """Whether two traces compute the same."""
    return _expressions(one) == _expressions(other) and one[3:] == other[3:]


def _expressions(equations: Equations) -> list[Any]:
    """Return the results of equations as numbers of expressions, equal for equal ones, and the expressions."""
    numbers: dict[Any, int] = {}
    own: dict[int, int] = {}
    results = (equations.y, *equations.new)
    for number in sorted(equations.graph.reachable(results)):
        node = equations.graph.nodes[number]
        key = (node.function, tuple([own[operand] for operand in node.operands]), node.value)
        own[number] = numbers.setdefault(key, len(numbers))
    return [[own[result] for result in results], list(numbers)]
