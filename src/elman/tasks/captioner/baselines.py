"""Simple rules that a captioner is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from elman.baselines.commonest import commonest_text
from elman.baselines.nearest_vector import nearest_vectors
from elman.data.captioned import CaptionDataset
from elman.tasks.comparison import Comparison, Doubles, SimpleRule, evenly
from elman.tasks.text_rules import text_figure

__all__ = ["MOST", "comparison_of"]

# Maximum number of held-out items.
MOST = 500

_ADVICE = "Use that rule, or try more time, more items, or --dropout."


def comparison_of(
    write: Callable[[], list[str]],
    train: CaptionDataset,
    held: CaptionDataset,
    part: str,
    **compared: Any,
) -> Comparison:
    """Return the rules for items with captions; `write` returns the network's captions of `held`.

    `compared` holds arguments of `text_figure`.
    """
    figure, counts = text_figure(held.captions or [], **compared)
    captions = train.captions or []

    def commonest(items: int) -> Doubles:
        texts = [text for row in evenly(len(train), items).tolist() for text in captions[row]]
        return counts([commonest_text(texts)] * len(held))

    def nearest(items: int) -> Doubles:
        rows = evenly(len(train), items)
        found = nearest_vectors(train.items[rows], held.items)
        return counts([captions[row][0] for row in rows[found].tolist()])

    return Comparison(
        part=part,
        noun="items",
        figure=figure,
        network=lambda: counts(write()),
        rules=[
            SimpleRule("the commonest caption", len(train), commonest),
            SimpleRule("the caption of the nearest item", len(train), nearest),
        ],
        advice=_ADVICE,
    )
