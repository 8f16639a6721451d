"""A folder with the files that the pages use, and one tiny trained model in it."""

from __future__ import annotations

import json
import math
import shutil
import struct
import wave
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from .pages import ROOT, run_elman, small_command


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's licence serves as the book: a text that every checkout has."""
    folder = tmp_path_factory.mktemp("pages")
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    (folder / "book.txt").write_text(text)
    (folder / "valid.txt").write_text(text[:1500])
    (folder / "test.txt").write_text(text[2000:4500])
    (folder / "lines.txt").write_text("\n".join(text.splitlines()[10:20]))
    (folder / "prompt.txt").write_text("You may\n")
    (folder / "corpus" / "inner").mkdir(parents=True)
    (folder / "corpus" / "one.txt").write_text(text[:3000])
    (folder / "corpus" / "inner" / "two.txt").write_text(text[3000:6000])
    write_tagged(folder)
    write_series(folder)
    write_labelled(folder)
    write_pairs(folder)
    write_captioned(folder)
    write_speech(folder / "speech")
    write_vectors(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        run_elman(small_command(["train", "lm", "book.txt", "-o", "model"]))
    return folder


def write_tagged(folder: Path) -> None:
    """Sentences with tags, and commands with slots and labels."""
    (folder / "sentences.txt").write_text("the cat sat on the mat.\na dog ran\n")
    words = [("the", "DET"), ("cat", "NOUN"), ("sat", "VERB"), ("on", "ADP"), ("mats", "NOUN")]
    lines = ["\t".join([str(n), word, "_", tag, tag[:2], *"_____"]) for n, (word, tag) in enumerate(words, 1)]
    for name in ("train", "dev", "test"):
        (folder / f"{name}.conllu").write_text(("\n".join(lines) + "\n\n") * 12)
        part = folder / "commands" / {"dev": "valid"}.get(name, name)
        part.mkdir(parents=True)
        (part / "seq.in").write_text("play the song little robin\nrate this book two\n" * 6)
        (part / "seq.out").write_text("O O B-music_item B-track I-track\nO O O B-rating\n" * 6)
        (part / "label").write_text("PlayMusic\nRateBook\n" * 6)


def write_speech(folder: Path) -> None:
    """Sounds with texts, lists of them, and drawings."""
    texts = ["one", "two", "three", "one two", "two one", "three one"] * 2
    (folder / "recordings").mkdir(parents=True)
    for number, text in enumerate(texts, 1):
        (folder / "recordings" / f"{number}.txt").write_text(f"{text}\n")
        tones = [math.sin(t * (1 + ord(sign) % 7) / 20) for sign in text for t in range(1600)]
        with wave.open(str(folder / "recordings" / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(b"".join(struct.pack("<h", round(9000 * value)) for value in tones))
    rows = [f"recordings/{number}.wav,{text}" for number, text in enumerate(texts, 1)]
    for name in ("train", "dev"):
        (folder / f"{name}.csv").write_text("\n".join(["path,text", *rows]) + "\n")
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in texts * 12))
    drawing = [[step % 3, 1, step % 5 == 4] for step in range(30)]
    lines = [json.dumps({"strokes": drawing[: 12 + number], "text": text}) for number, text in enumerate(texts)]
    (folder / "drawings.jsonl").write_text("\n".join(lines) + "\n")


def write_vectors(folder: Path) -> None:
    """A file of word vectors, analogy questions and pairs with scores."""
    words = ["the", "king", "queen", "man", "woman", "and", "a", "paris", "france"]
    matrix = np.random.default_rng(3).normal(size=(9, 8)).round(4)
    matrix[2] = matrix[1] - matrix[3] + matrix[4]
    rows = [f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, matrix.tolist(), strict=True)]
    (folder / "vectors.txt").write_text("9 8\n" + "".join(rows))
    questions = ["man king woman queen", "the a man and", "paris france rome italy"]
    (folder / "questions-words.txt").write_text(": family\n" + "\n".join(questions) + "\n")
    pairs = ["king\tqueen\t8.6", "man\twoman\t8.3", "the\tparis\t1.2", "tiger\tcat\t7.4"]
    (folder / "wordsim353.tsv").write_text("# Word 1\tWord 2\tHuman\n" + "\n".join(pairs) + "\n")


def write_captioned(folder: Path) -> None:
    """Images with captions as an array and as files, and vectors with captions."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (30, 6, 12), dtype=np.uint8)
    texts = [f"{('one', 'two')[image[0, 0] % 2]} {('three', 'four')[image[1, 1] % 2]}" for image in pixels]
    np.save(folder / "digits.npy", pixels)
    (folder / "digits.txt").write_text("".join(f"{text}\n" for text in texts))
    (folder / "photos").mkdir()
    for number, image in enumerate(pixels[:12]):
        Image.fromarray(image).save(folder / "photos" / f"{number}.png")
    rows = [f"{number}.png,{text}" for number, text in enumerate(texts[:12])]
    (folder / "photos" / "captions.csv").write_text("\n".join(["image,caption", *rows]) + "\n")
    rows = [f"{image[0, 0]},{image[1, 1]},{text}" for image, text in zip(pixels, texts, strict=True)]
    (folder / "weather.csv").write_text("\n".join(["rain,wind,caption", *rows]) + "\n")


def write_pairs(folder: Path) -> None:
    """Sentences of two languages, spellings with their sounds, and sums."""
    nouns = {"hund": "dog", "vogel": "bird", "mann": "man"}
    verbs = {"rennt": "runs", "sitzt": "sits", "schläft": "sleeps"}
    pairs = [(f"ein {noun} {verb} .", f"a {nouns[noun]} {verbs[verb]} .") for noun in nouns for verb in verbs] * 3
    for name in ("train", "val", "test"):
        (folder / f"{name}.de").write_text("".join(f"{source}\n" for source, _ in pairs))
        (folder / f"{name}.en").write_text("".join(f"{target}\n" for _, target in pairs))
    (folder / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    (folder / "spellings.tsv").write_text("knee\tN IY\nknow\tN OW\nsea\tS IY\nsew\tS OW\n" * 6)
    (folder / "sums.tsv").write_text("".join(f"{a}+{b}\t{a + b}\n" for a in range(6) for b in range(5)))


def write_labelled(folder: Path) -> None:
    """Texts with a class or a score, files of names, and series with a class."""
    texts = [("a good film", "pos"), ("such a bad story", "neg"), ("good, really good", "pos"), ("bad", "neg")] * 15
    for name in ("reviews", "test"):
        (folder / f"{name}.csv").write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in texts))
    (folder / "stars.csv").write_text("text,stars\n" + "".join(f'"{text}",{len(text) / 9}\n' for text, _ in texts))
    vectors = [f"{word} " + " ".join(str(len(word) + place) for place in range(8)) for word in ("good", "film", "bad")]
    (folder / "vectors.txt").write_text("\n".join(vectors) + "\n")
    (folder / "new.csv").write_text("text\ngood\nbad story\n")
    (folder / "names").mkdir()
    (folder / "names" / "German.txt").write_text("Schmidt\nMeier\nKoch\n" * 8)
    (folder / "names" / "Italian.txt").write_text("Rossi\nBianchi\n" * 8)
    head = ["problemName waves", "timeStamps false", "univariate true", "equalLength false", "classLabel true up down"]
    content = "".join(f"@{line}\n" for line in [*head, "data"]) + "0.5,1.5,2.5,4.5:up\n0.1,-1.2,-3:down\n" * 10
    for name in ("waves", "waves_test"):
        (folder / f"{name}.ts").write_text(content)


def write_series(folder: Path) -> None:
    """A monthly series of twelve years, and two weekly ones with prices, some of them of weeks to come."""
    months = [f"{1949 + step // 12}-{1 + step % 12:02d},{100 + step + 9 * (step % 12)}" for step in range(144)]
    (folder / "passengers.csv").write_text("\n".join(["month,passengers", *months]) + "\n")
    weeks = [date(2023, 1, 1) + timedelta(weeks=step) for step in range(64)]
    sales, prices = ["unique_id,ds,y,price"], ["unique_id,ds,price"]
    for shop in ("north", "south"):
        for step, week in enumerate(weeks):
            price = 2 + step % 3
            if step < 60:
                sales.append(f"{shop},{week},{20 + step % 7 - price},{price}")
            else:
                prices.append(f"{shop},{week},{price}")
    (folder / "sales.csv").write_text("\n".join(sales) + "\n")
    (folder / "prices.csv").write_text("\n".join(prices) + "\n")


@pytest.fixture
def workplace(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder as the current one, in a process with one thread, as it was before the test after it."""
    place = tmp_path / "place"
    shutil.copytree(filled, place)
    monkeypatch.setenv("ELMAN_CACHE", str(place / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("ELMAN_KERNELS", raising=False)
    # Fitting from Python sets these for the whole process.
    monkeypatch.setattr("elman.train.machine.tune_allocator", lambda: False)
    monkeypatch.chdir(place)
    torch.set_num_threads(1)
    return place
