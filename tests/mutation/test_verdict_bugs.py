"""Bugs planted into the verdict on a network: each must make a check fail."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from elman.metrics import verdict
from elman.tasks import comparison

from ..metrics import test_verdict as judged
from ..tasks import test_comparison as compared
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def bug(what: str, module: ModuleType, function: str, old: str, new: str, check: Callable[[], Any]) -> Bug:
    # Neither cell nor kernel matters to these checks.
    return Bug(what, module, function, ((old, new),), lambda *_: checked(check), ELMAN)


def checked(check: Callable[[], Any]) -> None:
    """Run a check of modules that import what it checks by name: they take it from its module again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged, "verdict_of", verdict.verdict_of)
        patch.setattr(judged, "BLEU", dataclasses.replace(verdict.BLEU, of=verdict._bleu))
        patch.setattr(compared, "compare", comparison.compare)
        check()


def exactly() -> None:
    judged.test_the_test_of_hits_is_mcnemars_exact_one(8, 1)


BUGS = [
    bug("all differences are one", verdict, "_randomisation", "np.abs(differences_B) >=", "differences_B >=", exactly),
    bug("each item changes sides", verdict, "_randomisation", "other_K - moved_BK", "other_K + moved_BK", exactly),
    bug(
        "items are drawn alone",
        verdict,
        "_bootstrap",
        "figure.of(weights_BN @ other_NK)",
        "figure.of(weights_BN[::-1] @ other_NK)",
        lambda: correlated(),
    ),
    bug("the interval is a narrow one", verdict, "_bootstrap", "/ 200.0", "/ 20.0",
        judged.test_the_interval_is_that_of_the_paired_bootstrap),
    bug("the worst rule is the best one", verdict, "verdict_of", "(max if", "(min if",
        judged.test_sentences_and_tables),
    bug("texts that are too short cost nothing", verdict, "_bleu", "np.minimum(0.0, ", "np.maximum(0.0, ",
        lambda: judged.test_bleu_is_sacrebleus(40)),
    bug("few items go into the last block", verdict, "_blocks", "len(counts_NK) // _BLOCKS", "2",
        judged.test_many_items_are_summed_in_blocks),
    bug("a sample is not mentioned", comparison, "compare", "if used < rule.items", "if used > rule.items",
        compared.test_a_slow_rule_is_fitted_on_less),
    bug("a rule takes all the time", comparison, "_within", "(seconds - took) / took", "2.5 * seconds / took",
        compared.test_a_slow_rule_is_fitted_on_less),
]  # fmt: skip


def correlated() -> None:
    """Pairs that differ little have a narrow interval, however much the items differ."""
    items = judged.np.random.default_rng(4).normal(0.0, 1.0, 300)
    ones = judged.np.ones(300)
    one, other = (judged.np.stack([values, ones], 1) for values in (items, items + 0.01))
    found = judged.judged(one, other, verdict.mean_of("loss", "loss"))
    assert found.high - found.low < 0.01


@pytest.mark.parametrize("planted", BUGS, ids=lambda each: each.what)
def test_a_planted_bug_in_a_verdict_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)
