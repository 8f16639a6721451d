"""Compiling the libraries: what is up to date, what is left when it cannot be done, and the package that holds them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from elman.kernels.native import build

ROOT = Path(__file__).resolve().parents[3]
NATIVE = ROOT / "src" / "elman" / "kernels" / "native"
SMALL = 'extern "C" __attribute__((visibility("default"))) int elman_abi_version() { return 1; }\n'

pytestmark = pytest.mark.skipif(isinstance(build.find_compiler(), build.BuildProblem), reason="no C++ compiler is here")


def load_by_path(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"build_of_{path.parent.parent.name}", path)
    if spec is None or spec.loader is None:
        pytest.fail("the script could not be loaded")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build script next to sources that take no time to compile."""
    native = tmp_path / "src" / "elman" / "kernels" / "native"
    (native / "csrc").mkdir(parents=True)
    shutil.copy(NATIVE / "build.py", native)
    (native / "csrc" / "kernels.cpp").write_text('#include "one.h"\n')
    (native / "csrc" / "one.h").write_text(SMALL)
    return load_by_path(native / "build.py")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_instruction_set_gets_a_library_and_then_all_is_up_to_date(small: ModuleType) -> None:
    assert not small.is_current()
    assert small.build() is None
    libraries = {small.library_name(name) for name in small.instruction_sets()}
    assert {path.name for path in small.COMPILED.iterdir()} == libraries | {"stamp"}
    assert small.is_current()
    assert small.read_problem() is None


def test_a_changed_new_or_lost_file_is_noticed(small: ModuleType) -> None:
    small.build()
    header = small.CSRC / "one.h"
    header.write_text(SMALL + "/* other */\n")
    assert not small.is_current()
    header.write_text(SMALL)
    assert small.is_current()
    (small.CSRC / "programs").mkdir()
    (small.CSRC / "programs" / "two.h").write_text("")
    assert not small.is_current()
    shutil.rmtree(small.CSRC / "programs")
    (small.COMPILED / small.library_name(small.instruction_sets()[0])).unlink()
    assert not small.is_current()


def test_sources_that_do_not_compile_change_nothing(small: ModuleType) -> None:
    small.build()
    before = contents(small.COMPILED)
    (small.CSRC / "one.h").write_text(SMALL + "int f() { return nowhere; }\n")
    problem = small.build()
    assert problem is not None
    assert problem.sentence.startswith("the C++ compiler failed: ")
    assert "one.h:2" in problem.sentence
    assert "error: 'nowhere' was not declared" in problem.sentence.replace("‘", "'").replace("’", "'")
    assert "\n" not in problem.sentence
    assert len(problem.output.splitlines()) > 1
    assert contents(small.COMPILED) == before
    assert not small.is_current()


def test_without_a_compiler_no_library_of_older_sources_stays(
    small: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.build()
    monkeypatch.setenv("ELMAN_CXX", "no-such-compiler -O2")
    assert not small.is_current()
    problem = small.build()
    assert problem == ("the C++ compiler 'no-such-compiler', which ELMAN_CXX names, was not found", "")
    assert {path.name for path in small.COMPILED.iterdir()} == {"problem.txt", "stamp"}
    assert small.read_problem() == problem.sentence
    assert small.is_current()  # as long as that compiler is the wish
    monkeypatch.delenv("ELMAN_CXX")
    assert not small.is_current()
    assert small.build() is None
    assert small.read_problem() is None


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("false", "ended with code 1"),
        ("'", 'ELMAN_CXX="\'" is not a command'),
    ],
)
def test_a_compiler_that_is_none(monkeypatch: pytest.MonkeyPatch, command: str, sentence: str) -> None:
    monkeypatch.setenv("ELMAN_CXX", command)
    found = build.find_compiler()
    assert isinstance(found, build.BuildProblem)
    assert sentence in found.sentence


def test_the_variables_that_name_a_compiler_have_an_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("first", "second"):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\necho {name} compiler 1.0\necho more\n")
        script.chmod(0o700)
    monkeypatch.setenv("CXX", f"{tmp_path / 'second'}")
    assert build.find_compiler() == build.Compiler((str(tmp_path / "second"),), "second compiler 1.0")
    monkeypatch.setenv("ELMAN_CXX", f"{tmp_path / 'first'} -x c++")
    assert build.find_compiler() == build.Compiler((str(tmp_path / "first"), "-x", "c++"), "first compiler 1.0")


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("In file included from a\na.cpp:3:1: error: this\na.cpp:4:1: error: that\n", "a.cpp:3:1: error: this"),
        (
            "a.cpp:1: warning: w\nx.o: undefined reference to `f'\ncollect2: error: ld\n",
            "x.o: undefined reference to `f'",
        ),
        ("killed\n", "killed"),
        ("", "it ended with code 9 and no output"),
    ],
)
def test_the_first_error_is_the_one_that_is_reported(output: str, line: str) -> None:
    assert build.first_error(output, 9) == line


@pytest.mark.parametrize(
    "name",
    [
        build.instruction_sets()[0],
        *(pytest.param(name, marks=pytest.mark.slow) for name in build.instruction_sets()[1:]),
    ],
)
def test_the_sources_compile_without_a_warning(name: str) -> None:
    compiler = build.find_compiler()
    assert isinstance(compiler, build.Compiler)
    strict = ("-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
    command = [*compiler.command, *build.flags_of(name), *strict, f"-I{NATIVE / 'csrc'}"]
    done = subprocess.run([*command, str(NATIVE / "csrc" / "kernels.cpp")], capture_output=True, text=True, timeout=100)
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_part_of_the_libraries_by_hand(small: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = small.instruction_sets()[-1]
    assert small.main(["--into", str(tmp_path / "mine"), "--only", name]) == 0
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {small.library_name(name)}
    assert name in capsys.readouterr().out
    assert not small.is_current(tmp_path / "mine")
    (small.CSRC / "one.h").write_text("#error broken\n")
    assert small.main(["--into", str(tmp_path / "mine"), "--only", name]) == 1
    assert "#error broken" in capsys.readouterr().err


def test_libraries_with_sanitizers_do_not_replace_the_others(
    small: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        small.main(["--sanitize", "address"])
    assert "--sanitize needs --into" in capsys.readouterr().err
    assert not small.COMPILED.exists()


def make_wheel(checkout: Path, **settings: str) -> tuple[str, dict[str, bytes]]:
    """The name of the wheel that setup.py makes of `checkout`, and its files."""
    shutil.rmtree(checkout / "dist", ignore_errors=True)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **settings}
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = (checkout / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        return wheel.name, {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_has_the_libraries_or_is_pure_python(small: ModuleType) -> None:
    checkout = small.CSRC.parents[4]
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, checkout)
    for folder in (checkout / "src" / "elman", checkout / "src" / "elman" / "kernels", small.CSRC.parent):
        (folder / "__init__.py").write_text("")
    inside = "elman/kernels/native/"

    name, files = make_wheel(checkout)
    assert name.startswith("elman-")
    assert "-py3-none-" in name
    assert "-any" not in name
    built = {f"{inside}compiled/{small.library_name(name)}" for name in small.instruction_sets()}
    assert {name for name in files if "/compiled/" in name} == built
    assert {f"{inside}csrc/kernels.cpp", f"{inside}csrc/one.h", f"{inside}build.py"} <= files.keys()
    (facts,) = (content for name, content in files.items() if name.endswith("/WHEEL"))
    assert b"Root-Is-Purelib: false" in facts

    name, files = make_wheel(checkout, ELMAN_CXX="no-such-compiler")
    assert name.endswith("-py3-none-any.whl")
    assert {name for name in files if "/compiled/" in name} == {f"{inside}compiled/problem.txt"}
    assert b"'no-such-compiler'" in files[f"{inside}compiled/problem.txt"]
    (facts,) = (content for name, content in files.items() if name.endswith("/WHEEL"))
    assert b"Root-Is-Purelib: true" in facts
