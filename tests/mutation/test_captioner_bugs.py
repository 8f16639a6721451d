"""Bugs planted into the captioner, each with the test that must notice it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from elman.data.captioned import encoded
from elman.nn import token_decoder
from elman.tasks.captioner import network, setup

from ..tasks import test_captioner_network as tests
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def bug(what: str, module: ModuleType, function: str, old: str, new: str, check: Callable[[], None]) -> Bug:
    return Bug(what, module, function, ((old, new),), lambda *_: check(), ELMAN)


BUGS = [
    bug(
        "the decoder reads the token that it is to write",
        encoded,
        "EncodedCaptions.batch",
        "inputs_BT[place, 1 : len(ids) + 1] = ids",
        "inputs_BT[place, : len(ids)] = ids",
        tests.test_batches_begin_with_go_and_end_with_the_end,
    ),
    bug(
        "a caption never ends",
        encoded,
        "EncodedCaptions.batch",
        "targets_BT[place, len(ids)] = END_ID",
        "pass",
        tests.test_batches_begin_with_go_and_end_with_the_end,
    ),
    bug(
        "a caption goes with the item of its position",
        encoded,
        "EncodedCaptions.batch",
        "self.items(self.owners[rows])",
        "self.items(rows % 2)",
        tests.test_batches_begin_with_go_and_end_with_the_end,
    ),
    bug(
        "captions that are too long are kept",
        encoded,
        "EncodedCaptions.__init__",
        "len(ids) <= longest",
        "len(ids) > 0",
        tests.test_captions_that_are_too_long_are_left_out_and_counted,
    ),
    bug(
        "the embeddings of places are missing",
        network,
        "CaptionerNetwork.encode",
        "seen_BSF + self.place_SF",
        "seen_BSF",
        tests.test_where_a_place_stands_matters_to_attention,
    ),
    bug(
        "the item does not reach the first state",
        network,
        "CaptionerNetwork.encode",
        "self.start(vector_BF, self.decoder), memory",
        "self.start(vector_BF * 0, self.decoder), memory",
        lambda: tests.test_the_item_matters_and_every_weight_learns("start"),
    ),
    bug(
        "whole pixels are standardised as if they were floats",
        network,
        "CaptionerNetwork.standardise",
        "255.0 if self.item.whole else 1.0",
        "1.0",
        lambda: tests.test_numbers_are_standardised_by_the_training_data("images"),
    ),
    bug(
        "the loss smooths nothing",
        token_decoder,
        "TokenDecoderNetwork.nats",
        "self.label_smoothing",
        "0.0 * self.label_smoothing",
        lambda: tests.test_the_loss_is_that_of_the_real_tokens(0.3),
    ),
    bug(
        "padding counts in the loss",
        setup,
        "_answers",
        "real_BT = targets_BT != IGNORE_INDEX",
        "real_BT = targets_BT != IGNORE_INDEX + 1; targets_BT = targets_BT.clamp(min=0)",
        lambda: tests.test_the_loss_is_that_of_the_real_tokens(0.0),
    ),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_in_the_captioner_is_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(planted, monkeypatch)
