"""Weights of a bag of n-grams that are fitted to texts of which each is left out of the counts (leave-one-out).

Naive Bayes is far too certain of texts that it has counted, and of long ones: its n-grams are not independent. Left out
of the counts, a text is scored as a new one would be, so the smoothing and the scale of the weights can be fitted to
the training texts themselves. All sums are those of numpy, so that they do not depend on the number of threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.nn.bag import Grams, LeaveOneOut

__all__ = ["FittedBag", "fit_bag"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# What is added to each count, and the scales of the weights: those that are tried.
_ADDED = (1.0, 0.3, 0.1, 0.03)
_SCALES = (0.0, *(0.005 * 1.2**k for k in range(36)))
# The scale that is tried first.
_FIRST_PLACE = 12
# Passes over the scales of the groups of n-grams and the bias, steps of the bias in each, the gain in nats of a pass
# after which there is another one, and the most scores by which all are chosen.
_PASSES, _BIAS_STEPS, _ENOUGH, _MOST_SCORES = 30, 3, 1e-4, 200_000


class FittedBag(NamedTuple):
    """Naive Bayes fitted by leave-one-out.

    weights_KC   weights of the n-grams
    bias_C       bias of the classes
    left_out     how a text changes the weights
    scales       factor of the weights of each group of n-grams
    """

    weights_KC: Doubles
    bias_C: Doubles
    left_out: LeaveOneOut
    scales: tuple[float, ...]


def fit_bag(grams: Grams, truth_N: Ints, classes: int) -> FittedBag:
    """Return the weights of n-grams for texts with the classes `truth_N`.

    They are those of `learn_bag`, with another number than one added to the counts, times a scale. Both are those with
    the lowest cross-entropy of the training texts, each left out of the counts, for each group of n-grams.
    """
    K = len(grams.keys_K)
    cells_P = grams.places_P * classes + truth_N[grams.texts_P]
    counts_KC = np.bincount(cells_P, minlength=K * classes).reshape(K, classes).astype(np.float64)
    shared_K = counts_KC.sum(axis=1) > 1
    chosen_N = _evenly(len(truth_N), max(1, _MOST_SCORES // classes))
    weights_KC, own_KC = np.zeros_like(counts_KC), np.zeros_like(counts_KC)
    scored_N = np.zeros(len(truth_N), dtype=np.bool_)
    scored_N[chosen_N] = True
    known_P = scored_N[grams.texts_P] & shared_K[grams.places_P]
    groups, scores = np.unique(grams.group_K).tolist(), []
    for group in groups:
        of_group = grams.group_K == group
        found = [_weights(counts_KC[of_group], added) for added in _ADDED]
        inside = known_P & of_group[grams.places_P]
        occurs = (np.cumsum(of_group)[grams.places_P[inside]] - 1, grams.texts_P[inside])
        scored = [_left_out_scores(*each, *occurs, truth_N)[chosen_N] for each in found]
        best = int(np.argmin([_fit([each], truth_N[chosen_N]).cross_entropy for each in scored]))
        weights_KC[of_group], own_KC[of_group] = found[best]
        scores.append(scored[best])
    fitted = _fit(scores, truth_N[chosen_N])
    scales = tuple(_SCALES[place] for place in fitted.places)
    factors_K = np.array(scales)[np.searchsorted(groups, grams.group_K)][:, None]
    left_out = LeaveOneOut(shared_K, own_KC * factors_K)
    return FittedBag(weights_KC * factors_K, fitted.bias_C - fitted.bias_C.mean(), left_out, scales)


def _logs_of_shares(truth_N: Ints, classes: int) -> Doubles:
    counts_C = np.bincount(truth_N, minlength=classes) + 0.5
    shares: Doubles = np.log(counts_C / counts_C.sum())
    return shares


def _evenly(count: int, most: int) -> Ints:
    """Return at most `most` evenly spaced indices."""
    used = min(count, most)
    spaced: Ints = np.arange(used, dtype=np.int64) * count // max(used, 1)
    return spaced


def _weights(counts_KC: Doubles, added: float) -> tuple[Doubles, Doubles]:
    """Return the weights, and what is added to that of a text's own class where the text is not counted."""
    logs_KC = np.log(counts_KC + added)
    weights_KC = logs_KC - np.log((counts_KC + added).sum(axis=0))
    weights_KC -= weights_KC.mean(axis=1, keepdims=True)
    return weights_KC, np.log(np.maximum(counts_KC - 1, 0.0) + added) - logs_KC


def _left_out_scores(weights_KC: Doubles, own_KC: Doubles, places_P: Ints, texts_P: Ints, truth_N: Ints) -> Doubles:
    """Return the score of each text for each class, the text itself not counted."""
    N, C = len(truth_N), weights_KC.shape[1]
    columns = [np.bincount(texts_P, weights_KC[places_P, column], minlength=N) for column in range(C)]
    scores_NC: Doubles = np.stack(columns, axis=1).astype(np.float64)
    scores_NC[np.arange(N), truth_N] += np.bincount(texts_P, own_KC[places_P, truth_N[texts_P]], minlength=N)
    return scores_NC


class _Fit(NamedTuple):
    """Indices of the scales of several groups, the bias of the classes, and the cross-entropy with them."""

    places: list[int]
    bias_C: Doubles
    cross_entropy: float


def _fit(scores: list[Doubles], truth_N: Ints) -> _Fit:
    """Fit scales and bias to the scores of each group: one scale after another, then the bias, and again."""
    N, C = scores[0].shape
    shares_C = np.exp(_logs_of_shares(truth_N, C))
    places, bias_C = [_FIRST_PLACE] * len(scores), np.log(shares_C)

    def probabilities(places: list[int], bias_C: Doubles) -> Doubles:
        logits_NC = sum((_SCALES[k] * each for k, each in zip(places, scores, strict=True)), bias_C + np.zeros((N, 1)))
        powers_NC = np.exp(logits_NC - logits_NC.max(axis=1, keepdims=True))
        found: Doubles = powers_NC / powers_NC.sum(axis=1, keepdims=True)
        return found

    def measure(places: list[int], bias_C: Doubles) -> float:
        return float(-np.mean(np.log(np.maximum(probabilities(places, bias_C)[np.arange(N), truth_N], 1e-300))))

    best = measure(places, bias_C)
    for _ in range(_PASSES):
        before = best
        for group in range(len(scores)):
            for step in (1, -1):
                while 0 <= places[group] + step < len(_SCALES):
                    moved = [k + step * (other == group) for other, k in enumerate(places)]
                    if (found := measure(moved, bias_C)) >= best:
                        break
                    places, best = moved, found
        for _ in range(_BIAS_STEPS):
            bias_C = bias_C + np.log(shares_C / np.maximum(probabilities(places, bias_C).mean(axis=0), 1e-12))
        best = measure(places, bias_C)
        if before - best < _ENOUGH:
            break
    return _Fit(places, bias_C, best)
