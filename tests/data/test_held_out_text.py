"""What is counted in an evaluation of text: characters of a part of it, and the end of documents."""

from __future__ import annotations

from pathlib import Path

import pytest

import elman
from elman.data.corpus import HeldOutText, open_inputs
from elman.data.text_config import TextConfig
from elman.data.tokens import prepare
from elman.data.vocabulary.options import vocabulary_options

LINE = "The Whale and the Sea,  a tale\n"


def held_out(folder: Path, text: str, limit: int | None = None, **options: object) -> HeldOutText:
    config = TextConfig(**options)
    (folder / "text.txt").write_text(text)
    source = open_inputs([folder / "text.txt"], config)
    assert source is not None
    known = prepare(source, vocabulary=vocabulary_options(config), split=(1.0, 0.0, 0.0), cache=folder / "cache")
    return HeldOutText(known.train, known.vocabulary, limit)


@pytest.mark.parametrize("options", [{}, {"tokens": "words", "lowercase": True, "min_count": 25}])
def test_characters_of_a_part_are_its_share_of_the_text(tmp_path: Path, options: dict[str, object]) -> None:
    text = LINE * 20 + "rare unknown words\n"
    part = held_out(tmp_path, text, **options)
    whole = part.characters(part.counted)
    assert whole == pytest.approx(len(text), abs=1)
    shares = [part.characters(part.counted * share // 4) / whole for share in (1, 2, 3)]
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.03)
    # The last but one token belongs to the whole text, and so do its characters.
    assert whole - part.characters(part.counted - 1) <= 8


def test_the_end_counts_only_among_several_documents(tmp_path: Path) -> None:
    several = held_out(tmp_path, LINE * 5, documents="lines")
    assert several.counted == len(several.tokens)
    assert int(several.tokens.read(several.counted - 1, several.counted)[0]) == several.vocabulary.end_id
    one = held_out(tmp_path, LINE * 5)
    assert int(one.tokens.read(one.counted - 1, one.counted)[0]) != one.vocabulary.end_id
    # A part with one of several documents counts as that document alone does.
    config = TextConfig(documents="lines")
    source = open_inputs([tmp_path / "text.txt"], config)
    assert source is not None
    split = {"split": (0.8, 0.0, 0.2), "split_by": "documents", "cache": tmp_path / "cache"}
    corpus = prepare(source, vocabulary=vocabulary_options(config), **split)
    assert corpus.test is not None
    assert corpus.test.documents == 1
    alone = held_out(tmp_path, LINE, documents="lines")
    assert HeldOutText(corpus.test, corpus.vocabulary).counted == alone.counted == len(corpus.test) - 1


def test_bits_per_character_are_those_of_the_whole_text_with_a_limit_of_all(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(LINE * 30)
    model = elman.LanguageModel(
        "small", tokens="words", min_count=2, hidden_size=4, max_steps=1, threads=1, batch_size=2
    )
    model.fit(path, progress=False, tune=False)
    whole = model.evaluate(path)
    assert model.evaluate(path, limit=10**9) == whole
    nearly = model.evaluate(path, limit=int(whole["tokens"]))
    assert nearly["bits_per_char"] == pytest.approx(whole["bits_per_char"], rel=0.02)
