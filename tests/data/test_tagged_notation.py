"""Tags that break the notation of spans: read as what they mean, or as O."""

from __future__ import annotations

import pytest

from elman.data.tagged import TaggedDataConfig, tagged_from
from elman.data.tagged.notation import learn_scheme, read_tag
from elman.data.tagged.vocabulary import TaggerVocabulary, broken_tags
from elman.errors import DataError

SENTENCE = ["B-x", "I-x", "O", "B-y", "O"]


@pytest.mark.parametrize(
    ("tag", "read"),
    [
        ("O", "O"),
        ("B-new", "B-new"),
        ("0", "O"),
        ("o", "O"),
        ("\u041e", "O"),
        ("B_x", "B-x"),
        ("b-x", "B-x"),
        ("I:x_y", "I-x_y"),
        ("B\u2013x", "B-x"),
        ("x-B", "B-x"),
        ("x_I", "I-x"),
        ("S-x", "O"),
        ("x", "O"),
        ("B-", "O"),
        ("_", "O"),
    ],
)
def test_what_a_tag_is_read_as(tag: str, read: str) -> None:
    assert read_tag(tag, "iob2") == read
    assert read_tag(tag, None) == tag


@pytest.mark.parametrize("odd", ["0", "o", "B_x", "x-B", "?", "S-x", "x"])
def test_a_few_odd_tags_leave_the_scheme(odd: str) -> None:
    assert learn_scheme([*[SENTENCE] * 10, ["O", odd, "O"]]) == "iob2"
    assert learn_scheme([*[SENTENCE] * 10, [odd, "I-x", "O"]]) in ("iob2", "iob")


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ([["B_x", "I_x", "o", "B_y"]], "iob2"),
        ([["x-B", "x-I", "O", "y-B"]], "iob2"),
        ([["B-x", "I-x", "0", "0", "0"]], "iob2"),
        ([["B-x", "E-x", "O", "S-y"]] * 10 + [["O", "0"]], "iobes"),
        ([["B-x", "E-x", "O", "S-y"]] * 20 + [["B-x", "O"]], "iobes"),
        ([["B_x", "V_y", "N_x"]], None),
        ([["I_x", "O"]], None),
        ([["DET", "NOUN", "VERB", "X-B"]], None),
        ([["B-x", "NOUN", "VERB", "O"]], None),
        ([["0", "1", "0"]], None),
        ([["0", "o"]], None),
    ],
)
def test_schemes_of_whole_data(tags: list[list[str]], scheme: str | None) -> None:
    assert learn_scheme(tags) == scheme


def test_the_vocabulary_has_the_tags_as_they_are_read() -> None:
    tags = [*[SENTENCE] * 10, ["B_x", "0", "o", "S-x", "x"]]
    data = tagged_from([list("abcde")] * 11, tags)
    made = TaggerVocabulary.learn(data, TaggedDataConfig(), intent=False)
    assert made.tags == ("B-x", "B-y", "I-x", "O")
    assert made.scheme == "iob2"
    assert TaggerVocabulary.from_json(made.to_json()) == made
    assert made.with_read_tags(data, training=True).tags == [*[SENTENCE] * 10, ["B-x", "O", "O", "O", "O"]]
    assert made.with_read_tags(data).tags == [*[SENTENCE] * 10, ["B-x", "O", "O", "S-x", "x"]]
    remark = broken_tags(made, data, training=True)
    assert remark is not None
    assert remark.startswith("5 tags break the notation of the other 50 (B-TYPE, I-TYPE and O; ")
    assert "'B_x' (1 time) as B-x" in remark
    with pytest.raises(DataError, match=r"index 10, word 1: expected O, or .* such as 'B-x' .* Received: 'B_x'"):
        made.check_notation(data)
    assert broken_tags(made, data.take(range(10))) is None
    made.check_notation(data.take(range(10)))


def test_plain_labels_are_left_alone() -> None:
    data = tagged_from([["a", "b", "c"]], [["NOUN", "o", "0"]])
    made = TaggerVocabulary.learn(data, TaggedDataConfig(), intent=False)
    assert made.tags == ("0", "NOUN", "o")
    assert made.with_read_tags(data) is data
    assert broken_tags(made, data) is None
    mixed = tagged_from([["a", "b", "c"]], [["B-x", "O", "NOUN"]])
    made = TaggerVocabulary.learn(mixed, TaggedDataConfig(), intent=False)
    assert made.scheme is None
    assert "taken as plain labels" in (broken_tags(made, mixed) or "")


def test_whole_numbers_are_one_label_of_frames() -> None:
    frames = [[[0.0], [1.0]]]
    for tags in ([[1, 0]], [[1.0, 0.0]]):
        made = TaggerVocabulary.learn(tagged_from(frames, tags), TaggedDataConfig(), intent=False)
        assert made.tags == ("0", "1")
        assert made.with_read_tags(tagged_from(frames, [["0.0", "1"]])).tags == [["0", "1"]]


def test_a_vocabulary_of_an_earlier_version_reads_whole_numbers_too() -> None:
    made = TaggerVocabulary((), (), ("0.0", "1.0"), (), None, features=1, lowercase=True, digits=True)
    assert made.with_read_tags(tagged_from([[[0.0], [1.0]]], [[0, 1.0]])).tags == [["0.0", "1.0"]]
