"""Bad rows of data in memory: the option `bad_rows` does for them what it does for files, in every task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import elman
from elman.data.bad_rows import bad_rows_of
from elman.data.captioned.config import CaptionDataConfig
from elman.data.captioned.in_memory import captioned_from
from elman.data.examples.arguments import labelled_examples
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.in_memory import usable_examples
from elman.errors import DataError

TINY: dict[str, Any] = {"hidden_size": 4, "max_steps": 1, "device": "cpu", "threads": 1, "baseline": False}
COUNT = 200
NOISE = np.random.default_rng(0)
Given = tuple[type[Any], dict[str, Any], list[Any], list[Any], Any, dict[str, Any]]


def texts() -> Given:
    inputs = ["good film" if row % 2 else "bad film" for row in range(COUNT)]
    return elman.Classifier, {"embedding": 4}, inputs, ["pos" if row % 2 else "neg" for row in range(COUNT)], None, {}


def series() -> Given:
    inputs = [NOISE.normal(size=(3, 1)) for _ in range(COUNT)]
    return elman.Classifier, {}, inputs, [row % 2 for row in range(COUNT)], np.full((3, 1), np.nan), {}


def sentences() -> Given:
    options = {"embedding": 4, "char_embedding": 0, "layers": 1}
    return elman.Tagger, options, [["a", "b"] for _ in range(COUNT)], [["X", "Y"] for _ in range(COUNT)], [], {}


def pairs() -> Given:
    options = {"embedding": 4, "min_count": 1}
    return elman.Translator, options, ["a b"] * COUNT, ["x y"] * COUNT, None, {}


def items() -> Given:
    options = {"embedding": 4, "vector_size": 4}
    inputs = [NOISE.normal(size=3).astype(np.float32) for _ in range(COUNT)]
    return elman.Captioner, options, inputs, ["one two"] * COUNT, np.array([1.0, np.nan, 2.0], np.float32), {}


def recordings() -> Given:
    inputs = [NOISE.normal(size=800).astype(np.float32) for _ in range(COUNT)]
    bad = np.full(800, np.inf, np.float32)
    return elman.Transcriber, {"sample_rate": 8000}, inputs, ["a"] * COUNT, bad, {"rate": 8000}


def drawings() -> Given:
    inputs = [np.array([[NOISE.normal(), 0.2, 0.0], [0.3, 0.1, 1.0]]) for _ in range(COUNT)]
    return elman.Transcriber, {"preset": "strokes"}, inputs, ["a"] * COUNT, np.zeros((2, 2)), {}


EVERY = pytest.mark.parametrize("make", [texts, series, sentences, pairs, items, recordings, drawings])


@EVERY
def test_auto_leaves_out_one_in_a_hundred(make: Callable[[], Given], caplog: pytest.LogCaptureFixture) -> None:
    kind, options, inputs, targets, bad, how = make()
    inputs[7], targets[150] = bad, None
    # Half of the rows that cannot be used have a bad input, and half a bad target.
    model = kind(**TINY, **options).fit(inputs, targets, **how, progress=False, tune=False)
    left_out = [message for message in caplog.messages if "cannot be used" in message]
    text = " ".join(left_out)
    assert "index 7" in text
    assert "index 150" in text
    assert "of 200 rows cannot be used and are left out" in text
    assert "bad_rows=error refuses such data" in text
    caplog.clear()
    model.evaluate(inputs, targets, **how)
    again = [message for message in caplog.messages if "cannot be used" in message]
    assert [message.replace("the data", "the training data") for message in again] == left_out


@EVERY
def test_more_bad_rows_and_error_raise_the_error_of_the_first(make: Callable[[], Given]) -> None:
    kind, options, inputs, targets, bad, how = make()
    inputs[7] = bad
    with pytest.raises(DataError, match=r"index 7\b.*: expected "):
        kind(**TINY, **options, bad_rows="error").fit(inputs, targets, **how, progress=False, tune=False)
    for row in (3, 9, 11):
        inputs[row] = bad
    with pytest.raises(DataError, match=r"index 3\b.*: expected "):
        kind(**TINY, **options).fit(inputs, targets, **how, progress=False, tune=False)


def test_skip_leaves_out_any_number(caplog: pytest.LogCaptureFixture) -> None:
    kind, options, inputs, targets, bad, _ = texts()
    inputs[:50] = [bad] * 50
    model = kind(**TINY, **options, bad_rows="skip", split=(1.0, 0.0, 0.0))
    model.fit(inputs, targets, valid=([None, "a film"], ["pos", "neg"]), progress=False, tune=False)
    first, second = (message for message in caplog.messages if "cannot be used" in message)
    assert first.startswith("50 of 200 rows cannot be used and are left out: X, index 0, index 1, index 2, index 3")
    assert second.startswith("1 of 2 rows cannot be used")
    assert model.data["train"] == 150


def test_predictions_and_scores_answer_for_every_row() -> None:
    kind, options, inputs, targets, bad, _ = texts()
    model = kind(**TINY, **options, bad_rows="skip").fit(inputs, targets, progress=False, tune=False)
    for call in (model.predict, model.predict_proba, lambda given: model.score(given, targets)):
        with pytest.raises(DataError, match=r"X, index 3: expected a text"):
            call([*inputs[:3], bad, *inputs[4:]])


def test_labels_and_weights_stay_with_their_rows() -> None:
    X = np.arange(12.0).reshape(6, 2)
    X[2, 1] = np.nan
    y = pd.Series(["a", "b", "c", None, "a", "b"], index=list("pqrstu"))
    with bad_rows_of(ExamplesConfig(bad_rows="skip")) as bad:
        found = labelled_examples(X, y, ExamplesConfig(), regression=False, sample_weight=[1, 2, 3, 4, 5, 6])
    assert found.examples.labels == ["a", "b", "a", "b"]
    assert found.examples.weights is not None
    assert found.examples.weights.tolist() == [1, 2, 5, 6]
    assert [each[0, 0] for each in found.examples.inputs] == [0, 2, 8, 10]  # type: ignore[call-overload]
    assert (found.classes is not None, found.names) == (True, ["a", "b"])
    assert "X, index 2, step 2" in bad.remarks[0]
    assert "y, index label 's'" in bad.remarks[1]


@pytest.mark.parametrize("frame", [False, True])
def test_the_others_are_read_as_if_they_were_alone(frame: bool) -> None:
    whole = np.random.default_rng(1).normal(size=(30, 4)) + 1e7
    broken = np.insert(whole, 5, np.nan, axis=0)
    labels = [str(row % 2) for row in range(30)]
    given, alone = (pd.DataFrame(each, columns=list("abcd")) if frame else each for each in (broken, whole))
    with bad_rows_of(ExamplesConfig(bad_rows="skip")):
        found, rows = usable_examples(given, [*labels[:5], "x", *labels[5:]])
        items = captioned_from(given, [*labels[:5], "x", *labels[5:]], CaptionDataConfig())
    expected = usable_examples(alone, labels)[0]
    assert rows == [row for row in range(31) if row != 5]
    assert found.fingerprint() == expected.fingerprint()
    assert items.fingerprint() == captioned_from(alone, labels, CaptionDataConfig()).fingerprint()


def test_within_scikit_learn_auto_is_an_error() -> None:
    from sklearn.pipeline import make_pipeline

    kind, options, inputs, targets, bad, _ = texts()
    inputs[7] = bad
    with pytest.raises(DataError, match="X, index 7: expected a text"):
        make_pipeline(kind(**TINY, **options)).fit(inputs, targets)
    make_pipeline(kind(**TINY, **options, bad_rows="skip")).fit(inputs, targets)


def test_an_error_after_rows_were_left_out_has_the_index_of_the_person() -> None:
    inputs, labels = ["a film"] * 6, ["x", None, "x", "y", 3, "y"]
    with (
        bad_rows_of(ExamplesConfig(bad_rows="skip")),
        pytest.raises(DataError, match="y, index 4: expected labels of one"),
    ):
        labelled_examples(inputs, labels, ExamplesConfig(), regression=False)
