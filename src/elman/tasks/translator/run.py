"""A translator's run: its job from its data, and the data of a stopped run read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.artifact import Artifact
from elman.data.batches import Shuffled
from elman.data.pairs import Pairs, PairVocabulary
from elman.data.pairs.config import PairsConfig
from elman.data.pairs.encoded import EncodedPairs
from elman.data.tokens import Progress
from elman.decode.search_config import SearchConfig
from elman.errors import ArtifactError, ConfigError
from elman.kernels.output_product import scan_for
from elman.metrics.translation import check_bleu
from elman.tasks.building import make_network
from elman.tasks.run import Job, settle
from elman.tasks.translator.config import TranslatorConfig
from elman.tasks.translator.network import TranslatorNetwork
from elman.tasks.translator.objective import HeldOut, TargetLikelihood, Translate, text_figures
from elman.tasks.translator.parts import Parts, Sources, read_parts
from elman.tasks.translator.score import likelihoods, tally
from elman.tasks.translator.search import Member, search_all
from elman.tasks.translator.vectors import check_vectors, freeze_vectors, take_vectors

__all__ = ["TASK", "check_options", "describe", "encode_pairs", "learn_tokens", "reopen", "translator_job"]

TASK = "translator"


def check_options(config: TranslatorConfig) -> None:
    """Raise ConfigError for options that no translator can have together."""
    training, network, data = config.training, config.network, config.data
    if training.loss_from or training.loss_to:
        raise ConfigError(
            "expected loss_from and loss_to for language models only. "
            f"Received: loss_from={training.loss_from}, loss_to={training.loss_to} for a translator"
        )
    if network.tied == "all" and not data.shared:
        raise ConfigError("expected one vocabulary for both sides, shared=true, with tied=all. Received: shared=false")
    if data.shared and data.target_tokens not in ("", data.tokens):
        raise ConfigError(
            "expected one kind of tokens where both sides share a vocabulary. Received: "
            f"{data.tokens} and {data.target_tokens}"
        )
    if network.best_by in ("bleu", "chrf", "exact") and not network.translate_valid:
        raise ConfigError(f"expected translate_valid above 0 with best_by={network.best_by}. Received: 0")
    if network.best_by in ("bleu", "chrf"):
        check_bleu()
    check_vectors(network)


def learn_tokens(pairs: Pairs, config: PairsConfig) -> PairVocabulary:
    """The vocabularies of training data."""
    return PairVocabulary.learn(
        pairs,
        kind=config.tokens,
        target_kind=config.target_tokens,
        size=config.vocabulary_size,
        min_count=config.min_count,
        lowercase=config.lowercase,
        shared=config.shared,
        tokeniser=config.tokeniser,
    )


def encode_pairs(
    pairs: Pairs, vocabulary: PairVocabulary, config: PairsConfig, *, in_training: bool = False
) -> EncodedPairs:
    """Pairs as numbers; those that are too long are left out of training, and of nothing else."""
    return EncodedPairs.encode(
        pairs,
        vocabulary,
        max_source=config.max_source * in_training,
        max_target=config.max_target * in_training,
        reverse_source=config.reverse_source,
    )


def translator_job(
    config: TranslatorConfig,
    parts: Parts,
    sources: Sources | None = None,
    *,
    vocabulary: PairVocabulary | None = None,
) -> Job[TranslatorNetwork]:
    """What a run on `parts` trains.

    sources     where the pairs came from; None for pairs that were in memory
    vocabulary  that of a stopped run; by default it is learnt from the training part

    Raises ConfigError, DataError, OutOfMemory.
    """
    check_options(config)
    if config.network.best_by != "loss" and parts.valid is None:
        raise ConfigError(f"expected pairs for validation with best_by={config.network.best_by}. Received: none")
    config = dataclasses.replace(config, training=settle(config.training))
    options, training, data = config.network, config.training, config.data
    known = vocabulary or learn_tokens(parts.train, data)
    train = encode_pairs(parts.train, known, data, in_training=True)
    valid = None if parts.valid is None else HeldOut(parts.valid, encode_pairs(parts.valid, known, data))
    network = make_network(lambda: TranslatorNetwork(known.source.size, known.target.size, options), training)
    # A stopped run has the vectors among its weights.
    remarks = take_vectors(network, known, options) if vocabulary is None else []
    remarks += [*parts.remarks, *train.remarks()]
    freeze_vectors(network, options)
    member = Member(network, known, data.reverse_source)

    def tested(limit: int) -> dict[str, float]:
        del limit  # a test that leaves out pairs would be no test
        if parts.test is None:
            return {}
        translate = translating(member, SearchConfig(), training.precision)
        figures = tally(likelihoods([network], [encode_pairs(parts.test, known, data)]))
        return {**figures, **text_figures(parts.test, translate, lowercase=data.lowercase)}

    sizes = {
        name: counted(part) for name, part in (("train", parts.train), ("valid", parts.valid), ("test", parts.test))
    }
    fingerprint = parts.fingerprint()
    tokens = f"{known.source.size:,} source and {known.target.size:,} target tokens"
    if known.shared:
        tokens = f"{known.source.size:,} tokens for both sides"
    told = "".join(f"; {remark}" for remark in remarks)
    return Job(
        task=TASK,
        config=config,
        network=network,
        objective=TargetLikelihood(
            network, valid, translating(member, SearchConfig(beams=1), training.precision), lowercase=data.lowercase
        ),
        stream=Shuffled(
            train.lengths,
            train.batch,
            batch_size=options.batch_size,
            steps=options.batch_tokens,
            seed=training.seed,
        ),
        holds_out=valid is not None,
        fingerprint=fingerprint,
        inputs={} if sources is None else sources.to_json(),
        data={
            "files": [] if sources is None else sources.names(),
            "source_language": parts.languages[0],
            "target_language": parts.languages[1],
            **{f"{name}_pairs": count for name, count in sizes.items()},
            "train_too_long": train.dropped_source + train.dropped_target,
            "fingerprint": fingerprint,
        },
        vocabulary=known.to_json(),
        unit="token",
        loss_name="nats a token",
        describe=describe,
        test=None if parts.test is None else tested,
        outline=[
            *((name, f"{count:,} pairs") for name, count in sizes.items()),
            ("tokens", tokens),
            ("left out", "; ".join(remarks) or "nothing"),
        ],
        start=(
            f"{told_network(config)}, {network.count_parameters():,} weights; {len(train):,} pairs to train on, "
            f"{tokens}{told}"
        ),
    )


def translating(member: Member, search: SearchConfig, precision: str) -> Translate:
    """Translates sentences with one network, which is in evaluation mode."""

    def translate(texts: list[str]) -> list[str]:
        found = search_all([member], texts, search, precision=precision, scan=scan_for(precision))
        return [member.vocabulary.decode_target(hypotheses[0].tokens) if hypotheses else "" for hypotheses in found]

    return translate


def counted(part: Pairs | None) -> int:
    """How many pairs a part has."""
    return 0 if part is None else len(part)


def told_network(config: TranslatorConfig) -> str:
    """The network in a few words."""
    network = config.network
    encoder = network.encoder_cell or network.cell
    sides = f"{encoder} to {network.cell}" if encoder != network.cell else network.cell
    attention = "without attention" if network.attention == "none" else f"{network.attention} attention"
    return f"{sides} {network.layers}x{network.hidden}, {attention}"


def describe(figures: Mapping[str, float]) -> str:
    """Figures of an evaluation, in a line for people."""
    told = [f"perplexity {figures['perplexity']:.3g}", f"accuracy {figures['accuracy']:.2%}"]
    told += [f"{label} {figures[name]:.2f}" for name, label in (("bleu", "BLEU"), ("chrf", "chrF")) if name in figures]
    if "exact" in figures:
        told.append(f"exact {figures['exact']:.2%}")
    return ", ".join([*told, f"loss {figures['loss']:.4f}"])


def reopen(
    described: Artifact,
    inputs: Mapping[str, Any],
    config: TranslatorConfig,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Job[TranslatorNetwork]:
    """The job of a stopped run, its data read again. Raises ConfigError for a `cache`: nothing is kept there."""
    if cache is not None:
        raise ConfigError(f"expected a cache for language models only. Received: {cache} for a translator")
    if described.vocabulary is None:
        raise ArtifactError(f"expected a vocabulary in {described.folder}. Received: none")
    sources = Sources(**inputs)
    parts = read_parts(sources, config.data, config.training.seed, progress)
    return translator_job(config, parts, sources, vocabulary=PairVocabulary.from_json(described.vocabulary))
