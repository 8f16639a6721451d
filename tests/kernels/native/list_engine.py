"""A driver in torch that runs a program's two lists of operations as the C++ driver does. It compiles nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.kernels.native import layer as layers
from elman.kernels.native import library
from elman.kernels.native.abi import CompiledProgram
from elman.kernels.native.layer import GradientMask, Gradients, Input, Layer, Tape
from elman.kernels.native.program import record_of, run_operations

__all__ = ["list_engine"]


@pytest.fixture
def list_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native kernel runs lists of operations in torch."""
    monkeypatch.setattr(library, "find", lambda program, element_bytes: CompiledProgram())
    monkeypatch.setattr(layers.Layer, "forward", forward)
    monkeypatch.setattr(layers.Layer, "backward", backward)


def _projected(layer: Layer) -> Tensor:
    if layer.tokens_BT is not None:
        return layer.x[layer.tokens_BT]
    weight, bias = layer.products[:2]
    return layer.x if layer.kind is not Input.PRODUCT or weight is None else F.linear(layer.x, weight, bias)


def _order(layer: Layer, T: int) -> list[int]:
    return [*reversed(range(T))] if layer.reverse else [*range(T)]


def _alive(layer: Layer, t: int) -> Tensor:
    B = layer.start[0].shape[0]
    lengths_B = torch.full((B,), t + 1) if layer.lengths_B is None else layer.lengths_B
    return (t < lengths_B)[:, None]


def _parameters(layer: Layer) -> dict[str, Tensor]:
    return {f"parameter{number}": value for number, value in enumerate(layer.parameters)}


@torch.no_grad()
def forward(layer: Layer, keep: bool) -> tuple[Tensor, list[Tensor], Tape | None]:
    program, p_BTG = layer.program, _projected(layer)
    T = p_BTG.shape[1]
    weight, bias = layer.products[2:]
    like = layer.start[0]
    records = like.new_zeros(T, program.slots, *like.shape)
    states = like.new_zeros(T + 1, len(layer.start), *like.shape)
    states[0] = torch.stack(layer.start)
    y_BTH = like.new_zeros(like.shape[0], T, like.shape[1])
    for step, t in enumerate(_order(layer, T)):
        old = states[step]
        h_BH = old[program.h_leaf] if layer.mask_BH is None else old[program.h_leaf] * layer.mask_BH
        u = () if weight is None else F.linear(h_BH, weight, bias).chunk(program.u_blocks, -1)
        places: dict[str, Any] = record_of(program, p_BTG[:, t].chunk(program.p_blocks, -1), u)
        places |= {f"old{number}": leaf for number, leaf in enumerate(old)} | _parameters(layer)
        places |= run_operations(program.forward, places)
        alive = _alive(layer, t)
        for slot in range(program.slots):
            records[step, slot] = places.get(f"slot{slot}", 0.0)
        for number, leaf in enumerate(old):
            states[step + 1, number] = torch.where(alive, torch.as_tensor(places[f"new{number}"]), leaf)
        y = places[f"new{program.y_leaf}"] if program.y_leaf >= 0 else places["y"]
        y_BTH[:, t] = torch.where(alive, torch.as_tensor(y), 0.0)
    return y_BTH, [leaf.clone() for leaf in states[-1]], Tape(records, states) if keep else None


@torch.no_grad()
def backward(
    layer: Layer, tape: Tape, dy_BTH: Tensor | None, d_final: list[Tensor | None], wanted: GradientMask
) -> Gradients:
    program, p_BTG = layer.program, _projected(layer)
    T = p_BTG.shape[1]
    weight = layer.products[2]
    like = layer.start[0]
    d_state = [torch.zeros_like(like) if leaf is None else leaf.clone() for leaf in d_final]
    dp_BTG = torch.zeros_like(p_BTG)
    d_weight, d_bias = (torch.zeros_like(w) if w is not None else None for w in layer.products[2:])
    d_parameters = [torch.zeros_like(value) for value in layer.parameters]
    H = like.shape[1]
    for step, t in reversed([*enumerate(_order(layer, T))]):
        places: dict[str, Any] = {f"slot{slot}": tape.records[step, slot] for slot in range(program.slots)}
        places |= {f"old{number}": leaf for number, leaf in enumerate(tape.states[step])} | _parameters(layer)
        places |= {f"new{number}": leaf for number, leaf in enumerate(tape.states[step + 1])}
        places |= {f"d_state{number}": leaf for number, leaf in enumerate(d_state)}
        places["dy"] = torch.zeros_like(like) if dy_BTH is None else dy_BTH[:, t]
        places |= run_operations(program.backward, places)
        alive = _alive(layer, t)

        def of(place: str, places: dict[str, Any] = places, alive: Tensor = alive) -> Tensor:
            return torch.where(alive, torch.as_tensor(places[place], dtype=like.dtype), 0.0).expand_as(like)

        for slot, block in enumerate(program.x_gates):
            dp_BTG[:, t, block * H : (block + 1) * H] = of(f"slot{slot}")
        for number in range(len(d_state)):
            d_state[number] = torch.where(alive, torch.as_tensor(places[f"d_state{number}"]), d_state[number])
        for number in range(len(d_parameters)):
            if f"d_parameter{number}" in places:
                d_parameters[number] += of(f"d_parameter{number}").sum(0)
        if weight is not None and d_weight is not None:
            du_BG = like.new_zeros(like.shape[0], program.u_blocks * H)
            for slot, block in enumerate(program.h_gates, program.h_first):
                du_BG[:, block * H : (block + 1) * H] = of(f"slot{slot}")
            mask = 1.0 if layer.mask_BH is None else layer.mask_BH
            d_weight += du_BG.T @ (tape.states[step, program.h_leaf] * mask)
            if d_bias is not None:
                d_bias += du_BG.sum(0)
            d_state[program.h_leaf] = d_state[program.h_leaf] + (du_BG @ weight) * mask
    if layer.tokens_BT is not None:
        dx = torch.zeros_like(layer.x).index_add_(0, layer.tokens_BT.reshape(-1), dp_BTG.flatten(0, 1))
    else:
        dx = dp_BTG if layer.products[0] is None else dp_BTG @ layer.products[0]
    found = Gradients(
        dx,
        [*d_state],
        [
            None if layer.products[0] is None else dp_BTG.flatten(0, 1).T @ layer.x.flatten(0, 1),
            None if layer.products[1] is None else dp_BTG.sum((0, 1)),
            d_weight,
            d_bias,
        ],
        [*d_parameters],
    )
    return Gradients(
        found.x if wanted.x else None,
        [leaf if want else None for leaf, want in zip(found.start, wanted.start, strict=True)],
        [made if want else None for made, want in zip(found.products, wanted.products, strict=True)],
        [made if want else None for made, want in zip(found.parameters, wanted.parameters, strict=True)],
    )
