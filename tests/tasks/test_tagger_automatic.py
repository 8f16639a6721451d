"""The options of a tagger that the preset `auto` chooses by the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman import Tagger
from elman.tasks.tagger.automatic import options_for
from elman.tasks.tagger.config import TaggerConfig

from .small_taggers import OPTIONS, sentences


@pytest.mark.parametrize(
    ("size", "batch_size", "epochs"),
    [
        ((1, 5), 4, 200.0),
        ((3, 20), 4, 200.0),
        ((50, 800), 4, 120.0),
        ((51, 800), 8, 200.0),
        ((300, 5_000), 8, 40.0),
        ((627, 10_000), 16, 38.0),
        ((3000, 50_000), 16, 20.0),
        ((3001, 50_000), None, 20.0),
        ((5000, 125_000), None, 20.0),
        ((5000, 125_001), None, None),
        ((12_544, 204_577), None, None),
        ((1_000_000, 20_000_000), None, None),
    ],
)
def test_batches_and_passes_follow_from_the_number_of_sentences(
    size: tuple[int, int], batch_size: int | None, epochs: float | None
) -> None:
    chosen = options_for(*size, spans=False)
    assert chosen.get("batch_size") == batch_size
    assert chosen.get("max_epochs") == epochs
    assert "head" not in chosen


def test_spans_have_a_crf_and_few_sentences_less_noise() -> None:
    assert options_for(20_000, 400_000, spans=True) == {
        "head": "crf",
        "dropout": 0.4,
        "input_dropout": 0.4,
        "word_dropout": 0.25,
    }
    assert options_for(20_000, 400_000, spans=False) == {}
    few = options_for(5000, 80_000, spans=True)
    assert (few["head"], few["dropout"], few["input_dropout"], few["word_dropout"]) == ("crf", 0.3, 0.3, 0.25)
    assert "dropout" not in options_for(5001, 80_000, spans=False)


@pytest.mark.parametrize("spans", [False, True])
def test_a_short_run_on_much_data_has_a_small_network(spans: bool) -> None:
    for seconds, small in ((0.0, False), (399.0, True), (401.0, False)):
        chosen = options_for(12_500, 200_000, spans=spans, seconds=seconds)
        assert ("layers" in chosen) == small
        if small:
            assert (chosen["hidden_size"], chosen["batch_size"]) == (100, 16)
            assert chosen["dropout"] == (0.4 if spans else 0.3)
            TaggerConfig.make("auto", chosen)


@pytest.mark.parametrize("spans", [False, True])
@pytest.mark.parametrize("count", [1, 40, 200, 2000, 4000, 10**6])
def test_the_options_exist_and_are_allowed(count: int, spans: bool) -> None:
    TaggerConfig.make("auto", options_for(count, 20 * count, spans=spans))


def fitted(words: Any, tags: Any, **options: Any) -> Tagger:
    return Tagger(**{**OPTIONS, **options}).fit(words, tags, progress=False, tune=False)


def test_a_run_chooses_by_its_training_part() -> None:
    words, tags, _ = sentences(60)
    own = {name: value for name, value in OPTIONS.items() if name not in ("batch_size", "input_dropout")}
    model = Tagger(**own).fit(words, tags, progress=False, tune=False)
    network = model.config.network
    assert (network.head, network.batch_size, network.input_dropout, network.dropout) == ("crf", 8, 0.3, 0.0)
    steps = sum(map(len, words))
    assert model.training["automatic"]["options"] == {"head": "crf", "batch_size": 8, "input_dropout": 0.3}
    (because,) = model.training["automatic"]["because"]
    assert because.startswith("54 sentences of ")
    assert because.endswith(" words, tags of spans")
    assert 0 < int(because.split()[3]) < steps
    assert model.training["steps"] == OPTIONS["max_steps"]


def test_plain_tags_have_no_crf_and_given_options_win() -> None:
    words, tags, _ = sentences()
    plain = [[tag.replace("-", "") for tag in each] for each in tags]
    assert fitted(words, plain).config.network.head == "softmax"
    assert fitted(words, tags, head="softmax").config.network.head == "softmax"
    assert fitted(words, tags, preset="base").config.network.head == "softmax"


def test_nothing_is_chosen_for_frames() -> None:
    generator = np.random.default_rng(0)
    frames = [generator.normal(size=(6, 2)) for _ in range(12)]
    tags = [["B-x", "I-x", "O", "O", "B-x", "O"]] * 12
    model = fitted(frames, tags, max_steps=2)
    assert "automatic" not in model.training
    assert model.config.network.head == "softmax"
