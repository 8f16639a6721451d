"""What a classifier knows beside options and weights, and examples as it reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from elman.data.examples.base import Examples
from elman.data.examples.config import InputConfig
from elman.data.examples.encode import Encoder, TextEncoder, encoder_from_json
from elman.data.examples.targets import Classes, Targets, targets_from_json
from elman.data.rows import Rows
from elman.errors import ArtifactError, ConfigError

__all__ = ["ClassifierVocabulary", "Encoded"]


@dataclass(frozen=True)
class ClassifierVocabulary:
    """What inputs and labels become.

    encoder      of texts or series
    targets      of classes or scores
    grams        how many n-grams a bag knows; 0 for no bag
    temperature  divides the network's scores before they become probabilities
    """

    encoder: Encoder
    targets: Targets
    grams: int = 0
    temperature: float = 1.0

    @property
    def reads_text(self) -> bool:
        """Whether examples are texts, and not series."""
        return isinstance(self.encoder, TextEncoder)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as text; none for a score."""
        return self.targets.names if isinstance(self.targets, Classes) else ()

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels of series; none for texts."""
        return () if isinstance(self.encoder, TextEncoder) else self.encoder.channels

    @property
    def joiner(self) -> str:
        """What stands between the tokens of a text."""
        return self.encoder.joiner if isinstance(self.encoder, TextEncoder) else " "

    def classes(self) -> Classes:
        """The classes. Raises ConfigError for a score."""
        if not isinstance(self.targets, Classes):
            raise ConfigError("expected a model of classes. Received: one that was trained with kind=score")
        return self.targets

    def answer(self) -> str:
        """What an answer is, for people."""
        return f"{self.targets.outputs:,} classes" if isinstance(self.targets, Classes) else "a score"

    def to_json(self) -> dict[str, Any]:
        """All that makes this vocabulary, as plain values."""
        numbers = {"grams": self.grams, "temperature": self.temperature}
        return {**self.encoder.to_json(), **self.targets.to_json(), **numbers}

    @staticmethod
    def from_json(
        content: Mapping[str, Any], config: InputConfig, *, kind: str, bag: int, where: str
    ) -> ClassifierVocabulary:
        """What `to_json` gave, of a model of this `kind` of targets with a `bag` of so many tokens.

        Raises ArtifactError, with `where`, for anything else.
        """
        encoder = encoder_from_json(content, config, where)
        targets = targets_from_json(content, kind, where)
        temperature, grams = content.get("temperature"), content.get("grams")
        if type(temperature) not in (int, float) or not 0.0 < temperature < math.inf:  # type: ignore[operator]
            raise ArtifactError(f"{where}: expected a temperature above 0. Received: {str(temperature)[:40]}")
        if type(grams) is not int or not 0 <= grams < 2**31 or (grams > 0) > (bag > 0):
            raise ArtifactError(f"{where}: expected the number of n-grams of a bag. Received: {str(grams)[:40]}")
        return ClassifierVocabulary(encoder, targets, grams, float(temperature))  # type: ignore[arg-type]


class Encoded:
    """Examples as rows, with what is true of them. Raises DataError for examples that the vocabulary cannot read.

    rows     what the network reads, with its targets
    truth_N  class numbers, or standardised scores
    longer   how many texts were cut
    """

    def __init__(self, examples: Examples, vocabulary: ClassifierVocabulary) -> None:
        self.truth_N: npt.NDArray[Any] = vocabulary.targets.encode(examples)
        encoded, self.longer = vocabulary.encoder.encode_and_count(examples)
        self.rows = Rows(encoded, self.truth_N)
