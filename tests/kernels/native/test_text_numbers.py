"""Numbers in text, parsed as Python parses them and rounded to float32."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.word_vectors import numbers
from elman.kernels.native import library
from elman.kernels.text_numbers import parse_numbers

pytestmark = pytest.mark.skipif(library.why_not() is not None, reason="the native engine is not built")

RANDOM = np.random.default_rng(0)
EDGES = [
    *("0", "-0", "+1", "1.", ".5", "-.5e3", "1e5", "1E+5", "1e-5", "00012", "0.000000000000000000000000000001"),
    *("9007199254740993", "0.30000000000000004", "1e22", "1e23", "123456789012345678901234567890", "1e-45", "7e-46"),
    *("3.4028235e38", "3.4028236e38", "1e39", "-1e400", "1e-400", "16777217", "0.1000000014901161193847656250001"),
    *("1e999999999999", "0e999999999999", "1.17549435e-38", "5.877e-39", "99999999999999999999e-20"),
]


def rounded(text: str) -> bytes:
    with np.errstate(over="ignore"):
        return np.float32(float(text)).tobytes()


def test_single_numbers() -> None:
    for text in EDGES:
        found = parse_numbers(text.encode(), 1)
        assert found is not None, text
        assert found.tobytes() == rounded(text), text


@pytest.mark.parametrize("form", ["repr32", "repr64", "%.6f", "%.9g", "%.17g", "bits"])
def test_many_numbers(form: str) -> None:
    values = RANDOM.normal(size=4000) * 10.0 ** RANDOM.integers(-12, 12, size=4000)
    if form == "bits":
        with np.errstate(invalid="ignore"):
            values = np.frombuffer(RANDOM.bytes(16000), "<f4").astype(np.float64)
        values = values[np.isfinite(values)]
    if form in ("repr32", "bits"):
        texts = [str(each) for each in values.astype(np.float32)]
    else:
        texts = [repr(each) if form == "repr64" else form % each for each in values.tolist()]
    found = parse_numbers(" ".join(texts).encode(), len(texts))
    assert found is not None
    assert found.tobytes() == b"".join(map(rounded, texts))
    assert numbers.parse_with_numpy(" ".join(texts).encode(), len(texts)).tobytes() == found.tobytes()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "1 a",
        "1,5",
        "1_0",
        "nan",
        "inf",
        "0x10",
        "1e",
        "1e+",
        ".",
        "-",
        "+-1",
        "1.2.3",
        "1 2 3",
        "1",
        "1 2e",
        "--1",
    ],
)
def test_texts_that_are_not_two_numbers(text: str) -> None:
    assert parse_numbers(text.encode(), 2) is None


def test_blanks_and_bytes_past_the_end() -> None:
    found = parse_numbers(b"\t 1 \r\n2  ", 2)
    assert found is not None
    assert found.tolist() == [1, 2]
    assert parse_numbers(b"1 2\0 3", 2) is None
    assert parse_numbers(b"1 2\0", 2) is None
    assert parse_numbers(b"   ", 0) is not None


def test_large_texts_are_parsed_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(text: bytes, count: int) -> None:
        raise AssertionError

    monkeypatch.setattr(numbers, "parse_with_numpy", none)
    text = b"0.5 " * (numbers._LARGE // 4)
    found = numbers.parse_numbers(text, numbers._LARGE // 4)
    assert found is not None
    assert found.sum() == numbers._LARGE // 8


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.kernels.native.library.why_not", lambda: "none")
    assert parse_numbers(b"1", 1) is None
    found = numbers.parse_numbers(b"0.5 " * (numbers._LARGE // 4), numbers._LARGE // 4)
    assert found is not None
    assert found[-1] == 0.5
