"""Training that takes less memory: the same losses and weights with `recompute` and `swap_memory` as without."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.nn import Stack
from elman.nn.ensemble import Ensemble
from elman.state import IGNORE_INDEX, Batch, State
from elman.tasks.language_model.setup import NextTokenObjective
from elman.train import StepEvent, memory
from elman.train.ensemble import training_of
from elman.train.loop import Training
from elman.train.memory import activation_memory, memory_remarks

from .chunks import Chunks, network, plain_config

STEPS, LONG, ROWS = 4, 29, 3
# Dropout whose masks do not depend on the number of time steps, so that the same ones are drawn.
MASKS = {"variational": True, "dropout": 0.3, "input_dropout": 0.2, "recurrent_dropout": 0.3, "weight_drop": 0.2}


def batches() -> list[Batch]:
    """Long chunks with carried state: rows that end early, targets that do not count, and sequences that begin."""
    tokens_BT = torch.randint(2, 7, (ROWS, 2 * LONG + 1), generator=torch.Generator().manual_seed(0))
    found = []
    for begin in (0, LONG):
        targets_BT = tokens_BT[:, begin + 1 : begin + LONG + 1].clone()
        lengths_B = torch.tensor([LONG, 17, 0]) if begin else None
        if lengths_B is not None:
            targets_BT[torch.arange(LONG) >= lengths_B[:, None]] = IGNORE_INDEX
        targets_BT[0, 5:9] = IGNORE_INDEX
        reset_B = torch.tensor([False, True, False]) if begin else None
        found.append(Batch(tokens_BT[:, begin : begin + LONG], targets_BT, lengths_B, reset_B))
    return found


def trained(options: dict[str, Any], **training: Any) -> tuple[list[float], dict[str, Tensor], Tensor]:
    """The losses of some steps, weights and carried state after them, and the state of the random numbers."""
    net = network(**options)
    config = plain_config(max_steps=STEPS, learning_rate=0.5, **training)
    run = Training(NextTokenObjective(net), Chunks(batches()), config)
    torch.manual_seed(1)
    losses = [event.loss for event in run.fit() if isinstance(event, StepEvent)]
    tensors, _ = run.snapshot()
    return losses, {name: tensor.clone() for name, tensor in tensors.items()}, torch.get_rng_state()


def assert_same(one: tuple[Any, ...], other: tuple[Any, ...], tolerance: float) -> None:
    assert one[0] == pytest.approx(other[0], rel=max(tolerance, 1e-12))
    assert one[1].keys() == other[1].keys()
    for name, tensor in one[1].items():
        torch.testing.assert_close(tensor, other[1][name], rtol=tolerance, atol=tolerance)
    assert torch.equal(one[2], other[2])


@pytest.mark.parametrize("steps", [1, 7, 28])
@pytest.mark.parametrize(
    "options",
    [
        {"layers": 2},
        {"layers": 2, "cell": "gru", "residual": True, "learn_initial_state": True, **MASKS},
        {"tied": True, "embedding": 6},
        {"embedding": 0},
    ],
    ids=["lstm", "masks", "tied", "one-hot"],
)
def test_a_language_model_trains_as_without_recomputation(options: dict[str, Any], steps: int) -> None:
    assert_same(trained(options, recompute=steps), trained(options), 2e-6)


def test_a_segment_as_long_as_the_chunk_changes_no_bit() -> None:
    assert_same(trained({"dropout": 0.3}, recompute=LONG), trained({"dropout": 0.3}), 0.0)


def test_layers_output_layer_and_loss_are_computed_by_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths, forward = [], nn.Linear.forward

    def noted(self: nn.Linear, x: Tensor) -> Tensor:
        lengths.append((x.shape[1], torch.is_grad_enabled()))
        return forward(self, x)

    monkeypatch.setattr(nn.Linear, "forward", noted)
    run = Training(NextTokenObjective(network()), Chunks(batches()), plain_config(recompute=10))
    list(run.fit())
    assert lengths == [(10, False), (10, False), (9, False), (9, True), (10, True), (10, True)]


class Pooled:
    """An objective of another package: bidirectional layers, pooled over time. It does not know of segments."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def initial_state(self, batch_size: int) -> State:
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        y_BTY, _ = self.model[0](nn.functional.one_hot(batch.inputs_BT, 7).float(), batch.lengths_B)  # type: ignore[index]
        return y_BTY.mean(dim=1).square().sum(), batch.rows, state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        return {}


def test_of_other_objectives_the_recurrent_layers_run_in_segments() -> None:
    weights = []
    for steps in (0, 5):
        torch.manual_seed(2)
        model = nn.ModuleList([Stack("gru", 7, 5, layers=2, bidirectional=True)])
        run = Training(Pooled(model), Chunks(batches()), plain_config(max_steps=3, recompute=steps))
        list(run.fit())
        assert model[0].recompute == steps
        weights.append(model.state_dict())
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=2e-6, atol=2e-6)


def test_a_network_without_such_layers_is_refused() -> None:
    objective = Pooled(nn.ModuleList([nn.GRU(7, 5)]))
    with pytest.raises(ConfigError, match=r"expected recompute = 0, .* Received: 5 for a ModuleList"):
        Training(objective, Chunks(batches()), plain_config(recompute=5))


def test_swapped_activations_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    # What a GPU does, on a CPU: every tensor that the forward pass keeps is copied and read back.
    expected = trained({"layers": 2, "dropout": 0.2})
    calls = []

    def swapping(config: Any) -> Any:
        calls.append(config.swap_memory)
        return torch.autograd.graph.save_on_cpu()

    monkeypatch.setattr("elman.train.loop.activation_memory", swapping)
    assert_same(trained({"layers": 2, "dropout": 0.2}, swap_memory=True), expected, 0.0)
    assert calls == [True] * STEPS
    assert_same(trained({"layers": 2, "dropout": 0.2}, swap_memory=True, recompute=LONG), expected, 0.0)


def test_swapping_is_for_a_gpu_and_a_remark_says_so_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(memory.torch.autograd.graph, "save_on_cpu", lambda **options: made.append(options))
    for device, swap in (("cuda:0", True), ("cuda:0", False), ("cpu", True)):
        activation_memory(plain_config(device=device, swap_memory=swap))
    assert made == [{"pin_memory": True}]
    assert memory_remarks(plain_config(device="cuda:0", swap_memory=True)) == memory_remarks(plain_config()) == []
    (remark,) = memory_remarks(plain_config(swap_memory=True))
    assert remark == "swap_memory has no effect on cpu: activations are in the host's memory anyway"


def test_the_members_of_an_ensemble_run_in_segments() -> None:
    weights, lengths = [], []
    for steps in (0, 10):
        net = Ensemble([network(hidden_size=size) for size in (6, 6)])
        whole = NextTokenObjective(net)  # type: ignore[arg-type]
        run = training_of(whole, Chunks(batches()), plain_config(max_steps=2, recompute=steps), 0.0)
        list(run.fit())
        lengths.append([member.recompute for member in run.objective.members])  # type: ignore[attr-defined]
        weights.append(net.state_dict())
    assert lengths == [[0, 0], [10, 10]]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(tensor, weights[1][name], rtol=2e-6, atol=2e-6)
