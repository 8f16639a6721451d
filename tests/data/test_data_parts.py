"""Parts of the data of a task: what is held out, and items that are in several parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from elman.data.examples.base import Examples
from elman.data.pairs.pairs import Pairs
from elman.data.parts import Parts, held_out_share
from elman.data.split import shares_of
from elman.data.tagged.tagged import TaggedDataset
from elman.data.transcripts.config import TranscriptsConfig
from elman.errors import ConfigError

TEXTS = ["a", "b", "a", "c"]
ARRAYS = [np.array([[1.0, 2.0]], np.float32), np.array([[1.0], [2.0]], np.float32), np.array([[3.0, 2.0]], np.float32)]


def tagged(sentences: list[list[str]]) -> TaggedDataset:
    return TaggedDataset("here", sentences, None, [["X"] * len(s) for s in sentences], None, [""] * len(sentences))


def frames(arrays: list[Any]) -> TaggedDataset:
    return TaggedDataset("here", None, arrays, None, None, [""] * len(arrays))


def series(arrays: list[Any]) -> Examples:
    return Examples("series", arrays, None, [""] * len(arrays))


def texts(inputs: list[str]) -> Examples:
    return Examples("text", inputs, ["x"] * len(inputs), [""] * len(inputs))


@pytest.mark.parametrize(
    ("train", "valid", "test", "found"),
    [
        (texts(TEXTS), texts(["a", "d", "c"]), None, {"valid": 2}),
        (texts(TEXTS), texts(["d"]), texts(["b", "b"]), {"test": 2}),
        (texts(TEXTS), None, None, {}),
        (
            Examples("series", ARRAYS[:2], None, ["", ""]),
            Examples("series", ARRAYS, None, [""] * 3),
            None,
            {"valid": 2},
        ),
        (Pairs("p", ["a", "b"], ["x", "y"]), Pairs("p", ["a", "b"], ["x", "x"]), None, {"valid": 1}),
        (tagged([["a", "b"], ["c"]]), tagged([["a"], ["b"], ["c"]]), tagged([["a", "b"]]), {"valid": 1, "test": 1}),
        (frames(ARRAYS[:2]), frames(ARRAYS[1:]), None, {"valid": 1}),
    ],
)
def test_items_that_are_also_in_the_training_data(train: Any, valid: Any, test: Any, found: dict[str, int]) -> None:
    repeated = Parts(train, valid, test).repeated()
    assert {name: len(rows) for name, rows in repeated.items()} == found


@dataclass
class Nameless:
    """Data that says nothing of its contents."""

    def __len__(self) -> int:
        return 1


def test_data_without_contents_has_none_in_common() -> None:
    same: Any = Nameless()
    assert Parts(same, same, same).repeated() == {}


@pytest.mark.parametrize(
    ("given", "test", "share"), [(None, None, 0.1), (None, object(), 0.0), (0.2, None, 0.2), (0.2, object(), 0.2)]
)
def test_the_share_that_is_held_out(given: float | None, test: object, share: float) -> None:
    assert held_out_share(TranscriptsConfig(held_out=given), test) == share


@pytest.mark.parametrize(
    ("split", "valid", "test", "shares"),
    [
        (None, False, False, (0.8, 0.1, 0.1)),
        (None, True, False, (1.0, 0.0, 0.0)),
        (None, False, True, (1.0, 0.0, 0.0)),
        ((0.7, 0.2, 0.1), False, False, (0.7, 0.2, 0.1)),
        ((0.7, 0.2, 0.1), True, False, (0.9, 0.0, 0.1)),
        ((0.7, 0.2, 0.1), True, True, (1.0, 0.0, 0.0)),
    ],
)
def test_shares(split: Any, valid: bool, test: bool, shares: tuple[float, ...]) -> None:
    assert shares_of(split, (0.8, 0.1, 0.1), valid=valid, test=test) == pytest.approx(shares)


def test_shares_that_are_none() -> None:
    with pytest.raises(ConfigError, match="expected a split of three fractions"):
        shares_of((0.5, 0.6), (0.8, 0.1, 0.1), valid=False, test=False)
