"""The check of words that `./dev lint` runs: it passes here, and it notices what it is for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEGEND = '"""Shape letters:\n\n    B  batch size     T  time steps\n    H  hidden units\n"""\n'
ERRORS = "class ConfigError(Exception):\n    pass\n"


@pytest.fixture(scope="module")
def words() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_words", ROOT / "tools" / "check_words.py")
    if spec is None or spec.loader is None:
        pytest.fail("tools/check_words.py cannot be loaded")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def findings(words: ModuleType, tmp_path: Path):
    """The findings in a checkout with one more file."""

    def check(name: str, text: str) -> list[str]:
        for path, content in {
            "src/elman/state.py": LEGEND,
            "src/elman/errors.py": ERRORS,
            "dev": "",
            "setup.py": "",
            name: text,
        }.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text if path == name else content, encoding="utf-8")
        return [str(each) for each in words.check(tmp_path)]

    return check


@pytest.mark.slow
def test_this_checkout_passes(words: ModuleType) -> None:
    assert [str(each) for each in words.check(ROOT)] == []


def test_the_legend_is_read(words: ModuleType) -> None:
    assert words.legend(LEGEND) == set("BTH")
    assert words.legend((ROOT / words.LEGEND).read_text(encoding="utf-8")) == set("ABCEFGHIKLNPSTVY")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "src/a.py",
            '"""A module.\n\nThe part that is told apart.\n"""\n',
            "src/a.py:3: 'told' is excluded",
        ),
        ("src/a.py", "x = 1  # computed anew\n", "src/a.py:1: 'anew' is excluded"),
        ("tests/a.py", 'def f():\n    """What nobody reads."""\n', "tests/a.py:2: 'nobody' is excluded"),
        ("src/a.py", 'f"{x} knows nothing about {y}"\n', "src/a.py:1: 'knows nothing' is excluded"),
        ("src/a.py", '"""It stops, for it is done."""\n', "src/a.py:1: 'for it' is excluded; write because"),
        ("src/a.cpp", "int x;  // the room for x\n", "src/a.cpp:1: 'room' is excluded"),
        ("src/a.h", "int a;\n/* One.\n * The room for x.\n */\n", "src/a.h:3: 'room' is excluded"),
        ("README.md", "# A\n\nText `told` beside\nit.\n", "README.md:3: 'beside' is excluded"),
        ("docs/a.md", "```\nhence\n```\nThus.\n", "docs/a.md:4: 'Thus' is excluded"),
        (
            "src/a.py",
            'raise ConfigError(f"expected {x} above 0")\n',
            "src/a.py:1: an error that says what was expected",
        ),
        ("src/a.py", "def f(x_BTQ): ...\n", "src/a.py:1: x_BTQ: Q is not in the legend"),
        ("src/a.py", "x_BTh = 1\n", "src/a.py:1: x_BTh: h is not in the legend"),
        ("src/a.py", "x_BTHBT = 1\n", "src/a.py:1: x_BTHBT: expected at most 4 shape letters"),
        (
            "src/elman/state.py",
            '"""No letters."""\n',
            "src/elman/state.py:1: expected 1 to 16 shape letters. Received: 0",
        ),
    ],
)
def test_what_is_refused(findings, name: str, text: str, expected: str) -> None:
    found = findings(name, text)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/a.py", 'told = file.tell()\n"""A text of one time step."""\n'),
        ("src/a.py", 'raise ConfigError(f"expected {x} above 0. Received: {y}")\nraise KeyError("expected")\n'),
        ("src/a.py", "def f(x_BT1, y_1, X_BQ, cur_X): ...\n"),
        ("src/a.py", 'KEY = "told"\n'),
        ("tests/a.py", 'TEXT = "she told him"\nx_BQ = 1\n'),
        ("README.md", "`anew`, and\n\n```sh\nelman generate --prompt 'told anew'\n```\n"),
        ("src/a.py", '"""For each row, and for the last one, for B rows."""\n'),
    ],
)
def test_what_is_not_refused(findings, name: str, text: str) -> None:
    assert findings(name, text) == []
