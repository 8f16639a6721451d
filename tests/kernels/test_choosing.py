"""Which backend runs a cell, why the others do not, and how one is forced."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from elman import kernels
from elman.cells import available, make
from elman.errors import ConfigError, KernelUnavailableError, ShapeError
from elman.kernels import BACKENDS, KernelRequest, choose, clear_padding, run, why_not
from elman.kernels.native import library
from elman.nn import Unroll

from ..contract.cases import able_kernels

MASKED = KernelRequest(recurrent_mask=True)


@pytest.fixture(autouse=True)
def nothing_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELMAN_KERNELS", raising=False)


def test_the_reference_loop_stands_last_and_never_objects() -> None:
    assert list(BACKENDS)[-1] == "reference"
    for name in available():
        for request in (None, MASKED, KernelRequest(ragged=True)):
            assert why_not(make(name, 3, 4), request)["reference"] is None


def test_the_native_engine_says_what_it_is_or_why_it_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if library.why_not() is None:
        assert kernels.native_status()["instruction_set"] == library.instruction_set()
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(tmp_path))
    status = kernels.native_status()
    assert set(status) == {"problem"}
    assert str(status["problem"]).startswith("the compiled library is not built")


@pytest.mark.parametrize("name", list(available()))
def test_an_objection_is_a_sentence(name: str) -> None:
    for request in (None, MASKED):
        for reason in why_not(make(name, 3, 4), request).values():
            assert reason is None or (len(reason.split()) > 3 and not reason.endswith("."))


@pytest.mark.parametrize(
    ("name", "options", "request_", "backend", "expected"),
    [
        ("elman", {}, None, "torch", None),
        ("gru", {}, None, "torch", None),
        ("lstm", {"projection": 2}, None, "torch", None),
        ("lstm", {"peepholes": True}, None, "torch", "torch's LSTM has no peepholes"),
        ("lstm", {"coupled": True}, None, "torch", "torch's LSTM has no coupled gates"),
        ("lstm", {"layer_norm": True}, None, "torch", "torch's LSTM has no layer norm"),
        ("gru-reset-before", {}, None, "torch", "torch's GRU applies the reset gate after the product"),
        ("mingru", {}, None, "torch", "torch has no fused layer for this cell"),
        ("lstm", {}, MASKED, "torch", "torch's layers have no recurrent dropout"),
        ("mingru", {}, None, "scan", None),
        ("mingru", {}, MASKED, "scan", "a cell without a recurrent product has no recurrent dropout"),
        ("lstm", {}, None, "scan", "its recurrence is not linear in the state"),
        ("lstm", {"layer_norm": True}, None, "native", "its update calls layer_norm, which is not element-wise"),
        ("lstm", {"projection": 2}, None, "native", "its state leaf 'h' has 2 numbers a row, expected 4 (hidden_size)"),
        ("mingru", {}, MASKED, "native", "a cell without a recurrent product has no recurrent dropout"),
    ],
)
def test_why_not(
    name: str, options: dict[str, object], request_: KernelRequest | None, backend: str, expected: str
) -> None:
    if backend == "native" and library.why_not() is not None:
        expected = str(library.why_not())
    assert why_not(make(name, 3, 4, **options), request_)[backend] == expected


def test_the_first_without_an_objection_runs() -> None:
    for name in available():
        cell = make(name, 3, 4)
        reasons = why_not(cell)
        assert choose(cell) == next(backend for backend, reason in reasons.items() if reason is None)
    assert choose(make("mingru", 3, 4)) == ("scan" if library.why_not() else "native")
    assert choose(make("gru-reset-before", 3, 4)) == "reference"


def test_a_kernel_is_forced_by_argument_or_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, x = make("gru", 3, 4), torch.randn(2, 5, 3)
    ran: list[str] = []
    for name, backend in BACKENDS.items():
        monkeypatch.setattr(backend, "run", lambda *args, n=name, real=backend.run: (ran.append(n), real(*args))[1])
    monkeypatch.setenv("ELMAN_KERNELS", "reference")
    assert choose(cell) == "reference"
    Unroll(cell)(x)
    # What is said in the code stands above what is said in the environment.
    Unroll(cell, kernel="torch")(x)
    monkeypatch.setenv("ELMAN_KERNELS", "")
    Unroll(cell)(x)
    assert ran == ["reference", "torch", choose(cell)]


def test_a_forced_kernel_that_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KernelUnavailableError, match="the kernel 'torch' cannot run MinGRU: torch has no fused layer"):
        choose(make("mingru", 3, 4), kernel="torch")
    monkeypatch.setenv("ELMAN_KERNELS", "scan")
    with pytest.raises(KernelUnavailableError, match="the kernel 'scan' cannot run LSTM: its recurrence is not linear"):
        Unroll(make("lstm", 3, 4))(torch.zeros(1, 2, 3))
    monkeypatch.setenv("ELMAN_KERNELS", "abacus")
    with pytest.raises(
        ConfigError, match=r"expected a kernel among native, torch, .*reference, .*generic. Received: 'abacus'"
    ):
        Unroll(make("lstm", 3, 4))(torch.zeros(1, 2, 3))


def test_a_backend_run_without_being_asked_says_why_too() -> None:
    x, lstm, gru = torch.zeros(1, 2, 3), make("lstm", 3, 4, peepholes=True), make("gru", 3, 4)
    with pytest.raises(KernelUnavailableError, match="no peepholes"):
        BACKENDS["torch"].run(lstm, x, None, lstm.initial_state(1), None)
    with pytest.raises(KernelUnavailableError, match="not linear"):
        BACKENDS["scan"].run(gru, x, None, gru.initial_state(1), None)


def test_the_choice_is_logged_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_logged", set())
    cell = make("gru", 3, 4)
    with caplog.at_level(logging.INFO, logger="elman.kernels"):
        for _ in range(3):
            choose(cell, kernel="reference")
    assert [record.getMessage() for record in caplog.records] == ["GRU runs on the reference kernel"]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([1, 2, 3]), r"expected lengths_B with 2 whole numbers. Received: shape \(3,\), torch.int64"),
        (torch.tensor([1.0, 2.0]), r"expected lengths_B with 2 whole numbers. Received: shape \(2,\), torch.float32"),
        (torch.tensor([[1, 2]]), r"Received: shape \(1, 2\)"),
        (torch.tensor([1, 6]), r"expected lengths_B between 0 and T = 5. Received: 1 to 6"),
        (torch.tensor([-1, 2]), r"expected lengths_B between 0 and T = 5. Received: -1 to 2"),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_lengths_that_do_not_fit(lengths: torch.Tensor, message: str, reverse: bool) -> None:
    with pytest.raises(ShapeError, match=message):
        Unroll(make("gru", 3, 4), reverse=reverse)(torch.zeros(2, 5, 3), lengths)
    with pytest.raises(ShapeError, match=message):
        Unroll(make("gru", 3, 4), reverse=reverse).trace(torch.zeros(2, 5, 3), lengths)


def test_an_input_without_time_does_not_fit() -> None:
    cell = make("gru", 3, 4)
    with pytest.raises(
        ShapeError, match=r"expected x_BTI with 3 dimensions \(batch, time, input\). Received: \(5, 3\)"
    ):
        run(cell, torch.zeros(5, 3), None, cell.initial_state(5))


def test_clearing_the_padding_leaves_the_rest_alone() -> None:
    x = torch.arange(12.0).reshape(2, 3, 2) + 1
    cleared = clear_padding(x, torch.tensor([3, 1]))
    assert torch.equal(cleared[0], x[0])
    assert cleared[1].tolist() == [[7.0, 8.0], [0.0, 0.0], [0.0, 0.0]]
    assert bool((x > 0).all())


def test_a_growing_relu_cell_has_finite_gradients_past_its_rows_ends() -> None:
    """Run on through the padding, this cell's state would overflow, and 0 * inf would reach the weights."""
    for backend in able_kernels(make("elman", 1, 1, nonlinearity="relu")):
        cell = make("elman", 1, 1, nonlinearity="relu")
        with torch.no_grad():
            cell.weight_ih.fill_(1.0)
            cell.weight_hh.fill_(3.0)
        y, final = Unroll(cell, kernel=backend)(torch.ones(2, 200, 1), torch.tensor([3, 0]))
        assert y[0, :3, 0].tolist() == [1.0, 4.0, 13.0]
        assert final.h[:, 0].tolist() == [13.0, 0.0]
        y.sum().backward()
        assert cell.weight_hh.grad.item() == 1.0 + 4.0 + 3.0 * 1.0
