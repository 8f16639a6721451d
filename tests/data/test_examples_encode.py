"""What examples become: tokens, scaled values, classes, scores, padded batches."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data.examples import Examples, examples_from
from elman.data.examples.config import InputConfig
from elman.data.examples.encode import encoder_from_json, learn_encoder
from elman.data.examples.targets import ClassTargets, RegressionTarget, learn_targets, targets_from_json
from elman.data.rows import SequenceRows
from elman.errors import ArtifactError, DataError

from ..tasks.labelled import series


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_texts_become_tokens_of_the_training_vocabulary() -> None:
    train = examples_from(["Good film", "good story"], kind="text")
    encoder = learn_encoder(train, InputConfig())
    assert [row.tolist() for row in encoder.encode(train)] == [[2, 3], [2, 4]]
    unknown = encoder.encode(examples_from(["GOOD plot", "..."], kind="text"))
    assert [row.tolist() for row in unknown] == [[2, 0], [0, 0, 0]]
    assert encoder.pieces("GOOD plot!") == ["good", "plot", "!"]
    again = encoder_from_json(through_json(encoder.to_json()), InputConfig(), "here")
    assert [row.tolist() for row in again.encode(train)] == [row.tolist() for row in encoder.encode(train)]


@pytest.mark.parametrize(
    ("options", "text", "pieces"),
    [
        ({"tokens": "words", "lowercase": False}, "Good film.", ["Good", "film", "."]),
        ({"tokens": "words", "punctuation": "drop"}, "Good film.", ["good", "film"]),
        ({"tokens": "words", "tokenizer": "whitespace"}, "Good film.", ["good", "film."]),
        ({"tokens": "words", "max_length": 1}, "Good film.", ["good"]),
        ({"tokens": "characters", "max_length": 3}, "Good", ["G", "o", "o"]),
        ({"tokens": "words", "punctuation": "drop"}, "...", ["[UNK]"]),
    ],
)
def test_pieces_are_as_many_as_tokens(options: dict[str, Any], text: str, pieces: list[str]) -> None:
    train = examples_from(["Good film. It was Good film"], kind="text")
    encoder = learn_encoder(train, InputConfig(**options))
    assert encoder.pieces(text) == pieces
    (row,) = encoder.encode(Examples("text", [text], None, ["here"]))
    assert len(row) == len(pieces)


def test_rare_words_and_small_vocabularies() -> None:
    train = examples_from(["a a a b b c"], kind="text")
    (row,) = learn_encoder(train, InputConfig(min_count=2)).encode(train)
    assert row.tolist() == [2, 2, 2, 3, 3, 0]
    assert learn_encoder(train, InputConfig(vocabulary_size=5)).vocabulary.size == 5
    subwords = learn_encoder(train, InputConfig(tokens="subwords", vocabulary_size=270))
    assert len(subwords.pieces("a b")) == len(subwords.vocabulary.encode("a b")) >= 2


def test_long_texts_are_cut_and_counted() -> None:
    encoder = learn_encoder(examples_from(["a b c", "a b", "a"], kind="text"), InputConfig(max_length=2))
    rows, longer = encoder.encode_and_count(examples_from(["a b c", "a b", "a"], kind="text"))
    assert ([len(row) for row in rows], longer) == ([2, 2, 1], 1)


def test_channels_are_standardised_by_the_training_data() -> None:
    X, _ = series()
    encoder = learn_encoder(examples_from(X), InputConfig(standardise="channels"))
    steps = np.concatenate(encoder.encode(examples_from(X)))
    np.testing.assert_allclose(steps.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(steps.std(axis=0), 1, atol=1e-4)
    other = examples_from([X[0] + 50])
    everything = np.concatenate(X)
    expected = (X[0] + 50 - everything.mean(axis=0)) / everything.std(axis=0)
    np.testing.assert_allclose(encoder.encode(other)[0], expected, rtol=1e-4)
    again = encoder_from_json(through_json(encoder.to_json()), InputConfig(), "here")
    np.testing.assert_array_equal(again.encode(other)[0], encoder.encode(other)[0])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("none", lambda x, X: x),
        ("all", lambda x, X: (x - np.concatenate(X).mean()) / np.concatenate(X).std()),
        ("series", lambda x, X: (x - x.mean(axis=0)) / x.std(axis=0)),
        ("auto", lambda x, X: (x - np.concatenate(X).mean(axis=0)) / np.concatenate(X).std(axis=0)),
    ],
)
def test_other_ways_to_standardise(how: str, expected: Any) -> None:
    X, _ = series()
    encoder = learn_encoder(examples_from(X), InputConfig(standardise=how))
    np.testing.assert_allclose(encoder.encode(examples_from(X))[3], expected(X[3], X), rtol=1e-4, atol=1e-5)
    again = encoder_from_json(through_json(encoder.to_json()), InputConfig(), "here")
    np.testing.assert_array_equal(again.encode(examples_from(X))[3], encoder.encode(examples_from(X))[3])


def test_values_between_0_and_1_stay_as_they_are_and_a_constant_is_no_division_by_zero() -> None:
    images = np.random.default_rng(0).random((4, 5, 3))
    rows = learn_encoder(examples_from(images), InputConfig()).encode(examples_from(images))
    np.testing.assert_allclose(rows[0], images[0], rtol=1e-6)
    flat = [np.full((3, 2), 7.0), np.full((4, 2), 7.0)]
    for how in ("channels", "all", "series"):
        encoder = learn_encoder(examples_from(flat), InputConfig(standardise=how))
        assert all((row == 0).all() for row in encoder.encode(examples_from(flat)))


def test_examples_of_another_kind_or_width_are_refused() -> None:
    of_text = learn_encoder(examples_from(["a b"], kind="text"), InputConfig())
    of_series = learn_encoder(examples_from(np.ones((2, 3, 2))), InputConfig())
    with pytest.raises(DataError, match=r"expected texts, as in training\. Received: series"):
        of_text.encode(examples_from(np.ones((2, 3))))
    with pytest.raises(DataError, match=r"expected series, as in training\. Received: texts"):
        of_series.encode(examples_from(["a"], kind="text"))
    with pytest.raises(DataError, match=r"X, index 0: expected series of 2 channels, as in training\. Received: 1"):
        of_series.encode(examples_from(np.ones((2, 3))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": None}, "expected a vocabulary or the names of channels"),
        ({"channels": []}, "expected a vocabulary or the names of channels"),
        ({"channels": [1, 2]}, "expected a vocabulary or the names of channels"),
        ({"scale": None}, "expected the scale of the channels"),
        ({"scale": {"by": "magic", "mean": [0, 0], "deviation": [1, 1]}}, "expected the scale of the channels"),
        ({"scale": {"by": "channels", "mean": [0], "deviation": [1, 1]}}, "expected 2 numbers for the scale"),
        ({"scale": {"by": "channels", "mean": [0, "1"], "deviation": [1, 1]}}, "expected 2 numbers for the scale"),
        ({"scale": {"by": "channels", "mean": [0, True], "deviation": [1, 1]}}, "expected 2 numbers for the scale"),
        ({"scale": {"by": "channels", "mean": [0, 1e999], "deviation": [1, 1]}}, "expected 2 numbers for the scale"),
        ({"scale": {"by": "channels", "mean": [0, 0], "deviation": [1, 0]}}, "expected deviations above 0"),
        ({"text": {"kind": "magic"}}, "expected a vocabulary of the kind"),
    ],
)
def test_a_scale_that_lies_is_refused(change: dict[str, Any], message: str) -> None:
    content = learn_encoder(examples_from(np.ones((2, 3, 2))), InputConfig()).to_json() | change
    with pytest.raises(ArtifactError, match=message):
        encoder_from_json(content, InputConfig(), "here")


def labelled(labels: list[Any]) -> Examples:
    return examples_from(np.zeros((len(labels), 2)), labels)


def test_classes_are_sorted_as_text_or_as_numbers() -> None:
    assert learn_targets(labelled(["b", "a", "c", "a"]), "classes").names == ("a", "b", "c")
    assert learn_targets(labelled([10, 9, -1]), "classes").names == ("-1", "9", "10")
    assert learn_targets(labelled(["10", "b", "9"]), "classes").names == ("9", "10", "b")
    targets = learn_targets(labelled(["b", "a"]), "classes")
    assert targets.encode(labelled(["a", "b", "a"])).tolist() == [0, 1, 0]
    assert targets_from_json(through_json(targets.to_json()), "classes", "here") == targets


def test_labels_that_no_class_has_are_named_with_their_place() -> None:
    targets = learn_targets(labelled(["b", "a"]), "classes")
    with pytest.raises(
        DataError, match=r"X, index 1: expected a label seen in training, one of 'a', 'b'. Received: 'x'"
    ):
        targets.encode(labelled(["a", "x"]))
    with pytest.raises(DataError, match=r"expected a label for every example\. Received: none"):
        targets.encode(examples_from(np.zeros((2, 2))))


def test_one_class_or_very_many_cannot_be_learnt() -> None:
    with pytest.raises(
        DataError, match=r"at least two classes to learn from\. Received: one class only, 'a', in 3 examples"
    ):
        learn_targets(labelled(["a", "a", "a"]), "classes")
    with pytest.raises(DataError, match=r"at most 5,000 classes; .* kind=regression. Received: 5,001 different labels"):
        learn_targets(labelled([n / 7 for n in range(5001)]), "classes")


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_scores_come_back(scores: list[float]) -> None:
    examples = labelled(scores)
    if np.std(scores) == 0.0:
        with pytest.raises(DataError, match="expected numbers that differ"):
            learn_targets(examples, "regression")
        return
    targets = learn_targets(examples, "regression")
    assert isinstance(targets, RegressionTarget)
    size = max(1.0, *map(abs, scores))
    np.testing.assert_allclose(targets.decode(targets.encode(examples)), scores, atol=1e-5 * size)
    assert targets_from_json(through_json(targets.to_json()), "regression", "here") == targets


@pytest.mark.parametrize("label", ["good", "nan", "inf", ""])
def test_a_label_that_is_no_score_is_named_with_its_place(label: str) -> None:
    examples = Examples("series", [np.zeros((1, 1), np.float32)] * 2, ["1", label], ["f.csv, line 2", "f.csv, line 3"])
    with pytest.raises(DataError, match=f"f.csv, line 3: expected a finite number as the label. Received: '{label}'"):
        learn_targets(examples, "regression")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("classes", {"labels": None}),
        ("classes", {"labels": ["a"]}),
        ("classes", {"labels": ["a", "a"]}),
        ("classes", {"labels": ["a", 1]}),
        ("classes", {"labels": ["a"] * 10**6}),
        ("classes", {"labels": ["a", "b"], "label_values": "magic"}),
        ("classes", {"labels": ["a", "b"], "label_values": "integer"}),
        ("classes", {"labels": ["a", "b"], "label_values": ["text"]}),
        ("regression", {"target": None}),
        ("regression", {"target": {"mean": 0.0}}),
        ("regression", {"target": {"mean": "0", "deviation": 1.0}}),
        ("regression", {"target": {"mean": 0.0, "deviation": 0.0}}),
        ("regression", {"target": {"mean": 0.0, "deviation": True}}),
        ("regression", {"target": {"mean": 1e999, "deviation": 1.0}}),
    ],
)
def test_targets_that_lie_are_refused(kind: str, content: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match="here: expected"):
        targets_from_json(content, kind, "here")


@pytest.mark.parametrize(
    ("values", "names", "dtype"),
    [
        ("integer", ("1", "2"), "i"),
        ("number", ("1", "2.5"), "f"),
        ("text", ("1", "2"), "U"),
        ("boolean", ("False", "True"), "b"),
    ],
)
def test_classes_come_back_as_they_were(values: str, names: tuple[str, ...], dtype: str) -> None:
    array = ClassTargets(names, values).array()
    assert array.dtype.kind == dtype
    assert [str(value) for value in array.tolist()] in (list(names), ["1.0", "2.5"])


def test_a_batch_holds_each_row_and_its_length() -> None:
    rows = SequenceRows([np.array([1, 2, 3]), np.array([4]), np.array([5, 6])], np.array([7, 8, 9]))
    batch = rows.batch(np.array([2, 1]))
    assert batch.targets_BT.tolist() == [9, 8]
    assert batch.lengths_B.tolist() == [2, 1]
    assert batch.inputs_BT[0].tolist() == [5, 6]
    assert batch.inputs_BT[1, 0].item() == 4
    assert rows.batch(np.array([0])).lengths_B is None
    whole = {}
    for numbers, found in rows.in_order(rows.chosen()):
        for place, number in enumerate(numbers.tolist()):
            whole[number] = found.inputs_BT[place, : rows.lengths[number]].tolist()
    assert whole == {0: [1, 2, 3], 1: [4], 2: [5, 6]}
    assert [numbers.tolist() for numbers, _ in rows.in_order(rows.chosen(limit=1))] == [[0]]


def test_batches_of_series_keep_their_values() -> None:
    X = [np.full((length, 2), length, np.float32) for length in (3, 5, 4)]
    batch = SequenceRows(X).batch(np.array([1, 2]))
    assert batch.inputs_BT.dtype == torch.float32
    assert batch.inputs_BT.shape == (2, 5, 2)
    assert (batch.inputs_BT[1, :4] == 4).all()


def test_rows_are_chosen_at_even_distances() -> None:
    rows = SequenceRows([np.arange(1 + number % 3) for number in range(10)])
    assert rows.chosen().tolist() == list(range(10))
    assert rows.chosen(99).tolist() == list(range(10))
    assert rows.chosen(5).tolist() == [0, 2, 4, 6, 8]
    assert rows.chosen(3).tolist() == [0, 3, 6]
    found = sorted(row for part, _ in rows.in_order(rows.chosen(5)) for row in part.tolist())
    assert found == [0, 2, 4, 6, 8]
