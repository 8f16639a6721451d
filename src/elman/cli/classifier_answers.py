"""Answers of a classifier, one for each example: what `elman predict` shows, and where its examples come from.

Knows nothing about how answers are printed.
"""

from __future__ import annotations

import codecs
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.errors import ConfigError, EncodingError

if TYPE_CHECKING:
    from elman.data.examples import Examples
    from elman.tasks.classifier.explain import Explanation
    from elman.tasks.classifier.fitted import Fitted

__all__ = ["Answer", "answers", "groups"]

# Of standard input, so many bytes are read at once, or what is there.
_BLOCK = 1 << 16
# Examples that are answered for before the next ones.
_AT_ONCE = 512


@dataclass(frozen=True)
class Answer:
    """What a model says of one example.

    shown          the text, or where the series stands
    label          its class, as text; None for a score
    value          the class's probability, or the score
    probabilities  of every class, by name; empty for a score
    explanation    which steps mattered; None where nobody asked
    """

    shown: str
    label: str | None
    value: float
    probabilities: dict[str, float]
    explanation: Explanation | None

    def facts(self, text: bool, proba: bool) -> dict[str, Any]:
        """As plain values."""
        facts: dict[str, Any] = {"text" if text else "place": self.shown}
        facts |= {"score": self.value} if self.label is None else {"label": self.label, "probability": self.value}
        if proba and self.label is not None:
            facts["probabilities"] = self.probabilities
        if self.explanation is not None:
            facts["weights"] = self.explanation.weights.tolist()
            if text:
                facts["pieces"] = list(self.explanation.pieces)
        return facts


def groups(fitted: Fitted, data: Sequence[str], text: Sequence[str] | None) -> Iterator[Examples]:
    """The examples, in groups that are answered for together."""
    from elman.data.examples import examples_from, read_examples

    config, reads_text = fitted.config.data, fitted.reads_text
    if text is not None:
        if not reads_text:
            raise ConfigError("expected --text for a model of texts only. Received: it for a model of series")
        yield examples_from(list(text), kind="text", name="--text")
    elif reads_text and list(data) == ["-"]:
        for first, lines in _lines(config.encoding, config.errors):
            kept = [(f"standard input, line {first + place}", line) for place, line in enumerate(lines) if line.strip()]
            if kept:
                found = examples_from([line for _, line in kept], kind="text", name="standard input")
                yield dataclasses.replace(found, places=[place for place, _ in kept])
    else:
        examples = read_examples(list(data), config, labelled=False)
        for start in range(0, len(examples), _AT_ONCE):
            yield examples.take(range(start, min(start + _AT_ONCE, len(examples))))


def _lines(encoding: str, errors: str) -> Iterator[tuple[int, list[str]]]:
    """Lines of standard input, as many as are there at a time, with the number of the first of them."""
    from elman.data.decoding import check_encoding

    decoder = codecs.getincrementaldecoder("utf-8-sig" if check_encoding(encoding) == "utf-8" else encoding)(errors)
    rest, number = "", 1
    while True:
        block = os.read(sys.stdin.fileno(), _BLOCK)
        try:
            rest += decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise EncodingError(
                f"standard input, line {number} or after: expected text in {encoding}. Received: {error.reason}"
            ) from error
        *lines, rest = rest.split("\n")
        if not block and rest:
            lines.append(rest)
        if lines:
            yield number, [line.removesuffix("\r") for line in lines]
            number += len(lines)
        if not block:
            return


def answers(fitted: Fitted, examples: Examples, explained: bool) -> Iterator[Answer]:
    """An answer for each example."""
    outputs_NC = fitted.outputs(examples)
    explanations = fitted.explain(examples) if explained else [None] * len(examples)
    for row, place in enumerate(examples.places):
        shown = str(examples.inputs[row]) if examples.kind == "text" else place
        if not fitted.names:
            score = float(fitted.scores(outputs_NC[row : row + 1])[0])
            yield Answer(shown, None, score, {}, explanations[row])
            continue
        shares = fitted.probabilities(outputs_NC[row : row + 1])[0].tolist()
        best = max(range(len(shares)), key=shares.__getitem__)
        by_name = dict(zip(fitted.names, shares, strict=True))
        yield Answer(shown, fitted.names[best], shares[best], by_name, explanations[row])
