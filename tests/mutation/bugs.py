"""Bugs to plant: which line of which function is changed, and the check that must notice."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from elman import kernels
from elman.cells import cell, elman, gru, gru_reset_before, lstm, mingru
from elman.kernels import reference, scan, torch_layers
from elman.nn import unroll

from ..contract import checks
from ..contract.cases import Case

Check = Callable[[Case, str], None]


class Bug(NamedTuple):
    """What is changed, in which function of which module, and the check that must notice."""

    what: str
    module: ModuleType
    function: str
    edits: tuple[tuple[str, str], ...]
    check: Check
    case: Case
    kernel: str = "reference"


def lstm_case(**options: Any) -> Case:
    return Case("lstm", options)


ELMAN, GRU, RESET_BEFORE, MINGRU = (Case(name, {}) for name in ("elman", "gru", "gru-reset-before", "mingru"))

BUGS = [
    Bug(
        "LSTM gates i and f are swapped",
        lstm,
        "LSTM.update",
        (("sum_i, sum_f, sum_g, sum_o = sums", "sum_f, sum_i, sum_g, sum_o = sums"),),
        checks.check_equations,
        lstm_case(),
    ),
    Bug(
        "GRU gates r and z are swapped",
        gru,
        "GRU.update",
        (("p_r, p_z, p_n = ", "p_z, p_r, p_n = "), ("u_r, u_z, u_n = ", "u_z, u_r, u_n = ")),
        checks.check_equations,
        GRU,
    ),
    Bug(
        "z stands for 1 - z",
        gru,
        "GRU.update",
        (("n + z * (state.h - n)", "state.h + z * (n - state.h)"),),
        checks.check_equations,
        GRU,
    ),
    Bug(
        "the recurrent bias is dropped",
        cell,
        "Cell.recur",
        (("self.weight_hh, self.bias_hh)", "self.weight_hh)"),),
        checks.check_equations,
        ELMAN,
    ),
    Bug(
        "the state is detached inside the loop",
        reference,
        "steps",
        (("        state = step.state", "        state = map_leaves(Tensor.detach, step.state)"),),
        checks.check_equations,
        ELMAN,
    ),
    Bug(
        "every row runs a step too far",
        reference,
        "steps",
        (("t < lengths_B", "t <= lengths_B"),),
        checks.check_past_end,
        ELMAN,
    ),
    Bug(
        "every row ends a step too early",
        reference,
        "steps",
        (("t < lengths_B", "t + 1 < lengths_B"),),
        checks.check_past_end,
        ELMAN,
    ),
    Bug(
        "the state of padded steps is kept",
        reference,
        "steps",
        (("keep_past_end(alive_B, step.state, state)", "step.state"),),
        checks.check_past_end,
        lstm_case(),
    ),
    Bug(
        "padded steps have an output",
        reference,
        "steps",
        (("torch.where(alive_B[:, None], step.y, torch.zeros_like(step.y))", "step.y"),),
        checks.check_past_end,
        GRU,
    ),
    Bug(
        "an empty row's final state is not its start state (gathered)",
        torch_layers,
        "_run_and_gather",
        (("torch.where((lengths_B > 0)[:, None], final_BH, start)", "final_BH"),),
        checks.check_edges,
        GRU,
        "torch",
    ),
    Bug(
        "an empty row's final state is not its start state (packed)",
        torch_layers,
        "_run_packed",
        (("torch.where(running_B1, new[back], old)", "new[back]"),),
        checks.check_past_end,
        lstm_case(),
        "torch",
    ),
    Bug(
        "an empty row's final state is not its start state (scan)",
        scan,
        "run",
        (("torch.where((lengths_B > 0)[:, None], final_BH, h_BH)", "final_BH"),),
        checks.check_edges,
        MINGRU,
        "scan",
    ),
    Bug(
        "final states of packed rows stand in the packed order",
        torch_layers,
        "_run_packed",
        (("new[back]", "new"),),
        checks.check_past_end,
        lstm_case(),
        "torch",
    ),
    Bug(
        "a gathered final state is one step old",
        torch_layers,
        "_run_and_gather",
        (("(lengths_B - 1)", "(lengths_B - 2)"),),
        checks.check_split,
        GRU,
        "torch",
    ),
    Bug(
        "torch gets the two biases the wrong way round",
        gru,
        "GRU.torch_form",
        (("else (self.bias_ih, self.bias_hh)", "else (self.bias_hh, self.bias_ih)"),),
        checks.check_equations,
        GRU,
        "torch",
    ),
    Bug(
        "reversal ignores the lengths",
        unroll,
        "reverse_rows",
        (("if lengths_B is None:", "if True:"),),
        checks.check_reverse,
        ELMAN,
    ),
    Bug(
        "a reversed row is off by one",
        unroll,
        "reverse_rows",
        (("lengths_B1 - 1 - steps_T", "(lengths_B1 - 2 - steps_T).clamp(min=0)"),),
        checks.check_reverse,
        ELMAN,
    ),
    Bug(
        "the output gate's peephole sees the old memory",
        lstm,
        "LSTM.update",
        (("self.peephole_o * c_BH", "self.peephole_o * state.c"),),
        checks.check_equations,
        lstm_case(peepholes=True),
    ),
    Bug(
        "the coupled forget gate is i, not 1 - i",
        lstm,
        "LSTM.update",
        (("f = 1.0 - i", "f = i"),),
        checks.check_equations,
        lstm_case(coupled=True),
    ),
    Bug(
        "the coupled gates start with the forget bias's sign turned",
        lstm,
        "LSTM.reset_parameters",
        (('("i", -1.0)', '("i", 1.0)'),),
        checks.check_forget_bias,
        lstm_case(coupled=True),
    ),
    Bug(
        "layer norm leaves out the memory",
        lstm,
        "LSTM.update",
        (("c_BH if self.norm_c is None else self.norm_c(c_BH)", "c_BH"),),
        checks.check_equations,
        lstm_case(layer_norm=True),
    ),
    Bug(
        "the reset gate is applied before the product",
        gru,
        "GRU.update",
        (
            (
                "r * u_n",
                "torch.nn.functional.linear(r * state.h, self.weight_hh.chunk(3)[2], self.bias_hh.chunk(3)[2])",
            ),
        ),
        checks.check_equations,
        GRU,
    ),
    Bug(
        "the reset gate is applied after the product",
        gru_reset_before,
        "GRUResetBefore.advance",
        (("F.linear(r * h_BH, self", "r * F.linear(h_BH, self"),),
        checks.check_equations,
        RESET_BEFORE,
    ),
    Bug(
        "tanh runs where ReLU was asked for",
        elman,
        "Elman.update",
        (("_FUNCTIONS[self.nonlinearity]", "torch.tanh"),),
        checks.check_equations,
        Case("elman", {"nonlinearity": "relu"}),
    ),
    Bug(
        "the scan stops a sweep too early",
        scan,
        "linear_scan",
        (("while span < b_BTH.shape[1]", "while 2 * span < b_BTH.shape[1]"),),
        checks.check_equations,
        MINGRU,
        "scan",
    ),
    Bug(
        "the scan joins the wrong neighbour",
        scan,
        "linear_scan",
        (("b_BTH[:, :-span], (0, 0, span, 0)", "b_BTH[:, 1:], (0, 0, 1, 0)"),),
        checks.check_equations,
        MINGRU,
        "scan",
    ),
    Bug(
        "the scan forgets the start state",
        scan,
        "linear_scan",
        (("b_BTH[:, :1] + a_BTH[:, :1] * h_BH[:, None]", "b_BTH[:, :1]"),),
        checks.check_split,
        MINGRU,
        "scan",
    ),
    Bug(
        "a linear cell's loop keeps what it should forget",
        mingru,
        "MinGRU.coefficients",
        (("return 1.0 - z, z * n", "return z, (1.0 - z) * n"),),
        checks.check_equations,
        MINGRU,
    ),
    Bug(
        "the padding reaches the gradients",
        kernels,
        "run",
        (("x_BTI = clear_padding(x_BTI, lengths_B)", "pass"),),
        checks.check_padding_ignored,
        ELMAN,
    ),
    Bug(
        "the learnt start gets no gradient",
        cell,
        "Cell.initial_state",
        (("self.initial[leaf].expand", "self.initial[leaf].detach().expand"),),
        checks.check_learnt_start,
        Case("elman", {"learn_initial_state": True}),
    ),
    Bug(
        "a trace of a reversed row stands in running order",
        unroll,
        "Unroll.trace",
        (("return reverse_rows(stacked, lengths_B) if self.reverse else stacked", "return stacked"),),
        checks.check_trace,
        ELMAN,
    ),
]
