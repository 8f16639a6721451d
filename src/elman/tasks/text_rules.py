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

    Texts are compared in lower case with `lowercase`, and in `unicode_form`.
    """
    several = [[each] if isinstance(each, str) else each for each in references]
    known = [[in_form(text, unicode_form) for text in each] for each in several]

    def formed(texts: Sequence[str]) -> list[str]:
        return [in_form(text, unicode_form) for text in texts]

    if has_bleu():
        return BLEU, lambda texts: bleu_counts(formed(texts), known, lowercase=lowercase, tokenizer=tokenizer)

    def cased(text: str) -> str:
        return text.lower() if lowercase else text

    def exact(texts: Sequence[str]) -> Doubles:
        pairs = zip(formed(texts), known, strict=True)
        hits = [is_exact(cased(text), [cased(each) for each in right]) for text, right in pairs]
        return np.stack([np.array(hits, dtype=np.float64), np.ones(len(hits))], axis=1)

    return ratio("exact", "exact matches"), exact
