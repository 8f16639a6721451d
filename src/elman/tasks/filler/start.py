"""The options of a filler that starts from a language model, whose layers become those that read forward."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from elman.tasks.start import StartModel
from elman.tasks.start_texts import options_from_word_model

__all__ = ["FILLER_STARTS", "options_from_language_model"]

FILLER_STARTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"language-model": MappingProxyType({"embed.": "embed.", "stack.": "contexts.0."})}
)


def options_from_language_model(source: StartModel) -> dict[str, Any]:
    """Return the options of words and layers.

    Raises ConfigError for a language model of other tokens than words, and for one-hot input.
    """
    own = options_from_word_model(source, "filler")
    del own["bidirectional"]
    return own | {"tied": source.config.network.tied}
