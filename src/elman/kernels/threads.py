"""Threads of short computations, and how the threads of OpenMP wait.

A parallel region costs time: another thread must wake, and on a busy machine it may not run for milliseconds. Layers
divide rows among threads, so a computation on few rows gains nothing from a second thread.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from elman.kernels.forks import usable_threads

__all__ = ["PassiveWaiting", "each_with_threads_for", "threads_for"]

T = TypeVar("T")

# Fewer rows than this use one thread: the engine gives every thread at least four rows.
_FEW_ROWS = 8
# Multiply-adds of one step above which several threads are faster even for few rows, for example large vocabularies.
_MUCH_WORK = 200_000_000


@contextmanager
def threads_for(rows: int, network: object = None) -> Iterator[None]:
    """Context manager in which torch and the engine use one thread if there are few rows, in this thread of Python.

    rows     number of rows that are computed together
    network  with more than 200 million multiply-adds a step, as counted by its parameters, threads stay as they are
    """
    usual = usable_threads(torch.get_num_threads())
    if usual == 1 or not _is_short(rows, network):
        yield
        return
    former = _set_threads(1)
    try:
        yield
    finally:
        _set_threads(usual, former)


def _is_short(rows: int, network: object) -> bool:
    if rows >= _FEW_ROWS:
        return False
    # Networks of tasks know their size; to count it would take a twentieth of a short call.
    weights = getattr(network, "size_at_first", None)
    if not isinstance(weights, int):
        weights = sum(_sizes(network).values()) if isinstance(network, nn.Module) else 0
    return rows * weights < _MUCH_WORK


def _sizes(module: nn.Module) -> dict[int, int]:
    """Return the number of elements of each parameter, in half the time that `Module.parameters` takes."""
    sizes = {id(weight): weight.numel() for weight in module._parameters.values() if weight is not None}
    for inner in module._modules.values():
        if inner is not None:
            sizes.update(_sizes(inner))
    return sizes


def each_with_threads_for(rows: int, network: object, items: Iterator[T]) -> Iterator[T]:
    """Yield `items`, each computed within `threads_for(rows, network)`; between them, threads are as usual."""
    while True:
        with threads_for(rows, network):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def _set_threads(threads: int, mkl: int = 0) -> int:
    """Set the number of threads in this thread of Python only, as far as the libraries can; return MKL's former number.

    `torch.set_num_threads` would change MKL's number for all threads of the process, which may compute too. `mkl` 0
    gives MKL the number of the process back.
    """
    library = _torch_library()
    set_openmp = getattr(library, "omp_set_num_threads", None)
    if set_openmp is None:
        torch.set_num_threads(threads)
        return 0
    set_openmp(threads)
    set_mkl = getattr(library, "MKL_Set_Num_Threads_Local", None)
    return 0 if set_mkl is None else int(set_mkl(1 if threads == 1 else mkl))


@functools.cache
def _torch_library() -> ctypes.CDLL | None:
    """Return torch's CPU library, in which the functions of its OpenMP and MKL are found; None if there is none."""
    folder = Path(torch.__file__).parent / "lib"
    for name in ("libtorch_cpu.so", "libtorch_cpu.dylib", "torch_cpu.dll"):
        if (folder / name).is_file():
            try:
                return ctypes.CDLL(str(folder / name))
            except OSError:
                return None
    return None


class PassiveWaiting:
    """Switches how the threads of GNU OpenMP wait for work: they spin, or sleep at once.

    GNU OpenMP reads its settings only once, but it spins much less (100 rounds) while the process has more threads than
    cores. The switch makes a second team of threads, which sleep until it is off. Sleeping threads leave the cores to
    other programs, and are then scheduled sooner when they have work. It does not change any result.
    """

    def __init__(self) -> None:
        self._end: threading.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def on(self) -> bool:
        """Whether threads sleep at once."""
        return self._thread is not None

    def switch(self, on: bool) -> bool:
        """Switch passive waiting on or off; return whether it is on. Without GNU OpenMP it stays off."""
        if on == self.on:
            return on
        if not on:
            self.close()
            return False
        run_team = _team_runner()
        if run_team is None:
            return False
        self._end = threading.Event()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=_hold_team, args=(run_team, ready, self._end), name="elman-passive-waiting", daemon=True
        )
        self._thread.start()
        ready.wait()
        return True

    def close(self) -> None:
        """Switch passive waiting off."""
        if self._end is not None and self._thread is not None:
            self._end.set()
            self._thread.join()
        self._end = self._thread = None

    def __enter__(self) -> PassiveWaiting:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _hold_team(run_team: Callable[[int], None], ready: threading.Event, end: threading.Event) -> None:
    run_team(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2)
    ready.set()
    end.wait()


def _team_runner() -> Callable[[int], None] | None:
    """Return a function that runs an empty parallel region of GNU OpenMP; None for other runtimes."""
    library = _torch_library()
    parallel = getattr(library, "GOMP_parallel", None)
    body = getattr(library, "omp_get_num_threads", None)  # any function that does nothing
    if parallel is None or body is None or usable_threads(2) == 1:
        return None
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    address = ctypes.cast(body, ctypes.c_void_p)
    return lambda threads: parallel(address, None, threads, 0)
