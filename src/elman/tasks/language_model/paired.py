"""Several language models on the same text, per token if they have the same tokens, else per character."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.corpus import HeldOutText, open_inputs
from elman.data.sources import as_paths
from elman.decode.evaluation_mode import evaluation_mode
from elman.errors import ConfigError, DataError
from elman.metrics.likelihood import token_nats
from elman.metrics.verdict import mean_of
from elman.tasks.comparison import Doubles, piece_counts
from elman.tasks.language_model.baselines import ITEM, figure_of, noun_of
from elman.tasks.language_model.model import LanguageModel
from elman.tasks.paired import PairedItems, Request, check_same

__all__ = ["paired_items"]

# Characters of a piece of text, white space left out, whose losses are not independent.
_PIECE = 400
# Characters of a text that are shown in messages.
_SHOWN = 20

Ints = npt.NDArray[np.int64]


def paired_items(models: Sequence[LanguageModel], request: Request) -> PairedItems:
    """Sum the losses of pieces of the text."""
    text = request.without_targets()
    fingerprints = {model.vocabulary.fingerprint() for model in models}
    return _per_token(models, text, request) if len(fingerprints) == 1 else _per_character(models, text, request)


def _per_token(models: Sequence[LanguageModel], text: Any, request: Request) -> PairedItems:
    tokens, counts = [], []
    for model in models:
        with model.held_out(text, limit=request.limit, progress=request.progress) as held:
            tokens.append(held.tokens.read(0, held.limit).tolist())
            counts.append(piece_counts(_losses(model, held), ITEM))
    check_same(request, tokens, "tokens")
    unit = models[0].vocabulary.unit.replace("character", "char")
    return PairedItems(figure_of(unit), noun_of(unit), counts)


def _losses(model: LanguageModel, held: HeldOutText) -> Doubles:
    """Return the loss of each token of a held-out text but the first one."""
    with evaluation_mode(model.network):
        losses: Doubles = token_nats(model.network, held()[0])
    return losses


def _per_character(models: Sequence[LanguageModel], text: Any, request: Request) -> PairedItems:
    texts = [_text_of(model, text) for model in models]
    check_same(request, [[each] for each in texts], "text")
    whole = texts[0] if request.limit is None else _first_words(texts[0], request.limit)
    solid = np.flatnonzero([not sign.isspace() for sign in whole])
    starts = np.append(solid[::_PIECE], len(whole))
    characters_N = np.diff(starts)
    if not len(characters_N):
        raise DataError("expected a text with a character other than white space. Received: none")
    characters_N[0] += starts[0]
    counts = []
    for name, model in zip(request.names, models, strict=True):
        with model.held_out(text, progress=request.progress) as held:
            counts.append(_character_counts(name, model, held, whole, characters_N, solid))
    return PairedItems(
        mean_of("bits_per_char", "bits per character"), f"pieces of {_PIECE} characters without spaces", counts
    )


def _first_words(text: str, limit: int) -> str:
    """Return the first `limit` characters, to the end of the word that they end in."""
    end = next((place for place in range(limit, len(text)) if text[place].isspace()), len(text))
    return text[:end]


def _text_of(model: LanguageModel, text: Any) -> str:
    source = open_inputs(as_paths(text), model.config.text, other_texts=True)
    if source is None:
        raise ConfigError("expected a text to compare models on. Received: none")
    with source:
        return "".join(piece.text for piece in source.pieces())


def _character_counts(
    name: str, model: LanguageModel, held: HeldOutText, whole: str, characters_N: Ints, solid: Ints
) -> Doubles:
    """Return bits and characters of each piece; a token belongs to the piece in which its text begins."""
    pieces = list(model.vocabulary.decode_stream(held.tokens.read(0, held.limit).tolist()))
    # Some text may be held back to the end of the stream.
    pieces[held.limit - 1 :] = ["".join(pieces[held.limit - 1 :])]
    lengths_T = np.array([len("".join(piece.split())) for piece in pieces])
    begins_T = np.cumsum(lengths_T) - lengths_T
    _check_whole(name, "".join("".join(pieces).split())[: len(solid)], "".join(whole.split()))
    # White space belongs to the character before it.
    places_T = np.where(lengths_T > 0, begins_T, np.maximum(begins_T - 1, 0))
    inside_T = places_T < len(solid)
    bits_N = np.zeros(len(characters_N))
    # The first token has no predecessor.
    bits_T = np.concatenate([[0.0], _losses(model, held)]) / math.log(2)
    np.add.at(bits_N, places_T[inside_T] // _PIECE, bits_T[inside_T])
    predicted_N = characters_N.astype(np.float64)
    predicted_N[0] -= len(pieces[0])
    return np.stack([bits_N, predicted_N], axis=1)


def _check_whole(name: str, found: str, expected: str) -> None:
    """Raise DataError unless the tokens of a model have the whole text, but for white space."""
    if found == expected:
        return
    pairs = zip(found, expected, strict=False)
    at = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(found), len(expected)))
    raise DataError(
        "expected models whose tokens have the whole text, since models with different tokens are compared per "
        f"character, and what is unknown, lower case or left out costs less. Received: {found[at : at + _SHOWN]!r} for "
        f"{expected[at : at + _SHOWN]!r} with {name}"
    )
