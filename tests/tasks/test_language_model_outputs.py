"""Output layers of language models for large vocabularies: runs, folders, answers, and starts from other models."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman import LanguageModel
from elman.data.sources import Sources
from elman.decode.engine import engine_of
from elman.errors import ConfigError, KernelUnavailableError
from elman.nn.adaptive_softmax import AdaptiveSoftmax
from elman.tasks.language_model.config import LanguageModelConfig, LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.setup import LanguageModelSetup

from .small import OPTIONS, TEXT, one_by_one, trained

OUTPUTS: dict[str, dict[str, Any]] = {
    "adaptive": {"head": "adaptive"},
    "sampled": {"head": "sampled", "noise_samples": 8},
    "nce": {"head": "nce", "noise_samples": 8, "noise": "log-uniform"},
}
each_output = pytest.mark.parametrize("options", OUTPUTS.values(), ids=OUTPUTS)
# One of them by default, since each test of these trains a model.
one_output = pytest.mark.parametrize(
    "options",
    [pytest.param(each, id=name, marks=[pytest.mark.slow] * (name != "sampled")) for name, each in OUTPUTS.items()],
)


def written(folder: Path, text: str = TEXT) -> Path:
    path = folder / "held.txt"
    path.write_text(text, encoding="utf-8")
    return path


@each_output
def test_figures_are_those_of_normalised_probabilities(tmp_path: Path, options: dict[str, Any]) -> None:
    model = trained(tmp_path, tokens="words", max_steps=20, **options)
    tokens = [model.vocabulary.end_id, *model.vocabulary.encode(TEXT).tolist()]
    log_probs_TV = one_by_one(model.network, tokens[:-1])
    torch.testing.assert_close(log_probs_TV.exp().sum(dim=1), torch.ones(len(tokens) - 1, dtype=torch.float64))
    nats = -float(log_probs_TV.gather(1, torch.tensor(tokens[1:])[:, None]).mean())
    assert model.evaluate(written(tmp_path))["nats_per_token"] == pytest.approx(nats, rel=1e-4)


@each_output
def test_a_folder_gives_the_same_answers(tmp_path: Path, options: dict[str, Any]) -> None:
    model = trained(tmp_path, tokens="words", **options)
    model.save(tmp_path / "model")
    other = elman.load(tmp_path / "model")
    assert other.config.network == model.config.network
    assert model.score("the white whale") == other.score("the white whale")
    assert model.generate("the", length=8, seed=1) == other.generate("the", length=8, seed=1)
    one, two = model.next("the white"), other.next("the white")
    assert torch.equal(torch.as_tensor(one.probabilities), torch.as_tensor(two.probabilities))
    assert float(torch.as_tensor(one.probabilities).sum()) == pytest.approx(1.0, rel=1e-5)


@one_output
def test_they_learn(tmp_path: Path, options: dict[str, Any]) -> None:
    model = trained(tmp_path, tokens="words", max_steps=150, **options)
    assert model.evaluate(written(tmp_path))["perplexity"] < 5.0 < 0.5 * model.vocabulary.size


def test_nce_learns_logits_that_are_nearly_normalised(tmp_path: Path) -> None:
    model = trained(tmp_path, tokens="words", max_steps=150, head="nce", noise_samples=8)
    tokens = torch.from_numpy(model.vocabulary.encode(TEXT)).long()[None]
    with torch.no_grad():
        logits_BTV, _ = model.network.eval()(tokens, None, model.network.initial_state(1))
    assert float(logits_BTV.logsumexp(dim=-1).abs().mean()) < 0.5


@one_output
def test_members_and_segments(tmp_path: Path, options: dict[str, Any]) -> None:
    model = trained(tmp_path, tokens="words", members=2, recompute=3, **options)
    assert math.isfinite(model.evaluate(written(tmp_path))["perplexity"])


def test_samples_are_tied_too(tmp_path: Path) -> None:
    model = trained(tmp_path, tokens="words", tied=True, embedding=8, head="sampled", noise_samples=8)
    assert model.network.head.weight is model.network.embed.weight


def test_the_training_data_has_no_perplexity_of_samples(tmp_path: Path) -> None:
    assert "perplexity" in trained(tmp_path, head="adaptive").metrics["train"]
    assert "perplexity" not in trained(tmp_path, head="nce").metrics["train"]


def test_the_progress_has_no_bits_of_a_loss_on_samples(tmp_path: Path) -> None:
    for head, bits in (("softmax", True), ("nce", False)):
        config = LanguageModelConfig.make("base", OPTIONS, {"head": head})
        setup = LanguageModelSetup.open(config, Sources([written(tmp_path)]), cache=tmp_path / "cache")
        assert (setup.watch(quiet=True).describe is None) == bits


def test_an_evaluation_costs_more_than_training_on_samples(tmp_path: Path) -> None:
    source, costs = Sources([written(tmp_path)]), {}
    for head in ("softmax", "sampled"):
        own = {"noise_samples": 8} if head == "sampled" else {}
        config = LanguageModelConfig.make("base", OPTIONS, {"tokens": "words", "head": head, **own})
        setup = LanguageModelSetup.open(config, source, cache=tmp_path / "cache")
        costs[head] = setup.evaluation_cost
        V, Y = setup.network.head.weight.shape
        inner = sum(each.numel() for each in setup.network.stack.parameters())
    assert costs["softmax"] > 0.0
    assert costs["sampled"] / costs["softmax"] == pytest.approx((inner + V * Y) / (inner + 8 * Y), rel=1e-6)


def test_cutoffs_are_those_of_the_training_text_and_are_stored(tmp_path: Path) -> None:
    model = trained(tmp_path, tokens="words", head="adaptive", split=(1.0, 0.0, 0.0))
    cutoffs = model.config.network.cutoffs
    tokens = [model.vocabulary.end_id, *model.vocabulary.encode(TEXT).tolist()]
    counts = [tokens.count(number) for number in range(model.vocabulary.size)]
    for cutoff, share in zip(cutoffs, (0.8, 0.95), strict=True):
        assert sum(counts[: cutoff - 1]) < share * len(tokens) <= sum(counts[:cutoff])
    assert isinstance(model.network.head, AdaptiveSoftmax)
    assert model.network.head.borders == [*cutoffs, model.vocabulary.size]


def test_the_engine_says_why_it_does_not_run_an_adaptive_softmax(tmp_path: Path) -> None:
    model = trained(tmp_path, tokens="words", head="adaptive")
    assert engine_of(model.network) == "its output layer is AdaptiveSoftmax, and the native engine runs a linear one"
    with pytest.raises(KernelUnavailableError, match=r"Received: its output layer is AdaptiveSoftmax"):
        model.generate("the", length=3, weights="int8")


def test_a_start_takes_the_rows_of_the_same_words(tmp_path: Path) -> None:
    first = trained(tmp_path, tokens="words", head="adaptive", cutoffs=(6, 12))
    path = tmp_path / "more.txt"
    path.write_text(TEXT + "a stranger came aboard one stormy night.\n" * 3, encoding="utf-8")
    second = LanguageModel(max_steps=1, learning_rate=0.0).fit(
        path, start_from=first, progress=False, tune=False, folder=tmp_path / "second"
    )
    assert second.config.network.cutoffs == (6, 12)
    assert second.vocabulary.size > first.vocabulary.size
    here, there = second.vocabulary.entries(), first.vocabulary.entries()
    for token in ("whale", "sailed", "sea"):
        place, other = here.index(token), there.index(token)
        assert torch.equal(_row(second.network, place), _row(first.network, other))


def _row(network: Any, token: int) -> torch.Tensor:
    """The output weights of a token."""
    borders = network.head.borders
    if token < borders[0]:
        return network.head.weight[token].detach()
    number = next(n for n, border in enumerate(borders[1:]) if token < border)
    return network.head.tails[number].output.weight[token - borders[number]].detach()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "adaptive", "tied": True}, r"expected tied=false with head=adaptive.* Received: tied=true"),
        ({"cutoffs": (3, 9)}, r"expected cutoffs with head=adaptive\. Received: cutoffs=\(3, 9\) with head=soft"),
        ({"head": "adaptive", "noise_samples": 9}, r"with head=sampled or nce\. Received: noise_samples=9"),
        ({"head": "adaptive", "cutoffs": (9, 3)}, r"expected cutoffs that increase.* Received: \[9, 3\]"),
        ({"head": "full"}, r"expected head among softmax, adaptive, sampled, nce\. Received: 'full'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LanguageModelSetup.check(LanguageModelConfig.make("base", options))


def test_cutoffs_beyond_the_vocabulary_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected cutoffs that increase, from 1 to \d+\. Received: \[5, 9000\]"):
        trained(tmp_path, tokens="words", head="adaptive", cutoffs=(5, 9000))


def test_a_network_without_noise_is_not_trained_on_samples() -> None:
    network = LanguageModelNetwork(9, LanguageModelNetworkConfig(hidden_size=4, embedding=4, head="sampled"))
    tokens = torch.zeros(1, 3, dtype=torch.int64)
    with pytest.raises(ConfigError, match=r"expected the attribute noise .* Received: none"):
        network.loss(tokens, None, tokens, network.initial_state(1))


def test_models_of_earlier_versions_have_a_softmax() -> None:
    stored = LanguageModelConfig.make("base", OPTIONS).to_json()
    for name in ("head", "cutoffs", "noise", "noise_power", "noise_samples"):
        del stored["network"][name]
    assert LanguageModelConfig.from_json(stored, "elman.json").network.head == "softmax"
