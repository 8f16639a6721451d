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
_forked = False


def watch() -> None:
    """From the first call on, let forked children of this process use one thread."""
    global _watching
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    global _forked
    _forked = True
    if torch.get_num_threads() > 1:
        _log.info("a forked child process uses one thread, since the threads of OpenMP stay in its parent")
        torch.set_num_threads(1)


def usable_threads(threads: int) -> int:
    """Return `threads`, or 1 in a process that was forked from one that had run layers."""
    return 1 if _forked else threads
