"""A folder with the files that the pages speak of, and one tiny trained model in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

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


@pytest.fixture
def workplace(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder as the current one, in a process with one thread, as it was before the test after it."""
    place = tmp_path / "place"
    shutil.copytree(filled, place)
    monkeypatch.setenv("ELMAN_CACHE", str(place / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("ELMAN_KERNELS", raising=False)
    # Fitting from Python sets these for the whole process.
    monkeypatch.setattr("elman.tasks.run.tune_allocator", lambda: False)
    monkeypatch.chdir(place)
    torch.set_num_threads(1)
    return place
