"""The vocabulary and the options of a translator that starts from another model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from elman.data.pairs import PairVocabulary
from elman.tasks.start import StartModel
from elman.tasks.start_texts import options_from_text_model

if TYPE_CHECKING:
    from elman.tasks.translator.setup import TranslatorSetup

__all__ = ["TRANSLATOR_STARTS", "options_from_language_model", "vocabulary_from_start"]

# The encoder can be a language model of the source language.
TRANSLATOR_STARTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"language-model": MappingProxyType({"embed.": "source_embed.", "stack.": "encoder."})}
)


def options_from_language_model(source: StartModel) -> dict[str, Any]:
    """Return the options of the source tokens, and of an encoder with the layers of a language model."""
    own = options_from_text_model(source)
    names = (
        "tokens",
        "tokenizer",
        "unicode_form",
        "embedding",
        "bidirectional",
        "residual",
        "learn_initial_state",
        "members",
    )
    return {
        **{name: own[name] for name in names},
        "encoder_cell": own["cell"],
        "encoder_cell_options": own["cell_options"],
        "encoder_layers": own["layers"],
        "encoder_hidden_size": own["hidden_size"],
    }


def vocabulary_from_start(setup: TranslatorSetup, learnt: PairVocabulary, source: StartModel) -> PairVocabulary:
    """Return the tokens of a model with those of the data, as the options say."""
    extends = setup.extends_vocabulary
    if source.task != setup.task:
        tokens = source.vocabulary
        return dataclasses.replace(learnt, source=tokens.extended(learnt.source) if extends else tokens)
    known: PairVocabulary = source.vocabulary
    if not extends:
        return known
    first = known.source.extended(learnt.source)
    second = first if known.shared else known.target.extended(learnt.target)
    return dataclasses.replace(known, source=first, target=second)
