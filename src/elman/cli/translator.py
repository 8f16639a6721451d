"""What a translator answers: `elman translate`. Imports torch only when a model is opened."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, flags_of, given, whole_number
from elman.cli.model_folder import check_answer_file, open_model
from elman.cli.output import Progress, print_json, remark
from elman.decode.search_config import SearchConfig
from elman.display import plain, printable
from elman.errors import ConfigError
from elman.files import write_text
from elman.options import fill

if TYPE_CHECKING:
    from elman.tasks.translator import Translator
    from elman.tasks.translator.answers import Translation

    SearchFlags: TypeAlias = Any
else:
    SearchFlags = flags_of(SearchConfig, "Search", 2, SearchConfig())

__all__ = ["translate"]

Count = Annotated[int, Parameter(converter=whole_number)]

# Bytes of standard input that are read at most before their lines are answered.
_BLOCK = 1 << 16
_MOST_PICTURES = 20


def translate(
    model: Annotated[Path, Parameter(help="The model's folder.")],
    files: Annotated[
        tuple[str, ...], INPUT, Parameter(help="Files of sources, a sentence a line; - for standard input.")
    ] = (),
    /,
    *,
    text: Annotated[
        list[str] | None, Parameter(allow_leading_hyphen=True, help="A sentence; may be given several times.")
    ] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write the translations there.")] = None,
    replace_unknown: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Unknown words: copy the source's word with most attention instead."
        ),
    ] = False,
    attention: Annotated[
        Path | None,
        Parameter(help="Draw the attention there, as PNG or SVG; of several sentences into numbered files."),
    ] = None,
    ensemble: Annotated[
        list[Path] | None, Parameter(consume_multiple=True, help="Further models that decide together with the first.")
    ] = None,
    batch_size: Annotated[Count, Parameter(help="Sentences that are translated at the same time.")] = 128,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        Parameter(help="Of matrix products; auto: as in training, where the processor is fast in it."),
    ] = "auto",
    encoding: Annotated[
        str | None, Parameter(help="The text's encoding, if it is not that of the training data.")
    ] = None,
    errors: Annotated[
        Literal["strict", "replace", "ignore"] | None, Parameter(help="What to do with bytes that are not text.")
    ] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Show no progress or remarks.")
    ] = False,
    search_flags: SearchFlags = None,
) -> None:
    """Write each sentence in the other language; an empty line stays one.

    Lines of standard input are answered as they come. With `--n-best` above 1, a line is the sentence's number, a
    score and a translation with tabs between them.

    For example:

        elman translate model --text "ein hund rennt durch das gras ." --attention attention.png
        elman translate model test.de -o test.out --beams 10
        elman translate model - < test.de
        elman translate model test.de --ensemble model2 model3 --n-best 3
    """
    if bool(files) == (text is not None):
        received = "both" if files else "neither"
        raise ConfigError(f"expected sentences from files (- for standard input) or by --text. Received: {received}")
    search = given(search_flags)
    fill(SearchConfig, search, "the command line").check()
    options: dict[str, Any] = {
        **search,
        "replace_unknown": replace_unknown,
        "attention": attention is not None,
        "batch_size": batch_size,
        "precision": precision,
    }
    check_answer_file(output)
    translator: Translator = open_model(model, "translator")
    if attention is not None:
        _check_picture(attention)
    options["ensemble"] = [open_model(other, "translator") for other in ensemble or ()]
    if files == ("-",) and output is None and not json and attention is None:
        _stream(translator, encoding, errors, options, quiet=quiet)
        return
    sources = list(text or ())
    for file in files:
        sources += translator.read(file, with_targets=False, encoding=encoding or "", errors=errors or "").sources
    if attention is not None and (full := sum(bool(source.strip()) for source in sources)) > _MOST_PICTURES:
        raise ConfigError(f"expected at most {_MOST_PICTURES} sentences to draw. Received: {full}")
    if not quiet:
        for told in translator.remarks_on(sources):
            remark(told)
    with Progress(quiet=quiet) as progress:
        found = translator.translations(sources, progress=progress, **options)
    if attention is not None:
        _draw(found, attention)
    if json:
        facts = {"translations": [[each.to_json() for each in best] for best in found]}
        if output is None:
            print_json(facts)
            return
        import json as writer

        write_text(output, writer.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
        return
    content = "".join(line + "\n" for line in _lines(found, options, 1))
    if output is not None:
        write_text(output, content)
    else:
        sys.stdout.write(printable(content) if sys.stdout.isatty() else content)


def _stream(
    translator: Translator, encoding: str | None, errors: str | None, options: dict[str, Any], *, quiet: bool
) -> None:
    """Answer the lines of standard input as they come, many at once where many have come."""
    number = 1
    for lines in _lines_as_they_come(translator, encoding, errors):
        if not quiet:
            for told in translator.remarks_on([line for line in lines if line.strip()]):
                remark(told)
        for line in _lines(translator.translations(lines, **options), options, number):
            print(printable(line) if sys.stdout.isatty() else line)
        sys.stdout.flush()
        number += len(lines)


def _lines_as_they_come(translator: Translator, encoding: str | None, errors: str | None) -> Iterator[list[str]]:
    """The lines of standard input that have come since the last time."""
    from elman.data.decoding import check_encoding, decoded_blocks

    config = translator.config.data
    blocks = iter(lambda: sys.stdin.buffer.read1(_BLOCK), b"")  # type: ignore[union-attr]
    rest = ""
    for piece in decoded_blocks(
        blocks,
        "standard input",
        encoding=check_encoding(encoding or config.encoding),
        errors=errors or config.errors,
    ):
        *lines, rest = (rest + piece).split("\n")
        if lines:
            yield lines
    if rest:
        yield [rest]


def _lines(found: Sequence[Sequence[Translation]], options: dict[str, Any], first: int) -> Iterator[str]:
    """Translations as lines; more than one a sentence with its number, and scores."""
    several = options.get("n_best", 1) > 1
    for number, best in enumerate(found, first):
        for each in best:
            line = plain(each.text) if "\n" in each.text or "\r" in each.text else each.text
            yield f"{number}\t{each.score:.4f}\t{line}" if several else line


def _check_picture(path: Path) -> None:
    from elman.plots.picture import check_suffix

    check_suffix(path)


def _draw(found: Sequence[Sequence[Translation]], path: Path) -> None:
    """A picture of the best translation of each sentence that has any."""
    from elman.plots.attention import draw_attention

    drawn = [best[0] for best in found if best[0].attention is not None and best[0].attention.size]
    if len(drawn) < len(found):
        remark(f"nothing to draw of {len(found) - len(drawn):,} empty translations")
    for number, each in enumerate(drawn, 1):
        place = path if len(drawn) == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        draw_attention(each.attention, each.source_tokens, each.tokens, place, title="weights of attention")  # type: ignore[arg-type]
