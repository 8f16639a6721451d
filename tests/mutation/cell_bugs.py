"""Bugs to plant in the cells."""

from __future__ import annotations

from elman.cells import cell, elman, gru, gru_reset_before, lstm, mingru

from ..contract import checks
from ..contract.cases import Case
from .bug import ELMAN, GRU, MINGRU, RESET_BEFORE, Bug, lstm_case

CELL_BUGS = [
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
        "torch gets the two biases the wrong way round",
        gru,
        "GRU.torch_form",
        (("else (self.bias_ih, self.bias_hh)", "else (self.bias_hh, self.bias_ih)"),),
        checks.check_equations,
        GRU,
        "torch",
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
        (("r * u_n", "(r * state.h) @ self.weight_hh.chunk(3)[2].T + self.bias_hh.chunk(3)[2]"),),
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
        "a linear cell's loop keeps what it should forget",
        mingru,
        "MinGRU.coefficients",
        (("return 1.0 - z, z * n", "return z, (1.0 - z) * n"),),
        checks.check_equations,
        MINGRU,
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
        "a state's derivative is cut out of the second derivative",
        gru,
        "GRU.update",
        (("n + z * (state.h - n)", "n + z.detach() * (state.h - n)"),),
        checks.check_finite_differences,
        GRU,
    ),
]
