"""Encoding of a text as token files for training, validation and test, in the cache folder.

Each document begins with one end token, so a model in its initial state predicts the first token of a document from an
end token. A text of several documents also ends with one. A part that begins or ends inside a document has no end token
there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elman.cache import cache_folder, clean_cache, limit_cache, mark_used
from elman.data.read import TextPiece, TextSource, TextStatistics
from elman.data.split import Section, cut_points, enough_held_out, sections, shares_of
from elman.data.token_file import TokenFile, TokenWriter, smallest_dtype
from elman.data.vocabulary import (
    Vocabulary,
    complete_options,
    learn_vocabulary,
    vocabulary_class,
    vocabulary_from_json,
)
from elman.data.vocabulary.base import Ids
from elman.data.vocabulary.unknown import UnknownTokens, unknown_in_ids, unknown_in_stream
from elman.display import Progress, counted, places_of
from elman.errors import ArtifactError, ConfigError, DataError, StorageError
from elman.files import atomic_file, make_folder, write_text

__all__ = ["SPLIT_BY", "Corpus", "TokenFile", "prepare"]

SPLIT_BY = ("position", "documents")
_USUAL_SPLIT = (0.9, 0.05, 0.05)
# Increased whenever the same text gives other tokens.
LAYOUT = 1
# Increased whenever the same text gives another vocabulary.
LEARNING = 2
# Tokens at the beginning of a part in which unknown ones are counted.
_LOOKED_AT = 1_000_000


class Corpus(NamedTuple):
    """An encoded text. The validation or test part is None if it has fewer than two tokens.

    `scan` has the statistics of the main text; `fingerprint` is a hash of the texts, the vocabulary and the split.
    `unknown` has the counts of unknown tokens at the beginning of the training and the validation part, and `repeated`
    remarks on other parts that have files of the training part.
    """

    train: TokenFile
    valid: TokenFile | None
    test: TokenFile | None
    vocabulary: Vocabulary
    fingerprint: str
    scan: TextStatistics
    unknown: tuple[UnknownTokens | None, ...] = ()
    repeated: tuple[str, ...] = ()


class _Text(NamedTuple):
    """A source, the positions of its cuts, and for each of its sections the part of the corpus that it becomes."""

    source: TextSource
    scan: TextStatistics
    cuts: tuple[int, int]
    border: str
    parts: tuple[int, ...]

    def sections(self, stage: str, progress: Progress | None) -> Iterator[Section]:
        done = 0
        for section in sections(self.source.pieces(), self.cuts, self.border):
            yield section
            done += len(section.piece.text)
            if progress is not None:
                progress(stage, min(1.0, done / self.scan.characters))

    def part(self, part: int, progress: Progress | None) -> Iterator[str]:
        """Yield the text of a part of the corpus, cut at documents."""
        for section in self.sections("reading unknown tokens", progress):
            if self.parts[section.part] == part:
                yield from section.piece.stretches()

    def key(self, *more: object) -> str:
        return _hash(LAYOUT, self.scan.sha256, self.cuts, self.border, *more)


def prepare(
    source: TextSource,
    *,
    vocabulary: Vocabulary | str | Mapping[str, Any] = "characters",
    split: Sequence[float] | None = None,
    usual_split: Sequence[float] = _USUAL_SPLIT,
    split_by: str = "position",
    valid: TextSource | None = None,
    test: TextSource | None = None,
    extend: Vocabulary | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Split a text, learn a vocabulary from its training part, and write each part as a token file.

    vocabulary  a vocabulary to use, or a kind, or a mapping of `kind` and the options to learn it with
    split       fractions of the characters for the training, validation and test parts, in the order of the text;
                by default `usual_split`, or all for training if there is a text for another part; small parts of a
                short text are larger, as in `enough_held_out`
    split_by    "position": cuts are exact for characters, and move forward to the next line end (else space) for words
                and subwords; "documents": no document is cut
    valid, test  texts for these parts; their fractions in `split` are then added to the training part
    extend      a vocabulary that the learnt one extends
    cache       folder of the token files, by default the cache folder; existing files are reused
    progress    called with the name of the stage and the completed fraction

    Raises ConfigError, DataError (the text is too short, or was changed meanwhile), EncodingError, StorageError.
    """
    own_parts = {"valid": valid is not None, "test": test is not None}
    shares_of(split, usual_split, **own_parts)  # refuses wrong fractions before the text is read
    if split_by not in SPLIT_BY:
        raise ConfigError(f"expected split_by to be one of {', '.join(SPLIT_BY)}. Received: {split_by!r}")
    folder = cache_folder() if cache is None else cache
    if isinstance(vocabulary, Vocabulary):
        options, per_character = {}, vocabulary.per_character
    else:
        options = complete_options(vocabulary)
        per_character = vocabulary_class(options["kind"]).per_character
    border = "document" if split_by == "documents" else "character" if per_character else "line"

    scan = _scan(source, progress)
    kept = shares_of(split, enough_held_out(usual_split, scan.characters), **own_parts)
    texts = [_Text(source, scan, cut_points(kept, scan.characters), border, (0, 1, 2))]
    for part, other in ((1, valid), (2, test)):
        if other is not None:
            found = _scan(other, progress)
            texts.append(_Text(other, found, (found.characters, found.characters), border, (part,)))
    learnt = vocabulary if isinstance(vocabulary, Vocabulary) else _learn(texts[0], options, folder, progress)
    if extend is not None:
        learnt = extend.extended(learnt)

    parts: dict[int, TokenFile] = {}
    for text in texts:  # a separate validation or test text replaces the empty part of the main text
        parts.update(_encode(text, learnt, make_folder(folder / "tokens"), progress))
    limit_cache(folder)
    train = parts[0]
    if len(train) < 2:
        raise DataError(
            f"the text is too short to learn from: expected at least 2 tokens in the training part. Received: "
            f"{len(train)}, from {scan.characters} characters in {source.describe()}"
        )
    usable = [parts[part] if len(parts[part]) >= 2 else None for part in (1, 2)]
    fingerprint = _hash(LAYOUT, *(parts[part].key for part in range(3)))
    # The last text that has a part is the one that was encoded for it.
    owners = {part: text for text in texts for part in text.parts}
    unknown = tuple(
        None if tokens is None else _unknown(owners[part], part, tokens, learnt, progress)
        for part, tokens in enumerate((train, usable[0]))
    )
    repeated = tuple(note for text in texts[1:] if (note := _repeated(texts[0], text)))
    return Corpus(train, usable[0], usable[1], learnt, fingerprint, scan, unknown, repeated)


def _hash(*content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()


def _scan(source: TextSource, progress: Progress | None) -> TextStatistics:
    return source.scan(progress)


def _learn(text: _Text, options: dict[str, Any], folder: Path, progress: Progress | None) -> Vocabulary:
    """Return the vocabulary of the training part: from the cache, or learned and saved there."""
    try:
        path = make_folder(folder / "vocabularies") / f"{text.key(options, LEARNING)}.json"
    except TypeError as error:
        raise ConfigError(f"expected plain values as options of a vocabulary. Received: {options}") from error
    try:
        known = vocabulary_from_json(json.loads(path.read_text("utf-8")))
        mark_used(path)
        return known
    except (FileNotFoundError, ValueError, RecursionError, ArtifactError):
        pass  # missing or damaged: learn it
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    training = takewhile(lambda section: section.part == 0, text.sections("learning", progress))
    learnt = learn_vocabulary(options, _learnt_from(training, vocabulary_class(options["kind"]).per_character))
    write_text(path, json.dumps(learnt.to_json()))
    return learnt


def _learnt_from(training: Iterable[Section], per_character: bool) -> Iterator[str]:
    """Yield the text of sections, cut at documents so that no word spans two documents."""
    for section in training:
        if per_character:
            yield section.piece.text
        else:
            yield from section.piece.stretches()


def _encode(text: _Text, vocabulary: Vocabulary, folder: Path, progress: Progress | None) -> dict[int, TokenFile]:
    """Return the token files of a text by part of the corpus; those that are not in the cache are written."""
    base = text.key(vocabulary.fingerprint())
    keys = {own: _hash(base, own) for own in range(len(text.parts))}
    paths = {own: folder / f"{key}.tokens" for own, key in keys.items()}
    files = {own: file for own in keys if (file := _cached(paths[own], keys[own])) is not None}
    missing = set(keys) - set(files)
    if missing:
        clean_cache(folder)
        left = set(missing)
        read = 0
        for own, group in groupby(text.sections("encoding", progress), key=lambda section: section.part):
            if own in missing:
                left.discard(own)
                read += _write(paths[own], keys[own], group, text.scan.documents > 1, vocabulary)
            else:
                read += sum(len(section.piece.text) for section in group)
        for own in left:
            _write(paths[own], keys[own], iter(()), False, vocabulary)
        if read != text.scan.characters:
            for own in missing:
                paths[own].unlink(missing_ok=True)
            raise DataError(
                f"the text was changed while it was being read: expected {text.scan.characters} characters. "
                f"Received: {read} from {text.source.describe()}"
            )
        files |= {own: TokenFile(paths[own], keys[own]) for own in missing}
    return {part: files[own] for own, part in enumerate(text.parts)}


def _unknown(
    text: _Text, part: int, tokens: TokenFile, vocabulary: Vocabulary, progress: Progress | None
) -> UnknownTokens:
    """Return the counts of unknown tokens in a part; where they are many, its text is read again for their names."""
    counts = unknown_in_ids([tokens.read(0, min(len(tokens), _LOOKED_AT))])
    return unknown_in_stream(vocabulary, text.part(part, progress), counts.tokens) if counts.many else counts


def _repeated(train: _Text, held_out: _Text) -> str | None:
    """Return a remark on a validation or test text that has files of the training text, or the same text; or None."""
    known = {os.path.realpath(file.path) for file in train.source.files}
    files = held_out.source.files
    names = [file.name for file in files if os.path.realpath(file.path) in known]
    if train.scan.sha256 == held_out.scan.sha256:
        names = [file.name for file in files]
    if not names:
        return None
    part = {1: "validation", 2: "test"}[held_out.parts[0]]
    are = "is" if len(names) == 1 else "are"
    return (
        f"{len(names):,} of {counted(len(files), 'file')} of the {part} text {are} also in the training text, so "
        f"figures are better than on new data ({places_of(names)})"
    )


def _cached(path: Path, key: str) -> TokenFile | None:
    try:
        file = TokenFile(path, key)
    except (DataError, StorageError):
        return None
    mark_used(path)
    return file


def _write(path: Path, key: str, group: Iterator[Section], several: bool, vocabulary: Vocabulary) -> int:
    """Write the tokens of one part and return its number of characters."""
    with atomic_file(path) as file:
        writer = TokenWriter(file, key=key, dtype=smallest_dtype(vocabulary.size))
        ended = False
        for section in group:
            piece, ended = section.piece, section.ended
            if writer.documents == 0 and piece.starts[:1] != (0,):
                writer.documents = 1  # the part begins inside a document
            writer.append(_tokens(piece, vocabulary))
            writer.characters += len(piece.text)
            writer.documents += len(piece.starts)
        if ended and several:
            writer.append(np.array([vocabulary.end_id], dtype=np.int64))
        writer.finish()
    return writer.characters


def _tokens(piece: TextPiece, vocabulary: Vocabulary) -> Ids:
    """Return the tokens of a piece, with an end token before each document that begins in it."""
    if vocabulary.per_character:
        ids = vocabulary.encode(piece.text)
        # A text in another Unicode form than that of the vocabulary has other places.
        if not piece.starts or len(ids) == len(piece.text):
            return np.insert(ids, piece.starts, vocabulary.end_id) if piece.starts else ids
    end = np.array([vocabulary.end_id], dtype=np.int64)
    arrays: list[Ids] = []
    inside = piece.starts[:1] != (0,)
    for ids in vocabulary.encode_many(piece.stretches()):
        arrays += [ids] if inside else [end, ids]
        inside = False
    return np.concatenate(arrays)
