"""Comparison of generated texts with their references: counts of BLEU, or of exact matches without sacrebleu."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from elman.data.vocabulary.unicode_forms import KEEP, in_form
from elman.metrics.translation import bleu_counts, has_bleu, is_exact
from elman.metrics.verdict import BLEU, Figure, ratio
from elman.tasks.comparison import Doubles

__all__ = ["text_figure"]

References = Sequence[str] | Sequence[Sequence[str]]


def text_figure(
    references: References, *, lowercase: bool = False, tokenizer: str = "13a", unicode_form: str = KEEP
) -> tuple[Figure, Callable[[Sequence[str]], Doubles]]:
    """Return the figure of texts with these references, and the function that counts it for texts.

    Both are compared in `unicode_form`.
    """
    known = [
        in_form(each, unicode_form) if isinstance(each, str) else [in_form(text, unicode_form) for text in each]
        for each in references
    ]

    def formed(texts: Sequence[str]) -> list[str]:
        return [in_form(text, unicode_form) for text in texts]

    if has_bleu():
        return BLEU, lambda texts: bleu_counts(formed(texts), known, lowercase=lowercase, tokenizer=tokenizer)

    def exact(texts: Sequence[str]) -> Doubles:
        hits = [is_exact(text, each) for text, each in zip(formed(texts), known, strict=True)]
        return np.stack([np.array(hits, dtype=np.float64), np.ones(len(hits))], axis=1)

    return ratio("exact", "exact matches"), exact
