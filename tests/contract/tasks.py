"""For every task: a little data in files, options of a run of a moment, and something that its model answers."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["CASES", "COMMON", "TaskCase"]

COMMON: dict[str, Any] = {
    "max_steps": 8,
    "evaluate_every": 3,
    "warmup_steps": 2,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "seed": 5,
}


class TaskCase(NamedTuple):
    """A task under test.

    command  what it is called after `elman train`
    write    puts data into a folder and returns the files to train on
    options  of a tiny model
    answers  plain values that a trained model gives
    """

    command: str
    write: Callable[[Path], list[Path]]
    options: dict[str, Any]
    answers: Callable[[Any], Any]


def write_text(folder: Path) -> list[Path]:
    path = folder / "book.txt"
    path.write_text("the cat sat on the mat; the dog sat on the log.\n" * 40, encoding="utf-8")
    return [path]


def write_reviews(folder: Path) -> list[Path]:
    path = folder / "reviews.csv"
    words = {"good": ["fine", "warm", "bright"], "bad": ["cold", "dull", "grey"], "so-so": ["plain", "usual", "flat"]}
    rows = [
        f"a {found[i % 3]} and {found[(i + j) % 3]} play,{label}"
        for i in range(10)
        for j, (label, found) in enumerate(words.items())
    ]
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return [path]


def write_tagged(folder: Path) -> list[Path]:
    path = folder / "tagged.txt"
    sentences = [
        "\n".join(f"{word} {tag}" for word, tag in (("the", "DET"), (noun, "NOUN"), (verb, "VERB"), (adverb, "ADV")))
        for noun in ("cat", "dog", "bird")
        for verb in ("sits", "runs")
        for adverb in ("here", "there", "today")
    ]
    path.write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    return [path]


def write_series(folder: Path) -> list[Path]:
    path = folder / "series.csv"
    rows = [
        f"{name},{2001 + month // 12}-{1 + month % 12:02}-01,{10 + i + math.sin(month / 2) + 0.07 * (month % 5):.4f}"
        for i, name in enumerate(("a", "b"))
        for month in range(40)
    ]
    path.write_text("\n".join(["unique_id,ds,y", *rows]) + "\n", encoding="utf-8")
    return [path]


def tones(text: str) -> list[float]:
    """A sound at 4,000 Hz in which every letter has its own pitch."""
    return [
        0.5 * math.sin(2 * math.pi * (150 + 60 * (ord(sign) - 97)) * sample / 4000) * (sign != " ")
        for sign in text
        for sample in range(300)
    ]


def write_sounds(folder: Path) -> list[Path]:
    texts = [f"{article} {noun}" for article in ("a", "the") for noun in ("dog", "cat", "owl", "cow", "hen", "bee")]
    for number, text in enumerate(texts):
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(4000)
            file.writeframes(b"".join(struct.pack("<h", round(32767 * value)) for value in tones(text)))
    path = folder / "sounds.csv"
    rows = [f"{number}.wav,{text}" for number, text in enumerate(texts)]
    path.write_text("\n".join(["path,text", *rows]) + "\n", encoding="utf-8")
    return [path]


def write_pairs(folder: Path) -> list[Path]:
    path = folder / "pairs.tsv"
    nouns = {"katze": "cat", "hund": "dog", "kuh": "cow"}
    verbs = {"schläft": "sleeps", "rennt": "runs", "frisst": "eats"}
    adverbs = {"hier": "here", "heute": "today"}
    rows = [
        f"die {noun} {verb} {adverb} .\tthe {nouns[noun]} {verbs[verb]} {adverbs[adverb]} ."
        for noun in nouns
        for verb in verbs
        for adverb in adverbs
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return [path]


def write_captioned(folder: Path) -> list[Path]:
    path = folder / "weather.csv"
    nouns, verbs = ("dog", "cat", "owl", "cow"), ("sleeps", "runs", "eats")
    rows = [
        f"{i + 0.1 * j},{j - 0.2 * k},{k},a {noun} {verb} {'here' if k else 'there'}"
        for i, noun in enumerate(nouns)
        for j, verb in enumerate(verbs)
        for k in range(2)
    ]
    path.write_text("\n".join(["one,two,three,caption", *rows]) + "\n", encoding="utf-8")
    return [path]


CASES = {
    "language-model": TaskCase(
        "lm",
        write_text,
        {"hidden_size": 8, "embedding": 4, "batch_size": 3, "bptt": 7, "dropout": 0.2},
        lambda model: [score.log_probs for score in model.score(["the cat", "a dog sat"])],
    ),
    "classifier": TaskCase(
        "classifier",
        write_reviews,
        {"hidden_size": 5, "embedding": 4, "batch_size": 6, "output_dropout": 0.2, "split": (0.7, 0.3, 0.0)},
        lambda model: model.predict_proba(["a warm play", "a dull and grey play"]).tolist(),
    ),
    "tagger": TaskCase(
        "tagger",
        write_tagged,
        {"hidden_size": 5, "embedding": 4, "batch_size": 4, "dropout": 0.2},
        lambda model: model.predict([["the", "cat", "runs", "there"], ["unheard", "of"]]),
    ),
    "forecaster": TaskCase(
        "forecaster",
        write_series,
        {"hidden_size": 5, "context": 10, "horizon": 3, "batch_size": 4, "dropout": 0.2},
        lambda model: model.forecast(horizon=3).to_json(),
    ),
    "transcriber": TaskCase(
        "transcriber",
        write_sounds,
        {"hidden_size": 5, "sample_rate": 4000, "mels": 8, "layers": 1, "batch_size": 4, "dropout": 0.2},
        lambda model: [
            [(each.text, each.score) for each in answer.readings]
            for answer in model.transcripts([tones("a dog"), tones("the bee")], beams=3, n_best=2)
        ],
    ),
    "translator": TaskCase(
        "translator",
        write_pairs,
        {
            "tokens": "words",
            "min_count": 1,
            "hidden_size": 5,
            "embedding": 4,
            "batch_size": 4,
            "dropout": 0.2,
            "held_out": 0.2,
            "scheduled_sampling": 0.5,
        },
        lambda model: [
            [[each.text for each in best], [each.score for each in best]]
            for best in model.translations(["die kuh schläft", "rennt heute der hund"], n_best=2)
        ],
    ),
    "captioner": TaskCase(
        "captioner",
        write_captioned,
        {"hidden_size": 5, "embedding": 4, "vector_size": 6, "batch_size": 4, "dropout": 0.2, "held_out": 0.2},
        lambda model: [
            [[each.text for each in best], [each.score for each in best]]
            for best in model.captions([[0.5, 0.1, 1.0], [2.0, 1.5, 0.0]], n_best=2, max_length=5)
        ],
    ),
    "filler": TaskCase(
        "filler",
        write_text,
        {"hidden_size": 8, "embedding": 4, "batch_size": 3, "bptt": 7, "dropout": 0.2, "word_dropout": 0.2},
        lambda model: [
            each.to_json() for each in model.fill_many(["the cat ___ on the mat", "___ dog ___ on the log"], top=3)
        ],
    ),
    "embeddings": TaskCase(
        "embeddings",
        write_text,
        {"embedding": 10, "batch_size": 100, "negatives": 3},
        lambda model: model.table.vector("cat").tolist(),
    ),
}
