"""`elman compare`: the terminal, JSON, the picture, and errors in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import elman as library
from elman.cli import main

from ..golden.make import MODELS
from .conftest import TINY


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Path:
    folder = tmp_path_factory.mktemp("compared") / "gru"
    words = ["train", "lm", str(text), "-o", str(folder), "--max-steps", "4", "--cell", "gru", "-q", *TINY]
    assert main(words) == 0
    return folder


def test_it_prints_the_table(elman, model, other):
    said = elman("compare", model, other)
    assert (said.out, said.err) == (str(library.compare([model, other])) + "\n", "")
    assert "\x1b" not in said.out


def test_json_data_and_a_picture(elman, model, other, text, tmp_path):
    words = ("compare", model, other, "--data", text, "--limit", 900, "--plot", tmp_path / "curves.png", "--json")
    said = elman(*words)
    assert said.json() == library.compare([model, other], data=[text], limit=900).to_json()
    assert said.err.splitlines() == [f"elman: plotted: {tmp_path / 'curves.png'}"]
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert elman(*words, "-q").err == ""
    sentence = said.json()["paired"]["differences"][0]["sentence"]
    assert sentence in elman("compare", model, other, "--data", text, "--limit", 900).out


def test_errors_are_one_line_and_nothing_is_written(elman, model, other, text, tmp_path):
    half = tmp_path / "half"
    shutil.copytree(other, half)
    (half / "weights.safetensors").unlink()
    picture = tmp_path / "curves.png"
    refused = {
        ("compare", model): "expected at least two models",
        ("compare",): "expected at least two models",
        ("compare", model, MODELS / "tagger"): "expected models of one task",
        ("compare", model, tmp_path): "no model at",
        ("compare", model, tmp_path / "none"): "no model at",
        ("compare", model, half): "incomplete",
        ("compare", model, other, "--limit", 3): "expected --limit with --data",
        ("compare", model, other, "--data", text, "--limit", 0): "limit of at least 1",
        ("compare", model, other, "--data", tmp_path / "none.txt"): "none.txt",
        ("compare", model, other, "--plot", tmp_path / "curves.pdf"): ".png or .svg",
        ("compare", model, other, "--plot", tmp_path / "none" / "curves.png"): "expected an existing folder",
    }
    for words, message in refused.items():
        said = elman(*words, *(("--plot", picture) if "--plot" not in words else ()))
        assert said.code == 2, words
        assert message in said.error(), words
        assert "Received: " in said.error(), words
    assert not picture.exists()
