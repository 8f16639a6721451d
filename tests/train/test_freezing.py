"""Frozen parts of a network, gradual unfreezing, and rates by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.data.sources import Sources
from elman.errors import ConfigError
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.setup import LanguageModelSetup
from elman.train import StepEvent
from elman.train.freezing import Freezing, parameter_groups
from elman.train.loop import Training

from .runs import SMALL, made_up_text

# Two steps are an epoch.
SHORT: dict[str, Any] = {"layers": 2, "batch_size": 30, "bptt": 20, "max_steps": 8, "split": (1.0, 0.0, 0.0)}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


def training(text: Path, **options: Any) -> Training:
    config = LanguageModelConfig.make("base", SMALL, {"evaluate_every": 0, **SHORT, **options})
    trainer = LanguageModelSetup.open(config, Sources([text]), cache=text.parent / "tokens").trainer()
    assert isinstance(trainer, Training)
    return trainer


def weights(run: Training) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in run.objective.model.named_parameters()}


def changes(run: Training) -> list[tuple[float, set[str]]]:
    """The passes before each step, and the parts that it changed."""
    found, before, epoch = [], weights(run), run.stream.epoch
    for event in run.fit():
        if isinstance(event, StepEvent):
            after = weights(run)
            changed = {name.removesuffix(".weight") for name in after if not torch.equal(after[name], before[name])}
            found.append((epoch, {name.split(".")[0] + name[12:14] * name.startswith("stack") for name in changed}))
            before, epoch = after, run.stream.epoch
    return found


def test_momentum_begins_when_a_part_is_released(text: Path) -> None:
    options = {"optimizer": "sgd", "optimizer_options": {"momentum": 0.9}, "freeze": ("head",), "freeze_until": 2.0}
    plain = {"clip_norm": 0.0, "schedule": "constant", "warmup_steps": 0, "learning_rate": 0.1, "weight_decay": 0.0}
    run = training(text, **plain, **options)
    head = run.objective.model.get_parameter("head.weight")
    before, momentum = head.detach().clone(), torch.zeros_like(head)
    gradients: list[Tensor] = []
    head.register_post_accumulate_grad_hook(lambda each: gradients.append(each.grad.clone()))
    assert len([event for event in run.fit() if isinstance(event, StepEvent)]) == 8
    assert 2 < len(gradients) < 8
    for gradient in gradients:
        momentum = 0.9 * momentum + gradient
        before = before - 0.1 * momentum
    assert torch.allclose(head.detach(), before, atol=1e-6)


def test_fused_momentum_is_refused_with_frozen_parts(text: Path) -> None:
    options = {"optimizer": "sgd", "optimizer_options": {"momentum": 0.9, "fused": True}}
    with pytest.raises(ConfigError, match="expected fused=False for sgd with momentum and frozen parts"):
        training(text, **options, freeze=("head",))


def test_frozen_parts_have_no_change_no_state_and_no_average_of_their_own(text: Path) -> None:
    run = training(text, freeze=("embedding", "1"), ema_decay=0.9, weight_decay=0.5, optimizer="adamw")
    before = weights(run)
    assert all(changed == {"stack.1", "head"} for _, changed in changes(run))
    names = list(before)
    frozen = [place for place, name in enumerate(names) if name.startswith(("embed", "stack.layers.0."))]
    assert set(run.optimizer.state_dict()["state"]) == set(range(len(names))) - set(frozen)
    assert run.average is not None
    for place in frozen:
        assert torch.equal(run.average.tensors[place], before[names[place]])
        assert run._parameters[place].grad is None


def test_parts_are_trained_from_their_epoch_on(text: Path) -> None:
    found = changes(training(text, freeze=("embedding", "stack.layers.1.*:2"), freeze_until=1.0))
    assert [len(changed) for _, changed in found] == [2 + (epoch >= 1) + (epoch >= 2) for epoch, _ in found]
    assert {epoch >= 2 for epoch, _ in found} == {True, False}
    assert all(("embed" in changed) == (epoch >= 1) for epoch, changed in found)
    assert all(("stack.1" in changed) == (epoch >= 2) for epoch, changed in found)


def test_the_number_of_frozen_weights_is_said(text: Path) -> None:
    run = training(text, freeze=("embedding", "1"))
    sizes = {name: tensor.numel() for name, tensor in weights(run).items()}
    frozen = sum(size for name, size in sizes.items() if name.startswith(("embed", "stack.layers.0.")))
    assert run.freezing.summary == f"{frozen:,} of {sum(sizes.values()):,} weights are frozen"
    assert training(text, freeze=("embedding", "1:2")).freezing.summary == f"{run.freezing.summary} at first"
    assert training(text).freezing.summary == ""


def test_gradual_unfreezing_goes_from_the_head_to_the_embedding(text: Path) -> None:
    order = ["head", "stack.1", "stack.0", "embed"]
    found = changes(training(text, unfreeze="gradual", max_steps=12))
    assert all(changed == set(order[: 1 + int(epoch)]) for epoch, changed in found)
    assert found[-1][1] == set(order)


def test_the_rate_falls_from_layer_to_layer(text: Path) -> None:
    """With SGD a first step is the rate times the gradient, so the factor is that between both steps."""
    same = {"optimizer": "sgd", "weight_decay": 0.0, "max_steps": 1, "clip_norm": 0.0, "schedule": "constant"}
    runs = [training(text, **same, warmup_steps=0, learning_rate=0.5, layer_decay=decay) for decay in (1.0, 0.4)]
    steps = []
    for run in runs:
        before = weights(run)
        list(run.fit())
        steps.append({name: after - before[name] for name, after in weights(run).items()})
    depths = {"embed": 3, "stack.layers.0": 2, "stack.layers.1": 1, "head": 0}
    for name, whole in steps[0].items():
        factor = 0.4 ** next(depth for prefix, depth in depths.items() if name.startswith(prefix))
        torch.testing.assert_close(steps[1][name], whole * factor, rtol=1e-3, atol=2e-7)


def test_without_rates_by_layer_there_is_one_group(text: Path) -> None:
    model = training(text).objective.model
    assert all(one is other for one, other in zip(parameter_groups(model, 1.0), model.parameters(), strict=True))
    groups = parameter_groups(model, 0.5)
    assert [group["scale"] for group in groups] == [0.125, 0.25, 0.5, 1.0]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": ("encoder",)}, r"one of embedding, 1, 2, head, embed, stack, or a pattern.*Received: 'encoder'"),
        ({"freeze": ("3",)}, "Received: '3'"),
        ({"freeze": ("head:soon",)}, r"expected freeze as NAME or NAME:N.*Received: 'head:soon'"),
        ({"freeze": ("head:0",)}, "Received: 'head:0'"),
        ({"freeze": ("*",)}, "leave something that is trained"),
        ({"freeze": ("head",), "unfreeze": "gradual"}, "leave something that is trained"),
        ({"freeze_until": 2.0}, r"expected freeze \(--freeze\) to name .* Received: freeze_until=2 alone"),
    ],
)
def test_names_without_parts_are_refused(text: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        training(text, **options)


def test_members_of_an_ensemble_are_frozen_together(text: Path) -> None:
    run = training(text, members=2, freeze=("embedding", "1"), max_steps=2)
    before = weights(run)
    list(run.fit())
    same = {name for name, after in weights(run).items() if torch.equal(after, before[name])}
    assert same == {name for name in before if ".embed." in name or "stack.layers.0." in name}


def test_what_a_network_freezes_itself_stays_frozen(text: Path) -> None:
    run = training(text)
    model = run.objective.model
    embedding = model.get_parameter("embed.weight").requires_grad_(False)
    freezing = Freezing(model, run.config.__class__(freeze=("embedding:1",)))
    freezing.apply(2.0)
    assert not embedding.requires_grad
