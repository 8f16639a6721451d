"""Small data files in addition to those of the contract: series with labels, scores, spans, images, strokes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

__all__ = [
    "write_counts",
    "write_images",
    "write_labelled_series",
    "write_ratings",
    "write_scored_series",
    "write_spans",
    "write_strokes",
]


def _series_rows(labels: list[str], slopes: list[float]) -> list[str]:
    return [
        f"{number},{step},{slope * step + 0.3 * math.sin(number + step):.4f},{math.cos(step * slope):.4f},{label}"
        for number, (label, slope) in enumerate(zip(labels, slopes, strict=True))
        for step in range(5 + number % 3)
    ]


def write_labelled_series(folder: Path) -> list[Path]:
    """Series of two channels and unequal lengths that rise, stay or fall."""
    labels = ["falls", "stays", "rises"] * 8
    slopes = [0.7 * (("falls", "stays", "rises").index(label) - 1) + 0.01 * i for i, label in enumerate(labels)]
    path = folder / "drifts.csv"
    rows = _series_rows(labels, slopes)
    path.write_text("\n".join(["series,time,one,two,label", *rows]) + "\n", encoding="utf-8")
    return [path]


def write_scored_series(folder: Path) -> list[Path]:
    """The same kind of series with their slope as the score."""
    slopes = [(number * 7 % 24 - 12) / 15 for number in range(24)]
    path = folder / "slopes.csv"
    rows = _series_rows([f"{slope:.4f}" for slope in slopes], slopes)
    path.write_text("\n".join(["series,time,one,two,label", *rows]) + "\n", encoding="utf-8")
    return [path]


def write_ratings(folder: Path) -> list[Path]:
    """Texts with a score from 1 to 5."""
    words = ("awful", "weak", "usual", "good", "great")
    rows = [
        f"a {words[i]} play with a {words[(i + j) % 5]} end,{1 + (2 * i + (i + j) % 5) / 3:.3f}"
        for i in range(5)
        for j in range(6)
    ]
    path = folder / "ratings.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return [path]


def write_spans(folder: Path) -> list[Path]:
    """Sentences with spans in IOB2 notation and a label of the whole, as seq.in, seq.out and label."""
    place = folder / "trips"
    place.mkdir()
    words, tags, labels = [], [], []
    for verb in ("go", "fly", "walk"):
        for way in ("to", "from"):
            for cities in (["paris"], ["oslo", "rome"], ["rome"], ["new", "york"]):
                words.append(" ".join([verb, way, *cities, "now"]))
                inside = [f"{'I' if number else 'B'}-{way}" for number in range(len(cities))]
                tags.append(" ".join(["O", "O", *inside, "O"]))
                labels.append(verb.title())
    for name, lines in (("seq.in", words), ("seq.out", tags), ("label", labels)):
        (place / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [place]


def write_images(folder: Path) -> list[Path]:
    """Images of 8 x 12 pixels with a bar in one or two of three places, and what is in each."""
    draw = np.random.default_rng(3)
    pixels_NHW = draw.integers(0, 40, (21, 8, 12), dtype=np.uint8)
    captions = []
    for number, pixels_HW in enumerate(pixels_NHW):
        shown = [place for place in range(3) if (number % 7 + 1) >> place & 1]
        for place in shown:
            pixels_HW[:, 4 * place + 1 : 4 * place + 3] += 180
        captions.append(" ".join(["bar", *(("left", "middle", "right")[place] for place in shown)]))
    np.save(folder / "bars.npy", pixels_NHW)
    (folder / "bars.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
    return [folder / "bars.npy", folder / "bars.txt"]


# How the pen moves in each letter: points of dx, dy, and whether it is lifted.
_LETTERS = {
    "l": [(0, 2, 0), (0, 2, 1), (1, -4, 0)],
    "v": [(1, -3, 0), (1, 3, 1), (1, 0, 0)],
    "o": [(1, 1, 0), (1, -1, 0), (-1, -1, 0), (-1, 1, 1), (3, 0, 0)],
}


def write_strokes(folder: Path) -> list[Path]:
    """Drawings of words of three letters, each with its own strokes."""
    texts = ["lo", "ol", "vo", "ov", "lov", "vol", "oo", "ll", "vlo", "lvl", "ovo", "vv"]
    lines = []
    for number, text in enumerate(texts):
        points = [point for letter in text for point in _LETTERS[letter] for _ in range(1)]
        size = 1 + 0.05 * (number % 4)
        moves = [[round(dx * size / 2, 3), round(dy * size / 2, 3), pen] for dx, dy, pen in points for _ in range(2)]
        lines.append(json.dumps({"strokes": moves, "text": text}))
    path = folder / "letters.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [path]


def write_counts(folder: Path) -> list[Path]:
    """Monthly counts of two shops."""
    rows = [
        f"{name},{2001 + month // 12}-{1 + month % 12:02}-01,{round(6 + 3 * number + 4 * math.sin(month / 2))}"
        for number, name in enumerate(("north", "south"))
        for month in range(48)
    ]
    path = folder / "counts.csv"
    path.write_text("\n".join(["unique_id,ds,y", *rows]) + "\n", encoding="utf-8")
    return [path]
