"""Bugs planted into the conditional random field: each must make one of its checks fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from elman.nn import crf
from elman.nn.crf import CRF

from ..nn.crf_checks import check_best_path, check_likelihood, check_marginals, make_crf, some_rules
from .test_planted_bugs import plant


class Planted(NamedTuple):
    """What is changed, in which function of which module, and the check that must notice."""

    what: str
    function: str
    edits: tuple[tuple[str, str], ...]
    check: Callable[[CRF], None]
    module: object = crf


BUGS = [
    Planted(
        "steps are scored from the later tag to the earlier one",
        "CRF._score",
        (("transitions_VV[tags_BT[:, :-1], tags_BT[:, 1:]]", "transitions_VV[tags_BT[:, 1:], tags_BT[:, :-1]]"),),
        check_likelihood,
    ),
    Planted(
        "sums run against the direction of the steps",
        "CRF._forward",
        (("_sum_over_steps(sums[-1], transitions_VV)", "_sum_over_steps(sums[-1], transitions_VV.T)"),),
        check_likelihood,
    ),
    Planted(
        "the slow way round sums over the wrong tag",
        "_sum_over_steps",
        (("bool((sums_BV > _MIN_SUM).all()) and", "False and"), (".logsumexp(dim=1)", ".logsumexp(dim=2)")),
        check_likelihood,
    ),
    Planted(
        "a row goes on for a step too long",
        "CRF._forward",
        (("(t < lengths_B)", "(t <= lengths_B)"),),
        check_likelihood,
    ),
    Planted(
        "a row ends a step too early",
        "CRF._forward",
        (("(t < lengths_B)", "(t + 1 < lengths_B)"),),
        check_likelihood,
    ),
    Planted(
        "the score of the last tag is missing in a path", "CRF._score", ((" + stop_V[last_B]", ""),), check_likelihood
    ),
    Planted(
        "the score of the last tag is missing in the sum",
        "CRF._log_partition",
        (("last_BV + stop_V", "last_BV"),),
        check_likelihood,
    ),
    Planted(
        "the score of the first tag is missing",
        "CRF._forward",
        (("start_V + emitted_BV", "emitted_BV"),),
        check_likelihood,
    ),
    Planted(
        "what is not allowed is allowed",
        "CRF._scores",
        (("self.transitions.to(dtype).masked_fill(~self.steps_VV, _FORBIDDEN)", "self.transitions.to(dtype)"),),
        check_likelihood,
    ),
    Planted("padding counts", "CRF._check", (("_clear(emissions_BTV, lengths_B)", "emissions_BTV"),), check_likelihood),
    Planted(
        "the best last tag is chosen without its score",
        "CRF.best_paths",
        (("(best_BV + stop_V)", "(best_BV)"),),
        check_best_path,
    ),
    Planted(
        "the best path goes on past its end",
        "CRF.best_paths",
        (("torch.where(alive_B1, source_BV, stay_V)", "source_BV"),),
        check_best_path,
    ),
    Planted(
        "the best path is walked in the wrong direction", "CRF.best_paths", (("path[::-1]", "path"),), check_best_path
    ),
    Planted(
        "the backward sums run the wrong way",
        "CRF.marginals",
        (("transitions_VV.T", "transitions_VV"),),
        check_marginals,
    ),
    Planted(
        "the backward sums end a step too late",
        "CRF.marginals",
        (("(t + 1 < lengths_B)", "(t < lengths_B)"),),
        check_marginals,
    ),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_planted_bug_in_the_crf_is_caught(bug: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_crf(0, some_rules())
    bug.check(model)
    with monkeypatch.context() as planted:
        plant(bug, planted)
        with pytest.raises(AssertionError):
            bug.check(model)
    bug.check(model)


def test_planting_the_crf_unchanged_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_crf(0, some_rules())
    for bug in BUGS:
        with monkeypatch.context() as planted:
            plant(bug._replace(edits=()), planted)
            bug.check(model)
