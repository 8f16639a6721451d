"""The endpoint `choose`: the most likely of the alternatives of a text. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elman.data.alternatives import MOST_SENTENCES
from elman.errors import ConfigError
from elman.options import option
from elman.tasks.endpoint import Call, EndpointCallbacks, Files
from elman.tasks.language_model.texts_endpoint import TextAnswers, TextsOptions

if TYPE_CHECKING:
    from elman.metrics.alternatives import Choices
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["ChooseOptions", "choose"]


@dataclass(frozen=True)
class ChooseOptions(TextsOptions):
    """Options of `choose`."""

    limit: int = option(
        MOST_SENTENCES, "Combinations of alternatives above which a text is refused.", least=2, local=True
    )

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError without a text, or for the reasons of the base class."""
        super().check(files, call)
        if not files and self.text is None and self.file is None:
            raise ConfigError(
                'expected a text with alternatives: elman choose MODEL "a {bare|bear}", or --file. Received: none'
            )


def choose(model: LanguageModel, files: Files, options: ChooseOptions, callbacks: EndpointCallbacks) -> TextAnswers:
    """Rank the sentences of each text."""
    several = options.file is not None or len(options.text or ()) > 1
    return TextAnswers(
        _ranked(model, options.texts(model, files), options.limit, callbacks), callbacks, several=several
    )


def _ranked(
    model: LanguageModel, texts: Iterator[tuple[int, str]], limit: int, callbacks: EndpointCallbacks
) -> Iterator[tuple[int, Choices]]:
    for number, text in texts:
        found = model.choose(text, limit=limit)
        if unknown := model.unknown_in(found.best.text, "text"):
            callbacks.remark(unknown)
        yield number, found
