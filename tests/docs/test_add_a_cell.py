"""CONTRIBUTING's worked example is dropped in as it says: found by name, held to the contract, trained."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from elman import LanguageModel, cells, kernels

from ..contract import textbook
from ..contract.cases import Case, build, can_run
from ..contract.checks import CHECKS
from .pages import ROOT, blocks_of, run_elman, shell_lines, small_command

PAGE = ROOT / "CONTRIBUTING.md"
VARIANTS = ({}, {"bias": False}, {"learn_initial_state": True})


@pytest.fixture
def mgu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's file in a folder that belongs to `elman.cells` during the test; its equations in the textbook."""
    cell, equations = (block.content for block in blocks_of(PAGE) if block.language == "python")
    (tmp_path / "more_cells").mkdir()
    (tmp_path / "more_cells" / "mgu.py").write_text(cell)
    monkeypatch.setattr(cells, "__path__", [*cells.__path__, str(tmp_path / "more_cells")])
    monkeypatch.setattr(textbook, "TEXTBOOK", textbook.TEXTBOOK)  # the very dict: its new entry is removed below
    exec(compile(equations, PAGE.name, "exec"), {**vars(textbook)})
    yield
    textbook.TEXTBOOK.pop("mgu")
    sys.modules.pop("elman.cells.mgu")
    vars(cells).pop("mgu", None)


def test_the_example_keeps_the_contract(mgu: None) -> None:
    assert list(cells.available()) == sorted([*cells.available()])
    assert cells.available()["mgu"] is cells.MGU
    ran = 0
    for options in VARIANTS:
        case = Case("mgu", options)
        for kernel in kernels.BACKENDS:
            if can_run(case, kernel, ragged=True):
                for check in CHECKS:
                    check(case, kernel)
                    ran += 1
    assert ran == 2 * len(VARIANTS) * len(CHECKS)  # the reference loop runs it, and the native engine


def test_the_judge_would_see_a_wrong_example(mgu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("mgu", {})
    made = type(build(case))
    right = made.update
    monkeypatch.setattr(made, "update", lambda self, p, u, state: right(self, p.roll(1, -1), u, state))
    with pytest.raises(AssertionError):
        CHECKS[0](case, "reference")


def test_the_example_learns(mgu: None, workplace: Path) -> None:
    torch.manual_seed(0)
    lm = LanguageModel(
        cell="mgu", hidden_size=16, embedding=8, batch_size=4, bptt=16, max_steps=150, learning_rate=0.02, threads=1
    ).fit("book.txt", progress=False, tune=False)
    assert lm.metrics["valid"]["loss"] < 3.4  # about 4.2 before training
    lines = [line for block in blocks_of(PAGE) if block.language == "sh" for line in shell_lines(block)]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("elman ")]
    assert len(commands) == 2
    said = [run_elman(small_command(words)) for words in commands]
    assert "minimal gated unit" in said[0]


def test_the_example_is_as_short_as_it_says() -> None:
    cell, _ = (block.content for block in blocks_of(PAGE) if block.language == "python")
    assert len(cell.splitlines()) <= 60
