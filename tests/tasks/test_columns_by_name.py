"""Columns go by name in classifiers, taggers and captioners; row numbers without a name are no features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import elman
from elman import Captioner, Classifier, Tagger
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.errors import ArtifactError, DataError

QUICK: dict[str, Any] = {"hidden_size": 8, "max_steps": 60, "threads": 1, "learning_rate": 0.02, "device": "cpu"}
RANDOM = np.random.default_rng(0)
LABELS = np.array(["up", "down"] * 20)
SIGN = np.where(LABELS == "up", 1.0, -1.0)
MATRIX = SIGN[:, None] * np.linspace(-1, 1, 8) + 0.1 * RANDOM.normal(size=(40, 8))
FRAME = pd.DataFrame(MATRIX, columns=[f"t{number}" for number in range(8)])
FIT: dict[str, Any] = {"progress": False, "tune": False}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier("small", **QUICK).fit(FRAME, LABELS, **FIT)


def test_the_columns_of_a_frame_go_by_name(classifier: Classifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model")
    expected = classifier.predict_proba(FRAME)
    assert classifier.score(FRAME, LABELS) > 0.9
    for model in (classifier, elman.load(tmp_path / "model")):
        assert model.feature_names_in_.tolist() == FRAME.columns.tolist()
        for other in (FRAME[FRAME.columns[::-1]], pl.DataFrame(FRAME[FRAME.columns[::-1]].to_dict("list")), MATRIX,
                      FRAME.assign(**{"Unnamed: 0": range(40)})):  # fmt: skip
            np.testing.assert_array_equal(model.predict_proba(other), expected)
        assert model.evaluate(FRAME[FRAME.columns[::-1]], LABELS) == classifier.evaluate(FRAME, LABELS)
    explained = classifier.explain(FRAME[FRAME.columns[::-1]][:1])[0]
    np.testing.assert_allclose(explained.values[:, 0], MATRIX[0], rtol=1e-6)


def test_other_columns_of_a_frame_are_refused(classifier: Classifier) -> None:
    for call in (classifier.predict, lambda X: classifier.score(X, LABELS)):
        with pytest.raises(DataError, match=r"as in training, in any order \(missing: 't3'; unknown: 'x'\)"):
            call(FRAME.rename(columns={"t3": "x"}))
        with pytest.raises(DataError, match=r"\(missing: 't3'\)"):
            call(FRAME.drop(columns="t3"))
        with pytest.raises(DataError, match=r"\(unknown: 'x'\)"):
            call(FRAME.assign(x=1.5))


def test_columns_with_numbers_in_another_order_go_by_number() -> None:
    frame = pd.DataFrame(MATRIX)
    model = Classifier("small", **QUICK).fit(frame, LABELS, **FIT)
    assert not hasattr(model, "feature_names_in_")
    expected = model.predict_proba(frame)
    np.testing.assert_array_equal(model.predict_proba(frame[frame.columns[::-1]]), expected)
    np.testing.assert_array_equal(model.predict_proba(frame.rename(columns=lambda label: label + 8)), expected)
    np.testing.assert_array_equal(model.predict_proba(FRAME), expected)


def test_frames_without_names_and_lists_go_by_place(classifier: Classifier) -> None:
    plain = Classifier("small", **QUICK | {"max_steps": 2}).fit(MATRIX, LABELS, **FIT)
    assert not hasattr(plain, "feature_names_in_")
    np.testing.assert_array_equal(plain.predict_proba(FRAME), plain.predict_proba(MATRIX))
    np.testing.assert_array_equal(classifier.predict(pd.DataFrame(MATRIX)), classifier.predict(MATRIX))
    assert len(classifier.predict([row[:5] for row in MATRIX])) == 40
    with_numbers = Classifier("small", **QUICK | {"max_steps": 2}).fit(
        FRAME.reset_index(names="Unnamed: 0"), LABELS, **FIT
    )
    assert with_numbers.feature_names_in_.tolist() == FRAME.columns.tolist()


def test_frames_of_channels_go_by_name() -> None:
    series = [pd.DataFrame({"p": row, "q": 5 + row[::-1]}) for row in MATRIX]
    model = Classifier("small", **QUICK | {"max_steps": 5}).fit(series, LABELS, **FIT)
    assert model.vocabulary.channels == ("p", "q")
    turned = [each[["q", "p"]] for each in series]
    np.testing.assert_array_equal(model.predict_proba(turned), model.predict_proba(series))
    with pytest.raises(DataError, match=r"expected the channels 'p', 'q', as in training, .*missing: 'q'"):
        model.predict([each.rename(columns={"q": "r"}) for each in series])
    with pytest.raises(DataError, match=r"index 1: expected the channels 'p', 'q', as in the first series"):
        model.predict([series[0], series[1].rename(columns={"q": "r"})])


def table(folder: Path, **columns: Any) -> Path:
    frame = pd.DataFrame(
        {"series": np.repeat([f"s{number}" for number in range(40)], 8), "time": np.tile(np.arange(8), 40),
         "x": MATRIX.ravel(), "z": RANDOM.normal(size=320), "label": np.repeat(LABELS, 8), **columns}
    )  # fmt: skip
    frame.to_csv(folder / "t.csv")
    return folder / "t.csv"


def test_row_numbers_are_no_channel_of_a_classifier(tmp_path: Path) -> None:
    path = table(tmp_path)
    model = Classifier("small", **QUICK | {"max_steps": 3}).fit(path, **FIT)
    assert model.vocabulary.channels == ("x", "z")
    expected = model.predict_proba(path)
    frame = pd.read_csv(path, index_col=0)
    frame[["series", "time", "z", "x"]].to_csv(tmp_path / "other.csv", index=False)
    np.testing.assert_array_equal(model.predict_proba(tmp_path / "other.csv"), expected)
    frame.drop(columns="z").to_csv(tmp_path / "other.csv")
    with pytest.raises(DataError, match=r"expected the channels 'x', 'z', as in training, .*missing: 'z'"):
        model.predict(tmp_path / "other.csv")


def test_files_of_a_classifier_with_columns_in_another_order_are_joined(tmp_path: Path) -> None:
    path = table(tmp_path)
    frame = pd.read_csv(path, index_col=0)
    (tmp_path / "two").mkdir()
    one, two = frame[frame["series"] < "s2"], frame[frame["series"] >= "s2"]
    one.to_csv(tmp_path / "two" / "1.csv", index=False)
    two[["z", "x", "series", "time", "label"]].to_csv(tmp_path / "two" / "2.csv", index=False)
    model = Classifier("small", **QUICK | {"max_steps": 3}).fit(
        [tmp_path / "two" / "1.csv", tmp_path / "two" / "2.csv"], **FIT
    )
    assert model.vocabulary.channels == ("x", "z")
    np.testing.assert_allclose(model.vocabulary.encoder.mean_I[0], MATRIX.mean(), atol=0.2)


def test_row_numbers_are_no_feature_of_a_tagger(tmp_path: Path) -> None:
    path = table(tmp_path)
    options = {"sequence_column": "series", "held_out": 0.0}
    model = Tagger("small", **QUICK | {"max_steps": 3}, **options).fit(path, **FIT)
    assert model.vocabulary.feature_names == ("x", "z")
    expected = model.tag(model.read(path))
    frame = pd.read_csv(path, index_col=0)
    frame[["z", "label", "series", "time", "x"]].to_csv(tmp_path / "other.csv", index=False)
    found = model.tag(model.read(tmp_path / "other.csv"))
    assert [each.probabilities for each in found] == [each.probabilities for each in expected]
    frame.assign(w=1.5).to_csv(tmp_path / "other.csv")
    with pytest.raises(DataError, match=r"expected the columns 'x', 'z', as in training, .*unknown: 'w'"):
        model.evaluate(tmp_path / "other.csv")


def test_frames_of_a_tagger_go_by_name() -> None:
    frames = [pd.DataFrame({"p": row, "q": 5 + row[::-1]}) for row in MATRIX]
    tags = [np.where(row > 0, "a", "b") for row in MATRIX]
    model = Tagger("small", **QUICK | {"max_steps": 3}, held_out=0.0).fit(frames, tags, **FIT)
    assert model.vocabulary.feature_names == ("p", "q")
    expected = [each.probabilities for each in model.tag(frames)]
    assert [each.probabilities for each in model.tag([each[["q", "p"]] for each in frames])] == expected
    assert [each.probabilities for each in model.tag([each.to_numpy() for each in frames])] == expected
    with pytest.raises(DataError, match=r"missing: 'q'; unknown: 'r'"):
        model.tag([each.rename(columns={"q": "r"}) for each in frames])


def test_row_numbers_are_no_feature_of_a_captioner(tmp_path: Path) -> None:
    options = {**QUICK, "embedding": 8, "max_steps": 3, "held_out": 0.0}
    frame = FRAME.assign(caption=LABELS)
    path = tmp_path / "t.csv"
    frame.to_csv(path)
    model = Captioner("small", **options).fit(path, **FIT)
    assert model.vocabulary.item.names == tuple(FRAME.columns)
    expected = model.evaluate(path)
    frame[frame.columns[::-1]].to_csv(path, index=False)
    assert model.evaluate(path) == expected
    assert model.evaluate(FRAME[FRAME.columns[::-1]], LABELS.tolist()) == expected
    assert model.evaluate(FRAME.reset_index(names="Unnamed: 0"), LABELS.tolist()) == expected
    with pytest.raises(DataError, match=r"missing: 't3'; unknown: 'x'"):
        model.caption(FRAME.rename(columns={"t3": "x"}))


def test_values_far_from_zero_are_standardised_in_double_precision(classifier: Classifier, tmp_path: Path) -> None:
    far = Classifier("small", **QUICK).fit(FRAME + 1e8, LABELS, **FIT)
    assert far.score(FRAME + 1e8, LABELS) > 0.9
    np.testing.assert_allclose(far.predict_proba(FRAME + 1e8), classifier.predict_proba(FRAME), atol=0.02)
    path = table(tmp_path, x=MATRIX.ravel() + 1e8)
    model = Classifier("small", **QUICK).fit(path, **FIT)
    assert model.score(path) > 0.9


@pytest.mark.parametrize("kind", ["nullable", "masked", "object"])
def test_missing_values_of_every_kind_are_missing(kind: str) -> None:
    frame = FRAME.copy()
    frame.iloc[3, 2] = np.nan
    data: Any = {
        "nullable": frame.convert_dtypes(),
        "masked": np.ma.masked_invalid(frame.to_numpy()),
        "object": frame.astype(object).where(frame.notna(), None),
    }[kind]
    with pytest.raises(DataError, match=r"index 3, step 3, channel 1: expected a value \(missing=interpolate"):
        Classifier("small", **QUICK).fit(data, LABELS, **FIT)
    model = Classifier("small", **QUICK | {"max_steps": 2}, missing="interpolate").fit(data, LABELS, **FIT)
    assert len(model.predict(data)) == 40


def test_durations_are_refused() -> None:
    with pytest.raises(DataError, match=r"X: expected numbers; convert durations .* Received: timedelta64"):
        Classifier("small", **QUICK).fit(pd.DataFrame(MATRIX).apply(pd.to_timedelta, unit="h"), LABELS, **FIT)


TAGS = [np.where(row > 0, "a", "b") for row in MATRIX]


def test_frames_far_from_zero_are_standardised_in_double_precision(tmp_path: Path) -> None:
    near, far = ([pd.DataFrame({"p": row, "q": 3 * row[::-1]}) + by for row in MATRIX] for by in (0.0, 1e8))
    options = QUICK | {"max_steps": 40}
    expected = Tagger("small", **options).fit(near, TAGS, **FIT)
    model = Tagger("small", **options).fit(far, TAGS, **FIT)
    assert (model.vocabulary.features, len(model.vocabulary.centre), expected.vocabulary.centre) == (2, 2, ())
    assert model.score(far, TAGS) == expected.score(near, TAGS) > 0.8
    model.save(tmp_path / "model")
    for each in (model, elman.load(tmp_path / "model")):
        for found, wanted in zip(each.tag([x[["q", "p"]] for x in far]), expected.tag(near), strict=True):
            np.testing.assert_allclose(found.probabilities, wanted.probabilities, atol=1e-3)
    with pytest.raises(DataError, match=r"index 0: expected values that differ in float32; .* in feature 'p'"):
        expected.tag(far)
    with pytest.raises(DataError, match=r"expected values that differ in float32; subtract their mean"):
        Tagger("small", **QUICK, standardise=False).fit(far, TAGS, **FIT)


@pytest.mark.parametrize("kind", ["vectors", "maps"])
def test_items_far_from_zero_are_standardised_in_double_precision(kind: str, tmp_path: Path) -> None:
    options: dict[str, Any] = QUICK | {"embedding": 8, "max_steps": 40, "held_out": 0.0}
    near: Any = FRAME
    if kind == "maps":
        near, options = MATRIX.reshape(40, 4, 2), options | {"items": "maps", "vector_size": 4}
    expected = Captioner("small", **options).fit(near, LABELS.tolist(), **FIT)
    model = Captioner("small", **options).fit(near + 1e8, LABELS.tolist(), **FIT)
    assert expected.vocabulary.item.centre == ()
    model.save(tmp_path / "model")
    wanted = expected.evaluate(near, LABELS.tolist())
    for each in (model, elman.load(tmp_path / "model")):
        found = each.evaluate(near + 1e8, LABELS.tolist())
        assert found["loss"] == pytest.approx(wanted["loss"], abs=1e-3)
    with pytest.raises(DataError, match=r"expected values that differ in float32; subtract their mean"):
        expected.caption(near + 1e8)


def test_tables_far_from_zero(tmp_path: Path) -> None:
    path = table(tmp_path, x=MATRIX.ravel() + 1e8, label=np.where(MATRIX.ravel() > 0, "a", "b"))
    model = Tagger("small", **QUICK, sequence_column="series").fit(path, **FIT)
    assert model.evaluate(path)["accuracy"] > 0.8
    losses = []
    for by in (0.0, 1e8):
        (FRAME + by).assign(caption=LABELS).to_csv(tmp_path / "c.csv", index=False)
        captioner = Captioner("small", **QUICK | {"max_steps": 20}, embedding=8).fit(tmp_path / "c.csv", **FIT)
        losses.append(captioner.evaluate(tmp_path / "c.csv")["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_a_broken_centre_is_refused() -> None:
    frames = [row[:, None] + 1e8 for row in MATRIX]
    content = Tagger("small", **QUICK | {"max_steps": 1}).fit(frames, TAGS, **FIT).vocabulary.to_json()
    assert TaggerVocabulary.from_json(content).centre == tuple(content["centre"])
    for centre in ([1.0, 2.0], ["x"], [float("nan")], [True], 1.0):
        with pytest.raises(ArtifactError):
            TaggerVocabulary.from_json({**content, "centre": centre})


def test_columns_of_row_numbers_that_an_option_names_are_read(tmp_path: Path) -> None:
    path = table(tmp_path)
    quick = QUICK | {"max_steps": 2}
    for name in ("", "Unnamed: 0"):
        pd.read_csv(path).rename(columns={"Unnamed: 0": name}).to_csv(tmp_path / "named.csv", index=False)
        model = Classifier("small", **quick, value_columns=(name, "x")).fit(tmp_path / "named.csv", **FIT)
        assert model.vocabulary.channels == (name, "x")
        assert len(model.predict(tmp_path / "named.csv")) == 40
        alone = Classifier("small", **quick, value_columns=(name,)).fit(tmp_path / "named.csv", **FIT)
        assert alone.vocabulary.channels == (name,)
        items = FRAME.assign(caption=LABELS).reset_index(names=name)
        items.to_csv(tmp_path / "items.csv", index=False)
        chosen = Captioner("small", **quick, embedding=8, feature_columns=(name, "t1"))
        chosen.fit(tmp_path / "items.csv", **FIT)
        assert chosen.vocabulary.item.names == (name, "t1")
        assert len(chosen.caption(tmp_path / "items.csv")) == 40


def test_a_table_with_decimal_commas(tmp_path: Path) -> None:
    frame = pd.read_csv(table(tmp_path), index_col=0)
    frame.to_csv(tmp_path / "point.csv", index=False)
    frame.to_csv(tmp_path / "comma.csv", index=False, sep=";", decimal=",")
    quick = QUICK | {"max_steps": 3}
    for kind in (Classifier, Tagger):
        options = {"sequence_column": "series"} if kind is Tagger else {}
        with pytest.raises(
            DataError, match=r"expected a number in the column 'x', with a decimal point \(the option dec"
        ):
            kind("small", **quick, **options).fit(tmp_path / "comma.csv", **FIT)
        one = kind("small", **quick, **options).fit(tmp_path / "point.csv", **FIT)
        other = kind("small", **quick, **options, decimal=",").fit(tmp_path / "comma.csv", **FIT)
        assert one.evaluate(tmp_path / "point.csv") == other.evaluate(tmp_path / "comma.csv")
    items = FRAME.assign(caption=LABELS)
    items.to_csv(tmp_path / "items.csv", index=False, sep=";", decimal=",")
    model = Captioner("small", **quick, embedding=8, held_out=0.0, decimal=",").fit(tmp_path / "items.csv", **FIT)
    assert model.vocabulary.item.names == tuple(FRAME.columns)
    scores = frame.assign(label=frame.groupby("series")["x"].transform("max"))
    scores.to_csv(tmp_path / "scores.csv", index=False, sep=";", decimal=",")
    model = Classifier("small", **quick, kind="regression", decimal=",").fit(tmp_path / "scores.csv", **FIT)
    assert model.evaluate(tmp_path / "scores.csv")["examples"] == 40
