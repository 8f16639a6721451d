"""Generating on the native engine: it is used, it keeps up with the weights, and rougher weights cost little."""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import LanguageModel
from elman.decode import SamplingOptions, generation
from elman.decode.engine import engine_of
from elman.decode.generation import sample_with_torch
from elman.errors import ConfigError, DataError, KernelUnavailableError
from elman.kernels.native import library
from elman.kernels.native.engine import Engine

from .small import TEXT, trained

pytestmark = pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patched:
        torch.set_num_threads(1)
        folder = tmp_path_factory.mktemp("model")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        return trained(folder, max_steps=80, layers=2)


def torchs_text(model: LanguageModel, start: list[int], length: int, sampling: SamplingOptions) -> str:
    """What is drawn on the torch path, up to an end token."""
    with torch.no_grad():
        drawn = (stretch[0][0] for stretch in sample_with_torch(model.network, start, length, sampling, 1, 0))
        return model.vocabulary.decode(list(takewhile(lambda token: token != model.vocabulary.end_id, drawn)))


def watch_calls(seconds: float, patch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each call of the engine draws, from now on; every call seems to take so many seconds."""
    sizes: list[int] = []
    draw, clock = Engine.draw, count(0.0, seconds)

    def counting(self: Engine, streams: Any, steps: int, sampling: Any) -> Any:
        sizes.append(steps)
        return draw(self, streams, steps, sampling)

    patch.setattr(Engine, "draw", counting)
    patch.setattr(generation, "perf_counter", lambda: next(clock))
    return sizes


def test_text_is_drawn_by_the_engine_a_few_tokens_at_first(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = watch_calls(0.0, monkeypatch)
    stream = model.stream("the", length=300, temperature=0.0)
    next(stream)
    assert sizes == [1]
    text = "".join(piece for _, piece in stream)
    assert text
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 128, 45]
    sizes.clear()
    model.generate("the", length=300, temperature=0.0, stop=text[3:6])
    assert sum(sizes) < 20, "a stop ends the drawing soon"


def test_a_slow_network_draws_a_few_tokens_a_call(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = watch_calls(0.02, monkeypatch)
    model.generate("the", length=5, temperature=0.0)
    assert sizes == [1] * 5


@pytest.mark.parametrize("options", [{}, {"repetition_penalty": 3.0}])
def test_greedy_text_is_torchs(model: LanguageModel, options: dict[str, float]) -> None:
    start = model.context_start() + model.vocabulary.encode("the ").tolist()
    sampling = SamplingOptions(temperature=0.0, banned=(model.vocabulary.unknown_id,), **options)
    text = model.generate("the ", length=200, temperature=0, **options)
    assert text == torchs_text(model, start, 200, sampling)
    assert len(text) > 50


def test_a_samples_text_depends_on_the_seed_and_its_number_alone(model: LanguageModel) -> None:
    options: dict[str, Any] = {"length": 80, "seed": 11, "repetition_penalty": 1.1, "top_p": 0.95}
    many = model.generate("the", samples=20, **options)
    assert len(set(many)) == 20
    assert model.generate("the", samples=3, **options) == many[:3]
    assert model.generate("the", **options) == many[0]


def test_changed_weights_make_a_new_engine_and_the_same_ones_do_not(model: LanguageModel) -> None:
    network = model.network
    first = engine_of(network)
    assert isinstance(first, Engine)
    assert engine_of(network) is first
    assert engine_of(network, "int8") is not first
    assert engine_of(network) is first, "one engine is kept for each format"
    bias = network.head.bias
    for change in (lambda: bias.data.add_(0.25), lambda: bias.data.sub_(0.25)):
        before = engine_of(network)
        with torch.no_grad():
            change()
        assert engine_of(network) is not before
    with torch.no_grad():
        network.head.bias[model.vocabulary.encode("w").item()] += 50.0
    try:
        assert set(model.generate("the", length=20, temperature=0)) == {"w"}
    finally:
        with torch.no_grad():
            network.head.bias[model.vocabulary.encode("w").item()] -= 50.0


def test_what_an_engine_rests_on_is_seen(model: LanguageModel) -> None:
    """Weights in another order, attributes of any module, and hooks: text is drawn from the network as it is."""
    network = copy.deepcopy(model.network)
    first = engine_of(network)
    bias = network.head.bias
    bias.data.copy_(bias.data.flip(0))
    permuted = engine_of(network)
    assert permuted is not first
    network.stack.residual = not network.stack.residual
    toggled = engine_of(network)
    assert isinstance(toggled, Engine)
    assert toggled is not permuted
    network.stack.residual = not network.stack.residual
    assert engine_of(network) is not toggled
    kept = engine_of(network)
    network.cells()[0].remark = "a changed attribute"
    assert engine_of(network) is not kept
    handle = network.stack.register_forward_hook(lambda *_: None)
    assert engine_of(network) == "its module stack has hooks"
    handle.remove()
    assert isinstance(engine_of(network), Engine)


def test_threads_that_need_the_same_engine_build_it_once(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    network, built = copy.deepcopy(model.network), []

    def build(*args: Any, **options: Any) -> Engine:
        built.append(options["weights"])
        time.sleep(0.05)
        return Engine(*args, **options)

    monkeypatch.setattr("elman.decode.engine.Engine", build)
    formats = ["float32", "int8"] * 4
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(lambda weights: engine_of(network, weights), formats))
    assert sorted(built) == ["float32", "int8"]
    assert len({id(engine) for engine in engines}) == 2


@pytest.mark.parametrize("weights", ["bfloat16", "int8"])
def test_rougher_weights_give_another_text_of_the_same_kind(model: LanguageModel, weights: str) -> None:
    options: dict[str, Any] = {"length": 200, "seed": 1, "samples": 4}
    rough = model.generate("the", weights=weights, **options)
    assert rough == model.generate("the", weights=weights, **options)
    assert rough != model.generate("the", **options)
    assert all(set(text) <= set(TEXT) for text in rough)


def test_what_rougher_weights_cost_is_measured(model: LanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT[:700])
    figures = model.compare_weights(path)
    assert list(figures) == ["float32", "bfloat16", "int8"]
    plain = model.evaluate(path)
    for name in ("perplexity", "nats_per_char", "accuracy", "tokens"):
        assert figures["float32"][name] == pytest.approx(plain[name], rel=1e-5)
    for rough in ("bfloat16", "int8"):
        assert figures[rough]["tokens"] == plain["tokens"]
        assert figures[rough]["perplexity"] != plain["perplexity"]
        assert figures[rough]["perplexity"] == pytest.approx(plain["perplexity"], rel=0.02)
    assert model.compare_weights(path, limit=100)["int8"]["tokens"] == 99


def test_texts_of_several_documents_are_measured_alike(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    several = trained(tmp_path, documents="lines")
    assert several.compare_weights(path)["float32"]["perplexity"] == pytest.approx(
        several.evaluate(path)["perplexity"], rel=1e-5
    )


def test_scores_that_are_no_numbers_are_an_error(model: LanguageModel) -> None:
    with torch.no_grad():
        before = model.network.head.bias.clone()
        model.network.head.bias[3] = torch.nan
        try:
            with pytest.raises(DataError, match=r"expected finite logits to sample from\. Received"):
                model.generate("the", length=5)
        finally:
            model.network.head.bias.copy_(before)


def test_a_kernel_that_is_asked_for_is_used(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    native = model.generate("the", length=60, seed=3)
    monkeypatch.setenv("ELMAN_KERNELS", "reference")
    assert engine_of(model.network) == "ELMAN_KERNELS selects the kernel 'reference'"
    assert model.generate("the", length=60, seed=3) != native
    with pytest.raises(
        KernelUnavailableError, match=r"expected a network that can run with int8 weights\. Received: ELMAN"
    ):
        model.generate("the", weights="int8")
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    with pytest.raises(KernelUnavailableError, match="expected a network that the native engine can run"):
        model.compare_weights(path)


def test_cells_without_a_program_go_on_with_torch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = trained(tmp_path, cell="gru-reset-before")
    reason = engine_of(other.network)
    assert isinstance(reason, str)
    with caplog.at_level("INFO", "elman.kernels"):
        assert other.generate("the", length=10)
    assert f"text is drawn with torch: {reason}" in caplog.messages
    with pytest.raises(KernelUnavailableError, match="expected a network that can run with int8 weights"):
        other.generate("the", weights="int8")


@pytest.mark.parametrize(
    "options", [{"cell": "gru", "embedding": 0}, {"cell": "mingru", "residual": True, "layers": 3}]
)
def test_other_networks_are_torchs_too(options: dict[str, Any], tmp_path: Path) -> None:
    other = trained(tmp_path, max_steps=40, **options)
    start = other.context_start()
    sampling = SamplingOptions(temperature=0.0, banned=(other.vocabulary.unknown_id,))
    text = other.generate(length=60, temperature=0)
    assert text == torchs_text(other, start, 60, sampling)
    assert len(text) > 10


def test_an_unknown_format_is_refused(model: LanguageModel) -> None:
    with pytest.raises(ConfigError, match=r"expected weights among float32, bfloat16, int8\. Received: 'int4'"):
        model.generate("the", weights="int4")
