"""Generated C++ on every instruction set, through ctypes, against the same programs in float64; committed sources."""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from elman.cells import GRUResetBefore, built_in, make
from elman.errors import ConfigError
from elman.kernels.native import emit, library
from elman.kernels.native.abi import CompiledProgram, Tile
from elman.kernels.native.program import Program, run_operations
from elman.kernels.native.trace import program_of

from .compiled import INSTRUCTION_SETS, aligned, library_of, needs_compiler
from .invented_cells import INVENTED

DTYPES = {"f32": np.float32, "f64": np.float64}
# Rows and blocks of 64 bytes in a tile.
SHAPES = [(1, 1), (2, 3), (3, 1), (5, 2), (8, 1), (9, 4)]


@cache
def programs() -> dict[str, Program]:
    """The program of every invented cell, and two of the built-in ones."""
    cells: dict[str, Any] = {name: cell(2, 2) for name, cell in INVENTED.items()}
    cells |= {"lstm": make("lstm", 2, 2, peepholes=True), "gru": make("gru", 2, 2)}
    found = {}
    for name, cell in cells.items():
        program = program_of(cell)
        assert isinstance(program, Program), program
        found[name] = program
    return found


@pytest.fixture
def emitter() -> ModuleType:
    """`tools/emit_programs.py`, which writes the committed files."""
    path = Path(__file__).resolve().parents[3] / "tools" / "emit_programs.py"
    spec = importlib.util.spec_from_file_location("emit_programs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_is_committed_is_current(emitter: ModuleType) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in emitter.FOLDER.iterdir()}
    assert committed == emitter.program_files()


def test_the_script_writes_the_files_and_removes_others(
    emitter: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(emitter, "FOLDER", tmp_path / "programs")
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "gone.h").write_text("")
    emitter.main()
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "programs").iterdir()}
    assert written == emitter.program_files()
    assert "lstm_coupled_peepholes.h" in written


def test_a_variant_that_cannot_be_compiled_is_named(emitter: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GRUResetBefore, "compiled_variants", {"gru": {}})
    with pytest.raises(ConfigError, match=r"expected a name for one compiled variant only\. Received: 'gru' twice"):
        emitter.program_files()
    monkeypatch.setattr(GRUResetBefore, "compiled_variants", {"before": {}})
    with pytest.raises(ConfigError, match=r"expected element-wise equations for before\. Received: its advance uses"):
        emitter.program_files()


@pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")
def test_every_variant_is_found_in_the_library() -> None:
    for cell in built_in().values():
        for options in cell.compiled_variants.values():
            program = program_of(cell(3, 4, **options))
            assert isinstance(program, Program)
            assert library.load().elman_find_program(program.digest.encode(), 4, ctypes.byref(CompiledProgram())) == 1


def test_generated_functions_touch_nothing_but_places_of_the_program() -> None:
    source = emit.source(programs()["gru"])
    assert "tile->old_state[0]" in source
    assert "old_state[1]" not in source
    assert "tile->y" not in source
    assert '#include "vector.h"' in source
    assert '#include "vector_rare.h"' in emit.source(programs()["OddFunctions"])


SOME_SETS = [INSTRUCTION_SETS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in INSTRUCTION_SETS[1:])]


@pytest.fixture(scope="module", params=SOME_SETS)
def compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompiledProgram]:
    """All programs, compiled together; by name and dtype."""
    lines = ['#include "abi.h"', '#include "export.h"', '#include "vector_rare.h"']
    for name, program in programs().items():
        lines.append(emit.definition(name, program))
        for suffix, number in (("f32", "float"), ("f64", "double")):
            lines += [
                f"ELMAN_API void get_{name}_{suffix}(elman_program *out) {{",
                f"    *out = program_{name}::describe<{number}>();",
                "}",
            ]
    library = library_of("\n".join(lines) + "\n", request.param, tmp_path_factory.mktemp("programs"))
    found = {}
    for name in programs():
        for suffix in DTYPES:
            found[f"{name}-{suffix}"] = described = CompiledProgram()
            getattr(library, f"get_{name}_{suffix}")(ctypes.byref(described))
    found["keep"] = library  # type: ignore[assignment]
    return found


class PackedBuffer:
    """A tile's arrays with random contents, NaN where a program has to write, and rows farther apart than needed."""

    def __init__(self, program: Program, rows: int, width: int, dtype: Any, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.program, self.rows, self.width = program, rows, width
        lanes = 64 // np.dtype(dtype).itemsize

        def random(*shape: int) -> np.ndarray:
            array = aligned(shape, dtype)
            array[...] = rng.uniform(-1.5, 1.5, shape)
            return array

        leaves, parameters = range(len(program.leaves)), range(len(program.parameters))
        self.record = aligned((rows, program.slots * width + lanes), dtype)
        ready = max(len(program.x_gates), program.h_first + len(program.h_gates)) * width
        self.record[:, :ready] = rng.uniform(-1.5, 1.5, (rows, ready))
        self.state_stride = width + 2 * lanes
        self.old = [random(rows, self.state_stride) for _ in leaves]
        self.new = [aligned((rows, self.state_stride), dtype) for _ in leaves]
        self.parameters = [random(width) for _ in parameters]
        self.y = aligned((rows, width), dtype)
        self.dy = random(rows, width + lanes)
        self.d_state = [random(rows, width + lanes) for _ in leaves]
        self.d_parameters = [random(rows, width + lanes) for _ in parameters]

    def tile(self, *, same_dy: bool = False) -> Tile:
        """The tile over these arrays; `same_dy`: all rows have the first row's gradient."""

        def pointers(kind: Any, arrays: list[np.ndarray]) -> Any:
            return kind(*(array.ctypes.data for array in arrays))

        fields = {name: kind for name, kind in Tile._fields_}  # noqa: C416
        return Tile(
            rows=self.rows,
            width=self.width,
            record=self.record.ctypes.data,
            record_stride=self.record.shape[1],
            old_state=pointers(fields["old_state"], self.old),
            new_state=pointers(fields["new_state"], self.new),
            state_stride=self.state_stride,
            parameters=pointers(fields["parameters"], self.parameters),
            y=self.y.ctypes.data,
            y_stride=self.y.shape[1],
            dy=self.dy.ctypes.data,
            dy_stride=0 if same_dy else self.dy.shape[1],
            d_state=pointers(fields["d_state"], self.d_state),
            d_state_stride=self.d_state[0].shape[1],
            d_parameters=pointers(fields["d_parameters"], self.d_parameters),
            d_parameters_stride=self.d_state[0].shape[1],
        )

    def places(self) -> dict[str, torch.Tensor]:
        """The arrays by the names of places, in float64."""
        w = self.width
        named = {f"slot{slot}": self.record[:, slot * w : (slot + 1) * w] for slot in range(self.program.slots)}
        for kind, arrays in (
            ("old", self.old),
            ("new", self.new),
            ("d_state", self.d_state),
            ("d_parameter", self.d_parameters),
        ):
            named |= {f"{kind}{index}": array[:, :w] for index, array in enumerate(arrays)}
        named |= {f"parameter{index}": array for index, array in enumerate(self.parameters)}
        named |= {"y": self.y, "dy": self.dy[:, :w]}
        return {name: torch.from_numpy(array.astype(np.float64)) for name, array in named.items()}

    def written(self) -> list[np.ndarray]:
        """All that a program may write."""
        return [self.record, *self.new, self.y, *self.d_state, *self.d_parameters]


def expected_after(operations: Any, places: dict[str, torch.Tensor], shape: tuple[int, int]) -> dict[str, torch.Tensor]:
    """The places after a list has run, in float64."""
    after = dict(places)
    for place, value in run_operations(operations, places).items():
        rows = torch.as_tensor(value, dtype=torch.float64).expand(shape)
        after[place] = places[place] + rows if place.startswith("d_parameter") else rows
    return after


def compare(
    memory: PackedBuffer, expected: dict[str, torch.Tensor], names: Iterator[str] | list[str], dtype: Any
) -> None:
    received = memory.places()
    for name in names:
        scale = max(1.0, float(expected[name].abs().nan_to_num().max()))
        tolerance = scale * (4e-6 if dtype is np.float32 else 2e-14)
        torch.testing.assert_close(
            received[name],
            expected[name],
            rtol=0,
            atol=tolerance,
            equal_nan=True,
            msg=lambda text, at=name: f"{at}: {text}",
        )


@needs_compiler
@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", list(programs()))
def test_compiled_programs_compute_what_their_lists_say(
    compiled: dict[str, CompiledProgram], name: str, suffix: str
) -> None:
    program, dtype, functions = programs()[name], DTYPES[suffix], compiled[f"{name}-{suffix}"]
    assert (functions.slots, functions.x_slots, functions.h_first) == (program.slots, program.x_slots, program.h_first)
    assert (functions.h_slots, functions.leaves, functions.h_leaf) == (
        program.h_slots,
        len(program.leaves),
        program.h_leaf,
    )
    assert (functions.y_leaf, functions.parameters) == (program.y_leaf, len(program.parameters))
    for rows, blocks in SHAPES:
        memory = PackedBuffer(program, rows, blocks * 64 // np.dtype(dtype).itemsize, dtype, seed=rows)
        shape = (rows, memory.width)
        expected = expected_after(program.forward, memory.places(), shape)
        functions.forward(ctypes.byref(memory.tile()))
        compare(memory, expected, list(expected), dtype)
        # From here on with what forward left, as it would be.
        places = memory.places()
        if rows % 2:
            places["dy"] = places["dy"][:1].expand(shape)
        expected = expected_after(program.backward, places, shape)
        functions.backward(ctypes.byref(memory.tile(same_dy=bool(rows % 2))))
        expected["dy"] = memory.places()["dy"]
        compare(memory, expected, list(expected), dtype)
        # The memory between the rows belongs to no row.
        assert np.isnan(memory.record[:, program.slots * memory.width :]).all()
        assert all(np.isnan(new[:, memory.width :]).all() for new in memory.new)


@needs_compiler
@pytest.mark.parametrize("name", ["lstm", "gru", "Scaled"])
def test_a_row_does_not_depend_on_the_rows_beside_it(compiled: dict[str, CompiledProgram], name: str) -> None:
    """Bit for bit, so that results are the same for any number of threads; sums of parameters row after row."""
    program, functions = programs()[name], compiled[f"{name}-f32"]
    together = PackedBuffer(program, 7, 32, np.float32)
    one_by_one = PackedBuffer(program, 7, 32, np.float32)
    for function in ("forward", "backward"):
        getattr(functions, function)(ctypes.byref(together.tile()))
        for row in range(7):
            tile = one_by_one.tile()
            tile.rows = 1
            for array, field in ((one_by_one.record, "record"), (one_by_one.dy, "dy"), (one_by_one.y, "y")):
                setattr(tile, field, array[row].ctypes.data)
            for arrays, field in (
                (one_by_one.old, "old_state"),
                (one_by_one.new, "new_state"),
                (one_by_one.d_state, "d_state"),
                (one_by_one.d_parameters, "d_parameters"),
            ):
                for index, array in enumerate(arrays):
                    getattr(tile, field)[index] = array[row].ctypes.data
            getattr(functions, function)(ctypes.byref(tile))
    for a, b in zip(together.written(), one_by_one.written(), strict=True):
        np.testing.assert_array_equal(a, b)


@needs_compiler
def test_nan_stays_in_its_row_and_unit(compiled: dict[str, CompiledProgram]) -> None:
    program, functions = programs()["lstm"], compiled["lstm-f32"]
    memory = PackedBuffer(program, 3, 16, np.float32)
    memory.record[1, 5] = np.nan
    functions.forward(ctypes.byref(memory.tile()))
    wrong = np.isnan(memory.new[0][:, :16])
    assert wrong[1, 5]
    assert wrong.sum() == 1


@needs_compiler
@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS[:1])
def test_the_table_finds_programs_by_digest(instruction_set: str, tmp_path: Any) -> None:
    library = library_of('#include "programs/table.h"\n', instruction_set, tmp_path)
    found = CompiledProgram()
    digest = programs()["gru"].digest.encode()
    assert library.elman_find_program(digest, 4, ctypes.byref(found)) == 1
    assert (found.slots, found.h_first, found.leaves) == (4, 1, 1)
    assert library.elman_find_program(digest, 8, ctypes.byref(found)) == 1
    assert library.elman_find_program(digest, 2, ctypes.byref(found)) == 0
    assert library.elman_find_program(b"0123456789abcdef", 4, ctypes.byref(found)) == 0


@needs_compiler
def test_a_source_of_its_own_exports_both_number_types(tmp_path: Any) -> None:
    library = library_of(emit.source(programs()["Scaled"]), INSTRUCTION_SETS[0], tmp_path)
    for function in ("elman_program_f32", "elman_program_f64"):
        described = CompiledProgram()
        assert getattr(library, function)(ctypes.byref(described)) == 1
        assert (described.slots, described.parameters) == (2, 3)
