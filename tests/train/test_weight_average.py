"""The moving average of the weights: its numbers, and that it is what is evaluated, kept and stored."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import elman
from elman import LanguageModel
from elman.train.ema import ExponentialMovingAverage

from .runs import SMALL, made_up_text


def test_the_average_by_hand() -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    average = ExponentialMovingAverage([parameter], 0.5)
    expected = 1.0
    for step, value in enumerate([2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]):
        parameter.data.fill_(value)
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert float(average.tensors[0]) == pytest.approx(expected, rel=1e-6)
    with average.swapped_in():
        assert parameter.item() == pytest.approx(expected, rel=1e-6)
    assert parameter.item() == 512.0


def test_the_weights_come_back_when_something_fails() -> None:
    parameter = nn.Parameter(torch.tensor([1.0]))
    average = ExponentialMovingAverage([parameter], 0.9)
    parameter.data.fill_(3.0)
    with pytest.raises(ValueError, match="on purpose"), average.swapped_in():
        raise ValueError("on purpose")
    assert parameter.item() == 3.0


@pytest.mark.parametrize("split", [(0.8, 0.2, 0.0), (1.0, 0.0, 0.0)])
def test_what_is_stored_is_the_average(tmp_path: Path, split: tuple[float, ...]) -> None:
    text = tmp_path / "text.txt"
    text.write_text(made_up_text())
    options = SMALL | {"split": split, "learning_rate": 0.3, "max_steps": 6, "evaluate_every": 6, "warmup_steps": 0}
    plain, averaged_weights = (
        LanguageModel(**options, **more).fit(text, folder=tmp_path / name, progress=False, tune=False)
        for name, more in (("plain", {}), ("averaged", {"ema_decay": 0.8}))
    )
    differences = [
        (a - b).abs().max().item()
        for a, b in zip(plain.network.parameters(), averaged_weights.network.parameters(), strict=True)
    ]
    assert max(differences) > 1e-3
    stored = elman.load(tmp_path / "averaged").network
    assert all(
        torch.equal(a, b) for a, b in zip(stored.parameters(), averaged_weights.network.parameters(), strict=True)
    )


def test_training_itself_does_not_change(tmp_path: Path) -> None:
    """With the average, the losses of the steps are those without it."""
    text = tmp_path / "text.txt"
    text.write_text(made_up_text())
    rows = []
    for name, more in (("plain", {}), ("averaged", {"ema_decay": 0.9})):
        LanguageModel(**SMALL, **more).fit(text, folder=tmp_path / name, progress=False, tune=False)
        lines = (tmp_path / name / "history.csv").read_text().splitlines()
        rows.append([line.split(",")[4] for line in lines[1:]])
    assert rows[0] == rows[1]
