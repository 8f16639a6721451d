"""One public data set for each task that learns from tags, pairs, images or sound: class, options and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import captioning
import transcribing
from _common import dataset

import elman

__all__ = ["REAL", "Fitted"]

# Training and validation items of the data that is composed.
IMAGES, RECORDINGS = (20_000, 2_000), (4_000, 400)

# The class of the model, its options, the arguments of `fit`, and its keywords.
Fitted = tuple[type[Any], dict[str, Any], tuple[Any, ...], dict[str, Any]]


def tagged(seed: int) -> Fitted:
    """SNIPS: 13,084 sentences with slots."""
    del seed
    return elman.Tagger, {}, (dataset("tagging/snips/train"),), {"valid": dataset("tagging/snips/valid")}


def pairs(seed: int) -> Fitted:
    """Multi30k: 29,000 sentences in German and English."""
    del seed
    train, valid = ([dataset(f"translation/multi30k/{part}.{side}.gz") for side in ("de", "en")] for part in PARTS)
    return elman.Translator, {}, (train,), {"valid": valid}


PARTS = ("train", "val")


def images(seed: int) -> Fitted:
    """Images of three digits of MNIST, with captions such as "three one seven"."""
    parts = captioning.data(seed)
    train, valid = (
        (items[:count], captions[:count])
        for (items, captions), count in zip((parts["train"], parts["valid"]), IMAGES, strict=True)
    )
    return elman.Captioner, {}, train, {"valid": valid}


def recordings(seed: int) -> Fitted:
    """Recordings of one to five spoken digits of FSDD."""
    clips = transcribing.read_clips()
    train, valid = (
        transcribing.sequences(clips, part, count, seed)
        for part, count in zip(("train", "valid"), RECORDINGS, strict=True)
    )
    rate = transcribing.RATE
    return elman.Transcriber, {"sample_rate": rate}, train, {"valid": valid, "rate": rate}


REAL: dict[str, Callable[[int], Fitted]] = {
    "tagger, SNIPS": tagged,
    "translator, Multi30k": pairs,
    "captioner, MNIST": images,
    "transcriber, FSDD": recordings,
}
