"""From sentences to translations, by one network or several: a search over batches of like length, in the order of the
sentences; then text, with words copied from the source, and attention. Knows nothing about any one network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.batches import in_order
from elman.data.pairs import PairVocabulary, pairs_from
from elman.data.pairs.encoded import Sequences
from elman.data.tokens import Progress
from elman.decode.ensembles import ensemble
from elman.decode.search import Advance, Hypothesis, Scored
from elman.decode.search_config import SearchConfig
from elman.decode.writing import find
from elman.errors import ConfigError
from elman.kernels.output_product import scan_for
from elman.types import Batch, State

__all__ = [
    "BATCH_SIZE",
    "Member",
    "SourceNetwork",
    "Translate",
    "Translation",
    "autocast",
    "check_attention",
    "check_members",
    "encode_sources",
    "length_limits",
    "search_all",
    "translate_all",
    "translating",
    "translations_of",
]

# Sentences to translations.
Translate = Callable[[list[str]], list[str]]

# Sentences of a batch, where nobody says otherwise.
BATCH_SIZE = 128
# Steps of a batch of sources, padding included, and scores of its hypotheses at one step: more than that are not in
# memory at a time, unless one sentence alone has them.
_STEPS, _SCORES = 1 << 15, 1 << 26
# A target may be so many times as long as its source, in tokens, and have so many more.
_RATIO, _MORE = 2, 20


@dataclass(frozen=True, eq=False)
class Translation:
    """One translation.

    source           the text that was translated
    text             the translation
    tokens           its tokens, as the network wrote them
    score            what translations are ordered by: the log-probability after the penalties
    log_probability  natural logarithm of what the network gives to all tokens and the end
    finished         False where the limit of length cut it
    source_tokens    the tokens of the source, and its end: the columns of `attention`
    attention        one line a token of the translation, float32; None when it was not asked for
    """

    source: str
    text: str
    tokens: list[str]
    score: float
    log_probability: float
    finished: bool
    source_tokens: list[str]
    attention: npt.NDArray[np.float32] | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values; attention is there only if it was asked for."""
        facts: dict[str, Any] = {
            "source": self.source,
            "text": self.text,
            "tokens": self.tokens,
            "score": self.score,
            "log_probability": self.log_probability,
            "finished": self.finished,
        }
        if self.attention is not None:
            facts |= {"source_tokens": self.source_tokens, "attention": np.round(self.attention, 4).tolist()}
        return facts


class SourceNetwork(Protocol):
    """What a search needs of a network that reads a source and writes a target."""

    @property
    def device(self) -> torch.device:
        """Where the network is."""

    def encode(self, sources_BS: Tensor, lengths_B: Tensor, /) -> tuple[State, State]:
        """The first state of the search, and its memory."""

    def advance(self, tokens_BK: Tensor, state: State, memory: State, /) -> Scored:
        """One step of a search."""

    def packed_advance(self, scan: str, packs: Any = None, /) -> Advance:
        """The same for many steps: with the output product packed, where that is possible."""


class Member(NamedTuple):
    """One network of a search with its vocabulary.

    reverse  whether it reads sources back to front
    attends  whether it has attention
    """

    network: SourceNetwork
    vocabulary: PairVocabulary
    reverse: bool = False
    attends: bool = True

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
    if not all(member.attends for member in members):
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


def autocast(network: SourceNetwork, precision: str) -> AbstractContextManager[Any]:
    """Matrix products in 16 bits where `precision` is bfloat16."""
    if precision != "bfloat16":
        return nullcontext()
    return torch.autocast(network.device.type, torch.bfloat16)


def search_all(
    members: Sequence[Member],
    texts: Sequence[str],
    search: SearchConfig,
    *,
    attention: bool = False,
    batch_size: int = BATCH_SIZE,
    precision: str = "float32",
    scan: str = "float32",
    packs: Any = None,
    progress: Progress | None = None,
) -> list[list[Hypothesis]]:
    """The hypotheses of every text, in order, best first; networks must be in evaluation mode.

    `precision` is that of matrix products, `scan` that of going through the whole vocabulary at every step. `packs`
    keeps what a network packs for the next search; both as in `OutputSide.packed_advance`.

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


def _start(network: SourceNetwork, sources: Sequences, rows: Any) -> tuple[State, State]:
    device = network.device
    sources_BS = torch.from_numpy(sources.padded(rows, 0)).to(device)
    return network.encode(sources_BS, torch.from_numpy(sources.lengths[rows]).to(device))


def _advance(members: Sequence[Member], alike: bool, scan: str | None, packs: Any) -> Advance:
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


def translate_all(
    members: Sequence[Member],
    texts: Sequence[str],
    search: SearchConfig,
    *,
    replace_unknown: bool = False,
    attention: bool = False,
    **how: Any,
) -> list[list[Translation]]:
    """The translations of every text, in order, best first; an empty text has an empty one.

    `replace_unknown` copies words that the vocabulary does not know from the source: for each the one with most
    attention. `how` is as for `search_all`, which says what is raised.
    """
    if attention or replace_unknown or (search.coverage_penalty and not search.sample):
        check_attention(members)
    full = [row for row, text in enumerate(pairs_from(texts).sources if texts else []) if text]
    given = [texts[row] for row in full]
    by_row = dict(
        zip(full, search_all(members, given, search, attention=attention or replace_unknown, **how), strict=True)
    )
    vocabulary = members[0].vocabulary
    return [
        translations_of(text, by_row.get(row), vocabulary, replace_unknown=replace_unknown, attention=attention)
        for row, text in enumerate(texts)
    ]


def translating(member: Member, search: SearchConfig, precision: str) -> Translate:
    """Translates sentences with one network, which is in evaluation mode."""

    def translate(texts: list[str]) -> list[str]:
        found = search_all([member], texts, search, precision=precision, scan=scan_for(precision))
        return [member.vocabulary.decode_target(hypotheses[0].tokens) if hypotheses else "" for hypotheses in found]

    return translate


def translations_of(
    source: str,
    hypotheses: Sequence[Hypothesis] | None,
    vocabulary: PairVocabulary,
    *,
    replace_unknown: bool,
    attention: bool,
) -> list[Translation]:
    """The translations of one source; an empty one without `hypotheses`, which is what an empty source has."""
    end = vocabulary.source.token(vocabulary.source.end_id)
    if not hypotheses:
        return [Translation(source, "", [], 0.0, 0.0, True, [end], np.zeros((0, 1), np.float32) if attention else None)]
    source_tokens = [*vocabulary.source_tokens(source), end]
    made = []
    for found in hypotheses:
        copies = _copies(found, vocabulary, source_tokens[:-1]) if replace_unknown else {}
        weights = None
        if attention and found.attention is not None:
            weights = found.attention.to(torch.float32).cpu().numpy()
        made.append(
            Translation(
                source,
                vocabulary.decode_target(found.tokens, copies),
                vocabulary.target_tokens(found.tokens),
                found.score,
                found.log_probability,
                found.finished,
                source_tokens,
                weights,
            )
        )
    return made


def _copies(found: Hypothesis, vocabulary: PairVocabulary, source_tokens: Sequence[str]) -> dict[int, str]:
    """For each unknown token, by its place, the source's token with most attention; the end is none of them."""
    if found.attention is None or not source_tokens:
        return {}
    return {
        place: source_tokens[int(found.attention[place, : len(source_tokens)].argmax())]
        for place, token in enumerate(found.tokens)
        if token == vocabulary.target.unknown_id
    }
