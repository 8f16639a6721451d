"""Bugs planted into attention, the decoder and what a translator is fed: each must make one of its checks fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from elman.data.pairs import PairVocabulary, encoded, pairs_from
from elman.data.pairs.config import PairsConfig
from elman.nn import attention, decoder
from elman.tasks.translator import network
from elman.tasks.translator.config import TranslatorNetworkConfig
from elman.tasks.translator.network import TranslatorNetwork

from ..nn.decoder_checks import check_attention, check_decoder, check_scores
from .test_planted_bugs import plant


class Planted(NamedTuple):
    """What is changed, in which function of which module, and the check that must notice."""

    what: str
    module: object
    function: str
    edits: tuple[tuple[str, str], ...]
    check: Callable[[], None]


def check_no_token_is_seen_before_it_is_written() -> None:
    """Two targets that differ in their third token have the same scores up to there, and others after it."""
    pairs = pairs_from(["x y"] * 2, ["a b c d", "a b d c"])
    vocabulary = PairVocabulary.learn(pairs, PairsConfig(tokens="words", min_count=1))
    batch = encoded.EncodedPairs.encode(pairs, vocabulary).batch(np.arange(2))
    torch.manual_seed(0)
    config = TranslatorNetworkConfig(hidden_size=8, embedding=6, dropout=0.0, input_dropout=0.0)
    made = TranslatorNetwork(vocabulary.source.size, vocabulary.target.size, config)
    with torch.no_grad():
        logits_BTV = made(*batch.inputs_BT)
    first, second = logits_BTV
    assert torch.allclose(first[:3], second[:3])
    assert not torch.allclose(first[3], second[3])
    assert batch.targets_BT[0, 2] != batch.targets_BT[1, 2]


def check_the_state_goes_over() -> None:
    """Without attention, what the decoder says follows from the source."""
    torch.manual_seed(0)
    config = TranslatorNetworkConfig(hidden_size=8, embedding=6, dropout=0.0, input_dropout=0.0, attention="none")
    made = TranslatorNetwork(9, 9, config)
    with torch.no_grad():
        logits_BTV = made(torch.tensor([[2, 3, 1], [4, 3, 1]]), torch.tensor([3, 3]), torch.tensor([[9, 2], [9, 2]]))
    assert not torch.allclose(logits_BTV[0], logits_BTV[1])


def bug(
    what: str, module: object, function: str, old: str, new: str, check: Callable[..., None], *given: Any
) -> Planted:
    options = given[-1] if given and isinstance(given[-1], dict) else {}
    return Planted(
        what, module, function, ((old, new),), partial(check, *(g for g in given if g is not options), **options)
    )


BUGS = [
    bug(
        "the padding is attended",
        attention,
        "Attention.forward",
        ".masked_fill(padding_B1S, torch.finfo(scores_BTS.dtype).min)",
        "",
        check_attention,
        "general",
    ),
    bug(
        "a step of padding is attended",
        attention,
        "Attention.prepare_memory",
        "steps_S < lengths_B",
        "steps_S <= lengths_B",
        check_attention,
        "dot",
    ),
    bug(
        "what stands in the padding matters",
        attention,
        "Attention.prepare_memory",
        "values_BSF.masked_fill(~real_BS[:, :, None], 0.0)",
        "values_BSF",
        check_attention,
        "dot",
    ),
    bug(
        "queries share their weights",
        attention,
        "Attention.forward",
        "torch.softmax(scores_BTS, dim=-1)",
        "torch.softmax(scores_BTS, dim=1)",
        check_attention,
        "general",
    ),
    bug(
        "the additive score has no tanh",
        attention,
        "Attention.forward",
        "torch.tanh(query_BT1A + attended.keys_BSA[:, None])",
        "(query_BT1A + attended.keys_BSA[:, None])",
        check_scores,
    ),
    bug(
        "rows of other sequences ask",
        decoder,
        "Decoder._step",
        "self.attention(state.query_BY.view(B, K, -1), memory.attended)",
        "self.attention(state.query_BY.view(K, B, -1).transpose(0, 1), memory.attended)",
        check_decoder,
        "bahdanau",
    ),
    bug(
        "the first output asks for ever",
        decoder,
        "Decoder._step",
        "query_BY = y_BKY.flatten(0, 1) if self.query_size else state.query_BY",
        "query_BY = state.query_BY",
        check_decoder,
        "bahdanau",
    ),
    bug(
        "the first answer is fed for ever",
        decoder,
        "Decoder._step",
        "fed_BY = r_BKY.flatten(0, 1) if self.feeding else state.fed_BY",
        "fed_BY = state.fed_BY",
        check_decoder,
        "luong",
        {"feeding": True},
    ),
    bug(
        "upper layers do not read what attention gives",
        decoder,
        "Decoder._in_one",
        "_joined(self._drop(y_BTY), context_BTF)",
        "_joined(self._drop(y_BTY), context_BTF * 0)",
        check_decoder,
        "between",
    ),
    bug(
        "upper layers forget their state at every step",
        decoder,
        "Decoder._step",
        "stacks = (first, second)",
        "stacks = (first, state.stacks[1])",
        check_decoder,
        "between",
    ),
    bug(
        "upper layers start from nothing",
        decoder,
        "Decoder._in_one",
        "None, state.stacks[1])",
        "None, None)",
        check_decoder,
        "between",
    ),
    bug(
        "the vector of every step is not in the answer",
        decoder,
        "Decoder._in_one",
        "self._output([*features, vector_BTF])",
        "self._output([*features, vector_BTF * 0])",
        check_decoder,
        "none",
        {"vector_size": 2},
    ),
    bug("the answer has no tanh", decoder, "Decoder._output", "torch.tanh(", "(", check_decoder, "luong"),
    bug(
        "the decoder is fed what it is to write",
        encoded,
        "EncodedPairs.batch",
        "fed_BT[:, 1:] = targets_BT[:, :-1]",
        "fed_BT[:, 1:] = targets_BT[:, 1:]",
        check_no_token_is_seen_before_it_is_written,
    ),
    bug(
        "the encoder's state does not start the decoder",
        network,
        "TranslatorNetwork.encode",
        "return self.start(summary_BF, self.decoder), memory",
        "return self.decoder.initial_state(sources_BS.shape[0]), memory",
        check_the_state_goes_over,
    ),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_planted_bug_in_the_decoder_is_caught(bug: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.check()
    with monkeypatch.context() as planted:
        plant(bug, planted)
        with pytest.raises(AssertionError):
            bug.check()
    bug.check()


def test_planting_the_decoder_unchanged_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in BUGS:
        with monkeypatch.context() as planted:
            plant(each._replace(edits=()), planted)
            each.check()
