"""Objects of the wrong kind: a class of elman raises an error of elman for each, before anything is learnt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.errors import DataError, ElmanError

from .labelled import fitted, series, texts

JUNK = [None, 5, 2.5, True, [None], [[None]], [5, "a"], object(), {"a": 1}, b"bytes", np.array(None), (), [object()]]
QUICK = {"max_steps": 1, "threads": 1, "device": "cpu"}
KINDS = ["Classifier", "Tagger", "Translator", "Captioner", "Transcriber", "Forecaster", "LanguageModel"]


def _name(junk: object) -> str:
    """A name of a value that is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(junk))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("junk", JUNK, ids=_name)
def test_fit_refuses_other_objects(kind: str, junk: Any) -> None:
    model = getattr(elman, kind)("small", **QUICK)
    with pytest.raises(ElmanError):
        model.fit(junk, progress=False, tune=False)
    if kind not in ("Forecaster", "LanguageModel"):
        with pytest.raises(ElmanError):
            model.fit(junk, ["a", "b"] * 5, progress=False, tune=False)


@pytest.mark.parametrize("junk", [junk for junk in JUNK if junk is not None], ids=_name)
def test_targets_of_other_objects_are_refused(junk: Any) -> None:
    sentences = [["a", "b"], ["b", "a"]] * 5
    for kind, inputs in (
        ("Classifier", np.random.default_rng(0).normal(size=(10, 3))),
        ("Tagger", sentences),
        ("Translator", ["a b"] * 10),
        ("Captioner", np.random.default_rng(0).normal(size=(10, 3))),
        ("Transcriber", [np.zeros(8000, dtype=np.float32)] * 10),
    ):
        with pytest.raises(ElmanError):
            getattr(elman, kind)("small", **QUICK).fit(inputs, junk, progress=False, tune=False)


@pytest.mark.parametrize(
    "labels", [["a", 1] * 10, [None, "a"] * 10, [True, 2] * 10, np.array([1, "a"] * 10, dtype=object)]
)
def test_labels_of_several_types_are_refused(labels: Any) -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(DataError, match=r"y, index [01]: expected"):
        elman.Classifier("small", **QUICK).fit(X, labels, progress=False)


def test_predictions_refuse_other_objects(tmp_path: Path) -> None:
    torn = tmp_path / "torn.npy"
    torn.write_bytes(b"\x93NUMPY")
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\xfd\n")
    paths = [torn, table, empty, tmp_path / "bytes.txt", tmp_path / "none.csv", Path("\0"), Path("/dev/null")]
    for model in (fitted(*texts()), fitted(*series()), fitted(np.zeros((20, 4)) + np.arange(4), [0, 1] * 10)):
        for junk in [*JUNK, *paths, np.zeros((2, 3, 4, 5, 6)), np.array(["a"])]:
            if model.vocabulary.reads_text and isinstance(junk, np.ndarray) and junk.dtype.kind == "U":
                continue
            for call in (model.predict, model.predict_proba, model.explain, model.score):
                with pytest.raises(ElmanError):
                    call(junk)
