"""Tagged sequences as text, columns and CoNLL-U."""

from __future__ import annotations

from elman.data.tagged.spans import Span
from elman.data.tagged.write import TagPrediction, as_columns, as_conllu, as_facts, as_text

SPANS = TagPrediction(
    ["play", "robin", "red\x1b", "now"], ["O", "B-song", "I-song", "O"], [0.5] * 4, [Span("song", 1, 2)], "Play", 0.9
)
WORDS = TagPrediction(["the", "cat"], ["DET", "NOUN"], [0.5, 0.25], [], None, None)


def test_text_shows_spans_or_every_tag_and_no_sign_that_steers_a_terminal() -> None:
    assert as_text([SPANS], ["O", "B-song", "I-song"], False) == "Play: play [robin red\\x1b](song) now\n"
    assert as_text([WORDS], ["DET", "NOUN"], False) == "the/DET cat/NOUN\n"
    coloured = as_text([WORDS], ["DET", "NOUN"], True)
    assert coloured == "\x1b[31mthe\x1b[0m\x1b[2m/DET\x1b[0m \x1b[32mcat\x1b[0m\x1b[2m/NOUN\x1b[0m\n"


def test_columns() -> None:
    assert as_columns([WORDS, WORDS]) == "the\tDET\ncat\tNOUN\n\nthe\tDET\ncat\tNOUN\n\n"


def test_conllu_has_the_tag_in_its_column() -> None:
    blank = "\t_\t_\t_\t_\t_"
    assert as_conllu([WORDS], "xpos") == f"1\tthe\t_\t_\tDET{blank}\n2\tcat\t_\t_\tNOUN{blank}\n\n"
    assert as_conllu([SPANS], "2").startswith("# intent = Play\n1\tplay\t_\tO\t_")
    assert as_conllu([], "upos") == ""


def test_plain_values() -> None:
    assert as_facts(SPANS)["spans"] == [{"type": "song", "first": 1, "last": 2, "words": ["robin", "red\x1b"]}]
    assert as_facts(WORDS) == {"words": ["the", "cat"], "tags": ["DET", "NOUN"], "probabilities": [0.5, 0.25]}
