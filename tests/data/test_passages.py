"""Passages of encoded texts: where they begin and end, and whether a text has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.data.corpus import open_inputs
from elman.data.passages import cut_passage, occurs_in, passages
from elman.data.text_config import TextConfig
from elman.data.tokens import prepare
from elman.data.vocabulary import CharacterVocabulary, SubwordVocabulary, Vocabulary, WordVocabulary

TEXT = "".join(f"The {n}th whale swam by. Did anyone's dog see it? No!\n" for n in ("fif", "six", "nin", "ten") * 9)
KINDS = {
    "characters": lambda: CharacterVocabulary.learn([TEXT]),
    "words": lambda: WordVocabulary.learn([TEXT]),
    "subwords": lambda: SubwordVocabulary.learn([TEXT], size=290),
}


@pytest.fixture(params=KINDS)
def vocabulary(request: pytest.FixtureRequest) -> Vocabulary:
    return KINDS[request.param]()


@pytest.mark.parametrize("length", [25, 60])
@pytest.mark.parametrize("beginning", ["sentence", "word"])
def test_passages_begin_and_end_at_words(vocabulary: Vocabulary, length: int, beginning: str) -> None:
    ids = vocabulary.encode(TEXT)
    random = np.random.default_rng(0)
    found = list(passages(ids, vocabulary, length, beginning=beginning, context=30, random=random))
    assert len(found) > 10
    whole = vocabulary.decode(ids.tolist())
    taken = np.zeros(len(ids))
    for each in found:
        assert ids[each.start : each.start + len(each.ids)].tolist() == each.ids
        assert ids[: each.start].tolist()[-30:] == each.context
        taken[each.start : each.start + len(each.ids)] += 1
        text = vocabulary.decode(each.ids).strip()
        assert length - 12 < len(text) <= length
        assert text in whole
        before = vocabulary.decode(ids[: each.start].tolist())
        after = vocabulary.decode(ids.tolist())[len(before + vocabulary.decode(each.ids)) :]
        assert not (text[-1].isalnum() and after.strip() and whole.split(text, 1)[1][:1].isalpha())
        if beginning == "sentence":
            assert text.split()[0] in ("The", "Did", "No!")
            assert before.rstrip()[-1] in ".?!"
        else:
            assert text[0].isalnum()
    assert taken.max() == 1


def test_neither_unknown_tokens_nor_ends_of_documents(vocabulary: Vocabulary) -> None:
    ids = vocabulary.encode(TEXT)
    middle = len(ids) // 2
    for special in (vocabulary.unknown_id, vocabulary.end_id):
        cut = np.insert(ids, middle, special)
        found = list(passages(cut, vocabulary, 25, beginning="word", context=1000, random=np.random.default_rng(1)))
        assert found
        assert not any(special in each.ids for each in found)
        assert any(special in each.context for each in found) == (special == vocabulary.unknown_id)


def test_the_last_word_of_a_text_may_be_cut(vocabulary: Vocabulary) -> None:
    # Whether a word ends at the end of the text is not known.
    ids = vocabulary.encode("The sixth whale").tolist()
    assert vocabulary.decode(cut_passage(ids, vocabulary, 100)) == "The sixth"
    assert vocabulary.decode(cut_passage(ids, vocabulary, 8)) == "The"
    assert cut_passage(ids, vocabulary, 2) == []


def test_an_apostrophe_may_be_inside_a_word() -> None:
    vocabulary = KINDS["characters"]()
    assert vocabulary.decode(cut_passage(vocabulary.encode("Did anyone's dog").tolist(), vocabulary, 10)) == "Did"


def test_tokens_are_found_in_a_text(tmp_path: Path, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    source = open_inputs([path], TextConfig())
    tokens = prepare(source, vocabulary=vocabulary, split=(1.0, 0.0, 0.0), cache=tmp_path).train
    ids = tokens.read(0, len(tokens)).tolist()
    for chunk in (1 << 22, 7):
        monkeypatch.setattr("elman.data.passages._CHUNK", chunk)
        assert occurs_in(tokens, ids[:9])
        assert occurs_in(tokens, ids[-9:])
        assert occurs_in(tokens, ids[20:31])
        assert not occurs_in(tokens, [*ids[20:31], vocabulary.unknown_id])


def test_bytes_of_two_tokens_are_none(tmp_path: Path) -> None:
    # 300 tokens need two bytes each: 0x0102 0x0304 has the bytes of 0x0203 in the middle.
    words = WordVocabulary.learn([" ".join(f"w{n}" for n in range(1100))])
    path = tmp_path / "text.txt"
    path.write_text("x", encoding="utf-8")

    class Tokens:
        dtype = np.dtype("<u2")
        values = np.array([0x0201, 0x0403], dtype=np.int64)

        def __len__(self) -> int:
            return 2

        def read(self, start: int, stop: int) -> np.ndarray:
            return self.values[start:stop]

    assert words.size > 0x0403
    assert occurs_in(Tokens(), [0x0403])  # type: ignore[arg-type]
    assert not occurs_in(Tokens(), [0x0302])  # type: ignore[arg-type]
