"""Shrinkage towards the linear start: the share that is chosen, and the exact mean of both forecasts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import elman.tasks.forecaster.setup as forecaster_setup
from elman import Forecaster
from elman.nn.linear_init import init_network
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.setup import ForecasterSetup
from elman.tasks.forecaster.shrinkage import SHARES

from .small_series import fitted, long_frame, wave

KINDS = [{"distribution": name} for name in ("student-t", "gaussian", "quantiles", "point")]
KINDS += [{"mode": "direct"}, {"members": 2}, {"autoregression": 0}]


def setup_of(data: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> ForecasterSetup:
    """The setup of a run, whose network is neither shrunk nor calibrated."""
    found = []
    finish = ForecasterSetup.finish

    def kept(self: ForecasterSetup, folder: Any) -> dict[str, Any]:
        found.append(self)
        return finish(self, folder)

    monkeypatch.setattr(ForecasterSetup, "finish", kept)
    fitted(data, **{"shrink": False, "calibrate": False, "valid_steps": 24, **options})
    return found[0]


def shrunk(setup: ForecasterSetup) -> dict[str, Any]:
    """The metrics of the shrinkage."""
    return setup._shrink()


def one_step(setup: ForecasterSetup) -> np.ndarray:
    """The forecasts of the first value after each of some steps."""
    origin = np.arange(20, 30)
    steps = setup.network.horizon
    return setup._forecast(np.zeros(len(origin), np.int64), origin, steps)[:, 0, 0]


def linear_start(setup: ForecasterSetup) -> None:
    with torch.no_grad():
        init_network(setup.network.members, setup._dataset, setup._stop, setup.config.window)


@pytest.mark.parametrize("options", KINDS)
def test_a_network_that_forecasts_badly_is_replaced_by_its_linear_start(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = setup_of(wave(60), monkeypatch, **options)
    linear_start(setup)
    expected = one_step(setup)
    for member in setup.network.members:
        with torch.no_grad():
            member.head.linear.bias.unflatten(0, (member.head.outputs, -1))[:, member.head.centre] += 30
    assert not np.allclose(one_step(setup), expected, rtol=0.01)
    assert shrunk(setup)["valid"]["network_share"] == 0
    np.testing.assert_allclose(one_step(setup), expected, rtol=1e-5)


@pytest.mark.parametrize("options", KINDS)
def test_a_share_is_the_mean_of_both_forecasts(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(wave(60), monkeypatch, **options)
    network = one_step(setup)
    monkeypatch.setattr("elman.tasks.forecaster.shrinkage.SHARES", (0.25,))
    assert shrunk(setup)["valid"]["network_share"] == 0.25
    mixed = one_step(setup)
    linear_start(setup)
    np.testing.assert_allclose(mixed, 0.25 * network + 0.75 * one_step(setup), rtol=1e-4)


def test_the_spread_stays_that_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(wave(60), monkeypatch, distribution="quantiles")
    head = setup.network.members[0].head
    before = head.linear.weight.clone().unflatten(0, (-1, 9))
    monkeypatch.setattr("elman.tasks.forecaster.shrinkage.SHARES", (0.5,))
    shrunk(setup)
    after = head.linear.weight.unflatten(0, (-1, 9))
    others = [place for place in range(9) if place != 4]
    assert torch.equal(after[:, others], before[:, others])
    torch.testing.assert_close(after[:, 4], before[:, 4] / 2)


def test_a_network_that_forecasts_best_as_it_is_keeps_its_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(wave(60), monkeypatch)
    linear_start(setup)
    before = {name: tensor.clone() for name, tensor in setup.network.state_dict().items()}
    assert shrunk(setup) == {}, "of equal shares, the largest"
    assert all(torch.equal(before[name], tensor) for name, tensor in setup.network.state_dict().items())


def test_the_share_with_the_least_error_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(wave(60), monkeypatch)
    errors = iter((0.5, 0.3, 0.2, 0.4, 0.9))
    monkeypatch.setattr(
        "elman.tasks.forecaster.shrinkage.scaled_errors", lambda *_: np.array([next(errors), np.nan, np.inf])
    )
    assert shrunk(setup)["valid"]["network_share"] == SHARES[2] == 0.5


def test_a_run_says_how_much_of_the_network_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(forecaster_setup, "shrink", lambda *_, **__: 0.25)
    model = fitted(wave(60), valid_steps=24)
    assert model.metrics["valid"]["network_share"] == 0.25
    setup = setup_of(wave(60), monkeypatch)
    assert setup.describe(model.metrics["valid"]).endswith(
        "with 25% of the network and the rest a linear autoregression"
    )
    assert "linear autoregression" not in setup.describe({"loss": 1.0, "scaled_rmse": 1.0})


def test_nothing_is_shrunk_without_a_linear_start_or_held_out_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(wave(60), monkeypatch, autoregression=0, residual_to_last=False)
    torch.nn.init.normal_(setup.network.members[0].head.linear.weight, std=30)
    assert shrunk(setup) == {}
    model = Forecaster(max_steps=2, valid_share=0.0).fit(long_frame({"a": 40}), progress=False, tune=False)
    assert "network_share" not in model.metrics.get("valid", {})
    counts = np.random.default_rng(0).poisson(4, 60).astype(float)
    model = fitted(counts, distribution="negative-binomial", autoregression=0, residual_to_last=False, scaling="none")
    assert "network_share" not in model.metrics["valid"]


@pytest.mark.parametrize("frozen", ["head", "*.lag_weight"])
def test_frozen_output_layers_are_not_shrunk(frozen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(wave(60), monkeypatch, freeze=(frozen,))
    for parameter in setup.network.parameters():
        parameter.requires_grad_(True)  # as after a resume
        parameter.data.add_(1.0)
    before = {name: tensor.clone() for name, tensor in setup.network.state_dict().items()}
    assert shrunk(setup) == {}
    assert all(torch.equal(tensor, before[name]) for name, tensor in setup.network.state_dict().items())


def test_few_held_out_steps_choose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = setup_of(wave(60), monkeypatch, valid_steps=15)  # five forecasts of three steps
    with torch.no_grad():
        setup.network.members[0].head.linear.bias[0] += 30
    assert shrunk(setup) == {}


def test_a_run_of_an_earlier_version_is_not_shrunk() -> None:
    stored = ForecasterConfig().to_json()
    del stored["network"]["shrink"]
    assert ForecasterConfig().network.shrink
    assert not ForecasterConfig.from_json(stored, "here").network.shrink


def test_the_median_of_mirrored_paths_is_that_of_the_linear_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paths of a linear map with symmetric noise are symmetric about the path without noise."""
    from elman.decode.free_running import sample_paths

    setup = setup_of(wave(60), monkeypatch)
    linear_start(setup)
    series, origin = np.zeros(4, np.int64), np.arange(20, 24)
    for seed in (0, [1, 2, 3, 4]):
        paths, along = (
            sample_paths(setup.network, setup._dataset, series, origin, 3, context=8, paths=count, seed=seed)
            for count in (50, 0)
        )
        assert paths.std(1).min() > 0.01
        np.testing.assert_allclose(np.median(paths, 1), along.reshape(4, 3, 1), atol=1e-5)
        np.testing.assert_allclose(
            paths[:, :25] - along.reshape(4, 1, 3, 1), along.reshape(4, 1, 3, 1) - paths[:, 25:], atol=1e-5
        )
