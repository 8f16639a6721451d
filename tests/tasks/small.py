"""Tiny language models, and the plainest way to run one: a token at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elman import LanguageModel
from elman.tasks.language_model.network import LanguageModelNetwork

TEXT = "the white whale swam in the wide sea; the captain saw it, and the ship sailed on.\n" * 12
OPTIONS: dict[str, Any] = {
    "hidden_size": 8,
    "embedding": 6,
    "batch_size": 4,
    "bptt": 8,
    "max_steps": 6,
    "learning_rate": 0.02,
    "warmup_steps": 0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}


def trained(folder: Path, text: str = TEXT, **options: Any) -> LanguageModel:
    """A model that saw `text` for a moment."""
    path = folder / "text.txt"
    path.write_text(text, encoding="utf-8")
    return LanguageModel("base", **OPTIONS | options).fit(path, progress=False, tune=False)


def one_by_one(network: LanguageModelNetwork, tokens: Sequence[int], end_id: int | None = None) -> Tensor:
    """Log-probabilities of what follows each of `tokens`, which go in one at a time; an end token resets the state."""
    network.eval()
    state = network.initial_state(1)
    rows = []
    with torch.no_grad():
        for token in tokens:
            if token == end_id:
                state = network.initial_state(1)
            logits_BV, state = network.step(torch.tensor([token]), state)
            rows.append(torch.log_softmax(logits_BV[0].double(), dim=-1))
    return torch.stack(rows)
