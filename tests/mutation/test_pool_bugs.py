"""Bugs planted into pooling, each with the check that must notice it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from elman.nn import pool

from ..nn.pool_checks import check_pool, check_weights
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def checked(how: str, directions: int = 1) -> Callable[..., None]:
    """A check in the shape that a bug has; pooling depends on neither cell nor kernel."""
    return lambda *_: check_pool(how, directions)


def bug(what: str, function: str, old: str, new: str, check: Callable[..., Any]) -> Bug:
    return Bug(what, pool, function, ((old, new),), check, ELMAN)


BUGS = [
    bug(
        "what stands in the padding is not cleared",
        "Pool.forward",
        "y_BTY = torch.where(real_BT1, y_BTY, y_BTY.new_zeros(()))",
        "pass",
        checked("mean"),
    ),
    bug(
        "the mean is over all steps",
        "Pool._mean",
        "lengths_B.clamp(min=1)[:, None].to(y_BTY.dtype)",
        "y_BTY.shape[1]",
        checked("mean"),
    ),
    bug(
        "zeros of the padding can be the largest",
        "Pool._max",
        "y_BTY.masked_fill(~real_BT1, lowest)",
        "y_BTY",
        checked("max"),
    ),
    bug(
        "a row without steps gets the lowest number",
        "Pool._max",
        "torch.where((lengths_B > 0)[:, None], most_BY, most_BY.new_zeros(()))",
        "most_BY",
        checked("max"),
    ),
    bug(
        "the last output is that of the padded row's end",
        "Pool._last",
        "(lengths_B - 1)",
        "(0 * lengths_B + y_BTY.shape[1] - 1)",
        checked("last"),
    ),
    bug(
        "the last output is one step old",
        "Pool._last",
        "(lengths_B - 1)",
        "(lengths_B - 2)",
        checked("last"),
    ),
    bug(
        "a backward direction is read where it begins",
        "Pool._last",
        "y_BTY[:, 0, half:]",
        "last_BY[:, half:]",
        checked("last", 2),
    ),
    bug(
        "attention looks at the padding",
        "Pool.weights",
        "scores_BT1.masked_fill(~real_BT1, torch.finfo(scores_BT1.dtype).min)",
        "scores_BT1",
        checked("attention"),
    ),
    bug(
        "attention of a row without steps is spread over its padding",
        "Pool.weights",
        " * real_BT1",
        "",
        lambda *_: check_weights(),
    ),
    bug(
        "attention's softmax runs over the rows",
        "Pool.weights",
        "dim=1",
        "dim=0",
        checked("attention"),
    ),
    bug(
        "attention forgets the tanh",
        "Pool.weights",
        "torch.tanh(self.keys(y_BTY))",
        "self.keys(y_BTY)",
        checked("attention"),
    ),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_in_pooling_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)
