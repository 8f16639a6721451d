"""`CorpusModel`: base class of models that learn from running text."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from elman.data.corpus import open_inputs
from elman.data.decoding import check_encoding
from elman.data.read import read_lines
from elman.data.sources import Sources, as_paths
from elman.data.text_config import TextConfig
from elman.data.token_file import TokenFile
from elman.data.tokens import prepare
from elman.data.vocabulary import Vocabulary, describe_unknown
from elman.display import Progress
from elman.errors import ConfigError, DataError
from elman.nn import StoredModule
from elman.options import Sections, with_given
from elman.tasks.model import TaskModel
from elman.tasks.start import startable
from elman.train.callbacks import OnEvent

__all__ = ["CorpusModel", "Paths"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class CorpusModel(TaskModel[C, N, Vocabulary], Generic[C, N]):
    """A model trained on running text, whose setup is a `CorpusSetup`."""

    @property
    def _text(self) -> TextConfig:
        """The options of texts."""
        config: Any = self.config
        found: TextConfig = config.text
        return found

    @property
    def _text_vocabulary(self) -> Vocabulary:
        """The vocabulary by which texts are encoded."""
        return self.vocabulary

    def __repr__(self) -> str:
        config: Any = self.config
        shape = config.network.shape
        name = type(self).__name__
        if self._network is None:
            return f"<{name} {shape}, not trained>"
        return f"<{name} {shape}, {self._network.count_parameters():,} weights, {self.vocabulary.kind}>"

    @startable
    def fit(
        self,
        text: Paths | None = None,
        *,
        string: str | None = None,
        valid: Paths = (),
        test: Paths = (),
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        tune: bool = True,
        on_event: OnEvent = None,
        start_from: str | os.PathLike[str] | TaskModel[Any, Any, Any] | None = None,
    ) -> Self:
        """Train on text.

        text         one or more files, folders or globs; `.gz` files are decompressed
        string       the text itself, instead of `text`
        valid, test  separate validation and test files; by default, shares of `text` given by `split`
        folder       write checkpoints and the best model to this folder during training
        progress     show a progress bar on standard error; by default, unless scikit-learn calls `fit`
        tune         set the threads and the memory allocator of this process for training
        on_event     a function, or a list of them, that is called with the events of the run and may stop it
        start_from   a trained model or the path of one, whose weights, vocabulary and options are the start

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, DivergenceError, OutOfMemoryError.
        """
        if (text is None) == (string is None):
            received = "neither" if text is None else "both"
            raise ConfigError(f"expected either text (paths) or string. Received: {received}")
        if string is not None:
            if folder is not None:
                raise ConfigError("expected text in a file when training in a folder. Received: a string")
            with tempfile.TemporaryDirectory() as place:
                path = Path(place) / "string.txt"
                # The file is read with the encoding of the options.
                encoding = check_encoding(self._text.encoding)
                try:
                    path.write_text(string, encoding=encoding, newline="")
                except UnicodeEncodeError as error:
                    raise DataError(f"expected a string that is text in {encoding}. Received: {error}") from error
                return self.fit(path, valid=valid, test=test, progress=progress, tune=tune, on_event=on_event)
        sources = Sources(as_paths(text or ()), as_paths(valid), as_paths(test))
        return self._fit_files(sources, folder=folder, progress=progress, tune=tune, on_event=on_event)

    @contextmanager
    def encoded(
        self, text: Paths, *, reading: TextConfig | None = None, progress: Progress | None = None
    ) -> Iterator[TokenFile]:
        """Context manager of a temporary file of the tokens of a whole text; `reading` are the options of the text."""
        source = open_inputs(as_paths(text), reading or self._text, other_texts=True)
        if source is None:
            raise ConfigError("expected a text to evaluate on. Received: none")
        with source, tempfile.TemporaryDirectory(prefix="elman-") as place:
            corpus = prepare(
                source, vocabulary=self._text_vocabulary, split=(1.0, 0.0, 0.0), cache=Path(place), progress=progress
            )
            yield corpus.train

    def _reading(self, encoding: str = "", errors: str = "") -> TextConfig:
        """Return the text options of training, with these values in their place if not empty."""
        return with_given(self._text, encoding=encoding, errors=errors)

    def lines(self, path: str | os.PathLike[str], *, encoding: str = "", errors: str = "") -> Iterator[str]:
        """Yield the lines of a file or of standard input ("-"); encoding and errors default to those of training.

        Raises DataError, EncodingError, StorageError.
        """
        reading = self._reading(encoding, errors)
        return read_lines(path, encoding=reading.encoding, errors=reading.errors)

    def unknown_in(self, text: str, what: str = "prompt") -> str | None:
        """Return a sentence about the unknown tokens in `text`, or None."""
        return describe_unknown(self._text_vocabulary, text, what)
