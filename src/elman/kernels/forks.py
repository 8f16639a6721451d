"""Forked child processes: the threads of OpenMP stay in the parent, so a child computes with one thread.

A parallel region of OpenMP in a child would wait for ever for threads that are not there. PyTorch's own layers wait so.
"""

from __future__ import annotations

import logging
import os

import torch

__all__ = ["usable_threads", "watch"]

_log = logging.getLogger("elman.kernels")
_watching = False
# The process that this module was loaded in, or the last child that is known to be one.
_process = os.getpid()
_forked = False


def watch() -> None:
    """From the first call on, let torch use one thread in forked children of this process from their start."""
    global _watching
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    global _forked, _process
    _forked, _process = True, os.getpid()
    if torch.get_num_threads() > 1:
        _log.info("a forked child process uses one thread, since the threads of OpenMP stay in its parent")
        torch.set_num_threads(1)


def usable_threads(threads: int) -> int:
    """Return `threads`, or 1 in a process that was forked after this module was loaded."""
    if os.getpid() != _process:
        _in_child()
    return 1 if _forked else threads
