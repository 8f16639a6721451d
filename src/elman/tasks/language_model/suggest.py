"""The endpoint `suggest`: completions of a word that is begun, or next words. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elman.options import option
from elman.tasks.endpoint import EndpointCallbacks, Files
from elman.tasks.language_model.texts_endpoint import TextAnswers, TextsOptions

if TYPE_CHECKING:
    from elman.decode.suggestion import Suggestions
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["SuggestOptions", "suggest"]


@dataclass(frozen=True)
class _WordsOptions:
    """Options of the words."""

    top: int = option(3, "Number of words to suggest.", least=1)


@dataclass(frozen=True)
class SuggestOptions(TextsOptions, _WordsOptions):
    """Options of `suggest`."""


def suggest(model: LanguageModel, files: Files, options: SuggestOptions, callbacks: EndpointCallbacks) -> TextAnswers:
    """Suggest words for each text; without any, those at the beginning of a text."""
    given = bool(files or options.text or options.file)
    texts = options.texts(model, files) if given else iter([(1, "")])
    several = options.file is not None or len(options.text or ()) > 1
    return TextAnswers(_suggested(model, texts, options.top, callbacks), callbacks, several=several)


def _suggested(
    model: LanguageModel, texts: Iterator[tuple[int, str]], top: int, callbacks: EndpointCallbacks
) -> Iterator[tuple[int, Suggestions]]:
    from elman.data.vocabulary import WordVocabulary

    for number, text in texts:
        found = model.suggest(text, top=top)
        # A word that is begun is compared with those of a vocabulary of words; other models read it.
        read = text.removesuffix(found.begun) if isinstance(model.vocabulary, WordVocabulary) else text
        if unknown := model.unknown_in(read, "text"):
            callbacks.remark(unknown)
        if not found.found:
            callbacks.remark(f"no word was found that begins with {found.begun!r}")
        elif not found.complete:
            callbacks.remark("the search was stopped early: other words may be more likely than those shown")
        yield number, found
