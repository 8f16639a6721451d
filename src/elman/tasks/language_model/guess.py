"""The endpoint `guess`: a game of two passages, one of a person and one of the model. Does not import torch."""

from __future__ import annotations

import random
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.decode.sampling_config import SamplingConfig
from elman.display import aligned
from elman.errors import ConfigError
from elman.metrics.proportion import Proportion
from elman.options import fields_of, option
from elman.tasks.endpoint import Answer, Call, EndpointCallbacks, EndpointOptions, Files, Screen, errors_option
from elman.tasks.keys import STOPS, has_keys, read_keys

if TYPE_CHECKING:
    from elman.tasks.language_model.guess_rounds import GuessRound, GuessRounds
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["GuessOptions", "guess"]

# Columns of the passages where the screen has more.
_WIDEST = 80
_WORDS = {True: "right", False: "wrong"}


@dataclass(frozen=True)
class _RoundOptions:
    """Options of the rounds."""

    text: str | None = option(
        None,
        "A file of text, in place of the argument.",
        local=True,
        free=True,
    )
    rounds: int = option(10, "Number of rounds; with --answers, by default their number.", least=1)
    length: int = option(200, "Characters of a passage, at most.", least=20)
    answers: tuple[int, ...] = option(
        (), "Answers in place of keys, such as 1,2,1: the passage of each round that a person wrote.", local=True
    )


@dataclass(frozen=True)
class GuessOptions(SamplingConfig, _RoundOptions, EndpointOptions):
    """Options of `guess`."""

    seed: int | None = option(None, "Random seed; the same seed gives the same rounds.")
    encoding: str = option("", "Text encoding; by default that of the training data.")
    errors: str = errors_option()

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for two texts, wrong answers, and neither answers nor a terminal to answer at."""
        if files and self.text is not None:
            raise ConfigError("expected the text either as the argument or by --text. Received: both")
        wrong = [answer for answer in self.answers if answer not in (1, 2)]
        if wrong or ("answers" in call.given and not self.answers):
            raise ConfigError(
                f"expected --answers of 1 and 2, such as 1,2,1. Received: {wrong[0] if wrong else 'none'}"
            )
        if "rounds" in call.given and len(self.answers) > self.rounds:
            raise ConfigError(
                f"expected at most one answer for each of --rounds {self.rounds}. Received: {len(self.answers)} answers"
            )
        # With --json, the rounds are shown on standard error.
        shown = sys.stderr if call.as_json else sys.stdout
        if not self.answers and not (has_keys() and shown.isatty()):
            raise ConfigError("expected a terminal to answer at, or --answers 1,2,1. Received: neither")

    def number_of_rounds(self) -> int:
        """Return the number of rounds: one for each answer, if they are given."""
        return len(self.answers) or self.rounds

    def sampling(self) -> dict[str, Any]:
        """Return the sampling options."""
        return {name: getattr(self, name) for name in fields_of(SamplingConfig)}


class GuessAnswer(Answer):
    """The rounds, the answers to them, and the scores. Without `answers`, they are read from the keyboard."""

    def __init__(self, made: GuessRounds, seed: int, answers: tuple[int, ...]) -> None:
        self.made = made
        self.seed = seed
        self.answers = list(answers)
        self.asks = not answers

    def to_json(self) -> dict[str, Any]:
        """Return the scores and the rounds with their answers; where the keyboard is asked, on standard error."""
        if self.asks:
            for piece in self.to_text(Screen(terminal=True)):
                sys.stderr.write(piece)
                sys.stderr.flush()
        played = [
            {"round": number, **each.to_json(), "answer": answer, "right": answer == each.human}
            for number, (each, answer) in enumerate(zip(self.made, self.answers, strict=False), 1)
        ]
        return {
            "score": self.made.score(self.answers).to_json(),
            "by_likelihood": self.made.likelihood_score(len(self.answers)).to_json(),
            "rounds": played,
            "source": self.made.source,
            "beginning": self.made.beginning,
            "seed": self.seed,
        }

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield the rounds, and the scores after the last answer."""
        width = max(20, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))
        given = list(self.answers)
        yield textwrap.fill(f"Passages of a person are from {self.made.source}.", width) + "\n\n"
        try:
            for number, each in enumerate(self.made, 1):
                yield f"--- {number} of {len(self.made)} ---\n{_shown(each, screen, width)}\n"
                yield "Which one is by a person? (1/2, q) "
                answer = self._ask() if self.asks else given[number - 1]
                if answer is None:
                    yield "q\n"
                    break
                yield f"{answer}\n\n"
                if self.asks:
                    self.answers.append(answer)
        except KeyboardInterrupt:
            yield "\n"
        yield from _summary(self.made, self.answers)

    def _ask(self) -> int | None:
        """Return the answer of a key, None to stop."""
        while True:
            keys = read_keys()
            for key in [] if keys.startswith("\x1b") else keys or [keys]:
                if key in STOPS or key in ("q", "Q"):
                    return None
                if key in ("1", "2"):
                    return int(key)


def _shown(each: GuessRound, screen: Screen, width: int) -> str:
    """Return both passages, with their numbers in the margin."""
    lines = []
    for number, passage in enumerate(each.passages, 1):
        margin = f"{number}  "
        for line in screen.shown(passage).split("\n"):
            for row in textwrap.wrap(line, width - len(margin)) or [""]:
                lines.append(f"{margin}{row}".rstrip())
                margin = "   "
        lines.append("")
    return "\n".join(lines)


def _summary(made: GuessRounds, answers: list[int]) -> Iterator[str]:
    """Yield the scores, and a table of the answers."""
    if not answers:
        yield "no answer\n"
        return
    scores = {"you": made.score(answers), "ratio": made.likelihood_score(len(answers))}
    yield "right answers, with intervals of 95 %\n"
    yield aligned([(name, *_score_row(score)) for name, score in scores.items()], right=[1, 2]) + "\n\n"
    rows = [
        (str(number), str(each.human), str(answer), _WORDS[answer == each.human], str(each.by_likelihood))
        for number, (each, answer) in enumerate(zip(made, answers, strict=False), 1)
    ]
    yield aligned([("round", "person", "you", "", "ratio"), *rows], right=[0, 1, 2, 4]) + "\n"


def _score_row(score: Proportion) -> tuple[str, str, str]:
    low, high = score.interval
    return f"{score.right} of {score.total}", f"{score.share:.0%}", f"({low:.0%} to {high:.0%})"


def guess(model: LanguageModel, files: Files, options: GuessOptions, callbacks: EndpointCallbacks) -> GuessAnswer:
    """Make the rounds."""
    from elman.tasks.language_model.guess_rounds import make_rounds

    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    made = make_rounds(
        model,
        files or ((options.text,) if options.text is not None else ()),
        rounds=options.number_of_rounds(),
        length=options.length,
        seed=seed,
        encoding=options.encoding,
        errors=options.errors,
        progress=callbacks.progress,
        **options.sampling(),
    )
    for sentence in made.remarks:
        callbacks.remark(sentence)
    return GuessAnswer(made, seed, options.answers)
