"""Tiny captioners, and pictures that they learn in a moment: bars of light, with captions that name their places."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman import Captioner

OPTIONS: dict[str, Any] = {
    "hidden_size": 16,
    "embedding": 8,
    "vector_size": 16,
    "channels": (4, 8),
    "dropout": 0.0,
    "batch_size": 16,
    "max_steps": 6,
    "learning_rate": 0.02,
    "warmup_steps": 0,
    "ema_decay": 0.0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}
WORDS = ("left", "middle", "right")


def bars(count: int = 48, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """Images of 4 x 12 pixels with one or two bars, and captions such as "bar left right"."""
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 40, (count, 4, 12), dtype=np.uint8)
    captions = []
    for image in pixels:
        places = np.flatnonzero(draw.random(3) < 0.5)
        places = places if len(places) else np.array([draw.integers(3)])
        for place in places:
            image[:, 4 * place + 1 : 4 * place + 3] += 180
        captions.append(" ".join(["bar", *(WORDS[place] for place in places)]))
    return pixels, captions


def vectors(count: int = 48, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    """The same as vectors of the three places."""
    pixels, captions = bars(count, seed)
    return pixels.reshape(count, 4, 3, 4).mean(axis=(1, 3)), captions


def trained(items: np.ndarray, captions: Any, **options: Any) -> Captioner:
    """A captioner that saw them for a moment."""
    return Captioner(**OPTIONS | options).fit(items, captions, progress=False, tune=False)
