"""Vocabularies: text to numbers and back, learning, and what is said to hostile JSON."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.vocabulary import (
    CharacterVocabulary,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    describe_unknown,
    learn_vocabulary,
    vocabulary_from_json,
)
from elman.data.vocabulary.kinds import characters, subwords, words
from elman.errors import ArtifactError, ConfigError, DataError

TEXT = (
    "It's 3.14, isn't it? (Yes!) \"Quite so,\" she said; well-known words — and more: “curly ones”, you’re told.\n"
    "\nनमस्ते 世界 😀 café $5 at 50% of www.example.org/a?b=c. See https://example.org/x, 1,000 times.\n"
) * 3
ALL: list[Any] = [
    "characters",
    "words",
    {"kind": "words", "tokenizer": "whitespace"},
    {"kind": "subwords", "size": 300},
]


@pytest.fixture(params=ALL, ids=["characters", "words", "whitespace", "subwords"])
def vocabulary(request: pytest.FixtureRequest) -> Vocabulary:
    return learn_vocabulary(request.param, [TEXT])


def test_what_every_vocabulary_keeps_to(vocabulary: Vocabulary) -> None:
    ids = vocabulary.encode(TEXT)
    assert ids.dtype == np.int64
    assert ids.ndim == 1
    assert 2 <= ids.min() <= ids.max() < vocabulary.size
    assert vocabulary.token(0) == "[UNK]"
    assert vocabulary.token(1) == "[EOS]"
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.encode("").dtype == np.int64
    assert all(vocabulary.token(number).isprintable() for number in range(vocabulary.size))
    assert "".join(vocabulary.decode_stream(ids.tolist())) == vocabulary.decode(ids)
    assert vocabulary.encode(vocabulary.decode(ids)).tolist() == ids.tolist() or vocabulary.kind == "words"
    assert [a.tolist() for a in vocabulary.encode_many(["It's", "", TEXT])] == [
        vocabulary.encode(text).tolist() for text in ("It's", "", TEXT)
    ]
    assert not vocabulary.count_unknown(TEXT)
    assert describe_unknown(vocabulary, TEXT) is None
    for number in (-1, vocabulary.size):
        with pytest.raises(DataError, match=f"Received: {number}"):
            vocabulary.token(number)
        with pytest.raises(DataError, match=f"Received: {number}"):
            vocabulary.decode([number])


def test_json_and_back(vocabulary: Vocabulary) -> None:
    again = vocabulary_from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert type(again) is type(vocabulary)
    assert again.fingerprint() == vocabulary.fingerprint()
    assert again.encode(TEXT + "Zß").tolist() == vocabulary.encode(TEXT + "Zß").tolist()


def test_fingerprints_differ() -> None:
    options = [*ALL, {"kind": "words", "lowercase": True}, {"kind": "characters", "lowercase": True}]
    assert len({learn_vocabulary(option, [TEXT]).fingerprint() for option in options}) == len(options)


def test_no_text_can_spell_a_special_token(vocabulary: Vocabulary) -> None:
    ids = vocabulary.encode("[EOS] [UNK] [EOS]\n[EOS]")
    assert vocabulary.end_id not in ids


@pytest.mark.parametrize("options", ALL)
def test_learning_does_not_depend_on_the_pieces(options: Any) -> None:
    rows = TEXT.splitlines(keepends=True)
    assert learn_vocabulary(options, rows).fingerprint() == learn_vocabulary(options, [TEXT]).fingerprint()


@pytest.mark.parametrize("kind", ["characters", "words", "subwords"])
def test_nothing_to_learn_from(kind: str) -> None:
    with pytest.raises(DataError, match="Received: none"):
        learn_vocabulary(kind, [])
    if kind != "subwords":
        with pytest.raises(DataError, match="at least 3 times"):
            learn_vocabulary({"kind": kind, "min_count": 3}, ["ab ba"])


def test_options_are_checked() -> None:
    for options in (
        "letters",
        {"kind": "characters", "size": 5},
        {"kind": "characters", "min_count": 0},
        {"kind": "characters", "lowercase": 1},
        {"kind": "words", "tokenizer": "magic"},
        {"kind": "words", "punctuation": "perhaps"},
        {"kind": "words", "max_size": 2_000_000},
        {"kind": "words", "numbers": "yes"},
        {"kind": "subwords", "size": 257},
        {"kind": "subwords", "size": True},
        {},
    ):
        with pytest.raises(ConfigError, match="Received: "):
            learn_vocabulary(options, [TEXT])


@given(st.text(max_size=40))
def test_characters_round_trip(text: str) -> None:
    if text and any(not 0xD800 <= ord(sign) < 0xE000 for sign in text):
        made = CharacterVocabulary.learn([text])
        ids = made.encode(text)
        assert len(ids) == len(text)
        assert made.decode(ids) == "".join("\ufffd" if 0xD800 <= ord(sign) < 0xE000 else sign for sign in text)
        assert list(made.characters) == sorted(set(made.characters))
        assert vocabulary_from_json(json.loads(json.dumps(made.to_json()))).decode(ids) == made.decode(ids)


def test_characters_by_hand() -> None:
    made = CharacterVocabulary.learn(["banana\n"], min_count=2)
    assert made.characters == "an"
    assert made.encode("nab\U0010ffff").tolist() == [3, 2, 0, 0]
    assert made.decode([1, 3, 2, 0, 1]) == "na\ufffd"
    assert made.count_unknown("bandana!!") == {"b": 1, "d": 1, "!": 2}
    note = describe_unknown(made, "bandana!!", "prompt")
    assert note == "4 characters of the prompt are unknown: 'b', 'd', '!' (2 times)"
    assert describe_unknown(made, "b") == "1 character of the text is unknown: 'b'"
    assert CharacterVocabulary.learn(["abbccc"], max_size=4).characters == "bc"
    assert CharacterVocabulary.learn(["\n"]).token(2) == "\\n"


@given(st.text(max_size=30))
def test_lowercase_characters_keep_their_places(text: str) -> None:
    made = CharacterVocabulary.learn([text + "x"], lowercase=True)
    usable = "".join(sign for sign in text if not 0xD800 <= ord(sign) < 0xE000)
    assert made.decode(made.encode(usable)) == "".join(sign.lower()[0] for sign in usable)


def test_regex_words() -> None:
    made = WordVocabulary.learn([TEXT])
    assert made.split("It's rock’n’roll, 'tis 3.14 or 1,000. 3rd\nनमस्ते e\u0301t\u00e9 a_b") == [
        *("It's", "rock’n’roll", ",", "'", "tis", "3.14", "or", "1,000", ".", "3rd", "\n"),
        *("नमस्ते", "e\u0301t\u00e9", "a_b"),
    ]
    assert WordVocabulary.learn([TEXT], tokenizer="whitespace").split(" a@b c.\n\n d ") == [
        "a@b",
        "c.",
        "\n",
        "\n",
        "d",
    ]
    assert WordVocabulary.learn([TEXT], punctuation="drop").split("so, well (3) - \n.") == ["so", "well", "3", "\n"]
    assert WordVocabulary.learn([TEXT], lowercase=True).split("So ÉTÉ") == ["so", "été"]


def test_numbers_and_addresses() -> None:
    for tokenizer in ("regex", "whitespace"):
        made = WordVocabulary.learn([TEXT], numbers=True, urls=True, tokenizer=tokenizer)
        ids = made.encode("1,000 https://example.org/other 42 3.14 zzz")
        assert [made.token(number) for number in ids] == ["[NUM]", "[URL]", "[NUM]", "[NUM]", "[UNK]"]
        assert not any(word[0].isdigit() and word.isdigit() for word in made.words)
        assert made.count_unknown("7 zzz www.x.org") == {"zzz": 1}
    plain = WordVocabulary.learn([TEXT])
    assert plain.size == 2 + len(plain.words)
    assert plain.count_unknown("42 42 words") == {"42": 2}
    made = WordVocabulary.learn(["at www.a.org/b."], urls=True)
    assert made.split("(see http://a.org/b?c=(d), or www.a.org.)")[2:4] == ["http://a.org/b?c=(d", ")"]


def test_the_most_frequent_words_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made = WordVocabulary.learn(["b a c a b a d\n"])
    assert made.words == ["a", "b", "\n", "c", "d"]
    assert WordVocabulary.learn(["b a c a b a d\n"], min_count=2).words == ["a", "b"]
    assert WordVocabulary.learn(["b a c a b a d\n"], max_size=5).words == ["a", "b", "\n"]
    monkeypatch.setattr(words, "MAX_COUNTED", 3)
    assert WordVocabulary.learn(["b a c a b a d e\n"]).words == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "It's here, isn't it? (Yes!) [So; well: no.]",
        'She said "quite so," and "no more".',
        "“Curly ones” are told: ‘yes’… well-known — ".replace(" — ", "—and/or") + ".",
        "One line\n\nTwo lines\n",
        "$5 at 50% of 1,000.",
        "He doesn't say 'never' in dogs’ ears.",
    ],
)
def test_words_read_naturally(text: str) -> None:
    made = WordVocabulary.learn([text])
    assert made.decode(made.encode(text)) == text


def test_tokenised_text_reads_naturally() -> None:
    made = WordVocabulary.learn(["they 're did n't well @-@ known , 1 @,@ 000 ( so )"], tokenizer="whitespace")
    assert made.decode(made.encode("they 're well @-@ known , 1 @,@ 000 ( so )")) == "they're well-known, 1,000 (so)"
    ids = [*made.encode("did n't"), 1, *made.encode("so")]
    assert list(made.decode_stream(ids)) == ["did", "n't", "", "so"]


@given(st.text(max_size=60))
def test_subwords_give_any_text_back(text: str) -> None:
    made = SUBWORDS
    usable = text.encode("utf-8", "replace").decode("utf-8")
    assert made.decode(made.encode(text)) == usable
    parts = list(made.decode_stream(made.encode(text)))
    assert "".join(parts) == usable
    if "\ufffd" not in usable:
        assert not any("\ufffd" in part for part in parts)


SUBWORDS = SubwordVocabulary.learn([TEXT], size=270)


def test_subwords_never_show_half_a_character() -> None:
    ids = SUBWORDS.encode("😺")
    assert len(ids) > 1
    assert list(SUBWORDS.decode_stream(ids)) == [""] * (len(ids) - 1) + ["😺"]
    assert list(SUBWORDS.decode_stream(ids[:-1])) == [""] * (len(ids) - 1) + ["\ufffd"]
    assert SUBWORDS.decode([*ids[:-1], 1, *ids]) == "\ufffd😺"
    assert SUBWORDS.decode([0]) == "\ufffd"
    assert SUBWORDS.token(int(ids[0])).startswith("<f0")
    assert SUBWORDS.size == 270


@pytest.mark.parametrize("size", [1, 2, 7, 50])
def test_subwords_do_not_depend_on_chunks(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SUBWORDS.encode(TEXT + "   \n\n  x\t\n ").tolist()
    monkeypatch.setattr(subwords, "CHUNK", 40 + size)
    assert SUBWORDS.encode(TEXT + "   \n\n  x\t\n ").tolist() == whole
    monkeypatch.setattr(subwords, "CHUNK", size)
    assert SUBWORDS.decode(SUBWORDS.encode(TEXT)) == TEXT


def test_subwords_learn_from_the_beginning_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subwords, "LEARNT_FROM", 100)
    taken = []

    def pieces() -> Any:
        for number in range(100):
            taken.append(number)
            yield "some words and more\n"

    SubwordVocabulary.learn(pieces())
    assert len(taken) == 5


def test_subwords_and_forks_do_not_warn() -> None:
    code = (
        "import os, sys; from elman.data.vocabulary import SubwordVocabulary as S\n"
        "v = S.learn(['some words and more words\\n' * 5000]); ids = v.encode('some words\\n' * 9000)\n"
        "child = os.fork()\n"
        "if child == 0: os._exit(0 if len(v.encode('some words\\n' * 9000)) == len(ids) else 3)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, b"")


def hostile() -> list[Any]:
    letters = CharacterVocabulary.learn(["abc"]).to_json()
    tokens = WordVocabulary.learn(["a b c"]).to_json()
    parts = SUBWORDS.to_json()

    def changed(base: dict[str, Any], *path: str, to: Any) -> dict[str, Any]:
        made = copy.deepcopy(base)
        node = made
        for name in path[:-1]:
            node = node[name]
        node[path[-1]] = to
        return made

    table = parts["tokenizer"]["model"]["vocab"]
    model = ("tokenizer", "model")
    return [
        *(None, [], "characters", 3, {}, {"kind": "letters"}, {"kind": ["characters"]}, {"kind": "characters"}),
        *(changed(letters, "characters", to=value) for value in ("", "ba", "aa", 5, None, ["a"], "a\ud800")),
        changed(letters, "lowercase", to=1),
        changed(letters, "more", to=1),
        *(changed(tokens, "words", to=value) for value in ([], ["a", "a"], ["a", 3], [""], ["[EOS]"], "ab", {"a": 1})),
        *(changed(tokens, name, to="x") for name in ("tokenizer", "punctuation", "numbers")),
        changed(parts, "tokenizer", to="{}"),
        changed(parts, "tokenizer", to={}),
        changed(parts, *model, to=[1]),
        *(changed(parts, *model, "vocab", to=value) for value in ({}, [], {"a": 0}, {**table, "zz": 5})),
        changed(parts, *model, "vocab", to={**table, "zz": 10**9}),
        changed(parts, *model, "vocab", to={**table, "zz": -1}),
        changed(parts, *model, "vocab", to={**table, "zz": len(table) * 1.0}),
        changed(parts, *model, "vocab", to={**table, "\ud800": len(table)}),
        changed(parts, *model, "vocab", to={**table, "": len(table)}),
        changed(parts, *model, "vocab", to={name: (1 - n if n < 2 else n) for name, n in table.items()}),
        *(changed(parts, *model, "merges", to=value) for value in (None, ["a"], [["a"]], [["a", "zzzz"]], [[1, 2]])),
        changed(parts, *model, "merges", to=parts["tokenizer"]["model"]["merges"][:1] * 2),
        changed(parts, "tokenizer", "added_tokens", to=[{"id": 1, "content": "the"}]),
        changed(parts, "tokenizer", "normalizer", to={"type": "Replace"}),
        changed(parts, "tokenizer", "pre_tokenizer", to={"type": "Split"}),
    ]


@pytest.mark.parametrize("content", hostile())
def test_hostile_json(content: Any) -> None:
    with pytest.raises(ArtifactError):
        vocabulary_from_json(content)


def test_a_vocabulary_has_at_most_a_million_tokens() -> None:
    many = [f"w{number}" for number in range(1_000_001)]
    with pytest.raises(ArtifactError, match="Received: 1000001"):
        vocabulary_from_json({**WordVocabulary(["a"]).to_json(), "words": many})
    with pytest.raises(ArtifactError, match="Received: 1000001"):
        vocabulary_from_json({**CharacterVocabulary("a").to_json(), "characters": "a" * 1_000_001})
    content = SUBWORDS.to_json()
    content["tokenizer"]["model"]["vocab"] = dict.fromkeys(many, 0)
    with pytest.raises(ArtifactError, match="Received: 1000001"):
        vocabulary_from_json(content)


def test_all_pairs_of_letters_are_folded() -> None:
    assert all(chr(code).lower() == chr(code) for code in range(characters.PAIRS_END, 0x110000))
    assert max(ord(chr(code).lower()[0]) for code in range(characters.PAIRS_END)) < characters.PAIRS_END


HINDI = ["विकिपीडिया", "किताब", "सुन्दर", "भाषा", "लोग", "हिन्दी", "स्कूल", "पानी"]


def test_words_with_combining_marks_can_be_one_subword() -> None:
    made = SubwordVocabulary.learn([" ".join(HINDI * 40)], size=1000)
    assert [len(made.encode(" " + word)) for word in HINDI] == [1] * 8
    assert len(made.encode(" cafe\u0301")) <= 7
    text = " ".join(HINDI) + " 👩\u200d👩\u200d👧 cafe\u0301\n\n"
    assert made.decode(made.encode(text)) == text
    again = vocabulary_from_json(json.loads(json.dumps(made.to_json())))
    assert again.encode(text).tolist() == made.encode(text).tolist()
    assert again.fingerprint() == made.fingerprint()


def test_a_subword_vocabulary_of_an_earlier_version_encodes_as_it_did() -> None:
    stored = SubwordVocabulary.learn([" ".join(HINDI * 40)], size=1000).to_json()
    stored["tokenizer"]["pre_tokenizer"] = {
        "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True,
    }  # fmt: skip
    old = vocabulary_from_json(json.loads(json.dumps(stored)))
    ids = old.encode(" " + HINDI[0])
    assert len(ids) > 1
    assert vocabulary_from_json(old.to_json()).encode(" " + HINDI[0]).tolist() == ids.tolist()
    stored["tokenizer"]["pre_tokenizer"] = {"type": "Whitespace"}
    with pytest.raises(ArtifactError, match="expected a plain byte-level BPE tokenizer"):
        vocabulary_from_json(stored)


@pytest.mark.parametrize("rest", ["This", "go", "42", "(x)"])
@pytest.mark.parametrize("start", ["a line\n\n", "a line\n", "a line ", "a line.  ", "a\n ", "", " ", "\n", "a\t"])
def test_the_start_of_a_text_is_encoded_as_it_is_before_a_word(start: str, rest: str) -> None:
    made = SubwordVocabulary.learn([f"a line {number}\n\nThis\n\n\n" for number in range(50)], size=300)
    whole = made.encode(start + rest).tolist()
    ids = made.encode_start(start).tolist()
    assert whole[: len(ids)] == ids
    assert made.decode(ids) == start.removesuffix(" ")


PTB = "mr. <unk> is chairman of <unk> n.v.\nthe <UNK> group\n"


@pytest.mark.parametrize("tokenizer", ["regex", "whitespace"])
@pytest.mark.parametrize("more", [{}, {"lowercase": True}, {"punctuation": "drop"}, {"urls": True}], ids=str)
def test_the_unknown_word_of_corpora_is_the_unknown_token(tokenizer: str, more: dict[str, Any]) -> None:
    made = WordVocabulary.learn([PTB], tokenizer=tokenizer, **more)
    assert not {"<unk>", "<UNK>", "unk", "<", ">"} & set(made.words)
    ids = made.encode("the <unk> group of <UNK>").tolist()
    assert [number == made.unknown_id for number in ids] == [False, True, False, False, True]
    assert made.decode(made.encode("of <unk>")) == "of [UNK]"
    again = vocabulary_from_json(json.loads(json.dumps(made.to_json())))
    assert again.encode("<unk>").tolist() == [made.unknown_id]
    assert again.fingerprint() == made.fingerprint()


def test_vocabularies_of_earlier_versions_have_the_unknown_word_as_a_word() -> None:
    stored = WordVocabulary(["the", "<unk>", "<", "unk", ">"], tokenizer="whitespace").to_json()
    assert "unknown_words" not in stored
    old = vocabulary_from_json(stored)
    assert old.decode(old.encode("the <unk>")) == "the <unk>"
    cut = vocabulary_from_json({**stored, "tokeniser": "regex"})
    assert [cut.token(number) for number in cut.encode("<unk>").tolist()] == ["<", "unk", ">"]
    # A text without the word gives the vocabulary of earlier versions.
    assert "unknown_words" not in WordVocabulary.learn(["the unk < a >"]).to_json()


def test_generated_subwords_have_no_text_for_cut_characters() -> None:
    euro = SUBWORDS.encode("a\u20acb").tolist()
    assert SUBWORDS.generated(euro) == "a\u20acb"
    first = next(number for number in range(SUBWORDS.size) if SUBWORDS.token(number) == "<e2>")
    for ids in ([first], [*SUBWORDS.encode("a").tolist(), first, *SUBWORDS.encode("b").tolist()]):
        assert "\ufffd" in SUBWORDS.decode(ids)
        assert SUBWORDS.generated(ids) == SUBWORDS.decode(ids).replace("\ufffd", "")
        assert len(list(SUBWORDS.generated_stream(ids))) == len(ids)
    letters = CharacterVocabulary("ab")
    assert letters.generated([2, 3, 1]) == "ab"
