"""The transcriber's network: frames to steps, padding, pieces, scales and masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from elman.errors import ConfigError
from elman.tasks.transcriber.config import TranscriberConfig, TranscriberNetworkConfig
from elman.tasks.transcriber.network import TranscriberNetwork


def make(features: int = 3, **options: object) -> TranscriberNetwork:
    plain = {"hidden_size": 6, "layers": 2, "dropout": 0.0, "time_masks": 0, "frequency_masks": 0, "normalise": "none"}
    config = TranscriberConfig.make("base", plain | options).network
    torch.manual_seed(0)
    return TranscriberNetwork(features, 5, config).eval()


def frames(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("stack_frames", "stride"), [(1, 1), (2, 1), (3, 2), (3, 3), (5, 2)])
def test_a_step_hears_its_frames_and_zeros_beyond_the_end(stack_frames: int, stride: int) -> None:
    network = make(stack_frames=stack_frames, stride=stride)
    captured: list[Tensor] = []
    network.stack.register_forward_pre_hook(lambda _, given: captured.append(given[0]))
    for T in range(1, 9):
        x_BTF = frames(1, T, 3)
        scores = network(x_BTF, torch.tensor([T]))
        steps = math.ceil(T / stride)
        assert scores.lengths_B.tolist() == [steps]
        assert scores.logits_BTV.shape == (1, steps, 5)
        for k in range(steps):
            expected = [
                x_BTF[0, t].tolist() if t < T else [0.0] * 3 for t in range(k * stride, k * stride + stack_frames)
            ]
            assert captured[-1][0, k].tolist() == [value for frame in expected for value in frame]


@pytest.mark.parametrize("bidirectional", [True, False])
def test_rows_do_not_know_each_other_nor_their_padding(bidirectional: bool) -> None:
    network = make(bidirectional=bidirectional, stack_frames=3, stride=2)
    lengths = [7, 1, 10, 4]
    x_BTF = frames(4, 10, 3)
    for row, length in enumerate(lengths):
        x_BTF[row, length:] = math.nan
    together = network(x_BTF, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone = network(x_BTF[row : row + 1, :length], torch.tensor([length]))
        steps = int(alone.lengths_B[0])
        assert int(together.lengths_B[row]) == steps
        torch.testing.assert_close(together.logits_BTV[row, :steps], alone.logits_BTV[0])


def test_pieces_give_the_scores_of_the_whole() -> None:
    network = make(bidirectional=False, stack_frames=3, stride=2)
    x_BTF = frames(1, 21, 3)
    whole = network(x_BTF, torch.tensor([21])).logits_BTV
    x_BTI = network.stacked(torch.nn.functional.pad(x_BTF, (0, 0, 0, 2)))
    state, parts = network.initial_state(1), []
    for piece in x_BTI.split([1, 4, 6], dim=1):
        logits_BTV, state = network.advance(piece, state)
        parts.append(logits_BTV)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_frames_that_are_too_few_make_no_step() -> None:
    network = make(stack_frames=3, stride=2)
    assert network.stacked(frames(2, 2, 3)).shape == (2, 0, 9)


def test_scales() -> None:
    every = frames(40, 3).numpy() * 5.0 + 2.0
    network = make()
    network.fit_normalizer([every[:13], every[13:]], "sound")
    scaled = network.scaled(torch.from_numpy(every)).numpy()
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, atol=1e-5)
    moves = every.copy()
    moves[:, 2] = np.arange(40) % 2
    network.fit_normalizer([moves], "strokes")
    scaled = network.scaled(torch.from_numpy(moves)).numpy()
    np.testing.assert_allclose(scaled[:, :2].std(), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(scaled[:, 2], moves[:, 2])
    assert {"mean_F", "deviation_F"} <= set(network.stored())


def test_masks_hide_frames_in_training_only() -> None:
    network = make(time_masks=2, time_width=4, frequency_masks=1, frequency_width=2)
    x_BTF, lengths_B = frames(2, 12, 3), torch.tensor([12, 9])
    plain = make()(x_BTF, lengths_B).logits_BTV
    torch.testing.assert_close(network(x_BTF, lengths_B).logits_BTV, plain)
    network.train()
    torch.manual_seed(3)
    first, second = (network(x_BTF, lengths_B).logits_BTV for _ in range(2))
    assert not torch.allclose(first, plain)
    assert not torch.allclose(first, second)
    torch.manual_seed(3)  # the run's own generator draws the masks, so that a resumed run draws the same
    torch.testing.assert_close(network(x_BTF, lengths_B).logits_BTV, first)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stack_frames": 1, "stride": 2}, "expected stack_frames of at least stride = 2.*Received: 1"),
        ({"input_dropout": 1.0}, "expected input_dropout"),
        ({"cell_options": {"hiden": 3}}, "hiden"),
    ],
)
def test_networks_that_cannot_be(options: dict[str, object], said: str) -> None:
    with pytest.raises((ConfigError, TypeError), match=said):
        make(**options)


def test_the_section_is_that_of_the_options() -> None:
    assert isinstance(make().config, TranscriberNetworkConfig)
