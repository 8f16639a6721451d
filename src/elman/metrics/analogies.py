"""Accuracy on analogy questions, such as `Athens Greece Oslo Norway`, by section.

The conventions are those of word2vec's and gensim's evaluation: questions with an unknown word are left out, words may
be compared in upper case, only the commonest words are considered, and words of the question are no answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from elman.data.decoding import lines_of, text_in
from elman.data.inputs import input_files
from elman.data.word_vectors import WordTable
from elman.data.word_vectors.search import add_scores, highest, mul_scores, unit_rows
from elman.display import Progress, aligned
from elman.errors import ConfigError, DataError
from elman.metrics.known_words import KnownWords

__all__ = ["METHODS", "AnalogyScores", "AnalogySection", "Question", "evaluate_analogies", "read_questions"]

# 3CosAdd and 3CosMul.
METHODS = ("add", "mul")
# Questions that are answered together.
_AT_ONCE = 64


class Question(NamedTuple):
    """`a` is to `b` as `c` is to `answer`."""

    a: str
    b: str
    c: str
    answer: str


@dataclass(frozen=True)
class AnalogySection:
    """The results of a section.

    questions  its questions
    known      those whose four words are known
    correct    those that were answered correctly
    """

    name: str
    questions: int
    known: int
    correct: int

    @property
    def accuracy(self) -> float | None:
        """Share of the known questions that were answered correctly; None if there are none."""
        return self.correct / self.known if self.known else None

    def to_json(self) -> dict[str, Any]:
        """Return the counts, the accuracy and the share of known questions."""
        return {
            "section": self.name,
            "questions": self.questions,
            "known": self.known,
            "coverage": self.known / self.questions if self.questions else None,
            "correct": self.correct,
            "accuracy": self.accuracy,
        }


@dataclass(frozen=True)
class AnalogyScores:
    """The results of all sections, and their sums: in total, and of semantic and syntactic sections.

    Sections whose names begin with "gram" are syntactic, as in the Google questions; without any, there are no sums of
    kinds.
    """

    sections: Sequence[AnalogySection]
    method: str
    restrict: int | None
    fold_case: bool

    @property
    def total(self) -> AnalogySection:
        """The sums over all sections."""
        return _sum("total", self.sections)

    def kinds(self) -> list[AnalogySection]:
        """Return the sums over the semantic and the syntactic sections."""
        syntactic = [each for each in self.sections if each.name.startswith("gram")]
        semantic = [each for each in self.sections if not each.name.startswith("gram")]
        return [_sum("semantic", semantic), _sum("syntactic", syntactic)] if syntactic and semantic else []

    def to_json(self) -> dict[str, Any]:
        """Return the sums, and the results of every section."""
        total = {name: value for name, value in self.total.to_json().items() if name != "section"}
        return {
            **total,
            "method": self.method,
            "restrict": self.restrict,
            "fold_case": self.fold_case,
            "kinds": [each.to_json() for each in self.kinds()],
            "sections": [each.to_json() for each in self.sections],
        }

    def to_text(self) -> str:
        """Format the results as a table."""
        rows = [("section", "accuracy", "correct", "known", "questions")]
        for each in (*self.sections, *self.kinds(), self.total):
            accuracy = "-" if each.accuracy is None else f"{each.accuracy:.1%}"
            rows.append((each.name, accuracy, f"{each.correct:,}", f"{each.known:,}", f"{each.questions:,}"))
        return aligned(rows, right=[1, 2, 3, 4])


def read_questions(path: str | os.PathLike[str], *, encoding: str = "utf-8") -> list[tuple[str, list[Question]]]:
    """Return the sections of a file of questions: lines of four words, and `: name` before each section.

    Raises DataError with the file and the line for any other line, and for a file without questions.
    """
    sections: list[tuple[str, list[Question]]] = []
    with input_files([path]) as files:
        for file in files:
            text = text_in(file.path, file.name, encoding=encoding, errors="strict")
            _add_questions(sections, text, file.name)
    if not any(questions for _, questions in sections):
        raise DataError(f"{os.fspath(path)}: expected analogy questions, such as questions-words.txt. Received: none")
    return sections


def _add_questions(sections: list[tuple[str, list[Question]]], text: str, name: str) -> None:
    """Add the questions of a file to the last section, or to new ones. Raises DataError for any other line."""
    for number, line in enumerate(lines_of(text), 1):
        if line.startswith(":"):
            sections.append((line[1:].strip() or "questions", []))
            continue
        words = line.split()
        if not words:
            continue
        if len(words) != 4:
            raise DataError(
                f"{name}, line {number}: expected four words, or a section such as ': family'. "
                f"Received: {len(words)} words, {line[:60]!r}"
            )
        if not sections:
            sections.append(("questions", []))
        sections[-1][1].append(Question(*words))


def evaluate_analogies(
    table: WordTable,
    sections: Sequence[tuple[str, Sequence[Question]]],
    *,
    method: str = "add",
    restrict: int | None = 300_000,
    fold_case: bool = True,
    progress: Progress = lambda stage, share: None,
) -> AnalogyScores:
    """Answer analogy questions and return the accuracy by section.

    method     "add" for 3CosAdd, "mul" for 3CosMul
    restrict   use the first words of the table only; None for all
    fold_case  compare words in upper case; the first of several spellings counts

    Raises ConfigError for an unknown method, DataError if no question has four known words.
    """
    if method not in METHODS:
        raise ConfigError(f"expected method to be one of {', '.join(METHODS)}. Received: {method!r}")
    known = KnownWords(table, restrict=restrict, fold_case=fold_case)
    asked = [
        (place, rows)
        for place, (_, questions) in enumerate(sections)
        for question in questions
        if (rows := _rows(question, known)) is not None
    ]
    if not asked:
        first = next(question for _, questions in sections for question in questions)
        raise DataError(
            f"expected at least one question whose four words are among those of {table.name}. "
            f"Received: none, such as {' '.join(first)!r}"
        )
    correct, counts = [0] * len(sections), [0] * len(sections)
    for begin in range(0, len(asked), _AT_ONCE):
        some = asked[begin : begin + _AT_ONCE]
        for (place, _), right in zip(some, _answered(table, known, [rows for _, rows in some], method), strict=True):
            counts[place] += 1
            correct[place] += right
        progress("answering questions", min(1.0, (begin + _AT_ONCE) / len(asked)))
    found = [
        AnalogySection(name, len(questions), counts[place], correct[place])
        for place, (name, questions) in enumerate(sections)
        if questions
    ]
    return AnalogyScores(found, method, restrict, fold_case)


def _rows(question: Question, known: KnownWords) -> tuple[int, ...] | None:
    rows = [known.row(word) for word in question]
    return None if None in rows else tuple(row for row in rows if row is not None)


def _answered(table: WordTable, known: KnownWords, asked: Sequence[tuple[int, ...]], method: str) -> Iterator[bool]:
    """Yield whether each question is answered correctly."""
    rows_N4 = np.array(asked)
    units = unit_rows(table.matrix_VE[rows_N4.ravel()]).reshape(*rows_N4.shape, table.size)
    scores = (add_scores if method == "add" else mul_scores)(units[:, 1:3], units[:, :1])
    excluded = [{other for row in question[:3] for other in known.same(row)} for question in asked]
    found = highest(table, scores, len(asked), 1, excluded=excluded, restrict=known.restrict)
    for question, best in zip(asked, found, strict=True):
        yield bool(best) and best[0][0] in known.same(question[3])


def _sum(name: str, sections: Sequence[AnalogySection]) -> AnalogySection:
    sums = [sum(getattr(each, field) for each in sections) for field in ("questions", "known", "correct")]
    return AnalogySection(name, *sums)
