"""Conversion of out-of-memory errors into `OutOfMemoryError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from elman.errors import OutOfMemoryError

__all__ = ["memory_errors"]

# Messages of torch's CPU allocator.
_MESSAGES = ("can't allocate memory", "not enough memory", "Storage size calculation overflowed")


@contextmanager
def memory_errors(where: str) -> Iterator[None]:
    """Raise OutOfMemoryError, with advice, for an allocation that fails in the block; `where` goes into the message."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise _out_of_memory(where, error) from error
    except RuntimeError as error:
        if any(message in str(error) for message in _MESSAGES):
            raise _out_of_memory(where, error) from error
        raise


def _out_of_memory(where: str, error: BaseException) -> OutOfMemoryError:
    first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return OutOfMemoryError(
        f"out of memory {where}; a checkpoint, if there is one, is kept. Smaller batches, shorter sequences or "
        f"fewer hidden units need less memory. Received: {first_line}"
    )
