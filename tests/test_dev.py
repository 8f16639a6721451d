"""The `./dev` script: its messages, its stamp, and the commands it puts together. Nothing here installs anything."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "dev"


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    loader = SourceFileLoader("dev_script", str(SCRIPT))
    spec = importlib.util.spec_from_loader("dev_script", loader)
    if spec is None:
        pytest.fail("the script could not be loaded")
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = written
    return module


def run_dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    # -S -E: no installed packages, so that an import from outside the standard library would be noticed.
    command = [sys.executable, "-S", "-E", str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("# pins\ntorch==2.13.0\n")
    return tmp_path


def test_the_script_can_be_executed_and_speaks_python_3_11() -> None:
    assert os.access(SCRIPT, os.X_OK)
    source = SCRIPT.read_text(encoding="utf-8")
    assert source.startswith("#!/usr/bin/env python3\n")
    ast.parse(source, feature_version=(3, 11))


def test_the_script_imports_the_standard_library_only() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert "subprocess" in imported
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("arguments", [(), ("help",), ("--help",), ("-h",)])
def test_help_names_every_command(dev: ModuleType, arguments: tuple[str, ...]) -> None:
    done = run_dev(*arguments)
    assert done.returncode == 0
    assert done.stderr == ""
    shown = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert shown == {name for name in dev.COMMANDS if not name.startswith("-")}


@pytest.mark.parametrize(("wrong", "right"), [("tset", "test"), ("lnt", "lint"), ("benchmark", "bench")])
def test_an_unknown_command_suggests_the_right_one(wrong: str, right: str) -> None:
    done = run_dev(wrong)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"did you mean '{right}'?" in done.stderr
    assert done.stderr.rstrip().endswith(f"Received: '{wrong}'")


def test_a_hopeless_command_lists_all() -> None:
    done = run_dev("zzzzzz")
    assert done.returncode == 2
    assert "demo, test, lint" in done.stderr


def test_an_old_python_is_refused_with_its_version(dev: ModuleType) -> None:
    assert dev.old_python_message((3, 11, 0)) is None
    assert dev.old_python_message((4, 0, 0)) is None
    message = dev.old_python_message((3, 10, 14))
    assert "3.11" in message
    assert message.endswith("Received: Python 3.10.14")


@pytest.mark.parametrize("command", ["lint", "fix", "sanitize", "docs", "shell"])
def test_commands_without_arguments_refuse_them_before_installing(dev: ModuleType, command: str) -> None:
    with pytest.raises(dev.Problem, match="takes no arguments"):
        dev.COMMANDS[command](["surplus"])


def test_a_stamp_survives_being_written_and_read(dev: ModuleType, checkout: Path) -> None:
    stamp = dev.wanted_stamp(checkout, "3.11.7", frozenset({"dev", "docs"}))
    path = checkout / "stamp.json"
    path.write_text(stamp.to_json())
    assert dev.read_stamp(path) == stamp


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"root": 1, "python": 2, "digest": 3, "extras": null}'])
def test_a_broken_stamp_counts_as_none(dev: ModuleType, tmp_path: Path, content: str) -> None:
    path = tmp_path / "stamp.json"
    assert dev.read_stamp(path) is None
    path.write_text(content)
    assert dev.read_stamp(path) is None


def test_a_larger_installation_serves_a_smaller_wish_and_not_the_other_way(dev: ModuleType, checkout: Path) -> None:
    plain = dev.wanted_stamp(checkout, "3.11.7", frozenset())
    full = dev.wanted_stamp(checkout, "3.11.7", frozenset({"dev"}))
    assert dev.is_current(full, full)
    assert dev.is_current(full, plain)
    assert not dev.is_current(plain, full)
    assert not dev.is_current(None, plain)


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_makes_the_stamp_old(dev: ModuleType, checkout: Path, name: str) -> None:
    before = dev.wanted_stamp(checkout, "3.11.7", frozenset())
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    assert not dev.is_current(before, dev.wanted_stamp(checkout, "3.11.7", frozenset()))


def test_another_python_or_folder_makes_the_stamp_old(dev: ModuleType, checkout: Path) -> None:
    wanted = dev.wanted_stamp(checkout, "3.11.7", frozenset())
    assert not dev.is_current(wanted._replace(python="3.12.1"), wanted)
    assert not dev.is_current(wanted._replace(root="elsewhere"), wanted)


def test_the_environment_names_its_python_unless_that_is_gone(dev: ModuleType, tmp_path: Path) -> None:
    assert dev.environment_python(tmp_path) is None
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    python.symlink_to(sys.executable)
    assert dev.environment_python(tmp_path) is None
    (tmp_path / "pyvenv.cfg").write_text("home = somewhere\nversion = 3.11.7\n")
    assert dev.environment_python(tmp_path) == "3.11.7"
    python.unlink()
    python.symlink_to(tmp_path / "removed")
    assert dev.environment_python(tmp_path) is None


class Installer:
    """Stands in for pip: notes what would be installed, and fails on request."""

    def __init__(self, dev: ModuleType, root: Path) -> None:
        self.problem = dev.Problem
        self.root = root
        self.targets: list[str] = []
        self.fail_at: str | None = None

    def __call__(self, what: str, command: list[str]) -> None:
        if "venv" in command:
            (self.root / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
            python = self.root / ".venv" / "bin" / "python"
            python.unlink(missing_ok=True)
            python.symlink_to(sys.executable)
            (self.root / ".venv" / "pyvenv.cfg").write_text("version = 3.11.7\n")
            self.targets.append("venv")
            return
        target = command[command.index("-e") + 1] if "-e" in command else command[-1]
        self.targets.append(target)
        if target == self.fail_at:
            raise self.problem("failed", exit_code=1)


@pytest.fixture
def installer(dev: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    venv = checkout / ".venv"
    monkeypatch.setattr(dev, "ROOT", checkout)
    monkeypatch.setattr(dev, "VENV", venv)
    monkeypatch.setattr(dev, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(dev, "STAMP", venv / "stamp.json")
    stand_in = Installer(dev, checkout)
    monkeypatch.setattr(dev, "run_quietly", stand_in)
    return stand_in


def test_torch_comes_first_and_a_second_call_does_nothing(dev: ModuleType, installer: Installer) -> None:
    dev.ensure_environment("dev")
    assert installer.targets == ["venv", "torch==2.13.0", ".[dev]"]
    dev.ensure_environment("dev")
    dev.ensure_environment()
    assert len(installer.targets) == 3


def test_a_further_extra_keeps_the_earlier_ones(dev: ModuleType, installer: Installer) -> None:
    dev.ensure_environment("dev")
    dev.ensure_environment("docs")
    assert installer.targets[-1] == ".[dev,docs]"
    assert dev.up_to_date(frozenset({"dev", "docs"}))


def test_an_installation_that_failed_is_tried_again(dev: ModuleType, installer: Installer) -> None:
    dev.ensure_environment("dev")
    (installer.root / "pyproject.toml").write_text("[project]\n# other\n")
    installer.fail_at = ".[dev]"
    with pytest.raises(dev.Problem):
        dev.ensure_environment("dev")
    assert dev.read_stamp(dev.STAMP) is None
    installer.fail_at = None
    installer.targets.clear()
    dev.ensure_environment("dev")
    assert installer.targets == ["torch==2.13.0", ".[dev]"]
    assert dev.up_to_date(frozenset({"dev"}))


def test_a_moved_environment_is_made_again(dev: ModuleType, installer: Installer) -> None:
    dev.ensure_environment("dev")
    stamp = dev.read_stamp(dev.STAMP)
    dev.STAMP.write_text(stamp._replace(root="where it was before").to_json())
    installer.targets.clear()
    dev.ensure_environment()
    assert installer.targets == ["venv", "torch==2.13.0", "."]


def test_the_pin_of_torch_is_required(dev: ModuleType) -> None:
    assert dev.pinned("# torch==1\n\n torch==2.13.0 \n", "torch") == "torch==2.13.0"
    with pytest.raises(dev.Problem, match="to pin torch"):
        dev.pinned("torchvision==1\ntorch>=2\n", "torch")
    assert dev.pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"), "torch").startswith("torch==")


def test_a_failed_installation_shows_its_output(dev: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    script = "import sys; print('the reason'); sys.exit(3)"
    with pytest.raises(dev.Problem) as caught:
        dev.run_quietly("installing", [sys.executable, "-c", script])
    assert caught.value.exit_code == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "the reason" in err
    dev.run_quietly("installing", [sys.executable, "-c", "print('chatter')"])
    assert "chatter" not in capfd.readouterr().err


class NativeBuild:
    """A stub of the build script: records how often it compiles, and the result."""

    def __init__(self, sentence: str | None = None, output: str = "") -> None:
        self.problem = None if sentence is None else SimpleNamespace(sentence=sentence, output=output)
        self.current = False
        self.builds = 0

    def is_current(self) -> bool:
        return self.current

    def build(self) -> SimpleNamespace | None:
        self.builds += 1
        self.current = self.problem is None or not self.problem.output
        return self.problem


def test_the_engine_is_compiled_once_and_says_so(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    native = NativeBuild()
    monkeypatch.setattr(dev, "native_build", lambda: native)
    dev.ensure_native()
    assert "compiling the native engine ... done (" in capsys.readouterr().err
    dev.ensure_native()
    assert native.builds == 1
    assert capsys.readouterr().err == ""


def test_without_a_compiler_the_work_goes_on(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    native = NativeBuild("no C++ compiler was found")
    monkeypatch.setattr(dev, "native_build", lambda: native)
    dev.ensure_native()
    assert "elman runs without its native engine: no C++ compiler was found" in capsys.readouterr().err


def test_sources_that_do_not_compile_stop_the_work(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    native = NativeBuild("the C++ compiler failed: x.h:3: error: y", "all that it said")
    monkeypatch.setattr(dev, "native_build", lambda: native)
    for _ in range(2):
        with pytest.raises(dev.Problem, match=r"x\.h:3: error: y") as caught:
            dev.ensure_native()
        assert caught.value.exit_code == 1
        assert "all that it said" in capsys.readouterr().err
    assert native.builds == 2


def test_the_engine_is_compiled_before_anything_is_installed(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[object] = []
    monkeypatch.setattr(dev, "ensure_native", lambda: order.append("engine"))
    monkeypatch.setattr(dev, "ensure_environment", lambda *extras: order.append(extras))
    dev.prepare("dev")
    assert order == ["engine", ("dev",)]


def test_the_script_that_compiles_needs_no_package(dev: ModuleType) -> None:
    native = dev.native_build()
    assert native.CSRC == ROOT / "src" / "elman" / "kernels" / "native" / "csrc"
    assert isinstance(native.is_current(), bool)


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        ([], True),
        (["-q", "-x", "--color=no", "--no-header"], True),
        (["tests"], True),
        (["tests/test_a.py", "tests/test_b.py"], True),
        (["tests/test_a.py"], False),
        (["tests/test_a.py::test_one"], False),
        (["-n", "4"], False),
        (["-n0"], False),
        (["--numprocesses=1"], False),
        (["--pdb"], False),
        (["-p", "no:xdist"], False),
    ],
)
def test_two_workers_unless_chosen_otherwise(dev: ModuleType, arguments: list[str], workers: bool) -> None:
    command = dev.pytest_command(arguments)
    assert command[1:3] == ["-m", "pytest"]
    assert command[3:] == (["-n", "2", "--dist", "worksteal", *arguments] if workers else arguments)


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [
        ([], ("dev",)),
        (["-x", "tests/cells"], ("dev",)),
        (["--all"], ("dev", "dev-all")),
        (["-x", "--all"], ("dev", "dev-all")),
    ],
)
def test_what_only_slow_tests_need_is_installed_for_all_of_them(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: list[str], extras: tuple[str, ...]
) -> None:
    prepared: list[object] = []
    monkeypatch.setattr(dev, "prepare", lambda *extras: prepared.append(extras))
    monkeypatch.setattr(dev, "exec_in_venv", lambda command, **settings: prepared.append(command))
    dev.run_tests(arguments)
    assert prepared == [extras, dev.pytest_command(arguments)]
    assert prepared[1][-len(arguments) :] == arguments or not arguments


def test_the_extras_of_the_tests_are_those_of_the_project(dev: ModuleType) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {"dev", "dev-all"} <= extras.keys()
    assert not set(extras["dev"]) & set(extras["dev-all"])


def test_benchmarks_are_found_without_running_them(dev: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "speed.py").write_text('"""How fast.\n\nMore."""\nraise RuntimeError("must not run")\n')
    (tmp_path / "corpus.py").write_text('"""How good."""\nQUICK = False\n')
    (tmp_path / "_common.py").write_text("")
    found = dev.find_benchmarks(tmp_path)
    assert [(name, b.about, b.quick) for name, b in found.items()] == [
        ("corpus", "How good.", False),
        ("speed", "How fast.", True),
    ]


def test_an_unknown_benchmark_is_refused(dev: ModuleType) -> None:
    with pytest.raises(dev.Problem, match="no benchmark 'no such thing'"):
        dev.bench(["no such thing"])


def test_the_demo_reads_the_standard_library(dev: ModuleType) -> None:
    texts = dev.demo_texts()
    assert any(text.endswith("/argparse.py") for text in texts)
    assert texts == sorted(texts)


def test_the_demo_leaves_a_folder_of_somebody_else_alone(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo-model"
    folder.mkdir()
    (folder / "precious.txt").write_text("kept")
    monkeypatch.setattr(dev, "DEMO_FOLDER", folder)
    monkeypatch.setattr(dev, "DEMO_MARK", folder / ".made-by-dev-demo")
    monkeypatch.setattr(dev, "prepare", lambda *extras: None)
    monkeypatch.setattr(dev, "call", lambda command, **settings: pytest.fail("nothing may be started"))
    with pytest.raises(dev.Problem, match="expected no folder demo-model"):
        dev.demo([])
    assert (folder / "precious.txt").read_text() == "kept"


def test_the_demo_replaces_its_own_folder_and_shows_the_loss(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo-model"
    started = []

    def call(command: list[str], **settings: str) -> int:
        started.append(command[3])
        if command[3] == "train":
            folder.mkdir()  # fails if the old one is still there
            rows = "".join(f"{10 * i},{4 / (i + 1)}\n" for i in range(100))
            (folder / "history.csv").write_text("step,loss\n" + rows)
        return 0

    monkeypatch.setattr(dev, "DEMO_FOLDER", folder)
    monkeypatch.setattr(dev, "DEMO_MARK", folder / ".made-by-dev-demo")
    monkeypatch.setattr(dev, "prepare", lambda *extras: None)
    monkeypatch.setattr(dev, "call", call)
    assert dev.demo([]) == 0
    assert dev.demo([]) == 0
    assert started == ["train", "generate"] * 2
    shown = capsys.readouterr().out
    assert "0  4.000" in shown
    assert "990  0.040" in shown


def test_the_loss_table_is_short_and_has_both_ends(dev: ModuleType, tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text("step,loss,validation_loss,other\n" + "".join(f"{i},{i / 7},,x\n" for i in range(1, 51)))
    lines = dev.loss_table(history, rows=5).splitlines()
    assert lines[0].split() == ["step", "loss", "validation_loss"]
    assert len(lines) == 6
    assert lines[1].split() == ["1", "0.143"]
    assert lines[-1].split() == ["50", "7.143"]
    history.write_text("step,loss\n")
    assert dev.loss_table(history) == "(no history)"


def test_run_passes_on_the_exit_code_and_the_environment(dev: ModuleType) -> None:
    if not dev.up_to_date(frozenset({"dev"})) or not dev.native_build().is_current():
        pytest.skip(".venv was not made by ./dev or is out of date, and this test must not install anything")
    script = "import os, sys; print(os.environ['VIRTUAL_ENV']); sys.exit(7)"
    done = run_dev("run", "python", "-c", script)
    assert done.returncode == 7
    assert done.stdout.strip() == str(ROOT / ".venv")
    done = run_dev("run", "no-such-command-here")
    assert done.returncode == 127
    assert "Received: 'no-such-command-here'" in done.stderr
