"""`elman train captioner`, `elman caption`, and `elman evaluate` and `elman score` for captioners."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from elman.cli import main

from .conftest import Elman

TINY = ["--hidden-size", "8", "--embedding", "4", "--vector-size", "8", "--channels", "4,8", "--batch-size", "8"]
TINY += ["--max-steps", "6", "--threads", "1", "--device", "cpu", "--precision", "float32", "-q", "--no-tune"]
TINY += ["--no-tensorboard"]
WORDS = ("one", "two", "three")


def pictures(count: int = 24) -> tuple[np.ndarray, list[str]]:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 30, (count, 4, 12), dtype=np.uint8)
    numbers = draw.integers(0, 3, count)
    for image, number in zip(pixels, numbers, strict=True):
        image[:, 4 * number : 4 * number + 4] += 200
    return pixels, [f"bar {WORDS[number]}" for number in numbers]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data in every form, and a captioner of six steps with attention. Tests leave them as they are."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("captioner")
    pixels, captions = pictures()
    np.save(folder / "x.npy", pixels)
    (folder / "x.txt").write_text("\n".join(captions) + "\n")
    (folder / "short.txt").write_text("\n".join(captions[:-1]) + "\n")
    (folder / "photos").mkdir()
    rows = ["image,caption"]
    for number, (image, text) in enumerate(zip(pixels[:5], captions, strict=False)):
        Image.fromarray(image).save(folder / "photos" / f"{number}.png")
        rows.append(f"{number}.png,{text}")
    (folder / "photos" / "captions.csv").write_text("\n".join(rows) + "\n")
    files = [str(folder / "x.npy"), str(folder / "x.txt")]
    flags = ["--attention", "luong", "--color", "grey"]
    assert main(["train", "captioner", *files, "-o", str(folder / "model"), *flags, *TINY]) == 0
    return folder


def test_captions_as_lines_files_and_json(elman: Elman, place: Path, tmp_path: Path) -> None:
    said = elman("caption", place / "model", place / "x.npy", "-q")
    assert (said.code, len(said.out.split("\n"))) == (0, 25)
    assert elman("caption", place / "model", place / "x.npy", "-o", tmp_path / "out.txt").out == ""
    assert (tmp_path / "out.txt").read_text() == said.out
    several = elman("caption", place / "model", place / "x.npy", "--n-best", "2", "--beams", "3").out.splitlines()
    assert [line.split("\t")[0] for line in several[:4]] == ["1", "1", "2", "2"]
    facts = elman("caption", place / "model", place / "x.npy", "--json").json()["items"]
    assert [item["captions"][0]["text"] for item in facts] == said.out.splitlines()
    assert facts[2]["item"].endswith("x.npy, item 3")
    elman("caption", place / "model", place / "x.npy", "--json", "-o", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["items"] == facts
    draws = ["--sample", "--temperature", "3"]
    seeds = [elman("caption", place / "model", place / "x.npy", *draws, "--seed", seed).out for seed in (1, 1, 2)]
    assert seeds[0] == seeds[1] != seeds[2]


def test_image_files_and_folders(elman: Elman, place: Path) -> None:
    from_arrays = elman("caption", place / "model", place / "x.npy").out.splitlines()
    files = [place / "photos" / f"{number}.png" for number in range(5)]
    assert elman("caption", place / "model", *files).out.splitlines() == from_arrays[:5]
    assert elman("caption", place / "model", place / "photos").out.splitlines() == from_arrays[:5]


def test_attention_is_drawn(elman: Elman, place: Path, tmp_path: Path) -> None:
    # Six steps of training may write nothing; a draw of some heat does write.
    flags = ["--sample", "--temperature", "4", "--seed", "3", "--attention"]
    said = elman("caption", place / "model", place / "photos", *flags, tmp_path / "looked.png")
    assert said.code == 0
    drawn = sorted(path.name for path in tmp_path.iterdir())
    written = [number for number, line in enumerate(said.out.splitlines(), 1) if line]
    assert drawn == [f"looked-{number}.png" for number in written]
    assert drawn
    assert elman("caption", place / "model", place / "photos", *flags, tmp_path / "looked.gif").code == 2


def test_evaluate_and_score(elman: Elman, place: Path) -> None:
    files = [place / "x.npy", place / "x.txt"]
    figures = elman("evaluate", place / "model", *files, "--json").json()
    assert {"loss", "perplexity", "accuracy", "exact", "bleu", "chrf", "bleu_signature"} <= set(figures)
    shown = elman("evaluate", place / "model", *files, "--limit", "4", "--beams", "3").out
    assert "BLEU signature" in shown
    assert "exact" in shown
    scores = elman("score", place / "model", *files, "--json").json()["captions"]
    assert [row["text"] for row in scores] == pictures()[1]
    total = -sum(row["log_probability"] for row in scores)
    assert total / (3 * len(scores)) == pytest.approx(figures["loss"], rel=1e-4)
    ranked = elman("score", place / "model", *files, "--rank").out.splitlines()[1:]
    values = [float(line.split()[0]) for line in ranked]
    assert values == sorted(values, reverse=True)
    assert elman("evaluate", place / "model", *files, "--picture", "a.png").code == 2
    assert "files, for a captioner" in elman("score", place / "model", *files, "--per-token").error()


def test_tokens_that_are_not_known_are_reported(elman: Elman, place: Path, tmp_path: Path) -> None:
    pixels, captions = pictures()
    (tmp_path / "new.txt").write_text("\n".join(["bar seven", *captions[1:]]) + "\n")
    np.save(tmp_path / "new.npy", pixels)
    said = elman("evaluate", place / "model", tmp_path / "new.npy", tmp_path / "new.txt")
    assert said.code == 0
    assert "1 words of the captions are unknown" in said.err


def test_a_table_on_standard_input(elman: Elman, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    from types import SimpleNamespace

    table = "p,q,caption\n" + "".join(f"{i % 3},{i % 2},bar {WORDS[i % 3]}\n" for i in range(20))
    (tmp_path / "a.csv").write_text(table)
    model = tmp_path / "m"
    assert elman("train", "captioner", tmp_path / "a.csv", "-o", model, "--tokens", "characters", *TINY).code == 0
    expected = elman("caption", model, tmp_path / "a.csv").out
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(table.encode())))
    assert elman("caption", model, "-").out == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x.npy", "short.txt"], "captions for each of the 24 items in .*x.npy. Received: 23"),
        (["x.npy"], "expected a text file of captions after it"),
        (["photos/0.png"], "expected captions of images in a table"),
        (["x.npy", "x.txt", "--channels", "4,1"], "channels to have at least one number"),
        (["x.npy", "x.txt", "--image-size", "7"], "image_size as height and width"),
        (["x.npy", "x.txt", "--cell", "gnu"], "gnu"),
        (["x.npy", "x.txt", "--items", "vectors"], "expected vectors as an array"),
        (["x.npy", "x.txt", "--image-encoder", "torchvision:resnet18"], "torchvision"),
        (["x.npy", "x.txt", "--loss-from", "1"], "loss_from"),
        ([], "expected at least one file to train on"),
    ],
)
def test_training_that_cannot_be(elman: Elman, place: Path, tmp_path: Path, words: list[str], message: str) -> None:
    import re

    paths = [str(place / word) if "." in word and not word.startswith("-") else word for word in words]
    said = elman("train", "captioner", *paths, "-o", tmp_path / "m", *TINY)
    assert said.code == 2
    assert re.search(message, said.error())
    assert not (tmp_path / "m" / "elman.json").exists()


def test_answers_that_cannot_be(elman: Elman, place: Path, tmp_path: Path) -> None:
    pixels, _ = pictures()
    np.save(tmp_path / "wide.npy", pixels[:, :, :-1])
    np.save(tmp_path / "float.npy", pixels / 255)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\njunk")
    for words, message in (
        ([], "expected items to caption"),
        ([tmp_path / "wide.npy"], "expected images of 4 x 12 x 1 pixels from 0 to 255, as in training"),
        ([tmp_path / "float.npy"], "pixels as floats"),
        ([tmp_path / "broken.png"], "expected a whole image"),
        ([place / "x.npy", "--n-best", "9"], "n_best of at most beams"),
        ([place / "x.npy", "--max-length", "1000"], "max_length of at most the model's, 100"),
        ([tmp_path / "none.npy"], "there is no such file"),
    ):
        said = elman("caption", place / "model", *words)
        assert said.code == 2
        assert message in said.error()
    assert "captioner" in elman("tag", place / "model", "--text", "a").error()
