"""The structures of `csrc/engine.h` for ctypes.

The two must change together; a test compares the sizes with those of the compiled library.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_double, c_int64, c_void_p

from elman.errors import KernelUnavailableError
from elman.kernels.native.abi import MAX_PARAMETERS, CompiledProgram

__all__ = ["Call", "Layer", "Network", "SamplingOptions", "check_sizes", "declare"]


class Layer(Structure):
    """`elman_engine_layer`: a cell, its packed weights and its parameters."""

    _fields_ = (
        ("program", CompiledProgram),
        ("inputs", c_int64),
        ("units", c_int64),
        ("width", c_int64),
        ("start", c_void_p),
        ("x_weights", c_void_p),
        ("h_weights", c_void_p),
        ("parameters", c_void_p * MAX_PARAMETERS),
    )


class Network(Structure):
    """`elman_engine_network`: from a token to the logits of the next one."""

    _fields_ = (
        ("layers", c_int64),
        ("layer", POINTER(Layer)),
        ("vocabulary", c_int64),
        ("format", c_int64),
        ("residual", c_int64),
        ("features", c_int64),
        ("embeddings", c_void_p),
        ("table", c_void_p),
        ("head_weights", c_void_p),
        ("head_start", c_void_p),
    )


class SamplingOptions(Structure):
    """`elman_sampling`: the sampling options."""

    _fields_ = (
        ("temperature", c_double),
        ("top_p", c_double),
        ("penalty", c_double),
        ("top_k", c_int64),
        ("banned_count", c_int64),
        ("banned", c_void_p),
        ("window", c_int64),
    )


class Call(Structure):
    """`elman_engine_call`: a number of time steps for some rows."""

    _fields_ = (
        ("rows", c_int64),
        ("steps", c_int64),
        ("threads", c_int64),
        ("states", c_void_p),
        ("lines", c_void_p),
        ("read", c_void_p),
        ("tokens", c_void_p),
        ("drawn", c_void_p),
        ("logits", c_void_p),
        ("every_step", c_int64),
        ("sampling", SamplingOptions),
        ("seeds", c_void_p),
        ("streams", c_void_p),
        ("positions", c_void_p),
        ("history", c_void_p),
        ("places", c_void_p),
        ("workspace", c_void_p),
    )


def declare(library: ctypes.CDLL) -> None:
    """Declare the argument and return types of the engine's functions, and check the sizes of its structures.

    Raises KernelUnavailableError for a library with other structures.
    """
    library.elman_engine_workspace.argtypes = [POINTER(Network), c_int64, c_int64]
    library.elman_engine_workspace.restype = c_int64
    library.elman_engine_packed_bytes.argtypes = [c_int64, c_int64, c_int64]
    library.elman_engine_packed_bytes.restype = c_int64
    library.elman_engine_pack.argtypes = [c_int64, c_int64, c_int64, c_void_p, c_void_p]
    library.elman_engine_pack.restype = None
    library.elman_engine_run.argtypes = [POINTER(Network), POINTER(Call)]
    library.elman_engine_run.restype = None
    library.elman_engine_sizeof.argtypes = [c_int64]
    library.elman_engine_sizeof.restype = c_int64
    sizes = [library.elman_engine_sizeof(number) for number in range(4)]
    check_sizes(sizes, [ctypes.sizeof(structure) for structure in (Layer, Network, SamplingOptions, Call)])


def check_sizes(received: list[int], expected: list[int]) -> None:
    """Raise KernelUnavailableError unless the structures of the library have the expected bytes."""
    if received != expected:
        raise KernelUnavailableError(
            f"expected a compiled library whose structures have {expected} bytes; reinstall elman. Received: {received}"
        )
