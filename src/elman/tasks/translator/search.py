"""From sentences to the hypotheses of a search, by one network or several: batches of like length, order kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import in_order
from elman.data.pairs import PairVocabulary
from elman.data.pairs.encoded import Sequences
from elman.data.tokens import Progress
from elman.decode.ensembles import ensemble
from elman.decode.search import Advance, Hypothesis, Scored
from elman.decode.search_config import SearchConfig
from elman.decode.writing import find
from elman.errors import ConfigError
from elman.nn.output_side import Packs
from elman.tasks.translator.network import TranslatorNetwork
from elman.types import Batch, State

__all__ = [
    "BATCH_SIZE",
    "Member",
    "autocast",
    "check_attention",
    "check_members",
    "encode_sources",
    "length_limits",
    "search_all",
]

# Sentences of a batch, where nobody says otherwise.
BATCH_SIZE = 128
# Steps of a batch of sources, padding included, and scores of its hypotheses at one step: more than that are not in
# memory at a time, unless one sentence alone has them.
_STEPS, _SCORES = 1 << 15, 1 << 26
# A target may be so many times as long as its source, in tokens, and have so many more.
_RATIO, _MORE = 2, 20


class Member(NamedTuple):
    """One network of a search with its vocabulary, and whether it reads sources back to front."""

    network: TranslatorNetwork
    vocabulary: PairVocabulary
    reverse: bool

    def reads_like(self, other: Member) -> bool:
        """Whether both see a source as the same steps."""
        own, others = self.vocabulary, other.vocabulary
        return (
            self.reverse == other.reverse
            and own.lowercase == others.lowercase
            and (own.source is others.source or own.source.fingerprint() == others.source.fingerprint())
        )


def check_members(members: Sequence[Member]) -> None:
    """Raise ConfigError unless all members write the same tokens."""
    first = members[0].vocabulary.target
    for number, member in enumerate(members[1:], 2):
        target = member.vocabulary.target
        if target is not first and target.fingerprint() != first.fingerprint():
            raise ConfigError(
                "expected models of an ensemble to have one target vocabulary: train them on the same pairs with the "
                f"same options of tokens. Received: {first.size:,} tokens, and {target.size:,} others in model {number}"
            )


def check_attention(members: Sequence[Member]) -> None:
    """Raise ConfigError unless all members have attention, and over the same steps."""
    if any(member.network.config.attention == "none" for member in members):
        raise ConfigError(
            "expected a model with attention for attention, replace_unknown and coverage_penalty. "
            "Received: attention = none"
        )
    if not all(member.reads_like(members[0]) for member in members):
        raise ConfigError(
            "expected models that read sources alike for attention, replace_unknown and coverage_penalty. "
            "Received: models with other source vocabularies or directions of reading"
        )


def encode_sources(texts: Sequence[str], member: Member) -> Sequences:
    """The token numbers of sources, in the order in which the member's network reads them."""
    step = -1 if member.reverse else 1
    vocabulary = member.vocabulary
    return Sequences([ids[::step] for ids in vocabulary.encode_sources(texts)], vocabulary.source.end_id)


def length_limits(lengths: Any, most: int) -> list[int]:
    """The most tokens of an answer to sources of these lengths; `most` is the user's own limit, 0 for none."""
    return [most or _RATIO * int(length) + _MORE for length in lengths]


def autocast(network: TranslatorNetwork, precision: str) -> AbstractContextManager[Any]:
    """Matrix products in 16 bits where `precision` is bfloat16."""
    if precision != "bfloat16":
        return nullcontext()
    return torch.autocast(network.head_bias_V.device.type, torch.bfloat16)


def search_all(
    members: Sequence[Member],
    texts: Sequence[str],
    search: SearchConfig,
    *,
    attention: bool = False,
    batch_size: int = BATCH_SIZE,
    precision: str = "float32",
    scan: str = "float32",
    packs: Packs | None = None,
    progress: Progress | None = None,
) -> list[list[Hypothesis]]:
    """The hypotheses of every text, in order, best first; networks must be in evaluation mode.

    `precision` is that of matrix products, `scan` that of going through the whole vocabulary at every step, as in
    `OutputSide.packed_advance`, which also tells of `packs`.

    `attention` of a hypothesis has a column for each token of the source as it stands in the text, and one for its
    end. Raises ConfigError for options that do not go together, and for attention that the members do not share.
    """
    if batch_size < 1:
        raise ConfigError(f"expected a batch size of at least 1. Received: {batch_size}")
    if not texts:
        return []
    width = search.n_best if search.sample else search.beams
    fitting = max(1, _SCORES // (width * members[0].vocabulary.target.size))
    alike = all(member.reads_like(members[0]) for member in members[1:])
    encoded = [encode_sources(texts, member) for member in members]
    found: list[list[Hypothesis]] = [[] for _ in texts]
    done = 0
    # Draws need all scores.
    advance = _advance(members, alike, None if search.sample else scan, packs)
    with torch.inference_mode(), autocast(members[0].network, precision):
        for rows, _ in in_order(encoded[0].lengths, _no_batch, batch_size=min(batch_size, fitting), steps=_STEPS):
            started = [_start(member.network, side, rows) for member, side in zip(members, encoded, strict=True)]
            lengths_B = torch.from_numpy(encoded[0].lengths[rows])
            answers = find(
                advance,
                started[0][0] if len(members) == 1 else tuple(state for state, _ in started),
                started[0][1] if len(members) == 1 else tuple(memory for _, memory in started),
                rows=len(rows),
                start=members[0].vocabulary.go_id,
                end=members[0].vocabulary.target.end_id,
                limits_B=length_limits(lengths_B.tolist(), search.max_length),
                search=search,
                lengths_B=lengths_B,
                attention=attention,
            )
            for row, hypotheses in zip(rows.tolist(), answers, strict=True):
                found[row] = [_forwards(each, members[0].reverse) for each in hypotheses]
            done += len(rows)
            if progress is not None:
                progress("translating", done / len(texts))
    return found


def _no_batch(rows: Any) -> Batch:
    """`in_order` gives the rows; their batch is made by each member's own encoding."""
    del rows
    return Batch((), torch.empty(0))


def _start(network: TranslatorNetwork, sources: Sequences, rows: Any) -> tuple[State, State]:
    device = network.head_bias_V.device
    sources_BS = torch.from_numpy(sources.padded(rows, 0)).to(device)
    return network.encode(sources_BS, torch.from_numpy(sources.lengths[rows]).to(device))


def _advance(members: Sequence[Member], alike: bool, scan: str | None, packs: Packs | None) -> Advance:
    if len(members) == 1:
        network = members[0].network
        return network.advance if scan is None else network.packed_advance(scan, packs)
    # The mean of several needs all scores of each.
    advances: list[Advance] = [member.network.advance for member in members]
    return ensemble(advances if alike else [_without_attention(each) for each in advances])


def _without_attention(advance: Advance) -> Advance:
    """The same without the weights: they are over other steps than those of other members."""

    def plain(tokens_BK: Tensor, state: State, memory: State) -> Scored:
        return advance(tokens_BK, state, memory)._replace(weights_BKS=None)

    return plain


def _forwards(hypothesis: Hypothesis, reverse: bool) -> Hypothesis:
    """A hypothesis whose attention is over the source as it stands in the text: the end stays last."""
    if not reverse or hypothesis.attention is None:
        return hypothesis
    weights_TS = hypothesis.attention
    order = np.r_[np.arange(weights_TS.shape[1] - 2, -1, -1), weights_TS.shape[1] - 1]
    return Hypothesis(
        hypothesis.tokens,
        hypothesis.score,
        hypothesis.log_probability,
        weights_TS[:, torch.from_numpy(order)],
        hypothesis.finished,
    )
