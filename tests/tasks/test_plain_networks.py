"""The preset `plain` of every task: exactly the modules of the lesson, against torch's own layers, and few options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from elman.errors import ConfigError
from elman.nn import Stack
from elman.nn.decoder import Decoder
from elman.options import fields_of
from elman.tasks.registry import built_in

from ..contract.tasks import CASES
from .small_captioners import bars

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plain_networks.md"
# What the data asks for, and no more.
DATA: dict[str, dict[str, Any]] = {"transcriber": {"sample_rate": 4000, "mels": 8}, "forecaster": {"context": 10}}
OFF = ("dropout", "smooth", "mask", "weight_decay", "ema_decay", "noise", "warmup", "clip_norm", "bag", "residual")
OFF += ("feeding", "scheduled", "weight_drop", "calibrate", "difference", "resolutions", "learn_initial", "dilations")


def layer(inputs: int, units: int, gates: int = 4) -> list[tuple[int, ...]]:
    """The shapes of the weights of a recurrent layer."""
    return [(gates * units, inputs), (gates * units, units), (gates * units,), (gates * units,)]


def linear(inputs: int, outputs: int) -> list[tuple[int, ...]]:
    return [(outputs, inputs), (outputs,)]


# All weights of each network, for the data of `CASES`.
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "language-model": [*layer(18, 128), *layer(128, 128), *linear(128, 18)],
    "classifier": [(14, 128), *layer(128, 128), *linear(128, 3)],
    "tagger": [(10, 128), *layer(128, 128), *linear(128, 4)],
    "forecaster": [*layer(1, 50), *linear(50, 1)],
    "transcriber": [*layer(8, 128), *layer(8, 128), *linear(256, 15)],
    # Embeddings, encoder, decoder of [x; context], additive attention, output.
    "translator": [
        *((12, 128), (13, 128)),
        *layer(128, 128, 3),
        *layer(256, 128, 3),
        *((128,), (128, 128), (128,), (128, 128)),
        *linear(128, 12),
    ],
    "captioner": [*linear(3, 256), (13, 256), *layer(256, 512), *linear(512, 12)],
    "embeddings": [(7, 128), (7, 128)],
    "filler": [(12, 128), *layer(128, 128), *layer(128, 128), *linear(256, 128), *linear(128, 12)],
}


class Models(dict[str, Any]):
    """A model of two steps of every task, trained when it is first asked for."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        super().__init__()
        self._folders = tmp_path_factory

    def __missing__(self, task: str) -> Any:
        model = built_in()[task].model_class()("plain", max_steps=2, threads=1, device="cpu", **DATA.get(task, {}))
        self[task] = model.fit(CASES[task].write(self._folders.mktemp(task)), progress=False, tune=False)
        return self[task]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield Models(tmp_path_factory)


# Tasks whose models other tests need; the others are slow.
QUICK = ("captioner", "translator", "forecaster")


@pytest.mark.parametrize(
    "task", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in built_in()]
)
def test_the_network_has_the_weights_of_the_lesson_and_no_others(models: dict[str, Any], task: str) -> None:
    network = models[task].network
    assert sorted(tuple(each.shape) for each in network.parameters()) == sorted(SHAPES[task])
    kinds = {type(module) for module in network.modules()}
    assert not any(issubclass(kind, nn.modules.batchnorm._BatchNorm | nn.LayerNorm | nn.GroupNorm) for kind in kinds)
    assert models[task].training["steps"] == 2
    assert np.isfinite(list(models[task].metrics["valid"].values())).all()


@pytest.mark.parametrize("task", list(built_in()))
def test_everything_else_is_off(task: str) -> None:
    config = built_in()[task].config_class().make("plain")
    for section, kind in config.sections().items():
        for name in fields_of(kind):
            # The noise of an output layer that samples is used by that layer alone.
            # Word vectors need words of noise, and have no optimiser of torch.
            draws_noise = hasattr(config.network, "noise_samples") or task == "embeddings"
            unused = "bag_start", *(("noise",) if draws_noise else ()), *config.unused
            if any(word in name for word in OFF) and not name.startswith(unused):
                assert getattr(getattr(config, section), name) in (0, 0.0, False, "", (), "none"), name
    assert config.training.schedule == "constant"
    assert config.training.optimizer in ("adam", "rmsprop") or "optimizer" in config.unused
    assert config.training.max_epochs > 0
    assert not getattr(config.network, "bidirectional", False) or task == "transcriber"
    assert getattr(config.network, "head", "softmax") == "softmax"


def torch_layer(kind: Any, cell: Any) -> Any:
    """A layer of torch with the weights of a cell."""
    made = kind(cell.weight_ih.shape[1], cell.weight_hh.shape[1], batch_first=True)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(made, f"{name}_l0").data.copy_(getattr(cell, name))
    return made.double()


def test_a_captioner_reads_the_vector_first(models: dict[str, Any]) -> None:
    network = models["captioner"].network.double().eval()
    (cell,) = (unrolls[0].cell for unrolls in network.decoder.lower.unrolls())
    items, tokens = torch.randn(5, 3, dtype=torch.float64), torch.randint(0, 12, (5, 4))
    tokens[:, 0] = network.bos_id
    scaled = (items - network.mean_C) / network.deviation_C
    inputs = torch.cat([network.to_vector(scaled)[:, None], nn.functional.embedding(tokens, network.embed.weight)], 1)
    with torch.no_grad():
        outputs, _ = torch_layer(nn.LSTM, cell)(inputs)
        expected = network.head(outputs[:, 1:]) + network.head_bias_V
        torch.testing.assert_close(network.logits(network(items, tokens)), expected)
        # A search starts from the same state.
        state, memory = network.encode(items)
        torch.testing.assert_close(network.advance(tokens[:, :1], state, memory).logits_BKV[:, 0], expected[:, 0])


def test_a_captioner_of_images_reads_them_first_too() -> None:
    model = built_in()["captioner"].model_class()(
        "plain", max_steps=1, hidden_size=8, embedding=6, channels=(4,), threads=1, device="cpu"
    )
    pixels, captions = bars(24)
    model.fit(pixels, captions, progress=False, tune=False)
    assert model.network.to_vector.out_features == 6
    assert len(model.caption(pixels[:2])) == 2


def test_a_translator_is_that_of_the_lesson(models: dict[str, Any]) -> None:
    network = models["translator"].network.double().eval()
    encoder, decoder = (next(iter(stack.unrolls()))[0].cell for stack in (network.encoder, network.decoder.lower))
    sources, targets = torch.tensor([[2, 3, 4, 1]]), torch.tensor([[network.bos_id, 2, 5]])
    attention, gru = network.decoder.attention, torch_layer(nn.GRU, decoder)
    with torch.no_grad():
        values_BSF, last = torch_layer(nn.GRU, encoder)(nn.functional.embedding(sources, network.source_embed.weight))
        query, rows = torch.zeros(1, 1, 128, dtype=torch.float64), []
        for target in targets[0]:
            scores = torch.tanh(attention.query(query) + attention.key(values_BSF)) @ attention.direction_A
            context = torch.softmax(scores, -1)[:, None] @ values_BSF
            embedded = network.target_embed.weight[target][None, None]
            query, last = gru(torch.cat([embedded, context], -1), last)
            rows.append(network.head(query[0, 0]) + network.head_bias_V)
        torch.testing.assert_close(network(sources, torch.tensor([4]), targets)[0], torch.stack(rows))


def test_a_forecaster_predicts_the_value_after_a_window(models: dict[str, Any]) -> None:
    model = models["forecaster"]
    (member,) = model.network.members
    (cell,) = (unrolls[0].cell for unrolls in member.stack.unrolls())
    window = torch.rand(1, 10, 1)
    with torch.no_grad():
        outputs, _ = torch_layer(nn.LSTM, cell)(window.double())
        expected = member.head.linear.double()(outputs[:, -1])
        member.head.linear.float()
        lstm, _ = member.stack(window, None)
        torch.testing.assert_close(member.head.linear(lstm[:, -1]).double(), expected, atol=1e-5, rtol=1e-5)
    forecast = model.forecast(horizon=3)
    assert forecast.mean.shape == (2, 3, 1)
    assert not forecast.intervals


def test_a_decoder_without_an_output_layer() -> None:
    def made(**options: Any) -> Decoder:
        given = {"layers": 2, "attention": "none", "answer_size": 5, "memory_size": 4, "output_layer": False} | options
        return Decoder(lambda size, layers: Stack("gru", size, 5, layers=layers), 3, **given)

    assert not any(name.startswith("answer") for name, _ in made().named_parameters())
    for wrong in ({"attention": "luong"}, {"attention": "between"}, {"answer_size": 6}):
        with pytest.raises(ConfigError, match="without output_layer"):
            made(**wrong)
    with pytest.raises(ConfigError, match="without output_layer"):
        built_in()["translator"].model_class()("plain", attention="luong").fit(["a b"] * 9, ["b a"] * 9, progress=False)


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("elman train")]


def test_the_commands_of_the_page_are_short() -> None:
    found = commands()
    assert {words[2] for words in found} == {task.train_command for task in built_in().values()}
    for words in found:
        assert words[words.index("--preset") + 1] == "plain"
        options = [word for word in words if word.startswith("--") and word not in ("--preset", "--output")]
        assert len(options) <= 4, words
