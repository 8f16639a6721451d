"""What each task remarks on its data before a run, from small files."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elman.cli import main

TINY = ("--hidden-size", "4", "--max-steps", "1", "--dry-run", "-q", "--no-tune", "--device", "cpu", "--threads", "1")
WORDS = ("one two three four", "two three four one", "three four one two", "four one two three")

Notes = Callable[..., str]


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Notes:
    """Returns what a command prints on standard error, in a folder with these files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))

    def run(task: str, *words: str, **files: str) -> str:
        for name, content in files.items():
            Path(name.replace("_", ".")).write_text(content, "utf-8")
        assert main(["train", task, *words, *TINY]) == 0
        return capsys.readouterr().err

    return run


def test_a_language_model(notes: Notes) -> None:
    train, valid = "\n".join(WORDS * 20), "\n".join(["one two rare rare odd three"] * 20)
    said = notes("lm", "a.txt", "--valid", "b.txt", "--tokens", "words", a_txt=train, b_txt=valid)
    # Of 119 or 120 tokens, 19 or 20 of which end a line, 40 are rare and 20 odd.
    assert "43% of the words of the validation text are unknown, mostly 'rare' (40 times), 'odd' (20 times)" in said
    assert "training text" not in said
    assert "43% of the words" in notes("lm", "a.txt", "--valid", "b.txt", "--tokens", "words"), (
        "tokens are in the cache"
    )
    said = notes("lm", "a.txt", "b.txt", "--valid", "b.txt", "--test", "c.txt", c_txt=train)
    assert "1 of 1 file of the validation text is also in the training text" in said
    assert "new data (b.txt)" in said
    assert "test text" not in said
    assert "of the test text is also in the training text" in notes("lm", "a.txt", "--test", "c.txt")


def test_unknown_tokens_of_a_part_that_is_cut_from_the_text(notes: Notes) -> None:
    text = "\n".join([*WORDS * 90, *["odd rare odd"] * 40])
    said = notes("lm", "a.txt", "--tokens", "words", "--split", "0.9,0.1,0", a_txt=text)
    assert "of the words of the validation text are unknown, mostly 'odd' (80 times), 'rare' (40 times)" in said


def test_a_tagger(notes: Notes) -> None:
    def tagged(*rows: str) -> str:
        return "\n\n".join("\n".join(cell.replace("/", "\t") for cell in row.split()) for row in rows) + "\n"

    rows = ("a/O b/B-x", "b/O c/B-x", "c/O a/B-y", "a/B-y b/O", "c/B-z a/O")
    held_out = tagged("a/O b/B-x", "d/O e/O", "c/O b/O")
    said = notes("tagger", "a.txt", "--valid", "b.txt", "--char-embedding", "0", a_txt=tagged(*rows), b_txt=held_out)
    assert "1 of 3 items of the validation data are also in the training data" in said
    assert "(b.txt, line 1)" in said
    assert "33% of the words of the validation data are unknown, mostly 'd' (1 times), 'e' (1 times)" in said
    assert "1 of 4 tags occurs once in the training data, 'B-z'" in said
    assert "1 of 4 tags is not in the validation data, 'B-y'" in said


def test_a_translator(notes: Notes) -> None:
    train = "".join(f"{text}\t{text}\n" for text in WORDS) + f"{WORDS[0] * 3}\tlong\n"
    valid = f"{WORDS[2]}\t{WORDS[2]}\nfive six\tone\n"
    words = ("--embedding", "4", "--tokens", "words", "--max-source", "6", "--min-count", "1")
    said = notes("translator", "a.tsv", "--valid", "b.tsv", *words, a_tsv=train, b_tsv=valid)
    assert "1 of 2 items of the validation data are also in the training data" in said
    assert "(b.tsv, line 1)" in said
    assert "33% of the words of the validation sources are unknown, mostly 'five' (1 times), 'six' (1 times)" in said
    assert "1 of 5 (20.0%) pairs were left out, as their source has more than 6 tokens: a larger max_source" in said


def test_a_captioner(notes: Notes) -> None:
    train = "caption,a,b\n" + "".join(f"{text},{row},{row * row}\n" for row, text in enumerate((*WORDS, WORDS[0] * 2)))
    valid = "caption,a,b\none,2,4\nfive six,7,8\n"
    words = ("--embedding", "4", "--tokens", "words", "--max-length", "6")
    said = notes("captioner", "a.csv", "--valid", "b.csv", *words, a_csv=train, b_csv=valid)
    assert "1 of 2 items of the validation data are also in the training data" in said
    assert "(b.csv, line 2)" in said
    assert "67% of the words of the validation captions are unknown, mostly 'five' (1 times), 'six' (1 times)" in said
    assert "1 of 5 (20.0%) training captions are longer than the 6 tokens of max_length and are left out" in said


def test_a_transcriber(notes: Notes, tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    for number, steps in enumerate((4000, 4000, 500)):
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(noise.integers(-999, 999, steps).astype("<i2").tobytes())
    train, valid = "path,text\n0.wav,a b\n1.wav,b a\n2.wav,a b a b a\n", "path,text\n1.wav,b c d\n"
    said = notes("transcriber", "a.csv", "--valid", "b.csv", "--sample-rate", "8000", a_csv=train, b_csv=valid)
    assert "1 of 1 items of the validation data are also in the training data" in said
    assert "(b.csv, line 2: 1.wav)" in said
    assert "1 of 3 texts need more steps than their recordings have: a.csv, line 4: 2.wav (4 steps)" in said
    assert "they are left out of training: try stride=1" in said
    assert "40% of the characters of the validation texts are unknown, mostly 'c' (1 times), 'd' (1 times)" in said


def test_a_classifier_of_series(notes: Notes) -> None:
    noise = np.random.default_rng(0)
    rows = [
        f"{series},{step},{'ab'[series % 2]},{0.5 if series == 4 else noise.normal():.3f},{1.5}"
        for series in range(12)
        for step in range(4)
    ]
    table = "\n".join(["id,time,label,x,y", *rows]) + "\n"
    words = ("--series-column", "id", "--split", "1,0,0")
    said = notes("classifier", "a.csv", *words, a_csv=table)
    assert "1 of 12 series is constant in the training data, \"a.csv, series '4'\": a constant series shows" in said
    assert "1 of 2 channels is constant in the training data, 'y': a constant channel shows nothing; value_" in said
    assert "channel" not in notes("classifier", "a.csv", *words, "--value-columns", "x"), "the advice helps"


@pytest.mark.parametrize("words", [(), ("--no-together",)])
def test_a_forecaster(notes: Notes, words: tuple[str, ...]) -> None:
    noise = np.random.default_rng(0)
    rows = [f"2020-01-{day:02},{noise.normal():.3f},7,{noise.normal():.3f}" for day in range(1, 31)]
    table = "\n".join(["ds,x,y2,z", *rows]) + "\n"
    said = notes("forecaster", "a.csv", *words, "--horizon", "2", a_csv=table)
    noun = "series" if words else "target columns"
    assert f"1 of 3 {noun} is constant in the training data, 'y2': such series are easy to forecast" in said
    assert "name the others in target_columns" in said
    said = notes("forecaster", "a.csv", *words, "--horizon", "2", "--target-columns", "x,z")
    assert "constant" not in said, "the advice helps"
