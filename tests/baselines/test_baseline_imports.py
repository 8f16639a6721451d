"""The simple rules need numpy alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import elman.baselines

MODULES = sorted(Path(elman.baselines.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_rule_imports_numpy_alone(path: Path) -> None:
    named = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named.add(node.module or "")
    others = {name for name in named if name.partition(".")[0] not in {*sys.stdlib_module_names, "numpy"}}
    assert all(name == "elman.errors" or name.startswith("elman.baselines") for name in others), others
