"""One thread for few rows, and threads of OpenMP that wait passively."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from elman.kernels import PassiveWaiting, each_with_threads_for, threads_for
from elman.kernels import threads as module
from elman.nn import StoredModule


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def used(rows: int, network: object = None) -> int:
    with threads_for(rows, network):
        inside = torch.get_num_threads()
    assert torch.get_num_threads() == 2
    return inside


def test_few_rows_use_one_thread() -> None:
    assert [used(rows) for rows in (0, 1, 7, 8, 1000)] == [1, 1, 1, 2, 2]


def test_few_rows_of_a_large_network_use_all() -> None:
    with torch.device("meta"):
        large, small = nn.Linear(10_000, 10_100), nn.Linear(10, 10)
    assert [used(rows, large) for rows in (1, 2, 9)] == [1, 2, 2]
    assert [used(rows, small) for rows in (1, 2, 9)] == [1, 1, 2]
    assert used(3, object()) == 1


def test_an_error_and_nesting_leave_the_number_as_it_was() -> None:
    def fail() -> None:
        with threads_for(1):
            with threads_for(2):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1, "an inner block does not end the outer one"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    with threads_for(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 1


def test_between_items_the_number_is_as_usual() -> None:
    inside: list[int] = []

    def items() -> Iterator[int]:
        for number in range(3):
            inside.append(torch.get_num_threads())
            yield number

    assert [(number, torch.get_num_threads()) for number in each_with_threads_for(1, None, items())] == [
        (0, 2),
        (1, 2),
        (2, 2),
    ]
    assert inside == [1, 1, 1]


@pytest.mark.skipif(
    getattr(module._torch_library(), "MKL_Get_Max_Threads", None) is None, reason="torch has other products than MKL's"
)
def test_products_of_mkl_use_one_thread_too() -> None:
    most = module._torch_library().MKL_Get_Max_Threads
    assert most() == 2
    with threads_for(1):
        assert most() == 1
        with threads_for(1):
            assert most() == 1
        assert most() == 1
    assert most() == 2


def test_other_threads_of_python_are_left_alone() -> None:
    begun, end = threading.Event(), threading.Event()
    seen: list[int] = []

    def other() -> None:
        seen.append(torch.get_num_threads())
        begun.set()
        end.wait(10)
        seen.append(torch.get_num_threads())

    worker = threading.Thread(target=other)
    worker.start()
    begun.wait(10)
    with threads_for(1):
        end.set()
        worker.join()
        late: list[int] = []
        fresh = threading.Thread(target=lambda: late.append(torch.get_num_threads()))
        fresh.start()
        fresh.join()
    assert seen == [2, 2]
    assert late == [2]


def test_without_its_library_torch_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_torch_library", lambda: None)
    assert [used(rows) for rows in (1, 8)] == [1, 2]
    waiting = PassiveWaiting()
    assert not waiting.switch(True)
    assert not waiting.on


WAITS = """
import os, sys, time, torch
os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[:2]))
from elman.kernels import PassiveWaiting
torch.set_num_threads(2)
x = torch.randn(400_000)
def use():
    cpu, begun = time.process_time(), time.perf_counter()
    for _ in range(100):
        x.exp()
        time.sleep(0.002)
    return (time.process_time() - cpu) / (time.perf_counter() - begun)
with PassiveWaiting() as waiting:
    x.exp()
    uses = []
    for on in (False, True, False):
        assert waiting.switch(on) == on == waiting.on
        uses.append(use())
assert not waiting.on
print(*uses)
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="two cores are needed"
)
@pytest.mark.skipif(module._team_runner() is None, reason="torch has another OpenMP than GNU's")
@pytest.mark.slow
def test_threads_that_wait_passively_sleep() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    found = subprocess.run(
        [sys.executable, "-c", WAITS],
        env=environment | {"GOMP_SPINCOUNT": "1000000"},
        capture_output=True,
        text=True,
        check=True,
    )
    spinning, sleeping, again = map(float, found.stdout.split())
    assert sleeping < 0.6 * min(spinning, again)


def test_parameters_are_counted_once() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.ModuleDict({"inner": nn.Sequential(nn.Linear(4, 3, bias=False))}))
    network[1]["inner"][0].tied = network[0].weight
    network.register_module("none", None)
    assert sum(module._sizes(network).values()) == sum(each.numel() for each in network.parameters()) == 28


def test_a_network_that_knows_its_size_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network(StoredModule):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 4)

    network = Network()
    assert network.size_at_first == 16
    assert "size_at_first" not in network.state_dict()
    monkeypatch.setattr(module, "_sizes", None)
    with threads_for(1, network):
        assert torch.get_num_threads() == 1
    network.__dict__["size_at_first"] = 10**9
    with threads_for(1, network):
        assert torch.get_num_threads() == 2
