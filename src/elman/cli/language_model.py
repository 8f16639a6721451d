"""What a language model answers: `elman generate`, `score`, `evaluate`. Imports torch only when one is opened."""

from __future__ import annotations

import dataclasses
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from elman.cli.evaluate import EvaluateFlags
from elman.cli.flags import INPUT, whole_number
from elman.cli.model_folder import open_model
from elman.cli.output import Progress, print_json, remark
from elman.cli.score import ScoreFlags
from elman.display import aligned, plain, printable
from elman.errors import ConfigError

if TYPE_CHECKING:
    from elman.tasks.language_model import LanguageModel
    from elman.tasks.language_model.score import Score

__all__ = ["evaluate_text", "generate", "score_lines"]

# Lines that are scored before the next ones are read.
_LINES_AT_ONCE = 256

Count = Annotated[int, Parameter(converter=whole_number)]
Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")]
Model = Annotated[Path, Parameter(help="The model's folder.")]


def generate(
    model: Model,
    prompt_file: Annotated[
        str | None,
        INPUT,
        Parameter(help="A file with the prompt; - for standard input. One line end at its end is left out."),
    ] = None,
    /,
    *,
    prompt_from: Annotated[
        str | None, Parameter(name="--prompt-file", allow_leading_hyphen=True, help="The same, as an option.")
    ] = None,
    prompt: Annotated[str | None, Parameter(allow_leading_hyphen=True, help="The text to go on with.")] = None,
    length: Annotated[Count, Parameter(help="Most tokens to draw.")] = 200,
    temperature: Annotated[
        float, Parameter(help="Below 1 more likely text, above 1 more surprising; 0 always takes the likeliest token.")
    ] = 1.0,
    top_k: Annotated[Count, Parameter(help="Draw among the k likeliest tokens; 0 for all.")] = 0,
    top_p: Annotated[float, Parameter(help="Draw among the likeliest tokens that hold this probability.")] = 1.0,
    repetition_penalty: Annotated[float, Parameter(help="Above 1 makes recent tokens less likely.")] = 1.0,
    stop: Annotated[
        list[str] | None, Parameter(allow_leading_hyphen=True, help="End before this text; may be given several times.")
    ] = None,
    samples: Annotated[Count, Parameter(help="How many texts to draw.")] = 1,
    seed: Annotated[Count | None, Parameter(help="Of the draw; the same seed gives the same text.")] = None,
    weights: Annotated[
        Literal["float32", "bfloat16", "int8"], Parameter(help="Rougher weights draw faster; int8 is the fastest.")
    ] = "float32",
    echo: Annotated[bool, Parameter(help="Print the prompt before the text.")] = True,
    json: Json = False,
) -> None:
    """Generate text, printed as it comes.

    For example:

        elman generate model --prompt "Call me" --length 500 --temperature 0.8
        elman generate model --samples 5 --top-p 0.9 --seed 1
        echo "Call me" | elman generate model -
    """
    if sum(source is not None for source in (prompt, prompt_file, prompt_from)) > 1:
        raise ConfigError("expected the prompt either by --prompt or from one file. Received: both")
    prompt_file = prompt_file or prompt_from
    lm = open_model(model, "language-model")
    text = prompt or ""
    if prompt_file is not None:
        text = "\n".join(read_lines(prompt_file, lm))
    check_text(text, "--prompt")
    unknown = lm.unknown_in(text)
    if unknown:
        remark(unknown)
    seed = random.SystemRandom().randrange(2**31) if seed is None else check_seed(seed)
    pieces = lm.stream(
        text,
        length=length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        stop=stop or (),
        samples=samples,
        seed=seed,
        weights=weights,
    )
    shown = text if echo else ""
    if samples == 1 and not json:
        print_stream(shown, pieces)
        return
    texts = [""] * samples
    for number, piece in pieces:
        texts[number] += piece
    if json:
        print_json({"prompt": text, "seed": seed, "texts": texts})
        return
    for number, drawn in enumerate(texts, 1):
        print(f"--- {number} of {samples} ---")
        print(for_reader(shown + drawn))


def print_stream(text: str, pieces: Iterator[tuple[int, str]]) -> None:
    """Print `text` and then the pieces, each at once."""
    last = text
    sys.stdout.write(for_reader(text))
    sys.stdout.flush()
    for _, piece in pieces:
        sys.stdout.write(for_reader(piece))
        sys.stdout.flush()
        last = piece
    if not last.endswith("\n"):
        print()


def for_reader(text: str) -> str:
    """`text`, made harmless where standard output is a terminal."""
    return printable(text) if sys.stdout.isatty() else text


def check_text(text: str, what: str) -> None:
    """Raise ConfigError for an argument whose bytes are not text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"expected {what} to be text. Received: bytes that are not, at character {error.start}"
        ) from None


def check_seed(seed: int) -> int:
    """Raise ConfigError for a number that cannot be a seed."""
    if not 0 <= seed < 2**63:
        raise ConfigError(f"expected seed from 0 to 2**63 - 1. Received: {seed}")
    return seed


def read_as(lm: LanguageModel, encoding: str | None, errors: str | None) -> None:
    """Read texts in another way than those that the model was trained on."""
    own = lm.config.text
    text = dataclasses.replace(own, encoding=encoding or own.encoding, errors=errors or own.errors)
    lm.config = dataclasses.replace(lm.config, text=text)


def read_lines(path: str, lm: LanguageModel) -> Iterator[str]:
    """The lines of a file or of standard input, read as the model's texts were."""
    from elman.data import open_text

    config = lm.config.text
    rest = ""
    with open_text([path], encoding=config.encoding, errors=config.errors) as source:
        for piece in source.pieces():
            *lines, rest = (rest + piece.text).split("\n")
            yield from lines
    if rest:
        yield rest


def score_lines(model: Path, files: tuple[str, ...], flags: ScoreFlags) -> None:
    """`elman score` for a language model: every line on its own; empty lines are left out."""
    if len(files) > 1:
        raise ConfigError(f"expected one file of lines for a language model. Received: {len(files)}")
    for line in flags.text or ():
        check_text(line, "--text")
    lm = open_model(model, "language-model")
    read_as(lm, flags.encoding, flags.errors)
    lines = enumerate(read_lines(files[0], lm) if files else flags.text or [], 1)
    scored = score_numbered(lm, lines)
    if flags.rank:
        scored = iter(sorted(scored, key=lambda pair: pair[1].perplexity))
    if flags.json:
        print_json({"lines": [line_facts(number, line, flags.per_token) for number, line in scored]})
        return
    count = 0
    for count, (_, found) in enumerate(scored, 1):
        if count == 1:
            print("  log-prob  perplexity  nats/char  text")
        figures = f"{found.log_probability:10.3f}  {found.perplexity:10.4g}  {found.nats_per_char:9.4f}"
        print(f"{figures}  {for_reader(found.text)}")
        if flags.per_token:
            rows = [(f"{value:.3f}", plain(token)) for token, value in zip(found.tokens, found.log_probs, strict=True)]
            print("\n".join(f"{value:>20}  {token}" for value, token in rows))
    if not count:
        remark("there was no line to score")


def score_numbered(lm: LanguageModel, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Score]]:
    """The score of every line that is not empty, with its number."""
    group: list[tuple[int, str]] = []
    for number, line in lines:
        if line:
            group.append((number, line))
        if len(group) == _LINES_AT_ONCE:
            yield from zip([number for number, _ in group], lm.score([line for _, line in group]), strict=True)
            group = []
    if group:
        yield from zip([number for number, _ in group], lm.score([line for _, line in group]), strict=True)


def line_facts(number: int, line: Score, per_token: bool) -> dict[str, Any]:
    """A line's score as plain values."""
    facts: dict[str, Any] = {
        "line": number,
        "text": line.text,
        "tokens": len(line.tokens),
        "unknown": line.unknown,
        "log_probability": line.log_probability,
        "perplexity": line.perplexity,
        "nats_per_char": line.nats_per_char,
    }
    if per_token:
        facts["per_token"] = [list(pair) for pair in zip(line.tokens, line.log_probs, strict=True)]
    return facts


def evaluate_text(model: Path, text: tuple[str, ...], flags: EvaluateFlags) -> None:
    """`elman evaluate` for a language model: nats and bits by token and by character, perplexity, accuracy."""
    flags.refuse("language model", "picture")
    if flags.limit is not None and flags.limit < 2:
        raise ConfigError(f"expected --limit of at least 2 tokens. Received: {flags.limit}")
    lm = open_model(model, "language-model")
    read_as(lm, flags.encoding, flags.errors)
    with Progress() as progress:
        figures = lm.evaluate(text, limit=flags.limit, progress=progress)
    names = ("nats_per_token", "bits_per_token", "nats_per_char", "bits_per_char", "perplexity", "accuracy", "tokens")
    facts = {name: figures.get(name, math.nan) for name in names}
    if flags.json:
        print_json(facts)
        return
    rows = [
        (name.replace("_per_", " per ").replace("_", " "), f"{value:,}" if name == "tokens" else f"{value:.4f}")
        for name, value in facts.items()
    ]
    print(aligned(rows, right=[1]))
