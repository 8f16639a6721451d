"""`Filler`: train, fill gaps, find suspicious words, evaluate, save and load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from elman.data.texts import texts_from
from elman.data.vocabulary import WordVocabulary
from elman.decode.evaluation_mode import evaluation_mode
from elman.display import Progress
from elman.errors import ArtifactError, ConfigError, DataError
from elman.options import python_value
from elman.tasks.corpus_model import CorpusModel, Paths
from elman.tasks.filler.config import FillerConfig
from elman.tasks.filler.filling import FilledText, fill_texts
from elman.tasks.filler.gaps import GappedText, hidden_ids, read_gaps
from elman.tasks.filler.measure import measure
from elman.tasks.filler.network import FillerNetwork
from elman.tasks.filler.setup import FillerSetup, segments_of
from elman.tasks.filler.suspicion import SuspiciousWord, documents_of, suspicious_words

__all__ = ["Filler"]

# Words that are listed for a gap by default, and hypotheses of the search.
DEFAULT_TOP, DEFAULT_BEAMS = 5, 4


class Filler(CorpusModel[FillerConfig, FillerNetwork]):
    """A recurrent network that finds the word that is missing in a text.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large" or "plain", the options to start from.
        options: any option of `elman train filler` by its name, such as `cell="gru"`, `hidden_size=512`.

    Example:
        >>> filler = elman.Filler(max_epochs=2).fit("book.txt")  # doctest: +SKIP
        >>> print(filler.fill("the cat ___ on the mat").text)  # doctest: +SKIP
        >>> filler.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = FillerSetup

    @property
    def words(self) -> WordVocabulary:
        """The vocabulary."""
        return cast("WordVocabulary", self.vocabulary)

    @property
    def _bounded(self) -> bool:
        """Whether a text to answer is a whole document, as a line or a paragraph of the training text was."""
        return self.config.text.documents != "files"

    def fill(
        self,
        text: str,
        *,
        top: int | None = None,
        candidates: Sequence[str] | None = None,
        beams: int = DEFAULT_BEAMS,
        gap: str = "",
    ) -> FilledText:
        """Fill the gaps of a text.

        text        a text in which three or more underscores stand for each missing word
        top         number of most likely words to list for each gap, by default 5
        candidates  the only words that a gap may have, which are listed in place of the most likely ones
        beams       hypotheses of the search for the words of several gaps
        gap         another mark of gaps

        Raises ConfigError for an invalid value; DataError for a text without a gap or without a word, for a gap inside
        a word, and for a candidate that is not one word of the vocabulary.
        """
        return self.fill_many([text], top=top, candidates=candidates, beams=beams, gap=gap)[0]

    def fill_many(
        self,
        texts: Sequence[str],
        *,
        top: int | None = None,
        candidates: Sequence[str] | None = None,
        beams: int = DEFAULT_BEAMS,
        gap: str = "",
    ) -> list[FilledText]:
        """Fill the gaps of each text; arguments and errors as of `fill`."""
        if top is not None and candidates is not None:
            raise ConfigError(f"expected either top or candidates. Received: both, top = {top}")
        found = [self.gapped(text, gap) for text in texts_from(texts, "texts")]
        with evaluation_mode(self.network):
            return fill_texts(
                self.network,
                self.words,
                found,
                top=_count("top", DEFAULT_TOP if top is None else top),
                candidates=None if candidates is None else self._candidates(candidates),
                beams=_count("beams", beams),
                bounded=self._bounded,
            )

    def gapped(self, text: str, gap: str = "") -> GappedText:
        """Return the gaps of a text and its tokens. Errors as of `fill`."""
        return read_gaps(text, self.words, gap)

    def suspicious(self, text: str | Iterable[str], *, progress: Progress | None = None) -> list[SuspiciousWord]:
        """Return every word of a text with the most likely other word in its place, the most suspicious first.

        They are sorted by the logarithm of the ratio of both probabilities, the `score`. `text` is a text or the lines
        of one. Raises DataError for a text without words.
        """
        lines = text.split("\n") if isinstance(text, str) else list(text)
        found: list[SuspiciousWord] = []
        with evaluation_mode(self.network):
            for first, document in documents_of(lines, self.config.text.documents):
                found += suspicious_words(
                    self.network,
                    self.words,
                    document,
                    first=first,
                    length=self.config.network.bptt,
                    bounded=self._bounded,
                )
                if progress is not None:
                    progress("reading", first / len(lines))
        if not found:
            raise DataError(f"expected a text with at least one word. Received: {chr(10).join(lines)[:80]!r}")
        return sorted(found, key=lambda each: -each.score)

    def evaluate(
        self,
        text: Paths,
        *,
        limit: int | None = None,
        encoding: str = "",
        errors: str = "",
        progress: Progress | None = None,
    ) -> dict[str, float]:
        """Return metrics on a text: nats per word, perplexity, accuracies, and the share of unknown words.

        Every word is predicted once, from those before and after it in its document. `limit` is the number of words to
        use, the first ones; `encoding` and `errors` default to those of the training text; `progress` is called with
        the name of the stage and the completed fraction. Raises DataError, EncodingError and StorageError for a text
        that cannot be read or has no word, ConfigError if there is none or `limit` is below 1.
        """
        if limit is not None and limit < 1:
            raise ConfigError(f"expected a limit of at least 1 word. Received: {limit}")
        reading = self._reading(encoding, errors)
        with self.encoded(text, reading=reading, progress=progress) as tokens, evaluation_mode(self.network):
            held_out = segments_of(tokens, self.config, limit)
            if not held_out.words:
                raise DataError("expected a text with at least one word to evaluate on. Received: none")
            show = None if progress is None else lambda share: progress("evaluating", share)
            return measure(self.network, held_out, progress=show).metrics()

    def _candidates(self, candidates: object) -> list[int]:
        """Return the ids of candidates. Raises ConfigError for no list, DataError for what is no known word."""
        if isinstance(candidates, str) or not isinstance(candidates, Sequence) or not candidates:
            raise ConfigError(f"expected candidates to be a list of words. Received: {candidates!r}")
        found: list[int] = []
        for each in texts_from(candidates, "candidates"):
            ids = self.words.encode(each).tolist()
            if len(ids) != 1 or ids[0] in hidden_ids(self.words):
                raise DataError(f"expected candidates that are single words of the vocabulary. Received: {each!r}")
            found += ids
        return found

    def _check_loaded(self, where: str) -> None:
        if not isinstance(self.vocabulary, WordVocabulary):
            raise ArtifactError(f"{where}: expected a vocabulary of words. Received: {self.vocabulary.kind}")


def _count(name: str, value: object) -> int:
    """Return a whole number from 1. Raises ConfigError for anything else."""
    value = python_value(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"expected {name} to be a whole number from 1. Received: {value!r}")
    return value
