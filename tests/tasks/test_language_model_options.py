"""Every option of the network and of the run has its effect: none is lost on the way to what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from elman import LanguageModel
from elman.data.sources import Sources
from elman.nn import Stack
from elman.tasks import corpus_setup, run
from elman.tasks.language_model.config import LanguageModelConfig, LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.setup import LanguageModelSetup
from elman.train import machine
from elman.train.loop import Training

from .small import OPTIONS, TEXT, trained


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


def test_the_test_part_is_measured_whole_so_that_a_run_and_an_evaluation_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Training, "evaluation_limit", 30)  # as of a short budget in seconds
    for name, repeats in (("train", 20), ("test", 4000)):
        (tmp_path / name).write_text("the white whale swam in the wide sea; the captain saw it.\n" * repeats)
    assert (tmp_path / "test").stat().st_size < 250_000 + 1
    (tmp_path / "test").write_text((tmp_path / "test").read_text() + "the sea was wide.\n" * 2000)
    model = LanguageModel(**OPTIONS, evaluate_every=6, ema_decay=0.5).fit(
        tmp_path / "train", valid=tmp_path / "test", test=tmp_path / "test", folder=tmp_path / "m", progress=False
    )
    again = model.evaluate(tmp_path / "test")
    assert again["tokens"] == model.data["test_tokens"] - 1 > 260_000
    assert model.metrics["valid"]["tokens"] == 249_999
    assert model.metrics["test"] == pytest.approx(again)
    card = (tmp_path / "m" / "README.md").read_text()
    assert f"| `test.loss` | {again['loss']:.6g} |" in card


def test_a_large_test_part_is_told_of_before_a_run_with_a_budget_in_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_setup, "_MANY", 90)
    (tmp_path / "text.txt").write_text(TEXT)
    for options, told in (
        ({"max_seconds": 9.0}, True),
        ({"max_seconds": 9.0, "evaluate_tokens": 50}, False),
        ({}, False),
    ):
        config = LanguageModelConfig.make("base", {**OPTIONS, "split": (0.8, 0.1, 0.1), **options})
        opened = LanguageModelSetup.open(config, Sources([tmp_path / "text.txt"]), cache=tmp_path)
        assert any("of the test part are measured" in note for note in opened.notes()) == told


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
