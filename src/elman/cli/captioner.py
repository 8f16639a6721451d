"""What a captioner answers: `elman caption`, `elman evaluate`, `elman score`. Imports torch to open a model only."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from elman.cli.evaluate import EvaluateFlags
from elman.cli.flags import INPUT, flags_of, given, whole_number
from elman.cli.model_folder import check_answer_file, open_model
from elman.cli.output import Progress, aligned, plain, print_json, printable, remark
from elman.cli.score import ScoreFlags
from elman.decode.search_config import SearchConfig
from elman.errors import ConfigError
from elman.files import write_text

if TYPE_CHECKING:
    from elman.data.captioned import Captioned
    from elman.decode.writing import Written
    from elman.tasks.captioner import Captioner

    SearchFlags: TypeAlias = Any
else:
    SearchFlags = flags_of(SearchConfig, "Search", 2, SearchConfig())

__all__ = ["caption", "evaluate_captions", "score_captions"]

Count = Annotated[int, Parameter(converter=whole_number)]

_MOST_PICTURES = 20


def caption(
    model: Annotated[Path, Parameter(help="The model's folder.")],
    /,
    *data: Annotated[
        str, INPUT, Parameter(help="Tables, arrays, image files or folders; - for a table on standard input.")
    ],
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write the captions there.")] = None,
    attention: Annotated[
        Path | None,
        Parameter(help="Draw the attention there, as PNG or SVG; of several items into numbered files."),
    ] = None,
    batch_size: Annotated[Count, Parameter(help="Items that are captioned at the same time.")] = 128,
    encoding: Annotated[str | None, Parameter(help="The encoding of tables, if it is not that of training.")] = None,
    errors: Annotated[
        Literal["strict", "replace", "ignore"] | None, Parameter(help="What to do with bytes that are not text.")
    ] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Show no progress.")
    ] = False,
    search_flags: SearchFlags = None,
) -> None:
    """Write a text for every vector or image, in their order; captions in the data are not read.

    With `--n-best` above 1, a line is the item's number, a score and a caption with tabs between them.

    For example:

        elman caption model photo.png other.jpg
        elman caption model items.npy -o captions.txt --beams 10
        elman caption model digits.npy --attention looked.png --json
    """
    if not data:
        raise ConfigError("expected items to caption: elman caption MODEL DATA. Received: none")
    check_answer_file(output)
    captioner: Captioner = open_model(model, "captioner")
    options: dict[str, Any] = given(search_flags)
    if attention is not None:
        captioner.places()  # tells what is wrong before anything is read
    with Progress(quiet=quiet) as progress:
        items = captioner.read(list(data), encoding=encoding or "", errors=errors or "")
        drawn = attention is not None
        found = captioner.captions(items, attention=drawn, batch_size=batch_size, told=progress, **options)
    if attention is not None:
        _draw(captioner, items, found, attention)
    if json:
        facts = {"items": [_facts(place, best) for place, best in zip(items.places, found, strict=True)]}
        if output is None:
            print_json(facts)
            return
        import json as writer

        write_text(output, writer.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
        return
    content = "".join(f"{line}\n" for line in _lines(found, several=options.get("n_best", 1) > 1))
    if output is not None:
        write_text(output, content)
    else:
        sys.stdout.write(printable(content) if sys.stdout.isatty() else content)


def _lines(found: Sequence[Sequence[Written]], *, several: bool) -> Iterator[str]:
    """Captions as lines; more than one an item with its number, and scores."""
    for number, best in enumerate(found, 1):
        for each in best:
            text = plain(each.text) if "\n" in each.text or "\r" in each.text else each.text
            yield f"{number}\t{each.score:.4f}\t{text}" if several else text


def _facts(place: str, best: Sequence[Written]) -> dict[str, Any]:
    """An item's captions as plain values."""
    return {
        "item": place,
        "captions": [
            {
                "text": each.text,
                "tokens": each.tokens,
                "score": each.score,
                "log_probability": each.log_probability,
                "finished": each.finished,
            }
            for each in best
        ],
    }


def _draw(captioner: Captioner, items: Captioned, found: Sequence[Sequence[Written]], path: Path) -> None:
    """A picture of the best caption of each of the first items."""
    from elman.plots.image_attention import draw_image_attention

    drawn = [(row, best[0]) for row, best in enumerate(found) if best and best[0].tokens][:_MOST_PICTURES]
    if len(drawn) < len(found):
        remark(f"{len(drawn):,} of {len(found):,} captions are drawn")
    images = captioner.network.images
    for row, each in drawn:
        place = path if len(found) == 1 else path.with_name(f"{path.stem}-{row + 1}{path.suffix}")
        draw_image_attention(
            [] if each.attention is None else each.attention.numpy(),
            captioner.places(),
            each.tokens,
            place,
            pixels=None if images is None else items.items[row],
            cell=0 if images is None else 2**images.halvings,
            title=each.text,
        )


def evaluate_captions(model: Path, data: tuple[str, ...], flags: EvaluateFlags) -> None:
    """`elman evaluate` for a captioner: perplexity, accuracy, exact match, BLEU and chrF against all references."""
    flags.refuse("captioner", "picture")
    if flags.limit is not None and flags.limit < 1:
        raise ConfigError(f"expected --limit of at least 1 item. Received: {flags.limit}")
    captioner: Captioner = open_model(model, "captioner")
    items = _read(captioner, data, flags.encoding, flags.errors)
    if flags.limit is not None:
        items = items.take(range(min(flags.limit, len(items))))
    options: dict[str, Any] = {} if flags.beams is None else {"beams": flags.beams}
    figures = captioner.evaluate(items, **options)
    if "bleu" not in figures:
        remark("BLEU and chrF need sacrebleu: pip install 'elman[translation]'")
    if flags.json:
        print_json(figures)
        return
    print(aligned([(_NAMES.get(name, name), _shown(name, value)) for name, value in figures.items()]))


_NAMES = {"bleu": "BLEU", "chrf": "chrF", "bleu_signature": "BLEU signature", "chrf_signature": "chrF signature"}


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if name in ("bleu", "chrf"):
        return f"{value:.2f}"
    return f"{value:.2%}" if name in ("accuracy", "exact") else f"{value:.4f}"


def score_captions(model: Path, files: tuple[str, ...], flags: ScoreFlags) -> None:
    """`elman score` for a captioner: how likely each caption is, given its item."""
    if flags.text is not None or flags.per_token:
        received = "--text" if flags.text is not None else "--per-token"
        raise ConfigError(f"expected items with captions in files, for a captioner. Received: {received}")
    captioner: Captioner = open_model(model, "captioner")
    items = _read(captioner, files, flags.encoding, flags.errors)
    scores = captioner.score(items)
    rows = [
        (place, text, value)
        for place, texts, values in zip(items.places, items.captions or (), scores, strict=True)
        for text, value in zip(texts, values, strict=True)
    ]
    if flags.rank:
        lengths = captioner.token_counts([text for _, text, _ in rows])
        order = sorted(range(len(rows)), key=lambda row: -rows[row][2] / lengths[row])
        rows = [rows[row] for row in order]
    if flags.json:
        print_json(
            {"captions": [{"item": place, "text": text, "log_probability": value} for place, text, value in rows]}
        )
        return
    print("  log-prob  caption")
    for _, text, value in rows:
        print(f"{value:10.3f}  {printable(text) if sys.stdout.isatty() else text}")


def _read(captioner: Captioner, data: Sequence[str], encoding: str | None, errors: str | None) -> Captioned:
    """Items with captions, with a remark on tokens that are not known."""
    from elman.tasks.captioner.objective import unseen

    items = captioner.read(list(data), captioned=True, encoding=encoding or "", errors=errors or "")
    if told := unseen(captioner.vocabulary, items.captions or ()):
        remark(told)
    return items
