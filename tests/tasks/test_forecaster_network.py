"""The forecaster's network: what it may see, what its linear map starts at, scheduled sampling, and its loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.data.panel import TransformConfig, fit_transforms, panel_from
from elman.data.panel.config import PanelConfig
from elman.data.panel.window_config import WindowConfig, resolve_window_sizes
from elman.data.panel.windows import InputSizes, WindowDataset, make_window_dataset, training_rows
from elman.decode.free_running import marginals, sample_paths
from elman.errors import ConfigError
from elman.metrics.forecast_baselines import LinearAutoregression
from elman.nn.linear_init import init_network
from elman.state import Batch, leaves
from elman.tasks.forecaster.config import ForecasterConfig, ForecasterNetworkConfig, check_options
from elman.tasks.forecaster.network import ForecasterNetwork
from elman.tasks.forecaster.objective import NextValueObjective
from elman.train.memory import set_recompute

from .small_series import long_frame, wave

RAW = TransformConfig(scaling="none")


def window(**options: Any) -> WindowConfig:
    made = WindowConfig(**{"context": 8, "horizon": 3, "autoregression": 3, "calendar": ()} | options)
    return resolve_window_sizes(made, season=12, longest=60, counts=False)


def network_of(config: WindowConfig, *, targets: int = 1, ahead: int = 0, **options: Any) -> ForecasterNetwork:
    torch.manual_seed(3)
    network = ForecasterNetwork(
        InputSizes(targets, 0, ahead, 0, False),
        config,
        ForecasterNetworkConfig(**{"hidden_size": 5, "distribution": "gaussian"} | options),
    )
    for member in network.members:
        if config.autoregression:
            torch.nn.init.normal_(member.lag_weight)
    return network.eval()


def bank_of(data: Any, config: WindowConfig) -> WindowDataset:
    panel = panel_from(data, PanelConfig())
    return make_window_dataset(panel, fit_transforms(panel.targets, RAW), config, further=50)


def predicted(
    network: ForecasterNetwork, dataset: WindowDataset, config: WindowConfig, start: int, steps: int
) -> torch.Tensor:
    inputs = dataset.inputs(np.array([0]), np.array([start]), steps, network.horizon)
    with torch.no_grad():
        return network.members[0](inputs)[0][0]


@pytest.mark.parametrize("residual_to_last", [True, False])
@pytest.mark.parametrize("mode", ["next", "direct"])
def test_the_base_is_in_float32_under_autocast(residual_to_last: bool, mode: str) -> None:
    """With a head of zeros the prediction is the base: the last value and the linear map, here in float64 by hand."""
    config = window(residual_to_last=residual_to_last, mode=mode, autoregression=4)
    network, values = network_of(config), 100.0 + 30.0 * wave(30)
    (member,) = network.members
    torch.nn.init.zeros_(member.head.linear.weight)
    torch.nn.init.zeros_(member.head.linear.bias)
    torch.nn.init.normal_(member.lag_bias)
    weight_HL, bias_H = (each[0].detach().double().numpy() for each in (member.lag_weight, member.lag_bias))
    expected = []
    for step in range(10, 16):
        last = np.float64(np.float32(values[step])) if residual_to_last else 0.0
        lags_L = np.float64(np.float32(values[step - 3 : step + 1])) - last
        expected.append(last + weight_HL @ lags_L + bias_H)
    with torch.autocast("cpu", torch.bfloat16):
        found = predicted(network, bank_of(values, config), config, 10, 6)[..., 0]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), torch.from_numpy(np.array(expected)), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("residual_to_last", [True, False])
@pytest.mark.parametrize("mode", ["next", "direct"])
def test_a_prediction_depends_on_nothing_after_its_step(residual_to_last: bool, mode: str) -> None:
    config = window(residual_to_last=residual_to_last, mode=mode, resolutions=(2, 6))
    network, values = network_of(config), wave(30)
    changed = values.copy()
    changed[15:] += 7
    one, two = (predicted(network, bank_of(each, config), config, 8, 12) for each in (values, changed))
    assert torch.equal(one[:7], two[:7]), "steps 8 to 14"
    assert not torch.allclose(one[7:], two[7:])


def test_each_step_reads_its_lags_and_averages() -> None:
    """A prediction from a window in the middle of a series equals that with the values before it replaced."""
    config = window(resolutions=(6,), autoregression=4)
    network, values = network_of(config), wave(30)
    start = 10
    for reach, alike in ((6, True), (5, False)):
        changed = values.copy()
        changed[: start - reach + 1] += 50
        one, two = (predicted(network, bank_of(each, config), config, start, 5) for each in (values, changed))
        assert torch.equal(one, two) == alike


def test_an_anchored_network_does_not_see_the_level() -> None:
    config = window(resolutions=(4,))
    network, values = network_of(config, targets=2), np.stack([wave(30), wave(30, 1)], 1)
    shift = torch.tensor([64.0, -32.0])
    one, two = (predicted(network, bank_of(each, config), config, 8, 10) for each in (values, values + shift.numpy()))
    torch.testing.assert_close(one[..., 0] + shift, two[..., 0], rtol=0, atol=1e-4)
    torch.testing.assert_close(one[..., 1], two[..., 1], rtol=0, atol=1e-4)


def test_the_linear_map_by_hand() -> None:
    config = window(autoregression=3)
    network, values = network_of(config), wave(30)
    member = network.members[0]
    torch.nn.init.zeros_(member.head.linear.weight)
    torch.nn.init.zeros_(member.head.linear.bias)
    torch.nn.init.constant_(member.lag_bias, 0.25)
    weights = member.lag_weight[0, 0].tolist()
    found = predicted(network, bank_of(values, config), config, 8, 10)[:, 0, 0]
    for step, mean in enumerate(found.tolist()):
        last = values[8 + step]
        lags = values[8 + step - 2 : 8 + step + 1] - last
        assert mean == pytest.approx(last + 0.25 + float(lags @ weights), abs=1e-3)


def expected_one_step(values: np.ndarray, residual_to_last: bool) -> tuple[np.ndarray, np.ndarray]:
    """One-step forecasts of steps 4 to 59 by a map of 4 lags that is fitted on the first 50, and its errors there.

    With the last value subtracted from lags and target alike, the weights of a plain autoregression sum to 1.
    """
    if not residual_to_last:
        model = LinearAutoregression(4).fit([values[:50]])
        found = model.one_step(values)
    else:
        rows = np.array([np.append(values[t - 3 : t] - values[t], 1) for t in range(3, 59)])
        steps = np.diff(values)[3:]
        solved = np.linalg.lstsq(rows[:46], steps[:46], rcond=None)[0]
        found = values[3:59] + rows @ solved
    return found, values[4:50] - found[:46]


@pytest.mark.parametrize("residual_to_last", [True, False])
@pytest.mark.parametrize("distribution", ["gaussian", "student-t", "quantiles", "point"])
def test_a_network_starts_as_the_linear_autoregression(residual_to_last: bool, distribution: str) -> None:
    config = window(residual_to_last=residual_to_last, autoregression=4)
    values = wave(60)
    network, dataset = network_of(config, distribution=distribution, members=2), bank_of(values, config)
    init_network(network.members, dataset, np.array([50]), config)
    fitted, inside = expected_one_step(values, residual_to_last)
    expected = fitted[46:]
    origins = np.arange(49, 59)
    levels = () if distribution == "point" else (0.1, 0.5, 0.9)
    point, _, quantiles = marginals(network, dataset, np.zeros_like(origins), origins, context=8, levels=levels)
    # The ridges differ a little, and quantiles start at the errors' own median.
    atol = 0.3 if distribution == "quantiles" else 0.02
    np.testing.assert_allclose(point[:, 0, 0], expected, atol=atol)
    if levels:
        width = quantiles[:, 0, 0, 2] - quantiles[:, 0, 0, 0]
        np.testing.assert_allclose(width, np.ptp(np.quantile(inside, (0.1, 0.9))), rtol=0.5)


def test_a_direct_network_starts_at_the_least_squares_of_each_step() -> None:
    config = window(mode="direct", autoregression=4, residual_to_last=False)
    values = wave(60)
    network, dataset = network_of(config, distribution="point"), bank_of(values, config)
    init_network(network.members, dataset, np.array([60]), config)
    rows = np.array([np.append(values[t - 3 : t + 1], 1) for t in range(3, 57)])
    truth = np.array([values[t + 1 : t + 4] for t in range(3, 57)])
    solved = np.linalg.lstsq(rows, truth, rcond=None)[0]
    found, _, _ = marginals(network, dataset, np.array([0]), np.array([59]), context=8, levels=())
    np.testing.assert_allclose(found[0, :, 0], np.append(values[-4:], 1) @ solved, atol=0.02)


def batch_of(dataset: WindowDataset, config: WindowConfig) -> Batch:
    return dataset.batch(training_rows(dataset, dataset.length, config), 1, 0)


def test_sampling_at_probability_0_is_teacher_forcing_and_at_1_is_free_running() -> None:
    config = window(context=10, resolutions=(4,))
    network, values = network_of(config, distribution="student-t"), wave(11)
    dataset = bank_of(values, config)
    batch = batch_of(dataset, config)
    assert batch.rows == 1
    teacher = NextValueObjective(network, loss_steps=0, held_out=None).loss(batch, ())
    forced = NextValueObjective(network, loss_steps=0, held_out=None, sampling=lambda: 1e-30).loss(batch, ())
    assert float(forced[0].detach()) == pytest.approx(float(teacher[0].detach()), rel=1e-5)
    assert forced[1] == teacher[1] == 10
    # From the first value on, each prediction goes in as the next value.
    free = sample_paths(network, dataset, np.array([0]), np.array([0]), 9, context=10, paths=0)[0, 0, :, 0]
    bank_free = bank_of(np.append(np.append(values[:1], free), values[-1:]), config)
    along = batch_of(bank_free, config)
    along = along._replace(targets_BT=batch.targets_BT)
    expected = NextValueObjective(network, loss_steps=0, held_out=None).loss(along, ())
    own = NextValueObjective(network, loss_steps=0, held_out=None, sampling=lambda: 1.0).loss(batch, ())
    assert float(own[0].detach()) == pytest.approx(float(expected[0].detach()), rel=1e-3)


def test_the_loss_is_the_mean_over_members_and_leaves_gaps_out() -> None:
    config = window()
    network = network_of(config, members=2)
    dataset = bank_of(long_frame({"a": 30, "b": 12}), config)
    batch = batch_of(dataset, config)
    holes = batch.targets_BT.clone()
    holes[0, 3] = float("nan")
    counts, totals = [], []
    for targets in (batch.targets_BT, holes):
        total, count, _ = NextValueObjective(network, loss_steps=0, held_out=None).loss(
            batch._replace(targets_BT=targets), ()
        )
        counts.append(count)
        totals.append(total)
    assert counts[0] - counts[1] == 1
    with torch.no_grad():
        by_hand = [
            member.head.loss(member(batch.inputs_BT, batch.lengths_B)[0][0, 3], batch.targets_BT[0, 3, 0])
            for member in network.members
        ]
    assert float((totals[0] - totals[1]).detach()) == pytest.approx(float(torch.stack(by_hand).mean()), rel=1e-3)
    totals[0].backward()
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())


def test_carried_state_is_one_long_window() -> None:
    config = window(context=5)
    network, dataset = network_of(config), bank_of(wave(30), config)
    objective = NextValueObjective(network, loss_steps=0, held_out=None, carry=True)
    state = objective.initial_state(1)
    total = 0.0
    for start in (0, 5, 10):
        inputs = dataset.inputs(np.array([0]), np.array([start]), 5, 1)
        targets = torch.from_numpy(dataset.targets[start + 1 : start + 6])[None, :, None]
        loss, _, state = objective.loss(Batch(inputs, targets), state)
        total += float(loss.detach())
    inputs = dataset.inputs(np.array([0]), np.array([0]), 15, 1)
    whole = Batch(inputs, torch.from_numpy(dataset.targets[1:16])[None, :, None])
    expected, _, _ = objective.loss(whole, objective.initial_state(1))
    assert total == pytest.approx(float(expected.detach()), rel=1e-4)


@pytest.mark.parametrize("options", [{"dilations": (1, 2), "layers": 2}, {"cell": "lstm", "residual": True}])
def test_other_stacks(options: dict[str, Any]) -> None:
    config = window()
    network, dataset = network_of(config, **options), bank_of(long_frame({"a": 30, "b": 12}), config)
    loss, _, _ = NextValueObjective(network, loss_steps=0, held_out=None).loss(batch_of(dataset, config), ())
    loss.backward()
    assert network.members[0].stack.unrolls()[0] is not None
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize(
    ("options", "carry"),
    [
        ({"mode": "next", "residual_to_last": True, "resolutions": (4,)}, True),
        ({"mode": "direct", "loss_steps": 0}, False),
        ({"mode": "direct", "loss_steps": 3}, False),
    ],
    ids=["next", "direct", "last-steps"],
)
def test_the_loss_by_segments_of_time_is_that_of_the_whole(options: dict[str, Any], carry: bool) -> None:
    config = window(context=10, **options)
    network = network_of(config, targets=1, members=2, dilations=(1, 2), layers=2).train()
    dataset = bank_of(long_frame({"a": 30, "b": 12}), config)
    batch = dataset.batch(training_rows(dataset, dataset.length, config), network.horizon, config.loss_steps)
    state = network.initial_state(batch.rows) if carry else ()
    found: list[Any] = []
    sums: list[Any] = []
    for steps in (0, 4):
        objective = NextValueObjective(network, loss_steps=config.loss_steps, held_out=None, carry=carry)
        set_recompute(objective, steps)
        total, count, end = objective.loss(batch, state)
        grads = torch.autograd.grad(total, list(network.parameters()), allow_unused=True)
        found.append((total.detach(), count, leaves(end), grads))
        # The second run of a segment adds nothing to the sums over the batches.
        sums.append(objective.batch_sums.facts())
    assert found[0][1] == found[1][1]
    assert [entry for _, entry in sums[0].values()] == [entry for _, entry in sums[1].values()]
    assert len(found[0][2]) == len(found[1][2]) == (4 if carry else 0)
    one, other = ([total, *end, *grads] for total, _, end, grads in found)
    for each, expected in zip(one, other, strict=True):
        torch.testing.assert_close(each, expected, rtol=1e-5, atol=1e-5)


def test_segments_of_time_exclude_scheduled_sampling() -> None:
    config = ForecasterConfig.make("base", {"recompute": 5, "scheduled_sampling": 0.2, "mode": "next"})
    with pytest.raises(ConfigError, match="expected recompute = 0 with scheduled_sampling"):
        check_options(config)
