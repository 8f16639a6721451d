"""The contract of every cell on every backend, as plain functions that raise AssertionError.

The contract tests call them on the code as it is, the mutation tests on code with a planted bug.
"""

from __future__ import annotations

from .numeric_checks import (
    check_equations,
    check_finite_differences,
    check_forget_bias,
    check_learnt_start,
    check_lower_precision,
    check_precision,
    check_saved,
    check_unbounded,
)
from .sequence_checks import (
    check_any_order,
    check_edges,
    check_padding_ignored,
    check_past_end,
    check_recompute,
    check_reverse,
    check_rows_independent,
    check_split,
    check_stepping,
    check_trace,
)

__all__ = ["CHECKS"]

CHECKS = (
    check_equations,
    check_precision,
    check_saved,
    check_finite_differences,
    check_learnt_start,
    check_forget_bias,
    check_unbounded,
    check_lower_precision,
    check_rows_independent,
    check_padding_ignored,
    check_past_end,
    check_split,
    check_recompute,
    check_edges,
    check_any_order,
    check_stepping,
    check_reverse,
    check_trace,
)
