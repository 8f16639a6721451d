"""The functions of csrc/vector.h and vector_rare.h on every instruction set, against wider numbers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from .compiled import INSTRUCTION_SETS, aligned, library_of, needs_compiler

pytestmark = needs_compiler

WIDE = np.longdouble
DTYPES = {"f32": np.float32, "f64": np.float64}


class Judge(NamedTuple):
    """A function's C++ expression of `x`, the same in wider numbers, and how far off it may be.

    ulps           units in the last place of the result, for float and double
    absolute       an error that is always allowed, for float and double
    low, high      where it is judged; special values are always tried
    """

    expression: str
    wide: Callable[[Any], Any]
    ulps: tuple[float, float]
    absolute: tuple[float, float] = (0.0, 0.0)
    low: float = -20.0
    high: float = 20.0
    # More units for a double, times the logarithm of the result.
    ulps_by_log: float = 0.0


def _softplus(x: Any) -> Any:
    return np.where(x > 0, x, 0) + np.log1p(np.exp(-abs(x)))


def _erf(x: Any) -> Any:
    return torch.erf(torch.from_numpy(x.astype(np.float64))).numpy().astype(WIDE)


TINY = (1e-7, 3e-16)
JUDGES = {
    "exp": Judge("exp(x)", np.exp, (2, 2), low=-120, high=100),
    "expm1": Judge("expm1(x)", np.expm1, (2.5, 2.5), low=-50, high=80),
    "log": Judge("log(x)", np.log, (2, 2), low=0, high=1e6),
    "log1p": Judge("log1p(x)", np.log1p, (2, 2), low=-1, high=10),
    "sigmoid": Judge("sigmoid(x)", lambda x: 1 / (1 + np.exp(-x)), (0, 2), (1.05e-7, 3e-16), low=-30, high=30),
    "tanh": Judge("tanh(x)", np.tanh, (5.5, 3), low=-12, high=12),
    "softplus": Judge("softplus(x)", _softplus, (3.5, 3.5), low=-60, high=60),
    "relu": Judge("relu(x)", lambda x: np.where(x < 0, 0, x), (0, 0)),
    "square_root": Judge("square_root(x)", np.sqrt, (0.51, 0.51), low=0, high=100),
    "absolute": Judge("absolute(x)", np.abs, (0, 0)),
    "erf": Judge("erf(x)", _erf, (4, 8), TINY, low=-7, high=7),
    "sin": Judge("sin(x)", np.sin, (3, 3), TINY, low=-100, high=100),
    "cos": Judge("cos(x)", np.cos, (3, 3), TINY, low=-100, high=100),
    "far_sin": Judge("sin(x)", np.sin, (4, 4), TINY, low=-2e4, high=2e4),
    "root": Judge(
        "power(x, broadcast<V>(0.375))", lambda x: np.power(x, WIDE(0.375)), (1, 2), low=0, high=100, ulps_by_log=2
    ),
    "cube": Judge(
        "power(x, broadcast<V>(-3))", lambda x: np.power(x, WIDE(-3)), (1, 2), low=-10, high=10, ulps_by_log=2
    ),
    "lower_of": Judge("minimum(x, broadcast<V>(2))", lambda x: np.minimum(x, WIDE(2)), (0, 0)),
    "higher_of": Judge("maximum(broadcast<V>(2), x)", lambda x: np.maximum(x, WIDE(2)), (0, 0)),
}


def _source() -> str:
    lines = ['#include "export.h"', '#include "vector_rare.h"', "using namespace simd;"]
    for name, judge in JUDGES.items():
        for suffix, number in (("f32", "float"), ("f64", "double")):
            lines += [
                f"ELMAN_API void {name}_{suffix}(int64_t n, const {number} *from, {number} *to) {{",
                f"    typedef Vector<{number}> V;",
                f"    for (int64_t k = 0; k < n; k += lanes<{number}>) {{",
                "        const V x = load(from + k);",
                f"        store(to + k, {judge.expression});",
                "    }",
                "}",
            ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", params=INSTRUCTION_SETS)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return library_of(_source(), request.param, tmp_path_factory.mktemp("vector"))


def apply(library: ctypes.CDLL, name: str, suffix: str, x: np.ndarray) -> np.ndarray:
    """A function's results for `x`, whose length is a multiple of 16."""
    source, target = aligned(x.shape, DTYPES[suffix]), aligned(x.shape, DTYPES[suffix])
    source[...] = x
    call = getattr(library, f"{name}_{suffix}")
    call.restype = None
    call(ctypes.c_int64(x.size), source.ctypes.data_as(ctypes.c_void_p), target.ctypes.data_as(ctypes.c_void_p))
    return target


def special_values(dtype: Any) -> np.ndarray:
    """What goes wrong first: the ends of the range, signs of zero, denormals, NaN."""
    about = np.finfo(dtype)
    sizes = [0, about.smallest_subnormal, about.tiny, about.eps, 0.5, 1, 2, 9.02, 88.7, 710, 1e4, about.max, np.inf]
    values = np.array([*sizes, *(-size for size in sizes), np.nan], dtype)
    return np.concatenate([values, np.ones(-values.size % 16, dtype)])


def points(judge: Judge, dtype: Any) -> np.ndarray:
    """Evenly spread arguments, and small ones of all sizes, down to denormals."""
    rng = np.random.default_rng(0)
    even = rng.uniform(judge.low, judge.high, 1 << 16)
    smallest = np.log10(np.finfo(dtype).smallest_subnormal)
    small = 10.0 ** rng.uniform(smallest, 0, 1 << 14) * rng.choice([-1, 1], 1 << 14)
    return np.concatenate([even, np.clip(small, judge.low, judge.high)]).astype(dtype)


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", JUDGES)
def test_a_function_is_as_exact_as_it_says(library: ctypes.CDLL, name: str, suffix: str) -> None:
    judge, dtype = JUDGES[name], DTYPES[suffix]
    x = points(judge, dtype)
    with np.errstate(all="ignore"):
        expected = judge.wide(x.astype(WIDE))
        narrow = expected.astype(dtype)
        received = apply(library, name, suffix, x)
        finite = np.isfinite(narrow)
        error = np.abs(received[finite].astype(WIDE) - expected[finite])
        unit = np.spacing(np.abs(narrow[finite])).astype(WIDE)
    assert np.array_equal(received[~finite], narrow[~finite], equal_nan=True)
    wide = suffix == "f64"
    with np.errstate(divide="ignore"):
        further = judge.ulps_by_log * np.abs(np.log(np.abs(narrow[finite]))) if wide and judge.ulps_by_log else 0.0
    allowed = np.maximum((judge.ulps[wide] + further) * unit, judge.absolute[wide])
    worst = int(np.argmax(error - allowed))
    assert (error <= allowed).all(), (x[finite][worst], received[finite][worst], expected[finite][worst])


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", JUDGES)
def test_special_values_give_their_limits(library: ctypes.CDLL, name: str, suffix: str) -> None:
    dtype = DTYPES[suffix]
    x = special_values(dtype)
    with np.errstate(all="ignore"):
        expected = JUDGES[name].wide(x.astype(WIDE)).astype(dtype)
        received = apply(library, name, suffix, x)
        settled = np.isnan(expected) | np.isinf(expected) | (expected == 0) | (np.abs(expected) == 1)
    exact = np.where(settled, expected, 0)
    # Results that are no limits are judged by the test above; here they must only be finite.
    assert np.isfinite(received[~settled]).all(), (x[~settled], received[~settled])
    tolerance = 2e-7 if suffix == "f32" else 4e-16
    np.testing.assert_allclose(received[settled], exact[settled], rtol=tolerance, atol=1e-38)


@pytest.mark.parametrize("suffix", DTYPES)
def test_gates_never_leave_their_range(library: ctypes.CDLL, suffix: str) -> None:
    """1 - y * y and log(y) of a gate must have their sign."""
    x = np.linspace(-40, 40, 1 << 18).astype(DTYPES[suffix])
    gate, candidate = apply(library, "sigmoid", suffix, x), apply(library, "tanh", suffix, x)
    assert gate.min() >= 0
    assert gate.max() == 1
    assert candidate.min() == -1
    assert candidate.max() == 1


def test_equal_places_get_equal_numbers(library: ctypes.CDLL) -> None:
    """A number's result does not depend on its lane."""
    x = np.repeat(np.linspace(-5, 5, 64), 16)
    for name in ("sigmoid", "tanh", "exp", "log", "softplus"):
        result = apply(library, name, "f32", np.abs(x)).reshape(64, 16)
        assert (result == result[:, :1]).all()
