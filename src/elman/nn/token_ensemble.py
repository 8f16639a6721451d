"""`TokenEnsemble`: networks with decoders, whose probabilities of every next token are averaged."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from elman.decode.ensembles import ensemble, log_mean_probabilities
from elman.decode.search import Advance, SearchStep
from elman.nn.ensemble import Ensemble
from elman.state import State

__all__ = ["TokenEnsemble"]


class TokenEnsemble(Ensemble):
    """Networks with decoders over one vocabulary, with the mean of their probabilities of every next token.

    State and memory of a search are tuples with one entry per member, as for `elman.decode.ensemble`. The decoder
    outputs are those of all members, joined along their features.
    """

    @property
    def bos_id(self) -> int:
        """Id of the start token."""
        start: int = self.first.bos_id
        return start

    def encode(self, *inputs: Any) -> tuple[State, State]:
        """Return the initial states of the decoders, and their memories."""
        members: Any = self.members
        states, memories = zip(*(member.encode(*inputs) for member in members), strict=True)
        return states, memories

    def joined(self, outputs: list[Tensor]) -> Tensor:
        """Join the members' decoder outputs `r_BTY`."""
        return torch.cat(outputs, dim=-1)

    def logits(self, r_BTY: Tensor) -> Tensor:
        """Return the logarithms of the mean probabilities, `logits_BTV`, from the joined decoder outputs."""
        members: Any = self.members
        parts = r_BTY.chunk(len(members), dim=-1)
        return log_mean_probabilities([member.logits(part) for member, part in zip(members, parts, strict=True)])

    def advance(self, tokens_BK: Tensor, state: State, memory: State) -> SearchStep:
        """Run one search step: return the logarithms of the mean probabilities after the tokens of K hypotheses."""
        members: Any = self.members
        return ensemble([member.advance for member in members])(tokens_BK, state, memory)

    def packed_advance(self, logit_precision: str, output_cache: object = None) -> Advance:
        """Return `advance`: the mean over members needs all logits of each.

        Raises ConfigError for a `logit_precision` that a single network does not take either.
        """
        from elman.kernels.output_product import check_logit_precision

        del output_cache
        check_logit_precision(logit_precision)
        return self.advance
