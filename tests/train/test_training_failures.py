"""How training ends: at its limits, or with an error that says where, the weights as they were before."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.errors import ConfigError, DivergenceError, OutOfMemoryError
from elman.state import Batch, State
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.setup import NextTokenObjective
from elman.train import EndEvent, StepEvent
from elman.train.loop import Training
from elman.train.out_of_memory import memory_errors

from .chunks import Chunks, network, plain_config, row_of_chunks


class Poisoned(NextTokenObjective):
    """The loss, or its gradient, goes bad at step `bad`, for so many `times`."""

    def __init__(self, model: LanguageModelNetwork, bad: int, kind: str, times: int = 1) -> None:
        super().__init__(model)
        self.calls = 0
        self.bad, self.times = bad, times
        self.kind = kind

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        total, count, state = super().loss(batch, state)
        self.calls += 1
        if self.bad <= self.calls < self.bad + self.times:
            factor = {"nan": math.nan, "inf": math.inf, "explosion": 1e9, "overflow": 1e30}.get(self.kind)
            if factor is not None:
                return total * factor, count, state
            # A loss of the usual size with a gradient that is not: sqrt at 0.
            return total + torch.sqrt(self.model.head.bias.sum() * 0.0), count, state
        return total, count, state


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nan", "expected a finite loss at step 4. Received: nan"),
        ("inf", "expected a finite loss at step 4. Received: inf"),
        ("explosion", "the gradient exploded at step 4: expected a norm of at most 1e+06 (explosion"),
        ("gradient", "the gradient exploded at step 4: expected a finite norm. Received: nan"),
    ],
)
def test_diverging_names_the_step_and_leaves_the_weights_before_it(kind: str, message: str) -> None:
    _, batches = row_of_chunks(2)
    net = network()
    training = Training(Poisoned(net, 4, kind), Chunks(batches), plain_config(learning_rate=0.1, max_steps=10))
    before: dict[str, Tensor] = {}
    with pytest.raises(DivergenceError) as caught:  # noqa: PT012  (the loop must be inside: it raises on going on)
        for event in training.fit():
            if isinstance(event, StepEvent):
                before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert message in str(caught.value)
    assert caught.value.step == 4
    assert training.step == 3
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_without_a_bound_only_a_gradient_that_is_not_finite_stops() -> None:
    _, batches = row_of_chunks(2)
    config = plain_config(learning_rate=1e-12, max_steps=3, explosion=0.0)
    events = list(Training(Poisoned(network(), 2, "explosion"), Chunks(batches), config).fit())
    assert max(event.gradient_norm for event in events if isinstance(event, StepEvent)) > 1e6
    with pytest.raises(DivergenceError, match=r"at step 2: expected a finite norm\. Received: nan"):
        list(Training(Poisoned(network(), 2, "gradient"), Chunks(batches), config).fit())


@pytest.mark.parametrize("kind", ["explosion", "overflow"])
def test_a_clipped_gradient_that_explodes_in_one_step_does_not_stop(kind: str) -> None:
    # Of an overflow the squares are too large for float32, but not the gradients.
    _, batches = row_of_chunks(2)
    net = network()
    training = Training(Poisoned(net, 2, kind), Chunks(batches), plain_config(clip_norm=0.5, max_steps=4))
    before: dict[str, Tensor] = {}
    for event in training.fit():
        if isinstance(event, StepEvent):
            moved = math.sqrt(sum(float((net.state_dict()[n] - b).square().sum()) for n, b in before.items()))
            before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
            assert math.isfinite(event.gradient_norm)
            if event.step == 2:
                assert event.gradient_norm > 1e6
                assert moved == pytest.approx(0.5, rel=1e-3), "the step is not of the clipped length"
    assert training.step == 4


def test_clipped_gradients_that_keep_exploding_stop_and_the_count_is_part_of_a_checkpoint() -> None:
    _, batches = row_of_chunks(2)
    config = plain_config(clip_norm=1e-9, max_steps=30)
    training = Training(Poisoned(network(), 3, "explosion", times=20), Chunks(batches), config)
    snapshot: Any = None
    with pytest.raises(DivergenceError, match=r"at step 12: expected .* in one of 10 steps in a row") as caught:  # noqa: PT012
        for event in training.fit():
            if isinstance(event, StepEvent) and event.step == 8:
                tensors, facts = training.snapshot()
                snapshot = {name: tensor.clone() for name, tensor in tensors.items()}, facts
    assert caught.value.step == 12
    resumed = Training(Poisoned(network(), 1, "explosion", times=20), Chunks(batches), config)
    resumed.restore(*snapshot)
    with pytest.raises(DivergenceError, match="at step 12"):
        list(resumed.fit())
    snapshot[1].pop("explosions")  # as an earlier version wrote it
    resumed = Training(Poisoned(network(), 1, "explosion", times=20), Chunks(batches), config)
    resumed.restore(*snapshot)
    with pytest.raises(DivergenceError, match="at step 18"):
        list(resumed.fit())


ALLOCATOR = (
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "400000000000000 bytes. Error code 12 (Cannot allocate memory)\nframe #0: somewhere"
)


@pytest.mark.parametrize(
    "error", [RuntimeError(ALLOCATOR), MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried")]
)
@pytest.mark.parametrize("where", ["step", "evaluation"])
def test_running_out_of_memory_says_where_and_what_helps(error: Exception, where: str) -> None:
    class Hungry(NextTokenObjective):
        def loss(self, batch: Batch, state: State) -> Any:
            if where == "step":
                raise error
            return super().loss(batch, state)

        def evaluate(self, limit: int = 0) -> dict[str, float]:
            raise error

    _, batches = row_of_chunks(1)
    training = Training(Hungry(network()), Chunks(batches), plain_config())
    with pytest.raises(OutOfMemoryError) as caught:
        list(training.fit())
    place = {"step": "out of memory at step 1", "evaluation": "out of memory in the evaluation after step 1"}[where]
    assert str(caught.value).startswith(place)
    assert "Smaller batches, shorter sequences or fewer hidden units need less memory. Received: " in str(caught.value)
    assert "frame #0" not in str(caught.value)


def test_a_real_allocation_that_fails_is_out_of_memory_and_other_errors_stay() -> None:
    with pytest.raises(OutOfMemoryError, match="out of memory here"), memory_errors("here"):
        torch.empty(2**50)
    with pytest.raises(RuntimeError, match="must match"), memory_errors("here"):
        torch.zeros(2) + torch.zeros(3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_steps": 0}, "expected a budget: max_steps, max_epochs or max_seconds. Received: none of them"),
        ({"loss_from": 3, "loss_to": 3}, "expected loss_to above loss_from = 3. Received: 3"),
        ({"loss_from": 4}, "expected loss_from below the chunk's 4 time steps. Received: 4"),
    ],
)
def test_options_that_would_train_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    _, batches = row_of_chunks(1)
    with pytest.raises(ConfigError) as caught:
        list(Training(NextTokenObjective(network()), Chunks(batches), plain_config(**options)).fit())
    assert str(caught.value) == message


def events(**options: Any) -> Iterator[Any]:
    _, batches = row_of_chunks(4)
    return Training(NextTokenObjective(network()), Chunks(batches), plain_config(**options)).fit()


def test_the_run_ends_at_the_first_limit_that_is_reached() -> None:
    assert sum(isinstance(e, StepEvent) for e in events(max_steps=9)) == 9
    assert sum(isinstance(e, StepEvent) for e in events(max_steps=0, max_epochs=1.5)) == 6
    assert sum(isinstance(e, StepEvent) for e in events(max_steps=5, max_epochs=1.5)) == 5
    assert sum(isinstance(e, StepEvent) for e in events(max_steps=50, max_epochs=1.5)) == 6
    last = list(events(max_steps=2))[-1]
    assert last == EndEvent(2, "the budget is spent")
