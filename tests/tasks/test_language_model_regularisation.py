"""Regularisation of language models: dropout of whole words, and penalties on activations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from elman import LanguageModel
from elman.errors import ConfigError
from elman.nn.activation_penalty import activation_penalty
from elman.state import IGNORE_INDEX, Batch
from elman.tasks.language_model.config import LanguageModelConfig, LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.setup import LanguageModelSetup, NextTokenObjective
from elman.train import EvaluationEvent

from .small import OPTIONS, TEXT, trained

V = 9
TOKENS = torch.randint(0, V, (3, 40), generator=torch.Generator().manual_seed(2))
PENALTIES: dict[str, Any] = {"activation_penalty": 2.0, "temporal_activation_penalty": 1.5}


def network(**options: Any) -> LanguageModelNetwork:
    torch.manual_seed(0)
    return LanguageModelNetwork(V, LanguageModelNetworkConfig(**{"hidden_size": 8, "embedding": 6, **options})).train()


def inputs_of(net: LanguageModelNetwork) -> torch.Tensor:
    """What the layers read."""
    read: list[torch.Tensor] = []
    net.stack.register_forward_pre_hook(lambda module, arguments: read.append(arguments[0]))
    net(TOKENS, None, net.initial_state(3))
    return read[0]


@pytest.mark.parametrize("embedding", [6, 0])
def test_whole_words_are_dropped_wherever_they_are(embedding: int) -> None:
    net = network(embedding_dropout=0.4, embedding=embedding)
    x_BTE, plain_BTE = inputs_of(net), net.embed(TOKENS)
    dropped = set()
    for token in range(V):
        places_BT = torch.eq(TOKENS, token)
        here, there = x_BTE[places_BT], plain_BTE[places_BT]
        if bool((here == 0).all()):
            dropped.add(token)
        else:
            torch.testing.assert_close(here, there / 0.6)
    assert 1 <= len(dropped) < V


def test_the_share_of_words_that_are_dropped() -> None:
    net = network(embedding_dropout=0.4)
    kept = torch.cat([inputs_of(net)[0, :1].ne(0).any(dim=-1) for _ in range(400)])
    assert float(kept.double().mean()) == pytest.approx(0.6, abs=4 * (0.24 / 400) ** 0.5)


def test_words_are_dropped_in_training_only() -> None:
    net, plain = network(embedding_dropout=0.9).eval(), network().eval()
    assert torch.equal(net(TOKENS, None, net.initial_state(3))[0], plain(TOKENS, None, plain.initial_state(3))[0])


@pytest.mark.parametrize("rate", [1.0, 1.5])
def test_a_rate_of_one_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match=r"expected embedding_dropout .* Received: "):
        network(embedding_dropout=rate)


def batch_of(tokens: torch.Tensor) -> Batch:
    targets_BT = tokens.roll(-1, dims=1)
    targets_BT[0, -2:] = IGNORE_INDEX
    return Batch(tokens, targets_BT, None, None)


def test_the_loss_has_the_penalties_and_the_perplexity_does_not() -> None:
    net, plain, batch = network(**PENALTIES), network(), batch_of(TOKENS)
    objective = NextTokenObjective(net)
    with torch.no_grad():
        total, count, _ = objective.loss(batch, net.initial_state(3))
        nats, _, _ = NextTokenObjective(plain).loss(batch, plain.initial_state(3))
        y_BTH, _ = plain.outputs(TOKENS, None, plain.initial_state(3))
    penalty = activation_penalty(y_BTH.double(), y_BTH.double(), None, alpha=2.0, beta=1.5)
    assert count == 3 * 40 - 2
    assert float(total) == pytest.approx(float(nats) + count * float(penalty), rel=1e-5)
    metrics = objective.training_metrics({"loss": float(total) / count, **objective.batch_sums.means()})
    assert metrics["perplexity"] == pytest.approx(float(torch.exp(nats / count)), rel=1e-5)


def test_without_penalties_the_loss_is_that_of_the_logits() -> None:
    net, batch = network(), batch_of(TOKENS)
    objective = NextTokenObjective(net)
    total, _, _ = objective.loss(batch, net.initial_state(3))
    logits_BTV, _ = net(TOKENS, None, net.initial_state(3))
    nats = torch.nn.functional.cross_entropy(logits_BTV.flatten(0, 1), batch.targets_BT.flatten(), reduction="sum")
    assert torch.equal(total, nats)
    assert objective.batch_sums.means() == {}


def test_penalties_shrink_the_outputs_of_a_trained_network(tmp_path: Path) -> None:
    plain, regularised = (
        trained(tmp_path, max_steps=60, learning_rate=0.05, **options) for options in ({}, {"activation_penalty": 20.0})
    )
    squares = []
    for model in (plain, regularised):
        tokens = torch.from_numpy(model.vocabulary.encode(TEXT)).long()[None]
        y_BTH, _ = model.network.eval().outputs(tokens, None, model.network.initial_state(1))
        squares.append(float(y_BTH.detach().square().mean()))
    assert squares[1] < 0.5 * squares[0]


def test_recomputed_segments_draw_the_same_words(tmp_path: Path) -> None:
    options = {"embedding_dropout": 0.4, "activation_penalty": 1.0, "max_steps": 4}
    models = [trained(tmp_path, recompute=steps, **options) for steps in (0, 3)]
    for one, other in zip(*(model.network.parameters() for model in models), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_perplexities_of_recomputed_batches_are_counted_once(tmp_path: Path) -> None:
    found = []
    for steps in (0, 3):
        events: list[EvaluationEvent] = []
        path = tmp_path / "text.txt"
        path.write_text(TEXT, encoding="utf-8")
        LanguageModel("base", **OPTIONS, activation_penalty=1.0, recompute=steps).fit(
            path,
            progress=False,
            tune=False,
            on_event=lambda event: events.append(event) if isinstance(event, EvaluationEvent) else None,  # noqa: B023
        )
        found.append([event.training["perplexity"] for event in events])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_differences_in_time_are_refused_in_segments() -> None:
    config = LanguageModelConfig.make("base", {"recompute": 5, "temporal_activation_penalty": 1.0})
    with pytest.raises(ConfigError, match=r"expected recompute=0 .* Received: recompute=5"):
        LanguageModelSetup.check(config)
