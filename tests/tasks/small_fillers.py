"""Tiny fillers, and a text in which the missing word can be known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elman import Filler

__all__ = ["OPTIONS", "SENTENCES", "TEXT", "trained"]

# The verb follows from the noun before it, and the place from the verb.
SENTENCES = [
    f"the {noun} {verb} {adverb} in the {place} ."
    for noun, verb, place in (("cat", "sleeps", "house"), ("dog", "runs", "park"), ("fish", "swims", "sea"))
    for adverb in ("often", "now", "today", "again")
]
TEXT = "\n".join(SENTENCES * 8) + "\n"
OPTIONS: dict[str, Any] = {
    "hidden_size": 12,
    "embedding": 8,
    "batch_size": 4,
    "bptt": 9,
    "dropout": 0.0,
    "max_steps": 60,
    "learning_rate": 0.03,
    "warmup_steps": 0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
    "baseline": False,
}


def trained(folder: Path, text: str = TEXT, **options: Any) -> Filler:
    """A model that saw `text` for a moment."""
    path = folder / "text.txt"
    path.write_text(text, encoding="utf-8")
    return Filler(**OPTIONS | options).fit(path, progress=False, tune=False)
