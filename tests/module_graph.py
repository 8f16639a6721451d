"""References between the modules of elman, read from the sources without running them.

A module refers to another by an import, also inside a function, or by a string: its dotted name alone, `module:name`,
or the start of an f-string. A name that begins with a dot is relative to the package that the string is in, as in
`import_module(".stack", __package__)`; a part of an f-string is never such a name. Imports only for type checkers and
names of loggers do not count.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib.util import resolve_name
from pathlib import Path

Graph = dict[str, set[str]]


def find_modules(source: Path) -> dict[str, Path]:
    """Find all modules below the folder `source`, by dotted name."""
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
    """Yield every node below `node` that counts."""
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


def _package_of(module: str, modules: Mapping[str, Path]) -> str:
    """Return the package that relative names in a module refer to: itself if it is one, else its parent."""
    return module if modules[module].name == "__init__.py" else module.rpartition(".")[0]


def _module_in(text: str, modules: Mapping[str, Path], package: str) -> str | None:
    """Return the module that a string in a module of `package` names."""
    name = text.partition(":")[0]
    if name.startswith(".") and name.strip("."):
        try:
            name = resolve_name(name, package)
        except ImportError:  # more dots than packages
            return None
    return name if name in modules and name != "elman" else None


def _module_at_start(text: str, modules: Mapping[str, Path]) -> str | None:
    """Return the module that the first part of an f-string names."""
    name, dot, _ = text.rpartition(".")
    return name if dot and name in modules else None


def read(modules: Mapping[str, Path]) -> tuple[Graph, Graph]:
    """Return the modules that each module imports, and those that it names by a string."""
    imports: Graph = {name: set() for name in modules}
    strings: Graph = {name: set() for name in modules}
    for name, path in modules.items():
        package = _package_of(name, modules)
        starts: set[int] = set()
        parts: set[int] = set()
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
            elif isinstance(node, ast.JoinedStr):
                starts |= {id(part) for part in node.values[:1]}
                parts |= {id(part) for part in node.values[1:]}
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                at_start = id(node) in starts
                text = node.value
                named = _module_at_start(text, modules) if at_start else _module_in(text, modules, package)
                if named is not None and named != name:
                    strings[name].add(named)
    return imports, strings


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components, i.e. import cycles (Tarjan 1972, "Depth-first search")."""
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
