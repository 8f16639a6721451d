"""The start of a model that reads texts from a language model, or from the encoder of a translator."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from elman.data.vocabulary import Vocabulary, WordVocabulary
from elman.errors import ConfigError
from elman.tasks.start import StartModel

__all__ = ["TEXT_MODELS", "options_from_text_model", "options_from_word_model", "tokens_of"]

# Beginnings of the names of tensors there, and here.
TEXT_MODELS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "language-model": MappingProxyType({"embed.": "embed.", "stack.": "stack."}),
        "translator": MappingProxyType({"source_embed.": "embed.", "encoder.": "stack."}),
    }
)
_LAYERS = ("cell", "cell_options", "layers", "hidden_size", "residual", "learn_initial_state", "embedding", "members")
_TOKENS = ("tokens", "lowercase", "unicode_form", "tokenizer", "punctuation", "min_count", "vocabulary_size")


def tokens_of(source: StartModel) -> Vocabulary:
    """Return the vocabulary of the texts that a language model or the encoder of a translator reads.

    Raises ConfigError for a translator that makes its sources lower case or reverses them, which its vocabulary does
    not do.
    """
    if source.task == "language-model":
        found: Vocabulary = source.vocabulary
        return found
    if source.vocabulary.lowercase:
        raise ConfigError(
            "expected a translator that keeps the case of its sources (lowercase=false) to start from. "
            f"Received: {source.name} with lowercase=true"
        )
    if source.config.data.reverse_source:
        raise ConfigError(
            "expected a translator that reads its sources from their beginning (reverse_source=false) to start from. "
            f"Received: {source.name} with reverse_source=true"
        )
    tokens: Vocabulary = source.vocabulary.source
    return tokens


def options_from_text_model(source: StartModel) -> dict[str, Any]:
    """Return the options of the tokens and of the layers. The layers of a language model run in one direction."""
    config = source.config
    if source.task == "language-model":
        own = {name: getattr(config.network, name) for name in _LAYERS}
        return own | {name: getattr(config.text, name) for name in _TOKENS} | {"bidirectional": False}
    network = config.network
    encoder = {
        "cell": network.encoder_cell or network.cell,
        "layers": network.encoder_layers or network.layers,
        "hidden_size": network.encoder_hidden_size
        or (max(1, network.hidden_size // 2) if network.bidirectional else network.hidden_size),
    }
    names = ("residual", "learn_initial_state", "embedding", "bidirectional", "members")
    own = {name: getattr(network, name) for name in names} | encoder
    return own | {name: getattr(config.data, name) for name in _TOKENS if hasattr(config.data, name)}


def options_from_word_model(source: StartModel, task: str) -> dict[str, Any]:
    """Return the options of `options_from_text_model` for a task that reads words; `task` is its name in messages.

    Raises ConfigError for a model of other tokens than words, and for one-hot input.
    """
    vocabulary = source.vocabulary
    if not isinstance(vocabulary, WordVocabulary) or not source.config.network.embedding:
        received = vocabulary.kind if source.config.network.embedding else "embedding=0"
        raise ConfigError(
            f"expected a language model of words (tokens=words) with an embedding to start a {task} from. "
            f"Received: {source.name} with {received}"
        )
    return options_from_text_model(source)
