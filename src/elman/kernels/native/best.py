"""Top-k tokens of a large vocabulary and the normaliser of the softmax, in one compiled call.

The logits of the whole vocabulary are never in memory at once: see `csrc/best.h`.
"""

from __future__ import annotations

import os
from ctypes import POINTER, Structure, c_int64, c_void_p
from typing import NamedTuple

import torch
from torch import Tensor

from elman.errors import ConfigError, KernelUnavailable, ShapeError
from elman.kernels.native import library, memory
from elman.kernels.native.build import EVERY_INSTRUCTION_SET
from elman.kernels.native.engine_abi import declare
from elman.kernels.native.engine_memory import Memory
from elman.kernels.native.engine_pack import WEIGHT_FORMATS, round_up

__all__ = ["SCANS", "Best", "PackedOutput", "check_scan", "quickest_scan", "scan_for", "why_not"]

# The dtypes in which the logits of all tokens may be computed.
SCANS = ("float32", "int8")

# The number of extra candidates of the int8 scan: a top token that its rounding errors rank lower is still among those
# whose logits are recomputed.
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


class Best(NamedTuple):
    """The top C tokens of N rows.

    scores_NC      float32 logits, largest first; -inf where a row has fewer tokens with a finite logit
    tokens_NC      int64
    wanted_N       the logit of the requested token
    normaliser_N   log(sum(exp(logit))) over all tokens; NaN in a row with a logit of NaN or +inf
    """

    scores_NC: Tensor
    tokens_NC: Tensor
    wanted_N: Tensor
    normaliser_N: Tensor


def quickest_scan() -> str:
    """Return the fastest scan on this machine: int8 where the compiled engine has instructions for it."""
    usable = library.why_not() is None and library.instruction_set() != "generic"
    return "int8" if usable else "float32"


def scan_for(precision: str) -> str:
    """Return the scan of a search with this precision: the exact one for float32, else the fastest."""
    return "float32" if precision == "float32" else quickest_scan()


def check_scan(scan: str) -> None:
    """Raise ConfigError unless `scan` is one of `SCANS`."""
    if scan not in SCANS:
        raise ConfigError(f"expected a scan among {', '.join(SCANS)}. Received: {scan!r}")


def why_not(weight_VR: Tensor, bias_V: Tensor) -> str | None:
    """Return None if these weights can be packed, else the reason why not."""
    forced = os.environ.get("ELMAN_KERNELS")
    if forced and forced != "native" and forced not in EVERY_INSTRUCTION_SET:
        return f"ELMAN_KERNELS selects the kernel {forced!r}"
    if any(each.dtype != torch.float32 or each.device.type != "cpu" for each in (weight_VR, bias_V)):
        return f"it takes float32 weights on the CPU, and these are {weight_VR.dtype} on {weight_VR.device}"
    return library.why_not()


class PackedOutput:
    """An output product W x + b, packed in the order in which the scan reads it. The weights are copied.

    Args:
        weight_VR, bias_V: float32 on the CPU; rows of `weight_VR` beyond the length of `bias_V` are ignored.
        scan: "float32", or "int8", which is several times as fast. The int8 scan selects the tokens by approximate
            logits and recomputes the logits of the top ones in float32; only the share of the other tokens in the
            normaliser stays approximate.

    Raises ConfigError for any other `scan`, KernelUnavailable where `why_not` returns a reason, and ShapeError for
    tensors whose shapes do not match.
    """

    def __init__(self, weight_VR: Tensor, bias_V: Tensor, scan: str) -> None:
        check_scan(scan)
        problem = why_not(weight_VR, bias_V)
        if problem is not None:
            raise KernelUnavailable(f"expected weights that the compiled output product supports. Received: {problem}")
        if weight_VR.dim() != 2 or bias_V.dim() != 1 or not 0 < len(bias_V) <= len(weight_VR) or not weight_VR.shape[1]:
            raise ShapeError(
                f"expected weight_VR and bias_V of matching shapes. Received: {tuple(weight_VR.shape)}, "
                f"{tuple(bias_V.shape)}"
            )
        self.vocabulary, self.size = len(bias_V), weight_VR.shape[1]
        self.scan = scan
        self._format = WEIGHT_FORMATS.index(scan)
        self._library = library.load()
        declare(self._library)
        self._library.elman_best_workspace.argtypes = [POINTER(_Call)]
        self._library.elman_best_workspace.restype = c_int64
        self._library.elman_best_run.argtypes = [POINTER(_Call)]
        self._library.elman_best_run.restype = None
        V, columns = self.vocabulary, round_up(self.vocabulary)
        start = torch.full((columns,), -torch.inf)
        start[:V] = bias_V.detach()
        padded = torch.zeros(columns, self.size)
        padded[:V] = weight_VR.detach()[:V]
        self._memory = Memory()
        size = self._library.elman_engine_packed_bytes(self._format, self.size, columns)

        def fill(address: int) -> None:
            self._library.elman_engine_pack(self._format, self.size, columns, padded.data_ptr(), address)

        self._packed, self._start = self._memory.add(size, fill), self._memory.add_numbers(start)
        self._weights = self._memory.add_numbers(padded[:V])
        self._memory.settle()

    def holds(self, weight_VR: Tensor, bias_V: Tensor, scan: str) -> bool:
        """Whether these weights and this scan equal the packed ones. NaN equals nothing."""
        V, size = self.vocabulary, self.size
        return (
            self.scan == scan
            and bias_V.shape == (V,)
            and weight_VR.shape[1:] == (size,)
            and len(weight_VR) >= V
            and why_not(weight_VR, bias_V) is None
            and torch.equal(bias_V, self._memory.numbers(self._start, (V,)))
            and torch.equal(weight_VR[:V], self._memory.numbers(self._weights, (V, size)))
        )

    def best(self, x_NR: Tensor, count: int, wanted: int) -> Best:
        """Return the top `count` tokens of each row of `x_NR` (at most all), and the logit of the token `wanted`.

        Raises ShapeError for rows of another size, and for a requested token outside the vocabulary.
        """
        if x_NR.dim() != 2 or x_NR.shape[1] != self.size or not 0 <= wanted < self.vocabulary or count < 1:
            raise ShapeError(
                f"expected rows of {self.size} numbers, a requested token below {self.vocabulary} and a count of at "
                f"least 1. Received: {tuple(x_NR.shape)}, {wanted}, {count}"
            )
        x_NR = x_NR.detach().to("cpu", torch.float32).contiguous()
        rows, count = len(x_NR), min(count, self.vocabulary)
        found = Best(
            torch.empty(rows, count),
            torch.empty(rows, count, dtype=torch.int64),
            torch.empty(rows),
            torch.empty(rows),
        )
        if not rows:
            return found
        levels, exact = torch.empty(rows), self.scan == "float32"
        call = _Call(
            rows=rows,
            size=self.size,
            vocabulary=self.vocabulary,
            format=self._format,
            count=count,
            candidates=count if exact else min(count + _MORE, self.vocabulary),
            wanted=wanted,
            threads=min(library.threads(), rows),
            x=x_NR.data_ptr(),
            packed=self._memory.address(self._packed),
            start=self._memory.address(self._start),
            weights=self._memory.address(self._weights),
            scores=found.scores_NC.data_ptr(),
            tokens=found.tokens_NC.data_ptr(),
            wanted_scores=found.wanted_N.data_ptr(),
            levels=levels.data_ptr(),
            sums=found.normaliser_N.data_ptr(),
        )
        workspace = memory.take(self._library.elman_best_workspace(call))
        call.workspace = workspace.data_ptr()
        self._library.elman_best_run(call)
        memory.give_back(workspace)
        return found._replace(normaliser_N=levels + found.normaliser_N.log())
