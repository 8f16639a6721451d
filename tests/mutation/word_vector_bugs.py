"""Bugs to plant in the kernel of word vectors; a step of a plain implementation must notice each of them."""

from __future__ import annotations

import numpy as np

from ..contract.cases import Case
from ..kernels.native import test_word_vectors as word_vectors
from .bug import ELMAN
from .native_bugs import DriverBug

__all__ = ["WORD_VECTOR_BUGS"]

FILE = "word_vectors.h"


def check_steps(case: Case, kernel: str) -> None:
    """Two steps of every kind, in three pieces, are those of the plain implementation."""
    del case, kernel
    starts, text = [0, 13, 40, 60], word_vectors.some_text().tolist()
    for options in word_vectors.KINDS.values():
        made = word_vectors.Case(**options)
        for step in range(2):
            made.run(starts, threads=1, step=step)
            made.reference.run(text, starts, seed=77, step=step, rate=word_vectors.RATE)
        own = [made.reference.input, made.reference.output]
        for table, expected in zip(made.numbers()[:2], own, strict=True):
            assert np.allclose(table, expected, atol=1e-4)


def bug(what: str, right: str, wrong: str) -> DriverBug:
    return DriverBug(what, FILE, right, wrong, check_steps, ELMAN)


WORD_VECTOR_BUGS = [
    bug("the true word is noise too", "word != targets[0]", "true"),
    bug("the changes of pieces are summed, however many they are", "way(all, rate) / ways", "1.0f"),
    bug("CBOW reads the sum of the context", "1.0f / (float)rows", "1.0f"),
    bug("windows end at the word", "at + reach >= count ? count - 1 : at + reach", "at"),
    bug("a row that is drawn twice keeps one of its changes", "simd::load(target[n] + k) + dt[n]", "t[n] + dt[n]"),
    bug(
        "noise-contrastive estimation has the scores of negative sampling",
        "call.offset ? call.offset[word] : 0.0f",
        "0.0f",
    ),
    bug("all words are kept", "(uint32_t)(random.next() >> 32) <= call.keep[word]", "random.next() != 1"),
]
