"""Simple rules that a tagger is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from elman.baselines.commonest import commonest_label
from elman.baselines.ridge import RidgeClassifier
from elman.baselines.tag_lexicon import TagLexicon
from elman.data.tagged import TaggedDataset
from elman.data.tagged.spans import spans_of
from elman.metrics.verdict import F1, ratio
from elman.tasks.comparison import Comparison, Doubles, SimpleRule, evenly

__all__ = ["comparison_of", "tag_counts"]

_ADVICE = "Use that rule, or try more time, or --vectors (word vectors)."

Tags = list[list[str]]


def comparison_of(
    network: Callable[[], Sequence[Sequence[str]]],
    names: Sequence[str],
    train: TaggedDataset,
    held: TaggedDataset,
    part: str,
    *,
    spans: bool,
) -> Comparison:
    """Return the rules for words or frames; `network` returns the network's tags of `held`."""
    truth = held.tags or []
    places = {name: place for place, name in enumerate(names)}
    known = [np.array([places[tag] for tag in each], dtype=np.int64) for each in train.tags or []]

    def counts(given: Sequence[Sequence[str]]) -> Doubles:
        return tag_counts(truth, given, spans=spans)

    def commonest(items: int) -> Doubles:
        rows = evenly(len(train), items).tolist()
        tag = names[commonest_label(np.concatenate([known[row] for row in rows]), len(names))]
        return counts([[tag] * len(each) for each in truth])

    def lexicon(items: int) -> Doubles:
        rows = evenly(len(train), items).tolist()
        words = train.words or []
        rule = TagLexicon().fit([words[row] for row in rows], [known[row] for row in rows])
        return counts([[names[tag] for tag in each] for each in rule.predict(held.words or [])])

    def ridge(items: int) -> Doubles:
        rows = evenly(len(train), items).tolist()
        frames = train.frames or []
        x_NI = np.concatenate([frames[row] for row in rows]).astype(np.float64)
        rule = RidgeClassifier().fit(x_NI, np.concatenate([known[row] for row in rows]), len(names))
        return counts([[names[tag] for tag in rule.predict(each.astype(np.float64))] for each in held.frames or []])

    rules = [SimpleRule("the commonest tag", len(train), commonest)]
    if train.words is not None:
        rules.append(SimpleRule("the most frequent tag of each word", len(train), lexicon))
    else:
        rules.append(SimpleRule("ridge over single frames", len(train), ridge, 50))
    return Comparison(
        part=part,
        noun="sequences",
        figure=F1 if spans else ratio("accuracy", "accuracy of tags"),
        network=lambda: counts(network()),
        rules=rules,
        advice=_ADVICE,
    )


def tag_counts(truth: Sequence[Sequence[str]], given: Sequence[Sequence[str]], *, spans: bool) -> Doubles:
    """Return the counts of each sequence: right, found and true spans, or right and all tags."""
    rows: list[tuple[int, ...]] = []
    for true, found in zip(truth, given, strict=True):
        if spans:
            wanted, made = set(spans_of(true)), set(spans_of(found))
            rows.append((len(wanted & made), len(made), len(wanted)))
        else:
            rows.append((sum(map(str.__eq__, true, found)), len(true)))
    return np.array(rows, dtype=np.float64)
