"""The operator `elman::layer` as the rest of torch sees it: checks, fake tensors, compilation, functional weights."""

from __future__ import annotations

import mmap
import subprocess
import sys
import warnings
import weakref
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint

from elman import kernels
from elman.cells import Cell
from elman.errors import DataError, KernelUnavailableError, ShapeError
from elman.kernels import Lookup
from elman.kernels.native import buffer_pool, ops
from elman.kernels.native.layer import Input
from elman.kernels.native.trace import program_of
from elman.nn import Stack, Unroll
from elman.state import leaves

from ...contract.runs import assert_close
from .layers import cell_of, mask_of, needs_library, random, start_of

pytestmark = [needs_library, pytest.mark.usefixtures("one_thread")]

LENGTHS = torch.tensor([3, 6, 0, 1, 5])


def arguments(name: str, kind: Input, *, ragged: bool, keep: bool) -> tuple[Any, ...]:
    """What the operator takes, for a small layer."""
    cell = cell_of(name, 3, 5)
    program = program_of(cell)
    assert not isinstance(program, str)
    weights = [cell.weight_ih, cell.bias_ih] if kind is Input.PRODUCT else []
    present = 0b11 if kind is Input.PRODUCT else 0
    if program.h_gates:
        weights += [cell.weight_hh, cell.bias_hh]
        present |= 0b1100
    weights += [getattr(cell, parameter) for parameter in program.parameters]
    blocks = program.p_blocks * 5
    shape = {Input.PRODUCT: (5, 6, 3), Input.READY: (5, 6, blocks), Input.TOKENS: (4, blocks)}[kind]
    x = random(*shape).requires_grad_(keep)
    tokens_BT = torch.arange(30).reshape(5, 6) % 4 if kind is Input.TOKENS else None
    start = [leaf.requires_grad_(keep) for leaf in leaves(start_of(cell, 5))]
    mask_BH = mask_of(cell, 5) if program.h_gates else None
    given = [weight.detach().requires_grad_(keep) for weight in weights if weight is not None]
    options = (ops.remember(program), int(kind), present, ragged, False, keep)
    return (x, tokens_BT, LENGTHS if ragged else None, start, given, mask_BH, *options)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gru", Input.PRODUCT),
        pytest.param("gru", Input.READY, marks=pytest.mark.slow),
        ("gru", Input.TOKENS),
        ("lstm-peepholes", Input.PRODUCT),
        pytest.param("mingru", Input.PRODUCT, marks=pytest.mark.slow),
    ],
)
def test_the_operator_keeps_torchs_rules(name: str, kind: Input, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its schema is true, its fake gives the same shapes, gradients are registered, and it can be compiled."""
    # Some numbers of the tape are neither written nor read; here they are compared.
    monkeypatch.setattr(buffer_pool, "take", lambda size: torch.zeros(size, dtype=torch.uint8))
    ops._define()
    for ragged, keep in ((True, True), (False, False)):
        done = torch.library.opcheck(torch.ops.elman.layer.default, arguments(name, kind, ragged=ragged, keep=keep))
        assert set(done.values()) == {"SUCCESS"}


def test_the_backward_operator_keeps_torchs_rules() -> None:
    """It leaves its arguments as they are and its fake gives the gradients' shapes."""
    ops._define()
    *described, _ = arguments("lstm-peepholes", Input.PRODUCT, ragged=True, keep=True)
    described = [[part.detach() for part in one] if isinstance(one, list) else one for one in described]
    described = [one.detach() if isinstance(one, Tensor) else one for one in described]
    with torch.no_grad():
        y, *final, records, states = torch.ops.elman.layer(*described, True)
    inputs, options = described[:6], described[6:]
    for wanted in ([True] * 10, [True, False, True, True, False, False, True, True, False, True]):
        given = (*inputs, records, states, random(*y.shape), [None, random(*final[1].shape)], *options, wanted)
        done = torch.library.opcheck(
            torch.ops.elman.layer_backward.default, given, test_utils=("test_schema", "test_faketensor")
        )
        assert set(done.values()) == {"SUCCESS"}


class Model(nn.Module):
    """Two layers, one of them backwards, and a sum."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.stack = Stack("lstm", 6, 11, bidirectional=True, kernel="native")

    def forward(self, x_BTI: Tensor, lengths_B: Tensor | None = None) -> Tensor:
        """One number for every row."""
        y, _ = self.stack(x_BTI, lengths_B)
        return y.square().sum((1, 2))


# Dynamo itself looks at .grad of every tensor that enters a graph.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize(
    "ragged", [pytest.param(False, id="full", marks=pytest.mark.slow), pytest.param(True, id="ragged")]
)
def test_a_compiled_model_gives_the_same_bits(ragged: bool) -> None:
    """Forward and backward, with gradients and without."""
    torch._dynamo.reset()
    model = Model()
    compiled = torch.compile(model, backend="aot_eager")
    outputs = []
    for run in (model, compiled):
        x_BTI = random(5, 6, 6, dtype=torch.float32).requires_grad_()
        y = run(x_BTI, LENGTHS if ragged else None)
        grads = torch.autograd.grad(y.sum(), [x_BTI, *model.parameters()])
        with torch.no_grad():
            outputs.append((y.detach(), run(x_BTI, LENGTHS if ragged else None), *grads))
    for one, other in zip(*outputs, strict=True):
        assert_close("compiled", other, one, 1e-6)


def test_the_operator_is_compiled_without_a_break() -> None:
    """fullgraph: the operator itself is no obstacle."""
    torch._dynamo.reset()
    ops._define()
    x, *others = arguments("gru", Input.PRODUCT, ragged=True, keep=True)
    weights = others[3]

    def outputs(x: Tensor) -> Tensor:
        y, *_ = torch.ops.elman.layer(2 * x, *others)
        return y.sin()

    expected = torch.autograd.grad(outputs(x).sum(), [x, *weights])
    compiled = torch.compile(outputs, backend="aot_eager", fullgraph=True)
    got = torch.autograd.grad(compiled(x).sum(), [x, *weights])
    assert all(map(torch.equal, got, expected))


@pytest.mark.parametrize("name", ["elman", "lstm-peepholes", "gru", "mingru"])
def test_fake_tensors_have_the_shapes(name: str) -> None:
    """Memory is planned, and models are exported, with tensors that have a shape and no content."""
    cell = cell_of(name, 3, 5)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        x_BTI = mode.from_tensor(random(5, 6, 3))
        y, last = kernels.run(cell, x_BTI, None, cell.initial_state(5), kernel="native")
        assert y.shape == (5, 6, 5)
        assert [leaf.shape for leaf in last] == [(5, 5)] * len(last)
        (grad,) = torch.autograd.grad(y.sum(), cell.weight_ih)
        assert grad.shape == cell.weight_ih.shape


def test_weights_of_another_can_be_put_in_place() -> None:
    cell, other = cell_of("lstm", 3, 5), cell_of("lstm", 3, 5, seed=8)
    x_BTI = random(5, 6, 3)
    layer = Unroll(cell, kernel="native")
    given = {f"cell.{name}": weight.detach().requires_grad_() for name, weight in other.named_parameters()}
    y, _ = functional_call(layer, given, (x_BTI, LENGTHS))
    expected, _ = Unroll(other, kernel="native")(x_BTI, LENGTHS)
    assert torch.equal(y, expected)
    got = torch.autograd.grad(y.square().sum(), list(given.values()))
    wanted = torch.autograd.grad(expected.square().sum(), list(other.parameters()))
    assert all(map(torch.equal, got, wanted))
    assert all(parameter.grad is None for parameter in cell.parameters())


class Layer(nn.Module):
    """A layer from a fixed start."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.cell = cell_of(name, 3, 5)
        self.start = start_of(self.cell, 5)

    def forward(self, x_BTI: Tensor, lengths_B: Tensor) -> Tensor:
        return kernels.run(self.cell, x_BTI, lengths_B, self.start, kernel="native")[0]


@pytest.mark.parametrize("grad", [False, True], ids=["no_grad", "grad"])
@pytest.mark.parametrize("name", ["gru", "mingru"])
def test_a_recorded_layer_computes_with_other_inputs(name: str, grad: bool) -> None:
    """make_fx and torch.jit.trace on real tensors record the operator, not its results."""
    layer, lengths_B = Layer(name), torch.tensor([6, 6, 2, 0, 1])
    first, second = random(5, 6, 3), random(5, 6, 3, seed=8)
    with torch.set_grad_enabled(grad), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and finds that checks are not recorded
        graph = make_fx(layer)(first, LENGTHS)
        script = torch.jit.trace(layer, (first, LENGTHS), check_trace=False)
        assert "elman.layer" in graph.code
        expected = layer(second, lengths_B)
        for recorded in (graph, script):
            assert torch.equal(recorded(second, lengths_B), expected)
    if grad:
        (wanted,) = torch.autograd.grad(expected.square().sum(), layer.cell.weight_ih)
        (found,) = torch.autograd.grad(script(second, lengths_B).square().sum(), layer.cell.weight_ih)
        assert_close("gradient", found, wanted, 1e-12)


def test_a_recorded_layer_checks_the_numbers_that_it_gets() -> None:
    """Other tokens and lengths than those it was recorded with must not send the driver's pointers elsewhere."""
    cell = cell_of("gru", 3, 5)
    start, features_VI = start_of(cell, 5), random(4, 3)

    def layer(tokens_BT: Tensor, lengths_B: Tensor) -> Tensor:
        return kernels.run(cell, Lookup(tokens_BT, features_VI), lengths_B, start, kernel="native")[0]

    tokens_BT = torch.arange(30).reshape(5, 6) % 4
    with torch.no_grad():
        graph = make_fx(layer)(tokens_BT, LENGTHS)
        assert torch.equal(graph(3 - tokens_BT, LENGTHS.flip(0)), layer(3 - tokens_BT, LENGTHS.flip(0)))
        with pytest.raises(DataError, match=r"expected tokens from 0 to 3\. Received: 0 to 2000"):
            graph(torch.where(tokens_BT == 3, 2000, 0), LENGTHS)
        with pytest.raises(ShapeError, match=r"expected lengths from 0 to 6\. Received: 0 to 7000"):
            graph(tokens_BT, LENGTHS * 1000 + 1000 * (LENGTHS > 5))


def test_equations_that_this_process_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Layer("gru")
    with torch.no_grad():
        graph = make_fx(layer)(random(5, 6, 3), LENGTHS)
        monkeypatch.setattr(ops, "_programs", {})
        with pytest.raises(KernelUnavailableError, match="expected a cell that has run in this process"):
            graph(random(5, 6, 3), LENGTHS)


def test_equations_are_not_recorded() -> None:
    """A cell that is traced within torch.jit.trace leaves nothing in its graph."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace(Layer("lstm-peepholes"), (random(5, 6, 3), LENGTHS), check_trace=False)
    assert "tanh" not in str(script.graph)
    assert "elman::layer" in str(script.graph)


def test_checkpointing_saves_memory() -> None:
    """The tapes of all layers are gone until their backward passes compute them again."""
    cell = cell_of("lstm", 32, 64, torch.float32)

    def held_bytes(checkpointed: bool) -> tuple[int, Tensor]:
        taken: list[weakref.ref[mmap.mmap]] = []
        fetch = buffer_pool._map

        def watch(size: int, huge_from: int) -> Any:
            memory = fetch(size, huge_from)
            taken.append(weakref.ref(memory.space))
            return memory

        buffer_pool._idle.clear()
        y_BTH = random(32, 100, 32, dtype=torch.float32).requires_grad_()
        x_BTI = y_BTH
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(buffer_pool, "_map", watch)
            for _ in range(4):
                layer = Unroll(cell, kernel="native")
                run = partial(lambda layer, x: layer(x)[0], layer)
                made = checkpoint(run, y_BTH, use_reentrant=False) if checkpointed else run(y_BTH)
                y_BTH = made[..., :32]
        buffer_pool._idle.clear()
        held = sum(len(space) for reference in taken if (space := reference()) is not None)
        return held, torch.autograd.grad(y_BTH.square().sum(), x_BTI)[0]

    (plain, gradient), (saved, again) = held_bytes(False), held_bytes(True)
    assert plain > 4 * 100 * 32 * 64 * 4 * 4
    assert saved == 0
    assert torch.equal(again, gradient)


def test_torch_func_gives_gradients() -> None:
    """`torch.func.grad` over functional weights, by whichever kernel can."""
    cell = cell_of("gru", 3, 5)
    layer = Unroll(cell)
    x_BTI = random(5, 6, 3)
    weights = {name: weight.detach() for name, weight in layer.named_parameters()}

    def loss(weights: dict[str, Tensor]) -> Tensor:
        y, _ = functional_call(layer, weights, (x_BTI, LENGTHS))
        return y.square().sum()

    got = torch.func.grad(loss)(weights)
    y, _ = layer(x_BTI, LENGTHS)
    for name, grad in zip(weights, torch.autograd.grad(y.square().sum(), list(layer.parameters())), strict=True):
        assert_close(name, got[name], grad, 1e-11)


@pytest.mark.parametrize("reentrant", [False, True])
def test_recomputed_layers_have_the_same_gradients(reentrant: bool) -> None:
    """Checkpointing runs forward again in the backward pass."""
    model = Model()
    grads = []
    for saving in (False, True):
        x_BTI = random(5, 6, 6, dtype=torch.float32).requires_grad_()
        y = checkpoint(model, x_BTI, LENGTHS, use_reentrant=reentrant) if saving else model(x_BTI, LENGTHS)
        model.zero_grad(set_to_none=True)
        y.sum().backward()
        grads.append([x_BTI.grad, *(parameter.grad for parameter in model.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*grads, strict=True))


def test_tokens_and_features_through_an_unroll() -> None:
    cell = cell_of("gru", 3, 5)
    features_VI = random(4, 3).requires_grad_()
    tokens_BT = torch.arange(30).reshape(5, 6) % 4
    y, _ = Unroll(cell, kernel="native")(Lookup(tokens_BT, features_VI), LENGTHS)
    expected, _ = Unroll(cell, kernel="reference")(features_VI[tokens_BT], LENGTHS)
    assert_close("outputs", y, expected, 1e-12)
    for tensor in (features_VI, cell.weight_ih, cell.bias_ih):
        assert tensor is not None
        got, wanted = (torch.autograd.grad(out.sum(), tensor, retain_graph=True)[0] for out in (y, expected))
        assert_close("gradient", got, wanted, 1e-11)


LOADER = """
import torch
from torch.utils.data import DataLoader, Dataset
from elman import kernels
from elman.cells import make

torch.set_num_threads(2)
cell = make("lstm", 8, 32)
x_BTI = torch.randn(64, 20, 8)

def outputs():
    with torch.no_grad():
        return kernels.run(cell, x_BTI, None, cell.initial_state(64), kernel="native")[0]

class Rows(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return outputs()[index]

expected = outputs()
loader = DataLoader(Rows(), batch_size=2, num_workers=1, timeout=60, multiprocessing_context="fork")
print(torch.equal(torch.cat(list(loader)), expected[:4]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked on Linux")
def test_workers_of_a_loader_run_layers() -> None:
    """Their parent's threads have stayed behind."""
    done = subprocess.run([sys.executable, "-c", LOADER], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "True", done.stderr


def test_a_cell_of_another_shape_gets_its_own_answer() -> None:
    """Programs go by their equations: cells of the same kind share one, of whatever size."""
    small, large = cell_of("gru", 3, 5), cell_of("gru", 9, 40, torch.float32)
    first, second = program_of(small), program_of(large)
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert first.digest == second.digest
    cells: list[Cell] = [small, large, cell_of("elman", 3, 5)]
    assert len({ops.remember(program) for cell in cells if not isinstance(program := program_of(cell), str)}) == 2
