"""elman.nn.RNN, GRU and LSTM under torch.jit and in ONNX, second derivatives, and attributes that tools look at."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import elman.nn

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("LSTM", {"num_layers": 2, "bidirectional": True}),
    ("LSTM", {"proj_size": 2}),
    ("GRU", {"batch_first": True}),
    ("RNN", {"nonlinearity": "relu", "bias": False}),
    ("RNN", {}),
]
each_layer = pytest.mark.parametrize(("kind", "options"), LAYERS, ids=lambda value: str(value))
# torch.jit is deprecated, and the exporter remarks on fixed sizes.
quietly = pytest.mark.filterwarnings("ignore")


def pair(kind: str, options: dict[str, Any]) -> tuple[Any, Any]:
    torch.manual_seed(3)
    ours, theirs = getattr(elman.nn, kind)(3, 4, **options), getattr(nn, kind)(3, 4, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours.eval(), theirs.eval()


class Net(nn.Module):
    """A network with a layer, of which the outputs are used."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


@each_layer
def test_attributes_are_torchs(kind: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(kind, options)
    assert ours.mode == theirs.mode
    assert ours._all_weights == theirs._all_weights
    assert len(ours._flat_weights) == len(theirs._flat_weights)
    assert all(map(torch.equal, ours._flat_weights, theirs._flat_weights))
    assert all(one is other for one, other in zip(ours._flat_weights, ours.parameters(), strict=True))


@quietly
@each_layer
def test_scripts_and_traces_run_without_elman(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    ours, theirs = pair(kind, options)
    first, x = torch.randn(5, 2, 3), torch.randn(5, 2, 3)
    expected = theirs(x)[0]
    traced, scripted = torch.jit.trace(Net(ours), (first,)), torch.jit.script(Net(ours))
    for name, made in (("traced", traced), ("scripted", scripted)):
        torch.testing.assert_close(made(x), expected)
        assert "elman::" not in str(made.graph)
        torch.jit.save(made, tmp_path / f"{name}.pt")
    torch.save((x, expected), tmp_path / "expected.pt")
    if kind != "GRU":  # one process is enough
        return
    program = (
        "import sys, torch\n"
        "x, expected = torch.load(sys.argv[1] + '/expected.pt')\n"
        "for name in ('traced', 'scripted'):\n"
        "    torch.testing.assert_close(torch.jit.load(f'{sys.argv[1]}/{name}.pt')(x), expected)\n"
        "assert 'elman' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@quietly
def test_a_script_shares_the_parameters() -> None:
    ours, _ = pair("GRU", {})
    script = torch.jit.script(Net(ours))  # torch compiles only layers in networks
    x = torch.randn(5, 2, 3)
    with torch.no_grad():
        ours.weight_hh_l0.mul_(2)
    torch.testing.assert_close(script(x), ours(x)[0])


@quietly
@each_layer
def test_onnx_computes_the_same(kind: str, options: dict[str, Any]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    ours, theirs = pair(kind, options)
    file = io.BytesIO()
    names: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"]}
    torch.onnx.export(Net(ours), (torch.randn(5, 2, 3),), file, dynamo=False, **names)
    x = torch.randn(5, 2, 3)
    (y,) = onnxruntime.InferenceSession(file.getvalue()).run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(y), theirs(x)[0].detach(), rtol=1e-4, atol=1e-5)


@each_layer
def test_second_derivatives_are_torchs(kind: str, options: dict[str, Any]) -> None:
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    found = []
    for layer in pair(kind, options):
        layer.double().train()
        given = x.clone().requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (first,) = torch.autograd.grad(layer(given)[0].square().sum(), given, create_graph=True)
            found.append(
                torch.autograd.grad(
                    first.square().sum(), [given, *layer.parameters()], allow_unused=True, materialize_grads=True
                )
            )
    for got, expected in zip(*found, strict=True):
        torch.testing.assert_close(
            torch.zeros(()) if got is None else got, torch.zeros(()) if expected is None else expected
        )
