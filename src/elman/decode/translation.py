"""Translation of sentences by one network or an ensemble: batched search, detokenisation, copied words, attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from elman.data.batches import in_order
from elman.data.blank_lines import answer_lines
from elman.data.pairs import PairVocabulary, pairs_from
from elman.data.pairs.encoded import TokenSequences
from elman.decode.ctc_beam import LanguageModelScorer
from elman.decode.ensembles import ensemble
from elman.decode.next_token import NextTokens, next_of_decoder
from elman.decode.search import Advance, Hypothesis, SearchStep
from elman.decode.search_config import SearchConfig
from elman.decode.text_output import distinct_texts, find
from elman.decode.translation_result import Translation
from elman.display import Progress
from elman.errors import ConfigError, DataError
from elman.kernels import threads_for
from elman.kernels.output_product import logit_precision_for
from elman.state import Batch, State

__all__ = [
    "BATCH_SIZE",
    "EnsembleMember",
    "SourceNetwork",
    "Translate",
    "Translation",
    "autocast",
    "check_attention",
    "check_members",
    "encode_sources",
    "length_limits",
    "next_target_tokens",
    "search_all",
    "translate_all",
    "translating",
    "translations_of",
]

# Sentences -> translations.
Translate = Callable[[list[str]], list[str]]

# Default number of sentences in a batch.
BATCH_SIZE = 128
# Maximum number of source steps of a batch, padding included, and of logits of its hypotheses at one step. A single
# sentence may exceed them.
_MAX_STEPS, _MAX_LOGITS = 1 << 15, 1 << 26
# Default length limit of a target in tokens: _RATIO * source length + _MORE.
_RATIO, _MORE = 2, 20


class SourceNetwork(Protocol):
    """Protocol of an encoder-decoder network for a search."""

    @property
    def device(self) -> torch.device:
        """Device of the weights."""

    def encode(self, sources_BS: Tensor, lengths_B: Tensor, /) -> tuple[State, State]:
        """Encode sources: the initial state of the decoder, and its memory."""

    def advance(self, tokens_BK: Tensor, state: State, memory: State, /) -> SearchStep:
        """Run one step of a search."""

    def packed_advance(self, logit_precision: str, output_cache: Any = None, /) -> Advance:
        """Return a step function for many steps: `advance` with the output projection packed, where possible."""


class EnsembleMember(NamedTuple):
    """One network of a search.

    network     the network
    vocabulary  its source and target vocabulary
    reverse     whether it reads sources in reverse order
    attends     whether it has attention
    """

    network: SourceNetwork
    vocabulary: PairVocabulary
    reverse: bool = False
    attends: bool = True

    def reads_like(self, other: EnsembleMember) -> bool:
        """Return whether both encode a source as the same time steps."""
        own, others = self.vocabulary, other.vocabulary
        return (
            self.reverse == other.reverse
            and own.lowercase == others.lowercase
            and (own.source is others.source or own.source.fingerprint() == others.source.fingerprint())
        )


def check_members(members: Sequence[EnsembleMember]) -> None:
    """Raise ConfigError unless all members have the same target vocabulary."""
    first = members[0].vocabulary.target
    for number, member in enumerate(members[1:], 2):
        target = member.vocabulary.target
        if target is not first and target.fingerprint() != first.fingerprint():
            raise ConfigError(
                "expected models of an ensemble to have one target vocabulary: train them on the same pairs with the "
                f"same token options. Received: {first.size:,} tokens, and {target.size:,} others in model {number}"
            )


def check_attention(members: Sequence[EnsembleMember]) -> None:
    """Raise ConfigError unless all members have attention, over the same source steps."""
    if not all(member.attends for member in members):
        raise ConfigError(
            "expected a model with attention for attention, replace_unknown and coverage_penalty. "
            "Received: attention = none"
        )
    if not all(member.reads_like(members[0]) for member in members):
        raise ConfigError(
            "expected models with the same source vocabulary and reading direction for attention, replace_unknown and "
            "coverage_penalty. Received: models that differ in one of them"
        )


def encode_sources(texts: Sequence[str], member: EnsembleMember) -> TokenSequences:
    """Return the token ids of sources, in the order in which the member's network reads them."""
    step = -1 if member.reverse else 1
    vocabulary = member.vocabulary
    return TokenSequences([ids[::step] for ids in vocabulary.encode_sources(texts)], vocabulary.source.end_id)


def length_limits(lengths: Any, most: int) -> list[int]:
    """Return the limits of target tokens for sources of these lengths; `most` is the user's limit, 0 for none."""
    return [most or _RATIO * int(length) + _MORE for length in lengths]


def autocast(network: SourceNetwork, precision: str) -> AbstractContextManager[Any]:
    """Return a context of mixed precision if `precision` is "bfloat16"."""
    if precision != "bfloat16":
        return nullcontext()
    return torch.autocast(network.device.type, torch.bfloat16)


def search_all(
    members: Sequence[EnsembleMember],
    texts: Sequence[str],
    search: SearchConfig,
    *,
    attention: bool = False,
    batch_size: int = BATCH_SIZE,
    precision: str = "float32",
    logit_precision: str = "float32",
    output_cache: Any = None,
    language: LanguageModelScorer | None = None,
    progress: Progress | None = None,
) -> list[list[Hypothesis]]:
    """Search the hypotheses of every text, best first, as `find` does; networks must be in evaluation mode.

    `precision` is the dtype of matrix products, `logit_precision` the format of the output projection over the
    vocabulary. `output_cache` caches packed weights between searches; see `TokenDecoderNetwork.packed_advance` for
    both. `language` scores the target tokens for shallow fusion.

    The `attention` of a hypothesis has a column for each token of the source, in the order of the text, and one for the
    end. Raises ConfigError for options that cannot be combined.
    """
    if batch_size < 1:
        raise ConfigError(f"expected a batch size of at least 1. Received: {batch_size}")
    if not texts:
        return []
    width = search.n_best if search.sample else search.beams
    fitting = max(1, _MAX_LOGITS // (width * members[0].vocabulary.target.size))
    same_sources = all(member.reads_like(members[0]) for member in members[1:])
    encoded = [encode_sources(texts, member) for member in members]
    found: list[list[Hypothesis]] = [[] for _ in texts]
    done = 0
    network, together = members[0].network, width * len(texts)
    with threads_for(together, network):
        # Sampling needs all logits.
        advance = _advance(members, same_sources, None if search.sample else logit_precision, output_cache)
    with torch.inference_mode(), autocast(network, precision), threads_for(together, network):
        batches = in_order(encoded[0].lengths, _no_batch, batch_size=min(batch_size, fitting), steps=_MAX_STEPS)
        for number, (rows, _) in enumerate(batches):
            started = [_start(member.network, side, rows) for member, side in zip(members, encoded, strict=True)]
            lengths_B = torch.from_numpy(encoded[0].lengths[rows])
            results = find(
                advance,
                started[0][0] if len(members) == 1 else tuple(state for state, _ in started),
                started[0][1] if len(members) == 1 else tuple(memory for _, memory in started),
                rows=len(rows),
                start=members[0].vocabulary.bos_id,
                end=members[0].vocabulary.target.end_id,
                limits_B=length_limits(lengths_B.tolist(), search.max_length),
                search=search.of_batch(number),
                lengths_B=lengths_B,
                attention=attention,
                language=language,
            )
            for row, hypotheses in zip(rows.tolist(), results, strict=True):
                found[row] = [_restore_order(each, members[0].reverse) for each in hypotheses]
            done += len(rows)
            if progress is not None:
                progress("translating", done / len(texts))
    return found


def _no_batch(rows: Any) -> Batch:
    """Return an empty batch: only the rows of `in_order` are used, because each member encodes the sources itself."""
    del rows
    return Batch((), torch.empty(0))


def _start(network: SourceNetwork, sources: TokenSequences, rows: Any) -> tuple[State, State]:
    device = network.device
    sources_BS = torch.from_numpy(sources.padded(rows, 0)).to(device)
    return network.encode(sources_BS, torch.from_numpy(sources.lengths[rows]).to(device))


def _advance(
    members: Sequence[EnsembleMember], same_sources: bool, logit_precision: str | None, output_cache: Any
) -> Advance:
    if len(members) == 1:
        network = members[0].network
        return network.advance if logit_precision is None else network.packed_advance(logit_precision, output_cache)
    # The mean over members needs all logits of each.
    advances: list[Advance] = [member.network.advance for member in members]
    return ensemble(advances if same_sources else [_without_attention(each) for each in advances])


def _without_attention(advance: Advance) -> Advance:
    """Return `advance` without attention weights, whose source steps differ from those of other members."""

    def plain(tokens_BK: Tensor, state: State, memory: State) -> SearchStep:
        return advance(tokens_BK, state, memory)._replace(weights_BKS=None)

    return plain


def _restore_order(hypothesis: Hypothesis, reverse: bool) -> Hypothesis:
    """Restore the order of the text in the columns of the attention; the end stays last."""
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
    members: Sequence[EnsembleMember],
    texts: Sequence[str],
    search: SearchConfig,
    *,
    replace_unknown: bool = False,
    attention: bool = False,
    **how: Any,
) -> list[list[Translation]]:
    """Translate every text, best first and distinct unless sampled; the translation of an empty text is empty.

    `replace_unknown` replaces each unknown token by the source token that receives the most attention. `how` is passed
    to `search_all`. Raises ConfigError for options that cannot be combined, and for attention if the members have none
    or differ in their source steps.
    """
    if attention or replace_unknown or (search.coverage_penalty and not search.sample):
        check_attention(members)
    vocabulary = members[0].vocabulary

    def translated(text: str, hypotheses: Sequence[Hypothesis] | None) -> list[Translation]:
        found = translations_of(text, hypotheses, vocabulary, replace_unknown=replace_unknown, attention=attention)
        return distinct_texts(found, lambda each: each.text, search)

    def search_rows(rows: list[int]) -> list[list[Translation]]:
        full = [texts[row] for row in rows]
        found = search_all(members, full, search, attention=attention or replace_unknown, **how)
        return [translated(text, hypotheses) for text, hypotheses in zip(full, found, strict=True)]

    # Checks that all are texts.
    sources = pairs_from(texts).sources if texts else []
    return answer_lines(sources, search_rows, lambda row: translated(texts[row], None))


def next_target_tokens(member: EnsembleMember, source: str, prefix: str, **asked: Any) -> NextTokens:
    """Return the distribution of the token after `prefix` in the translation of `source`; `asked` are `top` and
    `candidates` of `next_tokens`.

    Raises DataError for a source that is not a text, or is empty.
    """
    if not isinstance(source, str) or not source.strip():
        raise DataError(f"expected a source that is a text and not empty. Received: {source!r}")
    network, vocabulary = member.network, member.vocabulary
    with torch.no_grad(), threads_for(1, network):
        state, memory = _start(network, encode_sources([source], member), np.zeros(1, np.int64))
        return next_of_decoder(
            network.advance,
            vocabulary.target,
            state,
            memory,
            [vocabulary.bos_id, *vocabulary.encode_target_start(prefix)],
            encode=lambda text: vocabulary.encode_target_continuation(prefix, text),
            decode=vocabulary.target.decode,
            **asked,
        )


def translating(member: EnsembleMember, search: SearchConfig, precision: str) -> Translate:
    """Return a function that translates sentences with one network, which must be in evaluation mode."""

    def translate(texts: list[str]) -> list[str]:
        found = search_all([member], texts, search, precision=precision, logit_precision=logit_precision_for(precision))
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
    """Return the translations of one source from its hypotheses; without hypotheses (empty source), an empty one."""
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
    """Map the index of each unknown token to the source token with the most attention, the end excluded."""
    if found.attention is None or not source_tokens:
        return {}
    return {
        place: source_tokens[int(found.attention[place, : len(source_tokens)].argmax())]
        for place, token in enumerate(found.tokens)
        if token == vocabulary.target.unknown_id
    }
