"""Encoders of inputs: texts as token ids, series as scaled values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.columns import Name, comparable, have_names, order_of, real_columns
from elman.data.examples import Examples
from elman.data.examples.config import InputConfig
from elman.data.moments import mean_and_deviation
from elman.data.vocabulary import UNKNOWN_ID, Vocabulary, WordVocabulary, learn_vocabulary, vocabulary_from_json
from elman.data.vocabulary.options import vocabulary_options
from elman.errors import ArtifactError, DataError

__all__ = ["InputEncoder", "SeriesEncoder", "TextEncoder", "encoder_from_json", "learn_encoder"]

# Channels with a smaller standard deviation are centred but not scaled, so that rounding noise is not amplified.
_MIN_DEVIATION = 1e-6
_MAX_CHANNELS = 100_000


@dataclass(frozen=True)
class TextEncoder:
    """Encodes texts as token ids.

    vocabulary   the tokens
    max_length   longer texts are truncated to this many tokens; 0 for no limit
    """

    vocabulary: Vocabulary
    max_length: int = 0
    kind: str = "text"

    def encode(self, examples: Examples) -> list[npt.NDArray[Any]]:
        """Return the int64 token ids of every text; [UNK] for a text without tokens. Raises DataError for series."""
        return [self._cut(row) for row in self._rows(examples)]

    def encode_and_count(self, examples: Examples) -> tuple[list[npt.NDArray[Any]], int]:
        """Return what `encode` returns, and the number of texts that were truncated."""
        rows = self._rows(examples)
        longer = sum(len(row) > self.max_length for row in rows) if self.max_length else 0
        return [self._cut(row) for row in rows], longer

    def _rows(self, examples: Examples) -> list[npt.NDArray[Any]]:
        _check_kind(examples, self.kind)
        return list(self.vocabulary.encode_many(examples.inputs))  # type: ignore[arg-type]

    def _cut(self, row: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if not len(row):
            return np.array([UNKNOWN_ID])
        return row[: self.max_length] if self.max_length else row

    def pieces(self, text: str) -> list[str]:
        """Return the tokens of a text as strings, for display; unknown words appear as they are in the text."""
        if isinstance(self.vocabulary, WordVocabulary):
            words = self.vocabulary.split(text)
        elif self.vocabulary.per_character:
            words = list(self.vocabulary.in_form(text))
        else:
            words = [self.vocabulary.token(number) for number in self.vocabulary.encode(text).tolist()]
        return (words[: self.max_length] if self.max_length else words) or ["[UNK]"]

    @property
    def joiner(self) -> str:
        """Separator of `pieces` for display."""
        return " " if isinstance(self.vocabulary, WordVocabulary) else ""

    def to_json(self) -> dict[str, Any]:
        """Return the encoder as JSON values."""
        return {"text": self.vocabulary.to_json(), "channels": None, "scale": None}


@dataclass(frozen=True)
class SeriesEncoder:
    """Encodes series as scaled values.

    channels     the names of the I channels
    standardise  "none"; "channels": by `mean_I` and `deviation_I`; "series": by the mean and deviation of each series
    features     the names of the time steps, if the series were the rows of a data frame; () without names
    """

    channels: tuple[str, ...]
    standardise: str
    mean_I: npt.NDArray[np.float64]
    deviation_I: npt.NDArray[np.float64]
    features: tuple[Name, ...] = ()
    kind: str = "series"

    def arranged(self, examples: Examples) -> Examples:
        """Return series with their channels and time steps as in training, if both have names.

        Row numbers without a name are left out. Raises DataError for texts, for another number of channels, and for
        channels or time steps with other names.
        """
        _check_kind(examples, self.kind)
        inputs: Any = examples.inputs
        if comparable(self.features, examples.features):
            order = order_of(self.features, examples.features, "X", values=examples.step)
            inputs = inputs if order is None else [x_TI[order] for x_TI in inputs]
        if comparable(self.channels, examples.channels):
            place = examples.places[0]
            order = order_of(self.channels, examples.channels, place, what="channel", values=examples.channel)
            inputs = inputs if order is None else [x_TI[:, order] for x_TI in inputs]
        for x_TI, place in zip(inputs, examples.places, strict=True):
            if x_TI.shape[1] != len(self.channels):
                raise DataError(
                    f"{place}: expected series of {len(self.channels)} channels, as in training. "
                    f"Received: {x_TI.shape[1]}"
                )
        return replace(examples, inputs=inputs)

    def encode(self, examples: Examples) -> list[npt.NDArray[Any]]:
        """Return the scaled float32 `x_TI` of every series. Raises DataError as `arranged` does."""
        inputs: Any = self.arranged(examples).inputs
        return [self._scaled(x_TI) for x_TI in inputs]

    def encode_and_count(self, examples: Examples) -> tuple[list[npt.NDArray[Any]], int]:
        """Return what `encode` returns, and 0: series are not truncated."""
        return self.encode(examples), 0

    def _scaled(self, x_TI: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        if self.standardise == "none":
            return np.asarray(x_TI, dtype=np.float32)
        mean, deviation = self.mean_I, self.deviation_I
        if self.standardise == "series":
            mean = x_TI.mean(axis=0, dtype=np.float64)
            deviation = x_TI.std(axis=0, dtype=np.float64)
            deviation = np.where(deviation < _MIN_DEVIATION, 1.0, deviation)
        return ((x_TI - mean) / deviation).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the encoder as JSON values."""
        scale = {"by": self.standardise, "mean": self.mean_I.tolist(), "deviation": self.deviation_I.tolist()}
        named = {"features": list(self.features)} if self.features else {}
        return {"text": None, "channels": list(self.channels), "scale": scale, **named}


InputEncoder = TextEncoder | SeriesEncoder


def learn_encoder(examples: Examples, config: InputConfig, chosen: Sequence[str] = ()) -> InputEncoder:
    """Learn the vocabulary or the scale of training `examples`; row numbers are left out, but not `chosen` channels.

    Raises DataError, ConfigError.
    """
    if examples.kind == "text":
        vocabulary = learn_vocabulary(vocabulary_options(config), examples.inputs)  # type: ignore[arg-type]
        return TextEncoder(vocabulary, config.max_length)
    examples = _without_row_numbers(examples, chosen)
    inputs: list[npt.NDArray[Any]] = examples.inputs  # type: ignore[assignment]
    channels = examples.channels or tuple(str(number + 1) for number in range(inputs[0].shape[1]))
    features = examples.features
    zeros_I, ones_I = np.zeros(len(channels)), np.ones(len(channels))
    how = config.standardise
    if how == "auto":
        bounded = all(x_TI.min() >= 0.0 and x_TI.max() <= 1.0 for x_TI in inputs)
        how = "none" if bounded else "channels"
    if how in ("none", "series"):
        return SeriesEncoder(channels, how, zeros_I, ones_I, features)
    mean, deviation = mean_and_deviation(inputs, 0 if how == "channels" else (0, 1), least=_MIN_DEVIATION)
    return SeriesEncoder(channels, "channels", zeros_I + mean, ones_I * deviation, features)


def _without_row_numbers(examples: Examples, chosen: Sequence[str]) -> Examples:
    """Return series without the channels and time steps that are row numbers, unless they are `chosen` channels.

    Raises DataError if nothing is left.
    """
    channels = list(range(len(examples.channels)))
    if have_names(examples.channels):
        channels = real_columns(examples.channels, examples.channel, chosen)
    steps = real_columns(examples.features, examples.step)
    if len(channels) == len(examples.channels) and len(steps) == len(examples.features):
        return examples
    if (examples.channels and not channels) or (examples.features and not steps):
        raise DataError(f"{examples.places[0]}: expected a column of values. Received: row numbers without a name")
    inputs: Any = examples.inputs
    if steps:
        inputs = [x_TI[steps] for x_TI in inputs]
    if channels:
        inputs = [x_TI[:, channels] for x_TI in inputs]
    return replace(
        examples,
        inputs=inputs,
        channels=tuple(examples.channels[place] for place in channels),
        features=tuple(examples.features[place] for place in steps),
    )


def encoder_from_json(content: Mapping[str, Any], config: InputConfig, where: str) -> InputEncoder:
    """Load what `to_json` returned. Raises ArtifactError for anything else."""
    if content.get("text") is not None:
        try:
            return TextEncoder(vocabulary_from_json(content["text"]), config.max_length)
        except ArtifactError as error:
            raise ArtifactError(f"{where}: {error}") from error
    channels, scale = content.get("channels"), content.get("scale")
    if (
        not isinstance(channels, list)
        or not 1 <= len(channels) <= _MAX_CHANNELS
        or not all(isinstance(name, str) for name in channels)
    ):
        raise ArtifactError(f"{where}: expected a vocabulary or the names of channels. Received: neither")
    if not isinstance(scale, dict) or scale.get("by") not in ("none", "channels", "series"):
        raise ArtifactError(f"{where}: expected the scale of the channels. Received: {str(scale)[:60]}")
    mean_I = _finite_numbers(scale.get("mean"), len(channels), where)
    deviation_I = _finite_numbers(scale.get("deviation"), len(channels), where)
    if not (deviation_I > 0.0).all():
        raise ArtifactError(f"{where}: expected deviations above 0. Received: {deviation_I.min()}")
    features = content.get("features", [])
    if not isinstance(features, list) or not all(type(name) in (str, int) for name in features):
        raise ArtifactError(f"{where}: expected the names of time steps. Received: {str(features)[:60]}")
    return SeriesEncoder(tuple(channels), scale["by"], mean_I, deviation_I, tuple(features))


def _finite_numbers(values: Any, count: int, where: str) -> npt.NDArray[np.float64]:
    if (
        not isinstance(values, list)
        or len(values) != count
        or not all(type(value) in (int, float) and math.isfinite(value) for value in values)
    ):
        raise ArtifactError(f"{where}: expected {count} numbers for the scale. Received: {str(values)[:60]}")
    return np.array(values, dtype=np.float64)


def _check_kind(examples: Examples, kind: str) -> None:
    if examples.kind != kind:
        names = {"text": "texts", "series": "series"}
        raise DataError(f"expected {names[kind]}, as in training. Received: {names[examples.kind]}")
