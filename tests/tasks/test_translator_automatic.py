"""The options of a translator that the preset `auto` chooses by its pairs."""

from __future__ import annotations

from typing import Any

import pytest

import elman
from elman.tasks.translator.automatic import options_for
from elman.tasks.translator.config import TranslatorConfig

from .small_translators import SOURCES, TARGETS, TINY


@pytest.mark.parametrize(
    ("pairs", "epochs"), [(1, 100.0), (2, 100.0), (600, 100.0), (601, 100.0), (2000, 30.0), (4000, 15.0), (5000, 12.0)]
)
def test_few_pairs_have_small_batches_and_more_passes(pairs: int, epochs: float) -> None:
    chosen = options_for(pairs, "subwords")
    assert (chosen["batch_size"], chosen["hidden_size"], chosen["vocabulary_size"]) == (32, 256, 2000)
    assert chosen["max_epochs"] == epochs
    TranslatorConfig.make("auto", chosen)


@pytest.mark.parametrize("tokens", ["subwords", "words", "characters"])
def test_many_pairs_have_the_options_of_base(tokens: str) -> None:
    assert options_for(5001, tokens) == options_for(29_000, tokens) == {}


@pytest.mark.parametrize("tokens", ["subwords", "words"])
def test_a_short_run_on_many_pairs_has_a_small_network(tokens: str) -> None:
    for seconds, small in ((0.0, False), (99.0, True), (101.0, False)):
        chosen = options_for(9000, tokens, seconds)
        assert bool(chosen) == small
        if small:
            assert (chosen["hidden_size"], chosen["batch_size"]) == (192, 32)
            assert ("vocabulary_size" in chosen) == (tokens == "subwords")
            TranslatorConfig.make("auto", chosen)
    assert options_for(9000, "characters", 1.0) == {}


def test_only_the_vocabulary_of_subwords_is_limited() -> None:
    assert "vocabulary_size" not in options_for(100, "words")
    assert options_for(100, "characters") == {}


def test_a_run_chooses_by_its_training_part() -> None:
    own: dict[str, Any] = {name: value for name, value in TINY.items() if name not in ("batch_size", "dropout")}
    model = elman.Translator(**own).fit(SOURCES, TARGETS, progress=False, tune=False)
    network = model.config.network
    assert (network.batch_size, network.dropout, network.hidden_size) == (32, 0.3, TINY["hidden_size"])
    assert model.training["automatic"] == {"options": {"dropout": 0.3, "batch_size": 32}, "because": ["29 pairs"]}
    assert model.training["steps"] == TINY["max_steps"]
    base = elman.Translator("base", **own).fit(SOURCES, TARGETS, progress=False, tune=False).config.network
    assert (base.batch_size, base.dropout) == (128, 0.4)
