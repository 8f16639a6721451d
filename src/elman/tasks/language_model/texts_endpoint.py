"""Options and answers of the verbs that answer for texts: from the argument, `--text`, or the lines of a file.

Does not import torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.options import check_text, option
from elman.tasks.endpoint import Answer, Call, EndpointCallbacks, EndpointOptions, Files, Screen, errors_option

if TYPE_CHECKING:
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["TextAnswers", "TextsOptions"]


@dataclass(frozen=True)
class TextsOptions(EndpointOptions):
    """Options of the texts."""

    text: list[str] | None = option(
        None, "A text, in place of the argument; it may begin with -. May be given several times."
    )
    file: str | None = option(None, "A file of texts, one a line; - for standard input.", local=True, free=True)
    encoding: str = option("", "Encoding of the file; by default that of the training data.")
    errors: str = errors_option()

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for texts from two places, and for invalid ones."""
        del call
        given = {"the argument": bool(files), "--text": self.text is not None, "--file": self.file is not None}
        if sum(given.values()) > 1:
            received = " and ".join(name for name, used in given.items() if used)
            raise ConfigError(f"expected the text by the argument, by --text or from --file. Received: {received}")
        for each in (*files, *(self.text or ())):
            check_text(each, "the arguments")

    def texts(self, model: LanguageModel, files: Files) -> Iterator[tuple[int, str]]:
        """Yield the number of each text, from 1, and the text; empty lines of a file are left out."""
        if self.file is not None:
            lines = enumerate(model.lines(self.file, encoding=self.encoding, errors=self.errors), 1)
            return (pair for pair in lines if pair[1].strip())
        return enumerate(files or self.text or (), 1)


class TextAnswers(Answer):
    """An answer for each text: an object with `to_text` and `to_json`. Answers are made while they are shown."""

    def __init__(self, found: Iterator[tuple[int, Any]], callbacks: EndpointCallbacks, *, several: bool) -> None:
        self.found = found
        self.callbacks = callbacks
        self.several = several

    def to_json(self) -> dict[str, Any]:
        """Return the answers with the numbers of their lines."""
        return {"lines": [{"line": number, **answer.to_json()} for number, answer in self.found]}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield a table for each text, under the text if there are several."""
        count = 0
        for count, (_, answer) in enumerate(self.found, 1):
            if self.several:
                yield "\n" * (count > 1) + screen.shown(f"{answer.text}\n")
            yield screen.shown(f"{answer.to_text()}\n")
        if not count:
            self.callbacks.remark("there was no text to answer for")
