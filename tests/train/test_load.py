"""How many cores other programs use, from counters of the kernel."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from elman.train.load import Load

# user nice system idle iowait irq softirq steal guest guest_nice, in hundredths of a second.
BEFORE = """\
cpu 1 1 1 1 1 1 1 1 1 1
cpu0 100 0 50 1000 10 0 0 0 0 0
cpu1 200 0 0 900 0 0 0 0 0 0
cpu7 0 0 0 0 0 0 0 0 0 0
"""
AFTER = """\
cpu 9 9 9 9 9 9 9 9 9 9
cpu0 250 10 70 1010 10 5 5 10 50 0
cpu1 200 0 0 1100 7 0 0 0 0 0
cpu7 900 0 0 0 0 0 0 0 0 0
"""


def test_others_are_all_that_is_busy_but_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, own = [10.0], [3.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    monkeypatch.setattr(os, "times", lambda: os.times_result((own[0], 0.25, 0.0, 0.0, now[0])))
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(BEFORE)
    load = Load(tmp_path)
    assert load.cores == 2
    assert load.others() is None, "no time has passed"
    (tmp_path / "proc/stat").write_text(AFTER)
    now[0], own[0] = 12.0, 3.5
    # 2 s of core 0 (150 + 10 + 20 + 5 + 5 + 10 ticks), none of core 1; 0.5 s of these are this process.
    assert load.others() == pytest.approx((2.0 - 0.5) / 2.0)
    now[0], own[0] = 13.0, 9.0
    assert load.others() == 0.0, "counters are rough: never below 0"
    for content in ("cpu0 1 x 3", "", "cpu0 1\n"):
        (tmp_path / "proc/stat").write_text(content)
        now[0] += 1.0
        assert load.others() in (None, 0.0)
    (tmp_path / "proc/stat").unlink()
    assert load.others() is None
    assert Load(tmp_path).others() is None


@pytest.mark.skipif(not Path("/proc/stat").is_file(), reason="no /proc/stat on this system")
def test_this_machine() -> None:
    load = Load()
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        pass
    others = load.others()
    assert others is not None
    assert 0.0 <= others <= load.cores
