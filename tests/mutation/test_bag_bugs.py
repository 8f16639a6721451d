"""Bugs planted into the fitted bag of n-grams, each with the test that must notice it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from elman.data.examples import word_characters
from elman.nn import bag, bag_fit
from elman.tasks.classifier import objectives

from ..nn import test_bag_fit as judge
from ..tasks import test_classifier_network as network_judge
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def bug(what: str, module: Any, function: str, old: str, new: str, check: Callable[[], None]) -> Bug:
    return Bug(what, module, function, ((old, new),), lambda *_: check(), ELMAN)


def left_out() -> None:
    judge.test_in_training_a_text_is_not_counted_itself(1, 2)


def found() -> None:
    judge.test_a_bag_finds_the_n_grams_of_words_and_of_their_characters(2, 5)


BUGS = [
    bug("a text counts itself", bag, "NgramBag.forward", "own_P), self.own_KC", "own_P), 0 * self.own_KC", left_out),
    bug("n-grams of one text are known", bag, "NgramBag.forward", "once[self.shared_K[once % size]]", "once", left_out),
    bug("weights without their scales", bag_fit, "fit_bag", "weights_KC * factors_K", "weights_KC", left_out),
    bug("the worst scale", bag_fit, "_fit", ">= best", "<= best",
        judge.test_the_scale_is_that_with_the_lowest_cross_entropy_of_texts_left_out),
    bug("a bias of equal shares", bag_fit, "_logs_of_shares", "counts_C / counts_C.sum()", "0 * counts_C + 1.0",
        judge.test_the_scale_is_that_with_the_lowest_cross_entropy_of_texts_left_out),
    bug("the weights are trained", bag, "NgramBag.forward", "self.weight.detach()", "self.weight",
        judge.test_the_weights_of_a_fitted_bag_are_not_trained_but_for_one_factor),
    bug("shares without the factor", bag, "NgramBag.shares", "self.gain.detach() * each", "2 * each",
        judge.test_the_shares_of_a_text_add_up_to_what_its_n_grams_add),
    bug("n-grams across words", word_characters, "character_keys", ">= n if", ">= 0 if", found),
    bug("a longest n-gram is missing", word_characters, "character_keys", "order + 1", "order", found),
    bug("the loss is not monitored", objectives, "ClassObjective.figures", "if self.by_loss", "if not self",
        lambda: network_judge.test_the_best_weights_are_those_with_the_lowest_loss_where_it_is_monitored(None)),
]  # fmt: skip


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_in_the_bag_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)
