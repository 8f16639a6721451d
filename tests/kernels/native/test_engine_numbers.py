"""The engine's scores and states: against float64, and the same bits whatever other rows are in the call."""

from __future__ import annotations

import ctypes
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.cells import ElementwiseCell
from elman.errors import ConfigError, DataError, KernelUnavailableError, ShapeError
from elman.kernels import Step
from elman.kernels.native import build, engine_abi, engine_pack, library
from elman.kernels.native.engine import WEIGHT_FORMATS, Engine, why_not
from elman.kernels.native.engine_abi import Call, Layer, Network, SamplingOptions
from elman.state import leaves

from .engines import Net, instruction_set, needs_library, net_of, one_thread

# Fixtures.
__all__ = ["instruction_set", "one_thread"]

pytestmark = needs_library

# Of the largest score: below this the ratio of two float32 errors says nothing.
FLOOR = 3e-7

NETS: dict[str, dict[str, Any]] = {
    "elman": {"cell": "elman"},
    "elman-relu": {"cell": "elman", "nonlinearity": "relu", "layers": 1},
    "gru": {"cell": "gru"},
    "gru-33": {"cell": "gru", "H": 33, "E": 5, "V": 70},
    "lstm": {"cell": "lstm"},
    "lstm-128": {"cell": "lstm", "H": 128, "E": 64, "V": 65},
    "lstm-300": {"cell": "lstm", "H": 300, "E": 17, "V": 30, "layers": 1},
    "lstm-1": {"cell": "lstm", "H": 1, "E": 1, "V": 2, "layers": 3},
    "lstm-no-bias": {"cell": "lstm", "bias": False},
    "lstm-peepholes": {"cell": "lstm", "peepholes": True},
    "lstm-coupled": {"cell": "lstm", "coupled": True},
    "lstm-both": {"cell": "lstm", "peepholes": True, "coupled": True, "H": 17},
    "mingru": {"cell": "mingru", "layers": 3},
    "residual": {"cell": "gru", "E": 9, "H": 9, "layers": 3, "residual": True},
    "residual-after-the-first": {"cell": "lstm", "E": 5, "H": 20, "layers": 3, "residual": True},
    "residual-mingru": {"cell": "mingru", "E": 16, "H": 16, "layers": 2, "residual": True},
}


def tokens_of(net: Net, rows: int, steps: int) -> Tensor:
    return torch.randint(len(net.embeddings_VE), (rows, steps), generator=torch.Generator().manual_seed(3))


def read(engine: Engine, net: Net, tokens_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Scores at every step, and the states after the last one."""
    states_BS = engine.pack_state(net.zeros(len(tokens_BT)))
    return engine.read(tokens_BT, states_BS, every_step=True), states_BS


def assert_as_exact_as_torch(net: Net, tokens_BT: Tensor) -> None:
    true_BTV, true_state = net.double().logits(tokens_BT)
    torch_BTV, _ = net.logits(tokens_BT)
    found_BTV, states_BS = read(net.engine(), net, tokens_BT)
    torchs_error = float((torch_BTV - true_BTV).abs().max())
    limit = 4 * max(torchs_error, FLOOR * float(true_BTV.abs().max()))
    assert float((found_BTV - true_BTV).abs().max()) <= limit
    true_BS = torch.cat(leaves(true_state), dim=1)
    assert float((states_BS - true_BS).abs().max()) <= limit


@pytest.mark.parametrize("name", NETS)
def test_scores_are_as_exact_as_torchs(name: str) -> None:
    net = net_of(**NETS[name])
    assert_as_exact_as_torch(net, tokens_of(net, 5, 20))


@pytest.mark.parametrize("name", ["gru-33", "lstm-both", "mingru", "residual"])
def test_every_instruction_set_is_as_exact(instruction_set: str, name: str) -> None:
    net = net_of(**NETS[name])
    assert_as_exact_as_torch(net, tokens_of(net, 7, 10))


@pytest.mark.parametrize("name", ["gru-33", "lstm", "residual", "mingru"])
def test_a_vocabulary_too_large_for_a_table_is_looked_up_and_multiplied(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_pack, "_LARGEST_TABLE", 0)
    net = net_of(**NETS[name])
    assert_as_exact_as_torch(net, tokens_of(net, 5, 10))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["elman", "gru", "lstm", "mingru"]),
    st.integers(2, 90),
    st.integers(1, 40),
    st.integers(1, 70),
    st.integers(1, 3),
    st.integers(1, 9),
    st.booleans(),
)
def test_any_size_is_as_exact(cell: str, V: int, E: int, H: int, layers: int, rows: int, residual: bool) -> None:
    net = net_of(cell, V, E, H, layers=layers, residual=residual)
    assert_as_exact_as_torch(net, tokens_of(net, rows, 4))


class OwnState(NamedTuple):
    """The leaf that enters the product is not the first one, and the output is none of them."""

    m: Tensor
    h: Tensor


class OwnCell(ElementwiseCell):
    """A cell that the library has no program of."""

    name = "own"
    summary = equations = paper = "a test's"
    state_type = OwnState

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("a", "b"), **options)
        self.scale = torch.nn.Parameter(torch.zeros(hidden_size))
        self.reset_parameters()

    def state_sizes(self) -> dict[str, int]:
        return {"m": self.hidden_size, "h": self.output_size}

    def update(self, p_BG: Tensor, u_BG: Tensor, state: OwnState) -> Step:
        p_a, p_b = p_BG.chunk(2, dim=-1)
        u_a, u_b = u_BG.chunk(2, dim=-1)
        a = torch.sigmoid(p_a + u_a)
        m = a * state.m + (1 - a) * torch.tanh(p_b * u_b + self.scale)
        h = torch.tanh(m + state.h * 0.5)
        return Step(h * a + state.m, OwnState(m, h), {"a": a})


@pytest.mark.skipif(isinstance(build.find_compiler(), build.BuildProblem), reason="no C++ compiler is here")
@pytest.mark.parametrize(("E", "residual"), [(21, False), (21, True), (5, True)])
def test_own_cells_are_as_exact(E: int, residual: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    net = net_of(OwnCell, V=20, E=E, H=21, layers=3, residual=residual)
    assert_as_exact_as_torch(net, tokens_of(net, 7, 10))


def rounded_to_bfloat16(net: Net) -> Net:
    """In float64, with the weights that the engine multiplies by rounded to bfloat16; not the first layer's table."""
    rough = net.double()
    rough.head.weight.data = net.head.weight.detach().bfloat16().double()
    for depth, ((unroll,), (exact,)) in enumerate(zip(rough.stack.unrolls(), net.stack.unrolls(), strict=True)):
        names = ["weight_hh"] * bool(exact.cell.recurrent_weights) + ["weight_ih"] * (depth > 0)
        for name in names:
            getattr(unroll.cell, name).data = getattr(exact.cell, name).detach().bfloat16().double()
    return rough


@pytest.mark.parametrize("name", ["gru-33", "lstm-128", "lstm-both", "mingru", "residual"])
def test_bfloat16_weights_are_the_nearest_ones_and_all_else_is_exact(instruction_set: str, name: str) -> None:
    net = net_of(**NETS[name])
    tokens_BT = tokens_of(net, 5, 12)
    expected_BTV, _ = rounded_to_bfloat16(net).logits(tokens_BT)
    found_BTV, _ = read(net.engine("bfloat16"), net, tokens_BT)
    torch.testing.assert_close(found_BTV, expected_BTV.float(), rtol=1e-5, atol=1e-5)
    plain_BTV, _ = net.logits(tokens_BT)
    assert not torch.allclose(plain_BTV, found_BTV, rtol=1e-5, atol=1e-5), "rounding must be visible"


def in_whole_numbers(x_RK: Tensor) -> tuple[Tensor, Tensor]:
    """Rows as whole numbers from -127 to 127 of a unit each."""
    units_R1 = x_RK.abs().amax(1, keepdim=True) / 127
    return (x_RK / units_R1.clamp(min=1e-30)).round(), units_R1


def int8_product(x_BK: Tensor, weight_CK: Tensor) -> Tensor:
    """x . weight, both in whole numbers."""
    (x, x_unit), (w, w_unit) = in_whole_numbers(x_BK.float()), in_whole_numbers(weight_CK.detach())
    return (x.double() @ w.double().T) * x_unit.double() * w_unit.double().T


@pytest.mark.parametrize("size", [9, 32, 61])
def test_int8_products_are_those_of_whole_numbers(instruction_set: str, size: int) -> None:
    net = net_of("gru", V=40, E=3, H=size, layers=1)
    cell = net.stack.unrolls()[0][0].cell
    B, engine = 6, net.engine("int8")
    state_BS = torch.randn(B, size, generator=torch.Generator().manual_seed(1))
    tokens_B1 = tokens_of(net, B, 1)
    exact = net.double().stack.unrolls()[0][0].cell
    with torch.no_grad():
        u_BG = int8_product(state_BS, cell.weight_hh) + exact.bias_hh
        p_BG = exact.project(net.embeddings_VE.double()[tokens_B1[:, 0]])
        h_BH = exact.update(p_BG, u_BG, exact.state_type(state_BS.double())).y
        expected_BV = int8_product(h_BH, net.head.weight) + net.head.bias.double()
    found_BV = engine.read(tokens_B1, state_BS)
    torch.testing.assert_close(found_BV, expected_BV.float(), rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(state_BS, h_BH.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", WEIGHT_FORMATS)
@pytest.mark.parametrize("name", ["gru-33", "lstm-128", "mingru", "residual-after-the-first"])
def test_a_row_has_the_same_bits_in_any_batch_and_on_any_number_of_threads(
    name: str, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = net_of(**NETS[name])
    engine = net.engine(weights)
    tokens_BT = tokens_of(net, 41, 6)
    whole_BTV, whole_BS = read(engine, net, tokens_BT)
    for first, last in ((0, 1), (3, 5), (0, 3), (7, 11), (2, 7), (1, 7), (5, 14), (0, 40), (40, 41)):
        part_BTV, part_BS = read(engine, net, tokens_BT[first:last])
        assert torch.equal(part_BTV, whole_BTV[first:last])
        assert torch.equal(part_BS, whole_BS[first:last])
    for threads in (2, 3, 5):
        monkeypatch.setattr(library, "threads", lambda threads=threads: threads)
        other_BTV, other_BS = read(engine, net, tokens_BT)
        assert torch.equal(other_BTV, whole_BTV)
        assert torch.equal(other_BS, whole_BS)


@pytest.mark.parametrize("name", ["lstm", "gru", "residual"])
def test_where_calls_begin_and_end_changes_nothing(name: str) -> None:
    net = net_of(**NETS[name])
    engine, tokens_BT = net.engine(), tokens_of(net, 3, 9)
    whole_BTV, whole_BS = read(engine, net, tokens_BT)
    states_BS = engine.pack_state(net.zeros(3))
    parts = [engine.read(piece, states_BS, every_step=True) for piece in tokens_BT.split([1, 5, 3], dim=1)]
    assert torch.equal(torch.cat(parts, dim=1), whole_BTV)
    assert torch.equal(states_BS, whole_BS)
    assert torch.equal(engine.read(tokens_BT, engine.pack_state(net.zeros(3))), whole_BTV[:, -1])


@pytest.mark.parametrize("weights", WEIGHT_FORMATS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_stays_in_its_row(weights: str, bad: float) -> None:
    net = net_of("gru", H=20)
    engine, tokens_BT = net.engine(weights), tokens_of(net, 9, 3)
    clean_BTV, _ = read(engine, net, tokens_BT)
    states_BS = engine.pack_state(net.zeros(9))
    states_BS[4, 7] = bad
    found_BTV = engine.read(tokens_BT, states_BS, every_step=True)
    others = [row for row in range(9) if row != 4]
    assert torch.equal(found_BTV[others], clean_BTV[others])
    assert found_BTV[4, 0].isnan().any(), "with whole numbers and without"


def test_weights_that_are_no_numbers_are_not_hidden() -> None:
    for weights in WEIGHT_FORMATS:
        net = net_of("gru", H=20)
        with torch.no_grad():
            net.head.weight[3, 5] = math.nan
        logits_BTV, _ = read(net.engine(weights), net, tokens_of(net, 2, 2))
        assert logits_BTV[..., 3].isnan().all()
        assert not logits_BTV[..., [0, 1, 2, 4]].isnan().any()


def test_tiny_and_huge_activations_are_quantised() -> None:
    net = net_of("mingru", H=20, layers=1)
    engine, tokens_BT = net.engine("int8"), tokens_of(net, 4, 1)
    states_BS = torch.zeros(4, 20)
    states_BS[1], states_BS[2], states_BS[3] = 1e-42, 1e30, -1e30
    assert engine.read(tokens_BT, states_BS).isfinite().all()


def test_the_state_keeps_its_structure() -> None:
    net = net_of("lstm")
    engine, state = net.engine(), net.zeros(4)
    logits_BV, after = engine.step(torch.tensor([1, 2, 3, 4]), state)
    expected_BTV, expected = net.logits(torch.tensor([[1], [2], [3], [4]]))
    torch.testing.assert_close(logits_BV, expected_BTV[:, 0])
    assert type(after[0][0]) is type(expected[0][0])
    for leaf, other in zip(leaves(after), leaves(expected), strict=True):
        torch.testing.assert_close(leaf, other)
    assert all((leaf == 0).all() for leaf in leaves(state)), "a state is a value"


@pytest.mark.parametrize("rows", [1, 4, 45])
def test_sessions_advance_alone_and_the_others_stay(rows: int) -> None:
    net = net_of("lstm", H=21)
    engine = net.engine()
    sessions_NS = torch.randn(60, engine.state_size, generator=torch.Generator().manual_seed(0))
    before_NS = sessions_NS.clone()
    lines_B = torch.randperm(60, generator=torch.Generator().manual_seed(1))[:rows]
    tokens_B = torch.arange(rows) % 13
    logits_BV = engine.advance(sessions_NS, lines_B, tokens_B)
    for line, token, logits_V in zip(lines_B.tolist(), tokens_B, logits_BV, strict=True):
        alone_1S = before_NS[line : line + 1].clone()
        assert torch.equal(engine.read(token.reshape(1, 1), alone_1S)[0], logits_V)
        assert torch.equal(alone_1S[0], sessions_NS[line])
    others = [line for line in range(60) if line not in lines_B.tolist()]
    assert torch.equal(sessions_NS[others], before_NS[others])
    assert not torch.equal(sessions_NS[lines_B], before_NS[lines_B])


def test_threads_of_python_share_an_engine() -> None:
    net = net_of("lstm", H=64)
    engine, tokens_BT = net.engine(), tokens_of(net, 20, 200)
    expected = [read(engine, net, tokens_BT[rows : rows + 5]) for rows in range(0, 20, 5)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda rows: read(engine, net, tokens_BT[rows : rows + 5]), [0, 5, 10, 15] * 3))
    for place, (logits_BTV, states_BS) in enumerate(found):
        assert torch.equal(logits_BTV, expected[place % 4][0])
        assert torch.equal(states_BS, expected[place % 4][1])


FORK = """
import os, signal, time
import torch
from elman.cells import make
from elman.kernels.native.engine import Engine

torch.set_num_threads(2)
engine = Engine([make("lstm", 4, 8)], torch.randn(9, 4), torch.randn(9, 8), None)
tokens_BT = torch.zeros(40, 3, dtype=torch.int64)

def logits():
    return engine.read(tokens_BT, torch.zeros(40, engine.state_size))

before = logits()
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(before, logits()) else 3)
end = time.monotonic() + 20
finished = 0
while not finished and time.monotonic() < end:
    finished, status = os.waitpid(child, os.WNOHANG)
    time.sleep(0.02)
if not finished:
    os.kill(child, signal.SIGKILL)
print("the child ended with", os.waitstatus_to_exitcode(status) if finished else "nothing")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_reads_on() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=100)
    assert done.stdout == "the child ended with 0\n", done.stderr


def test_the_engine_keeps_the_weights_that_it_was_made_from() -> None:
    net = net_of("gru")
    engine, tokens_BT = net.engine(), tokens_of(net, 2, 3)
    before_BTV, _ = read(engine, net, tokens_BT)
    with torch.no_grad():
        for parameter in (*net.stack.parameters(), *net.head.parameters()):
            parameter.zero_()
    assert torch.equal(read(engine, net, tokens_BT)[0], before_BTV)


def test_nothing_to_do_is_done() -> None:
    net = net_of("gru")
    engine = net.engine()
    no_tokens_B = torch.zeros(0, dtype=torch.int64)
    assert engine.advance(torch.zeros(3, engine.state_size), no_tokens_B, no_tokens_B).shape == (0, 13)


def test_what_does_not_fit_is_refused() -> None:
    net = net_of("gru")
    engine = net.engine()
    states_BS, tokens_BT = torch.zeros(2, engine.state_size), torch.zeros(2, 3, dtype=torch.int64)
    for token in (-1, 13, 2**40):
        with pytest.raises(DataError, match=rf"expected token ids from 0 to 12. Received: {token}"):
            engine.read(torch.full((2, 3), token), states_BS)
    for wrong in (states_BS[:1], states_BS.double(), states_BS[:, :-1], torch.zeros(engine.state_size, 2).T):
        with pytest.raises(ShapeError, match="expected states of shape"):
            engine.read(tokens_BT, wrong)
    with pytest.raises(ShapeError, match="expected tokens of shape"):
        engine.read(tokens_BT.int(), states_BS)
    with pytest.raises(ShapeError, match="expected tokens_BT with at least one time step"):
        engine.read(tokens_BT[:, :0], states_BS)
    for lines in ([0, 0], [0, 2], [-1, 0]):
        with pytest.raises(ShapeError, match="expected lines_B with distinct indices from 0 to 1"):
            engine.advance(states_BS, torch.tensor(lines), tokens_BT[:, 0])
    with pytest.raises(ConfigError, match=r"expected weights among float32, bfloat16, int8\. Received: 'int4'"):
        net.engine("int4")
    with pytest.raises(ShapeError, match="expected layers of matching sizes"):
        Net(torch.zeros(13, 5), net.stack, net.head).engine()


def test_an_engine_says_why_it_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def cells(*arguments: Any, **options: Any) -> list[Any]:
        return [unrolls[0].cell for unrolls in net_of(*arguments, **options).stack.unrolls()]

    assert why_not(cells("gru"), 13) is None
    for name, options in (("gru-reset-before", {}), ("lstm", {"projection": 3}), ("lstm", {"layer_norm": True})):
        reason = why_not(cells(name, **options), 13)
        assert reason
        with pytest.raises(KernelUnavailableError) as caught:
            net_of(name, **options).engine()
        assert str(caught.value) == f"the engine cannot run these cells: {reason}"
    double = [cell.double() for cell in cells("gru")]
    assert why_not(double, 13) == "the engine takes float32 weights on the CPU, and these are torch.float64 on cpu"
    monkeypatch.setenv("ELMAN_KERNELS", "reference")
    assert why_not(cells("gru"), 13) == "ELMAN_KERNELS selects the kernel 'reference'"


def test_ctypes_and_the_compiler_agree_on_sizes() -> None:
    native = library.load()
    native.elman_engine_sizeof.restype = ctypes.c_int64
    sizes = [native.elman_engine_sizeof(number) for number in range(4)]
    assert sizes == [ctypes.sizeof(structure) for structure in (Layer, Network, SamplingOptions, Call)]


def test_a_library_with_other_structures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Longer(Call):
        _fields_ = (("more", ctypes.c_int64),)

    monkeypatch.setattr(engine_abi, "Call", Longer)
    with pytest.raises(
        KernelUnavailableError, match=r"whose structures have \[.*\] bytes; reinstall elman\. Received: \["
    ):
        engine_abi.declare(library.load())
