"""Transcripts: texts with the time of every token, and alternative texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elman.data.transcripts.vocabulary import NEVER_EMITTED, TranscriberVocabulary
from elman.decode.ctc_search import CtcResult, CtcSearch, finder
from elman.decode.fusion import FusionModel, language_model_scorer
from elman.decode.transcript_config import TranscriptSearchConfig

__all__ = ["TimedToken", "Transcript", "TranscriptHypothesis", "find_by", "transcript"]


@dataclass(frozen=True)
class TimedToken:
    """The text of one token with its start and end, in seconds of sound or in points of a drawing."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class TranscriptHypothesis:
    """One alternative text of a transcript.

    text             the text
    score            value by which texts are ranked: the log-probability plus language model score and bonuses
    log_probability  natural logarithm of the probability of the text under the network; in greedy decoding, of its most
                     likely alignment
    language         log-probability of the text under the language model; 0 without one
    """

    text: str
    score: float
    log_probability: float
    language: float


@dataclass(frozen=True)
class Transcript:
    """Transcript of one recording.

    name      source of the recording
    text      the best text
    pieces    its tokens, with start and end
    seconds   duration of the recording; None for a drawing
    readings  all texts found, best first; the first of them is `text`
    """

    name: str
    text: str
    pieces: list[TimedToken]
    seconds: float | None
    readings: list[TranscriptHypothesis]

    def to_json(self) -> dict[str, Any]:
        """Return the transcript as JSON values."""
        return {
            "name": self.name,
            "text": self.text,
            "seconds": self.seconds,
            "pieces": [asdict(piece) for piece in self.pieces],
            "readings": [asdict(reading) for reading in self.readings],
        }

    def timed(self) -> str:
        """Return the words of the text, each preceded by its start time."""
        words: list[str] = []
        starts_word = True
        for piece in self.pieces:
            for character in piece.text:
                if character.isspace():
                    starts_word = True
                elif starts_word:
                    words.append(f"[{piece.start:.2f}] {character}")
                    starts_word = False
                else:
                    words[-1] += character
        return " ".join(words)


def find_by(options: TranscriptSearchConfig, vocabulary: TranscriberVocabulary, lm: FusionModel | None) -> CtcSearch:
    """Return the decoding function for `options`, with an optional language model.

    Raises ConfigError as `finder` and `language_model_scorer` do.
    """
    language = None if lm is None else language_model_scorer(lm, vocabulary)
    return finder(options, language, decode=vocabulary.tokens.generated, banned=NEVER_EMITTED)


def transcript(
    found: Sequence[CtcResult], vocabulary: TranscriberVocabulary, *, name: str, frames: int, stride: int, hop: float
) -> Transcript:
    """Build the Transcript of one recording from the texts found, best first.

    frames  number of frames of the recording
    stride  frames from one time step of the network to the next
    hop     seconds from one frame to the next; not used for drawings, whose unit is the point
    """
    texts = [vocabulary.tokens.generated(each.tokens) for each in found]
    sound = vocabulary.kind == "sound"
    return Transcript(
        name=name,
        text=texts[0],
        pieces=_pieces(vocabulary, found[0], hop if sound else 1.0, stride, frames),
        seconds=frames * hop if sound else None,
        readings=[
            TranscriptHypothesis(text, each.score, each.log_probability, each.language)
            for text, each in zip(texts, found, strict=True)
        ],
    )


def _pieces(
    vocabulary: TranscriberVocabulary, found: CtcResult, hop: float, stride: int, frames: int
) -> list[TimedToken]:
    texts = list(vocabulary.tokens.generated_stream(found.tokens))
    count = len(found.tokens)
    if len(texts) > count:  # text that the stream held back belongs to the last token
        texts[count - 1 :] = ["".join(texts[count - 1 :])]
    return [
        TimedToken(text, round(first * stride * hop, 6), round(min(after * stride, frames) * hop, 6))
        for text, (first, after) in zip(texts, found.spans, strict=True)
    ]
