"""`elman next` for the three tasks that write tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import elman as library
from elman.cli import main

from ..tasks.small_captioners import bars
from ..tasks.small_translators import SOURCES, TARGETS

FIXED = ["--precision", "float32", "--threads", "1", "--no-tune", "--no-tensorboard", "-q", "--max-steps", "3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("next")


@pytest.fixture(scope="module")
def translator(folder: Path) -> Path:
    table = folder / "pairs.tsv"
    table.write_text("\n".join(f"{a}\t{b}" for a, b in zip(SOURCES, TARGETS, strict=True)) + "\n", encoding="utf-8")
    sizes = ["--tokens", "words", "--min-count", "1", "--hidden-size", "6", "--embedding", "4"]
    assert main(["train", "translator", str(table), "-o", str(folder / "translator"), *sizes, *FIXED]) == 0
    return folder / "translator"


@pytest.fixture(scope="module")
def captioner(folder: Path) -> Path:
    pixels, captions = bars(20)
    np.save(folder / "bars.npy", pixels)
    np.save(folder / "one.npy", pixels[:1])
    (folder / "bars.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
    sizes = ["--hidden-size", "8", "--embedding", "4", "--vector-size", "8", "--channels", "4,8"]
    data = [str(folder / "bars.npy"), str(folder / "bars.txt")]
    assert main(["train", "captioner", *data, "-o", str(folder / "captioner"), *sizes, *FIXED]) == 0
    return folder / "captioner"


def test_a_prompt(elman, model):
    lm = library.load(model)
    said = elman("next", model, "the c", "--top", 3)
    assert said.out == str(lm.next("the c", top=3)) + "\n"
    assert len(said.out.splitlines()) == 4
    facts = elman("next", model, "the c", "--top", 2, "--json").json()
    assert facts == {"prompt": "the c", "tokens": lm.next("the c", top=2).to_json()}
    assert set(facts["tokens"][0]) == {"text", "tokens", "ids", "probability", "log_probability"}
    assert len(elman("next", model, "the c", "--json").json()["tokens"]) == 10
    nothing = elman("next", model, "--json").json()
    assert nothing == elman("next", model, "", "--json").json() == {"prompt": "", "tokens": lm.next("").to_json()}


def test_a_prompt_that_begins_with_a_hyphen(elman, model):
    said = elman("next", model, "--text", "-the", "--json")
    assert said.json()["prompt"] == "-the"
    assert "unknown: '-'" in said.err


def test_candidates(elman, model):
    given = ["a", "at on", "\n"]
    expected = library.load(model).next("the c", candidates=given).to_json()
    facts = elman("next", model, "the c", "--candidates", "a", "at on", r"\n", "--json").json()
    assert facts["tokens"] == expected
    again = elman("next", model, "the c", *("--candidates", "a", "--candidates", "at on", "--candidates", r"\n"))
    lines = again.out.splitlines()[1:]
    assert [line.split()[1] for line in lines] == ["a", "a", r"\n"]


def test_a_translation_and_its_beginning(elman, translator):
    made = library.load(translator)
    facts = elman("next", translator, "die katze schläft", "--prefix", "the", "--top", 2, "--json").json()
    expected = made.next("die katze schläft", "the", top=2).to_json()
    assert facts == {"source": "die katze schläft", "prefix": "the", "tokens": expected}
    said = elman("next", translator, "die ziege", "--prefix", "the goat")
    assert "'ziege'" in said.err
    assert "unknown: 'goat'" in said.err
    assert elman("next", translator, "die ziege", "--prefix", "the goat", "-q").err == ""


def test_a_caption_of_one_item(elman, captioner, folder):
    made = library.load(captioner)
    facts = elman("next", captioner, folder / "bars.npy", "--item", 3, "--prefix", "bar", "--json").json()
    assert facts["tokens"] == made.next(np.load(folder / "bars.npy")[2], "bar").to_json()
    assert facts["prefix"] == "bar"
    assert elman("next", captioner, folder / "one.npy").code == 0


def test_bad_commands_are_one_line(elman, model, translator, captioner, folder):
    bars = folder / "bars.npy"
    refused = {
        ("next", model, "a", "--candidates", "x", "%"): "known characters",
        ("next", model, "a", "--candidates", ""): "at least one token",
        ("next", model, "a", "--candidates", "a", "--top", 2): "either --top or --candidates",
        ("next", model, "a", "--top", 0): "expected top to be at least 1",
        ("next", model, "a", "--text", "b"): "either as the argument or by --text",
        ("next", model, "a", "--prefix", "b"): "expected no --prefix for a language model",
        ("next", translator, "a", "--item", 1): "expected no --item for a translator",
        ("next", translator): "elman next MODEL TEXT --prefix BEGINNING",
        ("next", translator, " "): "not empty",
        ("next", captioner, bars): "expected --item with the number of one of the 20 items",
        ("next", captioner, bars, "--item", 21): "expected --item of at most 20",
        ("next", captioner, folder / "none.npy"): "none.npy",
    }
    for words, message in refused.items():
        said = elman(*words)
        assert said.code == 2, words
        assert message in said.error(), words
        assert "Received: " in said.error(), words
