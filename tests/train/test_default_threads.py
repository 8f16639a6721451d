"""The default number of threads: OMP_NUM_THREADS, the affinity mask, and quotas of containers."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from elman.train.config import TrainConfig
from elman.train.machine import chooses_threads, resolve_auto
from elman.train.tuning import cpu_quota, default_threads, usable_cores

V1 = "4:memory:/\n3:cpu,cpuacct:/docker/abc\n0::/\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.parametrize(
    ("files", "quota", "cores"),
    [
        ({}, math.inf, 8),
        ({"proc/self/cgroup": "0::/\n"}, math.inf, 8),
        # Version 2, as a container sees its own group.
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, math.inf, 8),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 0.5, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1.0, 1),
        ({"sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2.5, 2),
        # Nested groups: the smallest quota of all that contain the process.
        (
            {
                "proc/self/cgroup": "0::/user.slice/run.scope\n",
                "sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
                "sys/fs/cgroup/user.slice/run.scope/cpu.max": "max 100000\n",
            },
            1.5,
            1,
        ),
        # Version 1, with the path of the host and the mounted group of the container.
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            3.0,
            3,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.5,
            1,
        ),
        # Both versions at once, as in hybrid systems.
        ({"proc/self/cgroup": "1:cpu:/\n0::/a\n", "sys/fs/cgroup/unified/a/cpu.max": "200000 100000\n"}, 2.0, 2),
        # Nothing that can be read is no quota.
        ({"proc/self/cgroup": "junk\n", "sys/fs/cgroup/cpu.max": "?"}, math.inf, 8),
        ({"proc/self/cgroup": "0::/../..\n", "sys/fs/cgroup/cpu.max": "0 0\n"}, math.inf, 8),
    ],
)
@pytest.mark.usefixtures("eight_cores")
def test_quotas_of_control_groups(files: dict[str, str], quota: float, cores: int, tmp_path: Path) -> None:
    root = write(tmp_path, files)
    assert cpu_quota(root) == quota
    assert usable_cores(root) == cores


@pytest.mark.parametrize(
    ("value", "threads"), [("3", 3), ("2,1", 2), (" 16 ", 16), ("0", 8), ("-1", 8), ("many", 8), ("", 8)]
)
@pytest.mark.usefixtures("eight_cores")
def test_the_users_own_setting_comes_first(value: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.train.tuning.cpu_quota", lambda root: math.inf)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert default_threads() == threads
    assert resolve_auto(TrainConfig(device="cpu")).threads == threads
    assert resolve_auto(TrainConfig(device="cpu", threads=5)).threads == 5
    assert chooses_threads(TrainConfig()) == (threads == 8)
    assert not chooses_threads(TrainConfig(threads=5))


def test_this_machine_has_a_quota_that_can_be_read() -> None:
    assert cpu_quota() > 0
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
