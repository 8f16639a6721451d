"""`TokenStreams`: the state of sequences that an `Engine` generates."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from elman.errors import ShapeError

__all__ = ["TokenStreams", "check_numbers"]


@dataclass
class TokenStreams:
    """The state of B sequences in generation, which `Engine.draw` updates in place.

    states_BF    float32, the packed state of each row, as from `Engine.pack_state`
    tokens_B     int64, the token that is read next
    seeds_B      int64, the seed of each row
    numbers_B    int64, the stream number of each row: with seed and position it determines the row's random numbers
    positions_B  int64, the number of tokens that the row has sampled
    history_BN   int64, a ring buffer of the last N tokens, -1 where empty; N is 0 without a repetition penalty
    places_B     int64, the position in the ring buffer that the next token overwrites
    """

    states_BF: Tensor
    tokens_B: Tensor
    seeds_B: Tensor
    numbers_B: Tensor
    positions_B: Tensor
    history_BN: Tensor
    places_B: Tensor

    @classmethod
    def start(
        cls,
        states_BF: Tensor,
        tokens_B: Tensor,
        *,
        seed: int,
        numbers_B: Tensor | None = None,
        recent_BN: Tensor | None = None,
        window: int = 0,
    ) -> TokenStreams:
        """Return streams that have not sampled any token yet.

        states_BF  as from `Engine.pack_state`, before `tokens_B`
        tokens_B   int64, the tokens that are read first
        seed       from 0 to 2**63 - 1
        numbers_B  int64, the stream number of each row (0, 1, 2, ... when None); with `seed` it determines the row's
                   random numbers
        recent_BN  int64, the tokens up to and including `tokens_B`, oldest first, for a repetition penalty
        window     the number of recent tokens that the repetition penalty applies to; 0 for no penalty
        """
        B = len(tokens_B)
        history_BN = torch.full((B, window), -1, dtype=torch.int64, device="cpu")
        known = 0
        if recent_BN is not None and window:
            known = min(window, recent_BN.shape[1])
            history_BN[:, :known] = recent_BN[:, recent_BN.shape[1] - known :]
        return cls(
            states_BF=states_BF.clone(),
            tokens_B=tokens_B.clone(),
            seeds_B=torch.full((B,), seed, dtype=torch.int64, device="cpu"),
            numbers_B=torch.arange(B, dtype=torch.int64, device="cpu") if numbers_B is None else numbers_B.clone(),
            positions_B=torch.zeros(B, dtype=torch.int64, device="cpu"),
            history_BN=history_BN,
            places_B=torch.full((B,), known % window if window else 0, dtype=torch.int64, device="cpu"),
        )

    def take(self, lines_B: Tensor) -> TokenStreams:
        """Return copies of the rows at `lines_B`."""
        return TokenStreams(**{field.name: getattr(self, field.name)[lines_B] for field in fields(self)})

    def put(self, lines_B: Tensor, part: TokenStreams) -> None:
        """Replace the rows at `lines_B` by those of `part`."""
        for field in fields(self):
            getattr(self, field.name)[lines_B] = getattr(part, field.name)

    def check(self) -> None:
        """Raise ShapeError unless the shapes and dtypes of all tensors match."""
        B, N = len(self.tokens_B), self.history_BN.shape[-1]
        for name in ("tokens_B", "seeds_B", "numbers_B", "positions_B", "places_B"):
            check_numbers(name, getattr(self, name), (B,))
        check_numbers("history_BN", self.history_BN, (B, N))
        if N and B and (int(self.places_B.min()) < 0 or int(self.places_B.max()) >= N):
            raise ShapeError(f"expected places_B from 0 to {N - 1}. Received: {self.places_B.tolist()}")


def check_numbers(name: str, numbers: Tensor, shape: tuple[int, ...]) -> None:
    """Raise ShapeError unless `numbers` is contiguous int64 of `shape` on the CPU."""
    right = numbers.dtype == torch.int64 and numbers.device.type == "cpu" and numbers.is_contiguous()
    if tuple(numbers.shape) != shape or not right:
        raise ShapeError(
            f"expected {name} of shape {shape}, contiguous torch.int64 on the CPU. "
            f"Received: {tuple(numbers.shape)}, {numbers.dtype} on {numbers.device}"
        )
