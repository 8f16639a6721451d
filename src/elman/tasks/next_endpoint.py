"""The endpoint `next` of tasks that write tokens: its options and its answer. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError
from elman.options import check_text, option
from elman.tasks.endpoint import Answer, Call, EndpointOptions, Files, Screen, with_line_ends
from elman.tasks.task import DataArgument, Endpoint

if TYPE_CHECKING:
    from elman.decode.next_token import NextTokens

__all__ = ["NextOptions", "NextTokensAnswer", "PrefixOptions", "next_endpoint"]

next_endpoint = partial(
    Endpoint,
    verb="next",
    summary="Show the probabilities of the next token of a text.",
    data=DataArgument(
        name="text",
        help="Language models: the prompt; translators: the source; captioners: a file with the item.",
        several=False,
    ),
    answer=".endpoints:next_tokens",
)


@dataclass(frozen=True)
class NextOptions(EndpointOptions):
    """Options of `next`."""

    text: str | None = option(None, "The prompt or source, in place of the argument; it may begin with -.", free=True)
    top: int | None = option(None, "Number of most likely tokens to show; by default 10.", least=1)
    candidates: list[str] | None = option(
        None, r"Show the probability that the text goes on with each of these; \n is a line end.", several=True
    )

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for the text given twice, texts that are not valid, and both `top` and `candidates`."""
        del call
        if files and self.text is not None:
            raise ConfigError("expected the text either as the argument or by --text. Received: both")
        for text in (*files, self.text or "", *(self.candidates or ())):
            check_text(text, "the arguments")
        if self.top is not None and self.candidates is not None:
            raise ConfigError(f"expected either --top or --candidates. Received: both, --top {self.top}")

    def given_text(self, files: Files) -> str:
        """Return the text that is given; empty for none."""
        return files[0] if files else self.text or ""

    def asked(self) -> dict[str, Any]:
        """Return the arguments of the model's method."""
        candidates = self.candidates
        return {"top": self.top, "candidates": candidates and [with_line_ends(each) for each in candidates]}


@dataclass(frozen=True)
class PrefixOptions(NextOptions):
    """Options of `next` for a text that is written for an input."""

    prefix: str = option("", "Translators, captioners: the beginning of the text that is written.", free=True)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError if there is no input, or for the reasons of the base class."""
        super().check(files, call)
        check_text(self.prefix, "--prefix")
        if not files and self.text is None:
            raise ConfigError(
                "expected a source or a file with an item: elman next MODEL TEXT --prefix BEGINNING. Received: none"
            )


class NextTokensAnswer(Answer):
    """The next tokens, with what was given."""

    def __init__(self, given: Mapping[str, str], found: NextTokens) -> None:
        self.given = given
        self.found = found

    def to_json(self) -> dict[str, Any]:
        """Return what was given and the tokens."""
        return {**self.given, "tokens": self.found.to_json()}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield the table."""
        yield screen.shown(self.found.to_text() + "\n")
