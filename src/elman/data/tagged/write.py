"""Predictions of a tagger, and their output as text, columns, CoNLL-U and JSON values. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from elman.data.tagged.conllu import COLUMNS
from elman.data.tagged.spans import Span
from elman.display import plain

__all__ = ["TagPrediction", "as_columns", "as_conllu", "as_facts", "as_text"]

# ANSI colours that are readable on dark and on light terminals.
_COLOURS = (31, 32, 33, 34, 35, 36, 91, 92, 94, 95, 96)
_RESET, _DIM = "\x1b[0m", "\x1b[2m"


@dataclass(frozen=True)
class TagPrediction:
    """Prediction of a tagger for one sequence.

    words                its words; for frames, their indices from 0 as texts
    tags, probabilities  the predicted tag of each time step, and its probability
    spans                the spans in the tags; empty if the tags are in no tagging scheme
    intent               the predicted sentence label; None if none is learnt
    intent_probability   its probability, or None
    """

    words: list[str]
    tags: list[str]
    probabilities: list[float]
    spans: list[Span]
    intent: str | None
    intent_probability: float | None


def as_columns(answers: Iterable[TagPrediction]) -> str:
    """Format predictions as lines of word, tab, tag, with an empty line after each sequence."""
    return "".join(
        "".join(f"{word}\t{tag}\n" for word, tag in zip(answer.words, answer.tags, strict=True)) + "\n"
        for answer in answers
    )


def as_conllu(answers: Iterable[TagPrediction], column: str) -> str:
    """Format predictions as CoNLL-U with the tags in `column`; sentence labels are comments."""
    place = COLUMNS.index(column) if column in COLUMNS else COLUMNS.index("upos")
    lines: list[str] = []
    for answer in answers:
        if answer.intent is not None:
            lines.append(f"# intent = {answer.intent}")
        for number, (word, tag) in enumerate(zip(answer.words, answer.tags, strict=True), 1):
            cells = [str(number), word, *["_"] * (len(COLUMNS) - 2)]
            cells[place] = tag
            lines.append("\t".join(cells))
        lines.append("")
    return "\n".join([*lines, ""]) if lines else ""


def as_facts(answer: TagPrediction) -> dict[str, Any]:
    """Return a prediction as JSON values."""
    facts: dict[str, Any] = {"words": answer.words, "tags": answer.tags, "probabilities": answer.probabilities}
    if answer.spans:
        facts["spans"] = [
            {
                "type": span.type,
                "first": span.first,
                "last": span.last,
                "words": answer.words[span.first : span.last + 1],
            }
            for span in answer.spans
        ]
    if answer.intent is not None:
        facts |= {"intent": answer.intent, "intent_probability": answer.intent_probability}
    return facts


def as_text(answers: Iterable[TagPrediction], tags: Sequence[str], coloured: bool) -> str:
    """Format predictions as one sentence per line: spans in brackets with their type, or every word with its tag."""
    types = {tag.partition("-")[2] or tag for tag in tags}
    colours = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(sorted(types))}

    def painted(text: str, name: str) -> str:
        return f"\x1b[{colours.get(name, 39)}m{text}{_RESET}" if coloured else text

    def dim(text: str) -> str:
        return f"{_DIM}{text}{_RESET}" if coloured else text

    lines = []
    in_spans = any(tag.startswith(("B-", "I-", "S-", "U-")) for tag in tags)
    for answer in answers:
        parts: list[str] = []
        if in_spans:
            begun = {span.first: span for span in answer.spans}
            place = 0
            while place < len(answer.words):
                span = begun.get(place)
                if span is None:
                    parts.append(plain(answer.words[place]))
                    place += 1
                    continue
                inside = plain(" ".join(answer.words[span.first : span.last + 1]))
                parts.append(f"[{painted(inside, span.type)}]{dim('(' + span.type + ')')}")
                place = span.last + 1
        else:
            pairs = zip(answer.words, answer.tags, strict=True)
            parts = [f"{painted(plain(word), tag.partition('-')[2] or tag)}{dim('/' + tag)}" for word, tag in pairs]
        line = " ".join(parts)
        if answer.intent is not None:
            line = f"{dim(answer.intent + ':')} {line}"
        lines.append(line + "\n")
    return "".join(lines)
