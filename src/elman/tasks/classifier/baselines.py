"""Simple rules that a classifier is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from elman.baselines.commonest import commonest_label, mean
from elman.baselines.naive_bayes import NaiveBayes
from elman.baselines.ridge import Ridge, RidgeClassifier
from elman.baselines.series_features import RandomConvolutions, summary_features
from elman.baselines.series_neighbours import predict as predict_nearest
from elman.baselines.text_features import hashed_words
from elman.data.examples import Examples
from elman.data.examples.targets import ClassTargets, Targets
from elman.metrics.verdict import ratio, rmse_of
from elman.tasks.comparison import Comparison, Doubles, SimpleRule, evenly

__all__ = ["comparison_of"]

# (training inputs, their targets, held-out inputs) -> predicted targets
Predict = Callable[[Any, Any, Any], npt.NDArray[Any]]
# (training inputs, held-out inputs) -> features of both
Features = Callable[[Any, Any], tuple[Doubles, Doubles]]

# Maximum number of held-out examples.
_MOST = 5000
# Dynamic time warping is quick enough for series of at most so many steps.
_LONGEST_WARPED = 500

_ADVICE_TEXTS = "Use that rule, or try more time, --vectors (word vectors), or --from (a language model of such texts)."
_ADVICE_SERIES = (
    "Use that rule, or try more time, --members 3, or --crop 0.2 where any part of a series shows its class."
)


def comparison_of(
    outputs: Callable[[npt.NDArray[np.int64]], Doubles],
    targets: Targets,
    train: Examples,
    train_truth_N: npt.NDArray[Any],
    held: Examples,
    truth_N: npt.NDArray[Any],
    part: str,
) -> Comparison:
    """Return the rules for examples of this kind; `outputs` returns the network's outputs for rows of `held`."""
    chosen = evenly(len(held), _MOST)
    some, some_truth_N = held.take(chosen), truth_N[chosen]
    texts = train.kind == "text"
    rules = _class_rules if isinstance(targets, ClassTargets) else _number_rules

    def network() -> Doubles:
        found_NC = outputs(chosen)
        predicted_N = found_NC.argmax(axis=1) if isinstance(targets, ClassTargets) else found_NC[:, 0]
        return count(predicted_N)

    def count(predicted_N: npt.NDArray[Any]) -> Doubles:
        if isinstance(targets, ClassTargets):
            scored_N = (predicted_N == some_truth_N).astype(np.float64)
        else:
            scored_N = (targets.decode(predicted_N) - targets.decode(some_truth_N)) ** 2
        return np.stack([scored_N, np.ones(len(scored_N))], axis=1)

    def rule(name: str, predict: Predict, **how: int) -> SimpleRule:
        def counts(items: int) -> Doubles:
            rows = evenly(len(train), items)
            return count(predict(train.take(rows).inputs, train_truth_N[rows], some.inputs))

        return SimpleRule(name, len(train), counts, **how)

    return Comparison(
        part=part,
        noun="examples",
        figure=ratio("accuracy", "accuracy") if isinstance(targets, ClassTargets) else rmse_of(),
        network=network,
        rules=rules(rule, targets.outputs, some.inputs, texts),
        advice=_ADVICE_TEXTS if texts else _ADVICE_SERIES,
    )


def _class_rules(rule: Callable[..., SimpleRule], classes: int, held: Sequence[Any], texts: bool) -> list[SimpleRule]:
    def commonest(inputs: Any, truth_N: Any, others: Any) -> npt.NDArray[Any]:
        del inputs
        return np.full(len(others), commonest_label(truth_N, classes))

    def naive_bayes(features: Literal["words", "characters"]) -> Predict:
        return lambda texts, truth_N, others: NaiveBayes(features).fit(texts, truth_N, classes).predict(others)

    def ridge(features: Features) -> Predict:
        def predict(inputs: Any, truth_N: Any, others: Any) -> npt.NDArray[Any]:
            known_NF, asked_NF = features(inputs, others)
            return RidgeClassifier().fit(known_NF, truth_N, classes).predict(asked_NF)

        return predict

    rules = [rule("the commonest class", commonest)]
    if texts:
        return [
            *rules,
            rule("naive Bayes over words and word pairs", naive_bayes("words")),
            rule("naive Bayes over characters", naive_bayes("characters")),
        ]
    rules += [
        rule("the nearest neighbour", predict_nearest, first=200),
        rule("ridge over summary features", ridge(_summaries), first=200),
        rule("ridge over random convolutions", ridge(_convolutions), first=50),
    ]
    if max(len(each) for each in held) <= _LONGEST_WARPED:
        warped = partial(predict_nearest, distance="dtw")
        rules.append(rule("the nearest neighbour by time warping", warped, first=20))
    return rules


def _number_rules(rule: Callable[..., SimpleRule], outputs: int, held: Sequence[Any], texts: bool) -> list[SimpleRule]:
    del outputs, held

    def average(inputs: Any, truth_N: Any, others: Any) -> npt.NDArray[Any]:
        del inputs
        return np.full(len(others), float(mean(truth_N)))

    def ridge(features: Features) -> Predict:
        def predict(inputs: Any, truth_N: Any, others: Any) -> npt.NDArray[Any]:
            known_NF, asked_NF = features(inputs, others)
            return Ridge().fit(known_NF, truth_N).predict(asked_NF)

        return predict

    if texts:
        hashed = ridge(lambda inputs, others: (hashed_words(inputs), hashed_words(others)))
        return [rule("the mean", average), rule("ridge over words", hashed)]
    return [
        rule("the mean", average),
        rule("ridge over summary features", ridge(_summaries), first=200),
        rule("ridge over random convolutions", ridge(_convolutions), first=50),
    ]


def _summaries(inputs: Sequence[Any], others: Sequence[Any]) -> tuple[Doubles, Doubles]:
    return summary_features(inputs), summary_features(others)


def _convolutions(inputs: Sequence[Any], others: Sequence[Any]) -> tuple[Doubles, Doubles]:
    kernels = RandomConvolutions().fit(inputs)
    return kernels.transform(inputs), kernels.transform(others)
