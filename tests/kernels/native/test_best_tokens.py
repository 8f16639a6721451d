"""The best tokens of a large vocabulary: against float64, and the same bits whatever other rows are in the call."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import ConfigError, KernelUnavailable, ShapeError
from elman.kernels.native import best, library
from elman.kernels.native.best import SCANS, PackedOutput, quickest_scan, why_not

from .best_tokens import check_best, product_of
from .engines import instruction_set, needs_library, one_thread

# Fixtures.
__all__ = ["instruction_set", "one_thread"]

pytestmark = needs_library

# Few and many tokens past the last whole vector, block and panel; rows of one block and of several.
SIZES = [(1, 1, 1), (5, 3, 2), (16, 16, 6), (17, 7, 13), (64, 40, 7), (129, 33, 8), (300, 129, 25), (1000, 64, 1)]

# Asks for more threads than there will be.
FEWER = """
import torch
from elman.kernels.native.best import SCANS, PackedOutput

torch.manual_seed(0)
weight_VR, bias_V, x_NR = torch.randn(500, 37), torch.zeros(500), torch.randn(29, 37)
for scan in SCANS:
    packed = PackedOutput(weight_VR, bias_V, scan)
    torch.set_num_threads(1)
    alone = packed.best(x_NR, 9, 4)
    for threads in (3, 5, 8):
        torch.set_num_threads(threads)
        for _ in range(10):
            if not all(map(torch.equal, alone, packed.best(x_NR, 9, 4))):
                raise SystemExit(f"{scan} on {threads} threads: other numbers")
"""


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.usefixtures("instruction_set", "one_thread", "nan_in_new_memory")
def test_the_best_tokens_are_those_of_a_sort(scan: str) -> None:
    for V, size, rows in SIZES:
        check_best(*product_of(V, size, rows), scan, wanted=V // 2)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 200), st.integers(1, 70), st.integers(1, 20), st.integers(1, 30), st.sampled_from(SCANS),
    st.integers(0, 2**31),
)  # fmt: skip
def test_any_sizes(V: int, size: int, rows: int, count: int, scan: str, seed: int) -> None:
    check_best(*product_of(V, size, rows, seed), scan, count=count, wanted=seed % V)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_scores_that_rise_and_fall_by_hundreds(scan: str) -> None:
    """The sum's level is raised on the way, and what is far below it counts for nothing."""
    weight_VR, _, x_NR = product_of(400, 9, 5)
    for ends in ((-500.0, 500.0), (500.0, -500.0)):
        check_best(weight_VR, torch.linspace(*ends, 400), x_NR, scan)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_scores_so_low_that_a_token_hardly_changes_them(scan: str) -> None:
    weight_VR, _, x_NR = product_of(50, 8, 3)
    for bias in (-1e33, -torch.finfo(torch.float32).max):
        found = PackedOutput(weight_VR, torch.full((50,), bias), scan).best(x_NR, 3, 0)
        assert torch.equal(found.normaliser_N, torch.full((3,), bias))


@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_rough_scores_that_are_wrong_by_hundreds() -> None:
    """The exact scores are far above the level of the rough ones."""
    weight_VR, bias_V, x_NR = product_of(3000, 64, 20)
    found = PackedOutput(weight_VR * 1e5, bias_V, "int8").best(x_NR, 5, 0)
    assert bool(found.normaliser_N.isfinite().all())
    gap_N = found.normaliser_N - found.scores_NC[:, 0]
    assert float(gap_N.abs().max()) < 1.0


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_of_equal_scores_the_lower_token_comes_first(scan: str) -> None:
    weight_VR = torch.ones(150, 4)
    found = PackedOutput(weight_VR, torch.zeros(150), scan).best(torch.ones(3, 4), 6, 0)
    assert found.tokens_NC.tolist() == [[0, 1, 2, 3, 4, 5]] * 3


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.usefixtures("one_thread")
def test_tokens_that_cannot_come_are_not_given(scan: str) -> None:
    weight_VR, bias_V, x_NR = product_of(90, 12, 7)
    bias_V[3:] = -torch.inf
    found = check_best(weight_VR, bias_V, x_NR, scan, count=5, wanted=80)
    assert bool((found.scores_NC[:, 3:] == -torch.inf).all())
    assert bool((found.wanted_N == -torch.inf).all())
    assert bool((found.tokens_NC[:, :3] < 3).all())


@pytest.mark.parametrize("scan", SCANS)
def test_a_row_is_the_same_beside_others_and_on_threads(scan: str) -> None:
    weight_VR, bias_V, x_NR = product_of(500, 37, 29)
    packed = PackedOutput(weight_VR, bias_V, scan)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        found = packed.best(x_NR, 9, 4)
        alone = [packed.best(row[None], 9, 4) for row in x_NR]
        for threads in (2, 3):
            torch.set_num_threads(threads)
            assert all(map(torch.equal, found, packed.best(x_NR, 9, 4)))
    finally:
        torch.set_num_threads(before)
    for part, others in zip(found, zip(*alone, strict=True), strict=True):
        assert torch.equal(part, torch.cat(others))


def test_fewer_threads_than_were_asked_for() -> None:
    """OpenMP gives what its limit leaves; nobody's rows may lie on another's."""
    environment = {**os.environ, "OMP_THREAD_LIMIT": "2", "OMP_DYNAMIC": "false"}
    done = subprocess.run([sys.executable, "-c", FEWER], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_a_score_that_is_no_number_is_told(scan: str, bad: float) -> None:
    weight_VR, bias_V, x_NR = product_of(200, 8, 4)
    x_NR[1, 3] = bad
    normaliser_N = PackedOutput(weight_VR, bias_V, scan).best(x_NR, 3, 0).normaliser_N
    assert normaliser_N.isfinite().tolist() == [True, False, True, True]
    weight_VR[150, 2] = bad
    x_NR[:, 2] = x_NR[:, 2].abs() + 0.1
    assert not bool(PackedOutput(weight_VR, bias_V, scan).best(x_NR, 3, 0).normaliser_N.isfinite().any())


@pytest.mark.parametrize("scan", SCANS)
def test_inputs_of_other_types_and_strides(scan: str) -> None:
    weight_VR, bias_V, x_NR = product_of(60, 10, 6)
    packed = PackedOutput(weight_VR, bias_V, scan)
    half = x_NR.bfloat16()
    assert torch.equal(packed.best(half, 4, 0).scores_NC, packed.best(half.float(), 4, 0).scores_NC)
    assert torch.equal(packed.best(x_NR.T.contiguous().T, 4, 0).tokens_NC, packed.best(x_NR, 4, 0).tokens_NC)
    assert packed.best(x_NR[:0], 4, 0).scores_NC.shape == (0, 4)


def test_rows_without_a_bias_are_left_out_and_later_changes_do_not_count() -> None:
    weight_VR, bias_V, x_NR = product_of(40, 6, 5)
    weight_VR[39] = 1e3
    for scan in SCANS:
        packed = PackedOutput(weight_VR, bias_V[:39].clone(), scan)
        found = packed.best(x_NR, 5, 0)
        assert int(found.tokens_NC.max()) < 39
        kept = weight_VR.clone()
        weight_VR.zero_()
        assert all(map(torch.equal, found, packed.best(x_NR, 5, 0)))
        weight_VR.copy_(kept)


def test_what_cannot_be_packed_or_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    weight_VR, bias_V, x_NR = product_of(20, 6, 3)
    with pytest.raises(KernelUnavailable, match="float32 weights on the CPU"):
        PackedOutput(weight_VR.double(), bias_V, "int8")
    with pytest.raises(ConfigError, match=r"expected a scan among float32, int8. Received: 'bfloat16'"):
        PackedOutput(weight_VR, bias_V, "bfloat16")
    with pytest.raises(ShapeError, match=r"of matching shapes. Received: \(20, 6\), \(21,\)"):
        PackedOutput(weight_VR, torch.zeros(21), "int8")
    packed = PackedOutput(weight_VR, bias_V, "int8")
    for x, count, wanted in ((x_NR[:, 1:], 2, 0), (x_NR, 0, 0), (x_NR, 2, 20), (x_NR[0], 2, 0)):
        with pytest.raises(ShapeError, match="expected rows of 6 numbers, a requested token below 20"):
            packed.best(x, count, wanted)
    monkeypatch.setenv("ELMAN_KERNELS", "reference")
    assert "selects the kernel 'reference'" in (why_not(weight_VR, bias_V) or "")
    with pytest.raises(KernelUnavailable, match="ELMAN_KERNELS"):
        PackedOutput(weight_VR, bias_V, "int8")


def test_the_structure_is_that_of_the_library() -> None:
    assert library.load().elman_best_sizeof() == ctypes.sizeof(best._Call)


def test_the_quickest_scan_is_one_of_them() -> None:
    assert quickest_scan() in SCANS
