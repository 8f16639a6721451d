"""Endpoints of the translator: translate, next, score, evaluate. Does not import torch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.decode.search_config import SearchConfig
from elman.errors import ConfigError
from elman.options import option
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    EvaluateOptions,
    EvaluateTextsOptions,
    Files,
    Metrics,
    ScoreOptions,
    Screen,
    errors_option,
    expect_one,
    scored_tokens,
    text_metrics_answer,
    written_lines,
)
from elman.tasks.next_endpoint import NextTokensAnswer, PrefixOptions
from elman.tasks.registry import load_as, load_language_model

if TYPE_CHECKING:
    from elman.data.pairs import Pairs
    from elman.decode.translation import Translation
    from elman.metrics.pair_likelihood import PairScore
    from elman.tasks.translator.model import Translator

    # The translations of each sentence, best first.
    Found = Sequence[Sequence[Translation]]

__all__ = ["EvaluatePairsOptions", "ScoreOptions", "TranslateOptions", "evaluate", "next_tokens", "score", "translate"]

_MAX_PICTURES = 20


@dataclass(frozen=True)
class TranslateOptions(EndpointOptions):
    """Options of `translate`."""

    text: list[str] | None = option(None, "A sentence; may be given several times.")
    output: Path | None = option(None, "Write the translations to this file.", local=True, flag="-o")
    replace_unknown: bool = option(False, "Replace unknown words by the source word with the highest attention.")
    attention: Path | None = option(
        None, "Plot the attention to this PNG or SVG file; for several sentences, to numbered files.", local=True
    )
    ensemble: list[Path] | None = option(None, "Further models of an ensemble.", local=True)
    lm: Path | None = option(None, "A language model for shallow fusion in the search.", local=True)
    batch_size: int = option(128, "Sentences per batch.")
    precision: str = option(
        "auto",
        "Precision of matrix products; auto: that of training, if fast on this hardware.",
        choices=("auto", "float32", "bfloat16"),
    )
    encoding: str = option("", "Text encoding; by default that of the training data.")
    errors: str = errors_option()
    search: SearchConfig = field(default_factory=SearchConfig)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError unless either files or texts are given, and for invalid search options."""
        del call
        expect_one(files, self.text, "sentences from files (- for standard input) or by --text")
        self.search.check()


class Translations(Answer):
    """The translations of each sentence, best first.

    Args:
        whole: returns the translations of all sentences.
        blocks: yields the translations of consecutive groups of sentences.
        several: whether more than one translation per sentence was requested.
    """

    def __init__(self, whole: Callable[[], Found], blocks: Iterable[Found], *, several: bool) -> None:
        self.whole = whole
        self.blocks = blocks
        self.several = several

    def to_json(self) -> dict[str, Any]:
        """Return the translations of every sentence."""
        return {"translations": [[each.to_json() for each in best] for best in self.whole()]}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield translations as lines, group by group; if several per sentence, with the number and a score."""
        number = 1
        for found in self.blocks:
            yield "".join(written_lines(found, screen, several=self.several, first=number))
            number += len(found)


def translate(model: Translator, files: Files, options: TranslateOptions, callbacks: EndpointCallbacks) -> Translations:
    """Translate sentences from files or from the options; lines of standard input are translated as they are read."""
    if options.attention is not None:
        from elman.plots.picture import check_suffix

        check_suffix(options.attention)
    names = ("replace_unknown", "batch_size", "precision")
    how = {name: getattr(options, name) for name in names} | asdict(options.search)
    how |= {"ensemble": _further(options.ensemble), "lm": load_language_model(options.lm)}
    several = options.search.n_best > 1
    if files == ("-",) and options.output is None and options.attention is None:
        # No progress while the output is a stream.
        silent = EndpointCallbacks(remark=callbacks.remark)
        blocks = _translated_lines(model, options, how, callbacks)
        return Translations(lambda: _found(model, files, options, how, silent), blocks, several=several)
    found = _found(model, files, options, how, callbacks)
    return Translations(lambda: found, [found], several=several)


def _further(folders: Sequence[Path] | None) -> list[Any]:
    """Load the further models of an ensemble."""
    return [load_as("translator", folder) for folder in folders or ()]


def _found(
    model: Translator, files: Files, options: TranslateOptions, how: dict[str, Any], callbacks: EndpointCallbacks
) -> Found:
    """Translate all sentences, and plot their attention if requested."""
    sources = list(options.text or ())
    for file in files:
        sources += model.read(file, with_targets=False, encoding=options.encoding, errors=options.errors).sources
    drawn = options.attention is not None
    if drawn and (full := sum(bool(source.strip()) for source in sources)) > _MAX_PICTURES:
        raise ConfigError(f"expected at most {_MAX_PICTURES} sentences with --attention. Received: {full}")
    for remark in model.remarks_on(sources):
        callbacks.remark(remark)
    found = model.translations(sources, attention=drawn, progress=callbacks.progress, **how)
    _remark_unknown(model, found, options, callbacks)
    if options.attention is not None:
        _draw(found, options.attention, callbacks)
    return found


def _translated_lines(
    model: Translator, options: TranslateOptions, how: dict[str, Any], callbacks: EndpointCallbacks
) -> Iterator[Found]:
    """Yield translations of lines of standard input; all available lines form a group."""
    from elman.data.decoding import stream_lines

    data = model.config.data
    encoding, errors = options.encoding or data.encoding, options.errors or data.errors
    for lines in stream_lines(sys.stdin.buffer, "standard input", encoding=encoding, errors=errors):  # type: ignore[arg-type]
        for remark in model.remarks_on([line for line in lines if line.strip()]):
            callbacks.remark(remark)
        found = model.translations(lines, **how)
        _remark_unknown(model, found, options, callbacks)
        yield found
        if how["sample"]:
            # A batch of a group has its own seed, and a group has at most as many batches as lines.
            how["seed"] = (how["seed"] + len(lines)) % 2**63


def _remark_unknown(model: Translator, found: Found, options: TranslateOptions, callbacks: EndpointCallbacks) -> None:
    """Add a remark on unknown tokens in translations, unless words of the source replace them."""
    target = model.vocabulary.target
    sign = target.token(target.unknown_id)
    count = sum(sign in each.tokens for best in found for each in best)
    if count and not options.replace_unknown:
        written = sign if target.kind == "words" else "U+FFFD"
        callbacks.remark(
            f"{count:,} of {sum(map(len, found)):,} translations have unknown tokens, written as {written}; "
            "--replace-unknown puts words of the source there"
        )


def _draw(found: Found, path: Path, callbacks: EndpointCallbacks) -> None:
    """Plot the attention of the best translation of each sentence that is not empty."""
    from elman.plots.attention import draw_attentions

    drawn = [best[0] for best in found if best[0].attention is not None and best[0].attention.size]
    if len(drawn) < len(found):
        callbacks.remark(f"{len(found) - len(drawn):,} empty translations have no attention to plot")
    draw_attentions([(each.attention, each.source_tokens, each.tokens) for each in drawn], path)  # type: ignore[misc]


def next_tokens(
    model: Translator, files: Files, options: PrefixOptions, callbacks: EndpointCallbacks
) -> NextTokensAnswer:
    """Compute the distribution of the token that follows the beginning of a translation."""
    from elman.data.vocabulary import describe_unknown

    source = options.given_text(files)
    found = model.next(source, options.prefix, **options.asked())
    for remark in model.remarks_on([source]):
        callbacks.remark(remark)
    if unknown := describe_unknown(model.vocabulary.target, model.vocabulary.read_start(options.prefix), "prefix"):
        callbacks.remark(unknown)
    return NextTokensAnswer({"source": source, "prefix": options.prefix}, found)


@dataclass(frozen=True)
class EvaluatePairsOptions(EvaluateTextsOptions):
    """Options of `evaluate`."""

    noun = "pair"

    ensemble: list[Path] | None = option(None, "Translators: further models of an ensemble.", local=True)


def evaluate(model: Translator, files: Files, options: EvaluatePairsOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute perplexity, accuracy, BLEU, chrF and exact matches."""
    further, lm = _further(options.ensemble), load_language_model(options.lm)
    pairs = options.limited(_read(model, files, options, callbacks))
    for remark in model.remarks_on(pairs.sources):
        callbacks.remark(remark)
    return text_metrics_answer(
        model.evaluate(pairs, ensemble=further, lm=lm, progress=callbacks.progress, **options.search()), callbacks
    )


class PairScores(Answer):
    """Log-probabilities of numbered pairs; with `per_token`, also those of tokens."""

    def __init__(self, numbered: Sequence[tuple[int, PairScore]], *, per_token: bool) -> None:
        self.numbered = numbered
        self.per_token = per_token

    def to_json(self) -> dict[str, Any]:
        """Return the pairs with their scores."""
        pairs = [found.to_json(number, per_token=self.per_token) for number, found in self.numbered]
        return {"pairs": pairs}

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield a line for each target, followed by its tokens with `per_token`."""
        yield "  log-prob  perplexity  target\n"
        for _, found in self.numbered:
            yield f"{found.log_probability:10.3f}  {found.perplexity:10.4g}  {screen.shown(found.target)}\n"
            if self.per_token:
                yield from scored_tokens(found.tokens, found.log_probs)


def score(model: Translator, files: Files, options: ScoreOptions, callbacks: EndpointCallbacks) -> PairScores:
    """Compute the log-probability of each target, given its source."""
    from elman.data.pairs.pairs import cut_at_tabs

    if files:
        pairs = _read(model, files, options, callbacks)
        sources, targets = pairs.sources, pairs.targets or []
    else:
        sources, targets = cut_at_tabs(options.text or [], "--text")
    numbered = list(enumerate(model.score(sources, targets, progress=callbacks.progress), 1))
    if options.rank:
        numbered.sort(key=lambda pair: pair[1].perplexity)
    return PairScores(numbered, per_token=options.per_token)


def _read(
    model: Translator, files: Files, options: EvaluateOptions | ScoreOptions, callbacks: EndpointCallbacks
) -> Pairs:
    """Read pairs from files; add remarks on pairs that were left out."""
    pairs = model.read(list(files), encoding=options.encoding, errors=options.errors)
    for remark in pairs.remarks():
        callbacks.remark(remark)
    return pairs
