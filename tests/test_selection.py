"""Which tests run: slow ones only when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import named_files, pytest_collection_modifyitems


class Item:
    """What the selection looks at."""

    def __init__(self, path: Path, slow: bool) -> None:
        self.path, self.slow = path, slow

    def get_closest_marker(self, name: str) -> bool:
        return name == "slow" and self.slow


class Config:
    """The words of a command line, and the tests that were left out."""

    def __init__(self, folder: Path, *args: str, run_all: bool = False, markexpr: str = "") -> None:
        self.option = self.hook = self.invocation_params = self
        self.args, self.all, self.markexpr, self.dir = args, run_all, markexpr, folder
        self.left_out: list[Item] = []

    def pytest_deselected(self, items: list[Item]) -> None:
        self.left_out += items


@pytest.fixture
def items(tmp_path: Path) -> list[Any]:
    """A quick and a slow test of one file, and a slow one of another."""
    (tmp_path / "tests").mkdir()
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / "tests" / name).touch()
    first, second = tmp_path / "tests" / "test_a.py", tmp_path / "tests" / "test_b.py"
    return [Item(first, False), Item(first, True), Item(second, True)]


@pytest.mark.parametrize(
    ("words", "options", "runs"),
    [
        ([], {}, [0]),
        (["tests"], {}, [0]),
        ([], {"run_all": True}, [0, 1, 2]),
        ([], {"markexpr": "slow"}, [0, 1, 2]),  # pytest itself looks at the expression
        (["tests/test_a.py"], {}, [0, 1]),
        (["tests", "tests/test_b.py::test_one[slow]"], {}, [0, 2]),
        (["tests/test_a.py::test_x", "tests/test_b.py"], {}, [0, 1, 2]),
    ],
)
def test_slow_tests_run_when_they_are_asked_for(
    words: list[str], options: dict[str, Any], runs: list[int], items: list[Any], tmp_path: Path
) -> None:
    every = list(items)
    config: Any = Config(tmp_path, *words, **options)
    pytest_collection_modifyitems(config, items)
    assert items == [every[number] for number in runs]
    assert config.left_out == [item for item in every if item not in items]


def test_a_folder_and_what_is_absent_name_no_file(items: list[Any], tmp_path: Path) -> None:
    assert named_files(["tests", "tests/test_c.py", "."], tmp_path) == set()
    assert named_files([str(items[0].path)], Path("/")) == {items[0].path}
