"""A language model's run: its job from a corpus, and the corpus of a stopped run read again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.artifact import Artifact
from elman.data import Corpus, Vocabulary, vocabulary_from_json
from elman.data.tokens import Progress
from elman.errors import ArtifactError
from elman.tasks.building import make_network
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.corpus import HeldOut, Inputs, describe_data, prepare_corpus, training_lanes
from elman.tasks.language_model.network import LanguageModelNetwork
from elman.tasks.language_model.objective import NextToken, measure
from elman.tasks.run import Job, settle

__all__ = ["TASK", "language_model_job", "reopen", "unit_of"]

TASK = "language-model"


def language_model_job(config: LanguageModelConfig, corpus: Corpus, inputs: Inputs) -> Job[LanguageModelNetwork]:
    """What a run on `corpus` trains; `inputs` tells where it came from. Raises ConfigError, OutOfMemory."""
    config = dataclasses.replace(config, training=settle(config.training))
    training, vocabulary = config.training, corpus.vocabulary
    network = make_network(lambda: LanguageModelNetwork(vocabulary.size, config.network), training)
    held_out = None if corpus.valid is None else HeldOut(corpus.valid, vocabulary, training.evaluate_tokens)
    unit, layers = unit_of(vocabulary), f"{config.network.layers}x{config.network.hidden}"

    def test(limit: int) -> dict[str, float]:
        if corpus.test is None:
            return {}
        batches, characters = HeldOut(corpus.test, vocabulary, training.evaluate_tokens)(limit)
        return measure(network, batches).metrics(characters)

    def sizes() -> list[tuple[str, str]]:
        train, valid, last = (0 if part is None else len(part) for part in (corpus.train, corpus.valid, corpus.test))
        documents = f"{corpus.scan.documents:,} document" + ("" if corpus.scan.documents == 1 else "s")
        return [
            ("text", f"{corpus.scan.characters:,} characters in {documents}"),
            ("parts", f"{train:,} {vocabulary.unit}s to train on, {valid:,} validation, {last:,} test"),
            ("vocabulary", f"{vocabulary.size:,} {vocabulary.unit}s"),
        ]

    def describe(figures: Mapping[str, float]) -> str:
        if "bits_per_char" in figures:
            by_char = f", {figures['bits_per_char']:.4f} bits a char"
        else:
            by_char = f", {figures['loss'] / math.log(2):.4f} bits"
        return f"{figures['loss']:.4f} nats a {unit}, perplexity {figures['perplexity']:.2f}{by_char}"

    return Job(
        task=TASK,
        config=config,
        network=network,
        objective=NextToken(network, held_out),
        stream=training_lanes(corpus, config.network),
        holds_out=corpus.valid is not None,
        fingerprint=corpus.fingerprint,
        inputs=inputs.to_json(),
        data=describe_data(corpus, inputs),
        vocabulary=vocabulary.to_json(),
        unit=unit,
        loss_name=f"nats a {unit}",
        describe=describe,
        test=None if corpus.test is None else test,
        outline=sizes(),
        start=(
            f"{config.network.cell} {layers}, {network.count_parameters():,} weights; "
            f"{len(corpus.train):,} {vocabulary.unit}s to train on, vocabulary of {vocabulary.size:,}"
        ),
        in_bits=True,
    )


def reopen(
    described: Artifact,
    inputs: Mapping[str, Any],
    config: LanguageModelConfig,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Job[LanguageModelNetwork]:
    """The job of a stopped run, its texts read again."""
    if described.vocabulary is None:
        raise ArtifactError(f"expected a vocabulary in {described.folder}. Received: none")
    texts = Inputs(**inputs)
    vocabulary = vocabulary_from_json(described.vocabulary)
    corpus = prepare_corpus(texts, config.text, vocabulary=vocabulary, cache=cache, progress=progress)
    return language_model_job(config, corpus, texts)


def unit_of(vocabulary: Vocabulary) -> str:
    """What one token is called."""
    return {"character": "char"}.get(vocabulary.unit, vocabulary.unit)
