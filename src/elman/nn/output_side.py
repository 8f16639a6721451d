"""What networks that write tokens share: from the decoder's answers to scores, a loss, and the step of a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.decode.search import Advance, Scored
from elman.decode.unwritten import Unwritten
from elman.nn import StoredModule, linear_cross_entropy
from elman.nn.decoder import Decoder, DecoderMemory, DecoderState
from elman.nn.embed import Embedding
from elman.types import State

if TYPE_CHECKING:
    from elman.kernels.output_product import PackedOutput

__all__ = ["OutputSide", "Packs"]


class Packs:
    """Keeps the packed output product of one search for the next: packing it is as much work as some steps.

    Weights that have changed are packed anew. A copy begins empty.
    """

    def __init__(self) -> None:
        self._last: PackedOutput | None = None

    def __reduce__(self) -> tuple[type[Packs], tuple[()]]:
        return Packs, ()

    def of(self, weight_VR: Tensor, bias_V: Tensor, scan: str) -> PackedOutput:
        """The product of these weights, packed."""
        from elman.kernels.output_product import PackedOutput

        packed = self._last
        if packed is None or not packed.holds(weight_VR, bias_V, scan):
            packed = self._last = PackedOutput(weight_VR, bias_V, scan)
        return packed


class OutputSide(StoredModule, ABC):
    """A network with a decoder of V tokens, of which it reads one more: `go`, number V, which is never written.

    A subclass makes the parts: `decoder`; `head_bias_V`; `head`, or None where the output product has the weights of
    the embedding that `written_embedding` gives; and `label_smoothing`, the share of the loss that all tokens have.
    """

    decoder: Decoder
    head: nn.Linear | None
    head_bias_V: nn.Parameter
    label_smoothing: float

    @property
    @abstractmethod
    def written_embedding(self) -> Embedding:
        """The embedding of the tokens that are written; `go` comes last."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.head_bias_V.device

    @property
    def go(self) -> int:
        """The token before the first one."""
        return len(self.head_bias_V)

    def score(self, r_BTR: Tensor) -> Tensor:
        """Scores of the tokens."""
        return F.linear(r_BTR, self._output_weight()[: self.go], self.head_bias_V)

    def nats(self, r_NR: Tensor, targets_N: Tensor) -> Tensor:
        """The sum of the cross-entropies of the targets, with labels smoothed as the options say."""
        return linear_cross_entropy(r_NR, self._output_weight(), self.head_bias_V, targets_N, self.label_smoothing)

    def sampled(
        self,
        tokens_BT: Tensor,
        state: DecoderState,
        memory: DecoderMemory,
        rate: float,
        embed: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """The decoder's answers `r_BTR` to given tokens, of which each after the first is at `rate` the network's own
        likeliest token (scheduled sampling, Bengio et al. 2015). The choice has no gradient."""
        tokens_B1 = tokens_BT[:, :1]
        answers: list[Tensor] = []
        for t in range(tokens_BT.shape[1]):
            if t:
                own_B1 = self.score(answers[-1].detach()).argmax(dim=-1)
                chosen_B1 = torch.rand(own_B1.shape, device=own_B1.device) < rate
                tokens_B1 = torch.where(chosen_B1, own_B1, tokens_BT[:, t : t + 1])
            done = self.decoder.step(embed(tokens_B1), state, memory)
            state = done.state
            answers.append(done.r_BTR)
        return torch.cat(answers, dim=1)

    def advance(self, tokens_BK: Tensor, state: DecoderState, memory: DecoderMemory) -> Scored:
        """One step of a search: scores after one more token of K hypotheses for each row of the memory."""
        done = self.decoder.step(self.written_embedding(tokens_BK), state, memory)
        return Scored(self.score(done.r_BTR), done.state, done.weights_BTS)

    def packed_advance(self, scan: str, packs: Packs | None = None) -> Advance:
        """`advance` for a search of many steps: quicker where the compiled engine can take the output product.

        The weights of that product are packed as they are now. `scan` is how all tokens are gone through: "float32",
        or "int8", where the best of them are scored anew in float32 (`PackedOutput`). `packs` remembers the product
        for a later search. Elsewhere, such as on a GPU, it is `advance` itself.

        Raises ConfigError for another `scan`.
        """
        from elman.kernels.output_product import check_scan, why_not

        check_scan(scan)
        weight_VR = self._output_weight()
        if why_not(weight_VR, self.head_bias_V) is not None:
            return self.advance
        packed = (packs or Packs()).of(weight_VR, self.head_bias_V, scan)

        def advance(tokens_BK: Tensor, state: State, memory: State) -> Scored:
            return self._advance(packed, tokens_BK, state, memory)

        return advance

    def _advance(self, packed: PackedOutput, tokens_BK: Tensor, state: State, memory: State) -> Scored:
        done = self.decoder.step(self.written_embedding(tokens_BK), state, memory)
        return Scored(Unwritten(done.r_BTR, packed, self.score), done.state, done.weights_BTS)

    def _output_weight(self) -> Tensor:
        """A row for each token; where it is the embedding, `go` comes last."""
        return self.written_embedding.weight if self.head is None else self.head.weight
