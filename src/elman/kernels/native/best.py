"""The best next tokens of a large vocabulary, and the normaliser of their softmax, in one compiled call.

The scores of all tokens are never in memory: see `csrc/best.h`. Knows nothing about searches.
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

# How the scores of all tokens are made.
SCANS = ("float32", "int8")

# The int8 scan keeps so many tokens more than are wanted: a token of the best that its errors have put further behind
# is still among those that are scored anew.
_MORE = 8


class _Call(Structure):
    """`elman_best_call` of csrc/best.h; a change there is a change here."""

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
    """The best tokens of N rows, as scores before the softmax.

    scores_NC      float32, best first; -inf where a row has no more tokens that can come
    tokens_NC      int64
    wanted_N       the score of the token that was asked for
    normaliser_N   log(sum(exp(score))) over all tokens; NaN in a row with a score of NaN or +inf
    """

    scores_NC: Tensor
    tokens_NC: Tensor
    wanted_N: Tensor
    normaliser_N: Tensor


def quickest_scan() -> str:
    """The quicker of the scans on this machine: int8 where the compiled engine has instructions for it."""
    usable = library.why_not() is None and library.instruction_set() != "generic"
    return "int8" if usable else "float32"


def scan_for(precision: str) -> str:
    """The scan of a search whose products have this precision: float32 alone is exact throughout."""
    return "float32" if precision == "float32" else quickest_scan()


def check_scan(scan: str) -> None:
    """Raise ConfigError unless `scan` is one of `SCANS`."""
    if scan not in SCANS:
        raise ConfigError(f"expected a scan among {', '.join(SCANS)}. Received: {scan!r}")


def why_not(weight_VR: Tensor, bias_V: Tensor) -> str | None:
    """None when these weights can be packed, else a sentence why not."""
    forced = os.environ.get("ELMAN_KERNELS")
    if forced and forced != "native" and forced not in EVERY_INSTRUCTION_SET:
        return f"ELMAN_KERNELS asks for the kernel {forced!r}"
    if any(each.dtype != torch.float32 or each.device.type != "cpu" for each in (weight_VR, bias_V)):
        return f"it takes float32 weights on the CPU, and these are {weight_VR.dtype} on {weight_VR.device}"
    return library.why_not()


class PackedOutput:
    """An output product W x + b in the order in which its scan reads it. It keeps the weights as they are now.

    Args:
        weight_VR, bias_V: float32 on the CPU; rows of `weight_VR` beyond those of `bias_V` are left out.
        scan: "float32", or "int8", which is several times as quick. With it the tokens that are given are chosen by
            rough scores, of which the best are made anew in float32; what stays rough is the unlikely tokens' share
            of the normaliser.

    Raises ConfigError for another `scan`, KernelUnavailable where `why_not` has a reason, ShapeError for tensors that
    do not fit.
    """

    def __init__(self, weight_VR: Tensor, bias_V: Tensor, scan: str) -> None:
        check_scan(scan)
        problem = why_not(weight_VR, bias_V)
        if problem is not None:
            raise KernelUnavailable(f"expected what the compiled output product takes. Received: {problem}")
        if weight_VR.dim() != 2 or bias_V.dim() != 1 or not 0 < len(bias_V) <= len(weight_VR) or not weight_VR.shape[1]:
            raise ShapeError(
                f"expected weight_VR and bias_V that fit. Received: {tuple(weight_VR.shape)}, {tuple(bias_V.shape)}"
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
        """Whether these weights, packed for this scan, would be the same as it has. NaN never is."""
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
        """The `count` best tokens of each row of `x_NR`, all when there are fewer, and the score of `wanted`.

        Raises ShapeError for rows of another size, and for a wanted token that there is not.
        """
        if x_NR.dim() != 2 or x_NR.shape[1] != self.size or not 0 <= wanted < self.vocabulary or count < 1:
            raise ShapeError(
                f"expected rows of {self.size} numbers, a wanted token below {self.vocabulary} and a count of at least "
                f"1. Received: {tuple(x_NR.shape)}, {wanted}, {count}"
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
