"""What a transcriber answers: texts with the time of every token, and other texts that may be meant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from elman.data.sound.config import SoundConfig
from elman.tasks.transcriber.batches import Encoded
from elman.tasks.transcriber.config import SearchConfig
from elman.tasks.transcriber.decode import Find, Found, finder
from elman.tasks.transcriber.fusion import CharacterModel, language_scores
from elman.tasks.transcriber.network import TranscriberNetwork
from elman.tasks.transcriber.objective import measure, scored
from elman.tasks.transcriber.vocabulary import TranscriberVocabulary

__all__ = ["Piece", "Reading", "Transcript", "find_by", "measured_by_search", "transcribed"]


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


def find_by(options: SearchConfig, vocabulary: TranscriberVocabulary, lm: CharacterModel | None) -> Find:
    """The search that the options describe, with a language model if there is one. Raises ConfigError."""
    return finder(options, None if lm is None else language_scores(lm, vocabulary))


def transcribed(
    network: TranscriberNetwork,
    vocabulary: TranscriberVocabulary,
    data: Encoded,
    sound: SoundConfig,
    options: SearchConfig,
    lm: CharacterModel | None,
) -> list[Transcript]:
    """A Transcript of every recording, in order."""
    find = find_by(options, vocabulary, lm)
    found: dict[int, list[Found]] = {}
    for part, scores, _ in scored(network, data, np.arange(len(data))):
        found.update(zip(part.tolist(), find(scores), strict=True))
    # Seconds of a frame; a drawing is measured in its points.
    hop = sound.hop_ms / 1000.0 if vocabulary.kind == "sound" else 1.0
    transcripts = []
    for row in range(len(data)):
        answers, frames = found[row], int(data.lengths[row])
        texts = [vocabulary.tokens.decode(answer.tokens) for answer in answers]
        transcripts.append(
            Transcript(
                name=data.data.places[row],
                text=texts[0],
                pieces=_pieces(vocabulary, answers[0], hop, network.config.stride, frames),
                seconds=frames * hop if vocabulary.kind == "sound" else None,
                readings=[
                    Reading(text, answer.score, answer.log_probability, answer.language)
                    for text, answer in zip(texts, answers, strict=True)
                ],
            )
        )
    return transcripts


def _pieces(vocabulary: TranscriberVocabulary, found: Found, hop: float, stride: int, frames: int) -> list[Piece]:
    texts = list(vocabulary.tokens.decode_stream(found.tokens))
    count = len(found.tokens)
    if len(texts) > count:  # what was held back belongs to the last token
        texts[count - 1 :] = ["".join(texts[count - 1 :])]
    return [
        Piece(text, round(first * stride * hop, 6), round(min(after * stride, frames) * hop, 6))
        for text, (first, after) in zip(texts, found.spans, strict=True)
    ]


def measured_by_search(
    network: TranscriberNetwork,
    vocabulary: TranscriberVocabulary,
    data: Encoded,
    options: SearchConfig,
    lm: CharacterModel | None,
) -> dict[str, float]:
    """The figures of `measure`, of texts that are found as the options say."""
    return measure(network, vocabulary, data, find=find_by(options, vocabulary, lm))[0]
