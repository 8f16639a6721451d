"""The strict JSON parser: JSON by the letter, and nothing large, deep or double."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.artifact import strict_json
from elman.errors import ArtifactError

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(plain, st.booleans())
def test_plain_values_come_back(value: object, escaped: bool) -> None:
    assert strict_json(json.dumps(value, ensure_ascii=escaped).encode(), "x.json") == value


@given(st.binary(max_size=40))
def test_any_bytes_parse_or_are_refused(content: bytes) -> None:
    try:
        value = strict_json(content, "x.json")
    except ArtifactError:
        return
    assert json.loads(content) == value


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "line 1, column 1. Received: the end of the file"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6. Received: '2}'"),
        (b'{"a": {"b": 1, "b": 2}}', "the key 'b' twice"),
        (b"[NaN]", "Received: NaN"),
        (b"[-Infinity]", "Received: -Infinity"),
        (b"[1e999]", "float64"),
        (b'{"a": [0, -1e999]}', "float64"),
        (b"1" * 5_000, "shorter integers"),
        (b'["a\xff"]', "0xff at offset 3"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\uDC00": 1}', "surrogate"),
        (b"[" * 102 + b"]" * 102, "100 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "100 levels"),
        (b"[" + b"[]," * 1_000_000 + b"1]", "1000000 lists"),
        (b'{"\x1b[31m": 1}', "Received: '\\x1b"),
    ],
    ids=range(15),
)
def test_refused(refused: Callable[..., str], content: bytes, part: str) -> None:
    message = refused(lambda: strict_json(content, "x.json"))
    assert message.startswith("x.json is broken")
    assert part in message
    assert message.isprintable()


def test_a_hundred_levels_are_allowed() -> None:
    assert strict_json(b"[" * 100 + b"1" + b"]" * 100, "x.json")


def test_a_whole_surrogate_pair_is_text() -> None:
    assert strict_json(b'["\\ud83d\\ude00"]', "x.json") == ["\U0001f600"]
