"""Endpoints of the language model: generate, next, score, evaluate. Does not import torch."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.decode.sampling_config import SamplingConfig
from elman.display import aligned, number_text
from elman.errors import ConfigError
from elman.options import check_text, fields_of, option
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    EvaluateOptions,
    Files,
    Metrics,
    ScoreOptions,
    Screen,
    scored_tokens,
    with_line_ends,
)
from elman.tasks.next_endpoint import NextOptions, NextTokensAnswer

if TYPE_CHECKING:
    from elman.artifact import Artifact
    from elman.metrics.likelihood import TextScore
    from elman.tasks.language_model.model import LanguageModel

__all__ = [
    "EvaluateTextOptions",
    "GenerateOptions",
    "ScoreLinesOptions",
    "evaluate",
    "generate",
    "next_tokens",
    "score",
    "vocabulary_facts",
]

# Number of lines that are read and scored at a time.
_LINES_AT_ONCE = 256
# What lines are ranked by, and whether its largest value comes first.
_RANKS = {"perplexity": False, "nats-per-char": False, "log-probability": True}
_FIGURES = ("nats_per_token", "bits_per_token", "nats_per_char", "bits_per_char", "perplexity", "accuracy", "tokens")


@dataclass(frozen=True)
class _PromptOptions:
    """Options of the prompt and the length."""

    prompt_file: str | None = option(None, "A file with the prompt, in place of the argument.", local=True, free=True)
    prompt: str | None = option(None, "The prompt.", free=True)
    length: int = option(200, "Maximum number of tokens to generate.")
    min_length: int = option(0, "Minimum number of tokens, before which a text does not end.")


@dataclass(frozen=True)
class GenerateOptions(SamplingConfig, _PromptOptions, EndpointOptions):
    """Options of `generate`."""

    stop: list[str] | None = option(
        None, r"Stop before this text, in which \n is a line end; may be given several times."
    )
    samples: int = option(1, "Number of texts to generate.")
    seed: int | None = option(None, "Random seed; the same seed gives the same text.")
    weights: str = option(
        "float32", "Weight format; lower precision is faster.", choices=("float32", "bfloat16", "int8")
    )
    echo: bool = option(True, "Print the prompt before the generated text.", local=True)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for more than one prompt."""
        del call
        if len(files) + (self.prompt is not None) + (self.prompt_file is not None) > 1:
            raise ConfigError("expected the prompt either by --prompt or from one file. Received: both")

    def sampling(self) -> dict[str, Any]:
        """Return the sampling options."""
        return {name: getattr(self, name) for name in fields_of(SamplingConfig)}


class GeneratedTexts(Answer):
    """Generated texts; `pieces` yields (number of the text, piece). With `echo`, the prompt precedes each text."""

    def __init__(self, prompt: str, seed: int, samples: int, pieces: Iterator[tuple[int, str]], echo: bool) -> None:
        self.prompt = prompt
        self.seed = seed
        self.samples = samples
        self.pieces = pieces
        self.echo = echo

    def _texts(self) -> list[str]:
        """Return the complete texts."""
        texts = [""] * self.samples
        for number, piece in self.pieces:
            texts[number] += piece
        return texts

    def to_json(self) -> dict[str, Any]:
        """Return the prompt, the seed and the texts."""
        return {"prompt": self.prompt, "seed": self.seed, "texts": self._texts()}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield a single text piece by piece, or several complete texts under numbered headings."""
        begun = self.prompt if self.echo else ""
        if self.samples != 1:
            for number, text in enumerate(self._texts(), 1):
                yield f"--- {number} of {self.samples} ---\n{screen.shown(begun + text)}\n"
            return
        last = begun
        yield screen.shown(begun)
        for _, last in self.pieces:
            yield screen.shown(last)
        if not last.endswith("\n"):
            yield "\n"


def generate(
    model: LanguageModel, files: Files, options: GenerateOptions, callbacks: EndpointCallbacks
) -> GeneratedTexts:
    """Generate text that continues the prompt."""
    prompt, source = options.prompt or "", files[0] if files else options.prompt_file
    if source is not None:
        prompt = "\n".join(model.lines(source))
    check_text(prompt, "--prompt")
    if unknown := model.unknown_in(prompt):
        callbacks.remark(unknown)
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    if not 0 <= seed < 2**63:
        raise ConfigError(f"expected seed from 0 to 2**63 - 1. Received: {seed}")
    pieces = model.stream(
        prompt,
        length=options.length,
        min_length=options.min_length,
        stop=[with_line_ends(stop) for stop in options.stop or ()],
        samples=options.samples,
        seed=seed,
        weights=options.weights,
        **options.sampling(),
    )
    return GeneratedTexts(prompt, seed, options.samples, pieces, options.echo)


def next_tokens(
    model: LanguageModel, files: Files, options: NextOptions, callbacks: EndpointCallbacks
) -> NextTokensAnswer:
    """Compute the distribution of the token that follows the prompt."""
    prompt = options.given_text(files)
    if unknown := model.unknown_in(prompt):
        callbacks.remark(unknown)
    return NextTokensAnswer({"prompt": prompt}, model.next(prompt, **options.asked()))


@dataclass(frozen=True)
class ScoreLinesOptions(ScoreOptions):
    """Options of `score`."""

    rank_by: str = option(
        "perplexity",
        "Language models: what --rank sorts by; log-probability is that of the whole line, the others are means.",
        choices=tuple(_RANKS),
    )

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for several files, invalid text, and `rank_by` without `rank`."""
        super().check(files, call)
        if "rank_by" in call.given and not self.rank:
            raise ConfigError(f"expected --rank-by together with --rank. Received: --rank-by {self.rank_by} alone")
        if len(files) > 1:
            raise ConfigError(f"expected one file of lines for a language model. Received: {len(files)}")
        for line in self.text or ():
            check_text(line)


class LineScores(Answer):
    """The score of every non-empty line, with its line number."""

    def __init__(self, scored: Iterator[tuple[int, TextScore]], per_token: bool, callbacks: EndpointCallbacks) -> None:
        self.scored = scored
        self.per_token = per_token
        self.callbacks = callbacks

    def to_json(self) -> dict[str, Any]:
        """Return the lines with their scores."""
        return {"lines": [self._facts(number, line) for number, line in self.scored]}

    def _facts(self, number: int, line: TextScore) -> dict[str, Any]:
        """Return the score of a line as plain values."""
        facts: dict[str, Any] = {"line": number, "text": line.text, "tokens": len(line.tokens)}
        facts |= {name: getattr(line, name) for name in ("unknown", "log_probability", "perplexity", "nats_per_char")}
        if self.per_token:
            facts["per_token"] = [list(pair) for pair in zip(line.tokens, line.log_probs, strict=True)]
        return facts

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield one row for each line, followed by its tokens with `per_token`."""
        count = 0
        for count, (_, line) in enumerate(self.scored, 1):
            if count == 1:
                yield "  log-prob  perplexity  nats/char  text\n"
            figures = f"{line.log_probability:10.3f}  {line.perplexity:10.4g}  {line.nats_per_char:9.4f}"
            yield f"{figures}  {screen.shown(line.text)}\n"
            if self.per_token:
                yield from scored_tokens(line.tokens, line.log_probs)
        if not count:
            self.callbacks.remark("there was no line to score")


def score(model: LanguageModel, files: Files, options: ScoreLinesOptions, callbacks: EndpointCallbacks) -> LineScores:
    """Compute the log-probability of each non-empty line."""
    lines: Iterator[str] = iter(options.text or ())
    if files:
        lines = model.lines(files[0], encoding=options.encoding, errors=options.errors)
    scored = _score_numbered(model, enumerate(lines, 1))
    if options.rank:
        name, down = options.rank_by.replace("-", "_"), _RANKS[options.rank_by]
        scored = iter(sorted(scored, key=lambda pair: getattr(pair[1], name), reverse=down))
    return LineScores(scored, options.per_token, callbacks)


def _score_numbered(model: LanguageModel, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, TextScore]]:
    """Yield the number and score of every non-empty line while lines are read."""

    def scored(group: Sequence[tuple[int, str]]) -> Iterator[tuple[int, TextScore]]:
        yield from zip([number for number, _ in group], model.score([line for _, line in group]), strict=True)

    group: list[tuple[int, str]] = []
    for number, line in lines:
        if line:
            group.append((number, line))
        if len(group) == _LINES_AT_ONCE:
            yield from scored(group)
            group = []
    if group:
        yield from scored(group)


@dataclass(frozen=True)
class EvaluateTextOptions(EvaluateOptions):
    """Options of `evaluate`. The first token is not predicted, so that two tokens are needed."""

    noun, least = "token", 2


def evaluate(model: LanguageModel, files: Files, options: EvaluateTextOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute nats and bits per token and per character, perplexity and accuracy."""
    found = model.evaluate(
        files, limit=options.limit, encoding=options.encoding, errors=options.errors, progress=callbacks.progress
    )
    figures = {name: found.get(name, math.nan) for name in _FIGURES}
    rows = [
        (name.replace("_per_", " per ").replace("_", " "), f"{value:,}" if name == "tokens" else number_text(value))
        for name, value in figures.items()
    ]
    return Metrics(figures, aligned(rows, right=[1]))


def vocabulary_facts(described: Artifact) -> dict[str, Any]:
    """Return the vocabulary size for `elman info`."""
    from elman.data.vocabulary import vocabulary_from_json

    return {} if described.vocabulary is None else {"vocabulary": vocabulary_from_json(described.vocabulary).size}
