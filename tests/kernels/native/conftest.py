"""What the tests of the native engine share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from elman.kernels.native import buffer_pool


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small layers are faster on one thread, above all while other tests run."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def nan_in_new_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tensors and buffers that are made without content are full of NaN; bytes are all ones, which are NaN, too."""
    take = buffer_pool.take

    def filled(size: int) -> Tensor:
        return take(size).fill_(255)

    monkeypatch.setattr(buffer_pool, "take", filled)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    assert bool(buffer_pool.take(64).view(torch.float32).isnan().all())
    assert bool(torch.zeros(3).new_empty(64).isnan().all())
    yield
    torch.use_deterministic_algorithms(before)
