"""TokenDecoderNetwork: base class of networks that decode tokens, with output layer, loss and search step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.decode.lazy_logits import LazyLogits
from elman.decode.search import Advance, SearchStep
from elman.nn import StoredModule, linear_cross_entropy
from elman.nn.decoder import Decoder, DecoderMemory, DecoderState
from elman.nn.embed import Embedding
from elman.state import State

if TYPE_CHECKING:
    from elman.kernels.output_product import PackedOutput

__all__ = ["PackedOutputCache", "TokenDecoderNetwork"]


class PackedOutputCache:
    """Cache of the packed output weights between searches: packing takes as long as several decoder steps.

    Weights that have changed are packed again. A copy of the cache, or one read from a pickle, is empty.
    """

    def __init__(self) -> None:
        self._last: PackedOutput | None = None

    def __reduce__(self) -> tuple[type[PackedOutputCache], tuple[()]]:
        return PackedOutputCache, ()

    def of(self, weight_VY: Tensor, bias_V: Tensor, logit_precision: str) -> PackedOutput:
        """Return the packed output product of these weights."""
        from elman.kernels.output_product import PackedOutput

        packed = self._last
        if packed is None or not packed.holds(weight_VY, bias_V, logit_precision):
            packed = self._last = PackedOutput(weight_VY, bias_V, logit_precision)
        return packed


class TokenDecoderNetwork(StoredModule, ABC):
    """Network with a decoder over V output tokens, and one more input token: the start token `bos_id`, with id V.

    A subclass defines `decoder`, `head_bias_V`, `head` (None if the output weights are tied to `target_embedding`) and
    `label_smoothing` (the share of the probability that is spread over all tokens).
    """

    decoder: Decoder
    head: nn.Linear | None
    head_bias_V: nn.Parameter
    label_smoothing: float

    @property
    @abstractmethod
    def target_embedding(self) -> Embedding:
        """Embedding of the output tokens; the start token `bos_id` is the last row."""

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.head_bias_V.device

    @property
    def bos_id(self) -> int:
        """Id of the start token."""
        return len(self.head_bias_V)

    def logits(self, r_BTY: Tensor) -> Tensor:
        """Return the logits of the tokens, `logits_BTV`."""
        return F.linear(r_BTY, self._output_weight()[: self.bos_id], self.head_bias_V)

    def nats(self, r_NY: Tensor, targets_N: Tensor, right: list[Tensor] | None = None) -> Tensor:
        """Return the sum of the cross-entropies of the targets in nats, with label smoothing.

        The number of targets with the largest logit is added to `right`, if it is given.
        """
        weight_VY, smoothing = self._output_weight(), self.label_smoothing
        return linear_cross_entropy(r_NY, weight_VY, self.head_bias_V, targets_N, smoothing, right)

    def sampled(
        self,
        tokens_BT: Tensor,
        state: DecoderState,
        memory: DecoderMemory,
        rate: float,
        embed: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Run the decoder with scheduled sampling (Bengio et al. 2015) and return its outputs `r_BTY`.

        Each input token after the first is replaced by the network's most likely token with probability `rate`. This
        choice has no gradient.
        """
        tokens_B1 = tokens_BT[:, :1]
        outputs: list[Tensor] = []
        for t in range(tokens_BT.shape[1]):
            if t:
                predicted_B1 = self.logits(outputs[-1].detach()).argmax(dim=-1)
                replaced_B1 = torch.rand(predicted_B1.shape, device=predicted_B1.device) < rate
                tokens_B1 = torch.where(replaced_B1, predicted_B1, tokens_BT[:, t : t + 1])
            output = self.decoder.step(embed(tokens_B1), state, memory)
            state = output.state
            outputs.append(output.r_BTY)
        return torch.cat(outputs, dim=1)

    def advance(self, tokens_BK: Tensor, state: DecoderState, memory: DecoderMemory) -> SearchStep:
        """Run one search step: return the logits after the tokens of K hypotheses for each row of the memory."""
        output = self.decoder.step(self.target_embedding(tokens_BK), state, memory)
        return SearchStep(self.logits(output.r_BTY), output.state, output.weights_BTS)

    def packed_advance(self, logit_precision: str, output_cache: PackedOutputCache | None = None) -> Advance:
        """Return a faster `advance` for a search, if the native engine supports the output product.

        The output weights are packed as they are at this call. `logit_precision` is the dtype in which all tokens are
        scanned: "float32", or "int8", where the best tokens are computed again in float32 (see `PackedOutput`).
        `output_cache` keeps the packed weights for later searches. Where the engine does not support it, such as on a
        GPU, the result is `advance`.

        Raises ConfigError for another `logit_precision`.
        """
        from elman.kernels.output_product import check_logit_precision, why_not

        check_logit_precision(logit_precision)
        weight_VY = self._output_weight()
        if why_not(weight_VY, self.head_bias_V) is not None:
            return self.advance
        packed = (output_cache or PackedOutputCache()).of(weight_VY, self.head_bias_V, logit_precision)

        def advance(tokens_BK: Tensor, state: State, memory: State) -> SearchStep:
            return self._advance(packed, tokens_BK, state, memory)

        return advance

    def _advance(self, packed: PackedOutput, tokens_BK: Tensor, state: State, memory: State) -> SearchStep:
        output = self.decoder.step(self.target_embedding(tokens_BK), state, memory)
        return SearchStep(LazyLogits(output.r_BTY, packed, self.logits), output.state, output.weights_BTS)

    def _output_weight(self) -> Tensor:
        """Return the output weights, one row per token; a tied embedding has the start token as its last row."""
        return self.target_embedding.weight if self.head is None else self.head.weight
