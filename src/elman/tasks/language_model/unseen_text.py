"""Text that a language model was not trained on: the held-out part of its training text, or another text."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from elman.data.corpus import prepare_corpus
from elman.data.inputs import find_files
from elman.data.sources import Sources
from elman.data.table_texts import is_text_file
from elman.data.text_config import TextConfig
from elman.data.token_file import TokenFile
from elman.data.tokens import Corpus
from elman.data.vocabulary.base import Ids
from elman.display import Progress
from elman.errors import ArtifactError, ConfigError, DataError, ElmanError
from elman.tasks.training_files import training_files

if TYPE_CHECKING:
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["UnseenText", "unseen_text"]

# Tokens of a part that passages are taken from.
_MOST_TOKENS = 1 << 20


class UnseenText(NamedTuple):
    """Text that a model was not trained on, as far as is known.

    parts    its token ids by the names of its parts, the preferred ones first
    trained  the text that the model was trained on; None if it cannot be read
    remarks  sentences on what is not known
    """

    parts: Mapping[str, Ids]
    trained: TokenFile | None
    remarks: tuple[str, ...] = ()


def unseen_text(
    model: LanguageModel,
    paths: Sequence[str | os.PathLike[str]],
    reading: TextConfig,
    progress: Progress | None = None,
) -> UnseenText:
    """Return text for passages that a person wrote and the model has not seen.

    paths    files of a text; by default, the files of the training run

    If this is the text of the training run, or a file of it, the test part and the validation part of the run are
    returned. Of another text, all of it, with the training text, in which passages can be looked up, or a remark if
    that cannot be read.

    Raises ConfigError without any text; DataError if the text was trained on, and its held-out part cannot be found.
    """
    if any(os.fspath(path) == "-" for path in paths):
        raise ConfigError("expected a file of text, since the keyboard is standard input. Received: -")
    remarks = _remarks_on_start(model)
    if not paths:
        corpus = _training_corpus(model, progress)
        if isinstance(corpus, str):
            raise ConfigError(f"expected a text: elman guess MODEL --text BOOK, because {corpus}. Received: none")
        return _held_out(corpus, remarks)
    # A plain text is no training text of a model that was trained on a column of tables.
    if not reading.text_column or not all(map(is_text_file, find_files(paths, pattern=reading.pattern))):
        same = prepare_corpus(Sources(paths), reading, vocabulary=model.vocabulary, progress=progress)
        if same.fingerprint == model.data.get("fingerprint"):
            return _held_out(same, remarks)
    corpus = _training_corpus(model, progress)
    if not isinstance(corpus, str) and _are_training_files(model, paths):
        return _held_out(corpus, remarks)
    with model.encoded(list(paths), reading=reading, progress=progress) as tokens:
        ids = _ids_of(tokens)
    if not isinstance(corpus, str):
        return UnseenText({"the text": ids}, corpus.train, remarks)
    names = {os.path.basename(os.fspath(path)) for path in paths} & set(map(str, model.data.get("files", ())))
    if names:
        raise DataError(
            f"expected a text that the model was not trained on, or the training text as it was, of which the held-out "
            f"part is used: a file of this name was trained on, and {corpus}. Received: {', '.join(sorted(names))}"
        )
    note = f"whether the model was trained on this text is not known, because {corpus}"
    return UnseenText({"the text": ids}, None, (*remarks, note))


def _remarks_on_start(model: LanguageModel) -> tuple[str, ...]:
    if "start" not in model.training:
        return ()
    return ("the model started from another one, and what that was trained on is not known here",)


def _training_corpus(model: LanguageModel, progress: Progress | None) -> Corpus | str:
    """Return the text of the training run with its parts, or the reason why it cannot be had."""
    try:
        sources = Sources([]) if model.folder is None else training_files(model.folder)
        if not sources.train or "-" in sources.train + sources.valid + sources.test:
            return "the model does not say which files it was trained on"
        corpus = prepare_corpus(sources, model.config.text, vocabulary=model.vocabulary, progress=progress)
    except ArtifactError:
        return "the model's folder does not say which files it was trained on"
    except ElmanError as error:
        return f"the files that it was trained on cannot be read ({str(error).partition('. Received')[0]})"
    if corpus.fingerprint != model.data.get("fingerprint"):
        return "the files that it was trained on have changed"
    return corpus


def _are_training_files(model: LanguageModel, paths: Sequence[str | os.PathLike[str]]) -> bool:
    """Return whether the run learnt from all of these files, and perhaps from others."""
    pattern = model.config.text.pattern
    trained = [] if model.folder is None else training_files(model.folder).train
    known, given = (
        {os.path.realpath(file.path) for file in find_files(each, pattern=pattern)} for each in (trained, paths)
    )
    return given <= known


def _held_out(corpus: Corpus, remarks: tuple[str, ...]) -> UnseenText:
    parts = {
        "the test part of the training text": corpus.test,
        "the validation part of the training text": corpus.valid,
    }
    held = {name: _ids_of(part) for name, part in parts.items() if part is not None}
    if not held:
        raise DataError(
            "expected a text with a held-out part, because the model was trained on all of this one: give another text "
            "by --text. Received: a training text without validation and test part"
        )
    return UnseenText(held, corpus.train, remarks)


def _ids_of(tokens: TokenFile) -> Ids:
    return tokens.read(0, min(len(tokens), _MOST_TOKENS))
