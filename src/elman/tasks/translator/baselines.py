"""Simple rules that a translator is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from elman.baselines.nearest_text import NearestText
from elman.data.pairs import Pairs
from elman.tasks.comparison import Comparison, Doubles, SimpleRule, evenly
from elman.tasks.text_rules import text_figure

__all__ = ["MOST", "comparison_of"]

# Maximum number of held-out pairs, which the network translates by greedy search.
MOST = 300

_ADVICE = "Try more time or more pairs."


def comparison_of(
    translate: Callable[[list[str]], list[str]],
    train: Pairs,
    held: Pairs,
    part: str,
    **compared: Any,
) -> Comparison:
    """Return the rules for pairs; `translate` is the network's, `compared` are arguments of `text_figure`."""
    figure, counts = text_figure(held.targets or [], **compared)

    def nearest(items: int) -> Doubles:
        some = train.take(evenly(len(train), items).tolist())
        targets = some.targets or []
        return counts([targets[row] for row in NearestText().fit(some.sources).nearest(held.sources)])

    return Comparison(
        part=part,
        noun="pairs",
        figure=figure,
        network=lambda: counts(translate(held.sources)),
        rules=[
            SimpleRule("copying the source", 1, lambda items: counts(held.sources)),
            SimpleRule("the target of the most similar source", len(train), nearest),
        ],
        advice=_ADVICE,
    )
