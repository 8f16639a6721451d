"""Every golden model: its data, its options, what it is asked, and what `elman evaluate` is run on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from ..contract import tasks
from . import data

__all__ = ["CASES", "COMMON", "GoldenCase"]

COMMON: dict[str, Any] = {
    "max_steps": 200,
    "evaluate_every": 50,
    "warmup_steps": 10,
    "learning_rate": 0.02,
    "ema_decay": 0.9,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
    "seed": 5,
}


def as_they_are(files: list[Path]) -> list[Path]:
    """All the data is kept."""
    return files


class GoldenCase(NamedTuple):
    """A golden model.

    kind      the public class
    write     puts data into a folder and returns the files to train on
    options   of the model
    ask       questions to the model, by name, whose answers are kept
    keep      of the training files, those that stay next to the model; `elman evaluate` reads them
    flags     further words of that command
    sees_all  whether the data of the training is that of the validation too: the weights of the last steps are kept
    """

    kind: str
    write: Callable[[Path], list[Path]]
    options: dict[str, Any]
    ask: dict[str, Callable[[Any], Any]]
    keep: Callable[[list[Path]], list[Path]] = as_they_are
    flags: tuple[str, ...] = ()
    sees_all: bool = False


def few_sounds(files: list[Path]) -> list[Path]:
    """The first three recordings alone: sounds are large."""
    (table,) = files
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    for line in lines[4:]:
        (table.parent / line.split(",")[0]).unlink()
    table.write_text("".join(lines[:4]), encoding="utf-8")
    return files


REVIEWS = ["a warm and bright play", "a dull and grey play", "usual", "unheard words"]
SERIES = [[[0.0, 1.0], [0.5, 0.9], [1.1, 0.5], [1.4, 0.1]], [[0.2, 1.0], [-0.4, 0.8], [-1.2, 0.2]]]
SENTENCES = [["the", "cat", "runs", "there"], ["unheard", "of"], ["The", "bird", "sits"]]
TRIPS = ["fly to new york now", "walk from oslo rome now", "go to madrid"]
SOURCES = ["die kuh schläft heute .", "der hund rennt", "heute die katze frisst hier ."]
VECTORS = [[0.5, 0.1, 1.0], [2.0, 1.5, 0.0], [3.1, -0.4, 1.0]]
SOUNDS = [tasks.tones(text) for text in ("a dog", "the bee", "hen")]
DRAWING = [[0, 1, 0], [0, 1, 1], [0.5, -2, 0], [0.5, 0.5, 0], [0.5, -0.5, 0], [-0.5, -0.5, 0], [-0.5, 0.5, 1]]


def drawn(model: Any, prompt: str, **options: Any) -> Any:
    """Text drawn by torch's random numbers: the native engine has its own, and is not available everywhere."""
    with mock.patch.dict(os.environ, {"ELMAN_KERNELS": "reference"}):
        return model.generate(prompt, **options)


def bars() -> Any:
    """Images that the captioner has not seen."""
    import numpy as np

    pixels_NHW = np.full((2, 8, 12), 20, np.uint8)
    pixels_NHW[0, :, 1:3] = 200
    pixels_NHW[1, :, 5:7] = pixels_NHW[1, :, 9:11] = 210
    return pixels_NHW


CASES: dict[str, GoldenCase] = {
    "language-model": GoldenCase(
        "LanguageModel",
        tasks.write_text,
        {"hidden_size": 12, "embedding": 6, "batch_size": 3, "bptt": 16, "dropout": 0.1, "split": (0.8, 0.1, 0.1)},
        {
            "greedy": lambda model: model.generate("the dog", length=30, temperature=0.0),
            "drawn": lambda model: drawn(model, "a", length=20, temperature=0.7, top_k=5, seed=3, samples=2),
            "score": lambda model: model.score(["the cat sat", "a dog on a log!"]),
        },
    ),
    "classifier": GoldenCase(
        "Classifier",
        tasks.write_reviews,
        {"hidden_size": 5, "embedding": 4, "batch_size": 6, "output_dropout": 0.2, "split": (0.6, 0.2, 0.2)},
        {
            "predict": lambda model: model.predict(REVIEWS),
            "predict_proba": lambda model: model.predict_proba(REVIEWS),
            "explain": lambda model: model.explain(REVIEWS[:2]),
            "explain_bad": lambda model: model.explain(REVIEWS[:1], label="bad"),
        },
    ),
    "classifier-scores": GoldenCase(
        "Classifier",
        data.write_scored_series,
        {
            "kind": "regression",
            "hidden_size": 5,
            "batch_size": 6,
            "noise": 0.1,
            "split": (0.7, 0.3, 0.0),
            "pool": "attention",
        },
        {
            "predict": lambda model: model.predict(SERIES),
            "explain": lambda model: model.explain(SERIES),
        },
    ),
    "tagger": GoldenCase(
        "Tagger",
        tasks.write_tagged,
        {
            "layers": 1,
            "hidden_size": 5,
            "embedding": 4,
            "char_embedding": 3,
            "char_hidden": 3,
            "batch_size": 4,
            "dropout": 0.1,
            "input_dropout": 0.1,
        },
        {
            "predict": lambda model: model.predict(SENTENCES),
            "tag": lambda model: model.tag(SENTENCES),
        },
    ),
    "tagger-spans": GoldenCase(
        "Tagger",
        data.write_spans,
        {
            "preset": "spans",
            "intent": True,
            "layers": 1,
            "hidden_size": 5,
            "embedding": 4,
            "char_embedding": 3,
            "char_hidden": 3,
            "batch_size": 4,
            "dropout": 0.1,
            "input_dropout": 0.1,
        },
        {
            "tag": lambda model: model.tag(TRIPS),
            "predict_intents": lambda model: model.predict_intents(TRIPS),
        },
    ),
    "forecaster": GoldenCase(
        "Forecaster",
        tasks.write_series,
        {"hidden_size": 5, "context": 10, "horizon": 3, "batch_size": 4, "dropout": 0.1, "autoregression": 3},
        {
            "forecast": lambda model: model.forecast(horizon=4, levels=[50, 90]).to_json(),
            "samples": lambda model: model.forecast(horizon=2, samples=2, seed=4).to_json(),
            "create": lambda model: model.create(5, draw=False),
        },
        flags=("--limit", "4"),
    ),
    "forecaster-direct": GoldenCase(
        "Forecaster",
        tasks.write_series,
        {
            "mode": "direct",
            "distribution": "quantiles",
            "levels": (0.1, 0.5, 0.9),
            "hidden_size": 5,
            "layers": 2,
            "dilations": (1, 2),
            "context": 10,
            "horizon": 3,
            "loss_steps": 4,
            "resolutions": (3,),
            "batch_size": 4,
            "autoregression": 3,
        },
        {
            "forecast": lambda model: model.forecast(levels=[80]).to_json(),
            "longer": lambda model: model.forecast(horizon=5).to_json(),
        },
        flags=("--limit", "4"),
    ),
    "translator": GoldenCase(
        "Translator",
        tasks.write_pairs,
        {
            "tokens": "words",
            "min_count": 1,
            "hidden_size": 12,
            "embedding": 6,
            "batch_size": 6,
            "dropout": 0.0,
            "input_dropout": 0.0,
            "max_steps": 400,
            "scheduled_sampling": 0.2,
        },
        {
            "greedy": lambda model: model.translate(SOURCES, beams=1),
            "translations": lambda model: model.translations(SOURCES[:2], beams=3, n_best=2, attention=True),
            "copied": lambda model: model.translate(["die maus schläft hier ."], replace_unknown=True),
            "score": lambda model: model.score([SOURCES[0]], ["the cow sleeps today ."]),
        },
        flags=("--beams", "2"),
        sees_all=True,
    ),
    "captioner": GoldenCase(
        "Captioner",
        tasks.write_captioned,
        {"hidden_size": 12, "embedding": 6, "vector_size": 8, "batch_size": 8, "dropout": 0.0, "max_steps": 400},
        {
            "greedy": lambda model: model.caption(VECTORS, beams=1, max_length=6),
            "captions": lambda model: model.captions(VECTORS, n_best=2, max_length=6),
            "score": lambda model: model.score(VECTORS[:1], ["a dog sleeps here"]),
        },
        sees_all=True,
    ),
    "captioner-images": GoldenCase(
        "Captioner",
        data.write_images,
        {
            "hidden_size": 6,
            "embedding": 4,
            "vector_size": 6,
            "channels": (3, 4),
            "attention": "luong",
            "batch_size": 7,
            "dropout": 0.1,
            "held_out": 0.2,
        },
        {"captions": lambda model: model.captions(bars(), n_best=2, max_length=6, attention=True)},
    ),
    "transcriber": GoldenCase(
        "Transcriber",
        tasks.write_sounds,
        {
            "max_steps": 300,
            "hidden_size": 8,
            "sample_rate": 4000,
            "mels": 8,
            "layers": 1,
            "batch_size": 4,
            "dropout": 0.1,
            "time_masks": 0,
            "frequency_masks": 1,
            "frequency_width": 1,
        },
        {
            "greedy": lambda model: model.transcripts(SOUNDS),
            "beams": lambda model: model.transcripts(SOUNDS, beams=3, n_best=2),
        },
        few_sounds,
        sees_all=True,
    ),
    "transcriber-strokes": GoldenCase(
        "Transcriber",
        data.write_strokes,
        {
            "preset": "strokes",
            "hidden_size": 6,
            "layers": 1,
            "stack_frames": 2,
            "stride": 1,
            "batch_size": 4,
            "dropout": 0.1,
        },
        {
            "greedy": lambda model: model.transcripts([DRAWING]),
            "beams": lambda model: model.transcripts([DRAWING], beams=3, n_best=2),
        },
    ),
    "filler": GoldenCase(
        "Filler",
        tasks.write_text,
        {"hidden_size": 8, "embedding": 6, "batch_size": 3, "bptt": 9, "dropout": 0.1, "split": (0.8, 0.1, 0.1)},
        {
            "fill": lambda model: model.fill("the cat ___ on the mat", top=3).to_json(),
            "fill_several": lambda model: model.fill("the ___ sat ___ the ___; a dog", beams=3).to_json(),
            "suspicious": lambda model: [each.to_json() for each in model.suspicious("the cat mat on the sat")],
        },
    ),
    "embeddings": GoldenCase(
        "Embeddings",
        tasks.write_text,
        {"ema_decay": 0.0, "embedding": 6, "min_count": 1, "batch_size": 100, "split": (0.8, 0.1, 0.1)},
        {
            "vectors": lambda model: {word: model[word].tolist() for word in ("cat", "mat")},
            "neighbours": lambda model: [tuple(each) for each in model.neighbours("cat", top=3)],
            "analogy": lambda model: [tuple(each) for each in model.analogy("cat - mat + dog", top=2)],
        },
    ),
    "embeddings-subwords": GoldenCase(
        "Embeddings",
        tasks.write_text,
        {
            "ema_decay": 0.0,
            "embedding": 6,
            "min_count": 1,
            "batch_size": 100,
            "subwords": True,
            "buckets": 50,
            "split": (0.9, 0.05, 0.05),
        },
        {"unseen": lambda model: model["cats"].tolist(), "known": lambda model: "cats" in model},
    ),
}
