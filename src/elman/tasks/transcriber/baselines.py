"""Simple rules that a transcriber is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from elman.baselines.commonest import commonest_text
from elman.metrics.transcription import character_errors
from elman.metrics.verdict import error_rate
from elman.tasks.comparison import Comparison, Doubles, SimpleRule

__all__ = ["LEAST", "MOST", "PER_SECOND", "comparison_of"]

# Maximum number of held-out recordings.
MOST = 500
# With a budget in seconds: recordings for each second of it, but at least this number.
PER_SECOND, LEAST = 8, 50

_ADVICE = "Try more time, more recordings, or --stride 1."


def comparison_of(
    transcribe: Callable[[], Sequence[str]], train: Sequence[str], truth: Sequence[str], part: str
) -> Comparison:
    """Return the rules for texts; `transcribe` returns the network's texts, of which `truth` are the true ones."""

    def counts(texts: Sequence[str]) -> Doubles:
        return np.array(character_errors(truth, texts), dtype=np.float64).reshape(-1, 2)

    return Comparison(
        part=part,
        noun="texts",
        figure=error_rate("cer", "character error rate"),
        network=lambda: counts(transcribe()),
        rules=[SimpleRule("the commonest text", 1, lambda items: counts([commonest_text(train)] * len(truth)))],
        advice=_ADVICE,
    )
