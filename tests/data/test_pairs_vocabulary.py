"""The tokens of pairs: learnt from whole sentences, back to what people read, and from JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.pairs import Pairs, PairVocabulary, pairs_from, read_pairs
from elman.data.pairs.config import PairsConfig
from elman.data.vocabulary import END_ID, UNKNOWN_ID, token_kinds
from elman.errors import ArtifactError, ConfigError, DataError

PAIRS = pairs_from(
    ["Der Hund läuft.", "der Hund, der läuft", "Ein Hund schläft."],
    ["The dog runs.", "the dog that runs", "A dog sleeps."],
)


@pytest.fixture
def held_out(shared_data: Callable[[str], Path]) -> Pairs:
    folder = shared_data("translation/multi30k")
    return read_pairs([folder / "val.de.gz", folder / "val.en.gz"])


def of(pairs: Pairs, kind: str = "subwords", **options: Any) -> PairVocabulary:
    """The vocabulary of pairs, with every token that occurs in them once."""
    return PairVocabulary.learn(pairs, PairsConfig(tokens=kind, **{"min_count": 1, "vocabulary_size": 8000, **options}))


def learnt(kind: str, **options: Any) -> PairVocabulary:
    return of(PAIRS, kind, vocabulary_size=300, **options)


@pytest.mark.parametrize("kind", token_kinds())
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("lowercase", [False, True])
def test_sentences_go_to_tokens_and_back_and_so_does_the_vocabulary(kind: str, shared: bool, lowercase: bool) -> None:
    made = learnt(kind, shared=shared, lowercase=lowercase)
    read = PairVocabulary.from_json(json.loads(json.dumps(made.to_json())))
    assert read.fingerprint() == made.fingerprint()
    assert (read.shared, read.lowercase, read.bos_id) == (shared, lowercase, made.target.size)
    assert (made.source.fingerprint() == made.target.fingerprint()) == shared
    for vocabulary in (made, read):
        for text, ids in zip(PAIRS.targets or [], vocabulary.encode_targets(PAIRS.targets or []), strict=True):
            assert vocabulary.decode_target(ids.tolist()) == (text.lower() if lowercase else text)
            assert vocabulary.decode_target([*ids, END_ID]) == (text.lower() if lowercase else text)
        for text, ids in zip(PAIRS.sources, vocabulary.encode_sources(PAIRS.sources), strict=True):
            assert len(vocabulary.source_tokens(text)) == len(ids)
            assert END_ID not in ids


def test_fingerprints_tell_vocabularies_apart() -> None:
    made = [
        learnt(kind, lowercase=low, shared=shared)
        for kind in token_kinds()
        for low in (0, 1)
        for shared in (False, True)
    ]
    assert len({each.fingerprint() for each in made}) == len(made)
    same = made[0]
    assert PairVocabulary(same.source, same.target, True).fingerprint() != same.fingerprint()


@pytest.mark.parametrize("kind", token_kinds())
def test_line_ends_take_no_token(kind: str) -> None:
    made = of(Pairs("p", ["ab", "ab"] * 99, ["x", "y\nz"] * 99), kind, vocabulary_size=270)
    for vocabulary in (made.source, made.target):
        # Every single byte is a subword, that of a line end too.
        tokens = [vocabulary.token(number) for number in range(258 if kind == "subwords" else 0, vocabulary.size)]
        assert tokens
        assert not any("\\n" in token for token in tokens)
    assert made.decode_target(made.encode_targets(["y\nz"])[0].tolist()) == "y z"


def test_words_are_learnt_of_each_side() -> None:
    made = learnt("words")
    assert made.encode_sources(["der Hund dog"])[0].tolist()[2] == UNKNOWN_ID
    assert made.encode_targets(["the dog Hund"])[0].tolist()[2] == UNKNOWN_ID
    both = learnt("words", shared=True)
    assert UNKNOWN_ID not in both.encode_sources(["der Hund dog"])[0]
    assert both.encode_sources(["dog"])[0].tolist() == both.encode_targets(["dog"])[0].tolist()


def test_lower_case_and_rare_words() -> None:
    made = learnt("words", lowercase=True, min_count=2)
    assert made.encode_sources(["DER hund"])[0].tolist() == made.encode_sources(["der Hund"])[0].tolist()
    assert UNKNOWN_ID not in made.encode_sources(["DER hund"])[0]
    assert made.encode_sources(["schläft"])[0].tolist() == [UNKNOWN_ID]
    assert made.source_tokens("Der Wal schläft.") == ["der", "wal", "schläft", "."]


def test_size_bounds_each_vocabulary() -> None:
    for kind, size in (("words", 6), ("characters", 6), ("subwords", 270)):
        made = of(PAIRS, kind, vocabulary_size=size)
        assert made.source.size == made.target.size == size


def test_a_word_has_the_same_subwords_wherever_it_stands() -> None:
    pairs = Pairs("p", ["hund katze maus", "maus hund katze"] * 9, ["x"] * 18)
    made = of(pairs, kind="subwords", vocabulary_size=300)
    first, second, third = (made.encode_sources([text])[0].tolist() for text in ("hund", "katze", "maus"))
    assert made.encode_sources(["katze maus hund"])[0].tolist() == [*second, *third, *first]
    assert len(first) == 1


@pytest.mark.parametrize("kind", token_kinds())
def test_an_empty_sentence_and_one_of_several_lines(kind: str) -> None:
    made = learnt(kind)
    assert [ids.tolist() for ids in made.encode_sources(["", " \n"])] == [[], []]
    assert made.decode_target([]) == ""
    assert made.source_tokens("") == []
    assert made.encode_sources(["der\nHund"])[0].tolist() == made.encode_sources(["der Hund"])[0].tolist()


def test_other_kinds_on_each_side() -> None:
    pairs = pairs_from(["cat", "act"], ["K AE1 T", "AE1 K T"])
    made = of(pairs, kind="characters", target_tokens="words", tokenizer="whitespace")
    assert (made.source.size, made.target.size) == (5, 5)
    assert made.decode_target(made.encode_targets(["T AE1 K"])[0].tolist()) == "T AE1 K"
    assert PairVocabulary.from_json(made.to_json()).fingerprint() == made.fingerprint()


def test_text_that_is_cut_at_spaces_keeps_its_spaces() -> None:
    text = "he said , “ no ! ” ( twice )"
    pairs = pairs_from(["a"], [text])
    cut = of(pairs, kind="words", tokenizer="whitespace")
    assert cut.decode_target(cut.encode_targets([text])[0].tolist()) == text
    natural = of(pairs, kind="words")
    assert natural.decode_target(natural.encode_targets([text])[0].tolist()) == "he said, “no!” (twice)"


def test_copies_take_the_places_of_unknown_tokens() -> None:
    words = learnt("words")
    ids = words.encode_targets(["the zebra, dog."])[0].tolist()
    assert ids[1] == ids[2] == UNKNOWN_ID
    assert words.decode_target(ids) == "the [UNK] [UNK] dog."
    assert words.decode_target(ids, {1: "Zebra", 2: ","}) == "the Zebra, dog."
    characters = learnt("characters")
    ids = characters.encode_targets(["a q dog"])[0].tolist()
    assert characters.decode_target(ids) == "a \ufffd dog"
    assert characters.decode_target(ids, {2: "q"}) == "a q dog"
    assert characters.target_tokens(ids) == ["a", "␣", "[UNK]", "␣", "d", "o", "g"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "bytes"}, ConfigError, "kind of a vocabulary"),
        ({"kind": "words", "target_tokens": "characters", "shared": True}, ConfigError, "one kind of tokens"),
        ({"kind": "subwords", "vocabulary_size": 100}, ConfigError, "size to be a whole number from 258"),
        ({"kind": "words", "vocabulary_size": 2}, ConfigError, "max_size"),
        ({"kind": "words", "tokenizer": "spaces"}, ConfigError, "tokenizer"),
        ({"kind": "words", "min_count": 99}, DataError, "at least 99 times"),
    ],
)
def test_what_cannot_be_learnt(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        of(PAIRS, **options)


def test_sources_alone_teach_no_pairs() -> None:
    with pytest.raises(DataError, match="expected sources with targets"):
        of(Pairs("p", ["a"], None))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "words"}, {"lowercase": 1}, {"source": {}}, {"source": []}, {"target": {"kind": "words"}},
        {"target": None}, {"more": 1},
    ],
)  # fmt: skip
def test_junk_in_place_of_a_vocabulary(change: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError):
        PairVocabulary.from_json({**learnt("characters").to_json(), **change})
    with pytest.raises(ArtifactError):
        PairVocabulary.from_json([])


@pytest.mark.parametrize("kind", ["subwords", "characters"])
def test_real_sentences_lose_nothing(kind: str, held_out: Pairs) -> None:
    made = of(held_out, kind, vocabulary_size=1000, shared=True)
    texts = [*held_out.sources, *(held_out.targets or [])]
    back = [made.decode_target(ids.tolist()) for ids in made.encode_targets(texts)]
    assert back == texts


def test_words_of_real_sentences_lose_spaces_at_few_signs(held_out: Pairs) -> None:
    made = of(held_out, kind="words", vocabulary_size=20_000)
    targets = held_out.targets or []
    back = [made.decode_target(ids.tolist()) for ids in made.encode_targets(targets)]
    assert np.mean([one == two for one, two in zip(back, targets, strict=True)]) > 0.99
    assert ["".join(text.split()) for text in back] == ["".join(text.split()) for text in targets]
