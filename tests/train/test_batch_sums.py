"""Metrics of the training batches: sums over steps, read at an evaluation, and kept by a checkpoint."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.errors import ArtifactError
from elman.state import Batch, State
from elman.tasks.language_model.setup import NextTokenObjective
from elman.train import EvaluationEvent, StepEvent
from elman.train.batch_sums import BatchSums
from elman.train.loop import Training

from .chunks import Chunks, network, plain_config, row_of_chunks


def test_means_are_sums_divided_by_their_terms() -> None:
    sums = BatchSums()
    sums.add("accuracy", torch.tensor(3), 4)
    sums.add("accuracy", torch.tensor(1), 6)
    sums.add("squares", torch.tensor(0.1), 0)
    assert sums.means() == {"accuracy": 0.4}
    sums.add("squares", torch.tensor(0.25), 2)
    assert sums.means()["squares"] == pytest.approx((float(torch.tensor(0.1)) + 0.25) / 2, rel=1e-12)
    again = BatchSums()
    again.restore(sums.facts())
    for each in (sums, again):
        each.add("accuracy", torch.tensor(2), 2)
    assert again.means() == sums.means()
    sums.clear()
    assert sums.means() == {}


@pytest.mark.parametrize("entry", [3, [1.0], ["1", 2], [True, 2], [1.0, 2.0]])
def test_broken_sums_are_named(entry: Any) -> None:
    sums = BatchSums()
    with pytest.raises(ArtifactError, match=re.escape("expected a sum and a count of accuracy. Received: ")):
        sums.restore({"accuracy": entry})


class Counting(NextTokenObjective):
    """Also counts the right tokens of each batch, and evaluates to the number of evaluations."""

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        logits_BTV, _ = self.model(batch.inputs_BT, batch.lengths_B, state)
        right = (logits_BTV.argmax(-1) == batch.targets_BT).sum()
        self.batch_sums.add("accuracy", right, batch.targets_BT.numel())
        return super().loss(batch, state)

    def training_metrics(self, means: Any) -> dict[str, float]:
        return {"accuracy": means["accuracy"]}

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        return {"loss": 1.0}


def events_of(objective: Any, **options: Any) -> list[Any]:
    _, batches = row_of_chunks(3)
    return list(
        Training(objective, Chunks(batches), plain_config(**{"max_steps": 6, "evaluate_every": 3} | options)).fit()
    )


def test_an_evaluation_has_the_means_of_the_steps_before_it() -> None:
    events = events_of(NextTokenObjective(network(), lambda limit: ([], 0)))
    steps = [event for event in events if isinstance(event, StepEvent)]
    found = [event.training for event in events if isinstance(event, EvaluationEvent)]
    for training, part in zip(found, (steps[:3], steps[3:]), strict=True):
        loss = sum(step.loss * step.tokens for step in part) / sum(step.tokens for step in part)
        assert training["loss"] == pytest.approx(loss, rel=1e-12)
        assert training["perplexity"] == pytest.approx(2.718281828459045**loss, rel=1e-9)


def test_an_objective_may_measure_what_it_likes_and_nothing() -> None:
    counted = [event.training for event in events_of(Counting(network())) if isinstance(event, EvaluationEvent)]
    assert [set(each) for each in counted] == [{"accuracy", "loss"}] * 2
    assert all(round(each["accuracy"] * 36) == pytest.approx(each["accuracy"] * 36) for each in counted)

    class Plain:
        def __init__(self) -> None:
            self.other = NextTokenObjective(network())
            self.model, self.initial_state, self.loss = self.other.model, self.other.initial_state, self.other.loss

        def evaluate(self, limit: int = 0) -> dict[str, float]:
            return {"loss": 1.0}

    plain = [event.training for event in events_of(Plain()) if isinstance(event, EvaluationEvent)]
    assert [set(each) for each in plain] == [{"loss"}] * 2
    assert plain[0]["loss"] == counted[0]["loss"]


def test_steps_that_are_tried_and_a_resume_change_no_mean() -> None:
    def run(stop: int, tried: bool) -> list[dict[str, float]]:
        _, batches = row_of_chunks(3)
        config = plain_config(max_steps=6, evaluate_every=3)
        training = Training(Counting(network()), Chunks(batches), config)
        found = []
        for event in training.fit():
            if isinstance(event, EvaluationEvent):
                found.append(event.training)
            if isinstance(event, StepEvent) and event.step == stop:
                break
        tensors, facts = training.snapshot()
        again = Training(Counting(network()), Chunks(batches), config)
        again.restore({name: tensor.clone() for name, tensor in tensors.items()}, facts)
        if tried:
            with again.trial() as step:
                step()
        return found + [event.training for event in again.fit() if isinstance(event, EvaluationEvent)]

    straight = run(0, tried=False)
    assert [each["loss"] for each in straight] == [
        event.training["loss"] for event in events_of(Counting(network())) if isinstance(event, EvaluationEvent)
    ]
    for stop in (1, 2, 4, 5):
        assert run(stop, tried=False) == straight
        assert run(stop, tried=True) == straight


def test_a_checkpoint_of_an_earlier_version_has_no_sums() -> None:
    _, batches = row_of_chunks(3)
    training = Training(Counting(network()), Chunks(batches), plain_config(max_steps=2, evaluate_every=2))
    tensors, facts = training.snapshot()
    del facts["losses"], facts["batch_sums"]
    training.restore(tensors, facts)
    (training,) = [event.training for event in training.fit() if isinstance(event, EvaluationEvent)]
    assert set(training) == {"accuracy", "loss"}
