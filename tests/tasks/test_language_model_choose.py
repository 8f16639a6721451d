"""Alternatives in braces: their sentences, and their probabilities against plain float64 passes."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import LanguageModel
from elman.data.alternatives import sentences_of
from elman.errors import DataError

from . import small

KINDS: dict[str, dict[str, Any]] = {
    "characters": {},
    "subwords": {"tokens": "subwords", "vocabulary_size": 280},
    "words": {"tokens": "words"},
    "documents": {"documents": "lines", "learn_initial_state": True},
}


@pytest.fixture(scope="module", params=KINDS)
def lm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("choose")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        return small.trained(folder, max_steps=30, learning_rate=0.02, **KINDS[request.param])


def by_hand(model: LanguageModel, text: str) -> float:
    """The log-probability of a sentence whose last word ends there."""
    vocabulary = model.vocabulary
    start, ids = model.context_start(), vocabulary.encode(text).tolist()
    rows = small.one_by_one(copy.deepcopy(model.network).double(), [*start, *ids])
    total = math.fsum(float(rows[len(start) - 1 + place][number]) for place, number in enumerate(ids))
    if vocabulary.kind == "words" or not text[-1:].isalnum():
        return total
    ends = [number for number in range(vocabulary.size) if ends_word(vocabulary, number)]
    return total + math.log(float(rows[-1].exp()[ends].sum()))


def ends_word(vocabulary: Any, number: int) -> bool:
    """Whether a token begins with a character that is no letter, digit or apostrophe."""
    if number == vocabulary.end_id:
        return True
    raw = vocabulary.entries()[number] if number != vocabulary.unknown_id else "x"
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return not (text[0].isalnum() or text[0] in "_'\ufffd")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("the {white|wide} {whale|sea|ship} swam", 6),
        ("{the|and|ship} sailed on.", 3),
        ("the captain {saw|saw the} {ship|whale}", 4),
        ("the {white |}whale{ swam|} in the wide {sea|sea;}", 8),
    ],
)
def test_probabilities_by_hand(lm: LanguageModel, text: str, count: int) -> None:
    found = lm.choose(text)
    assert len(found) == count
    expected = {sentence.text: by_hand(lm, sentence.text) for sentence in sentences_of(text)}
    total = math.fsum(math.exp(value) for value in expected.values())
    for each in found:
        assert each.log_probability == pytest.approx(expected[each.text], abs=2e-5)
        assert each.probability == pytest.approx(math.exp(expected[each.text]) / total, abs=1e-5)
    assert [each.text for each in found] == sorted(expected, key=lambda text: -expected[text])
    assert math.fsum(each.probability for each in found) == pytest.approx(1.0, abs=1e-12)
    assert found.best is found.found[0]


def test_a_word_at_the_end_does_not_include_longer_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    model = small.trained(
        tmp_path, "two bears ate. one bear slept.\n" * 30, max_steps=150, hidden_size=24, learning_rate=0.03
    )
    assert model.choose("two {bear|bears}").best.alternatives == ("bears",)
    assert model.choose("one {bear|bears}").best.alternatives == ("bear",)


def test_long_texts_are_read_in_pieces(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "the white whale swam in the {wide sea|sea; the captain saw it, and the ship sailed} on. the {ship|sea}"
    whole = lm.choose(text)
    monkeypatch.setattr("elman.metrics.alternatives._CHUNK", 3)
    monkeypatch.setattr("elman.metrics.alternatives._MAX_LOGITS", 1)
    pieces = lm.choose(text)
    assert [each.text for each in pieces] == [each.text for each in whole]
    assert [each.log_probability for each in pieces] == pytest.approx(
        [each.log_probability for each in whole], abs=1e-5
    )


def test_unknown_tokens_of_some_alternatives_are_refused(lm: LanguageModel) -> None:
    if lm.vocabulary.kind == "subwords":
        assert len(lm.choose("the {whale|Žižek}")) == 2
        return
    with pytest.raises(DataError, match=r"expected alternatives of known .*Received: 'Ž"):
        lm.choose("the {whale|Ž}")
    assert len(lm.choose("Ž {whale|sea}")) == 2


def test_evaluation_mode_is_used_and_restored(lm: LanguageModel) -> None:
    model = copy.deepcopy(lm)
    model.network.dropout = 0.9
    model.network.train()
    expected = [each.log_probability for each in lm.choose("the {sea|ship}")]
    assert [each.log_probability for each in model.choose("the {sea|ship}")] == pytest.approx(expected, abs=1e-6)
    assert model.network.training


def test_a_broken_network_is_reported(lm: LanguageModel) -> None:
    broken = copy.deepcopy(lm)
    with torch.no_grad():
        broken.network.head.bias[3] = torch.nan
    with pytest.raises(DataError, match="finite logits"):
        broken.choose("the {sea|ship}")
