"""The structures of `csrc/abi.h` for ctypes.

The two must change together; a test compares sizes and offsets with those of the compiled library.
"""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, Structure, c_int32, c_int64, c_void_p

__all__ = ["ABI_VERSION", "MAX_GATES", "MAX_LEAVES", "MAX_PARAMETERS", "CompiledProgram", "Tile", "TileFunction"]

ABI_VERSION = 2
MAX_GATES = 16
MAX_LEAVES = 8
MAX_PARAMETERS = 16


class Tile(Structure):
    """`elman_tile`: a block of units in a block of rows at one time step."""

    _fields_ = (
        ("rows", c_int64),
        ("width", c_int64),
        ("record", c_void_p),
        ("record_stride", c_int64),
        ("old_state", c_void_p * MAX_LEAVES),
        ("new_state", c_void_p * MAX_LEAVES),
        ("state_stride", c_int64),
        ("parameters", c_void_p * MAX_PARAMETERS),
        ("y", c_void_p),
        ("y_stride", c_int64),
        ("dy", c_void_p),
        ("dy_stride", c_int64),
        ("d_state", c_void_p * MAX_LEAVES),
        ("d_state_stride", c_int64),
        ("d_parameters", c_void_p * MAX_PARAMETERS),
        ("d_parameters_stride", c_int64),
    )


TileFunction = CFUNCTYPE(None, POINTER(Tile))


class CompiledProgram(Structure):
    """`elman_program`: the compiled element-wise equations of a cell and the layout of their record."""

    _fields_ = (
        ("slots", c_int32),
        ("x_slots", c_int32),
        ("h_first", c_int32),
        ("h_slots", c_int32),
        ("leaves", c_int32),
        ("h_leaf", c_int32),
        ("y_leaf", c_int32),
        ("parameters", c_int32),
        ("forward", TileFunction),
        ("backward", TileFunction),
    )
