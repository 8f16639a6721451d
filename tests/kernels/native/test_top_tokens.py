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

from elman.errors import ConfigError, KernelUnavailableError, ShapeError
from elman.kernels.native import library, top_tokens
from elman.kernels.native.top_tokens import LOGIT_PRECISIONS, PackedOutput, fastest_logit_precision, why_not

from .engines import instruction_set, needs_library, one_thread
from .top_tokens import check_best, product_of

# Fixtures.
__all__ = ["instruction_set", "one_thread"]

pytestmark = needs_library

# Few and many tokens past the last whole vector, block and panel; rows of one block and of several.
SIZES = [(1, 1, 1), (5, 3, 2), (16, 16, 6), (17, 7, 13), (64, 40, 7), (129, 33, 8), (300, 129, 25), (1000, 64, 1)]

# Asks for more threads than there will be.
FEWER = """
import torch
from elman.kernels.native.top_tokens import LOGIT_PRECISIONS, PackedOutput

torch.manual_seed(0)
weight_VR, bias_V, x_NR = torch.randn(500, 37), torch.zeros(500), torch.randn(29, 37)
for precision in LOGIT_PRECISIONS:
    packed = PackedOutput(weight_VR, bias_V, precision)
    torch.set_num_threads(1)
    alone = packed.best(x_NR, 9, 4)
    for threads in (3, 5, 8):
        torch.set_num_threads(threads)
        for _ in range(10):
            if not all(map(torch.equal, alone, packed.best(x_NR, 9, 4))):
                raise SystemExit(f"{precision} on {threads} threads: other numbers")
"""


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
@pytest.mark.usefixtures("instruction_set", "one_thread", "nan_in_new_memory")
def test_the_best_tokens_are_those_of_a_sort(logit_precision: str) -> None:
    for V, size, rows in SIZES:
        check_best(*product_of(V, size, rows), logit_precision, wanted=V // 2)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 200), st.integers(1, 70), st.integers(1, 20), st.integers(1, 30), st.sampled_from(LOGIT_PRECISIONS),
    st.integers(0, 2**31),
)  # fmt: skip
def test_any_sizes(V: int, size: int, rows: int, count: int, logit_precision: str, seed: int) -> None:
    check_best(*product_of(V, size, rows, seed), logit_precision, count=count, wanted=seed % V)


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_scores_that_rise_and_fall_by_hundreds(logit_precision: str) -> None:
    """The sum's level is raised on the way, and what is far below it counts for nothing."""
    weight_VR, _, x_NR = product_of(400, 9, 5)
    for ends in ((-500.0, 500.0), (500.0, -500.0)):
        check_best(weight_VR, torch.linspace(*ends, 400), x_NR, logit_precision)


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_scores_so_low_that_a_token_hardly_changes_them(logit_precision: str) -> None:
    weight_VR, _, x_NR = product_of(50, 8, 3)
    for bias in (-1e33, -torch.finfo(torch.float32).max):
        found = PackedOutput(weight_VR, torch.full((50,), bias), logit_precision).best(x_NR, 3, 0)
        assert torch.equal(found.normaliser_N, torch.full((3,), bias))


@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_rough_scores_that_are_wrong_by_hundreds() -> None:
    """The exact scores are far above the level of the rough ones."""
    weight_VR, bias_V, x_NR = product_of(3000, 64, 20)
    found = PackedOutput(weight_VR * 1e5, bias_V, "int8").best(x_NR, 5, 0)
    assert bool(found.normaliser_N.isfinite().all())
    gap_N = found.normaliser_N - found.scores_NK[:, 0]
    assert float(gap_N.abs().max()) < 1.0


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_of_equal_scores_the_lower_token_comes_first(logit_precision: str) -> None:
    weight_VR = torch.ones(150, 4)
    found = PackedOutput(weight_VR, torch.zeros(150), logit_precision).best(torch.ones(3, 4), 6, 0)
    assert found.tokens_NK.tolist() == [[0, 1, 2, 3, 4, 5]] * 3


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
@pytest.mark.usefixtures("one_thread")
def test_tokens_that_cannot_come_are_not_given(logit_precision: str) -> None:
    weight_VR, bias_V, x_NR = product_of(90, 12, 7)
    bias_V[3:] = -torch.inf
    found = check_best(weight_VR, bias_V, x_NR, logit_precision, count=5, wanted=80)
    assert bool((found.scores_NK[:, 3:] == -torch.inf).all())
    assert bool((found.wanted_N == -torch.inf).all())
    assert bool((found.tokens_NK[:, :3] < 3).all())


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
def test_a_row_is_the_same_beside_others_and_on_threads(logit_precision: str) -> None:
    weight_VR, bias_V, x_NR = product_of(500, 37, 29)
    packed = PackedOutput(weight_VR, bias_V, logit_precision)
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
    """OpenMP may start fewer threads than requested; the rows of two threads must not overlap."""
    environment = {**os.environ, "OMP_THREAD_LIMIT": "2", "OMP_DYNAMIC": "false"}
    done = subprocess.run([sys.executable, "-c", FEWER], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.usefixtures("instruction_set", "one_thread")
def test_a_score_that_is_no_number_is_reported(logit_precision: str, bad: float) -> None:
    weight_VR, bias_V, x_NR = product_of(200, 8, 4)
    x_NR[1, 3] = bad
    normaliser_N = PackedOutput(weight_VR, bias_V, logit_precision).best(x_NR, 3, 0).normaliser_N
    assert normaliser_N.isfinite().tolist() == [True, False, True, True]
    weight_VR[150, 2] = bad
    x_NR[:, 2] = x_NR[:, 2].abs() + 0.1
    assert not bool(PackedOutput(weight_VR, bias_V, logit_precision).best(x_NR, 3, 0).normaliser_N.isfinite().any())


@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
def test_inputs_of_other_types_and_strides(logit_precision: str) -> None:
    weight_VR, bias_V, x_NR = product_of(60, 10, 6)
    packed = PackedOutput(weight_VR, bias_V, logit_precision)
    half = x_NR.bfloat16()
    assert torch.equal(packed.best(half, 4, 0).scores_NK, packed.best(half.float(), 4, 0).scores_NK)
    assert torch.equal(packed.best(x_NR.T.contiguous().T, 4, 0).tokens_NK, packed.best(x_NR, 4, 0).tokens_NK)
    assert packed.best(x_NR[:0], 4, 0).scores_NK.shape == (0, 4)


def test_rows_without_a_bias_are_left_out_and_later_changes_do_not_count() -> None:
    weight_VR, bias_V, x_NR = product_of(40, 6, 5)
    weight_VR[39] = 1e3
    for logit_precision in LOGIT_PRECISIONS:
        packed = PackedOutput(weight_VR, bias_V[:39].clone(), logit_precision)
        found = packed.best(x_NR, 5, 0)
        assert int(found.tokens_NK.max()) < 39
        kept = weight_VR.clone()
        weight_VR.zero_()
        assert all(map(torch.equal, found, packed.best(x_NR, 5, 0)))
        weight_VR.copy_(kept)


def test_what_cannot_be_packed_or_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    weight_VR, bias_V, x_NR = product_of(20, 6, 3)
    with pytest.raises(KernelUnavailableError, match="float32 weights on the CPU"):
        PackedOutput(weight_VR.double(), bias_V, "int8")
    with pytest.raises(ConfigError, match=r"expected a logit precision among float32, int8. Received: 'bfloat16'"):
        PackedOutput(weight_VR, bias_V, "bfloat16")
    with pytest.raises(ShapeError, match=r"of matching shapes. Received: \(20, 6\), \(21,\)"):
        PackedOutput(weight_VR, torch.zeros(21), "int8")
    packed = PackedOutput(weight_VR, bias_V, "int8")
    for x, count, wanted in ((x_NR[:, 1:], 2, 0), (x_NR, 0, 0), (x_NR, 2, 20), (x_NR[0], 2, 0)):
        with pytest.raises(ShapeError, match="expected rows of 6 numbers, a requested token below 20"):
            packed.best(x, count, wanted)
    monkeypatch.setenv("ELMAN_KERNELS", "reference")
    assert "selects the kernel 'reference'" in (why_not(weight_VR, bias_V) or "")
    with pytest.raises(KernelUnavailableError, match="ELMAN_KERNELS"):
        PackedOutput(weight_VR, bias_V, "int8")


def test_the_structure_is_that_of_the_library() -> None:
    assert library.load().elman_best_sizeof() == ctypes.sizeof(top_tokens._Call)


def test_the_quickest_scan_is_one_of_them() -> None:
    assert fastest_logit_precision() in LOGIT_PRECISIONS
