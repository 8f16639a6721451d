"""Metrics of the training batches of every task, against a second computation from the network's outputs."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.data.sources import Sources
from elman.nn.cross_entropy import linear_cross_entropy
from elman.options import fields_of
from elman.tasks.registry import built_in
from elman.train import EvaluationEvent

from ..contract.tasks import CASES, COMMON

# What each task measures in its training batches.
MEASURED = {
    "language-model": {"perplexity"},
    "classifier": {"accuracy"},
    "tagger": {"accuracy"},
    "forecaster": {"scaled_rmse"},
    "translator": {"accuracy"},
    "captioner": {"accuracy"},
    "transcriber": set(),
}


def without_noise(kind: Any) -> dict[str, float]:
    """The options of a network that draw random numbers, as 0."""
    fields = [each for section in kind.sections().values() for each in fields_of(section).items()]
    names = [name for name, (_, hint) in fields if hint is float]
    return {name: 0.0 for name in names if "drop" in name or name in ("noise", "scheduled_sampling")}


def setup_of(task: str, place: Path, **options: Any) -> Any:
    """The setup of a task on its tiny data, without dropout."""
    case, made = CASES[task], built_in()[task].model_class()
    model = made(**COMMON | case.options | without_noise(built_in()[task].config_class()) | options)
    return made.setup_class.open(model.config, Sources(case.write(place)))


def expected(task: str, setup: Any, batch: Any) -> dict[str, float]:
    """The metrics of a batch in float64, token by token."""
    network = setup.network
    with torch.no_grad():
        if task == "language-model":
            logits, _ = network(batch.inputs_BT, batch.lengths_B, network.initial_state(batch.rows))
            counted = batch.targets_BT >= 0
            nats = -logits.double().log_softmax(-1)[counted].gather(1, batch.targets_BT[counted][:, None])
            return {"perplexity": math.exp(float(nats.mean()))}
        if task == "classifier":
            outputs = network(batch.inputs_BT, batch.lengths_B).double().numpy()
            return {"accuracy": float(np.mean(outputs.argmax(1) == batch.targets_BT.numpy()))}
        if task == "tagger":
            logits = network(batch.inputs_BT, batch.lengths_B).logits_BTV
            pairs = [
                (int(logits[row, t].argmax()), int(batch.targets_BT.tags_BT[row, t]))
                for row in range(batch.rows)
                for t in range(int(batch.lengths_B[row]))
            ]
            return {"accuracy": sum(a == b for a, b in pairs) / len(pairs)}
        if task == "forecaster":
            member = network.members[0]
            parameters, _ = member(batch.inputs_BT, batch.lengths_B, None, setup.config.window.loss_steps)
            errors = (member.point_forecast(parameters).double() - batch.targets_BT.flatten(2).double()).flatten()
            return {"scaled_rmse": float(errors[torch.isfinite(errors)].square().mean().sqrt())}
        if task == "captioner":
            r_BTY = network(batch.inputs_BT.items, batch.inputs_BT.tokens_BT)
        else:
            from elman.metrics.pair_likelihood import moved

            inputs, _ = moved(batch, network)
            r_BTY = network.read(*inputs)
        logits, counted = network.logits(r_BTY), batch.targets_BT >= 0
        return {"accuracy": float((logits.argmax(-1) == batch.targets_BT)[counted].double().mean())}


@pytest.mark.parametrize("task", sorted(set(MEASURED) - {"transcriber"}))
def test_an_evaluation_has_the_metrics_of_the_batches_before_it(task: str, tmp_path: Path) -> None:
    setup = setup_of(task, tmp_path, max_steps=3, evaluate_every=1, learning_rate=0.05, warmup_steps=0)
    training = setup.trainer()
    wanted: list[dict[str, float]] = []
    take = training.stream.next_batch

    def next_batch() -> Any:
        batch = take()
        if task == "language-model":
            training.state = None  # each step begins with the initial state, as `expected` does
        wanted.append(expected(task, setup, batch))
        return batch

    training.stream.next_batch = next_batch
    found = [event.training for event in training.fit() if isinstance(event, EvaluationEvent)]
    assert len(found) == len(wanted) == 3
    for each, want in zip(found, wanted, strict=True):
        assert each == {**{name: pytest.approx(value, rel=2e-5) for name, value in want.items()}, "loss": each["loss"]}
    if "accuracy" in MEASURED[task]:
        assert len({each["accuracy"] for each in found}) > 1 or task == "tagger"


def test_metrics_of_an_ensemble_are_means_over_its_members(tmp_path: Path) -> None:
    setup = setup_of("classifier", tmp_path, max_steps=1, evaluate_every=1, members=3)
    training = setup.trainer()
    batch = training.stream.next_batch()
    with torch.no_grad():
        outputs = [member(batch.inputs_BT, batch.lengths_B) for member in setup.network.members]
    right = [float((each.argmax(1) == batch.targets_BT).double().mean()) for each in outputs]
    training.stream.next_batch = lambda: batch
    (found,) = [event.training for event in training.fit() if isinstance(event, EvaluationEvent)]
    assert found["accuracy"] == pytest.approx(sum(right) / 3)


@pytest.mark.parametrize("task", sorted(MEASURED))
def test_a_run_stores_them(task: str, tmp_path: Path) -> None:
    case, made = CASES[task], built_in()[task].model_class()
    evaluations: list[EvaluationEvent] = []
    model = made(**COMMON | case.options | {"max_steps": 3}).fit(
        case.write(tmp_path),
        folder=tmp_path / "model",
        progress=False,
        tune=False,
        on_event=lambda event: evaluations.append(event) if isinstance(event, EvaluationEvent) else None,
    )
    best = [event for event in evaluations if event.best][-1]
    assert set(best.training) == MEASURED[task] | {"loss"}
    assert model.metrics["train"] == best.training
    assert elman.load(tmp_path / "model").metrics["train"] == best.training
    with open(tmp_path / "model" / "history.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["tokens"]]
    assert len(rows) == len(evaluations)
    for row, event in zip(rows, evaluations, strict=True):
        for name in MEASURED[task]:
            assert float(row[f"train_{name}"]) == event.training[name]
        for name in made.setup_class.plotted_metrics.fget(model_setup(model)):
            if name in event.metrics:
                assert float(row[f"valid_{name}"]) == event.metrics[name]
                assert row[f"valid_{name}"]


def model_setup(model: Any) -> Any:
    """What a setup's `plotted_metrics` looks at."""

    class Known:
        vocabulary = model.vocabulary

    return Known()


def test_a_regression_and_weights_and_a_crf(tmp_path: Path) -> None:
    texts = [f"{word} {other}" for word in ("one", "two", "three") for other in ("a", "b", "c")] * 3
    scores = [float(number % 7) for number in range(len(texts))]
    options = COMMON | {"hidden_size": 4, "embedding": 3, "batch_size": 27, "max_steps": 2, "evaluate_every": 1}
    seen: list[Any] = []

    def keep(event: Any) -> None:
        if isinstance(event, EvaluationEvent):
            seen.append(event.training)

    still = without_noise(built_in()["classifier"].config_class()) | {"learning_rate": 0.0}
    made = elman.Classifier(kind="regression", **options | still)
    made.fit(texts, scores, sample_weight=[1.0, 2.0, 3.0] * 9, valid=(texts, scores), on_event=keep, progress=False)
    predicted = np.asarray(made.predict(texts))
    assert seen[-1]["rmse"] == pytest.approx(float(np.sqrt(np.mean((predicted - scores) ** 2))), rel=1e-4)
    sentences = [["the", "cat"], ["a", "dog", "ran"]] * 4
    tags = [["D", "N"], ["D", "N", "V"]] * 4
    for head, names in (("crf", {"loss"}), ("softmax", {"accuracy", "loss"})):
        seen.clear()
        tiny = elman.Tagger(head=head, **COMMON | {"hidden_size": 4, "embedding": 3, "char_embedding": 0})
        tiny.fit(sentences, tags, valid=(sentences, tags), on_event=keep, progress=False)
        assert set(seen[-1]) == names


def test_targets_with_the_largest_logit_are_counted() -> None:
    torch.manual_seed(0)
    x_NY, weight_VY, bias_V = torch.randn(150, 6), torch.randn(12, 6), torch.randn(11)
    targets_N = torch.randint(11, (150,))
    targets_N[:70] = (x_NY @ weight_VY[:11].T + bias_V).argmax(1)[:70]
    right: list[torch.Tensor] = []
    with_count = linear_cross_entropy(x_NY, weight_VY, bias_V, targets_N, 0.1, right)
    wanted = int(((x_NY.double() @ weight_VY[:11].double().T + bias_V.double()).argmax(1) == targets_N).sum())
    assert [int(each) for each in right] == [wanted]
    assert wanted >= 70
    assert torch.equal(with_count, linear_cross_entropy(x_NY, weight_VY, bias_V, targets_N, 0.1))
