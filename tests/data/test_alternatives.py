"""Texts with alternatives in braces."""

from __future__ import annotations

import pytest

from elman.data.alternatives import sentences_of
from elman.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("a {b|c} d", ["a b d", "a c d"]),
        ("{a|b}{c|d}", ["ac", "ad", "bc", "bd"]),
        ("so {very|} tired", ["so very tired", "so tired"]),
        ("{Well,|} I go", ["Well, I go", "I go"]),
        ("I go {now|}", ["I go now", "I go"]),
        ("I go{ now|}.", ["I go now.", "I go."]),
        (r"\{x\} {a\|b|c} \\ |", [r"{x} a|b \ |", r"{x} c \ |"]),
        (r"\n {a|b}", [r"\n a", r"\n b"]),
        ("{a|}{|a}b", ["ab", "aab", "b"]),
    ],
)
def test_sentences_of_a_text(text: str, sentences: list[str]) -> None:
    assert [each.text for each in sentences_of(text)] == sentences


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no braces", "expected alternatives in braces"),
        (r"\{a|b\}", "expected alternatives in braces"),
        ("a {b", "expected } after {"),
        ("a b}", "expected { before }"),
        ("{a{b|c}|d}", "no braces inside others"),
        ("a {b}", "at least two alternatives"),
        ("a {}", "at least two alternatives"),
        ("a {b|c|b}", "every alternative once"),
    ],
)
def test_wrong_braces_are_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=f"{message}.*Received: "):
        sentences_of(text)


def test_too_many_combinations_are_refused() -> None:
    text = "{a|b} " * 11
    with pytest.raises(ConfigError, match=r"at most limit = 1,024 combinations.*Received: 2,048"):
        sentences_of(text)
    assert len(sentences_of(text, 2048)) == 2048
    with pytest.raises(ConfigError, match="limit to be a whole number"):
        sentences_of(text, 1)
