"""CoNLL-U files: ten columns with tabs between them, one word per line, a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Iterable

from elman.data.tagged.tagged import TaggedDataset, check_words
from elman.errors import ConfigError, DataError
from elman.options import suggestion

__all__ = ["COLUMNS", "read_conllu"]

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
# Start of the comment with the label of a sentence.
_INTENT = "# intent ="


def read_conllu(lines: Iterable[str], name: str, *, tag_column: str = "upos", with_tags: bool = True) -> TaggedDataset:
    """Return the sentences in the lines of a file, with words from the column `form` and tags from `tag_column`.

    Multiword tokens (`1-2`), empty nodes (`1.1`) and all comments except `# intent = LABEL` are left out. Raises
    DataError with file and line; ConfigError for an unknown column.
    """
    if tag_column not in COLUMNS[2:]:
        raise ConfigError(
            f"expected a column of CoNLL-U among {', '.join(COLUMNS[2:])}. Received: {tag_column!r}."
            f"{suggestion(tag_column, COLUMNS[2:])}"
        )
    column = COLUMNS.index(tag_column)
    words: list[list[str]] = []
    tags: list[list[str]] = []
    intents: list[str | None] = []
    places: list[str] = []
    now: list[str] = []
    now_tags: list[str] = []
    intent: str | None = None
    begun = 0
    for number, line in enumerate([*lines, ""], 1):
        where = f"{name}, line {number}"
        if not line.strip():
            if now:
                words.append(check_words(now, f"{name}, line {begun}"))
                tags.append(now_tags)
                intents.append(intent)
                places.append(f"{name}, line {begun}")
            now, now_tags, intent = [], [], None
            continue
        if line.startswith("#"):
            if line.startswith(_INTENT):
                intent = line[len(_INTENT) :].strip()
            continue
        cells = line.split("\t")
        if len(cells) != len(COLUMNS):
            raise DataError(f"{where}: expected {len(COLUMNS)} columns with tabs between them. Received: {len(cells)}")
        place = cells[0]
        if "-" in place or "." in place:
            continue
        if place != str(len(now) + 1):
            raise DataError(f"{where}: expected the word's number {len(now) + 1}. Received: {place!r}")
        if with_tags and not cells[column]:
            raise DataError(f"{where}: expected a tag in the column {tag_column}. Received: an empty cell")
        begun = begun if now else number
        now.append(cells[1])
        now_tags.append(cells[column])
    if not words:
        raise DataError(f"{name}: expected sentences in CoNLL-U. Received: none")
    known = [each for each in intents if each]
    if known and len(known) < len(intents):
        missing = places[next(row for row, each in enumerate(intents) if not each)]
        raise DataError(f"{missing}: expected a comment {_INTENT!r} above all sentences or none. Received: none here")
    return TaggedDataset(name, words, None, tags if with_tags else None, known or None, places)
