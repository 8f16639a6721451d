"""Steps of word vectors against a plain implementation, and what they may not depend on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.data.word_text.sampling import make_noise
from elman.errors import KernelUnavailableError, ShapeError
from elman.kernels.native import build, library
from elman.kernels.word_vectors import Noise, Parts, WordVectorKernel, padded_table

from .word_vectors_in_numpy import Reference

V, E, RATE = 12, 21, 0.1
needs_library = pytest.mark.skipif(build.read_problem() is not None, reason=f"{build.read_problem()}")
pytestmark = needs_library

PARTS = [[word, V + word % 5, V + (3 * word) % 7] for word in range(V)]
KINDS: dict[str, dict[str, Any]] = {
    "skip-gram": {},
    "wide": {"window": 12, "negatives": 9},
    "one-negative": {"negatives": 1},
    "cbow": {"cbow": True},
    "cbow-sum": {"cbow": True, "mean": False},
    "nce": {"offset": True},
    "nce-cbow": {"offset": True, "cbow": True},
    "parts": {"parts": True},
    "parts-cbow": {"parts": True, "cbow": True},
}


def a_noise(sample: float = 0.03) -> Noise:
    return make_noise(np.arange(40, 40 - 3 * V, -3), sample=sample, exponent=0.75)


def some_text(length: int = 60) -> np.ndarray:
    words = np.random.default_rng(3).integers(0, V, length).astype(np.int32)
    words[[17, 18, 41]] = -1
    return words


def a_table(rows: int, seed: int, size: int = E) -> torch.Tensor:
    drawn = np.random.default_rng(seed).normal(0.0, 0.4, (rows, size)).astype(np.float32)
    return padded_table(rows, size).copy_(torch.from_numpy(drawn))


class Case:
    """A kernel with its tables, and the reference with the same ones."""

    def __init__(
        self,
        window: int = 4,
        negatives: int = 5,
        cbow: bool = False,
        mean: bool = True,
        offset: bool = False,
        parts: bool = False,
        size: int = E,
    ) -> None:
        rows = V + 7 if parts else V
        self.tables = [
            a_table(rows, 1, size),
            a_table(V, 2, size),
            a_table(V, 4, 1)[:, 0].contiguous() if offset else None,
        ]
        shift = np.linspace(-2.0, 0.5, V) if offset else None
        noise = a_noise()
        joined = Parts(
            np.arange(0, 3 * V + 1, 3, dtype=np.int64),
            np.array([row for each in PARTS for row in each], dtype=np.int32),
        )
        self.kernel = WordVectorKernel(
            noise,
            window=window,
            negatives=negatives,
            cbow=cbow,
            mean=mean,
            offset_V=None if shift is None else shift.astype(np.float32),
            parts=joined if parts else None,
            seed=77,
        )
        wide = [None if table is None else table.numpy().astype(np.float64) for table in self.tables]
        self.reference = Reference(
            noise,
            window,
            negatives,
            cbow,
            *wide,
            offset=None if shift is None else shift.astype(np.float32).astype(np.float64),
            mean=mean,
            parts=PARTS if parts else None,
        )

    def run(self, starts: list[int], mode: str = "repeatable", **options: Any) -> Any:
        options = {"step": 5, "rate": RATE} | options
        return self.kernel.run(some_text(), np.array(starts, dtype=np.int64), *self.tables, mode=mode, **options)

    def numbers(self) -> list[np.ndarray]:
        return [table.numpy().copy() for table in self.tables if table is not None]


@pytest.mark.parametrize("starts", [[0, 60], [0, 13, 40, 60]], ids=["one piece", "three pieces"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_step_is_that_of_a_plain_implementation(kind: str, starts: list[int]) -> None:
    case = Case(**KINDS[kind])
    reference = case.reference
    measured = case.run(starts, "measure")
    found = case.run(starts, threads=2)
    reference.run(some_text().tolist(), starts, seed=77, step=5, rate=RATE)
    assert found.pairs_N.sum() == reference.pairs > 50
    assert found.noises_N.sum() == reference.noises
    assert np.isclose(found.losses_N.sum(), reference.loss, rtol=1e-5)
    own = [reference.input, reference.output, *([] if reference.bias is None else [reference.bias])]
    for table, expected in zip(case.numbers(), own, strict=True):
        assert np.allclose(table, expected, atol=2e-5)
    assert (measured.pairs_N == found.pairs_N).all()


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_measurement_changes_nothing_and_ranks_the_words(kind: str) -> None:
    case = Case(**KINDS[kind])
    before, starts = case.numbers(), [0, 60]
    found = case.run(starts, "measure")
    assert all((one == other).all() for one, other in zip(before, case.numbers(), strict=True))
    case.reference.run(some_text().tolist(), starts, seed=77, step=5, rate=0.0)
    assert np.isclose(found.losses_N.sum(), case.reference.loss, rtol=1e-5)
    assert np.isclose(found.ranked_N.sum(), case.reference.right)
    assert 0.0 < found.ranked_N.sum() < found.noises_N.sum()


@pytest.mark.parametrize("kind", ["skip-gram", "cbow", "nce"])
def test_results_do_not_depend_on_the_number_of_threads(kind: str) -> None:
    starts = [0, 9, 20, 31, 31, 44, 60]
    found = []
    for threads in (1, 2, 3, 6):
        case = Case(**KINDS[kind])
        for step in range(5):
            case.run(starts, threads=threads, step=step)
        found.append(case.numbers())
    assert all((one == other).all() for each in found[1:] for one, other in zip(found[0], each, strict=True))


def test_shared_weights_of_one_thread_are_those_of_one_piece() -> None:
    one, other = Case(), Case()
    one.run([0, 60])
    other.run([0, 60], "shared", threads=1)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(one.numbers(), other.numbers(), strict=True))


def test_other_steps_and_seeds_draw_other_numbers() -> None:
    found = []
    for options in ({}, {"step": 6}, {"seed": 78}):
        case = Case()
        case.run([0, 60], **options)
        found.append(case.numbers()[0])
    assert not (found[0] == found[1]).all()
    assert not (found[0] == found[2]).all()


def test_words_are_kept_and_noise_is_drawn_as_often_as_it_should_be() -> None:
    """Frequencies of many drawings, by the chi-squared statistic against its 99.99 % quantile."""
    counts = np.array([5000, 900, 300, 120, 60, 20])
    noise = make_noise(counts, sample=1e-2, exponent=0.75)
    ratio = 1e-2 * counts.sum() / counts
    keep = np.minimum(1.0, np.sqrt(ratio) + ratio)  # word2vec: (sqrt(f / s) + 1) * s / f
    kernel = WordVectorKernel(noise, window=1, negatives=1, cbow=False, seed=9)
    tables = [padded_table(6, 1), padded_table(6, 1)]
    for word in (0, 2):
        text = np.full(40_000, word, dtype=np.int32)
        sums = kernel.run(text, np.array([0, len(text)]), *tables, mode="measure", step=word)
        expected, spread = len(text) * keep[word], np.sqrt(len(text) * keep[word] * (1.0 - keep[word]))
        assert abs(sums.words_N[0] - expected) < 4.0 * spread + 1.0
    share, other = noise.share_V / 2.0**32, noise.other_V
    drawn = np.zeros(6)
    for place in range(6):
        drawn[place] += share[place] / 6.0
        drawn[other[place]] += (1.0 - share[place]) / 6.0
    assert np.allclose(drawn, counts**0.75 / (counts**0.75).sum(), atol=1e-8)


def test_drawn_noise_moves_words_as_often_as_it_should() -> None:
    """A single pair with noise in each of many calls; the word that moved is the one that was drawn."""
    counts = np.array([500, 200, 100, 50, 20, 2])
    noise = make_noise(counts, sample=0.0, exponent=0.75)
    kernel = WordVectorKernel(noise, window=1, negatives=1, cbow=True, seed=3)
    found = np.zeros(6)
    for step in range(4000):
        tables = [padded_table(6, 1).fill_(1.0), padded_table(6, 1)]
        # The only word with a context at position 0 is word 5; its noise is whatever moved down.
        kernel.run(np.array([5, 5], dtype=np.int32), np.array([0, 2]), *tables, mode="shared", step=step, rate=1.0)
        found -= np.minimum(tables[1][:, 0].numpy(), 0.0) * 2.0
    expected = counts**0.75 / (counts**0.75).sum()
    expected = expected[:5] / expected[:5].sum()
    statistic = (((found[:5] / found[:5].sum() - expected) ** 2) / expected).sum() * found[:5].sum() / 2
    assert statistic < 25.7  # chi-squared with 4 degrees of freedom, 99.99 % is 23.5


@pytest.mark.parametrize("name", build.instruction_sets())
def test_every_instruction_set_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ.get("ELMAN_NATIVE_LIBRARIES", build.COMPILED))
    if not (folder / build.library_name(name)).is_file():
        pytest.skip(f"{name} is not built")
    expected = Case(size=100)
    expected.run([0, 30, 60])
    monkeypatch.setenv("ELMAN_KERNELS", name)
    try:
        case = Case(size=100)
    except KernelUnavailableError:
        pytest.skip(f"this CPU does not run {name}")
    case.run([0, 30, 60])
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(case.numbers(), expected.numbers(), strict=True))


def test_tables_and_texts_that_do_not_fit_are_refused() -> None:
    case = Case()
    good = np.array([0, 60], dtype=np.int64)
    with pytest.raises(ShapeError, match="made by padded_table"):
        case.kernel.run(some_text(), good, torch.zeros(V, E), case.tables[1], mode="measure", step=0)
    with pytest.raises(ShapeError, match="a table of 12 rows"):
        case.kernel.run(some_text(), good, a_table(V + 1, 0), case.tables[1], mode="measure", step=0)
    with pytest.raises(ShapeError, match="expected words below 12"):
        case.kernel.run(some_text() + V, good, *case.tables, mode="measure", step=0)
    for starts in ([0, 61], [0], [-1, 60], [10, 5]):
        with pytest.raises(ShapeError, match="rising starts"):
            case.run(starts)
    with pytest.raises(ShapeError, match="1 to 64 negatives"):
        Case(negatives=65)


def test_without_the_library_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "why_not", lambda: "it is not built")
    with pytest.raises(KernelUnavailableError, match="Received: it is not built"):
        Case()
