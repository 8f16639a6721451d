"""The table of `benchmarks/defaults.py`: ranks, shares, and its text from given rows."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from scipy.stats import rankdata

MASE = {"kind": "forecasting", "figure": "mase", "higher": False, "rule_figure": "mase"}


@pytest.fixture(scope="module")
def table(benchmark_module: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_module("_defaults_table")


def made(name: str, preset: str, value: float, **others: Any) -> dict[str, Any]:
    return {
        "set": name, "preset": preset, "seed": 0, "kind": "texts", "held_out": False, "figure": "accuracy",
        "value": value, "network": value, "higher": True, "rule": "naive Bayes", "rule_figure": "accuracy",
        "rule_value": 0.75, "outcome": "better", "interval": ["+1.2", "+8.8"], "steps": 1200, "chosen": "", **others,
    }  # fmt: skip


def failed(name: str, preset: str, **others: Any) -> dict[str, Any]:
    row = {"set": name, "preset": preset, "seed": 0, "kind": "texts", "held_out": False, "error": "exit code 2: no"}
    return {**row, **others}


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [1.0, 1.0, 2.0], [0.5] * 4, [2.0, 1.0, 2.0, 2.0, 0.0]])
def test_ranks_are_those_of_scipy(table: ModuleType, values: list[float]) -> None:
    assert table.ranks(values, False) == rankdata(values).tolist()
    assert table.ranks(values, True) == rankdata([-value for value in values]).tolist()


def test_mean_ranks_are_over_the_sets_of_all_presets(table: ModuleType) -> None:
    rows = [
        made("a", "auto", 0.9), made("a", "base", 0.8), made("a", "large", 0.8),
        # Of two seeds the mean counts: 0.7 against 0.6 and 0.65.
        made("b", "auto", 0.9), made("b", "auto", 0.5, seed=1), made("b", "base", 0.6), made("b", "large", 0.65),
        made("c", "auto", 1.2, higher=False, figure="mase"), made("c", "base", 0.9, higher=False, figure="mase"),
        made("c", "large", 1.2, higher=False, figure="mase"),
        made("d", "auto", 0.1), failed("d", "base"), made("d", "large", 0.9),
        made("e", "auto", 0.1), made("e", "base", 0.9),
    ]  # fmt: skip
    found, count = table.mean_ranks(rows, ["auto", "base", "large"])
    assert count == 3
    assert found == pytest.approx({"auto": (1 + 1 + 2.5) / 3, "base": (2.5 + 3 + 1) / 3, "large": (2.5 + 2 + 2.5) / 3})
    assert table.mean_ranks(rows, ["auto", "small"]) == ({}, 0)


def test_shares_count_failed_runs(table: ModuleType) -> None:
    rows = [
        made("a", "auto", 0.9),
        made("b", "auto", 0.9, outcome="worse"),
        made("c", "auto", 0.9, outcome=""),
        failed("d", "auto"),
    ]
    assert table.shares(rows) == {"worse": 1, "even": 0, "better": 1, "none": 1, "failed": 1}


def test_the_text_of_the_table(table: ModuleType) -> None:
    rows = [
        made("sst2", "auto", 0.8234, chosen="--bag 2", interval=("+1", "+8"), rule="NB", steps=9, fitted_on={"NB": 1}),
        made("sst2", "base", 0.8),
        failed("mr", "auto"),
        made("mr", "base", 0.5),
        made("airline", "auto", 0.71234, **MASE, rule="drift", rule_value=0.9, outcome="", interval=None),
        made("airline", "base", 0.7, **MASE, outcome="worse"),
        made("sst5", "auto", 0.4, held_out=True, outcome="even", interval=["-1", "+2"]),
    ]  # fmt: skip
    assert (
        table.report(rows, ("texts", "forecasting"), ["auto", "base"], "How.")
        == """\
# Default options on public data

How.

## Sets of development

| kind | preset | runs | worse | not different | better | no verdict | failed |
| --- | --- | --- | --- | --- | --- | --- | --- |
| texts | auto | 2 | 0 (0%) | 0 (0%) | 1 (50%) | 0 (0%) | 1 (50%) |
| texts | base | 2 | 0 (0%) | 0 (0%) | 2 (100%) | 0 (0%) | 0 (0%) |
| forecasting | auto | 1 | 0 (0%) | 0 (0%) | 0 (0%) | 1 (100%) | 0 (0%) |
| forecasting | base | 1 | 1 (100%) | 0 (0%) | 0 (0%) | 0 (0%) | 0 (0%) |
| all | auto | 3 | 0 (0%) | 0 (0%) | 1 (33%) | 1 (33%) | 1 (33%) |
| all | base | 3 | 1 (33%) | 0 (0%) | 2 (67%) | 0 (0%) | 0 (0%) |

Mean rank over the 2 sets that all presets were run on (1 is best): auto 1.50, base 1.50.

### Sets of development: texts

| data | figure | auto | simple rule | verdict | also | steps | base | chosen options |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| sst2 | accuracy | 82.34% | NB 75.00% (fitted on a part of the data) | better (+1 to +8) |  | 9 | 80.00% | `--bag 2` |
| mr | accuracy | failed |  |  |  |  | 50.00% |  |

### Sets of development: forecasting

| data | figure | auto | simple rule | verdict | also | steps | base | chosen options |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| airline | MASE | 0.7123 | drift 0.9 | too few items to say |  | 1,200 | 0.7 |  |

Runs that failed:

- mr, auto, seed 0: exit code 2: no

## Held-out sets

| kind | preset | runs | worse | not different | better | no verdict | failed |
| --- | --- | --- | --- | --- | --- | --- | --- |
| texts | auto | 1 | 0 (0%) | 1 (100%) | 0 (0%) | 0 (0%) | 0 (0%) |
| all | auto | 1 | 0 (0%) | 1 (100%) | 0 (0%) | 0 (0%) | 0 (0%) |

### Held-out sets: texts

| data | figure | auto | simple rule | verdict | also | steps | base | chosen options |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| sst5 | accuracy | 40.00% | naive Bayes 75.00% | not different (-1 to +2) |  | 1,200 |  |  |
"""
    )


def test_several_seeds(table: ModuleType) -> None:
    rows = [
        made("sst2", "auto", 0.8, chosen="--bag 2"),
        made("sst2", "auto", 0.9, seed=1, outcome="worse", chosen="--bag 3"),
    ]
    line = table.lines_of_kind(rows, ["auto"])[2]
    assert line == (
        "| sst2 | accuracy | 85.00% (80.00% to 90.00%) | naive Bayes 75.00% | 1 worse, 1 better |  | 1,200 | "
        "`--bag 2`; `--bag 3` |"
    )


def test_the_figure_of_the_network_in_a_comparison_by_another_one(table: ModuleType) -> None:
    bits = {"figure": "bits_per_char", "rule_figure": "loss", "rule": "n-grams", "rule_value": 1.385, "network": 1.546}
    assert table.rule_of([made("text", "auto", 2.2, **bits)]) == "n-grams 1.385 against 1.546 nats per token"
    part = {"network": 0.82, "left_out": ["neighbours"]}
    shown = table.rule_of([made("sst2", "auto", 0.8, **part)])
    assert shown == "naive Bayes 75.00% against 82.00% (no time for neighbours)"
    assert table.rule_of([made("sst2", "auto", 0.8)]) == "naive Bayes 75.00%"


def test_other_figures_of_the_test_part(table: ModuleType) -> None:
    rows = [made("emotion", "auto", 0.7, test={"macro_f1": value, "brier": 1.0}) for value in (0.5, 0.6)]
    assert table.also_of(rows) == "macro F1 55.00%"
    assert table.also_of([made("scan", "auto", 40.0, figure="bleu", test={"exact": 0.25})]) == "exact 25.00%"
    assert table.also_of([made("airline", "auto", 0.7, figure="mase", test={"rmse": 1.0})]) == ""


def test_the_note_says_how_the_table_was_made(table: ModuleType) -> None:
    rows = [{"when": day, "commit": "abc", "machine": "a machine"} for day in ("2026-01-02", "2026-01-01")]
    note = table.note_of(rows, 60.0, 2, False)
    assert "Measured on 2026-01-01 to 2026-01-02, commit abc, on a machine." in note
    assert "`elman train TASK FILES --test FILE --max-seconds 60 --threads 1 --preset NAME`" in note
    assert "cuts a validation part from its training data only where the preset chooses so" in note
    note = table.note_of(rows[:1], 60.0, 2, True)
    assert "Measured on 2026-01-02, commit" in note
    assert "`elman train TASK FILES --max-seconds 60" in note
