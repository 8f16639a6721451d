"""Every example runs, on data that are made here and in little time, and prints what it should."""

from __future__ import annotations

import gzip
import runpy
import shlex
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from .pages import ROOT

# Each example with the arguments of a short run, and what that prints.
EXAMPLES = (
    ("first_lesson.py", "same numbers: True"),
    ("custom_cell.py 30", "step   30  loss 0."),
    ("char_lm.py book.txt 1", "nats a character: The end."),
    ("relu_series.py 100", "batch   100  mean squared error 0."),
    ("echo.py 1 60", "chunk    60  loss 0."),
    ("adding.py 20 100", "1,000 new sequences of 20 steps: mean squared error 0."),
    ("mnist_rows.py given/images 1", "accuracy on 20 test images: "),
    ("names.py given/names 1", "accuracy on held-out names: "),
    ("japanese_vowels.py given/vowels.ts given/vowels.ts 1", "accuracy on 30 test utterances: "),
)
SLOW_EXAMPLES = (
    ("sentiment.py given/reviews.tsv given/reviews.tsv given/reviews.tsv 1", "accuracy on 60 test reviews: "),
    ("pos_tags.py train.conllu dev.conllu test.conllu 1", "accuracy on the words of test sentences: "),
    ("airline.py given/airline.csv 1", "linear autoregression"),
    ("addition.py 1 300", "correct on held-out sums: "),
    ("transliteration.py 1 200", "by rule: efcharisto"),
)


def write_images(folder: Path) -> None:
    """Images in MNIST's form: one bright row, whose number is the digit."""
    folder.mkdir()
    for part, count in (("train", 200), ("t10k", 20)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = np.zeros((count, 28, 28), np.uint8)
        images[np.arange(count), labels * 2] = 255
        header = struct.pack(">4I", 0x803, count, 28, 28)
        files = {
            "images-idx3": header + images.tobytes(),
            "labels-idx1": struct.pack(">2I", 0x801, count) + labels.tobytes(),
        }
        for name, content in files.items():
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content))


def write_texts(folder: Path) -> None:
    """Names with endings of their languages, and short reviews."""
    (folder / "names").mkdir()
    for language, ending in (("Czech", "ova"), ("Greek", "oulos"), ("Italian", "ini")):
        names = [f"{first}{middle}{ending}".capitalize() for first in "bdfklmnprt" for middle in ("an", "er", "ist")]
        (folder / "names" / f"{language}.txt").write_text("\n".join(names) + "\n")
    reviews = [f"a {word} film number {n}\t{label}" for n in range(30) for word, label in (("fine", 1), ("dull", 0))]
    (folder / "reviews.tsv").write_text("\n".join(reviews) + "\n")


def write_series(folder: Path) -> None:
    """Eight years of months with a trend and a season, and short series of two channels of three kinds."""
    months = [(year, month) for year in range(2000, 2008) for month in range(1, 13)]
    rows = [f"{y}-{m:02},{100 + 2 * i + 30 * np.sin(m):.1f}" for i, (y, m) in enumerate(months)]
    (folder / "airline.csv").write_text("\n".join(["Month,Passengers", *rows]) + "\n")
    rng = np.random.default_rng(0)
    lines = ["@problemName vowels", "@timeStamps false", "@univariate false", "@classLabel true 1 2 3", "@data"]
    for n in range(30):
        channels = rng.normal(size=(2, 5 + n % 4)) + n % 3
        lines.append(":".join([*(",".join(f"{v:.3f}" for v in row) for row in channels), str(n % 3 + 1)]))
    (folder / "vowels.ts").write_text("\n".join(lines) + "\n")


@pytest.fixture
def given(workplace: Path) -> None:
    """The files that the examples are given, in the current folder."""
    folder = workplace / "given"
    folder.mkdir()
    write_images(folder / "images")
    write_texts(folder)
    write_series(folder)


@pytest.mark.parametrize(
    ("command", "said"), [*EXAMPLES, *(pytest.param(*example, marks=pytest.mark.slow) for example in SLOW_EXAMPLES)]
)
@pytest.mark.usefixtures("given")
def test_examples_run(
    command: str, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In this process, which has imported torch already."""
    name, *arguments = shlex.split(command)
    program = ROOT / "examples" / name
    monkeypatch.setattr(sys, "argv", [str(program), *arguments])
    runpy.run_path(str(program), run_name="__main__")
    printed = capfd.readouterr().out
    assert said in printed
    assert "False" not in printed


@pytest.mark.slow
def test_an_example_is_a_program() -> None:
    command = [sys.executable, str(ROOT / "examples" / "first_lesson.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("same numbers: True") == 2
    assert done.stderr == ""


def test_every_example_is_run_here() -> None:
    documented = {command.partition(" ")[0] for command, _ in EXAMPLES + SLOW_EXAMPLES}
    assert {path.name for path in ROOT.glob("examples/*.py")} == documented
