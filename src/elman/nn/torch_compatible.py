"""RNN, GRU and LSTM with the constructors, parameters and calls of `torch.nn`, computed by elman's cells.

The parameters have torch's names and order, so that a `state_dict` can be loaded in both directions. The equations are
those of the cells: a `Stack` on the device "meta" receives the parameters at every call.
"""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.errors import ConfigError, ShapeError
from elman.nn.stack import Stack
from elman.state import State, leaves

__all__ = ["GRU", "LSTM", "RNN"]

_Module = TypeVar("_Module", bound=nn.Module)


def _check_type(name: str, value: object, kind: type) -> None:
    """Raise TypeError unless `value` is of the type `kind`; True and False do not count as whole numbers."""
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")


def _borrow(module: _Module, tensors: dict[str, Tensor], prefix: str = "") -> _Module:
    """Return a shallow copy of `module` with `tensors` as parameters; the original may be shared between threads."""
    replica = copy.copy(module)
    replica.__dict__["_parameters"] = {name: tensors.get(prefix + name) for name in module._parameters}
    replica.__dict__["_modules"] = {
        name: None if child is None else _borrow(child, tensors, f"{prefix}{name}.")
        for name, child in module._modules.items()
    }
    return replica


class _Recurrent(nn.Module):
    """Base class of RNN, GRU and LSTM: parameter names, initialisation and layouts. Subclasses define constructors."""

    # Name of the cell, and torch's class.
    cell: ClassVar[str]
    torch_class: ClassVar[Any]
    _equations: Stack

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        proj_size: int = 0,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
            raise ConfigError(f"dropout should be a number from 0 up to, but not including, 1. Received: {dropout!r}")
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            _check_type(name, flag, bool)
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            _check_type(name, size, int)
            if size < 1:
                raise ConfigError(f"{name} must be greater than zero. Received: {size}")
        if not 0 <= proj_size < hidden_size:
            raise ConfigError(f"proj_size has to be smaller than hidden_size, and not below 0. Received: {proj_size}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"dropout acts between layers: it needs num_layers above 1. Received: {dropout}", stacklevel=3
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bool(bidirectional)
        self.proj_size = proj_size
        if proj_size:
            cell_options["projection"] = proj_size
        stack = Stack(
            self.cell,
            input_size,
            hidden_size,
            layers=num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            bias=bias,
            device="meta",
            **cell_options,
        )
        # Not registered as a submodule: the stack has no storage, and its parameters must not be in the `state_dict`.
        self.__dict__["_equations"] = stack
        self._names: list[dict[str, str]] = []
        for depth, layer in enumerate(stack.unrolls()):
            for direction, unroll in enumerate(layer):
                suffix = f"_l{depth}" + ("_reverse" if direction else "")
                inner = f"layers.{depth}.{direction}.cell."
                shapes = {name: weight.shape for name, weight in unroll.cell.named_parameters()}
                order = [n for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr") if n in shapes]
                self._names.append({name + suffix: inner + name for name in order})
                for name in order:
                    weight = nn.Parameter(torch.empty(shapes[name], device=device, dtype=dtype))
                    self.register_parameter(name + suffix, weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise every weight and bias uniformly between -1/sqrt(H) and 1/sqrt(H), with torch's random numbers."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: there is no flat copy of the weights. Exists for compatibility with torch."""

    @property
    def mode(self) -> str:
        """torch's name of the equations: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU"."""
        name = self.torch_class.__name__
        return f"{name}_{self._torch_options()['nonlinearity'].upper()}" if name == "RNN" else name

    @property
    def _all_weights(self) -> list[list[str]]:
        """The names of the parameters of every layer and direction."""
        return [[*names] for names in self._names]

    @property
    def _flat_weights(self) -> list[nn.Parameter]:
        """The parameters of all layers and directions."""
        return [weight for weights in self.all_weights for weight in weights]

    def _torch_options(self) -> dict[str, Any]:
        """Return further arguments of torch's constructor."""
        return {}

    def __prepare_scriptable__(self) -> Any:
        """Return torch's layer with the same parameters, which `torch.jit.script` compiles in place of this one."""
        made = self.torch_class(
            self.input_size,
            self.hidden_size,
            num_layers=self.num_layers,
            bias=self.bias,
            batch_first=self.batch_first,
            dropout=self.dropout,
            bidirectional=self.bidirectional,
            device="meta",
            **self._torch_options(),
        )
        made.load_state_dict(self.state_dict(keep_vars=True), assign=True)
        return made.train(self.training)

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        """List of the parameters of every layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def forward(
        self, input: Tensor | PackedSequence, hx: Any = None, *, lengths: Tensor | None = None
    ) -> tuple[Any, Any]:
        """Return the outputs of the last layer and the last state of every layer and direction, in torch's layouts.

        input    float, T x B x I (B x T x I with `batch_first`), T x I for one sequence, or a PackedSequence
        hx       initial state, N x B x H (N x H for one sequence), where N is the number of layers times directions;
                 for the LSTM a pair of these, h and c, where h has `proj_size` features if this is set; zero when None
        lengths  B whole numbers, for a padded input: in the padding the output is zero and the state does not change.
                 Lengths may be zero, and in any order.

        Raises ShapeError, a subclass of ValueError, for a tensor with the wrong shape or dtype, and ConfigError for
        `lengths` with a PackedSequence.
        """
        if isinstance(input, PackedSequence):
            if lengths is not None:
                raise ConfigError("expected no lengths with a PackedSequence, which has its own. Received: both")
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ShapeError(f"expected input with 2 or 3 dimensions. Received: {tuple(input.shape)}")
        if input.dim() == 3:
            x_BTI = input if self.batch_first else input.transpose(0, 1)
            y_BTY, last = self._run(x_BTI, lengths, hx)
            return (y_BTY if self.batch_first else y_BTY.transpose(0, 1)), self._as_hidden(last)
        if lengths is not None:
            raise ShapeError(f"expected a batch of sequences with lengths. Received: input {tuple(input.shape)}")
        if hx is not None:
            hx = tuple(leaf.unsqueeze(1) for leaf in self._hidden_leaves(hx, 2))
        y_BTY, last = self._run(input[None], None, hx)
        return y_BTY[0], self._as_hidden([leaf.squeeze(1) for leaf in last])

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        x_BTI, lengths_B = pad_packed_sequence(packed, batch_first=True)
        y_BTY, last = self._run(x_BTI, lengths_B, hx)
        order = packed.sorted_indices
        if order is not None:
            y_BTY, lengths_B = y_BTY[order], lengths_B[order.cpu()]
        data = pack_padded_sequence(y_BTY, lengths_B, batch_first=True).data
        return PackedSequence(data, packed.batch_sizes, order, packed.unsorted_indices), self._as_hidden(last)

    def _run(self, x_BTI: Tensor, lengths_B: Tensor | None, hx: Any) -> tuple[Tensor, list[Tensor]]:
        weights = {inner: getattr(self, name) for names in self._names for name, inner in names.items()}
        dtype = next(iter(weights.values())).dtype
        if x_BTI.dtype != dtype and not torch.is_autocast_enabled(x_BTI.device.type):
            raise ShapeError(
                f"RNN input dtype ({x_BTI.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({x_BTI.dtype})"
            )
        stack = _borrow(self._equations, weights)
        stack.training = self.training
        y_BTY, last = stack(x_BTI, lengths_B, None if hx is None else self._as_state(hx))
        rows = [leaves(state) for layer in last for state in layer]
        return y_BTY, [torch.stack(column) for column in zip(*rows, strict=True)]

    def _as_state(self, hx: Any) -> State:
        """Convert torch's `hx` to the state of a stack; the stack checks its batch size against the input."""
        directions = 2 if self.bidirectional else 1
        make = self._equations.unrolls()[0][0].cell.state_type
        flat = [make(*leaf) for leaf in zip(*(leaf.unbind(0) for leaf in self._hidden_leaves(hx, 3)), strict=True)]
        return tuple(tuple(flat[start : start + directions]) for start in range(0, len(flat), directions))

    def _hidden_leaves(self, hx: Any, dimensions: int) -> tuple[Tensor, ...]:
        """Return the tensors of `hx`. Raises ShapeError unless they match the cell's state in number and shape."""
        hidden = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        sizes = list(self._equations.unrolls()[0][0].cell.state_sizes().values())
        rows = self.num_layers * (2 if self.bidirectional else 1)
        received = [tuple(leaf.shape) for leaf in hidden]
        fits = len(hidden) == len(sizes) and all(
            len(shape) == dimensions and shape[0] == rows and shape[-1] == size
            for shape, size in zip(received, sizes, strict=True)
        )
        if not fits:
            batch = ("batch",) if dimensions == 3 else ()
            expected = [(rows, *batch, size) for size in sizes]
            raise ShapeError(f"expected hx of {len(sizes)} with the shapes {expected}. Received: {received}")
        return hidden

    def _as_hidden(self, last: list[Tensor]) -> Any:
        return last[0] if len(last) == 1 else tuple(last)

    def extra_repr(self) -> str:
        """Return the sizes and the options that differ from the defaults, for `repr`."""
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0.0,
            "bidirectional": False,
        }
        changed = [f"{name}={getattr(self, name)}" for name, usual in defaults.items() if getattr(self, name) != usual]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])


class RNN(_Recurrent):
    """Drop-in replacement for `torch.nn.RNN`: the simple recurrent network, with `nonlinearity` "tanh" or "relu".

    Arguments, parameter names, initial values and layouts are those of torch. In addition, `forward` accepts `lengths`.
    Raises ConfigError (a ValueError) for an invalid value, and TypeError for a value of the wrong type.

    There are four differences from torch: a `dropout` of exactly 1 is an error, a tensor with the wrong shape raises
    ShapeError instead of RuntimeError, an input without time steps gives an output without time steps instead of an
    error, and dropout draws its random numbers in another order.
    """

    cell: ClassVar[str] = "elman"
    torch_class: ClassVar[Any] = nn.RNN

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        options: dict[str, Any] = {"nonlinearity": nonlinearity}
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype, **options
        )
        self.nonlinearity = nonlinearity

    def _torch_options(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}


class GRU(_Recurrent):
    """Drop-in replacement for `torch.nn.GRU`, the gated recurrent unit; otherwise like `RNN`."""

    cell: ClassVar[str] = "gru"
    torch_class: ClassVar[Any] = nn.GRU

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype)


class LSTM(_Recurrent):
    """Drop-in replacement for `torch.nn.LSTM`, with `proj_size` for an output projection; otherwise like `RNN`."""

    cell: ClassVar[str] = "lstm"
    torch_class: ClassVar[Any] = nn.LSTM

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype, proj_size
        )

    def _torch_options(self) -> dict[str, Any]:
        return {"proj_size": self.proj_size}
