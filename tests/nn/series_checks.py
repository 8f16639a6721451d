"""Checks of augmented series and of the convolution over the input, with plain NumPy versions of both."""

from __future__ import annotations

import math

import numpy as np
import torch

from elman.nn.input_convolution import InputConvolution
from elman.nn.series_augmentation import SeriesAugmentation

LENGTHS = torch.tensor([9, 4, 1, 12])
STEPS = torch.tensor([11, 1, 6, 8])


def series(*, padding: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    x_BTI = torch.randn(4, 12, 3, generator=generator, dtype=torch.float64)
    x_BTI[torch.arange(12) >= LENGTHS[:, None]] = padding
    return x_BTI


def augmented(x_TI: np.ndarray, draws: dict[str, np.ndarray], how: SeriesAugmentation) -> np.ndarray:
    """Crop, then warp, then scale, one series and one step at a time."""
    if how.crop:
        kept = int(np.rint((len(x_TI) - 1) * (1 - how.crop * draws["share"]))) + 1
        first = int(np.rint((len(x_TI) - kept) * draws["place"]))
        x_TI = x_TI[first : first + kept]
    if how.time_warp and len(x_TI) > 1:
        speeds = np.exp(how.time_warp * draws["speeds"])
        knots = np.concatenate([[0], np.cumsum(speeds)]) / speeds.sum() * (len(x_TI) - 1)
        steps = np.arange(len(x_TI))
        places = np.interp(steps, np.linspace(0, len(x_TI) - 1, 5), knots)
        x_TI = np.stack([np.interp(places, steps, channel) for channel in x_TI.T], axis=1)
    if how.scale_jitter:
        x_TI = x_TI * np.exp(how.scale_jitter * draws["factors"])
    return x_TI + how.noise * draws["noise"][: len(x_TI)] if how.noise else x_TI


def check_augmentation(how: SeriesAugmentation, *, ragged: bool) -> None:
    """Compare with the plain version, which is given the same draws."""
    lengths_B = LENGTHS if ragged else None
    x_BTI = series(padding=float("nan") if ragged else 0.25)
    torch.manual_seed(5)
    found_BTI, found_B = how(x_BTI, lengths_B)
    torch.manual_seed(5)
    draws = {}
    if how.crop:
        draws["share"], draws["place"] = torch.rand(2, 4, 1, dtype=torch.float64)[..., 0]
    if how.time_warp:
        draws["speeds"] = torch.randn(4, 4, dtype=torch.float64)
    if how.scale_jitter:
        draws["factors"] = torch.randn(4, 1, 3, dtype=torch.float64)
    if how.noise:
        draws["noise"] = torch.randn(4, 12, 3, dtype=torch.float64)
    for row, length in enumerate(LENGTHS.tolist() if ragged else [12] * 4):
        own = {name: each[row].numpy() for name, each in draws.items()}
        expected = augmented(x_BTI[row, :length].numpy(), own, how)
        assert length if found_B is None else int(found_B[row]) == len(expected)
        np.testing.assert_allclose(found_BTI[row, : len(expected)], expected, atol=1e-12)


def layer(kernel: int, stride: int, *, causal: bool) -> InputConvolution:
    torch.manual_seed(0)
    return InputConvolution(2, 3, kernel, stride=stride, causal=causal).double()


def convolved(net: InputConvolution, x_TI: np.ndarray, kernel: int, stride: int, causal: bool) -> np.ndarray:
    """Every output from the steps of its window that exist."""
    weight_FIK, bias_F = (each.detach().numpy() for each in net.convolution.parameters())
    rows = []
    for output in range(math.ceil(len(x_TI) / stride)):
        last_covered = (output + 1) * stride - 1
        first = last_covered - kernel + 1 if causal else output * stride - (kernel - stride) // 2
        total_F = bias_F.copy()
        for place in range(kernel):
            if 0 <= first + place < len(x_TI):
                total_F += weight_FIK[:, :, place] @ x_TI[first + place]
        rows.append(np.maximum(total_F, 0))
    return np.array(rows)


def check_convolution(kernel: int, stride: int, *, causal: bool) -> None:
    """Compare with sums that are written out for one output at a time."""
    net = layer(kernel, stride, causal=causal)
    x_BTI = torch.randn(4, 11, 2, dtype=torch.float64)
    x_BTI[torch.arange(11) >= STEPS[:, None]] = math.nan
    with torch.no_grad():
        y_BSF, lengths_B = net(x_BTI, STEPS)
        alone_BSF, no_lengths = net(x_BTI[:1], None)
    assert no_lengths is None
    torch.testing.assert_close(alone_BSF, y_BSF[:1])
    for row, length in enumerate(STEPS.tolist()):
        expected = convolved(net, x_BTI[row, :length].numpy(), kernel, stride, causal)
        assert int(lengths_B[row]) == len(expected)
        np.testing.assert_allclose(y_BSF[row, : len(expected)], expected, atol=1e-12)
