"""Script, run in its own process: compute what Keras (on JAX) and JAX's reference LSTM give for the arrays in one file.

usage: python keras_and_jax_oracle.py INPUTS.npz OUTPUTS.npz

It has its own process because both packages change global state of the process. Does not import elman.
Names in the files are `case/array`.
"""

from __future__ import annotations

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import keras
import numpy as np
from jax.experimental.rnn import lstm_ref

Arrays = dict[str, np.ndarray]


def run_keras(case: str, a: Arrays) -> Arrays:
    """Outputs and final states of a Keras layer over rows whose first steps are real, the rest masked."""
    hidden = a["recurrent_kernel"].shape[0]
    shared = {"units": hidden, "return_sequences": True, "return_state": True, "zero_output_for_mask": True}
    use_bias = "bias" in a
    if case.startswith("lstm"):
        layer = keras.layers.LSTM(use_bias=use_bias, **shared)
    elif case.startswith("gru"):
        layer = keras.layers.GRU(reset_after=case.startswith("gru-after"), use_bias=use_bias, **shared)
    else:
        layer = keras.layers.SimpleRNN(activation=case.split("-")[1], use_bias=use_bias, **shared)
    layer.build(a["x"].shape)
    layer.set_weights([a[name] for name in ("kernel", "recurrent_kernel", "bias") if name in a])
    states = [a[name] for name in ("h", "c") if name in a]
    mask = np.arange(a["x"].shape[1]) < a["lengths"][:, None]
    y, *last = layer(a["x"], mask=mask, initial_state=states)
    return {"y": np.asarray(y)} | {name: np.asarray(leaf) for name, leaf in zip(("h", "c"), last, strict=False)}


def run_jax(a: Arrays) -> Arrays:
    """JAX's two-directional, two-layer reference LSTM in float64, with its gradients."""
    jax.config.update("jax_enable_x64", True)
    layers, hidden = 2, a["h"].shape[-1]
    numbers = range(2 * layers)
    weights = [{k: a[f"{name}{k}"] for k in numbers} for name in ("W_ih", "W_hh", "b_ih", "b_hh")]

    def outputs(x, h, c, weights):  # type: ignore[no-untyped-def]
        sizes = {"input_size": x.shape[-1], "hidden_size": hidden, "num_layers": layers}
        return lstm_ref(x, h, c, *weights, a["lengths"].astype(np.int32), dropout=0.0, bidirectional=True, **sizes)

    def loss(x, h, c, weights):  # type: ignore[no-untyped-def]
        y, h_n, c_n = outputs(x, h, c, weights)
        return (y * a["loss_y"]).sum() + (h_n * a["loss_h"]).sum() + (c_n * a["loss_c"]).sum()

    given = (a["x"], a["h"], a["c"], weights)
    y, h_n, c_n = outputs(*given)
    grad_x, grad_h, grad_c, grad_weights = jax.grad(loss, argnums=(0, 1, 2, 3))(*given)
    found = {"y": y, "h_n": h_n, "c_n": c_n, "grad_x": grad_x, "grad_h": grad_h, "grad_c": grad_c}
    for name, grads in zip(("W_ih", "W_hh", "b_ih", "b_hh"), grad_weights, strict=True):
        found |= {f"grad_{name}{k}": grads[k] for k in numbers}
    return {name: np.asarray(array) for name, array in found.items()}


def main(source: str, target: str) -> None:
    cases: dict[str, Arrays] = {}
    for name, array in np.load(source).items():
        case, _, key = name.partition("/")
        cases.setdefault(case, {})[key] = array
    done: Arrays = {}
    # Keras first: the switch to float64 holds for the rest of the process.
    for case, arrays in sorted(cases.items(), key=lambda item: item[0] == "jax"):
        found = run_jax(arrays) if case == "jax" else run_keras(case, arrays)
        done |= {f"{case}/{key}": array for key, array in found.items()}
    np.savez(target, **done)


if __name__ == "__main__":
    main(*sys.argv[1:])
