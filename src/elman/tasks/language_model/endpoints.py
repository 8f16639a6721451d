"""Endpoints of the language model: generate, next, score. Does not import torch."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from elman.data.hard_wraps import reflowed
from elman.decode.sampling_config import SamplingConfig
from elman.display import wrapped
from elman.errors import ConfigError
from elman.options import check_text, fields_of, option
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    Files,
    ScoreOptions,
    Screen,
    errors_option,
    scored_tokens,
    vocabulary_facts,
    with_line_ends,
)
from elman.tasks.next_endpoint import NextOptions, NextTokensAnswer

if TYPE_CHECKING:
    from elman.metrics.likelihood import TextScore
    from elman.tasks.language_model.model import LanguageModel
    from elman.tasks.language_model.passages import Passage

__all__ = [
    "GenerateOptions",
    "ScoreLinesOptions",
    "generate",
    "next_tokens",
    "score",
    "vocabulary_facts",
]

# Width of a column of text next to another one, at most, and at least: one is below the other where both do not fit.
_COLUMN, _NARROWEST = 48, 28
# Number of lines that are read and scored at a time.
_LINES_AT_ONCE = 256
# What lines are ranked by, and whether its largest value comes first.
_RANKS = {"perplexity": False, "nats-per-char": False, "log-probability": True}


@dataclass(frozen=True)
class _PromptOptions:
    """Options of the prompt and the length."""

    prompt_file: str | None = option(None, "A file with the prompt, in place of the argument.", local=True, free=True)
    prompt: str | None = option(None, "The prompt.", free=True)
    passage: str | None = option(
        None,
        "A file of held-out text: the beginning of one of its documents is the prompt, and what really follows is "
        "shown next to what is generated, which is at most as long.",
        local=True,
    )
    prompt_length: int = option(50, "Passage: number of tokens of the prompt.", least=1)
    document: int | None = option(None, "Passage: number of the document, from 1; by default it is drawn.", least=1)
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
    encoding: str = option("", "Encoding of a file; by default that of the training data.", local=True)
    errors: str = errors_option()

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for more than one prompt."""
        given = [self.prompt, self.prompt_file, self.passage]
        if len(files) + sum(each is not None for each in given) > 1:
            two = "several" if self.passage is not None else "both"
            raise ConfigError(f"expected the prompt either by --prompt, from one file or by --passage. Received: {two}")
        others = sorted(call.given & {"prompt_length", "document"}) if self.passage is None else []
        if others:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in others)
            raise ConfigError(f"expected --passage with {names}. Received: none")

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


class GeneratedNextTo(Answer):
    """Texts that continue the beginning of a document, next to what really follows."""

    def __init__(self, passage: Passage, generated: GeneratedTexts) -> None:
        self.passage = passage
        self.generated = generated

    def to_json(self) -> dict[str, Any]:
        """Return the prompt, the seed, the texts, the number of the document, and what follows in it."""
        passage = self.passage
        facts = {"document": passage.document, "followed": passage.followed, "followed_tokens": passage.tokens}
        return {**self.generated.to_json(), **facts}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield the prompt, and below it every text next to what follows, or above it on a narrow terminal.

        Of a document whose lines are wrapped at a width, the lines of paragraphs are joined.
        """
        passage = self.passage
        columns = shutil.get_terminal_size((2 * _COLUMN + 4, 24)).columns
        width = min(_COLUMN, (columns - 4) // 2)
        yield f"prompt, from document {passage.document:,}:\n"
        yield _indented(self._lines(passage.prompt, screen, max(20, min(2 * _COLUMN, columns - 2))))
        texts = self.generated.to_json()["texts"]
        for number, text in enumerate(texts, 1):
            title = "generated" if len(texts) == 1 else f"generated, {number} of {len(texts)}"
            if width < _NARROWEST:
                for head, each in ((title, text), ("what follows", passage.followed)):
                    yield f"\n{head}:\n" + _indented(self._lines(each, screen, max(20, columns - 2)))
                continue
            rows = zip_longest(*(self._lines(each, screen, width) for each in (text, passage.followed)), fillvalue="")
            yield "\n" + _indented(
                f"{left.ljust(width)}  {right}".rstrip() for left, right in ((title, "what follows"), *rows)
            )

    def _lines(self, text: str, screen: Screen, width: int) -> list[str]:
        return wrapped(screen.shown(reflowed(text) if self.passage.wrapped else text).lstrip(" "), width)


def _indented(lines: Iterable[str]) -> str:
    return "".join(f"  {line}".rstrip() + "\n" for line in lines)


def generate(
    model: LanguageModel, files: Files, options: GenerateOptions, callbacks: EndpointCallbacks
) -> GeneratedTexts | GeneratedNextTo:
    """Generate text that continues the prompt."""
    seed = random.SystemRandom().randrange(2**31) if options.seed is None else options.seed
    if not 0 <= seed < 2**63:
        raise ConfigError(f"expected seed from 0 to 2**63 - 1. Received: {seed}")
    if options.passage is not None:
        return _generate_next_to(model, options, options.passage, seed, callbacks)
    prompt, source = options.prompt or "", files[0] if files else options.prompt_file
    if source is not None:
        prompt = "\n".join(model.lines(source, encoding=options.encoding, errors=options.errors))
    check_text(prompt, "--prompt")
    if unknown := model.unknown_in(prompt):
        callbacks.remark(unknown)
    return GeneratedTexts(prompt, seed, options.samples, _stream(model, prompt, options, seed), options.echo)


def _stream(
    model: LanguageModel, prompt: str, options: GenerateOptions, seed: int, length: int | None = None
) -> Iterator[tuple[int, str]]:
    """Yield numbered pieces of generated texts of at most `length` tokens, by default those of the options."""
    return model.stream(
        prompt,
        length=options.length if length is None else length,
        min_length=options.min_length,
        stop=[with_line_ends(stop) for stop in options.stop or ()],
        samples=options.samples,
        seed=seed,
        weights=options.weights,
        **options.sampling(),
    )


def _generate_next_to(
    model: LanguageModel, options: GenerateOptions, path: str, seed: int, callbacks: EndpointCallbacks
) -> GeneratedNextTo:
    """Generate as many tokens as really follow the beginning of a held-out document."""
    from elman.tasks.language_model.passages import passage_of

    passage = passage_of(
        model,
        path,
        options.prompt_length,
        options.length,
        options.document,
        seed,
        encoding=options.encoding,
        errors=options.errors,
    )
    if unknown := model.unknown_in(passage.prompt):
        callbacks.remark(unknown)
    pieces = _stream(model, passage.prompt, options, seed, passage.tokens)
    return GeneratedNextTo(passage, GeneratedTexts(passage.prompt, seed, options.samples, pieces, False))


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
    """Yield the number and score of every line with tokens while lines are read: one of spaces may have none."""

    def scored(group: Sequence[tuple[int, str]]) -> Iterator[tuple[int, TextScore]]:
        numbered = zip([number for number, _ in group], model.score([line for _, line in group]), strict=True)
        yield from (pair for pair in numbered if pair[1].tokens)

    group: list[tuple[int, str]] = []
    for number, line in lines:
        if line:
            group.append((number, line))
        if len(group) == _LINES_AT_ONCE:
            yield from scored(group)
            group = []
    if group:
        yield from scored(group)
