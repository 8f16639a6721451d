"""The cells' equations as a textbook prints them, written a second time and run in the plainest way there is.

One row at a time, one step at a time, no masks, no batch, no shared products; differentiable, so that gradients can be
compared too. Uses nothing of elman: it is the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
State = dict[str, Tensor]
StepFunction = Callable[[Weights, Mapping[str, Any], Tensor, State], tuple[Tensor, State, dict[str, Tensor]]]


def sigmoid(v: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-v))


def block(w: Weights, name: str, number: int, size: int) -> Tensor | float:
    """One gate's rows of a weight or bias; 0 where there is no such bias."""
    return w[name][number * size : (number + 1) * size] if name in w else 0.0


def gate_sum(w: Weights, number: int, size: int, x: Tensor, h: Tensor) -> Tensor:
    """W x + b + U h + c of one gate."""
    return (
        block(w, "weight_ih", number, size) @ x
        + block(w, "bias_ih", number, size)
        + block(w, "weight_hh", number, size) @ h
        + block(w, "bias_hh", number, size)
    )


def normalised(v: Tensor, gain: Tensor, shift: Tensor | float = 0.0) -> Tensor:
    mean = v.sum() / len(v)
    variance = ((v - mean) ** 2).sum() / len(v)
    return (v - mean) / torch.sqrt(variance + 1e-5) * gain + shift


def elman_step(w: Weights, options: Mapping[str, Any], x: Tensor, s: State) -> tuple[Tensor, State, dict[str, Tensor]]:
    v = gate_sum(w, 0, len(s["h"]), x, s["h"])
    h = v * (v > 0) if options.get("nonlinearity") == "relu" else torch.tanh(v)
    return h, {"h": h}, {"h": h}


def gru_step(w: Weights, options: Mapping[str, Any], x: Tensor, s: State) -> tuple[Tensor, State, dict[str, Tensor]]:
    h, size = s["h"], len(s["h"])
    r = sigmoid(gate_sum(w, 0, size, x, h))
    z = sigmoid(gate_sum(w, 1, size, x, h))
    past = block(w, "weight_hh", 2, size) @ h + block(w, "bias_hh", 2, size)
    n = torch.tanh(block(w, "weight_ih", 2, size) @ x + block(w, "bias_ih", 2, size) + r * past)
    h = (1 - z) * n + z * h
    return h, {"h": h}, {"r": r, "z": z, "n": n}


def gru_reset_before_step(
    w: Weights, options: Mapping[str, Any], x: Tensor, s: State
) -> tuple[Tensor, State, dict[str, Tensor]]:
    h, size = s["h"], len(s["h"])
    r = sigmoid(gate_sum(w, 0, size, x, h))
    z = sigmoid(gate_sum(w, 1, size, x, h))
    n = torch.tanh(gate_sum(w, 2, size, x, r * h))
    h = (1 - z) * n + z * h
    return h, {"h": h}, {"r": r, "z": z, "n": n}


def lstm_step(w: Weights, options: Mapping[str, Any], x: Tensor, s: State) -> tuple[Tensor, State, dict[str, Tensor]]:
    h, c, size = s["h"], s["c"], len(s["c"])
    names = "igo" if options.get("coupled") else "ifgo"
    if options.get("layer_norm"):
        from_x = normalised(w["weight_ih"] @ x, w["norm_p.weight"]) + w.get("bias_ih", 0.0)
        from_h = normalised(w["weight_hh"] @ h, w["norm_u.weight"]) + w.get("bias_hh", 0.0)
        total = from_x + from_h
        sums = {name: total[k * size : (k + 1) * size] for k, name in enumerate(names)}
    else:
        sums = {name: gate_sum(w, k, size, x, h) for k, name in enumerate(names)}
    i = sigmoid(sums["i"] + w.get("peephole_i", torch.zeros(1)) * c)
    f = 1 - i if options.get("coupled") else sigmoid(sums["f"] + w.get("peephole_f", torch.zeros(1)) * c)
    g = torch.tanh(sums["g"])
    c = f * c + i * g
    o = sigmoid(sums["o"] + w.get("peephole_o", torch.zeros(1)) * c)
    seen = normalised(c, w["norm_c.weight"], w["norm_c.bias"]) if options.get("layer_norm") else c
    h = o * torch.tanh(seen)
    if options.get("projection"):
        h = w["weight_hr"] @ h
    return h, {"h": h, "c": c}, {"i": i, "f": f, "g": g, "o": o}


def mingru_step(w: Weights, options: Mapping[str, Any], x: Tensor, s: State) -> tuple[Tensor, State, dict[str, Tensor]]:
    size = len(s["h"])
    z = sigmoid(block(w, "weight_ih", 0, size) @ x + block(w, "bias_ih", 0, size))
    n = block(w, "weight_ih", 1, size) @ x + block(w, "bias_ih", 1, size)
    h = (1 - z) * s["h"] + z * n
    return h, {"h": h}, {"z": z, "n": n}


TEXTBOOK: dict[str, StepFunction] = {
    "elman": elman_step,
    "gru": gru_step,
    "gru-reset-before": gru_reset_before_step,
    "lstm": lstm_step,
    "mingru": mingru_step,
}


def run_row_by_row(
    step: Callable[[Tensor, State], tuple[Tensor, State, dict[str, Tensor]]],
    x_BTI: Tensor,
    lengths: list[int],
    start: State,
    output_size: int,
) -> tuple[Tensor, State, list[list[tuple[State, dict[str, Tensor]]]]]:
    """Outputs, final states, and for each row the state and the gates after each of its steps."""
    B, T, _ = x_BTI.shape
    outputs, finals, histories = [], [], []
    for b in range(B):
        state = {name: leaf[b] for name, leaf in start.items()}
        row, history = [], []
        for t in range(lengths[b]):
            y, state, gates = step(x_BTI[b, t], state)
            row.append(y)
            history.append((state, gates))
        row += [x_BTI.new_zeros(output_size)] * (T - lengths[b])
        outputs.append(torch.stack(row))
        finals.append(state)
        histories.append(history)
    final = {name: torch.stack([state[name] for state in finals]) for name in start}
    return torch.stack(outputs), final, histories
