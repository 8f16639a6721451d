"""The network: tied weights, one-hot input, residuals, steps that equal the whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from elman import artifact
from elman.cells import available
from elman.errors import ConfigError
from elman.state import leaves
from elman.tasks.language_model.config import LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork

V = 9
TOKENS = torch.randint(0, V, (3, 7), generator=torch.Generator().manual_seed(2))


def network(**options: Any) -> LanguageModelNetwork:
    torch.manual_seed(0)
    return LanguageModelNetwork(V, LanguageModelNetworkConfig(**{"hidden_size": 8, "embedding": 8, **options})).eval()


@pytest.mark.parametrize("cell", sorted(available()))
@pytest.mark.parametrize("options", [{}, {"layers": 2, "residual": True}, {"embedding": 0}, {"tied": True}], ids=str)
def test_steps_equal_the_whole(cell: str, options: dict[str, Any]) -> None:
    net = network(cell=cell, **options)
    state = net.initial_state(3)
    with torch.no_grad():
        whole, last = net(TOKENS, None, state)
        for place in range(TOKENS.shape[1]):
            logits, state = net.step(TOKENS[:, place], state)
            torch.testing.assert_close(logits, whole[:, place], rtol=1e-4, atol=1e-5)
    for one, other in zip(leaves(state), leaves(last), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"input_dropout": 0.5}, {"dropout": 0.5, "variational": True}])
def test_dropout_acts_in_training_only(options: dict[str, Any]) -> None:
    net = network(**options)
    once, again = (net(TOKENS, None, net.initial_state(3))[0] for _ in range(2))
    assert torch.equal(once, again)
    net.train()
    once, again = (net(TOKENS, None, net.initial_state(3))[0] for _ in range(2))
    assert not torch.equal(once, again)


def test_one_hot_input_is_an_embedding_that_is_the_identity() -> None:
    one_hot, embedded = network(embedding=0), network(embedding=V)
    embedded.load_state_dict(one_hot.state_dict() | {"embed.weight": torch.eye(V)})
    state = one_hot.initial_state(3)
    assert torch.equal(one_hot(TOKENS, None, state)[0], embedded(TOKENS, None, state)[0])


def test_residuals_add_a_layers_input_to_its_output() -> None:
    net = network(layers=2, residual=True)
    plain = network(layers=2)
    plain.load_state_dict(net.state_dict())
    y = x = net.embed(TOKENS)
    for layer in net.stack.unrolls():
        y = layer[0](x)[0] + x
        x = y
    logits, _ = net(TOKENS, None, net.initial_state(3))
    torch.testing.assert_close(logits, net.head(y))
    assert not torch.allclose(logits, plain(TOKENS, None, net.initial_state(3))[0])


def test_tied_weights_are_one_tensor_stored_once(tmp_path: Any) -> None:
    net, untied = network(tied=True), network()
    assert net.head.weight is net.embed.weight
    assert net.count_parameters() == untied.count_parameters() - V * 8
    assert "head.weight" not in net.stored()
    assert untied.stored().keys() - net.stored().keys() == {"head.weight"}
    artifact.write_weights(tmp_path, net.stored())
    other = LanguageModelNetwork(V, LanguageModelNetworkConfig(hidden_size=8, embedding=8, tied=True)).eval()
    assert not torch.equal(other.embed.weight, net.embed.weight)
    other.load_stored(net.stored())
    assert other.head.weight is other.embed.weight
    state = net.initial_state(3)
    assert torch.equal(net(TOKENS, None, state)[0], other(TOKENS, None, state)[0])


def test_tied_weights_get_the_gradient_of_both_uses() -> None:
    tied, untied = network(tied=True), network()
    with torch.no_grad():
        untied.load_state_dict(tied.state_dict())
    for net in (tied, untied):
        net(TOKENS, None, net.initial_state(3))[0].square().sum().backward()
    torch.testing.assert_close(tied.embed.weight.grad, untied.embed.weight.grad + untied.head.weight.grad)


def test_the_range_of_initial_embeddings() -> None:
    assert float(network(embedding_range=0.1).embed.weight.detach().abs().max()) <= 0.1
    assert float(network(embedding_range=0.1).embed.weight.detach().abs().max()) > 0.05
    assert float(network().embed.weight.detach().abs().max()) > 1.0
    assert network(embedding=0, embedding_range=0.1).embed(TOKENS).shape == (3, 7, V)


def test_a_projection_can_be_tied_to_an_embedding_of_its_size() -> None:
    net = network(hidden_size=8, embedding=5, tied=True, cell_options={"projection": 5})
    assert net(TOKENS, None, net.initial_state(3))[0].shape == (3, 7, V)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tied": True, "embedding": 0}, "expected an embedding size with tied=true. Received: embedding = 0"),
        (
            {"tied": True, "embedding": 4},
            "expected embedding = 8, the size of the outputs, with tied=true. Received: 4",
        ),
        ({"cell": "lstn"}, "Received: 'lstn'. Did you mean 'lstm'?"),
        ({"cell_options": {"peephole": True}}, "LSTM does not take these options"),
        (
            {"cell_options": {"bidirectional": True}},
            "expected options of the cell alone in cell_options. Received: bid",
        ),
        ({"cell_options": {"device": "cpu"}}, "expected options of the cell alone in cell_options. Received: device"),
        ({"cell_options": {"layers": 2}}, "expected options of the cell alone in cell_options. Received: layers"),
        ({"dropout": 1.0}, "expected dropout from 0 up to, but not including, 1. Received: 1.0"),
        ({"cell": "mingru", "weight_drop": 0.1}, "MinGRU has no recurrent product"),
    ],
)
def test_networks_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        network(**options)
    assert message in str(caught.value)


def test_a_model_cannot_see_what_it_is_to_predict() -> None:
    for options in ({}, {"layers": 2, "residual": True}, {"cell": "mingru"}):
        net = network(**options)
        changed = TOKENS.clone()
        changed[:, 4] = (changed[:, 4] + 1) % V
        one, other = (net(tokens, None, net.initial_state(3))[0] for tokens in (TOKENS, changed))
        torch.testing.assert_close(one[:, :4], other[:, :4])
        assert not torch.allclose(one[:, 4], other[:, 4])
