"""Tiny taggers, and data that they learn in a moment: a word's tag follows from the word and the one before it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from elman import Tagger

OPTIONS: dict[str, Any] = {
    "hidden_size": 8,
    "layers": 1,
    "embedding": 8,
    "char_embedding": 4,
    "char_hidden": 4,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "word_dropout": 0.1,
    "batch_size": 8,
    "max_steps": 6,
    "learning_rate": 0.02,
    "warmup_steps": 0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}
_PLACES, _VERBS = ["paris", "rome", "oslo"], ["go", "fly", "walk"]


def sentences(count: int = 40, seed: int = 0) -> tuple[list[list[str]], list[list[str]], list[str]]:
    """Words, IOB2 tags and intents: "go to paris rome" is a place of two words, and "from" makes it another type."""
    draw = random.Random(seed)
    words, tags, intents = [], [], []
    for _ in range(count):
        verb, way = draw.choice(_VERBS), draw.choice(["to", "from"])
        places = draw.choices(_PLACES, k=draw.randint(1, 2))
        words.append([verb, way, *places, *["now"] * draw.randint(0, 2)])
        inside = [f"{'B' if not number else 'I'}-{way}" for number in range(len(places))]
        tags.append(["O", "O", *inside, *["O"] * (len(words[-1]) - 2 - len(inside))])
        intents.append(verb.title())
    return words, tags, intents


def write_triples(folder: Path, count: int = 40, seed: int = 0) -> Path:
    """The sentences as `seq.in`, `seq.out` and `label`."""
    folder.mkdir(parents=True, exist_ok=True)
    words, tags, intents = sentences(count, seed)
    for name, rows in (("seq.in", words), ("seq.out", tags), ("label", [[each] for each in intents])):
        (folder / name).write_text("".join(" ".join(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def trained(**options: Any) -> Tagger:
    """A tagger that saw the sentences for a moment, with intents if the options request them."""
    words, tags, intents = sentences()
    model = Tagger("base", **OPTIONS | options)
    valid = sentences(seed=9) if model.config.training.max_steps > 20 else None
    return model.fit(words, tags, intents=intents, valid=valid, progress=False, tune=False)
