"""What one step does to the weights: gradients, carried state, masks, clipping; and how training fails."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.state import IGNORE_INDEX, Batch, State
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.setup import NextTokenObjective
from elman.train import StepEvent
from elman.train.loop import Training

from .chunks import B, Chunks, H, T, V, network, plain_config, row_of_chunks


def gradient_of(batches: list[Batch], **options: Any) -> dict[str, Tensor]:
    """The gradient of the last step: what plain descent with rate 1 subtracts from the weights."""
    net = network(**{name: options.pop(name) for name in ("learn_initial_state",) if name in options})
    config = plain_config(**options)
    training = Training(NextTokenObjective(net), Chunks(batches), config)
    before: dict[str, Tensor] = {}
    for event in training.fit():
        if (isinstance(event, StepEvent) and event.step == config.max_steps - 1) or not before:
            before = {name: p.detach().clone() for name, p in net.named_parameters()}
    return {name: before[name] - p.detach() for name, p in net.named_parameters()}


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}")


def by_hand(net: LanguageModelNetwork, losses: Tensor) -> dict[str, Tensor]:
    net.zero_grad()
    losses.backward()
    return {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in net.named_parameters()}


def nats(logits_BTV: Tensor, targets_BT: Tensor) -> Tensor:
    return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="none").view(targets_BT.shape)


def test_a_step_subtracts_the_gradient_of_the_mean_loss() -> None:
    _, batches = row_of_chunks(1)
    net = network()
    logits, _ = net(batches[0].inputs_BT, None, net.initial_state(B))
    expected = by_hand(net, nats(logits, batches[0].targets_BT).mean())
    assert_close(gradient_of(batches), expected)


@pytest.mark.parametrize(("loss_from", "loss_to"), [(1, 0), (0, 2), (1, 3), (3, 0), (3, 4)])
def test_only_the_counted_time_steps_give_gradient(loss_from: int, loss_to: int) -> None:
    _, batches = row_of_chunks(1)
    net = network()
    logits, _ = net(batches[0].inputs_BT, None, net.initial_state(B))
    counted = slice(loss_from, loss_to or T)
    expected = by_hand(net, nats(logits, batches[0].targets_BT)[:, counted].mean())
    assert_close(gradient_of(batches, loss_from=loss_from, loss_to=loss_to), expected)


def test_the_loss_that_is_reported_counts_the_counted_alone() -> None:
    _, batches = row_of_chunks(1)
    net = network()
    logits, _ = net(batches[0].inputs_BT, None, net.initial_state(B))
    step = next(
        e
        for e in Training(NextTokenObjective(net), Chunks(batches), plain_config(loss_from=2)).fit()
        if isinstance(e, StepEvent)
    )
    assert step.tokens == B * (T - 2)
    assert step.loss == pytest.approx(float(nats(logits, batches[0].targets_BT)[:, 2:].mean().detach()), rel=1e-6)


def test_accumulation_takes_the_mean_over_chunks_and_carries_the_state_through_them() -> None:
    _, batches = row_of_chunks(3)
    net = network()
    state: State = net.initial_state(B)
    total = torch.zeros(())
    for batch in batches:
        logits, state = net(batch.inputs_BT, None, state)
        total = total + nats(logits, batch.targets_BT).mean() / 3
        state = tuple(tuple(type(s)(*(leaf.detach() for leaf in s)) for s in layer) for layer in state)
    assert_close(gradient_of(batches, accumulate=3), by_hand(net, total))


def test_the_state_is_carried_and_the_gradient_is_cut_between_chunks() -> None:
    tokens_BT, batches = row_of_chunks(3)
    # With a learning rate of nothing the weights stay, so the third chunk's loss depends on the first through the
    # state alone.
    net = network()
    reported = [
        e
        for e in Training(NextTokenObjective(net), Chunks(batches), plain_config(learning_rate=0.0, max_steps=3)).fit()
        if isinstance(e, StepEvent)
    ]
    with torch.no_grad():
        logits, _ = net(tokens_BT[:, :-1], None, net.initial_state(B))
        whole = nats(logits, tokens_BT[:, 1:])
    for number, step in enumerate(reported):
        assert step.loss == pytest.approx(float(whole[:, number * T : (number + 1) * T].mean()), rel=1e-5)

    # The gradient after three accumulated chunks is not that of the whole text: it is cut.
    logits, _ = net(tokens_BT[:, :-1], None, net.initial_state(B))
    uncut = by_hand(net, nats(logits, tokens_BT[:, 1:]).mean())
    cut = gradient_of(batches, accumulate=3)
    name = "stack.layers.0.0.cell.weight_hh"
    assert (uncut[name] - cut[name]).abs().max() > 1e-4


def test_fresh_rows_begin_fresh_and_the_others_go_on() -> None:
    tokens_BT, batches = row_of_chunks(2)
    batches[1] = batches[1]._replace(reset_B=torch.tensor([False, True, False]))
    net = network()
    reported = [
        e
        for e in Training(NextTokenObjective(net), Chunks(batches), plain_config(learning_rate=0.0, max_steps=2)).fit()
        if isinstance(e, StepEvent)
    ]
    with torch.no_grad():
        going_on, _ = net(tokens_BT[:, :-1], None, net.initial_state(B))
        fresh, _ = net(batches[1].inputs_BT, None, net.initial_state(B))
    expected = nats(going_on, tokens_BT[:, 1:])[:, T:]
    expected[1] = nats(fresh, batches[1].targets_BT)[1]
    assert reported[1].loss == pytest.approx(float(expected.mean()), rel=1e-5)


def test_a_learnt_start_gets_gradient_from_fresh_rows_only() -> None:
    _, batches = row_of_chunks(2)
    later = gradient_of(batches, max_steps=2, learn_initial_state=True)
    first = gradient_of(batches, max_steps=1, learn_initial_state=True)
    name = "stack.layers.0.0.cell.initial.h"
    assert first[name].abs().max() > 1e-5
    assert later[name].abs().max() == 0.0
    batches[1] = batches[1]._replace(reset_B=torch.tensor([False, True, False]))
    assert gradient_of(batches, max_steps=2, learn_initial_state=True)[name].abs().max() > 1e-6


def test_ragged_rows_and_rows_of_no_length_count_as_they_should() -> None:
    _, batches = row_of_chunks(1)
    lengths_B = torch.tensor([4, 0, 2])
    targets = batches[0].targets_BT.clone()
    targets[1], targets[2, 2:] = IGNORE_INDEX, IGNORE_INDEX
    net = network()
    total = torch.zeros(())
    for row, length in ((0, 4), (2, 2)):
        logits, _ = net(batches[0].inputs_BT[row : row + 1, :length], None, net.initial_state(1))
        total = total + nats(logits, targets[row : row + 1, :length]).sum() / 6
    ragged = Batch(batches[0].inputs_BT, targets, lengths_B)
    assert_close(gradient_of([ragged]), by_hand(net, total))


def test_clipping_the_norm_shortens_the_gradient_and_keeps_its_direction() -> None:
    _, batches = row_of_chunks(1)
    free, clipped = gradient_of(batches), gradient_of(batches, clip_norm=0.05)
    norm = math.sqrt(sum(float(g.square().sum()) for g in free.values()))
    assert norm > 0.05
    assert math.sqrt(sum(float(g.square().sum()) for g in clipped.values())) == pytest.approx(0.05, rel=1e-3)
    assert_close({n: g * (norm / 0.05) for n, g in clipped.items()}, free)
    assert_close(gradient_of(batches, clip_norm=100.0), free)


def test_clipping_values_cuts_each_of_them() -> None:
    _, batches = row_of_chunks(1)
    free, clipped = gradient_of(batches), gradient_of(batches, clip_value=0.01)
    assert max(float(g.abs().max()) for g in free.values()) > 0.01
    assert_close({n: g.clamp(-0.01, 0.01) for n, g in free.items()}, clipped)


def test_the_norm_that_is_reported_is_that_before_clipping() -> None:
    _, batches = row_of_chunks(1)
    free = gradient_of(batches)
    norm = math.sqrt(sum(float(g.square().sum()) for g in free.values()))
    training = Training(NextTokenObjective(network()), Chunks(batches), plain_config(clip_norm=0.01))
    assert next(e for e in training.fit() if isinstance(e, StepEvent)).gradient_norm == pytest.approx(norm, rel=1e-4)


def test_the_same_training_written_by_hand_gives_the_same_weights() -> None:
    """nn.Embedding, nn.LSTM, nn.Linear, AdamW, clipping and a cosine, in a plain loop without elman."""
    steps, warmup, top = 30, 5, 0.02
    _, batches = row_of_chunks(4, seed=3)
    net = network()
    embed, lstm, head = nn.Embedding(V, 5), nn.LSTM(5, H, batch_first=True), nn.Linear(H, V)
    theirs = dict(net.named_parameters())
    cell = "stack.layers.0.0.cell."
    pairs = {
        "embed.weight": embed.weight,
        cell + "weight_ih": lstm.weight_ih_l0,
        cell + "weight_hh": lstm.weight_hh_l0,
        cell + "bias_ih": lstm.bias_ih_l0,
        cell + "bias_hh": lstm.bias_hh_l0,
        "head.weight": head.weight,
        "head.bias": head.bias,
    }
    assert pairs.keys() == theirs.keys()
    with torch.no_grad():
        for name, parameter in pairs.items():
            parameter.copy_(theirs[name])
    config = plain_config(
        optimizer="adamw", learning_rate=top, weight_decay=0.1, schedule="cosine", final_rate=0.1, clip_norm=0.5,
        warmup_steps=warmup, max_steps=steps,
    )  # fmt: skip
    for _ in Training(NextTokenObjective(net), Chunks(batches), config).fit():
        pass

    parameters = list(pairs.values())
    adam = torch.optim.AdamW(parameters, lr=top, weight_decay=0.1)
    state = (torch.zeros(1, B, H), torch.zeros(1, B, H))
    for step in range(steps):
        rise = min(1.0, (step + 1) / warmup)
        rate = top * rise * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in adam.param_groups:
            group["lr"] = rate
        batch = batches[step % 4]
        y, state = lstm(embed(batch.inputs_BT), state)
        state = (state[0].detach(), state[1].detach())
        loss = F.cross_entropy(head(y).flatten(0, 1), batch.targets_BT.flatten())
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        adam.step()
    assert float((theirs["head.weight"] - network().head.weight).detach().abs().max()) > 0.05, (
        "training moved the weights"
    )
    for name, parameter in pairs.items():
        torch.testing.assert_close(theirs[name], parameter, rtol=1e-4, atol=1e-5)


def test_a_chunk_with_nothing_to_predict_makes_no_gradient() -> None:
    _, batches = row_of_chunks(1)
    empty = batches[0]._replace(targets_BT=torch.full((B, T), IGNORE_INDEX))
    gradient = gradient_of([empty])
    assert all(float(g.abs().max()) == 0.0 for g in gradient.values())


@pytest.mark.parametrize(("precision", "expected"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)])
def test_precision_is_that_of_the_products_in_steps_and_evaluations(precision: str, expected: torch.dtype) -> None:
    _, batches = row_of_chunks(2)
    net = network()
    seen: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    net.head.register_forward_hook(lambda head, _, scores: seen[head.training].add(scores.dtype))
    config = plain_config(precision=precision, learning_rate=0.1, max_steps=2, evaluate_every=1)
    events = list(Training(NextTokenObjective(net, lambda _: (batches, 0)), Chunks(batches), config).fit())
    assert seen == {True: {expected}, False: {expected}}
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}, "weights and their sums stay exact"
    assert all(event.loss == pytest.approx(math.log(V), rel=0.2) for event in events if isinstance(event, StepEvent))
