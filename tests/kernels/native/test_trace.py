"""Traced programs against the cells themselves and autograd, what goes to which slot, and what cannot be traced."""

from __future__ import annotations

import gc
import weakref
from collections import namedtuple
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells import Cell, make
from elman.cells.cell import HiddenState
from elman.kernels import Step
from elman.kernels.native.program import Program
from elman.kernels.native.trace import program_of

from .invented_cells import INVENTED, Invented
from .programs_in_torch import check_gradients, check_values

H = 4
BUILTIN: dict[str, tuple[str, dict[str, Any]]] = {
    "tanh": ("elman", {}),
    "relu": ("elman", {"nonlinearity": "relu"}),
    "lstm": ("lstm", {}),
    "peepholes": ("lstm", {"peepholes": True}),
    "coupled": ("lstm", {"coupled": True}),
    "coupled-peepholes": ("lstm", {"coupled": True, "peepholes": True}),
    "gru": ("gru", {}),
    "mingru": ("mingru", {}),
    "no-bias": ("lstm", {"bias": False}),
}


def build(name: str, hidden_size: int = H) -> Cell:
    """A built-in or invented cell in float64 with random weights."""
    torch.manual_seed(3)
    if name in INVENTED:
        cell: Cell = INVENTED[name](3, hidden_size)
    else:
        kind, options = BUILTIN[name]
        cell = make(kind, 3, hidden_size, **options)
    cell.double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.uniform_(-1.0, 1.0)
    return cell


def program(cell: Cell) -> Program:
    made = program_of(cell)
    assert isinstance(made, Program), made
    return made


ALL = [*BUILTIN, *INVENTED]


@pytest.mark.parametrize("name", ALL)
def test_a_program_computes_what_the_cell_computes(name: str) -> None:
    cell = build(name)
    check_values(cell, program(cell))


@pytest.mark.parametrize("name", [name for name in ALL if name != "OwnAdvance"])
def test_the_backward_list_is_autograds_gradient(name: str) -> None:
    cell = build(name)
    check_gradients(cell, program(cell))


@pytest.mark.parametrize(
    ("name", "slots", "x_gates", "h_gates", "h_first"),
    [
        ("tanh", 1, (0,), (0,), 0),
        ("lstm", 4, (0, 1, 2, 3), (0, 1, 2, 3), 0),
        ("peepholes", 4, (0, 1, 2, 3), (0, 1, 2, 3), 0),
        ("coupled", 3, (0, 1, 2), (0, 1, 2), 0),
        ("gru", 4, (2, 0, 1), (0, 1, 2), 1),
        ("mingru", 2, (0, 1), (), 2),
        ("MinimalGate", 3, (1, 0), (0, 1), 1),
        ("Scaled", 2, (0, 1), (0, 1), 0),
        ("Crossed", 2, (0, 1), (1, 0), 0),
        ("UsedTwice", 6, (0, 1, 2), (0, 1, 2), 3),
        ("OnlyInput", 1, (1,), (), 1),
        ("OnlyPast", 1, (), (0,), 0),
        ("Reshaped", 3, (0, 1, 2), (0, 1, 2), 0),
    ],
)
def test_blocks_that_are_only_added_share_a_slot(
    name: str, slots: int, x_gates: tuple[int, ...], h_gates: tuple[int, ...], h_first: int
) -> None:
    made = program(build(name))
    assert (made.slots, made.x_gates, made.h_gates, made.h_first) == (slots, x_gates, h_gates, h_first)


def test_forward_keeps_gates_and_backward_computes_only_what_is_cheap() -> None:
    def functions(name: str) -> list[str]:
        return [operation.function for operation in program(build(name)).backward]

    assert "sigmoid" not in functions("lstm")
    assert functions("lstm").count("tanh") == 1  # of the new c, which is saved
    assert not {"sigmoid", "tanh"} & set(functions("gru"))
    assert "tanh" not in functions("tanh")
    # The new state is all that backward needs: nothing is stored in the record.
    assert [operation.result for operation in program(build("tanh")).forward][-1] == "new0"


def test_the_text_does_not_depend_on_sizes_names_or_the_run() -> None:
    first, again = program(build("peepholes")), program(build("peepholes", hidden_size=7))
    assert first.text == again.text
    assert first.digest == again.digest
    assert first.digest != program(build("lstm")).digest
    assert first.parameters == ("peephole_i", "peephole_f", "peephole_o")


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_gradients_are_traced_whatever_the_caller_has_switched_off(around: Any) -> None:
    expected = program(build("Stopped")).text
    with around():
        assert program(build("Stopped")).text == expected


def test_one_unit_is_traced_like_many() -> None:
    for name in ("lstm", "gru", "Scaled", "ThreeLeaves"):
        assert program(build(name, hidden_size=1)).text == program(build(name)).text


NineLeaves = namedtuple("NineLeaves", ["h", *(f"c{index}" for index in range(8))])


class TestRefusals:
    """Exact sentences, so that a person knows what to change."""

    @pytest.mark.parametrize(
        ("cell", "options", "sentence"),
        [
            ("lstm", {"layer_norm": True}, "its update calls layer_norm, which is not element-wise"),
            ("lstm", {"projection": 2}, "its state leaf 'h' has 2 numbers a row, expected 4 (hidden_size)"),
            ("gru-reset-before", {}, "its advance uses bias_hh apart from linear(h, weight_hh, bias_hh)"),
            (
                "gru-reset-before",
                {"bias": False},
                "its advance uses weight_hh apart from linear(h, weight_hh, bias_hh)",
            ),
        ],
    )
    def test_built_in_cells(self, cell: str, options: dict[str, Any], sentence: str) -> None:
        assert program_of(make(cell, 3, H, **options)) == sentence

    @staticmethod
    def of(update: Any, **attributes: Any) -> Program | str:
        """What program_of says of a cell with this `update(self, p, u, h)`."""

        def whole(self: Any, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            return self.done(update(self, p_BG, u_BG, state.h))

        cell = type("Odd", (Invented,), {"update": whole})(3, H)
        for name, value in attributes.items():
            setattr(cell, name, value)
        return program_of(cell)

    @pytest.mark.parametrize(
        ("update", "sentence"),
        [
            (lambda self, p, u, h: F.softmax(p + u, -1), "its update calls softmax, which is not element-wise"),
            (lambda self, p, u, h: p + u.sum(-1, keepdim=True), "its update calls sum, which is not element-wise"),
            (lambda self, p, u, h: p if u[0, 0] > 0 else u, "its update calls __getitem__, which moves numbers"),
            (lambda self, p, u, h: p if (p > u).all() else u, "its update calls all, which is not element-wise"),
            (lambda self, p, u, h: p if p > u else u, "its update branches on a value"),
            (lambda self, p, u, h: p * float(h), "its update reads a value (__float__)"),
            (lambda self, p, u, h: p.add_(u), "its update changes a tensor in place (add_)"),
            (lambda self, p, u, h: F.relu(p + u, inplace=True), "its update changes a tensor in place (relu)"),
            (lambda self, p, u, h: p.flip(-1) + u, "its update calls flip, which moves numbers between units or rows"),
            (lambda self, p, u, h: p + torch.rand(H), "its update calls rand, which is not element-wise"),
            (lambda self, p, u, h: F.dropout(p + u), "its update draws random numbers (dropout)"),
            (lambda self, p, u, h: (p + u).to(torch.float16), "its update changes the dtype (to)"),
            (lambda self, p, u, h: p * self.bias_ih[0], "its update calls __getitem__, which moves numbers between"),
            (lambda self, p, u, h: p * ((p < u) + (u < h)), "its update calls add with booleans only"),
            (lambda self, p, u, h: torch.zeros_like(p, dtype=torch.int64), "its update changes the dtype (zeros_like)"),
            (lambda self, p, u, h: p[:1] + u[:1], "its update calls __getitem__, which moves numbers between units or"),
            (lambda self, p, u, h: p @ self.weight_ih, "its update calls matmul, which is not element-wise"),
            (lambda self, p, u, h: torch.cat([p, u], -1), "its update returns the leaf 'h' of shape batch x 8"),
            (lambda self, p, u, h: p.no_such_method(), "its update cannot be traced: AttributeError"),
            (lambda self, p, u, h: torch.clamp(p, u, h), "its update calls clamp with a tensor where only a number"),
        ],
    )
    def test_updates(self, update: Any, sentence: str) -> None:
        said = self.of(update)
        assert isinstance(said, str)
        assert said.startswith(sentence)

    def test_tensors_that_are_no_weights(self) -> None:
        said = self.of(lambda self, p, u, h: p * self.factor, factor=torch.rand(H))
        assert said == "its update calls mul with a tensor that is neither a parameter nor a buffer of the cell"
        said = self.of(lambda self, p, u, h: p * self.factor, factor=nn.Parameter(torch.rand(3)))
        assert said == "its update uses factor of shape (3,); expected 1 or 4 numbers"

    def test_more_than_the_interface_has_room_for(self) -> None:
        weights = {f"w{index}": nn.Parameter(torch.rand(H)) for index in range(17)}

        def update(self: Any, p: Tensor, u: Tensor, h: Tensor) -> Tensor:
            for name in weights:
                p = p * getattr(self, name)
            return p + u

        assert self.of(update, **weights) == "its equations have 17 parameters, expected at most 16"

        class Nine(Invented):
            def state_sizes(self) -> dict[str, int]:
                return {"h": H} | {f"c{index}": H for index in range(8)}

            def initial_state(self, batch_size: int) -> Any:
                return NineLeaves(*(self.weight_ih.new_zeros(batch_size, H) for _ in range(9)))

            def update(self, p_BG: Tensor, u_BG: Tensor, state: Any) -> Step:
                return Step(p_BG + u_BG, state, {})

        assert program_of(Nine(3, H)) == "its state has 9 leaves, expected at most 8"

    def test_products_that_are_not_the_one_with_the_past(self) -> None:
        def of(product: Any) -> Program | str:
            class Multiplying(INVENTED["OwnAdvance"]):  # type: ignore[misc]
                def advance(self, p_BG: Tensor, state: Any, recurrent_mask_BH: Tensor | None = None) -> Step:
                    h_BH = torch.tanh(p_BG + product(self, state.h))
                    return Step(h_BH, HiddenState(h_BH), {})

            return program_of(Multiplying(3, H))

        other = "its advance calls linear, which is not element-wise, apart from linear(h, weight_hh, bias_hh)"
        assert of(lambda self, h: F.linear(h * 0.5, self.weight_hh, self.bias_hh)) == other
        assert of(lambda self, h: F.linear(h * h, self.weight_hh, self.bias_hh)) == other
        assert of(lambda self, h: F.linear(h, self.weight_ih, self.bias_hh)) == other
        assert of(lambda self, h: F.linear(h, self.weight_hh, self.bias_ih)) == other
        assert of(lambda self, h: F.linear(h, self.weight_hh)) == (
            "its advance calls linear(h, weight_hh) without bias_hh, although the cell has one"
        )
        # A cell that forgets the mask would run without recurrent dropout here, and with it there.
        assert of(lambda self, h: F.linear(h, self.weight_hh, self.bias_hh)) == (
            "its advance applies the recurrent mask to something else than the input of its product"
        )

    def test_a_mask_of_the_past_that_reaches_further(self) -> None:
        class Leaking(INVENTED["OwnAdvance"]):  # type: ignore[misc]
            def advance(self, p_BG: Tensor, state: Any, recurrent_mask_BH: Tensor | None = None) -> Step:
                step = super().advance(p_BG, state, recurrent_mask_BH)
                h_BH = step.y if recurrent_mask_BH is None else step.y * recurrent_mask_BH
                return Step(h_BH, HiddenState(h_BH), {})

        said = program_of(Leaking(3, H))
        assert said == "its advance applies the recurrent mask to something else than the input of its product"


class TestMemory:
    """program_of is called on every forward: it has to be quick, and right after every change."""

    class Mode(Invented):
        """Equations that depend on attributes, mode and weights."""

        def build(self) -> None:
            self.factor = 0.5
            self.list_of_factors = [1.0]
            self.bound: nn.Parameter | None = None
            self.inner = nn.LeakyReLU(0.1)

        def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            h_BH = self.inner(p_BG + u_BG) * self.factor * self.list_of_factors[0]
            if self.training:
                h_BH = h_BH + 1
            return self.done(h_BH if self.bound is None else h_BH * self.bound)

    def test_the_same_object_while_nothing_changes(self) -> None:
        cell = self.Mode(3, H)
        first = program_of(cell)
        with torch.no_grad():
            cell.weight_ih.fill_(2.0)
        assert program_of(cell) is first

    def test_a_change_is_seen(self) -> None:
        cell = self.Mode(3, H)
        texts = [program(cell).text]

        def changed() -> None:
            text = program(cell).text
            assert text not in texts
            texts.append(text)

        cell.factor = 0.75
        changed()
        cell.list_of_factors[0] = 3.0
        changed()
        cell.inner.negative_slope = 0.2
        changed()
        cell.bound = nn.Parameter(torch.ones(H))
        changed()
        cell.eval()
        changed()

    def test_a_cell_is_not_kept_alive(self) -> None:
        cell = self.Mode(3, H)
        program_of(cell)
        watch = weakref.ref(cell)
        del cell
        gc.collect()
        assert watch() is None
