"""Cells are found by name, take options, and say what is wrong with them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from elman.cells import GRU, INITIALISERS, LSTM, Cell, Elman, GRUResetBefore, MinGRU, available, make
from elman.errors import ConfigError, ShapeError

from ..contract.cases import Case, all_cases, randomise


def test_every_cell_is_found_under_its_name() -> None:
    found = {"elman": Elman, "gru": GRU, "gru-reset-before": GRUResetBefore, "lstm": LSTM, "mingru": MinGRU}
    assert found.items() <= dict(available()).items()
    assert list(available()) == sorted(available())
    assert type(make("lstm", 3, 4)) is LSTM
    assert type(make(GRU, 3, 4)) is GRU


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"expected a cell among elman, .*Received: 'lstn'. Did you mean 'lstm'\?"):
        make("lstn", 3, 4)


@pytest.mark.parametrize(
    ("name", "sizes", "options", "message"),
    [
        ("gru", (3, 4), {"peepholes": True}, r"GRU does not take these options.*Received: \['peepholes'\]"),
        ("elman", (0, 4), {}, "expected input_size to be a whole number above 0. Received: 0"),
        ("elman", (3, 2.5), {}, "expected hidden_size to be a whole number above 0. Received: 2.5"),
        ("elman", (3, True), {}, "expected hidden_size .*Received: True"),
        ("elman", (3, 4), {"nonlinearity": "cube"}, "expected nonlinearity 'tanh' or 'relu'. Received: 'cube'"),
        ("lstm", (3, 4), {"projection": 4}, "expected projection from 0 to hidden_size - 1 = 3. Received: 4"),
        ("lstm", (3, 4), {"projection": -1}, "Received: -1"),
        ("gru", (3, 4), {"input_init": "magic"}, "expected an initialiser among uniform, .*Received: 'magic'"),
    ],
)
def test_options_that_cannot_be_used(
    name: str, sizes: tuple[int, int], options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make(name, *sizes, **options)


@pytest.mark.parametrize("name", list(available()))
def test_a_step_names_the_tensor_that_does_not_fit(name: str) -> None:
    cell = make(name, 3, 4)
    with pytest.raises(ShapeError, match=r"expected x_BI of shape \(batch, 3\). Received: \(2, 5\)"):
        cell.step(torch.zeros(2, 5), cell.initial_state(2))
    with pytest.raises(ShapeError, match=r"Received: \(2, 5, 3\)"):
        cell(torch.zeros(2, 5, 3))
    with pytest.raises(ShapeError, match=r"expected x_BTI of shape \(batch, time, 3\). Received: \(2, 3\)"):
        cell.check_input(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match=r"expected a state of \w+ with .*\(2, 4\).* Received: .*\(3, 4\)"):
        cell.check_state(cell.initial_state(3), 2)


@pytest.mark.parametrize("name", list(available()))
def test_the_initial_state_is_zero_and_follows_the_weights(name: str) -> None:
    cell = make(name, 3, 4, dtype=torch.float64)
    for leaf, size in zip(cell.initial_state(2), cell.state_sizes().values(), strict=True):
        assert leaf.dtype == torch.float64
        assert torch.equal(leaf, torch.zeros(2, size, dtype=torch.float64))
    assert str(cell).startswith(type(cell).__name__)


def gates_of(cell: Cell) -> tuple[torch.Tensor, ...]:
    return cell.weight_hh.detach().chunk(len(cell.gate_names))


def test_matrices_are_filled_gate_by_gate() -> None:
    torch.manual_seed(0)
    for gate in gates_of(make("lstm", 3, 6, recurrent_init="orthogonal")):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), rtol=0, atol=1e-5)
    for gate in gates_of(make("gru", 3, 6, recurrent_init="identity")):
        assert torch.equal(gate, torch.eye(6))
    (plain,) = gates_of(make("elman", 3, 6))
    torch.testing.assert_close(plain @ plain.T, torch.eye(6), rtol=0, atol=1e-5)


def test_the_recurrent_weights_of_an_unbounded_cell_are_half_the_identity_unless_others_are_given() -> None:
    torch.manual_seed(0)
    (relu,) = gates_of(make("elman", 3, 6, nonlinearity="relu"))
    rest = 2.0 * relu - torch.eye(6)
    torch.testing.assert_close(rest @ rest.T, torch.eye(6), rtol=0, atol=1e-5)
    assert float(torch.linalg.matrix_norm(relu, 2)) <= 1.0 + 1e-5
    assert torch.equal(gates_of(make("elman", 3, 6, nonlinearity="relu", recurrent_init="identity"))[0], torch.eye(6))


@pytest.mark.parametrize("name", list(INITIALISERS))
def test_each_initialiser_has_its_spread(name: str) -> None:
    torch.manual_seed(0)
    H = 200
    weight = make("gru", H, H, input_init=name).weight_ih.detach()
    spread = {
        "uniform": 1 / math.sqrt(3 * H),
        "glorot": math.sqrt(2 / (H + H)),
        "he": math.sqrt(2 / H),
        "orthogonal": 1 / math.sqrt(H),
        "identity": 1 / math.sqrt(H),
        "half_identity": 1 / math.sqrt(2 * H),
        "zeros": 0.0,
    }
    assert float(weight.std()) == pytest.approx(spread[name], rel=0.03)


def test_biases_start_at_zero_but_for_the_forget_gate() -> None:
    lstm = make("lstm", 3, 4)
    assert lstm.bias_ih.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert lstm.bias_hh.tolist() == [0.0] * 16
    assert make("lstm", 3, 4, coupled=True, forget_bias=2.0).bias_ih.tolist() == [-2.0] * 4 + [0.0] * 8
    assert make("gru", 3, 4).bias_ih.tolist() == [0.0] * 12


@pytest.mark.parametrize(
    ("name", "options", "keeps"),
    [
        pytest.param("lstm", {}, "f", marks=pytest.mark.slow),
        pytest.param("lstm", {"coupled": True, "peepholes": True}, "f", marks=pytest.mark.slow),
        pytest.param("gru", {}, "z", marks=pytest.mark.slow),
        pytest.param("gru-reset-before", {}, "z", marks=pytest.mark.slow),
        ("mingru", {}, "z"),
    ],
)
def test_memory_opens_the_gate_that_keeps(name: str, options: dict[str, Any], keeps: str) -> None:
    """The share that is kept of what was there is 1 - 1/u for u uniform from 2 to the number of steps."""
    H, steps = 4000, 100
    cell = make(name, 3, H, chrono_init=steps, **options)
    with torch.no_grad():
        gates = cell.advance(cell.project(torch.zeros(1, 3)), cell.initial_state(1)).gates
    kept = 1.0 - gates[keeps] if name == "mingru" else gates[keeps]
    spans = 1.0 / (1.0 - kept)
    assert 1.99 < spans.min() < 3.0
    assert 97.0 < spans.max() < 100.1
    assert spans.mean().item() == pytest.approx(51.0, rel=0.05)
    if name == "lstm":
        assert torch.allclose(gates["i"] + gates["f"], torch.ones(()), atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru", "gru-reset-before", "mingru"])
def test_memory_of_no_sense_is_refused(name: str) -> None:
    for memory in (1, -3, 2.5, True):
        with pytest.raises(ConfigError, match="expected chrono_init to be 0 or a number of steps from 2"):
            make(name, 3, 4, chrono_init=memory)
    with pytest.raises(ConfigError, match="expected biases with chrono_init"):
        make(name, 3, 4, chrono_init=10, bias=False)


def test_a_cell_without_a_recurrent_product_says_so() -> None:
    cell = make("mingru", 3, 4)
    assert cell.is_linear
    assert [name for name, _ in cell.named_parameters()] == ["weight_ih", "bias_ih"]
    with pytest.raises(ConfigError, match="MinGRU has no recurrent product"):
        cell.recur(cell.initial_state(1))
    with pytest.raises(ConfigError, match="expected no recurrent mask: MinGRU"):
        cell.advance(cell.project(torch.zeros(1, 3)), cell.initial_state(1), torch.ones(1, 4))


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_weights_drawn_again_are_as_new(case: Case) -> None:
    """Also after a start without storage, which leaves whatever the memory held."""
    torch.manual_seed(7)
    new = make(case.cell, 3, 4, **case.options)
    late = make(case.cell, 3, 4, device="meta", **case.options).to_empty(device="cpu")
    randomise(late, 1)
    torch.manual_seed(7)
    late.reset_parameters()
    assert late.state_dict().keys() == new.state_dict().keys()
    for name, weight in late.state_dict().items():
        assert torch.equal(weight, new.state_dict()[name]), name


def test_an_input_of_another_type_is_named() -> None:
    cell = make("gru", 3, 4)
    with pytest.raises(ShapeError, match=r"expected x_BTI of torch.float32, as the weights. Received: torch.float64"):
        cell.check_input(torch.zeros(2, 5, 3, dtype=torch.float64))
    with pytest.raises(ShapeError, match=r"Received: torch.int64"):
        cell.check_input(torch.zeros(2, 5, 3, dtype=torch.int64))
    with torch.autocast("cpu", torch.bfloat16):
        cell.check_input(torch.zeros(2, 5, 3, dtype=torch.bfloat16))
