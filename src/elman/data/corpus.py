"""Preparation of a corpus from text files according to `TextConfig`, and evaluation batches of its held-out parts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from elman.data.decoding import check_encoding
from elman.data.inputs import find_files
from elman.data.read import TextSource, open_text
from elman.data.sources import Paths, Sources
from elman.data.stream import sequential
from elman.data.table_texts import TableTexts, is_text_file
from elman.data.text_config import TextConfig
from elman.data.token_file import TokenFile
from elman.data.tokens import Corpus, prepare
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.options import vocabulary_options
from elman.display import Progress
from elman.errors import ConfigError
from elman.options import automatic_value
from elman.state import Batch

__all__ = ["HeldOutText", "open_inputs", "prepare_corpus"]

# Rows of an evaluation batch and its time steps; each row first reads _BURN_IN tokens of context.
_ROWS, _STEPS, _BURN_IN = 128, 128, 128
# With fewer tokens in a row, the burn-in would cost more than the row saves.
_MIN_ROW_TOKENS = 512
# Batches have fewer time steps if the vocabulary is large, so that a batch has at most about this many logits.
_MAX_LOGITS = 1 << 26
# Number of tokens that are decoded together.
_DECODED_AT_ONCE = 1 << 20


def open_inputs(paths: Paths, config: TextConfig, *, other_texts: bool = False) -> TextSource | None:
    """Open the text in `paths` with the options in `config`; None if there are no paths.

    With `other_texts`, files that are no tables may be given where the options name a column of tables. Raises
    ConfigError for another `documents` than files with `text_column`, and as `open_text` does.
    """
    if not paths:
        return None
    if config.text_column:
        if config.documents != "files":
            raise ConfigError(
                "expected no other documents than rows with text_column, documents=files. "
                f"Received: documents={config.documents}"
            )
        files = find_files(paths, pattern=config.pattern)
        if not (other_texts and all(map(is_text_file, files))):
            reading = {"errors": config.errors, "unicode_form": config.unicode_form}
            return TableTexts(files, config.text_column, encoding=check_encoding(config.encoding), **reading)
    return open_text(
        paths,
        encoding=config.encoding,
        errors=config.errors,
        pattern=config.pattern,
        documents=config.documents,
        unicode_form=config.unicode_form,
    )


def prepare_corpus(
    texts: Sources,
    config: TextConfig,
    *,
    vocabulary: Vocabulary | None = None,
    extend: Vocabulary | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Read, split and encode the texts with `vocabulary`, or with one learnt from them, which extends `extend`.

    Raises DataError, EncodingError, ConfigError, StorageError.
    """
    sources = [open_inputs(paths, config) for paths in (texts.train, texts.valid, texts.test)]
    train, valid, test = sources
    if train is None:
        raise ConfigError("expected at least one text to train on. Received: none")
    try:
        return prepare(
            train,
            vocabulary=vocabulary or vocabulary_options(config),
            split=config.split,
            usual_split=automatic_value(config, "split"),
            split_by="documents" if config.text_column else config.split_by,
            valid=valid,
            test=test,
            extend=extend,
            cache=cache,
            progress=progress,
        )
    finally:
        for source in sources:
            if source is not None:
                source.close()


class HeldOutText:
    """Batches of a held-out part in which every token is predicted once, with the number of characters predicted.

    The end of the text is predicted only if the part has several documents.
    """

    def __init__(self, tokens: TokenFile, vocabulary: Vocabulary, limit: int | None = None) -> None:
        self.tokens = tokens
        self.vocabulary = vocabulary
        self.steps = max(1, min(_STEPS, _MAX_LOGITS // (_ROWS * vocabulary.size)))
        # Whether the last token is the end of the only document.
        ends_alone = len(tokens) > 2 and tokens.documents <= 1
        ends_alone = ends_alone and int(tokens.read(len(tokens) - 1, len(tokens))[0]) == vocabulary.end_id
        self.counted = len(tokens) - ends_alone
        self.limit = self.counted if limit is None else min(limit, self.counted)
        self._characters: dict[int, int] = {}

    def characters(self, limit: int) -> int:
        """Return the number of characters in the targets of the first `limit` tokens. Cached, as it needs decoding.

        A part of the text has its share of the characters of the whole text, which unknown tokens, lower case and the
        like make different from those of the decoded tokens.
        """
        if limit not in self._characters:
            # The first token has no predecessor and so is no target; end tokens have no characters.
            read = self.tokens.characters
            if limit < self.counted:
                read = round(read * self._decoded(limit) / max(self._decoded(self.counted), 1))
            self._characters[limit] = read - self._decoded(1)
        return self._characters[limit]

    def _decoded(self, limit: int) -> int:
        """Return the number of characters of the first `limit` tokens when decoded."""
        starts = range(0, limit, _DECODED_AT_ONCE)
        parts = (self.tokens.read(start, min(start + _DECODED_AT_ONCE, limit)) for start in starts)
        return sum(len(self.vocabulary.decode(part.tolist())) for part in parts)

    def __call__(self, limit: int = 0) -> tuple[Iterable[Batch], int]:
        """Return the batches of the first `limit` tokens (0 for all), and the number of characters in their targets."""
        limit = min(limit, self.limit) if limit else self.limit
        batch_size = min(_ROWS, max(1, limit // _MIN_ROW_TOKENS))
        batches = sequential(
            self.tokens,
            batch_size=batch_size,
            length=self.steps,
            end_id=self.vocabulary.end_id,
            burn_in=_BURN_IN,
            limit=limit,
        )
        return batches, self.characters(limit)
