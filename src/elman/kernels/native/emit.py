"""Generate C++ from programs: a forward and a backward function over tiles (csrc/abi.h) of hardware vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from elman.kernels.native.program import Operation, Program

__all__ = ["definition", "header", "source", "table"]

# Functions of vector_rare.h; all others are in vector.h.
_RARE = frozenset({"erf", "sin", "cos", "power"})
_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}

# The members of `elman_tile` that hold a program's places: the array and its stride.
_ARRAYS = {
    "old": ("old_state", "state_stride"),
    "new": ("new_state", "state_stride"),
    "d_state": ("d_state", "d_state_stride"),
    "parameter": ("parameters", ""),
    "d_parameter": ("d_parameters", "d_parameters_stride"),
    "y": ("y", "y_stride"),
    "dy": ("dy", "dy_stride"),
}


def _split(place: str) -> tuple[str, int]:
    """Return a place's kind and index, such as ("slot", 2)."""
    kind = place.rstrip("0123456789")
    return kind, int(place[len(kind) :] or 0)


def _literal(number: float) -> str:
    if number in (float("inf"), -float("inf")):
        return f"T({'-' if number < 0 else ''}__builtin_inf())"
    return 'T(__builtin_nan(""))' if number != number else f"T({number!r})"


def _expression(operation: Operation) -> str:
    """Return the right-hand side of an operation as C++."""
    function, operands = operation.function, operation.operands
    if function in _OPERATORS and any(isinstance(operand, str) for operand in operands):
        a, b = (operand if isinstance(operand, str) else _literal(operand) for operand in operands)
        return f"{a} {_OPERATORS[function]} {b}"
    names = [operand if isinstance(operand, str) else f"broadcast<V>({_literal(operand)})" for operand in operands]
    if function in _OPERATORS:
        return f" {_OPERATORS[function]} ".join(names)
    return f"-{names[0]}" if function == "neg" else f"{function}({', '.join(names)})"


def _places(operations: Iterable[Operation]) -> tuple[list[str], list[str]]:
    """Return the places that the operations read and those that they write, in order."""
    operations = list(operations)
    made = {operation.result for operation in operations if operation.function not in ("store", "accumulate")}
    read = {name for operation in operations for name in operation.operands if isinstance(name, str)} - made
    written = {operation.result for operation in operations} - made
    return sorted(read, key=_split), sorted(written, key=_split)


def _function(name: str, operations: Sequence[Operation]) -> list[str]:
    """Return the lines of one of a program's two functions."""
    read, written = _places(operations)
    places = sorted({*read, *written}, key=_split)
    kinds = [_split(place)[0] for place in places]
    moving = [place for place in places if _split(place)[0] not in ("slot", "parameter")]
    strides = sorted({_ARRAYS[_split(place)[0]][1] for place in moving})
    lines = [
        f"template <class T> void {name}(const elman_tile *tile) {{",
        "    using namespace simd;",
        "    typedef Vector<T> V;",
        "    const int64_t rows = tile->rows, width = tile->width;",
    ]
    if "slot" in kinds:
        strides.append("record_stride")
        lines.append("    T *const records = static_cast<T *>(tile->record);")
    lines += [f"    const int64_t {stride} = tile->{stride};" for stride in strides]
    for place in places:
        kind, number = _split(place)
        if kind == "slot":
            continue
        member = _ARRAYS[kind][0] + ("" if kind in ("y", "dy") else f"[{number}]")
        const = "" if place in written else "const "
        lines.append(f"    {const}T *const {place}_start = static_cast<{const}T *>(tile->{member});")
    lines.append("    for (int64_t k = 0; k < width; k += lanes<T>) {")
    if "slot" in kinds:
        lines.append("        T *record = records + k;")
    for place in moving:
        const = "" if place in written else "const "
        lines.append(f"        {const}T *{place}_at = {place}_start + k;")
    for place in places:
        if place.startswith("parameter"):
            lines.append(f"        const V {place} = load({place}_start + k);")
    # Values that depend on parameters only are computed once, before the loop over rows.
    same = {name for name in read if name.startswith("parameter")}
    for operation in operations:
        if operation.function not in ("store", "accumulate") and same.issuperset(
            operand for operand in operation.operands if isinstance(operand, str)
        ):
            same.add(operation.result)
            lines.append(f"        const auto {operation.result} = {_expression(operation)};")
    lines.append("        for (int64_t row = 0; row < rows; ++row) {")
    for place in read:
        kind, number = _split(place)
        if kind == "slot":
            lines.append(f"            const V {place} = load(record{_slot_offset(number)});")
        elif kind != "parameter":
            lines.append(f"            const V {place} = load({place}_at);")
    for place in written:
        if place.startswith("d_parameter"):
            lines.append(f"            const V {place} = load({place}_at);")
    for operation in operations:
        kind, number = _split(operation.result)
        value = operation.operands[0]
        stored = value if isinstance(value, str) else f"broadcast<V>({_literal(value)})"
        if operation.function == "accumulate":
            # Accumulate row by row: a sum over the rows of a tile would depend on which rows share the tile.
            lines.append(f"            store({operation.result}_at, {operation.result} + {stored});")
        elif operation.result in same:
            continue
        elif operation.function != "store":
            lines.append(f"            const auto {operation.result} = {_expression(operation)};")
        elif kind == "slot":
            lines.append(f"            store(record{_slot_offset(number)}, {stored});")
        else:
            lines.append(f"            store({operation.result}_at, {stored});")
    if "slot" in kinds:
        lines.append("            record += record_stride;")
    lines += [f"            {place}_at += {_ARRAYS[_split(place)[0]][1]};" for place in moving]
    lines.append("        }")
    return [*lines, "    }", "}"]


def _slot_offset(slot: int) -> str:
    return "" if slot == 0 else " + width" if slot == 1 else f" + {slot} * width"


def definition(name: str, program: Program) -> str:
    """Return a program as the namespace `program_<name>` with `digest`, `forward`, `backward` and `describe`."""
    shape = (program.slots, program.x_slots, program.h_first, program.h_slots, len(program.leaves), program.h_leaf)
    numbers = ", ".join(map(str, (*shape, program.y_leaf, len(program.parameters))))
    lines = [
        "namespace {",
        f"namespace program_{name} {{",
        "",
        f'[[maybe_unused]] constexpr char digest[] = "{program.digest}";',
        "",
        *_function("forward", program.forward),
        "",
        *_function("backward", program.backward),
        "",
        "template <class T> elman_program describe() {",
        f"    return {{{numbers}, forward<T>, backward<T>}};",
        "}",
        "",
        f"}} // namespace program_{name}",
        "} // namespace",
    ]
    return "\n".join(lines)


def _vector_header(program: Program) -> str:
    rare = any(operation.function in _RARE for operation in (*program.forward, *program.backward))
    return "vector_rare.h" if rare else "vector.h"


def header(name: str, program: Program) -> str:
    """Return a built-in program as a C++ header."""
    guard = f"ELMAN_PROGRAMS_{name.upper()}_H"
    lines = [
        f"/* The equations of {name}, written by tools/emit_programs.py: do not edit. */",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        '#include "../abi.h"',
        f'#include "../{_vector_header(program)}"',
        "",
        definition(name, program),
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def table(names: Sequence[str]) -> str:
    """Return the header with the function that finds a built-in program by its digest."""
    entries = [
        line
        for name in names
        for line in (
            f"        {{program_{name}::digest, program_{name}::describe<float>,",
            f"         program_{name}::describe<double>}},",
        )
    ]
    lines = [
        "/* All built-in programs, written by tools/emit_programs.py: do not edit. */",
        "#ifndef ELMAN_PROGRAMS_TABLE_H",
        "#define ELMAN_PROGRAMS_TABLE_H",
        "",
        "#include <string.h>",
        "",
        '#include "../export.h"',
        *(f'#include "{name}.h"' for name in names),
        "",
        "/* Finds a program for numbers of `element_bytes` bytes. 1 when there is one, else 0. */",
        "ELMAN_API int elman_find_program(const char *digest, int element_bytes, elman_program *out) {",
        "    static const struct {",
        "        const char *digest;",
        "        elman_program (*of_floats)();",
        "        elman_program (*of_doubles)();",
        "    } programs[] = {",
        *entries,
        "    };",
        "    for (const auto &program : programs) {",
        "        if (strcmp(program.digest, digest) != 0) continue;",
        "        if (element_bytes != 4 && element_bytes != 8) return 0;",
        "        *out = element_bytes == 4 ? program.of_floats() : program.of_doubles();",
        "        return 1;",
        "    }",
        "    return 0;",
        "}",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def source(program: Program) -> str:
    """Return a complete translation unit for one program, to be compiled with -I csrc.

    It exports `elman_program_f32` and `elman_program_f64`, which fill in an `elman_program`.
    """
    lines = [
        f"/* The equations of a cell, digest {program.digest}. */",
        '#include "abi.h"',
        '#include "export.h"',
        f'#include "{_vector_header(program)}"',
        "",
        definition("cell", program),
        "",
        "ELMAN_API int elman_program_f32(elman_program *out) {",
        "    *out = program_cell::describe<float>();",
        "    return 1;",
        "}",
        "",
        "ELMAN_API int elman_program_f64(elman_program *out) {",
        "    *out = program_cell::describe<double>();",
        "    return 1;",
        "}",
    ]
    return "\n".join(lines) + "\n"
