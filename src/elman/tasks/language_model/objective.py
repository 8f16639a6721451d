"""What a language model is to get better at: the likelihood of the next token."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.tasks.language_model.network import LanguageModelNetwork
from elman.types import IGNORED, Batch, State, reset_rows

__all__ = ["Model", "NextToken", "Tally", "measure"]


class Tally(NamedTuple):
    """Sums over predicted tokens."""

    nats: float
    tokens: int
    correct: int

    def metrics(self, characters: int = 0) -> dict[str, float]:
        """Means a token and, where the number of characters is known, a character."""
        loss = self.nats / max(self.tokens, 1)
        figures = {
            "loss": loss,
            "nats_per_token": loss,
            "bits_per_token": loss / math.log(2),
            "perplexity": math.exp(min(loss, 700.0)),
            "accuracy": self.correct / max(self.tokens, 1),
            "tokens": self.tokens,
        }
        if characters:
            figures["nats_per_char"] = self.nats / characters
            figures["bits_per_char"] = self.nats / characters / math.log(2)
        return figures


class NextToken:
    """Cross-entropy of the next token; `evaluate` runs over the batches that `held_out` makes.

    Args:
        model: the network.
        held_out: makes the evaluation's batches, of at most so many tokens (0 for all), and says how many characters
            their targets stand for; None when nothing is held out.
    """

    def __init__(
        self, model: LanguageModelNetwork, held_out: Callable[[int], tuple[Iterable[Batch], int]] | None = None
    ) -> None:
        self.model = model
        self.held_out = held_out

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token."""
        return self.model.initial_state(batch_size)

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the counted targets, their number, and the state after the batch."""
        device = self.model.head.weight.device
        targets_BT = batch.targets_BT.to(device)
        logits_BTV, state = self.model(batch.inputs_BT.to(device), batch.lengths_B, state)
        nats = F.cross_entropy(
            logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return nats, int((batch.targets_BT != IGNORED).sum()), state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Nats, bits, perplexity and accuracy on held-out text; empty when there is none."""
        if self.held_out is None:
            return {}
        batches, characters = self.held_out(limit)
        return measure(self.model, batches).metrics(characters)


class Model(Protocol):
    """What can be measured: a network, or what stands for one."""

    head: nn.Linear

    def initial_state(self, batch_size: int, /) -> State:
        """The state before the first token."""

    def __call__(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State, /) -> Any:
        """Scores `logits_BTV` of every next token, and the state after each row's last token."""


def measure(model: Model, batches: Iterable[Batch]) -> Tally:
    """Run over `batches` with carried state and add up."""
    device = model.head.weight.device
    nats, tokens, correct = 0.0, 0, 0
    state: State | None = None
    with torch.no_grad():
        for batch in batches:
            initial = model.initial_state(batch.inputs_BT.shape[0])
            fresh_B = None if batch.fresh_B is None else batch.fresh_B.to(device)
            state = initial if state is None else reset_rows(state, fresh_B, initial)
            logits_BTV, state = model(batch.inputs_BT.to(device), batch.lengths_B, state)
            flat, targets = logits_BTV.flatten(0, 1).float(), batch.targets_BT.to(device).flatten()
            nats += float(F.cross_entropy(flat, targets, ignore_index=IGNORED, reduction="sum"))
            counted = targets != IGNORED
            tokens += int(counted.sum())
            correct += int(((flat.argmax(-1) == targets) & counted).sum())
    return Tally(nats, tokens, correct)
