"""The picture of a run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from elman.errors import StorageError
from elman.plots.curves import draw_losses


def rows(count: int) -> list[dict[str, float | int | None]]:
    return [
        {"step": number, "train_loss": 3.0 / number if number % 3 else None, "valid_loss": None if number % 3 else 2.0}
        for number in range(1, count + 1)
    ]


def colours_in(path: Path) -> set[tuple[int, ...]]:
    from matplotlib.image import imread

    picture = imread(path)
    assert picture.shape[1:] == (960, 4)
    red, green, blue = np.moveaxis((picture[..., :3] * 255).round().astype(int), -1, 0)
    return {(c >> 16, c >> 8 & 255, c & 255) for c in np.unique(red << 16 | green << 8 | blue).tolist()}


TRAINING, VALIDATION = (0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77)


def test_both_losses_are_drawn(tmp_path: Path) -> None:
    draw_losses(rows(30), tmp_path / "loss.png", unit="nats a char", title="lstm")
    assert {TRAINING, VALIDATION} <= colours_in(tmp_path / "loss.png")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_run_without_validation_or_without_anything_is_drawn_too(count: int, tmp_path: Path) -> None:
    draw_losses(rows(count), tmp_path / "loss.png", unit="nats a char", title="lstm")
    assert VALIDATION not in colours_in(tmp_path / "loss.png")


def test_a_loss_that_is_no_number_spoils_nothing(tmp_path: Path) -> None:
    odd = [*rows(10), {"step": 11, "train_loss": math.inf, "valid_loss": math.nan}]
    draw_losses(odd, tmp_path / "loss.png", unit="nats a char", title="lstm")
    assert TRAINING in colours_in(tmp_path / "loss.png")


def test_every_metric_with_values_has_a_panel(tmp_path: Path) -> None:
    from matplotlib.image import imread

    figures = [{"train_accuracy": 0.5, "valid_accuracy": 0.25}, {"valid_f1": 0.1}, {"valid_perplexity": 1e300}, {}]
    metrics = ["accuracy", "f1", "perplexity", "never"]
    heights = []
    for count in range(4):
        run = [{**row, **further} for row in rows(9) for further in figures[:count]] or rows(9)
        draw_losses(run, tmp_path / "loss.png", unit="nats a char", title="lstm", metrics=metrics)
        heights.append(imread(tmp_path / "loss.png").shape[0])
    assert heights == [540, 804, 1068, 1332]


def test_a_picture_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no-such-folder"):
        draw_losses(rows(3), tmp_path / "no-such-folder" / "loss.png", unit="", title="")
