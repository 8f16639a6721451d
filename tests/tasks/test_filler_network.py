"""A filler's network: a word does not change its own distribution, and every other word may."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells import available
from elman.errors import ConfigError
from elman.tasks.filler.config import FillerNetworkConfig
from elman.tasks.filler.network import FillerEnsemble, FillerNetwork

V = 9
TOKENS = torch.randint(0, V, (4, 7), generator=torch.Generator().manual_seed(2))
LENGTHS = torch.tensor([7, 4, 1, 6])
REAL = torch.arange(7) < LENGTHS[:, None]


def network(**options: Any) -> FillerNetwork:
    torch.manual_seed(0)
    config = FillerNetworkConfig(**{"hidden_size": 6, "embedding": 6, **options})
    return FillerEnsemble.of(config.members, lambda: FillerNetwork(V, config)).double().eval()


def at_every_word(net: FillerNetwork, tokens_BT: Tensor, lengths_B: Tensor | None = LENGTHS) -> Tensor:
    """The logits of all real words, `B x T x V`."""
    asked_BT = REAL if lengths_B is not None else torch.ones_like(REAL)
    logits_BTV = torch.zeros(*tokens_BT.shape, V, dtype=torch.float64)
    with torch.no_grad():
        logits_BTV[asked_BT] = net(tokens_BT, lengths_B, asked_BT)
    return logits_BTV


@pytest.mark.parametrize("cell", sorted(available()))
@pytest.mark.parametrize("lengths", [LENGTHS, None], ids=["ragged", "whole"])
@pytest.mark.parametrize("options", [{}, {"layers": 2, "residual": True}], ids=str)
def test_a_word_changes_every_distribution_but_its_own(
    cell: str, lengths: Tensor | None, options: dict[str, Any]
) -> None:
    net = network(cell=cell, **options)
    before = at_every_word(net, TOKENS, lengths)
    for place in range(TOKENS.shape[1]):
        changed = TOKENS.clone()
        changed[:, place] = (changed[:, place] + 1) % V
        after = at_every_word(net, changed, lengths)
        real = REAL if lengths is not None else torch.ones_like(REAL)
        differs_BT = (after != before).any(dim=-1)
        assert not differs_BT[:, place].any(), "a word is seen in its own place"
        others = real & real[:, place : place + 1]
        others[:, place] = False
        assert torch.equal(differs_BT, others), "all other words of the row depend on it, and no other row"


@pytest.mark.parametrize("options", [{}, {"layers": 2}, {"members": 2}, {"tied": True}], ids=str)
def test_padding_and_other_rows_change_nothing(options: dict[str, Any]) -> None:
    net = network(**options)
    together = at_every_word(net, torch.where(REAL, TOKENS, 5))
    assert torch.equal(together, at_every_word(net, torch.where(REAL, TOKENS, 0)))
    for row, length in enumerate(LENGTHS.tolist()):
        with torch.no_grad():
            alone = net(TOKENS[row : row + 1, :length], None, torch.ones(1, length, dtype=torch.bool))
        torch.testing.assert_close(together[row, :length], alone, rtol=0, atol=1e-12)


def test_logits_are_those_of_the_parts() -> None:
    """A plain second computation: one place at a time, each direction run over its words alone."""
    net = network(layers=2)
    found = at_every_word(net, TOKENS)
    for row, length in enumerate(LENGTHS.tolist()):
        words = net.embed(TOKENS[row, :length])
        for place in range(length):
            sides = []
            for stack, part in zip(net.contexts, (words[:place], words[place + 1 :].flip(0)), strict=True):
                sides.append(stack(part[None])[0][0, -1] if len(part) else torch.zeros(6, dtype=torch.float64))
            expected = net.head(torch.tanh(net.join(torch.cat(sides))))
            torch.testing.assert_close(found[row, place], expected, rtol=0, atol=1e-12)


def test_members_average_their_probabilities() -> None:
    net = network(members=3)
    found = at_every_word(net, TOKENS)[REAL].exp()
    members: Any = net.members
    mean = sum(F.softmax(at_every_word(member, TOKENS), dim=-1) for member in members)[REAL] / 3
    torch.testing.assert_close(found, mean, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"input_dropout": 0.5}, {"dropout": 0.5, "variational": True}])
def test_dropout_acts_in_training_only(options: dict[str, Any]) -> None:
    net = network(**options)
    assert torch.equal(at_every_word(net, TOKENS), at_every_word(net, TOKENS))
    net.train()
    assert not torch.equal(at_every_word(net, TOKENS), at_every_word(net, TOKENS))


def test_tied_weights() -> None:
    net = network(tied=True, embedding=5)
    assert net.head.weight is net.embed.weight
    assert "head.weight" not in net.stored()
    with pytest.raises(ConfigError, match=r"expected joined = 5, .* or tied=false\. Received: 4"):
        network(tied=True, embedding=5, joined=4)
