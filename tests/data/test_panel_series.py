"""The panel itself: taking, cutting, times, digest, summary; and that it needs no torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from elman.data.panel import Panel, PanelConfig, panel_from
from elman.data.panel.static import check_encoder
from elman.errors import ArtifactError, DataError


@pytest.fixture
def panel() -> Panel:
    """a: 5 steps and 2 known ahead; b: 3 steps and 1 known ahead."""
    table = pd.DataFrame(
        {
            "unique_id": ["a"] * 7 + ["b"] * 4,
            "ds": pd.date_range("2020-01-01", periods=7, freq="MS").append(
                pd.date_range("2021-01-01", periods=4, freq="MS")
            ),
            "y": [1.0, 2, 3, 4, 5, np.nan, np.nan, 6, 7, 8, np.nan],
            "past": np.arange(11.0),
            "future": np.arange(11.0) * 10,
            "kind": ["x"] * 7 + ["z"] * 4,
        }
    )  # fmt: skip
    options = PanelConfig(past_covariates=("past",), future_covariates=("future",), static_columns=("kind",))
    return panel_from(table, options)


def shapes(panel: Panel) -> list[tuple[int, int, int]]:
    return [(len(t), len(p), len(f)) for t, p, f in zip(panel.targets, panel.past, panel.future, strict=True)]


def test_take_and_find(panel: Panel) -> None:
    swapped = panel.take([1, 0])
    assert (swapped.ids, shapes(swapped)) == (["b", "a"], [(3, 3, 4), (5, 5, 7)])
    assert swapped.static.tolist() == [[0, 1], [1, 0]]
    assert swapped.starts == panel.starts[::-1]
    assert (panel.find("b"), len(panel)) == (1, 2)
    with pytest.raises(DataError, match=r"expected a series among 'a', 'b'\. Received: 'c'"):
        panel.find("c")


@pytest.mark.parametrize(
    ("stops", "lengths"), [(2, [2, 2]), (4, [4, 3]), (-1, [4, 2]), (-4, [1, 0]), ([3, 1], [3, 1]), ([-2, 9], [3, 3])]
)
def test_a_cut_keeps_what_is_known_ahead(panel: Panel, stops: Any, lengths: list[int]) -> None:
    short = panel.cut(stops)
    assert short.lengths.tolist() == lengths
    assert [len(values) for values in short.past] == lengths
    assert [len(values) for values in short.future] == [7, 4]
    assert (short.ahead == np.array([7, 4]) - lengths).all()
    assert short.starts == panel.starts


def test_head_and_tail_join_again(panel: Panel) -> None:
    assert shapes(panel.head(4)) == [(4, 4, 7), (3, 3, 4)]
    tail = panel.tail(2)
    assert shapes(tail) == [(2, 2, 4), (2, 2, 3)]
    assert [values.ravel().tolist() for values in tail.targets] == [[4, 5], [7, 8]]
    assert [values.ravel().tolist() for values in tail.future] == [[30, 40, 50, 60], [80, 90, 100]]
    assert (tail.times(0) == panel.times(0, 3)).all()
    assert panel.tail(100).fingerprint() == panel.fingerprint()


def test_times_lead_past_the_end(panel: Panel) -> None:
    assert [str(time)[:10] for time in panel.times(1, 3, 2)] == ["2021-04-01", "2021-05-01"]
    assert len(panel.times(0)) == 5
    assert panel_from([1.0, 2.0], PanelConfig()).times(0, 2, 3).tolist() == [2, 3, 4]


def test_the_digest_sees_everything(panel: Panel) -> None:
    digest = panel.fingerprint()
    assert panel.take([0, 1]).fingerprint() == digest
    changed = [
        replace(panel, ids=["a", "c"]),
        replace(panel, starts=[panel.starts[0], panel.starts[1] + 1]),
        replace(panel, targets=[panel.targets[0] + 1e-9, panel.targets[1]]),
        replace(panel, past=[panel.past[0] + 1, panel.past[1]]),
        replace(panel, future=[panel.future[0] + 1, panel.future[1]]),
        replace(panel, static=panel.static + 1),
        replace(panel, target_names=("z",)),
        panel.take([0]),
    ]
    assert len({digest, *(each.fingerprint() for each in changed)}) == len(changed) + 1


def test_the_summary(panel: Panel) -> None:
    assert panel.summary() == [
        ("series", "2"),
        ("steps", "3 to 5"),
        ("frequency", "MS"),
        ("from", "2020-01-01"),
        ("to", "2021-03-01"),
        ("targets", "y"),
        ("past covariates", "past"),
        ("future covariates", "future"),
        ("static", "kind=x, kind=z"),
        ("known ahead", "1 steps"),
    ]


def test_the_encoder_is_checked(panel: Panel) -> None:
    assert check_encoder(list(panel.encoder)) == [{"name": "kind", "kind": "category", "values": ["x", "z"]}]
    assert check_encoder([{"name": "n", "kind": "number"}]) == [{"name": "n", "kind": "number"}]
    good = {"name": "kind", "kind": "category", "values": ["x"]}
    for change in ({"name": 3}, {"kind": "odd"}, {"values": ["x", "x"]}, {"values": [1]}, {"more": 1}):
        with pytest.raises(ArtifactError, match="expected columns with a name and categories"):
            check_encoder([{**good, **change}])
    with pytest.raises(ArtifactError):
        check_encoder({"name": "kind"})


def test_panels_import_no_torch() -> None:
    script = (
        "import sys; from elman.data.panel import *; from elman.data.panel import panel_from; "
        "import numpy as np; panel_from(np.arange(9.0), PanelConfig()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0
