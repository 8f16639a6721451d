"""Tags and sentence labels come back in the type that they had, whatever the spelling of a whole number."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman import Tagger
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.errors import ArtifactError

from .small_taggers import OPTIONS

DRAW = np.random.default_rng(0)
FRAMES = [DRAW.normal(size=(6, 2)) for _ in range(20)]
GIVEN = {name: value for name, value in OPTIONS.items() if name not in ("embedding", "char_embedding", "char_hidden")}


def fitted(tags: Any, **options: Any) -> Tagger:
    return Tagger(**GIVEN | options).fit(FRAMES, tags, progress=False, tune=False)


def table(path: Path, spelling: Any) -> Path:
    rows = [
        f"{s},{t},{x[0]:.3f},{x[1]:.3f},{spelling(x[0] > 0)}"
        for s, x_TI in enumerate(FRAMES)
        for t, x in enumerate(x_TI)
    ]
    path.write_text("\n".join(["sequence,time,a,b,label", *rows, ""]))
    return path


@pytest.mark.parametrize(
    ("convert", "kind"), [(int, int), (float, float), (bool, bool), (lambda above: "up" if above else "down", str)]
)
def test_tags_in_memory_come_back_as_they_were_given(convert: Any, kind: type, tmp_path: Path) -> None:
    model = fitted([[convert(x[0] > 0) for x in x_TI] for x_TI in FRAMES])
    model.save(tmp_path / "model")
    for each in (model, elman.load(tmp_path / "model")):
        found = {tag for tags in each.predict(FRAMES) for tag in tags}
        assert {type(tag) for tag in found} == {kind}
        assert found <= {convert(True), convert(False)}


def test_arrays_of_tags_and_labels_of_sentences() -> None:
    words = [["go", "to", "rome"], ["fly", "home"]] * 10
    model = Tagger(**OPTIONS, intent=True).fit(
        words, [np.arange(3), np.arange(2)] * 10, intents=np.array([7, 8] * 10), progress=False, tune=False
    )
    assert set(model.predict_intents(words)) <= {7, 8}
    assert all(type(tag) is int for tags in model.predict(words) for tag in tags)
    assert {tag for each in model.tag(words) for tag in each.tags} <= {"0", "1", "2"}


def test_whole_numbers_in_files_are_integers_in_either_spelling(tmp_path: Path) -> None:
    whole, fraction = (
        table(tmp_path / "int.csv", lambda up: int(up)),
        table(tmp_path / "float.csv", lambda up: float(up)),
    )
    models = [Tagger(**GIVEN).fit(path, progress=False, tune=False) for path in (whole, fraction)]
    assert {tag for model in models for tags in model.predict(FRAMES) for tag in tags} <= {0, 1}
    for model in models:
        figures = model.evaluate(whole)
        assert figures == model.evaluate(fraction)
        assert figures["accuracy"] > 0.3
        assert {each.name for each in model.report(fraction).tags} == {"0", "1"}


def test_a_folder_of_an_earlier_version_keeps_texts(tmp_path: Path) -> None:
    fitted([[int(x[0] > 0) for x in x_TI] for x_TI in FRAMES]).save(tmp_path / "model")
    path = tmp_path / "model" / "vocabulary.json"
    content = json.loads(path.read_text())
    assert content.pop("label_types") == ["integer", "text"]
    vocabulary = TaggerVocabulary.from_json(content)
    assert vocabulary.tag_values(["0", "1"]) == ["0", "1"]
    earlier = {**content, "tags": ["0.0", "1.0"]}
    assert TaggerVocabulary.from_json(earlier).tag_ids(["0", "1.0", "2"]).tolist() == [0, 1, -100]


def test_a_pickled_vocabulary_of_an_earlier_version_is_read() -> None:
    vocabulary = TaggerVocabulary.smallest(intent=True)
    earlier = copy.copy(vocabulary)
    state = {**vars(vocabulary), "_tags": {"a": 0, "b": 1}, "_intents": {"a": 0, "b": 1}}
    del state["label_types"]
    vars(earlier).clear()
    vars(earlier).update(state)
    assert earlier.tag_ids(["b", "c"]).tolist() == [1, -100]
    assert (earlier.intent_id("a"), earlier.tag_values(["b"])) == (0, ["b"])


@pytest.mark.parametrize("types", [["integer"], ["integer", "text", "text"], ["complex", "text"], [1, 2], [[], "text"]])
def test_types_that_the_tags_do_not_have_are_refused(types: list[Any]) -> None:
    content = TaggerVocabulary.smallest(intent=False).to_json()
    for wrong in (types, ["integer", "text"]):
        with pytest.raises(ArtifactError, match="expected the types of a tagger's labels"):
            TaggerVocabulary.from_json({**content, "label_types": wrong})
