"""SpecAugment: what is hidden, where, and by what."""

from __future__ import annotations

import itertools

import pytest
import torch

from elman.errors import ConfigError, ShapeError
from elman.nn.feature_masks import spec_augment

NONE = {"time_masks": 0, "time_width": 0, "frequency_masks": 0, "frequency_width": 0}


def features(rows: int, steps: int, size: int) -> torch.Tensor:
    return torch.randn(rows, steps, size, generator=torch.Generator().manual_seed(5)) + 3.0


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def runs(hidden: torch.Tensor) -> list[int]:
    """The lengths of the stretches of true values."""
    return [len(list(group)) for value, group in itertools.groupby(hidden.tolist()) if value]


def test_without_masks_nothing_changes() -> None:
    x_BTF, lengths_B = features(3, 9, 4), torch.tensor([9, 0, 5])
    for options in (NONE, NONE | {"time_masks": 3, "frequency_masks": 3}, NONE | {"time_width": 5}):
        assert torch.equal(spec_augment(x_BTF, lengths_B, seeded(), **options), x_BTF)


def test_one_mask_of_time_is_a_stretch_of_the_mean() -> None:
    x_BTF, lengths_B = features(100, 30, 4), torch.full((100,), 30)
    found_BTF = spec_augment(x_BTF, lengths_B, seeded(), **NONE | {"time_masks": 1, "time_width": 6})
    widths, begins = [], []
    for x_TF, y_TF in zip(x_BTF, found_BTF, strict=True):
        hidden_T = (x_TF != y_TF).any(dim=1)
        assert (x_TF != y_TF).all(dim=1).equal(hidden_T)
        torch.testing.assert_close(y_TF[hidden_T], x_TF.mean(dim=0).expand(int(hidden_T.sum()), 4))
        assert len(runs(hidden_T)) <= 1
        widths += runs(hidden_T) or [0]
        begins += hidden_T.nonzero()[:1, 0].tolist()
    assert set(widths) == set(range(7))  # every width comes up, none at all included
    assert min(begins) == 0
    assert max(begins) > 24


def test_one_mask_of_frequency_is_a_band_for_all_real_frames() -> None:
    x_BTF, lengths_B = features(200, 12, 16), torch.full((200,), 9)
    found_BTF = spec_augment(x_BTF, lengths_B, seeded(), **NONE | {"frequency_masks": 1, "frequency_width": 5})
    widths = []
    for x_TF, y_TF in zip(x_BTF, found_BTF, strict=True):
        hidden_F = (x_TF != y_TF).any(dim=0)
        assert torch.equal(y_TF[9:], x_TF[9:])
        torch.testing.assert_close(y_TF[:9, hidden_F], x_TF[:9].mean().expand(9, int(hidden_F.sum())))
        assert len(runs(hidden_F)) <= 1
        widths += runs(hidden_F) or [0]
    assert set(widths) == set(range(6))


def test_masks_lie_within_rows_and_hide_at_most_half_each() -> None:
    lengths_B = torch.tensor([20, 1, 0, 2, 7] * 40)
    x_BTF = features(200, 20, 6)
    x_BTF[torch.arange(20) >= lengths_B[:, None]] = float("nan")
    options = {"time_masks": 1, "time_width": 100, "frequency_masks": 1, "frequency_width": 100}
    found_BTF = spec_augment(x_BTF, lengths_B, seeded(), **options)
    most = dict.fromkeys([20, 1, 0, 2, 7], 0)
    for x_TF, y_TF, length in zip(x_BTF, found_BTF, lengths_B.tolist(), strict=True):
        assert y_TF[:length].isfinite().all()
        assert y_TF[length:].isnan().all()
        different_TF = x_TF[:length] != y_TF[:length]
        assert different_TF.all(dim=0).sum() <= 3 or length < 2
        hidden_T = different_TF.all(dim=1)
        most[length] = max(most[length], int(hidden_T.sum()))
    assert most == {20: 10, 1: 0, 0: 0, 2: 1, 7: 3}


def test_masks_are_of_the_generator_and_other_in_every_row() -> None:
    x_BTF, lengths_B = features(8, 40, 20), torch.full((8,), 40)
    one, same = (spec_augment(x_BTF, lengths_B, seeded(1)) for _ in range(2))
    other = spec_augment(x_BTF, lengths_B, seeded(2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert len({tuple((row != x).all(dim=1).tolist()) for row, x in zip(one, x_BTF, strict=True)}) > 4
    before = torch.random.get_rng_state()
    spec_augment(x_BTF, lengths_B, seeded(3))
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_input_is_not_changed() -> None:
    x_BTF = features(4, 40, 20)
    kept = x_BTF.clone()
    spec_augment(x_BTF, torch.full((4,), 40), seeded())
    assert torch.equal(x_BTF, kept)


@pytest.mark.parametrize("name", NONE)
def test_numbers_below_zero(name: str) -> None:
    with pytest.raises(ConfigError, match=f"expected {name} to be at least 0. Received: -1"):
        spec_augment(features(1, 4, 4), torch.tensor([4]), seeded(), **NONE | {name: -1})


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"Received: \(1, 4, 4\) and \(2,\)"):
        spec_augment(features(1, 4, 4), torch.tensor([4, 4]), seeded())
    with pytest.raises(ShapeError, match="x_BTF of three dimensions"):
        spec_augment(features(1, 4, 4)[0], torch.tensor([4]), seeded())
