"""The cells against Keras 3 (with a mask) and against JAX's reference LSTM (float64, lengths, gradients).

Keras' gates stand in the order i, f, c, o and z, r, h; its matrices are torch's transposed; its LSTM has one bias.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.cells import Cell
from elman.nn import LSTM, Unroll
from elman.state import named_leaves

from ..contract.cases import Case, able_kernels, build, inputs, random_state

# Starting both packages and compiling their layers takes longer than all other tests of the cells.
pytestmark = pytest.mark.slow

ORACLE = Path(__file__).parent / "keras_and_jax_oracle.py"
LENGTHS = torch.tensor([3, 7, 0, 1, 5])

KERAS_CASES = {
    "lstm": Case("lstm", {}),
    "gru-after": Case("gru", {}),
    "gru-before": Case("gru-reset-before", {}),
    "rnn-tanh": Case("elman", {}),
    "rnn-relu": Case("elman", {"nonlinearity": "relu"}),
}


def keras_weights(name: str, cell: Cell) -> dict[str, np.ndarray]:
    """The cell's weights under Keras' names and in its order."""

    def reordered(weight: torch.Tensor) -> torch.Tensor:
        if not name.startswith("gru"):
            return weight
        r, z, n = weight.chunk(3)
        return torch.cat([z, r, n])

    arrays = {"kernel": reordered(cell.weight_ih).T, "recurrent_kernel": reordered(cell.weight_hh).T}
    if cell.bias_ih is not None:
        both = [reordered(cell.bias_ih), reordered(cell.bias_hh)]
        arrays["bias"] = torch.stack(both) if name.startswith("gru-after") else both[0] + both[1]
    return {key: tensor.detach().numpy() for key, tensor in arrays.items()}


def jax_layer() -> tuple[LSTM, dict[str, torch.Tensor]]:
    """A two-layer bidirectional LSTM in float64, and what JAX's reference is given."""
    torch.manual_seed(5)
    layer = LSTM(3, 4, 2, batch_first=True, bidirectional=True, dtype=torch.float64)
    shapes = {
        "x": (5, 7, 3),
        "h": (4, 5, 4),
        "c": (4, 5, 4),
        "loss_y": (5, 7, 8),
        "loss_h": (4, 5, 4),
        "loss_c": (4, 5, 4),
    }
    given = {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}
    given["lengths"] = torch.tensor([3, 7, 2, 1, 5])
    # What JAX's reference makes of its padding is its own business.
    given["loss_y"] *= (torch.arange(7) < given["lengths"][:, None])[..., None]
    for k, weights in enumerate(layer.all_weights):
        given |= dict(zip((f"W_ih{k}", f"W_hh{k}", f"b_ih{k}", f"b_hh{k}"), weights, strict=True))
    return layer, given


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Everything both packages compute, in one run of one process."""
    for package in ("keras", "jax"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package}, an oracle of ./dev test --all, is not installed")
    arrays: dict[str, Any] = {}
    for name, case in KERAS_CASES.items():
        cell = build(case, torch.float32)
        arrays |= {f"{name}/{key}": array for key, array in keras_weights(name, cell).items()}
        arrays |= {f"{name}/{key}": leaf.numpy() for key, leaf in named_leaves(random_state(cell))}
        arrays |= {f"{name}/x": inputs(cell).numpy(), f"{name}/lengths": LENGTHS.numpy()}
    arrays |= {f"jax/{key}": tensor.detach().numpy() for key, tensor in jax_layer()[1].items()}
    folder = tmp_path_factory.mktemp("oracle")
    np.savez(folder / "inputs.npz", **arrays)
    command = [sys.executable, str(ORACLE), str(folder / "inputs.npz"), str(folder / "outputs.npz")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == 0, ended.stderr
    return dict(np.load(folder / "outputs.npz"))


@pytest.mark.parametrize("name", KERAS_CASES)
def test_cell_equals_keras(name: str, oracle: dict[str, np.ndarray]) -> None:
    cell = build(KERAS_CASES[name], torch.float32)
    for kernel in able_kernels(cell):
        with torch.no_grad():
            y, final = Unroll(cell, kernel=kernel)(inputs(cell), LENGTHS, random_state(cell))
        np.testing.assert_allclose(y.numpy(), oracle[f"{name}/y"], rtol=0, atol=2e-6, err_msg=kernel)
        for key, leaf in named_leaves(final):
            expected = oracle[f"{name}/{key}"]
            np.testing.assert_allclose(leaf.numpy(), expected, rtol=0, atol=2e-6, err_msg=f"{kernel} {key}")


@pytest.mark.parametrize("kernel", able_kernels(build(KERAS_CASES["lstm"])))
def test_lstm_and_its_gradients_equal_jax_in_float64(
    kernel: str, oracle: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, given = jax_layer()
    monkeypatch.setenv("ELMAN_KERNELS", kernel)
    x, h, c = (given[name].requires_grad_() for name in ("x", "h", "c"))
    y, (h_n, c_n) = layer(x, (h, c), lengths=given["lengths"])
    real = (torch.arange(7) < given["lengths"][:, None]).numpy()
    np.testing.assert_allclose(y.detach().numpy()[real], oracle["jax/y"][real], rtol=0, atol=1e-13)
    np.testing.assert_allclose(h_n.detach().numpy(), oracle["jax/h_n"], rtol=0, atol=1e-13)
    np.testing.assert_allclose(c_n.detach().numpy(), oracle["jax/c_n"], rtol=0, atol=1e-13)
    loss = (y * given["loss_y"]).sum() + (h_n * given["loss_h"]).sum() + (c_n * given["loss_c"]).sum()
    loss.backward()
    for name, tensor in {"x": x, "h": h, "c": c}.items():
        np.testing.assert_allclose(tensor.grad.numpy(), oracle[f"jax/grad_{name}"], rtol=0, atol=1e-12, err_msg=name)
    for k, weights in enumerate(layer.all_weights):
        for name, weight in zip(("W_ih", "W_hh", "b_ih", "b_hh"), weights, strict=True):
            expected = oracle[f"jax/grad_{name}{k}"]
            np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=0, atol=1e-12, err_msg=f"{name}{k}")
