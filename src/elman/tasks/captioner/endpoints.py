"""Endpoints of the captioner: caption, next, score, evaluate. Does not import torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    expect_data,
    text_metrics_answer,
    written_lines,
)
from elman.tasks.next_endpoint import NextTokensAnswer, PrefixOptions
from elman.tasks.registry import load_language_model

if TYPE_CHECKING:
    from elman.data.captioned import CaptionDataset
    from elman.decode.text_output import TextOutput
    from elman.tasks.captioner.model import Captioner

__all__ = [
    "CaptionOptions",
    "EvaluateCaptionsOptions",
    "NextCaptionOptions",
    "ScoreCaptionsOptions",
    "caption",
    "evaluate",
    "next_tokens",
    "score",
]

_MAX_PICTURES = 20


@dataclass(frozen=True)
class CaptionOptions(EndpointOptions):
    """Options of `caption`."""

    output: Path | None = option(None, "Write the captions to this file.", local=True, flag="-o")
    attention: Path | None = option(
        None, "Plot the attention to this PNG or SVG file; for several items, to numbered files.", local=True
    )
    lm: Path | None = option(None, "A language model for shallow fusion in the search.", local=True)
    batch_size: int = option(128, "Items per batch.")
    encoding: str = option("", "Encoding of tables; by default that of the training data.")
    errors: str = errors_option()
    search: SearchConfig = field(default_factory=SearchConfig)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError if no files are given."""
        del call
        expect_data(files, "items to caption: elman caption MODEL DATA")


class Captions(Answer):
    """The captions of each item, best first; `several` if more than one per item was requested."""

    def __init__(self, places: Sequence[str], found: Sequence[Sequence[TextOutput]], *, several: bool) -> None:
        self.places = places
        self.found = found
        self.several = several

    def to_json(self) -> dict[str, Any]:
        """Return every item's place in its file, and its captions."""
        names = ("text", "tokens", "score", "log_probability", "finished")
        return {
            "items": [
                {"item": place, "captions": [{name: getattr(each, name) for name in names} for each in best]}
                for place, best in zip(self.places, self.found, strict=True)
            ]
        }

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield captions as lines; if several per item, with the item's number and a score."""
        return written_lines(self.found, screen, several=self.several)


def caption(model: Captioner, files: Files, options: CaptionOptions, callbacks: EndpointCallbacks) -> Captions:
    """Generate captions of the items in files."""
    drawn = options.attention is not None
    if drawn:
        model.places()  # raises before anything is read
    items = model.read(list(files), encoding=options.encoding, errors=options.errors)
    search = asdict(options.search) | {"lm": load_language_model(options.lm)}
    found = model.captions(items, attention=drawn, batch_size=options.batch_size, progress=callbacks.progress, **search)
    if options.attention is not None:
        _draw(model, items, found, options.attention, callbacks)
    return Captions(items.places, found, several=options.search.n_best > 1)


def _draw(
    model: Captioner,
    items: CaptionDataset,
    found: Sequence[Sequence[TextOutput]],
    path: Path,
    callbacks: EndpointCallbacks,
) -> None:
    """Plot the attention of the best caption of each of the first items."""
    from elman.plots.image_attention import draw_image_attention

    drawn = [(row, best[0]) for row, best in enumerate(found) if best and best[0].tokens][:_MAX_PICTURES]
    if len(drawn) < len(found):
        callbacks.remark(f"{len(drawn):,} of {len(found):,} captions are plotted")
    images = model.network.images
    for row, each in drawn:
        place = path if len(found) == 1 else path.with_name(f"{path.stem}-{row + 1}{path.suffix}")
        draw_image_attention(
            [] if each.attention is None else each.attention.numpy(),
            model.places(),
            each.tokens,
            place,
            pixels=None if images is None else items.items[row],
            cell=0 if images is None else 2**images.halvings,
            title=each.text,
        )


@dataclass(frozen=True)
class NextCaptionOptions(PrefixOptions):
    """Options of `next`."""

    item: int | None = option(None, "Captioners: number of the item in the file, from 1.", least=1)


def next_tokens(
    model: Captioner, files: Files, options: NextCaptionOptions, callbacks: EndpointCallbacks
) -> NextTokensAnswer:
    """Compute the distribution of the token that follows the beginning of a caption."""
    from elman.data.vocabulary import describe_unknown

    path = options.given_text(files)
    items = model.read([path])
    if options.item is not None and options.item > len(items):
        raise ConfigError(f"expected --item of at most {len(items):,}, the items of {path}. Received: {options.item}")
    if options.item is None and len(items) != 1:
        raise ConfigError(
            f"expected --item with the number of one of the {len(items):,} items of {path}. Received: none"
        )
    row = (options.item or 1) - 1
    if unknown := describe_unknown(model.vocabulary.text, options.prefix, "prefix"):
        callbacks.remark(unknown)
    found = model.next(items.take([row]), options.prefix, **options.asked())
    return NextTokensAnswer({"item": items.places[row], "prefix": options.prefix}, found)


@dataclass(frozen=True)
class EvaluateCaptionsOptions(EvaluateTextsOptions):
    """Options of `evaluate`."""


def evaluate(model: Captioner, files: Files, options: EvaluateCaptionsOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute perplexity, accuracy, exact match, BLEU and chrF against all references."""
    lm = load_language_model(options.lm)
    items = options.limited(_read(model, files, options, callbacks))
    return text_metrics_answer(model.evaluate(items, lm=lm, progress=callbacks.progress, **options.search()), callbacks)


@dataclass(frozen=True)
class ScoreCaptionsOptions(ScoreOptions):
    """Options of `score`."""

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for options that do not apply to captioners."""
        super().check(files, call)
        if self.text is not None or self.per_token:
            received = "--text" if self.text is not None else "--per-token"
            raise ConfigError(f"expected items with captions in files, for a captioner. Received: {received}")


class CaptionScores(Answer):
    """Rows (place of the item, caption, log-probability), one for each caption."""

    def __init__(self, rows: Sequence[tuple[str, str, float]]) -> None:
        self.rows = rows

    def to_json(self) -> dict[str, Any]:
        """Return the captions with their scores."""
        return {"captions": [{"item": item, "text": text, "log_probability": value} for item, text, value in self.rows]}

    def to_text(self, screen: Screen) -> Iterable[str]:
        """Yield a line for each caption."""
        yield "  log-prob  caption\n"
        for _, text, value in self.rows:
            yield f"{value:10.3f}  {screen.shown(text)}\n"


def score(model: Captioner, files: Files, options: ScoreCaptionsOptions, callbacks: EndpointCallbacks) -> CaptionScores:
    """Compute the log-probability of each caption, given its item."""
    items = _read(model, files, options, callbacks)
    scores = model.score(items)
    rows = [
        (place, text, value)
        for place, texts, values in zip(items.places, items.captions or (), scores, strict=True)
        for text, value in zip(texts, values, strict=True)
    ]
    if options.rank:
        lengths = model.token_counts([text for _, text, _ in rows])
        order = sorted(range(len(rows)), key=lambda row: -rows[row][2] / lengths[row])
        rows = [rows[row] for row in order]
    return CaptionScores(rows)


def _read(
    model: Captioner, files: Sequence[str], options: EvaluateOptions | ScoreOptions, callbacks: EndpointCallbacks
) -> CaptionDataset:
    """Read items with captions; add a remark on unknown tokens."""
    from elman.tasks.captioner.setup import unknown_tokens

    items = model.read(list(files), captioned=True, encoding=options.encoding, errors=options.errors)
    if note := unknown_tokens(model.vocabulary, items.captions or ()):
        callbacks.remark(note)
    return items
