"""No circle of modules, also none by imports inside functions or by names in strings; layers hold for strings, too."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from .module_graph import Graph, circles, find_modules, read

ROOT = Path(__file__).resolve().parent.parent

# The package itself, whose public names are loaded on first use from the layers below it.
_FACADE = "elman"


def layers() -> dict[str, int]:
    """The height of every package of elman, as pyproject.toml gives it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    return {
        f"elman.{name.strip(' ()')}": height
        for height, layer in enumerate(reversed(contract["layers"]))
        for name in layer.split("|")
    }


def package_of(module: str) -> str:
    """The package or module that stands in the list of layers: elman.cells for elman.cells.gru."""
    return ".".join(module.split(".")[:2])


def is_description(module: str) -> bool:
    """Whether it is a package's `task.py`, which names modules of the package for whoever loads them."""
    return module.startswith("elman.tasks.") and module.endswith(".task") and module.count(".") == 3


@pytest.fixture(scope="module")
def graphs() -> tuple[Graph, Graph]:
    return read(find_modules(ROOT / "src"))


def test_no_modules_reach_each_other_in_a_circle(graphs: tuple[Graph, Graph]) -> None:
    imports, strings = graphs
    named = {module: imports[module] | (set() if is_description(module) else strings[module]) for module in imports}
    assert len(named) > 300
    assert circles(named) == []


def test_no_string_names_a_module_of_a_higher_layer(graphs: tuple[Graph, Graph]) -> None:
    _, strings = graphs
    height = layers()
    upward = [
        (module, named)
        for module, names in strings.items()
        for named in sorted(names)
        if module != _FACADE and height[package_of(named)] > height[package_of(module)]
    ]
    assert upward == []
    assert "elman.train.loop" in strings["elman.train"]  # such names are found


def test_a_description_names_modules_of_its_own_package_alone(graphs: tuple[Graph, Graph]) -> None:
    imports, strings = graphs
    descriptions = list(filter(is_description, imports))
    for module in descriptions:
        package = module.rpartition(".")[0]
        own = {name for name in imports if name.startswith(f"{package}.")}
        assert strings[module] <= own, module
        assert f"{package}.model" in strings[module], module
    assert descriptions


def test_neighbours_do_not_name_each_other(graphs: tuple[Graph, Graph]) -> None:
    """Packages of one layer do not depend on each other, also by name."""
    imports, strings = graphs
    height = layers()
    across = [
        (module, named)
        for module in imports
        for named in sorted(imports[module] | strings[module])
        if _FACADE not in (module, named)
        and package_of(named) != package_of(module)
        and height[package_of(named)] == height[package_of(module)]
    ]
    assert across == []


def test_the_native_engine_is_known_to_the_kernels_alone(graphs: tuple[Graph, Graph]) -> None:
    imports, strings = graphs
    users = {
        package_of(module)
        for module in imports
        if any(named.startswith("elman.kernels.native") for named in imports[module] | strings[module])
    }
    assert users == {"elman.kernels"}


def test_every_kind_of_name_is_seen(tmp_path: Path) -> None:
    """Else an empty list of circles would mean nothing."""
    package = tmp_path / "elman"
    package.mkdir()
    sources = {
        "__init__": "",
        "a": "import elman.b\nfrom elman import c, thing\n",
        "b": "def f():\n    from elman.c import name\n    return name\n",
        "c": "import importlib\nwhere = importlib.import_module('elman.d'), f'elman.e.{where}', 'elman.f:name'\n",
        "d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import elman.a\nelse:\n    import elman.e\n",
        "e": "import logging\nlog = logging.getLogger('elman.a'), 'about elman.a', 'elman'\n",
        "f": "import elman.b\n",
        "g/__init__": "lazy_names(__name__, {'.h': ('H',), '..a': ()}), '.csv', '.', '....a'\n",
        "g/h": "Task(model='.i:I', file=f'{a}.i', dot='.', other=f'.i{a}')\n",
        "g/i": "",
    }
    (package / "g").mkdir()
    for name, text in sources.items():
        (package / f"{name}.py").write_text(text)
    imports, strings = read(find_modules(tmp_path))
    assert imports["elman.a"] == {"elman.b", "elman.c", "elman"}
    assert imports["elman.b"] == {"elman.c"}
    assert strings["elman.c"] == {"elman.d", "elman.e", "elman.f"}
    assert strings["elman.g"] == {"elman.g.h", "elman.a"}
    assert strings["elman.g.h"] == {"elman.g.i"}
    assert imports["elman.d"] == {"elman.e"}
    assert (imports["elman.e"] | strings["elman.e"]) == set()
    named = {module: imports[module] | strings[module] for module in imports}
    assert circles(named) == [["elman.b", "elman.c", "elman.f"]]
