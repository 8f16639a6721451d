"""Files of word vectors as other programs write them, made without the code under test."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt

WORDS = ["the", "king", "queen", "naïve", "日本", "New_York", "co-op"]
MATRIX: npt.NDArray[np.float32] = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)


def text_file(
    words: list[str], matrix: npt.NDArray[np.float32], *, header: bool = True, end: str = "\n", separator: str = " "
) -> bytes:
    """Lines of words and numbers, with or without word2vec's first line."""
    lines = [f"{len(words)} {matrix.shape[1]}{end}"] if header else []
    lines += [
        separator.join([word, *(repr(float(each)) for each in row)]) + end
        for word, row in zip(words, matrix, strict=True)
    ]
    return "".join(lines).encode()


def binary_file(words: list[str], matrix: npt.NDArray[np.float32], *, line_ends: bool = True) -> bytes:
    """word2vec's binary format; that of the GoogleNews vectors has no line ends after the numbers."""
    parts = [f"{len(words)} {matrix.shape[1]}\n".encode()]
    for word, row in zip(words, matrix.astype("<f4"), strict=True):
        parts.append(word.encode() + b" " + row.tobytes() + b"\n" * line_ends)
    return b"".join(parts)


FILES = {
    "word2vec.txt": text_file(WORDS, MATRIX),
    "glove.txt": text_file(WORDS, MATRIX, header=False),
    "fasttext.vec": text_file(WORDS, MATRIX, end=" \n"),
    "windows.txt": text_file(WORDS, MATRIX, end="\r\n"),
    "marked.txt": b"\xef\xbb\xbf" + text_file(WORDS, MATRIX),
    "tabs.txt": text_file(WORDS, MATRIX, separator="\t"),
    "tabs-no-header.txt": text_file(WORDS, MATRIX, separator="\t", header=False),
    "blank-end.txt": text_file(WORDS, MATRIX) + b"\n\n",
    "no-end.txt": text_file(WORDS, MATRIX)[:-1],
    "binary.bin": binary_file(WORDS, MATRIX),
    "google.bin": binary_file(WORDS, MATRIX, line_ends=False),
}
FILES |= {f"{name}.gz": gzip.compress(FILES[name]) for name in ("word2vec.txt", "glove.txt", "fasttext.vec")}
FILES |= {f"{name}.gz": gzip.compress(FILES[name]) for name in ("binary.bin", "google.bin")}
FILES["packed-without-suffix"] = FILES["google.bin.gz"]


def written(folder: Path, content: str | bytes, name: str = "vectors.txt") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
