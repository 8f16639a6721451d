"""The vocabulary of a classifier, and examples encoded with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from elman.data.columns import Name
from elman.data.examples.base import Examples
from elman.data.examples.config import InputConfig
from elman.data.examples.encode import InputEncoder, TextEncoder, encoder_from_json
from elman.data.examples.targets import ClassTargets, Targets, targets_from_json
from elman.data.examples.word_characters import TextRows, check_words, word_spans
from elman.data.rows import SequenceRows
from elman.errors import ArtifactError, ConfigError

__all__ = ["ClassifierVocabulary", "EncodedExamples"]


@dataclass(frozen=True)
class ClassifierVocabulary:
    """Encoder of inputs and targets of a classifier.

    encoder      encodes texts or series
    targets      encodes classes or numbers
    grams        number of n-grams in the bag of n-grams; 0 without a bag
    temperature  divides the logits before the softmax
    characters   the most characters of an n-gram within a word in the bag; 0 for none
    """

    encoder: InputEncoder
    targets: Targets
    grams: int = 0
    temperature: float = 1.0
    characters: int = 0

    @property
    def reads_text(self) -> bool:
        """Whether examples are texts, and not series."""
        return isinstance(self.encoder, TextEncoder)

    @property
    def names(self) -> tuple[str, ...]:
        """Classes as text; empty for a regression."""
        return self.targets.names if isinstance(self.targets, ClassTargets) else ()

    @property
    def channels(self) -> tuple[str, ...]:
        """Channel names of series; empty for texts."""
        return () if isinstance(self.encoder, TextEncoder) else self.encoder.channels

    @property
    def features(self) -> tuple[Name, ...]:
        """Names of the time steps of series that were rows of a data frame; empty without names, and for texts."""
        return () if isinstance(self.encoder, TextEncoder) else self.encoder.features

    @property
    def joiner(self) -> str:
        """Separator of the tokens of a text, for display."""
        return self.encoder.joiner if isinstance(self.encoder, TextEncoder) else " "

    def rows_of(self, examples: Examples, truth_N: npt.NDArray[Any] | None = None) -> tuple[SequenceRows, int]:
        """Return the encoded inputs of examples, and the number of texts that were truncated.

        Raises DataError for examples of the other kind.
        """
        encoded, longer = self.encoder.encode_and_count(examples)
        if not self.characters or not isinstance(self.encoder, TextEncoder):
            return SequenceRows(encoded, truth_N, examples.weights), longer
        spans = [word_spans(self.encoder, str(text)) for text in examples.inputs]
        return TextRows(encoded, spans, self.characters, truth_N, examples.weights), longer

    def classes(self) -> ClassTargets:
        """Return the classes. Raises ConfigError for a regression."""
        if not isinstance(self.targets, ClassTargets):
            raise ConfigError("expected a model of classes. Received: one that was trained with kind=regression")
        return self.targets

    def answer(self) -> str:
        """Return a description of the output for people: "3 classes" or "a number"."""
        return f"{self.targets.outputs:,} classes" if isinstance(self.targets, ClassTargets) else "a number"

    def to_json(self) -> dict[str, Any]:
        """Return the vocabulary as JSON values."""
        numbers = {"grams": self.grams, "temperature": self.temperature}
        return {**self.encoder.to_json(), **self.targets.to_json(), **numbers}

    @staticmethod
    def from_json(
        content: Mapping[str, Any], config: InputConfig, *, kind: str, bag: int, characters: int = 0, where: str
    ) -> ClassifierVocabulary:
        """Load what `to_json` returned, for a model with this `kind` of targets and a `bag` of this size (0: none).

        `characters` is the option `bag_characters`.

        Raises ArtifactError, with `where`, for anything else.
        """
        encoder = encoder_from_json(content, config, where)
        if characters and isinstance(encoder, TextEncoder):
            check_words(encoder, where)
        targets = targets_from_json(content, kind, where)
        temperature, grams = content.get("temperature"), content.get("grams")
        if type(temperature) not in (int, float) or not 0.0 < temperature < math.inf:  # type: ignore[operator]
            raise ArtifactError(f"{where}: expected a temperature above 0. Received: {str(temperature)[:40]}")
        if type(grams) is not int or not 0 <= grams < 2**31 or (grams > 0) > (bag + characters > 0):
            raise ArtifactError(f"{where}: expected the number of n-grams in the bag. Received: {str(grams)[:40]}")
        return ClassifierVocabulary(encoder, targets, grams, float(temperature), characters)  # type: ignore[arg-type]


class EncodedExamples:
    """Examples encoded by a vocabulary. Raises DataError for examples that the vocabulary cannot encode.

    rows     inputs of the network, with targets and weights
    truth_N  class indices, or standardised numbers
    longer   number of texts that were truncated
    """

    def __init__(self, examples: Examples, vocabulary: ClassifierVocabulary) -> None:
        self.truth_N: npt.NDArray[Any] = vocabulary.targets.encode(examples)
        self.rows, self.longer = vocabulary.rows_of(examples, self.truth_N)
