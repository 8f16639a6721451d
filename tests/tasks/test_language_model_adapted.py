"""Evaluation with a neural cache and with dynamic evaluation: figures, no look ahead, and an unchanged model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman import LanguageModel
from elman.cli.app import main
from elman.decode.evaluation_mode import evaluation_mode
from elman.errors import ConfigError
from elman.metrics.adapted_likelihood import DynamicEvaluation, adapted_nats, segments_of
from elman.metrics.neural_cache import NeuralCache

from .small import TEXT, one_by_one, trained

CACHE = NeuralCache(window=30, theta=0.5, share=0.3)
DYNAMIC = DynamicEvaluation(rate=0.3, decay=0.02, length=7)
each_head = pytest.mark.parametrize("head", ["softmax", "adaptive"])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return trained(tmp_path_factory.mktemp("model"), tokens="words", max_steps=15)


def written(folder: Path, text: str, name: str = "held.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def nats_of(model: LanguageModel, path: Path, **how: Any) -> np.ndarray[Any, Any]:
    """The loss of each token of a file."""
    with model.held_out(path) as held, evaluation_mode(model.network):
        parts = adapted_nats(model.network, segments_of(held, how.get("dynamic")), how.get("cache"), how.get("dynamic"))
        return np.concatenate([part.nats_T.numpy() for part in parts])


@each_head
def test_without_adaptation_the_losses_are_those_of_single_steps(tmp_path: Path, head: str) -> None:
    model = trained(tmp_path, tokens="words", max_steps=15, head=head)
    tokens = [model.vocabulary.end_id, *model.vocabulary.encode(TEXT).tolist()]
    expected = -one_by_one(model.network, tokens[:-1], model.vocabulary.end_id).gather(
        1, torch.tensor(tokens[1:])[:, None]
    )
    found = nats_of(model, written(tmp_path, TEXT), dynamic=DynamicEvaluation(rate=0.0))
    np.testing.assert_allclose(found, expected[:, 0].numpy(), rtol=1e-4, atol=1e-5)


def test_the_cache_mixes_the_probabilities_of_the_network(model: LanguageModel, tmp_path: Path) -> None:
    """Token by token, in float64, with the states that the output layer reads."""
    tokens = [model.vocabulary.end_id, *model.vocabulary.encode(TEXT).tolist()]
    net, expected, states = model.network.eval(), [], []
    state = net.initial_state(1)
    with torch.no_grad():
        for t, token in enumerate(tokens[:-1]):
            y_BTH, state = net.outputs(torch.tensor([[token]]), None, state)
            h = y_BTH[0, 0].double()
            probability = float(torch.softmax(net.head(y_BTH[0, 0]).double(), dim=0)[tokens[t + 1]])
            past = range(max(0, t - CACHE.window), t)
            weights = [math.exp(CACHE.theta * float(states[i] @ h)) for i in past]
            if weights:
                hits = [weight for i, weight in zip(past, weights, strict=True) if tokens[i + 1] == tokens[t + 1]]
                probability = (1 - CACHE.share) * probability + CACHE.share * sum(hits) / sum(weights)
            expected.append(-math.log(probability))
            states.append(h)
    found = nats_of(model, written(tmp_path, TEXT), cache=CACHE)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert model.evaluate(tmp_path / "held.txt", cache=CACHE)["nats_per_token"] == pytest.approx(
        np.mean(expected), rel=1e-5
    )


def test_dynamic_evaluation_is_sgd_after_each_segment(model: LanguageModel, tmp_path: Path) -> None:
    """Against a loop with torch's SGD on a copy of the network."""
    tokens = torch.tensor([model.vocabulary.end_id, *model.vocabulary.encode(TEXT).tolist()])
    copy = type(model.network)(model.vocabulary.size, model.config.network).eval()
    copy.load_state_dict(model.network.state_dict())
    trained_weights = [parameter.detach().clone() for parameter in copy.parameters()]
    optimizer = torch.optim.SGD(copy.parameters(), lr=DYNAMIC.rate)
    state, expected = copy.initial_state(1), []
    for begin in range(0, len(tokens) - 1, DYNAMIC.length):
        inputs, targets = tokens[begin:-1][: DYNAMIC.length], tokens[begin + 1 :][: DYNAMIC.length]
        logits_BTV, state = copy(inputs[None], None, state)
        losses = torch.nn.functional.cross_entropy(logits_BTV[0], targets, reduction="none")
        expected += losses.tolist()
        optimizer.zero_grad()
        losses.mean().backward()
        before = [parameter.detach().clone() for parameter in copy.parameters()]
        optimizer.step()
        with torch.no_grad():
            for parameter, old, first in zip(copy.parameters(), before, trained_weights, strict=True):
                parameter += DYNAMIC.decay * (first - old)
        state = tuple(tuple(type(one)(*(leaf.detach() for leaf in one)) for one in layer) for layer in state)
    found = nats_of(model, written(tmp_path, TEXT), dynamic=DYNAMIC)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_the_model_stays_as_it_is_and_the_text_is_learnt(model: LanguageModel, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    path = written(tmp_path, "the ship saw the wide sea and the white captain.\n" * 40)
    plain = model.evaluate(path)["perplexity"]
    dynamic = model.evaluate(path, dynamic=DynamicEvaluation(rate=0.5, length=10))["perplexity"]
    cached = model.evaluate(path, cache=model.tune_cache(path, window=40))["perplexity"]
    assert dynamic < 0.8 * plain
    assert cached < 0.8 * plain
    assert model.evaluate(path)["perplexity"] == plain
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items())


@each_head
@pytest.mark.parametrize("how", [{"cache": CACHE}, {"dynamic": DYNAMIC}, {"cache": CACHE, "dynamic": DYNAMIC}], ids=str)
def test_a_later_token_changes_no_earlier_loss(tmp_path: Path, how: dict[str, Any], head: str) -> None:
    model = trained(tmp_path, tokens="words", max_steps=5, head=head)
    words = TEXT.split(" ")
    for place in (31, 60):
        changed = [*words[:place], "whale" if words[place] != "whale" else "sea", *words[place + 1 :]]
        one, other = (
            nats_of(model, written(tmp_path, " ".join(each), f"{number}.txt"), **how)
            for number, each in enumerate((words, changed))
        )
        first = int(np.flatnonzero(one[: len(other)] != other[: len(one)])[0])
        encoded = [model.vocabulary.encode(" ".join(each)).tolist() for each in (words, changed)]
        assert first == next(n for n, pair in enumerate(zip(*encoded, strict=True)) if pair[0] != pair[1])
        assert np.any(one[first + 1 :] != other[first + 1 :])


def test_the_chosen_cache_is_the_best_of_the_grid(model: LanguageModel, tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)
    chosen = model.tune_cache(path, window=25)
    assert chosen.window == 25
    best = model.evaluate(path, cache=chosen)["nats_per_token"]
    for theta, share in ((0.0, 0.1), (0.2, 0.2), (0.6, 0.05), (chosen.theta, 0.15), (1.0, chosen.share)):
        assert best <= model.evaluate(path, cache=NeuralCache(25, theta, share))["nats_per_token"] + 1e-9


def test_documents_begin_with_the_initial_state(tmp_path: Path) -> None:
    model = trained(tmp_path, tokens="words", documents="lines", max_steps=5)
    path = written(tmp_path, TEXT)
    found = model.evaluate(path, dynamic=DynamicEvaluation(rate=0.0))
    assert found["nats_per_token"] == pytest.approx(model.evaluate(path)["nats_per_token"], rel=1e-5)
    assert found["tokens"] == model.evaluate(path)["tokens"]


def test_unknown_tokens_are_counted_too(model: LanguageModel, tmp_path: Path) -> None:
    path = written(tmp_path, "the zebra saw the xylophone; the ship sailed on.\n")
    plain, found = model.evaluate(path), model.evaluate(path, dynamic=DynamicEvaluation(rate=0.0))
    assert plain["unknown_share"] > 0.0
    assert found.keys() == plain.keys()
    assert found == pytest.approx(plain, rel=1e-5)


def test_members_have_no_cache_but_dynamic_evaluation(tmp_path: Path) -> None:
    model = trained(tmp_path, tokens="words", max_steps=5, members=2)
    path = written(tmp_path, TEXT)
    with pytest.raises(ConfigError, match=r"expected one network, .* Received: an ensemble"):
        model.evaluate(path, cache=CACHE)
    with pytest.raises(ConfigError, match=r"Received: an ensemble"):
        model.tune_cache(path)
    assert model.evaluate(path, dynamic=DYNAMIC)["perplexity"] < model.evaluate(path)["perplexity"]


def test_the_command(model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.save(tmp_path / "model")
    path = written(tmp_path, TEXT)
    digest = (tmp_path / "model" / "weights.safetensors").read_bytes()

    def answer(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main(["evaluate", str(tmp_path / "model"), str(path), *words, "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    chosen = answer("--cache", "auto", "--tune-on", str(path), "--cache-window", "30")
    given = chosen["cache"]
    values = ("--cache-theta", str(given["theta"]), "--cache-lambda", str(given["lambda"]), "--cache-window", "30")
    assert answer("--cache", "on", *values) == chosen
    assert given["window"] == 30
    dynamic = answer("--dynamic-rate", "0.3", "--dynamic-decay", "0.02", "--dynamic-length", "7")
    assert dynamic["dynamic"] == {"rate": 0.3, "decay": 0.02, "length": 7}
    assert dynamic["perplexity"] == pytest.approx(model.evaluate(path, dynamic=DYNAMIC)["perplexity"], rel=1e-6)
    assert "cache" not in answer()
    assert (tmp_path / "model" / "weights.safetensors").read_bytes() == digest


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cache", "on"], "expected --cache-theta and --cache-lambda with --cache on"),
        (["--cache", "auto"], "expected --tune-on with --cache auto"),
        (
            ["--cache", "auto", "--tune-on", "held.txt", "--cache-theta", "1"],
            "Received: --cache-theta or --cache-lambda",
        ),
        (["--cache-theta", "1"], "expected --cache on or --cache auto. Received: --cache-theta without it"),
        (["--dynamic-decay", "0.1"], "expected --dynamic-rate. Received: --dynamic-decay without it"),
        (["--dynamic-rate", "0.1", "--baseline"], "expected --baseline without --cache and --dynamic-rate"),
        (["--cache", "on", "--cache-theta", "1", "--cache-lambda", "2"], "cache_lambda to be at most 1"),
    ],
)
def test_options_that_do_not_go_together(
    model: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    model.save(tmp_path / "model")
    assert main(["evaluate", str(tmp_path / "model"), str(written(tmp_path, TEXT)), *words]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("values", [(-0.1, 0.0, 5), (math.nan, 0.0, 5), (0.1, 1.5, 5), (0.1, 0.0, 0)])
def test_values_of_dynamic_evaluation_out_of_range(values: tuple[float, float, int]) -> None:
    with pytest.raises(ConfigError, match="Received: "):
        DynamicEvaluation(*values)
