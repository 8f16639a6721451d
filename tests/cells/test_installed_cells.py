"""Cells of other installed packages: found by their registered name, and harmless where they cannot be used."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import LanguageModel, cells
from elman.cells import LSTM, Cell, available, built_in, cell_class, make, unusable
from elman.cells.discovery import GROUP
from elman.cli.show import machine_facts
from elman.errors import ArtifactError, ConfigError
from elman.nn import Stack
from elman.nn.recurrent import check_cell

from ..contract.cases import Case
from ..contract.checks import CHECKS

TOY = """
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.cells import ElementwiseCell, HiddenState
from elman.kernels import Step


class Toy(ElementwiseCell):
    name: ClassVar[str] = "toy"
    summary: ClassVar[str] = "a cell of another package"
    equations: ClassVar[str] = "h' = tanh(s (W x + U h + b))"
    paper: ClassVar[str] = "none"

    def __init__(self, input_size: int, hidden_size: int, *, scale: float = 1.0, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("h",), **options)
        self.scale = scale
        self.reset_parameters()

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        h_BH = torch.tanh(self.scale * (p_BG + u_BG))
        return Step(h_BH, HiddenState(h_BH), {"h": h_BH})


class Unnamed(Toy):
    summary = None


class Failing(Toy):
    name = "failing"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        raise OSError("no such device")


def function() -> None:
    raise AssertionError("nobody calls it")
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Registers cells by entry points as text, such as `toy="toy_cells:Toy"`; toy_cells and broken_cells exist."""
    (tmp_path / "toy_cells.py").write_text(TOY)
    (tmp_path / "broken_cells.py").write_text("raise RuntimeError('no such device')\n")
    (tmp_path / "leaving_cells.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def register(*pairs: tuple[str, str], **named: str) -> None:
        entries = EntryPoints(EntryPoint(name, value, GROUP) for name, value in (*pairs, *named.items()))
        monkeypatch.setattr("importlib.metadata.entry_points", lambda **only: entries.select(**only))

    yield register
    for name in ("toy_cells", "broken_cells", "leaving_cells"):
        sys.modules.pop(name, None)


def test_an_installed_cell_is_like_any_other(install: Install) -> None:
    install(toy="toy_cells:Toy")
    assert available().keys() - built_in().keys() == {"toy"}
    assert unusable() == []
    cell = make("toy", 3, 4, scale=0.5)
    assert type(cell) is cell_class("toy") is available()["toy"]
    assert (cell.scale, cell.name) == (0.5, "toy")
    with pytest.raises(ConfigError, match=r"Toy does not take these options.*Received: \['speed'\]"):
        make("toy", 3, 4, speed=2)
    y_BTH, _ = Stack("toy", 3, 4, layers=2)(torch.zeros(2, 5, 3))
    assert y_BTH.shape == (2, 5, 4)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_an_installed_cell_keeps_the_contract(install: Install, check: Callable[[Case, str], None]) -> None:
    install(toy="toy_cells:Toy")
    check(Case("toy", {"scale": 0.5}), "reference")


def test_the_command_line_knows_its_options(install: Install) -> None:
    install(toy="toy_cells:Toy")
    check_cell("toy", {"scale": 2.0, "bias": False})
    with pytest.raises(ConfigError, match=r"expected options of toy among scale, bias, .*Received: 'scales'"):
        check_cell("toy", {"scales": 2.0})


def test_a_cell_that_cannot_be_made_does_not_stop_elman_info(install: Install) -> None:
    install(toy="toy_cells:Toy", failing="toy_cells:Failing")
    facts = machine_facts()["kernels"]
    assert facts["failing"] == {"problem": "OSError: no such device"}
    assert facts["toy"]["kernel"] is not None


def test_nothing_is_imported_for_a_built_in_cell(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install(toy="toy_cells:Toy", broken="broken_cells:Cell")
    make("lstm", 3, 4)
    assert not {"toy_cells", "broken_cells"} & sys.modules.keys()
    make("toy", 3, 4)
    assert "broken_cells" not in sys.modules

    def fail(**only: str) -> None:
        raise AssertionError(f"entry points are looked for: {only}")

    monkeypatch.setattr("importlib.metadata.entry_points", fail)
    assert type(make("lstm", 3, 4)) is LSTM


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("broken", "broken_cells:Broken", "cannot be imported: RuntimeError: no such device"),
        ("broken", "leaving_cells:Broken", "cannot be imported: SystemExit: 3"),
        ("broken", "no_such_module_here:Broken", "cannot be imported: ModuleNotFoundError: No module named"),
        ("broken", "toy_cells:NoSuchClass", "cannot be imported: AttributeError: module 'toy_cells' has no"),
        ("broken", "toy_cells:function", "is not a concrete subclass of elman.cells.Cell"),
        ("broken", "toy_cells:ElementwiseCell", "is not a concrete subclass of elman.cells.Cell"),
        ("broken", "toy_cells:Unnamed", "lacks summary"),
        ("broken", "toy_cells:Toy", "has another name, 'toy'"),
    ],
)
def test_a_cell_that_cannot_be_used_stops_nothing(install: Install, name: str, value: str, reason: str) -> None:
    install(toy="toy_cells:Toy", **{name: value})
    assert available().keys() - built_in().keys() == {"toy"}
    make("lstm", 3, 4)
    make("toy", 3, 4)
    (sentence,) = unusable()
    assert sentence.startswith(f"the installed cell {name!r} ({value}) {reason}")
    with pytest.raises(ConfigError) as raised:
        make(name, 3, 4)
    assert str(raised.value) == f"expected a cell that can be used: {sentence}. Received: {name!r}"


def test_a_built_in_name_cannot_be_taken(install: Install) -> None:
    install(lstm="toy_cells:Toy")
    assert available() == built_in()
    assert type(make("lstm", 3, 4)) is LSTM
    assert "toy_cells" not in sys.modules
    assert unusable() == ["the installed cell 'lstm' (toy_cells:Toy) has the name of a built-in cell"]


def test_a_name_that_two_packages_register_is_nobodys(install: Install) -> None:
    install(("toy", "toy_cells:Toy"), ("toy", "broken_cells:Toy"))
    assert unusable() == ["the installed cell 'toy' (toy_cells:Toy, broken_cells:Toy) is registered more than once"]
    with pytest.raises(ConfigError, match="is registered more than once"):
        make("toy", 3, 4)


def test_an_unknown_name_is_compared_with_installed_ones(install: Install) -> None:
    install(toyish="toy_cells:Toy", toy="toy_cells:Toy", broken="broken_cells:Broken")
    with pytest.raises(ConfigError, match=r"among elman, .*, toy\. Received: 'toi'. Did you mean 'toy'\?"):
        make("toi", 3, 4)


def test_a_place_in_a_module_is_no_name(install: Install) -> None:
    install(toy="toy_cells:Toy")
    for place in ("toy_cells:Toy", "toy_cells.Toy", "torch.nn:LSTMCell"):
        with pytest.raises(ConfigError, match="expected a cell among"):
            make(place, 3, 4)


def test_a_model_names_an_installed_cell(install: Install, tmp_path: Path) -> None:
    install(toy="toy_cells:Toy")
    text = tmp_path / "text.txt"
    text.write_text("a cell of another package, " * 200)
    options: dict[str, Any] = {
        "hidden_size": 8,
        "embedding": 4,
        "batch_size": 2,
        "bptt": 8,
        "max_steps": 3,
        "threads": 1,
    }
    model = LanguageModel(cell="toy", cell_options={"scale": 0.5}, **options).fit(text, progress=False, tune=False)
    model.save(tmp_path / "model")
    opened = LanguageModel.load(tmp_path / "model")
    assert opened.evaluate(text) == model.evaluate(text)
    install()
    with pytest.raises(ArtifactError, match="expected a cell among"):
        LanguageModel.load(tmp_path / "model")


def elman_cells(tmp_path: Path, entry_points: str, *commands: str) -> subprocess.CompletedProcess[str]:
    """Run commands of `elman` in a process that finds a distribution with these entry points and module toy_cells.

    The exit code is that of the last one.
    """
    (tmp_path / "toy_cells.py").write_text(TOY)
    described = tmp_path / "toy_cells-1.0.dist-info"
    described.mkdir(exist_ok=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-cells\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(entry_points)
    (tmp_path / "commands.py").write_text(
        "import sys\n"
        "from elman.cli import main\n"
        "for command in sys.argv[1:]:\n"
        "    print(f'running {command}', file=sys.stderr, flush=True)\n"
        "    code = main(command.split())\n"
        "sys.exit(code)\n"
    )
    command = [sys.executable, str(tmp_path / "commands.py"), *commands]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_an_installed_distribution_is_listed(tmp_path: Path) -> None:
    entry_points = "[elman.cells]\ntoy = toy_cells:Toy\nbroken = toy_cells:Gone\n\n[console_scripts]\nx = toy_cells:x\n"
    asked = elman_cells(tmp_path, entry_points, "cells toy", "cells broken")
    assert asked.returncode == 2
    assert "expected a cell that can be used: the installed cell 'broken'" in asked.stderr
    assert asked.stderr.startswith("running cells toy\nrunning cells broken\n")
    said = elman_cells(tmp_path, entry_points, "cells")
    assert said.returncode == 0
    assert "toy: a cell of another package" in said.stdout
    assert "options: scale=1.0, bias=true" in said.stdout
    heading = "running cells\nelman: the installed cell 'broken' (toy_cells:Gone) cannot be imported:"
    assert said.stderr.startswith(heading)


def test_every_public_name_of_a_cells_module_is_found() -> None:
    assert {cell.__name__ for cell in built_in().values()} <= set(dir(cells))
    for cell in built_in().values():
        assert getattr(cells, cell.__name__) is cell
    assert set(cells.__all__) <= set(dir(cells))
    assert issubclass(cells.GRUResetBefore, Cell)
    with pytest.raises(AttributeError, match="no attribute 'LSTN'"):
        cells.LSTN  # noqa: B018
