"""Random numbers from one generator, or from one generator for each of several blocks of rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["Randomness", "drawn", "named_seed"]

# A generator for all rows, or one for each of several blocks of rows of equal size.
Randomness = torch.Generator | Sequence[torch.Generator] | None


def drawn(draw: Callable[[Tensor, torch.Generator | None], Tensor], like: Tensor, generator: Randomness) -> Tensor:
    """Return random numbers `draw(like, generator)`; of several generators, each draws those of one block of rows."""
    if generator is None or isinstance(generator, torch.Generator):
        return draw(like, generator)
    blocks = like.chunk(len(generator))
    return torch.cat([draw(block, each) for block, each in zip(blocks, generator, strict=True)])


def named_seed(seed: int, name: str) -> int:
    """Return a seed for the random numbers of a series, which depends only on `seed` and the name of the series."""
    digest = hashlib.sha256(f"{int(seed)}\0{name}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little") >> 1
