"""How good texts are: word and character error rates, whole texts that are right. Knows nothing about networks."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from elman.errors import ConfigError

__all__ = ["error_rates", "figures_of"]


def figures_of(truth: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """Figures of the texts `given` beside the true ones.

    wer    words that are wrong, missing or too many, over the true words of all texts (by jiwer)
    cer    the same of characters
    exact  share of the texts that are right as a whole
    texts  how many there are
    """
    rates = error_rates(truth, given)
    same = sum(true.split() == text.split() for true, text in zip(truth, given, strict=True))
    return {**rates, "exact": same / max(len(truth), 1), "texts": len(truth)}


def error_rates(truth: Sequence[str], given: Sequence[str]) -> dict[str, float]:
    """`wer` and `cer`. White space at the ends counts for neither. Raises ConfigError where jiwer is not installed."""
    if not truth:
        return {"wer": 0.0, "cer": 0.0}
    jiwer = _jiwer()
    true, found = list(truth), list(given)
    return {
        "wer": float(jiwer.process_words(true, found).wer),
        "cer": float(jiwer.process_characters(true, found).cer),
    }


def _jiwer() -> Any:
    try:
        return importlib.import_module("jiwer")
    except ImportError as error:
        raise ConfigError(f"expected jiwer to be installed: pip install 'elman[sound]'. Received: {error}") from error
