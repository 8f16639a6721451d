"""Metrics of transcription: word and character error rates, and exact matches."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from elman.errors import ConfigError

__all__ = ["character_errors", "error_rates", "figures_of"]


def figures_of(truth: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """Return metrics of the texts `given` compared with the true ones.

    wer    word error rate: substitutions, deletions and insertions over the number of true words (by jiwer)
    cer    character error rate
    exact  fraction of texts that match exactly, except for white space
    texts  number of texts
    """
    rates = error_rates(truth, given)
    same = sum(true.split() == text.split() for true, text in zip(truth, given, strict=True))
    return {**rates, "exact": same / max(len(truth), 1), "texts": len(truth)}


def error_rates(truth: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """Return `wer` and `cer`, ignoring white space at the ends. Raises ConfigError if jiwer is not installed."""
    if not truth:
        return {"wer": 0.0, "cer": 0.0}
    jiwer = _jiwer()
    true, found = list(truth), list(given)
    return {
        "wer": float(jiwer.process_words(true, found).wer),
        "cer": float(jiwer.process_characters(true, found).cer),
    }


def character_errors(truth: Sequence[str], given: Sequence[str]) -> list[tuple[int, int]]:
    """Return the number of wrong characters and of true characters of each text, of which `cer` is the ratio."""
    jiwer, rows = _jiwer(), []
    for true, text in zip(truth, given, strict=True):
        found = jiwer.process_characters(true, text)
        wrong = found.substitutions + found.deletions
        rows.append((wrong + found.insertions, found.hits + wrong))
    return rows


def _jiwer() -> Any:
    try:
        return importlib.import_module("jiwer")
    except ImportError as error:
        raise ConfigError(f"expected jiwer to be installed: pip install 'elman[sound]'. Received: {error}") from error
