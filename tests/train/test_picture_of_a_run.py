"""What a run draws when it ends. Other tests' runs write a stand-in (tests/conftest.py)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from elman import LanguageModel

from .runs import SMALL, made_up_text

TRAINING, VALIDATION = (0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77)


def picture_of_a_run(tmp_path: Path) -> Image.Image:
    path = tmp_path / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    LanguageModel(**SMALL).fit(path, folder=tmp_path / "model", progress=False, tune=False)
    return Image.open(tmp_path / "model" / "loss.png").convert("RGB")


@pytest.mark.usefixtures("pictures_of_runs")
def test_a_run_draws_its_losses(tmp_path: Path) -> None:
    picture = picture_of_a_run(tmp_path)
    assert picture.size == (960, 804)  # the losses, and the perplexity
    colours = {colour for _, colour in picture.getcolors(2**24) or []}
    assert {TRAINING, VALIDATION} <= colours


def test_the_stand_in_is_a_picture_too(tmp_path: Path) -> None:
    assert picture_of_a_run(tmp_path).size == (1, 1)
