"""The options of a language model that the preset `auto` chooses by its text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from elman import LanguageModel
from elman.tasks.language_model.automatic import options_for
from elman.tasks.language_model.config import LanguageModelConfig

from .small import OPTIONS, TEXT

OWN: dict[str, Any] = {name: value for name, value in OPTIONS.items() if name not in ("batch_size", "dropout")}


@pytest.mark.parametrize(
    ("characters", "streams", "rate"),
    [
        (2, 1, 3e-3),
        (180, 1, 3e-3),
        (2_499, 1, 3e-3),
        (2_500, 2, 3e-3),
        (5_000, 4, 3e-3),
        (9_999, 4, 3e-3),
        (10_000, 8, 5e-3),
        (18_000, 8, 5e-3),
        (39_999, 16, 5e-3),
        (40_000, None, None),
        (10**9, None, None),
    ],
)
def test_a_short_text_has_few_streams(characters: int, streams: int | None, rate: float | None) -> None:
    chosen = options_for(characters)
    assert (chosen.get("batch_size"), chosen.get("learning_rate")) == (streams, rate)
    LanguageModelConfig.make("auto", chosen)


@pytest.mark.parametrize(
    ("characters", "dropout", "epochs"),
    [
        (200, 0.5, 40.0),
        (10_000, 0.5, 40.0),
        (10_001, 0.3, 20.0),
        (200_000, 0.3, 20.0),
        (200_001, None, None),
        (10**9, None, None),
    ],
)
def test_a_short_text_needs_noise_and_passes(characters: int, dropout: float | None, epochs: float | None) -> None:
    chosen = options_for(characters)
    assert (chosen.get("dropout"), chosen.get("max_epochs")) == (dropout, epochs)


def fitted(folder: Path, text: str, **options: Any) -> LanguageModel:
    path = folder / "text.txt"
    path.write_text(text, encoding="utf-8")
    return LanguageModel(**{**OWN, **options}).fit(path, progress=False, tune=False)


def test_a_run_chooses_by_its_training_part(tmp_path: Path) -> None:
    model = fitted(tmp_path, TEXT, max_steps=2, split=(0.8, 0.2, 0.0))
    size = model.data["train_tokens"]
    assert size < len(TEXT)
    chosen = options_for(size)
    assert model.config.network.batch_size == chosen["batch_size"]
    assert model.config.network.dropout == chosen["dropout"]
    assert model.training["automatic"]["because"] == [f"{size:,} characters"]
    assert model.training["steps"] == 2


def test_the_other_presets_and_other_tokens_choose_nothing(tmp_path: Path) -> None:
    usual = LanguageModelConfig.make("base").network
    for options in ({"preset": "base"}, {"tokens": "words", "split": (0.8, 0.2, 0.0)}):
        network = fitted(tmp_path, TEXT, max_steps=2, **options).config.network
        assert (network.batch_size, network.dropout) == (usual.batch_size, usual.dropout)
