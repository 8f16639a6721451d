"""Windows: each against slices by hand, nothing of the held-out part in training, lanes that go on and resume."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.data.panel import TransformConfig, fit_transforms, panel_from
from elman.data.panel.carried_windows import CarriedWindowBatches
from elman.data.panel.config import PanelConfig
from elman.data.panel.window_config import WindowConfig, resolve_window_sizes
from elman.data.panel.windows import WindowDataset, lookback, make_window_dataset, training_rows, validation_rows
from elman.errors import ConfigError

from ..tasks.small_series import long_frame, wave

LENGTHS = {"a": 40, "b": 23, "c": 9}
RAW = TransformConfig(scaling="none")


def window(**options: Any) -> WindowConfig:
    made = WindowConfig(**{"context": 8, "horizon": 3, "autoregression": 3, "calendar": ()} | options)
    return resolve_window_sizes(made, season=12, longest=40, counts=False)


def bank_of(frame: Any, config: WindowConfig, **options: Any) -> WindowDataset:
    panel = panel_from(frame, PanelConfig(missing="mask", future_covariates=tuple(options.pop("future", ()))))
    return make_window_dataset(panel, fit_transforms(panel.targets, RAW), config, further=config.horizon, **options)


def test_a_window_is_a_slice_and_its_targets_are_what_comes_next() -> None:
    config = window(resolutions=(5,))
    dataset = bank_of(long_frame(LENGTHS), config)
    stop = dataset.length.copy()
    rows = training_rows(dataset, stop, config)
    back = lookback(config)
    assert back == 5
    batch = dataset.batch(rows, 1, 0)
    for row, (series, start, length) in enumerate(zip(rows.series, rows.start, rows.length, strict=True)):
        values = dataset.targets[dataset.offset[series] : dataset.offset[series] + dataset.length[series], 0]
        for step in range(length):
            here = start + step
            assert batch.inputs_BT.values_BSY[row, step + back - 1, 0] == values[here]
            assert batch.inputs_BT.values_BSY[row, step, 0] == values[max(here - back + 1, 0)]
            assert batch.targets_BT[row, step, 0, 0] == values[here + 1]
        assert torch.isnan(batch.targets_BT[row, length:]).all()


@pytest.mark.parametrize("stride", [1, 3, 8])
def test_training_windows_reach_every_value_but_the_first(stride: int) -> None:
    config = window(stride=stride)
    dataset = bank_of(long_frame(LENGTHS), config)
    stop = dataset.length - np.array([4, 3, 0])
    rows = training_rows(dataset, stop, config)
    reached: dict[int, set[int]] = {number: set() for number in range(3)}
    for series, start, length in zip(rows.series, rows.start, rows.length, strict=True):
        assert start >= 0
        assert length <= 8
        reached[int(series)] |= set(range(start + 1, start + length + 1))
    assert {number: set(range(1, end)) for number, end in enumerate(stop)} == reached


@pytest.mark.parametrize("mode", ["next", "direct"])
def test_nothing_that_is_held_out_is_seen_in_training(mode: str) -> None:
    config = window(mode=mode)
    frame = long_frame(LENGTHS)
    stop = np.array([34, 18, 9])
    held = frame.groupby("unique_id").cumcount() >= frame["unique_id"].map(dict(zip(LENGTHS, stop, strict=True)))
    other = frame.assign(y=frame["y"].where(~held, 1e6))
    batches = []
    for each in (frame, other):
        dataset = bank_of(each, config)
        batches.append(
            dataset.batch(training_rows(dataset, stop, config), config.horizon if mode == "direct" else 1, 0)
        )
    one, two = batches
    assert torch.equal(one.targets_BT.nan_to_num(), two.targets_BT.nan_to_num())
    lengths = training_rows(dataset, stop, config).length
    for row, length in enumerate(lengths.tolist()):
        used = length + lookback(config) - 1
        assert torch.equal(one.inputs_BT.values_BSY[row, :used], two.inputs_BT.values_BSY[row, :used])


def test_validation_asks_for_every_held_out_value_once() -> None:
    config = window()
    dataset = bank_of(long_frame(LENGTHS), config)
    begin = np.array([25, 20, 9])
    rows = validation_rows(dataset, begin, config)
    asked: list[tuple[int, int]] = []
    batch = dataset.batch(rows, 1, 0)
    for row, (series, start) in enumerate(zip(rows.series, rows.start, strict=True)):
        steps = torch.isfinite(batch.targets_BT[row, :, 0, 0]).nonzero()[:, 0]
        asked += [(int(series), int(start + step + 1)) for step in steps]
    wanted = [(number, step) for number, first in enumerate(begin) for step in range(first, dataset.length[number])]
    assert sorted(asked) == sorted(wanted)
    assert all(length >= 4 for length in rows.length), "each value has some history before it"


def test_direct_validation_has_one_window_for_every_origin() -> None:
    config = window(mode="direct")
    dataset = bank_of(long_frame({"a": 20}), config)
    rows = validation_rows(dataset, np.array([14]), config)
    batch = dataset.batch(rows, 3, 1)
    assert (rows.start + rows.length - 1).tolist() == [13, 14, 15, 16]
    for row, origin in enumerate([13, 14, 15, 16]):
        assert batch.targets_BT[row, 0, :, 0].tolist() == dataset.targets[origin + 1 : origin + 4, 0].tolist()


def test_covariates_that_are_known_ahead_are_about_the_next_step() -> None:
    config = window()
    dataset = bank_of(long_frame({"a": 20}, price=lambda _, step: step * 1.0), config, future=["price"])
    batch = dataset.batch(training_rows(dataset, dataset.length, config), 1, 0)
    first = int(training_rows(dataset, dataset.length, config).start[0])
    assert batch.inputs_BT.ahead_BNF[0, :, 0].tolist() == [first + step + 1 for step in range(8)]


def test_a_gap_is_filled_with_the_value_before_and_is_no_target() -> None:
    config = window()
    frame = long_frame({"a": 12, "b": 10})
    frame.loc[[3, 4, 12], "y"] = np.nan  # two in the middle of one, and the first of the other
    dataset = bank_of(frame, config, masked=True)
    assert dataset.values[3:5, 0].tolist() == [dataset.values[2, 0]] * 2
    assert dataset.values[12, 0] == 0.0, "no value of another series"
    batch = dataset.batch(training_rows(dataset, dataset.length, config), 1, 0)
    assert batch.inputs_BT.seen_BTY.shape[-1] == 1
    rows = training_rows(dataset, dataset.length, config)
    for row, (series, start) in enumerate(zip(rows.series, rows.start, strict=True)):
        for step in range(rows.length[row]):
            place = dataset.offset[series] + start + step
            assert batch.inputs_BT.seen_BTY[row, step, 0] == float(np.isfinite(dataset.targets[place, 0]))
            assert torch.isnan(batch.targets_BT[row, step, 0, 0]) == np.isnan(dataset.targets[place + 1, 0])


def test_lanes_walk_through_every_series_once_an_epoch() -> None:
    config = window()
    dataset = bank_of(long_frame({"a": 40, "b": 23, "c": 9, "d": 17}), config)
    stop = dataset.length - 2
    stream = CarriedWindowBatches(dataset, stop, context=8, batch_size=3, seed=1)
    seen: list[tuple[int, float]] = []
    last: list[float | None] = [None] * stream.batch_size
    while stream.epoch < 1:
        batch = stream.next_batch()
        lengths = torch.full((3,), batch.inputs_BT.values_BSY.shape[1]) if batch.lengths_B is None else batch.lengths_B
        for lane, length in enumerate(lengths.tolist()):
            values = batch.inputs_BT.values_BSY[lane, 2 : 2 + length, 0].tolist()
            if length and not batch.reset_B[lane]:
                assert batch.inputs_BT.values_BSY[lane, 1, 0] == last[lane], "a row goes on where it was"
            seen += values
            last[lane] = values[-1] if values else last[lane]
    wanted = [
        float(value)
        for number, end in enumerate(stop)
        for value in dataset.targets[dataset.offset[number] : dataset.offset[number] + end - 1, 0]
    ]
    assert sorted(seen) == sorted(wanted)


def test_lanes_resume() -> None:
    config = window()
    dataset = bank_of(long_frame({"a": 40, "b": 23}), config)
    made = [CarriedWindowBatches(dataset, dataset.length, context=8, batch_size=2, seed=1) for _ in range(2)]
    for _ in range(9):
        made[0].next_batch()
    made[1].load_state_dict(made[0].state_dict())
    assert made[1].epoch == made[0].epoch > 1
    for _ in range(6):
        one, two = (stream.next_batch() for stream in made)
        assert torch.equal(one.inputs_BT.values_BSY, two.inputs_BT.values_BSY)
        assert torch.equal(one.reset_B, two.reset_B)
    with pytest.raises(ConfigError, match=r"cursor saved with lanes 2\. Received: 3"):
        made[0].load_state_dict({**made[0].state_dict(), "lanes": 3})
    with pytest.raises(ConfigError, match="expected a place below"):
        made[0].load_state_dict({**made[0].state_dict(), "place": 10**6})


def test_what_was_left_to_the_data() -> None:
    settled = resolve_window_sizes(WindowConfig(), season=12, longest=144, counts=False)
    assert (settled.context, settled.autoregression, settled.stride) == (36, 24, 9)
    settled = resolve_window_sizes(WindowConfig(mode="direct", loss_steps=2), season=1, longest=30, counts=True)
    assert (settled.context, settled.autoregression, settled.stride) == (12, 0, 2)
    assert len(wave()) == 48
