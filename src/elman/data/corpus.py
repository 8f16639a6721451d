"""From files of text to a corpus, as options say, and from its held-out parts to batches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from elman.data.read import TextSource, open_text
from elman.data.sources import Paths, Sources
from elman.data.stream import sequential
from elman.data.text_config import TextConfig
from elman.data.token_file import TokenFile
from elman.data.tokens import Corpus, Progress, prepare
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.options import vocabulary_options
from elman.errors import ConfigError
from elman.types import Batch

__all__ = ["HeldOut", "open_inputs", "prepare_corpus"]

# Lanes of an evaluation: many, for speed; each first reads this many tokens to warm its state.
_LANES, _STEPS, _BURN_IN = 128, 128, 128
# A lane has so many tokens of its own, or warming it would cost more than it saves.
_LEAST_OF_A_LANE = 512
# Of a large vocabulary fewer steps are scored at once, so that there are at most about so many scores.
_MOST_SCORES = 1 << 26


def open_inputs(paths: Paths, config: TextConfig) -> TextSource | None:
    """The source that `config` describes; None for no paths."""
    if not paths:
        return None
    return open_text(
        paths,
        encoding=config.encoding,
        errors=config.errors,
        pattern=config.pattern,
        documents=config.documents,
    )


def prepare_corpus(
    texts: Sources,
    config: TextConfig,
    *,
    vocabulary: Vocabulary | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Corpus:
    """Read, split and encode the texts. Raises DataError, EncodingError, ConfigError or StorageError."""
    sources = [open_inputs(paths, config) for paths in (texts.train, texts.valid, texts.test)]
    train, valid, test = sources
    if train is None:
        raise ConfigError("expected at least one text to train on. Received: none")
    try:
        return prepare(
            train,
            vocabulary=vocabulary or vocabulary_options(config),
            split=config.split,
            split_by=config.split_by,
            valid=valid,
            test=test,
            cache=cache,
            progress=progress,
        )
    finally:
        for source in sources:
            if source is not None:
                source.close()


class HeldOut:
    """A held-out part as batches in which every token is predicted once, with the number of characters predicted."""

    def __init__(self, tokens: TokenFile, vocabulary: Vocabulary, limit: int | None = None) -> None:
        self.tokens = tokens
        self.vocabulary = vocabulary
        self.steps = max(1, min(_STEPS, _MOST_SCORES // (_LANES * vocabulary.size)))
        self.limit = len(tokens) if limit is None else min(limit, len(tokens))
        self._characters: dict[int, int] = {}

    def characters(self, limit: int) -> int:
        """How many characters the first `limit` tokens predict; found once, for it means decoding them."""
        if limit not in self._characters:
            # The first token has nothing before it and so is no target; an end token stands for no character.
            first = len(self.vocabulary.decode(self.tokens.read(0, 1).tolist()))
            whole = limit == len(self.tokens)
            read = self.tokens.characters if whole else len(self.vocabulary.decode(self.tokens.read(0, limit).tolist()))
            self._characters[limit] = read - first
        return self._characters[limit]

    def __call__(self, limit: int = 0) -> tuple[Iterable[Batch], int]:
        """The batches of the first `limit` tokens (0 for all), and how many characters their targets stand for."""
        limit = min(limit, self.limit) if limit else self.limit
        lanes = min(_LANES, max(1, limit // _LEAST_OF_A_LANE))
        batches = sequential(
            self.tokens,
            lanes=lanes,
            length=self.steps,
            end_id=self.vocabulary.end_id,
            burn_in=_BURN_IN,
            limit=limit,
        )
        return batches, self.characters(limit)
