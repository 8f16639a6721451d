"""Top-k tokens of a large vocabulary and the normaliser of the softmax, in one compiled call.

The logits of the whole vocabulary are never in memory at once: see `csrc/best.h`.
"""

from __future__ import annotations

import os
from ctypes import POINTER, Structure, c_int64, c_void_p, sizeof
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor

from elman.errors import ConfigError, KernelUnavailableError, ShapeError
from elman.former import former_keywords, warn_of_former_name
from elman.kernels.native import buffer_pool, library
from elman.kernels.native.build import EVERY_INSTRUCTION_SET
from elman.kernels.native.engine_abi import check_sizes, declare
from elman.kernels.native.engine_pack import WEIGHT_FORMATS, round_up
from elman.kernels.native.packed_buffer import PackedBuffer

__all__ = [
    "LOGIT_PRECISIONS",
    "PackedOutput",
    "TopTokens",
    "check_logit_precision",
    "fastest_logit_precision",
    "logit_precision_for",
    "why_not",
]

# The dtypes in which the logits of all tokens may be computed.
LOGIT_PRECISIONS = ("float32", "int8")

# The number of extra candidates of the int8 product: a top token that its rounding errors rank lower is still among
# those whose logits are recomputed.
_MORE = 8


class _Call(Structure):
    """`elman_best_call` of csrc/best.h; the two must change together."""

    _fields_ = (
        ("rows", c_int64),
        ("size", c_int64),
        ("vocabulary", c_int64),
        ("format", c_int64),
        ("count", c_int64),
        ("candidates", c_int64),
        ("wanted", c_int64),
        ("threads", c_int64),
        ("x", c_void_p),
        ("packed", c_void_p),
        ("start", c_void_p),
        ("weights", c_void_p),
        ("scores", c_void_p),
        ("tokens", c_void_p),
        ("wanted_scores", c_void_p),
        ("levels", c_void_p),
        ("sums", c_void_p),
        ("workspace", c_void_p),
    )


# Fields under their earlier names.
_FORMER_FIELDS = MappingProxyType({"scores_NC": "scores_NK", "tokens_NC": "tokens_NK"})


class TopTokens(NamedTuple):
    """The top K tokens of N rows.

    scores_NK     float32 logits, largest first; -inf where a row has fewer tokens with a finite logit
    tokens_NK     int64 token ids
    wanted_N      the logit of the requested token
    normaliser_N  log(sum(exp(logit))) over all tokens; NaN in a row with a logit of NaN or +inf
    """

    scores_NK: Tensor
    tokens_NK: Tensor
    wanted_N: Tensor
    normaliser_N: Tensor

    def __getattr__(self, name: str) -> Tensor:
        if name not in _FORMER_FIELDS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        warn_of_former_name(f"TopTokens.{name}", _FORMER_FIELDS[name])
        found: Tensor = getattr(self, _FORMER_FIELDS[name])
        return found


def fastest_logit_precision() -> str:
    """Return the fastest logit precision on this machine: int8 where the compiled engine has instructions for it."""
    usable = library.why_not() is None and library.instruction_set() != "generic"
    return "int8" if usable else "float32"


def logit_precision_for(precision: str) -> str:
    """Return the logit precision of a search with this precision: the exact one for float32, else the fastest."""
    return "float32" if precision == "float32" else fastest_logit_precision()


def check_logit_precision(logit_precision: str) -> None:
    """Raise ConfigError unless `logit_precision` is one of `LOGIT_PRECISIONS`."""
    if logit_precision not in LOGIT_PRECISIONS:
        raise ConfigError(
            f"expected a logit precision among {', '.join(LOGIT_PRECISIONS)}. Received: {logit_precision!r}"
        )


def why_not(weight_VY: Tensor, bias_V: Tensor) -> str | None:
    """Return None if these weights can be packed, else the reason why not."""
    forced = os.environ.get("ELMAN_KERNELS")
    if forced and forced != "native" and forced not in EVERY_INSTRUCTION_SET:
        return f"ELMAN_KERNELS selects the kernel {forced!r}"
    if any(each.dtype != torch.float32 or each.device.type != "cpu" for each in (weight_VY, bias_V)):
        return f"it takes float32 weights on the CPU, and these are {weight_VY.dtype} on {weight_VY.device}"
    return library.why_not()


class PackedOutput:
    """An output product W x + b, packed in the order in which it is read. The weights are copied.

    Args:
        weight_VY, bias_V: float32 on the CPU; rows of `weight_VY` beyond the length of `bias_V` are ignored.
        logit_precision: "float32", or "int8", which is several times as fast. The int8 product selects the tokens by
            approximate logits and recomputes the logits of the top ones in float32; only the share of the other tokens
            in the normaliser stays approximate.

    Raises ConfigError for any other `logit_precision`, KernelUnavailableError where `why_not` returns a reason, and
    ShapeError for tensors whose shapes do not match.
    """

    @former_keywords({"scan": "logit_precision", "weight_VR": "weight_VY"})
    def __init__(self, weight_VY: Tensor, bias_V: Tensor, logit_precision: str) -> None:
        check_logit_precision(logit_precision)
        problem = why_not(weight_VY, bias_V)
        if problem is not None:
            raise KernelUnavailableError(
                f"expected weights that the compiled output product supports. Received: {problem}"
            )
        if weight_VY.dim() != 2 or bias_V.dim() != 1 or not 0 < len(bias_V) <= len(weight_VY) or not weight_VY.shape[1]:
            raise ShapeError(
                f"expected weight_VY and bias_V of matching shapes. Received: {tuple(weight_VY.shape)}, "
                f"{tuple(bias_V.shape)}"
            )
        self.vocabulary, self.size = len(bias_V), weight_VY.shape[1]
        self.logit_precision = logit_precision
        self._format = WEIGHT_FORMATS.index(logit_precision)
        self._library = library.load()
        declare(self._library)
        self._library.elman_best_workspace.argtypes = [POINTER(_Call)]
        self._library.elman_best_workspace.restype = c_int64
        self._library.elman_best_run.argtypes = [POINTER(_Call)]
        self._library.elman_best_run.restype = None
        self._library.elman_best_sizeof.restype = c_int64
        check_sizes([self._library.elman_best_sizeof()], [sizeof(_Call)])
        V, columns = self.vocabulary, round_up(self.vocabulary)
        start = torch.full((columns,), -torch.inf, dtype=torch.float32, device="cpu")
        start[:V] = bias_V.detach()
        padded = torch.zeros(columns, self.size, dtype=torch.float32, device="cpu")
        padded[:V] = weight_VY.detach()[:V]
        self._memory = PackedBuffer()
        size = self._library.elman_engine_packed_bytes(self._format, self.size, columns)

        def fill(address: int) -> None:
            self._library.elman_engine_pack(self._format, self.size, columns, padded.data_ptr(), address)

        self._packed, self._start = self._memory.add(size, fill), self._memory.add_numbers(start)
        self._weights = self._memory.add_numbers(padded[:V])
        self._memory.allocate()

    def holds(self, weight_VY: Tensor, bias_V: Tensor, logit_precision: str) -> bool:
        """Return whether these weights and this precision equal the packed ones. NaN equals nothing."""
        V, size = self.vocabulary, self.size
        return (
            self.logit_precision == logit_precision
            and bias_V.shape == (V,)
            and weight_VY.shape[1:] == (size,)
            and len(weight_VY) >= V
            and why_not(weight_VY, bias_V) is None
            and torch.equal(bias_V, self._memory.numbers(self._start, (V,)))
            and torch.equal(weight_VY[:V], self._memory.numbers(self._weights, (V, size)))
        )

    def best(self, x_NY: Tensor, count: int, wanted: int) -> TopTokens:
        """Return the top `count` tokens of each row of `x_NY` (at most all), and the logit of the token `wanted`.

        Raises ShapeError for rows of another size, and for a requested token outside the vocabulary.
        """
        if x_NY.dim() != 2 or x_NY.shape[1] != self.size or not 0 <= wanted < self.vocabulary or count < 1:
            raise ShapeError(
                f"expected rows of {self.size} numbers, a requested token below {self.vocabulary} and a count of at "
                f"least 1. Received: {tuple(x_NY.shape)}, {wanted}, {count}"
            )
        x_NY = x_NY.detach().to("cpu", torch.float32).contiguous()
        rows, count = len(x_NY), min(count, self.vocabulary)
        found = TopTokens(
            torch.empty(rows, count, dtype=torch.float32, device="cpu"),
            torch.empty(rows, count, dtype=torch.int64, device="cpu"),
            torch.empty(rows, dtype=torch.float32, device="cpu"),
            torch.empty(rows, dtype=torch.float32, device="cpu"),
        )
        if not rows:
            return found
        levels, exact = torch.empty(rows, dtype=torch.float32, device="cpu"), self.logit_precision == "float32"
        call = _Call(
            rows=rows,
            size=self.size,
            vocabulary=self.vocabulary,
            format=self._format,
            count=count,
            candidates=count if exact else min(count + _MORE, self.vocabulary),
            wanted=wanted,
            threads=min(library.threads(), rows),
            x=x_NY.data_ptr(),
            packed=self._memory.address(self._packed),
            start=self._memory.address(self._start),
            weights=self._memory.address(self._weights),
            scores=found.scores_NK.data_ptr(),
            tokens=found.tokens_NK.data_ptr(),
            wanted_scores=found.wanted_N.data_ptr(),
            levels=levels.data_ptr(),
            sums=found.normaliser_N.data_ptr(),
        )
        workspace = buffer_pool.take(self._library.elman_best_workspace(call))
        call.workspace = workspace.data_ptr()
        self._library.elman_best_run(call)
        return found._replace(normaliser_N=levels + found.normaliser_N.log())
