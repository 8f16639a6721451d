"""Transcripts: texts with the time of every token, and other texts that may be meant. Knows nothing about networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from elman.data.transcripts.vocabulary import TranscriberVocabulary
from elman.decode.ctc_search import Find, Found, finder
from elman.decode.fusion import CharacterModel, language_scores
from elman.decode.transcript_config import TranscriptSearchConfig

__all__ = ["Piece", "Reading", "Transcript", "find_by", "transcript"]


@dataclass(frozen=True)
class Piece:
    """The text of one token, and where it stands: in seconds of sound, or in points of a drawing."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Reading:
    """One text that may be meant.

    text             it
    score            what texts are ordered by: the log-probability, with a language model's part and the bonuses
    log_probability  natural logarithm of the probability that the network gives to the text; without a search, to its
                     likeliest alignment
    language         natural logarithm of what the language model gives to it; 0 without one
    """

    text: str
    score: float
    log_probability: float
    language: float


@dataclass(frozen=True)
class Transcript:
    """What is said in one recording.

    name      where the recording came from
    text      what is said in it
    pieces    its tokens, and where each stands
    seconds   how long the recording is; None for a drawing
    readings  the texts that were found, best first: the first of them is `text`
    """

    name: str
    text: str
    pieces: list[Piece]
    seconds: float | None
    readings: list[Reading]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "name": self.name,
            "text": self.text,
            "seconds": self.seconds,
            "pieces": [asdict(piece) for piece in self.pieces],
            "readings": [asdict(reading) for reading in self.readings],
        }

    def timed(self) -> str:
        """The words of the text, each after the time when it begins."""
        words: list[str] = []
        fresh = True
        for piece in self.pieces:
            for sign in piece.text:
                if sign.isspace():
                    fresh = True
                elif fresh:
                    words.append(f"[{piece.start:.2f}] {sign}")
                    fresh = False
                else:
                    words[-1] += sign
        return " ".join(words)


def find_by(options: TranscriptSearchConfig, vocabulary: TranscriberVocabulary, lm: CharacterModel | None) -> Find:
    """The search that the options describe, with a language model if there is one. Raises ConfigError."""
    return finder(options, None if lm is None else language_scores(lm, vocabulary))


def transcript(
    found: Sequence[Found], vocabulary: TranscriberVocabulary, *, name: str, frames: int, stride: int, hop: float
) -> Transcript:
    """A Transcript of the texts that were found in one recording, best first.

    frames  how many frames the recording has
    stride  frames from one step of the network to the next
    hop     seconds from one frame to the next; drawings are measured in their points instead
    """
    texts = [vocabulary.tokens.decode(each.tokens) for each in found]
    sound = vocabulary.kind == "sound"
    return Transcript(
        name=name,
        text=texts[0],
        pieces=_pieces(vocabulary, found[0], hop if sound else 1.0, stride, frames),
        seconds=frames * hop if sound else None,
        readings=[
            Reading(text, each.score, each.log_probability, each.language)
            for text, each in zip(texts, found, strict=True)
        ],
    )


def _pieces(vocabulary: TranscriberVocabulary, found: Found, hop: float, stride: int, frames: int) -> list[Piece]:
    texts = list(vocabulary.tokens.decode_stream(found.tokens))
    count = len(found.tokens)
    if len(texts) > count:  # what was held back belongs to the last token
        texts[count - 1 :] = ["".join(texts[count - 1 :])]
    return [
        Piece(text, round(first * stride * hop, 6), round(min(after * stride, frames) * hop, 6))
        for text, (first, after) in zip(texts, found.spans, strict=True)
    ]
