"""The same layers on every instruction set that this CPU has and that is compiled."""

from __future__ import annotations

import pytest
import torch

from elman.errors import KernelUnavailableError
from elman.kernels import Lookup
from elman.kernels.native import build, library

from .layers import Run, assert_equal_to_reference, cell_of, mask_of, needs_library, random, start_of

pytestmark = [needs_library, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(params=build.instruction_sets())
def instruction_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Forced by the environment, as a user does it."""
    monkeypatch.setenv("ELMAN_KERNELS", request.param)
    try:
        assert library.instruction_set() == request.param
    except KernelUnavailableError as reason:
        pytest.skip(str(reason))
    return str(request.param)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", ["elman", "elman-relu", "gru", "lstm", "lstm-both", "mingru"])
@pytest.mark.usefixtures("instruction_set")
def test_numbers_of_every_instruction_set(name: str, dtype: torch.dtype) -> None:
    """Sizes with few and many numbers past the last whole vector, panel and block."""
    for I_SIZE, H in ((3, 5), (9, 17), (16, 16), (17, 40), (70, 66)):
        cell = cell_of(name, I_SIZE, H, dtype)
        mask_BH = None if name == "mingru" else mask_of(cell, 5)
        start, lengths_B = start_of(cell, 5), torch.tensor([4, 6, 0, 1, 6])
        assert_equal_to_reference(cell, Run(random(5, 6, I_SIZE), None, start))
        assert_equal_to_reference(cell, Run(random(5, 6, I_SIZE), lengths_B, start, mask_BH, reverse=True))
        tokens_BT = torch.arange(30).reshape(5, 6) % 4
        assert_equal_to_reference(cell, Run(Lookup(tokens_BT, random(4, I_SIZE)), lengths_B, start))


def test_the_lowest_one_runs_here() -> None:
    """Else nothing above could be believed: a skip would look like a pass."""
    assert build.instruction_sets()[-1] in library._built(library._folder())
