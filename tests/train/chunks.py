"""A tiny network, a stream of given batches, and options under which a step shows the gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elman.state import Batch
from elman.tasks.language_model.config import LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.train import TrainConfig

V, B, T, H = 7, 3, 4, 6


class Chunks:
    """A stream of given batches, over and over."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches
        self.place = 0

    def next_batch(self) -> Batch:
        batch = self.batches[self.place % len(self.batches)]
        self.place += 1
        return batch

    @property
    def epoch(self) -> float:
        return self.place / len(self.batches)

    def state_dict(self) -> dict[str, Any]:
        return {"place": self.place}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.place = state["place"]


def row_of_chunks(count: int, seed: int = 0) -> tuple[Tensor, list[Batch]]:
    """One long text a row as `tokens_BT`, and its chunks of T steps."""
    tokens_BT = torch.randint(2, V, (B, count * T + 1), generator=torch.Generator().manual_seed(seed))
    starts = range(0, count * T, T)
    batches = [Batch(tokens_BT[:, s : s + T], tokens_BT[:, s + 1 : s + T + 1]) for s in starts]
    return tokens_BT, batches


def network(**options: Any) -> LanguageModelNetwork:
    torch.manual_seed(5)
    return LanguageModelNetwork(V, LanguageModelNetworkConfig(**{"hidden_size": H, "embedding": 5, **options}))


def plain_config(**options: Any) -> TrainConfig:
    """Plain gradient descent, so that a step shows the gradient."""
    defaults: dict[str, Any] = {
        "optimizer": "sgd",
        "learning_rate": 1.0,
        "schedule": "constant",
        "warmup_steps": 0,
        "clip_norm": 0.0,
        "weight_decay": 0.0,
        "max_steps": 1,
        "precision": "float32",
        "device": "cpu",
    }
    return TrainConfig(**defaults | options)
