"""Whether torch records operators, so that values of tensors must not be read."""

from __future__ import annotations

import torch

__all__ = ["is_recorded"]


def is_recorded() -> bool:
    """Whether a dispatch mode is active, as with make_fx and fake tensors, or torch.compile or torch.jit.trace."""
    return torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0 or torch._C._is_tracing()
