"""The vocabulary and the options of a tagger that starts from another model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from elman.data.centring import centre_of
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.errors import DataError
from elman.tasks.start import StartModel
from elman.tasks.start_texts import TEXT_MODELS, options_from_word_model

if TYPE_CHECKING:
    from elman.tasks.tagger.setup import TaggerSetup

__all__ = ["TAGGER_STARTS", "options_from_language_model", "vocabulary_from_start"]

TAGGER_STARTS: Mapping[str, Mapping[str, str]] = MappingProxyType({"language-model": TEXT_MODELS["language-model"]})


def options_from_language_model(source: StartModel) -> dict[str, Any]:
    """Return the options of words and layers: the layers run in one direction, and words have no character vectors.

    Raises ConfigError for a language model of other tokens than words, and for one-hot input.
    """
    own = options_from_word_model(source, "tagger")
    for name in ("tokens", "tokenizer", "punctuation", "vocabulary_size"):
        del own[name]
    return {**own, "digits": False, "char_embedding": 0}


def vocabulary_from_start(setup: TaggerSetup, learnt: TaggerVocabulary, source: StartModel) -> TaggerVocabulary:
    """Return the words, characters, tags and labels of a model with those of the data, as the options say.

    Raises DataError for words in place of frames, or frames in place of words.
    """
    if source.task != setup.task:
        if learnt.features:
            raise DataError(f"expected words, which the model {source.name} to start from reads. Received: frames")
        return dataclasses.replace(learnt, words=_joined(setup, tuple(source.vocabulary.words), learnt.words))
    known: TaggerVocabulary = source.vocabulary
    if bool(known.features) != bool(learnt.features):
        kinds = ["frames" if each.features else "words" for each in (known, learnt)]
        raise DataError(f"expected {kinds[0]}, as the model {source.name} to start from reads. Received: {kinds[1]}")
    same = known.scheme == learnt.scheme
    types = [known.label_types[which] == learnt.label_types[which] for which in (0, 1)]
    tags = setup.merged_labels(known.tags, learnt.tags, same=same and types[0])
    intents = setup.merged_labels(known.intents, learnt.intents, same=types[1]) if learnt.intents else ()
    found = dataclasses.replace(
        known,
        words=_joined(setup, known.words, learnt.words),
        characters=_joined(setup, known.characters, learnt.characters),
        tags=tags,
        intents=intents,
        scheme=learnt.scheme,
        label_types=(
            learnt.label_types[0] if tags == learnt.tags else known.label_types[0],
            learnt.label_types[1] if intents == learnt.intents else known.label_types[1],
        ),
    )
    if known.features and not setup.keeps_scales and setup.config.data.standardise:
        frames = dataclasses.replace(known, centre=()).with_centred_frames(setup.parts.train).frames
        found = dataclasses.replace(found, centre=centre_of(frames or ()))
    return found


def _joined(setup: TaggerSetup, known: tuple[str, ...], learnt: tuple[str, ...]) -> tuple[str, ...]:
    """Return known words or characters, followed by the new ones if the vocabulary is extended."""
    have = set(known)
    return (*known, *(each for each in learnt if each not in have)) if setup.extends_vocabulary else known
