"""The contract's part about numbers: equations, precision, derivatives, start values, saving."""

from __future__ import annotations

import safetensors.torch
import torch
from torch import Tensor
from torch.func import functional_call

from elman import kernels
from elman.cells import make
from elman.nn import Unroll
from elman.state import leaves, map_leaves

from .cases import B_SIZE, LENGTHS, Case, best_dtype, build, can_run, inputs, random_state
from .runs import CLOSE, Result, assert_close, assert_same, own_start, run_kernel, run_textbook, trainable

# Of the largest true value: below this, float32 errors are rounding and their ratio says nothing.
FLOOR = 1e-6


def check_equations(case: Case, kernel: str) -> None:
    """Outputs, final states and every gradient are the textbook's, with and without lengths."""
    cell = build(case, best_dtype(case, kernel))
    x, start = inputs(cell), own_start(case, cell)
    for lengths in (None, LENGTHS):
        got = run_kernel(cell, kernel, x, lengths, start)
        assert_same(got, run_textbook(case, cell, x, lengths, start), CLOSE[x.dtype])


def worst_errors(got: Result, truth: Result) -> dict[str, tuple[float, float]]:
    """For every tensor: its largest error, and the largest true value but at least 1."""
    parts = {"y": (got.y, truth.y)}
    for part in ("final", "grads"):
        parts |= {f"{part} {n}": (t, getattr(truth, part)[n]) for n, t in getattr(got, part).items()}
    return {
        name: ((a.double() - b.double()).abs().max().item(), max(1.0, b.abs().max().item()))
        for name, (a, b) in parts.items()
    }


def check_precision(case: Case, kernel: str) -> None:
    """In float32 no tensor is more than 4 times as wrong as torch's own layer makes it (else: the plain loop)."""
    if not can_run(case, kernel, ragged=True, dtype=torch.float32):
        return
    exact, single = build(case, torch.float64), build(case, torch.float32)
    judge = "torch" if can_run(case, "torch", ragged=True) else "reference"
    # Both start from the same float32 numbers.
    exact.load_state_dict(single.state_dict())
    for scale, lengths in ((1.0, None), (1.0, LENGTHS), (10.0, LENGTHS)):
        x, start = scale * inputs(single), own_start(case, single)
        start_64 = None if start is None else map_leaves(Tensor.double, start)
        truth = run_textbook(case, exact, x.double(), lengths, start_64)
        allowed = worst_errors(run_kernel(single, judge, x, lengths, start), truth)
        for name, (error, size) in worst_errors(run_kernel(single, kernel, x, lengths, start), truth).items():
            limit = 4 * allowed[name][0] + FLOOR * size
            assert error <= limit, f"{name}: float32 error {error:.3g} with lengths {lengths}, allowed {limit:.3g}"


def check_saved(case: Case, kernel: str) -> None:
    """A cell filled from another's weights, as a dict or as safetensors' bytes, computes the same bits."""
    dtype = best_dtype(case, kernel)
    cell = build(case, dtype)
    saved = cell.state_dict()
    for weights in (saved, safetensors.torch.load(safetensors.torch.save(saved))):
        twin = build(case, dtype, seed=77)
        x, start = inputs(cell), own_start(case, cell)
        assert not torch.equal(twin.weight_ih, cell.weight_ih), "the second cell was to differ"
        twin.load_state_dict(weights, strict=True)
        assert_same(run_kernel(twin, kernel, x, LENGTHS, start), run_kernel(cell, kernel, x, LENGTHS, start), 0.0)


def check_finite_differences(case: Case, kernel: str) -> None:
    """First and second derivatives are those of finite differences (on the loop, which has both)."""
    if kernel != "reference":
        return
    cell = build(case, torch.float64, sizes=(2, 4 if "projection" in case.options else 2))
    x, start = trainable(inputs(cell, B=3, T=3), random_state(cell, B=3))
    names = [name for name, _ in cell.named_parameters()]
    run = Unroll(cell, kernel=kernel)

    def outputs(x_BTI: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        given, weights = tensors[: len(leaves(start))], tensors[len(leaves(start)) :]
        # A learnt start is used where no state is given.
        begin = None if cell.initial else cell.state_type(*given)
        replaced = {f"cell.{name}": weight for name, weight in zip(names, weights, strict=True)}
        y, final = functional_call(run, replaced, (x_BTI, torch.tensor([3, 0, 2]), begin))
        return (y, *leaves(final))

    arguments = (x, *leaves(start), *cell.parameters())
    try:
        torch.autograd.gradcheck(outputs, arguments, fast_mode=True)
        torch.autograd.gradgradcheck(outputs, arguments, fast_mode=True)
    except RuntimeError as error:
        raise AssertionError(f"finite differences disagree: {error}") from error


def check_learnt_start(case: Case, kernel: str) -> None:
    """A learnt start is what every row begins with, and gets the sum of the rows' gradients."""
    if not case.options.get("learn_initial_state"):
        return
    cell = build(case, best_dtype(case, kernel))
    x = inputs(cell)
    assert sorted(cell.initial) == sorted(cell.state_sizes()), "not every leaf of the state is learnt"
    given = cell.state_type(*(cell.initial[leaf].detach().expand(B_SIZE, -1) for leaf in cell.state_sizes()))
    learnt, handed = run_kernel(cell, kernel, x, LENGTHS, None), run_kernel(cell, kernel, x, LENGTHS, given)
    assert_close("outputs", learnt.y, handed.y, CLOSE[x.dtype])
    for leaf in cell.state_sizes():
        grad = learnt.grads[f"initial.{leaf}"]
        assert bool((grad != 0).any()), f"initial {leaf} has no gradient"
        assert_close(f"gradient of initial {leaf}", grad, handed.grads[f"start.{leaf}"].sum(0), CLOSE[x.dtype])


def check_forget_bias(case: Case, kernel: str) -> None:
    """As it starts, an LSTM's forget gate is open by `forget_bias`, coupled or not; biases are no rounding matter."""
    del kernel
    if case.cell != "lstm" or case.options.get("bias") is False:
        return
    for forget_bias in (1.0, 3.0, -2.0):
        cell = make("lstm", 3, 4, forget_bias=forget_bias, **case.options)
        gates = cell.advance(cell.project(torch.zeros(1, 3)), cell.initial_state(1)).gates
        open_by = torch.full((1, 4), forget_bias).sigmoid()
        assert_close("forget gate", gates["f"], open_by, 1e-6)


def check_unbounded(case: Case, kernel: str) -> None:
    """A cell says whether its output grows without bound, by which its recurrent weights are initialised."""
    cell = build(case, best_dtype(case, kernel))
    for parameter in cell.parameters():
        parameter.data.fill_(1.0)
    y, _ = Unroll(cell, kernel=kernel)(torch.ones(1, 30, cell.input_size, dtype=cell.weight_ih.dtype))
    assert bool(y.abs().max() > 1e6) == cell.unbounded, f"outputs up to {float(y.detach().abs().max()):.3g}"


def check_lower_precision(case: Case, kernel: str) -> None:
    """In bfloat16, by autocast or throughout, it runs, its gradients are finite and it is roughly right."""
    cell = build(case, torch.float32)
    x, start = inputs(cell), own_start(case, cell)
    truth = run_textbook(case, cell, x, LENGTHS, start)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = run_kernel(cell, kernel, x, LENGTHS, start)
    half = build(case, torch.bfloat16)
    half_start = None if start is None else map_leaves(Tensor.bfloat16, start)
    reason = kernels.why_not(half, kernels.KernelRequest(dtype=torch.bfloat16))[kernel]
    assert reason is None or "the weights are torch.bfloat16" in reason
    whole = run_kernel(half, kernel if reason is None else None, x.bfloat16(), LENGTHS, half_start)
    assert whole.y.dtype == torch.bfloat16, f"bfloat16 in, {whole.y.dtype} out"
    for got in (mixed, whole):
        assert_close("outputs", got.y, truth.y, 0.1)
        for name, grad in got.grads.items():
            assert bool(grad.isfinite().all()), f"the gradient of {name} is not finite"
