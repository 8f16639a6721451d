"""Every option of the network and of the run has its effect: none is lost on the way to what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman import LanguageModel
from elman.nn import Stack
from elman.tasks import run
from elman.tasks.language_model.config import LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.train import machine

from .small import OPTIONS, trained


def test_every_option_of_the_network_reaches_its_layers() -> None:
    config = LanguageModelNetworkConfig(
        cell="lstm",
        cell_options={"peepholes": True},
        layers=3,
        hidden_size=6,
        embedding=6,
        residual=True,
        dropout=0.1,
        input_dropout=0.2,
        recurrent_dropout=0.3,
        weight_drop=0.4,
        variational=True,
        learn_initial_state=True,
    )
    network = LanguageModelNetwork(9, config)
    stack = network.stack
    assert isinstance(stack, Stack)
    assert (stack.dropout, stack.variational, stack.residual) == (0.1, True, True)
    assert (network.dropout, network.input_dropout, network._drop.variational) == (0.1, 0.2, True)
    unrolls = [unroll for layer in stack.unrolls() for unroll in layer]
    assert len(unrolls) == 3
    for unroll in unrolls:
        assert (unroll.recurrent_dropout, unroll.weight_drop) == (0.3, 0.4)
        names = {name for name, _ in unroll.cell.named_parameters()}
        assert {"peephole_i", "initial.h", "initial.c"} <= names
        assert unroll.cell.hidden_size == 6


def test_an_evaluation_uses_so_many_tokens_at_most(tmp_path: Path) -> None:
    model = trained(tmp_path, evaluate_tokens=30, split=(0.6, 0.2, 0.2))
    assert model.metrics["valid"]["tokens"] == model.metrics["test"]["tokens"] == 29
    assert model.data["valid_tokens"] > 100


def test_training_sets_threads_and_allocator_unless_reported_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(machine.torch, "set_num_threads", calls.append)
    monkeypatch.setattr(machine, "tune_allocator", lambda: calls.append("allocator"))
    trained(tmp_path, threads=3)
    assert calls == []
    LanguageModel(**OPTIONS | {"threads": 3}).fit(tmp_path / "text.txt", progress=False)
    assert calls == [3, "allocator"]


def test_training_gives_free_memory_back_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(run, "release_memory", lambda: calls.append("released"))
    monkeypatch.setattr(run, "_STEPS_TO_RELEASE", 2)
    model = trained(tmp_path, max_steps=5)
    assert model.training["steps"] == 5
    assert calls == ["released"] * 2


def test_one_character_is_a_text_of_one_prediction(tmp_path: Path) -> None:
    model = trained(tmp_path, text="x")
    assert model.data["train_tokens"] == 2
    assert model.data["valid_tokens"] == model.data["test_tokens"] == 0
    assert set(model.generate(length=5)) <= {"x"}


def test_answers_are_without_dropout_whatever_mode_the_network_was_left_in(tmp_path: Path) -> None:
    model = trained(tmp_path, dropout=0.5, input_dropout=0.5, weight_drop=0.5)

    def answers() -> tuple[object, ...]:
        results: list[object] = []
        for ask in (
            lambda: model.evaluate(tmp_path / "text.txt", limit=60),
            lambda: model.score("the white whale"),
            lambda: model.generate("the", length=20, seed=1),
        ):
            if training:
                model.network.train()
            results.append(ask())
        return tuple(results)

    training = False
    usual = answers()
    training = True
    assert answers() == usual
