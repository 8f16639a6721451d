"""Training and measuring of word vectors by the native engine: see `native/word_vectors.py`."""

from __future__ import annotations

from elman.kernels.native.word_vectors import (
    MOST_NEGATIVES,
    Noise,
    Parts,
    Sums,
    WordVectorKernel,
    padded_table,
)

__all__ = ["MOST_NEGATIVES", "Noise", "Parts", "Sums", "WordVectorKernel", "padded_table"]
