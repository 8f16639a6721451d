"""Bugs planted into the simple rules that networks are compared with: each must make a check fail."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from elman.baselines import (
    dtw,
    naive_bayes,
    nearest_text,
    nearest_vector,
    ngrams,
    ridge,
    series,
    series_features,
    sparse,
    tag_lexicon,
)

from ..baselines import test_naive_bayes as bayes
from ..baselines import test_nearest_text as texts
from ..baselines import test_nearest_vector as vectors
from ..baselines import test_ngrams as grams
from ..baselines import test_ridge as linear
from ..baselines import test_series as prepared
from ..baselines import test_series_features as features
from ..baselines import test_series_neighbours as neighbours
from ..baselines import test_tag_lexicon as lexicon
from ..baselines import test_text_features as counted
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def bug(what: str, module: ModuleType, function: str, old: str, new: str, check: Callable[[], Any]) -> Bug:
    # Neither cell nor kernel matters to these checks.
    return Bug(what, module, function, ((old, new),), lambda *_: check(), ELMAN)


def of_module(tests: ModuleType, module: ModuleType, name: str, check: Callable[[], None]) -> Callable[[], None]:
    """A check whose tests import a function by its name: they take it from its module again."""

    def checked() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tests, name, getattr(module, name))
            check()

    return checked


def check_formula(smoothing: Any) -> Callable[[], None]:
    return lambda: grams.test_probabilities_are_those_of_the_formula(smoothing, 4)


def check_products() -> None:
    with pytest.MonkeyPatch.context() as patch:
        counted.test_products_are_scipys(7, 3, patch)


def check_texts() -> None:
    with pytest.MonkeyPatch.context() as patch:
        texts.test_indices_are_scikit_learns(3, patch)


def check_convolutions() -> None:
    with pytest.MonkeyPatch.context() as patch:
        features.test_convolutions_are_numpys(1, 40, patch)


def check_classes() -> None:
    with pytest.MonkeyPatch.context() as patch:
        linear.test_classes_are_scikit_learns(3, 60, 5, patch)


BUGS = [
    bug(
        "a context leaves the same share to shorter ones however often it was seen",
        ngrams,
        "InterpolatedNGrams._shares",
        "1, kinds_C / sums_C",
        "1, 1 / sums_C",
        check_formula("witten-bell"),
    ),
    bug(
        "shorter contexts count occurrences",
        ngrams,
        "InterpolatedNGrams._predecessors",
        "np.bincount(pairs_N // (self.size + 1), minlength=grams)",
        "np.bincount(grams_T[known_N], minlength=grams)",
        check_formula("kneser-ney"),
    ),
    bug(
        "the discount ignores n-grams that are counted twice",
        ngrams,
        "_discount",
        "(once + 2 * twice)",
        "(once + twice)",
        check_formula("kneser-ney"),
    ),
    bug(
        "n-grams cross the start of a sequence",
        ngrams,
        "_before",
        "begins_T == np.arange(len(begins_T))",
        "0 == np.arange(len(begins_T))",
        lambda: grams.test_no_ngram_crosses_the_start_of_a_sequence("witten-bell"),
    ),
    bug(
        "the order is chosen on the tokens that it was fitted to",
        ngrams,
        "held_out_scores",
        "fit(tokens_T[:cut]",
        "fit(tokens_T",
        of_module(
            grams,
            ngrams,
            "held_out_scores",
            lambda: grams.test_the_order_is_chosen_on_the_last_twentieth("witten-bell"),
        ),
    ),
    bug(
        "features of no class count as features",
        naive_bayes,
        "_Model.__init__",
        "np.bincount(classes_CF.columns_N, minlength=classes_CF.width) > 0",
        "np.bincount(classes_CF.columns_N, minlength=classes_CF.width) >= 0",
        bayes.test_what_is_added_is_chosen_on_texts_held_out,
    ),
    bug(
        "all classes are equally likely before the text is read",
        naive_bayes,
        "_Model.__init__",
        "np.log(sizes_C[sizes_C > 0] / len(labels_N))",
        "0",
        lambda: bayes.test_log_probabilities_are_scikit_learns("words", 2, 1.0),
    ),
    bug(
        "blocks of sparse products begin at the first row",
        sparse,
        "InvertedIndex.scores",
        "scores_BC[first:end] += sums",
        "scores_BC[: end - first] += sums",
        check_products,
    ),
    bug(
        "training texts are not scaled to length 1",
        nearest_text,
        "NearestText._weighted",
        "values_N / norms[counts.rows]",
        "values_N",
        check_texts,
    ),
    bug(
        "only the first block of training vectors is compared",
        nearest_vector,
        "nearest_vectors",
        "found_B + first",
        "found_B",
        of_module(vectors, nearest_vector, "nearest_vectors", lambda: vectors.test_indices_are_scikit_learns(50)),
    ),
    bug(
        "a warped path never waits in the query",
        dtw,
        "dtw_distances",
        "last[low + 1 : high + 2]",
        "last[low : high + 1]",
        of_module(
            neighbours,
            dtw,
            "dtw_distances",
            lambda: neighbours.test_distances_are_those_of_the_plain_version(2, 13, 1),
        ),
    ),
    bug(
        "the lower bound is too high",
        dtw,
        "envelopes",
        "windows.min(-1), windows.max(-1)",
        "windows.mean(-1), windows.mean(-1)",
        lambda: neighbours.test_distances_are_those_of_the_plain_version(2, 13, 1),
    ),
    bug(
        "gaps count as zeros in the deviation of a series",
        series,
        "standardised",
        "np.where(known_TC, present_TC / scale_C - (present_TC / scale_C).sum(0) / counts_C, 0)",
        "present_TC / scale_C - (present_TC / scale_C).sum(0) / counts_C",
        of_module(prepared, series, "standardised", prepared.test_standardised_values_are_scipys_z_scores),
    ),
    bug(
        "the dilation of kernels is ignored",
        series_features,
        "_Kernels.features",
        "n * self.dilation : n * self.dilation + outputs",
        "n : n + outputs",
        check_convolutions,
    ),
    bug(
        "the penalty is the best for examples that are fitted",
        ridge,
        "_Decomposition.best_penalty",
        "np.maximum(1 - shares_NP[:, p : p + 1], 1e-12)",
        "1",
        lambda: linear.test_the_penalty_is_scikit_learns(20, 50, 5.0),
    ),
    bug(
        "the scores of classes have no intercept",
        ridge,
        "RidgeClassifier._scores",
        " + self._shares_C[first:end]",
        "",
        check_classes,
    ),
    bug(
        "frequent words have endings too",
        tag_lexicon,
        "TagLexicon._learn_endings",
        "<= _RARE",
        ">= 0",
        lexicon.test_endings_are_learnt_from_rare_words_only,
    ),
    bug(
        "the first tag of a word is its tag",
        tag_lexicon,
        "_best",
        "(tags, -frequency_V[tags], -counts_N, keys)",
        "(tags, keys)",
        lexicon.test_tags_are_those_of_a_slow_version,
    ),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_in_a_simple_rule_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)
