"""Which module of elman names which, read from the sources without running them.

A module names another by an import, also inside a function, and by a string: its dotted name alone, `module:name`, or
the start of an f-string. Imports for type checkers alone and the names of loggers do not count. Knows nothing about
what is allowed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

Graph = dict[str, set[str]]


def find_modules(source: Path) -> dict[str, Path]:
    """Every module below the folder `source`, by its dotted name."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _names_a_logger(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("getLogger")


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below `node` that counts."""
    for child in ast.iter_child_nodes(node):
        if _names_a_logger(child):
            continue
        if isinstance(child, ast.If) and _is_for_type_checkers(child):
            for other in child.orelse:
                yield other
                yield from _walk(other)
            continue
        yield child
        yield from _walk(child)


def _module_in(text: str, modules: Mapping[str, Path], *, is_start: bool) -> str | None:
    """The module that a string names; `is_start` for the first part of an f-string."""
    if is_start:
        name, dot, _ = text.rpartition(".")
        return name if dot and name in modules else None
    name = text.partition(":")[0]
    return name if name in modules and name != "elman" else None


def read(modules: Mapping[str, Path]) -> tuple[Graph, Graph]:
    """What each module imports, and what it names by a string."""
    imports: Graph = {name: set() for name in modules}
    strings: Graph = {name: set() for name in modules}
    for name, path in modules.items():
        starts = set()
        for node in _walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
            if isinstance(node, ast.Import):
                imports[name] |= {alias.name for alias in node.names} & modules.keys()
            elif isinstance(node, ast.ImportFrom):
                if node.level:
                    raise ValueError(f"expected absolute imports. Received: a relative one in {path}:{node.lineno}")
                origin = node.module or ""
                inner = {f"{origin}.{alias.name}" for alias in node.names}
                imports[name] |= inner & modules.keys()
                if origin in modules and not inner <= modules.keys():
                    imports[name].add(origin)
            elif isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
                starts.add(id(node.values[0]))
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = _module_in(node.value, modules, is_start=id(node) in starts)
                if named is not None and named != name:
                    strings[name].add(named)
    return imports, strings


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The modules that reach each other, group by group (Tarjan 1972, "Depth-first search")."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_modules: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        open_modules.append(name)
        for other in sorted(graph[name]):
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in open_modules:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            start = open_modules.index(name)
            group = sorted(open_modules[start:])
            del open_modules[start:]
            if len(group) > 1 or name in graph[name]:
                found.append(group)

    for name in graph:
        if name not in number:
            visit(name)
    return found
