"""`Tracer`: records what a cell's `advance` computes on symbolic tensors.

A `TorchFunctionMode` intercepts every torch call. The only supported matrix product is the recurrent product,
`linear(h, weight_hh, bias_hh)`, whose result becomes the blocks u0, u1, ...; every other operation must be
element-wise. Anything else raises `UntraceableError` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from elman.kernels.native.graph import Graph
from elman.kernels.native.symbols import Symbol, UntraceableError, move, symbol
from elman.kernels.native.torch_activations import ELEMENTWISE
from elman.kernels.native.torch_functions import FACTORIES, MOVES, QUESTIONS, Elementwise

__all__ = ["Tracer"]

_NUMBERS = (bool, int, float)
_READS = frozenset({"__bool__", "item", "__float__", "__int__", "__index__", "tolist", "numpy", "__iter__"})
_TYPES = frozenset({"to", "type", "type_as", "float", "double", "half", "bfloat16"})


def _name_of(function: Any) -> str:
    """Return the usual name of a torch function."""
    name = getattr(function, "__name__", str(function))
    return str(getattr(getattr(function, "__self__", None), "__name__", name)) if name == "__get__" else str(name)


class Tracer(TorchFunctionMode):
    """Records the torch calls of a cell's equations."""

    def __init__(self, cell: Any, H: int, dtype: torch.dtype, *, rows: int, cuts: bool) -> None:
        """`cuts`: whether gradients are cut where the cell switches them off."""
        super().__init__()
        self.rows = rows
        self.cuts = cuts
        self.gradients = torch.is_grad_enabled()
        self.graph = Graph(exact=True)
        self.H = H
        self.dtype = dtype
        self.cell = cell
        self.parameters: dict[str, int] = {}
        self.h_leaf: int | None = None
        self.u_blocks = 0
        self.masked = False
        self.without_bias = False
        weights = [*cell.named_parameters(), *cell.named_buffers()]
        self._weights = {id(tensor): (name, tensor) for name, tensor in weights}

    def part(self, letter: str, blocks: int) -> Symbol:
        """Return the symbolic tensor of p, u or a mask."""
        names = [f"{letter}{block}" for block in range(blocks)]
        grid = np.array([[self.graph.input(name) for name in names]])
        return symbol((self.rows, blocks * self.H), grid, self.dtype)

    def leaf(self, index: int) -> Symbol:
        """Return the symbolic tensor of a leaf of the state before the time step."""
        return symbol((self.rows, self.H), np.array([[self.graph.input(f"old{index}")]]), self.dtype)

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Handle a torch call instead of `function`."""
        kwargs = kwargs or {}
        name = _name_of(function)
        if function is torch._C._set_grad_enabled:  # called by torch.no_grad() and others
            self.gradients = bool(args[0])
            return function(*args, **kwargs)
        if torch.is_grad_enabled() != self.gradients:
            raise UntraceableError("calls a torch.autograd.Function, whose backward the engine does not know")
        if function in QUESTIONS:
            return function(*args, **kwargs)
        if name == "device":
            return torch.device("cpu")  # where the engine runs
        if function is F.linear:
            return self._product(*args, **kwargs)
        if function in ELEMENTWISE:
            return self._elementwise(ELEMENTWISE[function], name, args, kwargs)
        if function in MOVES:
            args = [self._with_symbols(argument) for argument in args]
            kwargs = {key: self._with_symbols(argument) for key, argument in kwargs.items()}
            return self._cut_gradient(move(function, name, args, kwargs, self.H, self.rows))
        if function in FACTORIES:
            return self._constant(function, name, args, kwargs)
        if function is F.dropout:
            return self._dropout(*args, **kwargs)
        if name == "data":
            return self._elementwise(ELEMENTWISE[Tensor.detach], name, args, kwargs)
        if name in _TYPES:
            return self._same_type(function, name, args, kwargs)
        if name in _READS:
            raise UntraceableError("branches on a value" if name == "__bool__" else f"reads a value ({name})")
        if name == "__set__" or name == "__setitem__" or (name.endswith("_") and not name.endswith("__")):
            raise UntraceableError(f"changes a tensor in place ({name})")
        if name.startswith("__i") and name.endswith("__"):
            raise UntraceableError(f"changes a tensor in place ({name})")
        raise UntraceableError(f"calls {name}, which is not element-wise")

    def _symbol(self, value: Any, name: str) -> Symbol:
        """Convert an argument (a symbolic tensor, a number or a weight of the cell) to a symbolic tensor."""
        if isinstance(value, Symbol):
            return value
        if isinstance(value, _NUMBERS):
            return symbol((), np.array(self.graph.constant(value)), self.dtype)
        if isinstance(value, Tensor):
            known = self._weights.get(id(value))
            if known is None:
                raise UntraceableError(
                    f"calls {name} with a tensor that is neither a parameter nor a buffer of the cell"
                )
            return self._parameter(*known)
        raise UntraceableError(f"calls {name} with {type(value).__name__} where a tensor or a number is expected")

    def _parameter(self, name: str, tensor: Tensor) -> Symbol:
        shape = tuple(tensor.shape)
        if name in ("weight_hh", "bias_hh"):
            raise UntraceableError(f"uses {name} apart from linear(h, weight_hh, bias_hh)")
        if not tensor.is_floating_point():
            raise UntraceableError(f"uses {name}, which holds no floating-point numbers")
        # A tensor of no dimensions does not change the dtype of a result.
        if tensor.dtype != self.dtype and tensor.dim():
            raise UntraceableError(f"uses {name} of {tensor.dtype}; expected {self.dtype}")
        if tensor.numel() not in (1, self.H) or any(size != 1 for size in shape[:-1]):
            raise UntraceableError(f"uses {name} of shape {shape}; expected 1 or {self.H} numbers")
        index = self.parameters.setdefault(name, len(self.parameters))
        node = self.graph.input(f"parameter{index}")
        return symbol(shape, np.full((1,) * len(shape), node), self.dtype)

    def _with_symbols(self, argument: Any) -> Any:
        """Convert the weights in an argument to symbolic tensors."""
        if isinstance(argument, Tensor):
            return self._symbol(argument, "a function")
        if isinstance(argument, list | tuple) and any(isinstance(part, Tensor) for part in argument):
            return type(argument)(self._with_symbols(part) for part in argument)
        return argument

    def _elementwise(self, meaning: Elementwise, name: str, args: Any, kwargs: Any) -> Symbol:
        """Return the symbolic result of an element-wise function."""
        if kwargs.get("dtype") not in (None, self.dtype):
            raise UntraceableError(f"changes the dtype ({name})")
        kwargs = {key: value for key, value in kwargs.items() if key not in ("dtype", "device", "memory_format")}
        try:
            bound = meaning.signature.bind(self.graph, *args, **kwargs)
        except TypeError:
            raise UntraceableError(f"calls {name} with unsupported arguments") from None
        arguments = list(bound.arguments.items())[1:]
        operands = [self._symbol(value, name) for _, value in arguments[: meaning.operands]]
        options = dict(arguments[meaning.operands :])
        if options.pop("inplace", False):
            raise UntraceableError(f"changes a tensor in place ({name})")
        if any(isinstance(value, Tensor) for value in options.values()):
            raise UntraceableError(f"calls {name} with a tensor where only a number is supported")
        try:
            shape = np.broadcast_shapes(*(tuple(operand.shape) for operand in operands))
        except ValueError:
            shapes = " and ".join(str(tuple(operand.shape)) for operand in operands)
            raise UntraceableError(f"calls {name} with shapes that do not fit together: {shapes}") from None
        grids = np.broadcast_arrays(*(operand.grid for operand in operands))
        made = [
            meaning.make(self.graph, *map(int, nodes), **options)
            for nodes in zip(*(g.flat for g in grids), strict=True)
        ]
        dtype = torch.bool if all(map(self.graph.is_mask, made)) else self.dtype
        if dtype != torch.bool and all(operand.dtype == torch.bool for operand in operands):
            raise UntraceableError(f"calls {name} with booleans only")
        return self._cut_gradient(symbol(shape, np.array(made).reshape(grids[0].shape), dtype))

    def _cut_gradient(self, result: Any) -> Any:
        """Detach `result` under torch.no_grad()."""
        if torch.is_grad_enabled() or not self.cuts or not isinstance(result, Symbol) or result.dtype == torch.bool:
            return result
        cut = [self.graph.apply("detach", int(node)) for node in result.grid.flat]
        return symbol(tuple(result.shape), np.array(cut).reshape(result.grid.shape), result.dtype)

    def _constant(self, function: Callable[..., Tensor], name: str, args: Any, kwargs: Any) -> Symbol:
        """Return the symbolic result of a factory function that fills a tensor with one number."""
        if any(map(_has_array, (args, kwargs))):
            raise UntraceableError(f"calls {name} with an array or a list of tensors, whose numbers may change")
        if args and isinstance(args[0], Tensor) and name.startswith("new_"):
            args = (torch.empty(0, dtype=self.dtype), *args[1:])
        if any(isinstance(part, Tensor) for part in (*args[name.startswith("new_") :], *kwargs.values())):
            raise UntraceableError(f"calls {name} with a tensor")
        made = function(*args, **{key: value for key, value in kwargs.items() if key != "device"})
        if made.numel() == 0 or not bool((made == made.flatten()[0]).all()):
            raise UntraceableError(f"calls {name} with several different numbers")
        node = self.graph.constant(float(made.flatten()[0]))
        shape = tuple(made.shape)
        grid_shape = [1] * len(shape)
        if shape and shape[-1] % self.H == 0:
            grid_shape[-1] = shape[-1] // self.H
        return symbol(shape, np.full(grid_shape, node), self.dtype)

    def _dropout(self, input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        if training and p:
            raise UntraceableError("draws random numbers (dropout)")
        return input

    def _same_type(self, function: Any, name: str, args: Any, kwargs: Any) -> Symbol:
        """Handle a change of dtype: only booleans may be converted, to numbers."""
        value = self._symbol(args[0], name)
        wanted = {"float": torch.float32, "double": torch.float64, "half": torch.float16, "bfloat16": torch.bfloat16}
        dtypes = [argument for argument in (*args[1:], *kwargs.values()) if isinstance(argument, torch.dtype)]
        dtypes += [argument.dtype for argument in (*args[1:], *kwargs.values()) if isinstance(argument, Tensor)]
        dtype = wanted.get(name) or (dtypes[0] if dtypes else value.dtype)
        if value.dtype == torch.bool and dtype == self.dtype:
            zero, one = self.graph.constant(0), self.graph.constant(1)
            made = [self.graph.apply("select", int(node), one, zero) for node in value.grid.flat]
            return symbol(tuple(value.shape), np.array(made).reshape(value.grid.shape), dtype)
        if dtype != value.dtype:
            raise UntraceableError(f"changes the dtype ({name})")
        return value

    def _product(self, input: Any, weight: Tensor, bias: Any = None) -> Symbol:
        """Return the recurrent product; any other matrix product is rejected."""
        other = UntraceableError("calls linear, which is not element-wise, apart from linear(h, weight_hh, bias_hh)")
        cell = self.cell
        own_bias = bias is None or bias is getattr(cell, "bias_hh", None)
        if weight is not getattr(cell, "weight_hh", None) or not own_bias:
            raise other
        if (
            not isinstance(input, Symbol)
            or input.grid.size != 1
            or weight.shape[1] != self.H
            or weight.shape[0] % self.H
        ):
            raise other
        node = self.graph.nodes[int(input.grid.flat[0])]
        if node.function == "mul":
            # Recurrent dropout: h times its mask.
            first, second = (self.graph.nodes[operand] for operand in node.operands)
            self.masked = "mask0" in (first.value, second.value)
            node = (second if first.value == "mask0" else first) if self.masked else node
        if node.function != "input" or not str(node.value).startswith("old"):
            raise other
        leaf = int(str(node.value)[3:])
        if self.h_leaf not in (None, leaf):
            raise other
        self.h_leaf = leaf
        self.without_bias |= bias is not getattr(cell, "bias_hh", None)
        self.u_blocks = weight.shape[0] // self.H
        result: Symbol = self._cut_gradient(self.part("u", self.u_blocks))
        return result


def _has_array(value: Any) -> bool:
    """Whether arguments hold a NumPy array, or a tensor in a list."""
    if isinstance(value, dict):
        value = [*value.values()]
    parts = value if isinstance(value, list | tuple) else []
    return any(
        isinstance(part, np.ndarray | np.generic)
        or (isinstance(part, list | tuple) and any(isinstance(each, Tensor) or _has_array([each]) for each in part))
        for part in parts
    )
