"""From files to a corpus: every option of the text has its effect, and held-out parts count their characters."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from elman.data.corpus import HeldOutText, prepare_corpus
from elman.data.read import read_lines
from elman.data.sources import Sources
from elman.data.text_config import TextConfig
from elman.data.tokens import Corpus
from elman.state import IGNORE_INDEX


def corpus_of(folder: Path, text: bytes, **options: Any) -> Corpus:
    """The corpus of a folder with a text and a file of another kind."""
    place = folder / "texts"
    place.mkdir(exist_ok=True)
    (place / "a.txt").write_bytes(text)
    (place / "b.md").write_bytes(b"# Q\n")
    return prepare_corpus(Sources([place]), TextConfig(**{"split": (1.0, 0.0, 0.0)} | options), cache=folder / "cache")


TEXT = b"Ada saw 12 at http://x.org a-b\n\nada ran\nb saw b!\n"
EFFECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "pattern": ({"pattern": "*"}, {"pattern": "*.txt"}),
    "documents, lines": ({}, {"documents": "lines"}),
    "documents, paragraphs": ({}, {"documents": "paragraphs"}),
    "lowercase": ({}, {"lowercase": True}),
    "min_count": ({}, {"min_count": 3}),
    "tokens": ({}, {"tokens": "words"}),
    "lowercase of words": ({"tokens": "words"}, {"tokens": "words", "lowercase": True}),
    "min_count of words": ({"tokens": "words"}, {"tokens": "words", "min_count": 2}),
    "vocabulary_size of words": ({"tokens": "words"}, {"tokens": "words", "vocabulary_size": 6}),
    "tokenizer": ({"tokens": "words"}, {"tokens": "words", "tokenizer": "whitespace"}),
    "punctuation": ({"tokens": "words"}, {"tokens": "words", "punctuation": "drop"}),
    "numbers": ({"tokens": "words"}, {"tokens": "words", "numbers": True}),
    "urls": ({"tokens": "words"}, {"tokens": "words", "urls": True}),
    "urls, not numbers": ({"tokens": "words", "numbers": True}, {"tokens": "words", "urls": True}),
    "vocabulary_size of subwords": (
        {"tokens": "subwords", "vocabulary_size": 259},
        {"tokens": "subwords", "vocabulary_size": 260},
    ),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_an_option_of_the_text_changes_its_tokens(name: str, tmp_path: Path) -> None:
    one, other = (corpus_of(tmp_path, TEXT, **options) for options in EFFECTS[name])
    assert one.fingerprint != other.fingerprint
    assert (one.vocabulary.to_json(), one.train.documents, one.train.characters) != (
        other.vocabulary.to_json(),
        other.train.documents,
        other.train.characters,
    )


def test_words_by_either_rule(tmp_path: Path) -> None:
    words = {
        rule: corpus_of(tmp_path, TEXT, tokens="words", tokenizer=rule).vocabulary.to_json()["words"]
        for rule in ("regex", "whitespace")
    }
    assert "b!" in words["whitespace"]
    assert "b!" not in words["regex"]


@pytest.mark.parametrize("limit", [None, 20])
@pytest.mark.parametrize("split_by", ["position", "documents"])
def test_characters_are_counted_where_a_part_begins_inside_a_document_too(
    split_by: str, limit: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_text("the captain saw the whale\nand the sea\nand the ship\n" * 20, encoding="utf-8")
    config = TextConfig(documents="lines", split_by=split_by, split=(0.6, 0.3, 0.1))
    corpus = prepare_corpus(Sources([path]), config, cache=tmp_path / "cache")
    assert corpus.valid is not None
    batches, characters = HeldOutText(corpus.valid, corpus.vocabulary, limit)()
    targets = torch.cat([batch.targets_BT[batch.targets_BT != IGNORE_INDEX] for batch in batches])
    assert len(targets) == min(limit or math.inf, len(corpus.valid)) - 1
    assert characters == int((targets != corpus.vocabulary.end_id).sum())


def test_lines_are_read_whole_whatever_their_length(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    long = "ab" * 200_000
    path.write_text(f"one\n\n{long}\nlast", encoding="latin-1")
    assert list(read_lines(path, encoding="latin-1")) == ["one", "", long, "last"]
    path.write_bytes(b"\xe9t\xe9\n")
    assert list(read_lines(path, encoding="latin-1")) == ["\xe9t\xe9"]
    assert list(read_lines(path, errors="ignore")) == ["t"]
