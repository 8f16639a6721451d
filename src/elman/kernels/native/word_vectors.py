"""Steps of skip-gram and CBOW over pieces of text, compiled: see `csrc/word_vectors.h`."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from ctypes import POINTER, Structure, byref, c_double, c_int64, c_uint64, c_void_p, sizeof
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.errors import KernelUnavailableError, OutOfMemoryError, ShapeError
from elman.kernels.native import library
from elman.kernels.native.engine_abi import check_sizes

__all__ = ["MODES", "MOST_NEGATIVES", "Noise", "Parts", "Sums", "WordVectorKernel", "padded_table"]

MOST_NEGATIVES = 64
# Rows of tables are padded to a multiple of this many numbers.
_LANES = 16
MODES = ("measure", "repeatable", "shared")

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint32]
Doubles = npt.NDArray[np.float64]


class _Call(Structure):
    """`elman_word_vectors_call` of csrc/word_vectors.h; the two must change together."""

    _fields_ = (
        *((name, c_int64) for name in ("pieces", "vocabulary", "stride", "window", "negatives", "cbow", "mean")),
        *((name, c_int64) for name in ("mode", "threads")),
        ("seed", c_uint64),
        ("step", c_uint64),
        ("rate", c_double),
        *((name, c_void_p) for name in ("text", "starts", "keep", "noise_share", "noise_other", "offset")),
        *((name, c_void_p) for name in ("bias", "input", "output")),
        ("parts", c_int64),
        *((name, c_void_p) for name in ("part_starts", "part_rows", "losses", "ranked")),
        *((name, c_void_p) for name in ("pairs", "noises", "words")),
    )


class Noise(NamedTuple):
    """Which words of a text are kept, and the alias table of the words of noise.

    keep_V   a word is kept if 32 random bits are not above this
    share_V  a drawn word is taken if 32 random bits are below this, and `other_V` otherwise
    """

    keep_V: Bits
    share_V: Bits
    other_V: Words


class Parts(NamedTuple):
    """The input rows of each word: `rows[starts_V[v] : starts_V[v + 1]]`, whose mean is its vector."""

    starts: Ints
    rows: Words


class Sums(NamedTuple):
    """Sums over the pairs of each of N pieces.

    losses_N  nats
    ranked_N  pairs of a true word and one of noise of which the true one has the higher score; equal ones count half
    pairs_N   pairs of an input and a true word
    noises_N  pairs of a true word and one of noise
    words_N   words that were kept
    """

    losses_N: Doubles
    ranked_N: Doubles
    pairs_N: Ints
    noises_N: Ints
    words_N: Ints


def padded_table(rows: int, size: int, device: torch.device | str = "cpu") -> Tensor:
    """Return a table of zeros, `rows` x `size`, in memory whose rows the kernel can read."""
    stride = -(-size // _LANES) * _LANES
    return torch.zeros(rows, stride, dtype=torch.float32, device=device)[:, :size]


def _nothing() -> None:
    """There is no memory to free."""


def _address(array: Any) -> int | None:
    if array is None:
        return None
    return int(array.data_ptr() if isinstance(array, Tensor) else array.ctypes.data)


class WordVectorKernel:
    """Runs the kernel on tables of fixed sizes, whose memory it keeps between calls.

    Args:
        noise: the words that are kept, and those of noise.
        window: words on either side, of which 1 to `window` are used at a position.
        negatives: words of noise for each true word.
        cbow: predict a word from its context instead of from each word of it (skip-gram).
        mean: CBOW reads the mean of the context's vectors, not their sum.
        offset_V: what is subtracted from the scores of words; None for nothing.
        parts: the input rows of each word; None if each word has one.
        seed: seed of all random numbers.

    Raises KernelUnavailableError without the compiled library.
    """

    def __init__(
        self,
        noise: Noise,
        *,
        window: int,
        negatives: int,
        cbow: bool,
        mean: bool = True,
        offset_V: npt.NDArray[np.float32] | None = None,
        parts: Parts | None = None,
        seed: int = 0,
    ) -> None:
        problem = library.why_not()
        if problem is not None:
            raise KernelUnavailableError(
                f"expected the compiled library, which trains word vectors. Received: {problem}"
            )
        self._library: Any = library.load()
        self._library.elman_word_vectors_run.argtypes = [POINTER(_Call), c_void_p]
        self._library.elman_word_vectors_run.restype = c_int64
        self._library.elman_word_vectors_open.argtypes = [c_int64]
        self._library.elman_word_vectors_open.restype = c_void_p
        self._library.elman_word_vectors_close.argtypes = [c_void_p, c_int64]
        self._library.elman_word_vectors_close.restype = None
        self._library.elman_word_vectors_sizeof.restype = c_int64
        check_sizes([self._library.elman_word_vectors_sizeof()], [sizeof(_Call)])
        if not 1 <= negatives <= MOST_NEGATIVES or window < 1:
            raise ShapeError(
                f"expected 1 to {MOST_NEGATIVES} negatives and a window of at least 1. Received: {negatives}, {window}"
            )
        self.noise, self.offset_V, self.parts = noise, offset_V, parts
        self._options = {"window": window, "negatives": negatives, "cbow": int(cbow), "mean": int(mean), "seed": seed}
        self._memory: int | None = None
        self._closing: Callable[[], Any] = _nothing
        self._pieces = 0
        self._sizes: tuple[int, ...] = ()

    def run(
        self,
        words_T: Words,
        starts: Ints,
        input_NE: Tensor,
        output_VE: Tensor,
        bias_V: Tensor | None = None,
        *,
        mode: str,
        step: int,
        rate: float = 0.0,
        seed: int | None = None,
        threads: int | None = None,
    ) -> Sums:
        """Process the pieces `words_T[starts[i] : starts[i + 1]]`, and change the tables unless `mode` is "measure".

        words_T    the words; a negative number ends a document
        mode       "repeatable": the result does not depend on the number of threads; "shared": faster, but it depends
                   on the order in which threads change the same rows
        step       the number of the call; with the seed it determines the random numbers

        Raises ShapeError for tables that are not of `padded_table`, OutOfMemoryError.
        """
        V, pieces = len(self.noise.keep_V), len(starts) - 1
        rows = V if self.parts is None else len(input_NE)
        _check_tables(input_NE, output_VE, bias_V, rows, V)
        _check_text(words_T, starts, V)
        losses_N, ranked_N = np.zeros(pieces), np.zeros(pieces)
        sums = Sums(losses_N, ranked_N, *(np.zeros(pieces, dtype=np.int64) for _ in range(3)))
        call = _Call(
            **self._options,
            pieces=pieces,
            vocabulary=V,
            stride=input_NE.stride(0),
            mode=MODES.index(mode),
            threads=max(1, min(library.threads() if threads is None else threads, pieces)),
            step=step,
            rate=rate,
            parts=rows,
            text=_address(words_T),
            starts=_address(starts),
            keep=_address(self.noise.keep_V),
            noise_share=_address(self.noise.share_V),
            noise_other=_address(self.noise.other_V),
            offset=_address(self.offset_V),
            bias=_address(bias_V),
            input=_address(input_NE),
            output=_address(output_VE),
            part_starts=None if self.parts is None else _address(self.parts.starts),
            part_rows=None if self.parts is None else _address(self.parts.rows),
            losses=_address(sums.losses_N),
            ranked=_address(sums.ranked_N),
            pairs=_address(sums.pairs_N),
            noises=_address(sums.noises_N),
            words=_address(sums.words_N),
        )
        if seed is not None:
            call.seed = seed
        memory = self._workspace(pieces, (rows, V, input_NE.stride(0), bias_V is not None))
        if pieces and self._library.elman_word_vectors_run(byref(call), memory):
            raise OutOfMemoryError("expected enough memory for the rows that a step changes. Received: too little")
        return sums

    def _workspace(self, pieces: int, sizes: tuple[int, ...]) -> int | None:
        """Return memory of calls of so many pieces, which is kept for later ones of the same sizes."""
        if pieces > self._pieces or sizes != self._sizes:
            self._closing()
            self._pieces, self._sizes = pieces, sizes
            self._memory = self._library.elman_word_vectors_open(pieces)
            if self._memory is None:
                self._pieces, self._closing = 0, _nothing
                raise OutOfMemoryError("expected enough memory for the pieces of a step. Received: too little")
            self._closing = weakref.finalize(self, self._library.elman_word_vectors_close, self._memory, pieces)
        return self._memory


def _check_tables(input_NE: Tensor, output_VE: Tensor, bias_V: Tensor | None, rows: int, words: int) -> None:
    stride = input_NE.stride(0)
    for table, length in ((input_NE, rows), (output_VE, words)):
        usable = table.dtype == torch.float32 and table.device.type == "cpu" and table.dim() == 2
        usable = usable and table.stride() == (stride, 1) and stride % _LANES == 0 and stride - _LANES < table.shape[1]
        if not usable or len(table) != length or table.data_ptr() % (4 * _LANES):
            raise ShapeError(
                f"expected a table of {length} rows, made by padded_table. Received: shape {tuple(table.shape)}, "
                f"strides {table.stride()}, {table.dtype}"
            )
    if bias_V is not None and (bias_V.shape != (words,) or bias_V.dtype != torch.float32):
        raise ShapeError(f"expected {words} biases. Received: shape {tuple(bias_V.shape)}, {bias_V.dtype}")


def _check_text(words_T: Words, starts: Ints, words: int) -> None:
    ordered = starts.dtype == np.int64 and len(starts) > 1 and starts[0] >= 0 and bool((np.diff(starts) >= 0).all())
    if not ordered or starts[-1] > len(words_T) or words_T.dtype != np.int32 or not words_T.flags.c_contiguous:
        raise ShapeError(
            f"expected int32 words, and rising starts of pieces within them. Received: {len(words_T)} "
            f"{words_T.dtype}, starts {starts[:5].tolist()}"
        )
    if len(words_T) and int(words_T.max()) >= words:
        raise ShapeError(f"expected words below {words}. Received: {int(words_T.max())}")
