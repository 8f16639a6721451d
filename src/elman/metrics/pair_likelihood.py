"""Likelihood of given targets: the log-probability of every token under teacher forcing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.batches import in_order
from elman.data.pairs import Pairs, PairVocabulary
from elman.data.pairs.encoded import EncodedPairs, PairInputs
from elman.display import Progress
from elman.kernels import threads_for
from elman.metrics.perplexity import perplexity
from elman.state import IGNORE_INDEX, Batch, map_leaves

__all__ = ["Likelihood", "PairScore", "TargetNetwork", "likelihoods", "moved", "pair_scores", "tally"]

# Maximum number of rows and of tokens of a batch, both sides and padding included.
_ROWS, _STEPS = 128, 12_000


@dataclass(frozen=True)
class PairScore:
    """Likelihood of one target, given its source.

    source, target  the texts
    tokens          tokens of the target, the end included
    log_probs       natural logarithm of the probability of each token
    unknown         number of tokens that are not in the vocabulary
    """

    source: str
    target: str
    tokens: list[str]
    log_probs: list[float]
    unknown: int

    @property
    def log_probability(self) -> float:
        """Log-probability of the target."""
        return math.fsum(self.log_probs)

    @property
    def perplexity(self) -> float:
        """Perplexity per token."""
        return perplexity(-self.log_probability / len(self.log_probs))

    def to_json(self, number: int, *, per_token: bool = False) -> dict[str, Any]:
        """Return all fields as JSON values, with the pair's number; `per_token` adds the tokens."""
        facts: dict[str, Any] = {
            "pair": number,
            "source": self.source,
            "target": self.target,
            "tokens": len(self.tokens),
            "unknown": self.unknown,
            "log_probability": self.log_probability,
            "perplexity": self.perplexity,
        }
        if per_token:
            facts["per_token"] = [list(pair) for pair in zip(self.tokens, self.log_probs, strict=True)]
        return facts


class TargetNetwork(Protocol):
    """Protocol of a network that scores the tokens of a target, given its source."""

    @property
    def device(self) -> torch.device:
        """Device of the weights."""

    def read(self, sources_BS: Tensor, source_lengths_B: Tensor, targets_BT: Tensor, /) -> Tensor:
        """Return the decoder outputs `r_BTY` after every token of the targets."""

    def logits(self, r_BTY: Tensor, /) -> Tensor:
        """Return the logits of the next token for each decoder output."""


class Likelihood(NamedTuple):
    """For one pair: the log-probability of every target token, and whether it is the most likely token there."""

    row: int
    log_probs_T: npt.NDArray[np.float64]
    likeliest_T: npt.NDArray[np.bool_]


def likelihoods(
    networks: Sequence[TargetNetwork],
    data: Sequence[EncodedPairs],
    rows: Any = None,
    progress: Progress | None = None,
) -> Iterator[Likelihood]:
    """Yield the likelihoods of pairs with targets, in any order; several networks are averaged by probability.

    `data` has the encoded pairs for each network, with the same target vocabulary. `rows` are the indices of the pairs;
    by default all. `progress` is called with "scoring" and the fraction done.
    """
    first = data[0]
    done, total = 0, len(first if rows is None else rows)
    with torch.no_grad():
        for part, batch in in_order(first.lengths, first.batch, batch_size=_ROWS, steps=_STEPS, rows=rows):
            with threads_for(total, networks[0] if networks else None):
                mean_NV: Tensor | None = None
                for network, encoded in zip(networks, data, strict=True):
                    inputs, targets_BT = moved(batch if encoded is first else encoded.batch(part), network)
                    counted_BT = targets_BT != IGNORE_INDEX
                    logits_NV = network.logits(network.read(*inputs)[counted_BT])
                    logits_NV = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
                    log_probs_NV = torch.log_softmax(logits_NV, dim=-1)
                    mean_NV = log_probs_NV if mean_NV is None else torch.logaddexp(mean_NV, log_probs_NV)
                if mean_NV is None:
                    return
                targets_N = targets_BT[counted_BT]
                found_N = mean_NV.gather(1, targets_N[:, None])[:, 0].double() - math.log(len(networks))
                likeliest_N = mean_NV.argmax(dim=-1) == targets_N
                lengths = counted_BT.sum(dim=1).tolist()
            for row, log_probs, hits in zip(part, found_N.split(lengths), likeliest_N.split(lengths), strict=True):
                yield Likelihood(int(row), log_probs.cpu().numpy(), hits.cpu().numpy())
            done += len(part)
            if progress is not None:
                progress("scoring", done / total)


def pair_scores(pairs: Pairs, vocabulary: PairVocabulary, found: Iterable[Likelihood]) -> list[PairScore]:
    """Build the scores of pairs with targets, in their order, from the likelihoods `found` of all of them."""
    target, targets = vocabulary.target, pairs.targets or []
    in_order_of_pairs = sorted(found, key=lambda each: each.row)
    return [
        PairScore(
            source,
            text,
            [*vocabulary.target_tokens(ids.tolist()), target.token(target.end_id)],
            each.log_probs_T.tolist(),
            int((ids == target.unknown_id).sum()),
        )
        for source, text, ids, each in zip(
            pairs.sources, targets, vocabulary.encode_targets(targets), in_order_of_pairs, strict=True
        )
    ]


def tally(found: Iterable[Likelihood]) -> dict[str, float]:
    """Return metrics over all targets.

    Returns `loss` in nats per target token (ends included), `perplexity`, `accuracy` (of the most likely next token
    under teacher forcing), and the number of `tokens`.
    """
    nats, tokens, hits = 0.0, 0, 0
    for each in found:
        nats -= float(each.log_probs_T.sum())
        tokens += len(each.log_probs_T)
        hits += int(each.likeliest_T.sum())
    loss = nats / max(tokens, 1)
    return {
        "loss": loss,
        "perplexity": perplexity(loss),
        "accuracy": hits / max(tokens, 1),
        "tokens": float(tokens),
    }


def moved(batch: Batch, network: TargetNetwork) -> tuple[PairInputs, Tensor]:
    """Move inputs and targets of a batch to the network's device."""
    inputs: PairInputs = map_leaves(lambda leaf: leaf.to(network.device), batch.inputs_BT)
    return inputs, batch.targets_BT.to(network.device)
