"""GloVe and LSA against plain implementations, and vectors of n-grams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.data.sources import Sources
from elman.data.word_text.cooccurrences import Cooccurrences
from elman.errors import ConfigError, DataError
from elman.tasks.embeddings.config import EmbeddingsConfig
from elman.tasks.embeddings.counting import ppmi
from elman.tasks.embeddings.setup import EmbeddingsSetup
from elman.tasks.run import resume_run
from elman.train import checkpoint

from .test_embeddings_runs import PAIRS, SMALL, a_text, likeness, own_cache, trained  # noqa: F401


def a_setup(folder: Path, **options: Any) -> EmbeddingsSetup:
    path = folder / "text.txt"
    path.write_text(a_text(400))
    config = EmbeddingsConfig.make("base", SMALL | {"window": 3} | options)
    return EmbeddingsSetup.open(config, Sources([str(path)]))


def dense(cells: Cooccurrences, values: np.ndarray, size: int) -> np.ndarray:
    table = np.zeros((size, size))
    table[cells.first_N, cells.second_N] = values
    return table


def test_mutual_information_is_that_of_the_formula() -> None:
    counts = np.array([[0.0, 4.0, 1.0], [4.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
    first, second = counts.nonzero()
    cells = Cooccurrences(first, second, counts[first, second])
    totals = counts.sum(1)
    chance = totals[:, None] / totals.sum() * (totals**0.75 / (totals**0.75).sum())
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(counts / counts.sum() / chance), 0.0)
    assert np.allclose(dense(cells, ppmi(cells, 3, 0.75), 3), expected)


def test_lsa_is_the_decomposition_of_numpy(tmp_path: Path) -> None:
    setup = a_setup(tmp_path, objective="lsa", embedding=4)
    objective = setup.objective()
    losses = [objective.update(number, 0.0)[0] for number in range(40)]
    cells = objective.cells  # type: ignore[attr-defined]
    size = len(setup.words)
    table = dense(cells, ppmi(cells, size, 0.75), size)
    left, values, right = np.linalg.svd(table)
    best = left[:, :4] * values[:4] @ right[:4]
    network = setup.network
    found = (network.input_vectors @ network.output_vectors.T).detach().numpy()
    assert np.allclose(found, best, atol=1e-3)
    assert np.isclose(losses[-1], ((table - best) ** 2).sum(), rtol=1e-3)
    assert np.allclose(np.linalg.norm(network.input_vectors.detach().numpy(), axis=0), np.sqrt(values[:4]), rtol=1e-3)


def test_a_step_of_glove_is_that_of_float64(tmp_path: Path) -> None:
    setup = a_setup(tmp_path, objective="glove", embedding=5, x_max=20.0)
    objective, network = setup.objective(), setup.network
    before = {name: tensor.detach().numpy().astype(np.float64) for name, tensor in network.state_dict().items()}
    before = {name: value.copy() for name, value in before.items()}
    cells = objective.cells  # type: ignore[attr-defined]
    batch = np.array([0, 1, 2, 3, 40, 41])  # several of them have the same first word
    loss, count = objective.update(batch, 0.05)
    first, second, counts = (each[batch] for each in cells)
    weights = np.minimum(1.0, (counts / 20.0) ** 0.75)
    gradients = {name: np.zeros_like(value) for name, value in before.items() if not name.startswith("state_")}
    expected = 0.0
    for i, j, count_ij, weight in zip(first, second, counts, weights, strict=True):
        w, c = before["input_vectors"][i], before["output_vectors"][j]
        away = w @ c + before["input_bias"][i] + before["output_bias"][j] - np.log(count_ij)
        expected += weight * away**2
        gradients["input_vectors"][i] += weight * away * c
        gradients["output_vectors"][j] += weight * away * w
        gradients["input_bias"][i] += weight * away
        gradients["output_bias"][j] += weight * away
    assert count == 6
    assert np.isclose(loss, expected, rtol=1e-5)
    for name, gradient in gradients.items():
        after = before[name] - 0.05 * gradient / np.sqrt(1.0 + gradient**2)
        assert np.allclose(network.state_dict()[name].numpy(), after, atol=1e-6), name


@pytest.mark.parametrize("objective", ["glove", "lsa"])
def test_words_of_the_same_frames_are_alike(objective: str) -> None:
    model = trained(objective=objective, window=3, max_epochs=30.0 if objective == "glove" else 5.0, batch_size=16)
    alike = [likeness(model, one, other) for one, other in PAIRS]
    strange = [likeness(model, PAIRS[place][0], PAIRS[place - 1][1]) for place in range(4)]
    assert np.mean(alike) > np.mean(strange) + 0.2
    verdict = model.metrics["verdict"]
    assert verdict["figure"] == "above_noise"
    assert verdict["network"] > verdict["rules"]["frequencies of words, without the context"]
    assert "loss" not in model.metrics["valid"]


@pytest.mark.parametrize("objective", ["glove", "lsa"])
def test_counting_goes_on_bit_for_bit_and_is_saved_without_its_state(objective: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(a_text(400))
    options = SMALL | {"objective": objective, "schedule": "constant", "batch_size": 64}
    for name, steps in (("whole", 4), ("half", 2)):
        model = elman.Embeddings(**options, max_steps=steps).fit(
            path, folder=tmp_path / name, progress=False, tune=False
        )
    resume_run(tmp_path / "half", overrides={"max_steps": 4}, quiet=True).run()
    one, other = (checkpoint.load(tmp_path / name)[0] for name in ("whole", "half"))
    assert all(torch.equal(one[name], other[name]) for name in one if name.startswith("model."))
    loaded = elman.load(tmp_path / "whole")
    assert not any("state" in name for name in loaded.network.stored())
    assert loaded.evaluate(path)["above_noise"] > 0.4
    assert model.table.words == loaded.table.words


def test_unknown_words_have_vectors_of_their_ngrams(tmp_path: Path) -> None:
    text = a_text(600) + "the sleeper sleeps in a warm house\n" * 100
    model = trained(text, subwords=True, buckets=500, max_epochs=4.0)
    assert "sleeping" not in model.table
    assert likeness(model, "sleeping", "sleeps") > likeness(model, "sleeping", "butter")
    model.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert (loaded.table.vector("sleeping") == model.table.vector("sleeping")).all()
    assert (loaded.table.matrix_VE == model.table.matrix_VE).all()
    with pytest.raises(DataError, match="sleeping"):
        trained(text, max_steps=1).table.vector("sleeping")


def test_options_that_do_not_fit_together_are_refused() -> None:
    for options, said in (
        ({"min_n": 5, "max_n": 4, "subwords": True}, "min_n of at most max_n"),
        ({"objective": "glove", "fast": True}, "objective=skip-gram or cbow"),
        ({"objective": "lsa", "subwords": True}, "objective=skip-gram or cbow"),
        ({"objective": "lsa", "loss": "nce"}, "objective=skip-gram or cbow"),
    ):
        with pytest.raises(ConfigError, match=said):
            trained(max_steps=1, **options)  # type: ignore[arg-type]


def test_objectives_have_their_own_defaults() -> None:
    glove = elman.Embeddings(objective="glove").config
    assert (glove.network.window, glove.training.learning_rate, glove.training.max_epochs) == (10, 0.05, 25.0)
    assert elman.Embeddings(objective="glove", window=4, max_steps=3).config.network.window == 4
    assert elman.Embeddings(objective="glove", max_steps=3).config.training.max_epochs == 0.0
    assert elman.Embeddings(objective="cbow").config.training.learning_rate == 0.025
