"""Vocabularies that are extended by the tokens of another one."""

from __future__ import annotations

import pytest

from elman.data.vocabulary import CharacterVocabulary, SubwordVocabulary, Vocabulary, WordVocabulary

OLD, NEW = "the whale and the sea", "A whale, 3 ships & the zebra"


@pytest.mark.parametrize("kind", [WordVocabulary, CharacterVocabulary])
def test_both_texts_are_known_to_an_extended_vocabulary(kind: type[Vocabulary]) -> None:
    old, new = kind.learn([OLD]), kind.learn([NEW])
    both = old.extended(new)
    assert not both.count_unknown(f"{OLD} {NEW}")
    assert set(both.entries()) == set(old.entries()) | set(new.entries())
    assert both.size == len(both.entries())
    assert kind.from_json(both.to_json()).entries() == both.entries()
    assert both.extended(old) is both
    assert both.decode(both.encode(OLD).tolist()) == old.decode(old.encode(OLD).tolist())


@pytest.mark.parametrize("kind", [WordVocabulary, CharacterVocabulary, SubwordVocabulary])
def test_equal_entries_are_equal_tokens(kind: type[Vocabulary]) -> None:
    vocabulary = kind.learn([OLD + NEW])
    entries = vocabulary.entries()
    assert len(set(entries)) == vocabulary.size
    for number in vocabulary.encode("the whale").tolist():
        entry = entries[number]
        text = entry.decode() if isinstance(entry, bytes) else entry
        assert text == vocabulary.decode([number]) or kind is WordVocabulary


def test_ids_of_words_do_not_change_and_rules_are_kept() -> None:
    old = WordVocabulary.learn([OLD + " 7"], numbers=True, lowercase=True)
    both = old.extended(WordVocabulary.learn(["The Zebra has 12 stripes"]))
    assert both.words[: len(old.words)] == old.words
    assert both.lowercase
    assert "12" not in both.words
    assert "Zebra" not in both.words
    assert both.encode("9 12").tolist() == old.encode("9 12").tolist()


def test_words_that_an_older_vocabulary_splits_are_not_added() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    old, new = WordVocabulary(["sea"]), WordVocabulary.learn([f"sea {family}"])
    assert family in new.words
    assert family not in old.extended(new).words


def test_subwords_read_any_text_and_stay() -> None:
    old = SubwordVocabulary.learn([OLD], size=270)
    assert old.extended(SubwordVocabulary.learn([NEW], size=280)) is old
