"""Promises about the package as a whole: its public names, what its source may contain, and what importing it costs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import elman

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "elman"
MODULES = sorted(SOURCE.rglob("*.py"))

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())

# Reading these formats can run code that a stranger wrote.
UNSAFE_MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"torch.load", "torch.save", "torch.hub.load", "numpy.load", "np.load", "eval", "exec"}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def run_python(script: str) -> str:
    """What `script` prints in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_all_names_are_public_and_all_public_names_are_named() -> None:
    assert list(elman.__all__) == sorted(set(elman.__all__))
    assert all(getattr(elman, name) is not None for name in elman.__all__)
    assert {name for name in dir(elman) if not name.startswith("_")} == set(elman.__all__)


def test_a_star_import_brings_every_name() -> None:
    brought = run_python("from elman import *; print(*(name for name in dir() if not name.startswith('_')))")
    assert set(brought.split()) == {name for name in elman.__all__ if not name.startswith("_")}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        elman.no_such_name  # noqa: B018


def test_the_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert elman.__version__ == project["version"]


@pytest.mark.parametrize("module", ["elman", "elman.cli"])
def test_importing_does_not_load_torch(module: str) -> None:
    heavy = "{'torch', 'tokenizers', 'matplotlib', 'tensorboardX', 'pandas'}"
    loaded = run_python(f"import sys, {module}; print(*sorted({heavy} & sys.modules.keys()))")
    assert loaded == ""


@each_module
def test_the_source_has_no_assert_and_opens_nothing_unsafe(path: Path) -> None:
    found = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Assert):
            found.append((node.lineno, "assert"))
        elif isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names if alias.name in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found += [(node.lineno, name) for name in names & UNSAFE_CALLS]
            if node.module in UNSAFE_MODULES:
                found.append((node.lineno, node.module))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in UNSAFE_CALLS:
            found.append((node.lineno, ast.unparse(node.func)))
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append((node.lineno, "bare except"))
    assert found == []


@each_module
def test_every_module_says_what_it_is_for_and_stays_short(path: Path) -> None:
    docstring = ast.get_docstring(parse(path))
    assert docstring
    assert len(docstring) > 20
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < 400


def test_the_folders_of_the_source_are_packages() -> None:
    without = [path.parent for path in MODULES if not (path.parent / "__init__.py").exists()]
    assert without == []
    assert (SOURCE / "py.typed").exists()


def test_tracked_files_hold_no_path_of_a_single_machine() -> None:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    # Written in pieces, so that this file does not find itself.
    starts = ["ro" + "ot/", "ho" + "me/[a-z]", "wo" + "rk/", "Us" + "ers/", "tm" + "p/bash", "mn" + "t/"]
    machine_path = re.compile(r"(?<![\w.~}\])-])/(?:" + "|".join(starts) + r")|[A-Z]:\\Us" + "ers")
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file():
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or the like
        found += [
            f"{name}:{number}: {line.strip()}" for number, line in enumerate(lines, 1) if machine_path.search(line)
        ]
    assert listed.stdout
    assert found == []


def test_no_lazy_name_is_a_module_too() -> None:
    """Once such a module is loaded, the package would give the module and not what it holds."""
    for info in pkgutil.walk_packages(elman.__path__, "elman."):
        if info.ispkg:
            package = importlib.import_module(info.name)
            modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
            if getattr(vars(package).get("__getattr__"), "__module__", "") == "elman.lazy":
                assert not set(package.__dir__()) & modules, info.name
