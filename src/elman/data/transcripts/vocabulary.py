"""The vocabulary of a transcriber: the tokens of texts, and the kind of frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elman.data.transcripts.config import TranscriptsConfig
from elman.data.transcripts.transcripts import Transcripts
from elman.data.vocabulary import END_ID, UNKNOWN_ID, Vocabulary, learn_vocabulary, vocabulary_from_json
from elman.data.vocabulary.base import check_fields
from elman.data.vocabulary.options import vocabulary_options
from elman.errors import ArtifactError, DataError

__all__ = ["BLANK", "KINDS", "NEVER_EMITTED", "TranscriberVocabulary"]

KINDS = ("sound", "strokes")

# The blank of CTC has the id of the token between documents, which does not occur in transcripts and has no text.
BLANK = END_ID
# Tokens that a transcript never contains.
NEVER_EMITTED = (UNKNOWN_ID,)


@dataclass(frozen=True)
class TranscriberVocabulary:
    """The tokens of texts, and the kind and number of features of frames."""

    tokens: Vocabulary
    kind: str
    features: int

    @classmethod
    def learn(cls, data: Transcripts, config: TranscriptsConfig) -> TranscriberVocabulary:
        """Learn the tokens of the texts of `data`. Raises DataError if there are no texts, or no token is left."""
        if data.texts is None:
            raise DataError(f"{data.name}: expected a text of every recording. Received: none")
        # The line ends prevent words and subwords across two texts.
        pieces = data.texts if config.tokens == "characters" else (f"{text}\n" for text in data.texts)
        return cls(learn_vocabulary(vocabulary_options(config), pieces), data.kind, data.features)

    @property
    def size(self) -> int:
        """V, the number of tokens including the blank."""
        return self.tokens.size

    @property
    def lowercase(self) -> bool:
        """Whether texts are made lower case."""
        return bool(getattr(self.tokens, "lowercase", False))

    def compared(self, texts: Sequence[str]) -> list[str]:
        """Return true texts in the case and the Unicode form of the tokens, to compare decoded texts with them."""
        formed = [self.tokens.in_form(text) for text in texts]
        return [text.lower() for text in formed] if self.lowercase else formed

    @property
    def unit(self) -> str:
        """Noun for a token: "char", "word" or similar."""
        return "char" if self.tokens.per_character else self.tokens.unit

    @property
    def things(self) -> str:
        """Noun for the inputs: "recordings" or "drawings"."""
        return "recordings" if self.kind == "sound" else "drawings"

    @property
    def answers(self) -> str:
        """The number of tokens without the blank, for people."""
        return f"{self.size - 1:,} {self.tokens.unit}s"

    def to_json(self) -> dict[str, Any]:
        """Return the vocabulary as JSON values."""
        return {"tokens": self.tokens.to_json(), "kind": self.kind, "features": self.features}

    @classmethod
    def from_json(cls, content: object) -> TranscriberVocabulary:
        """Load what `to_json` returned. Raises ArtifactError for anything else."""
        fields = check_fields(content, {"tokens": dict, "kind": str, "features": int}, "a transcriber's vocabulary")
        if fields["kind"] not in KINDS:
            raise ArtifactError(f"expected the kind of frames among {', '.join(KINDS)}. Received: {fields['kind']!r}")
        if not 1 <= fields["features"] <= 1 << 16:
            raise ArtifactError(f"expected a number of features from 1 to 65,536. Received: {fields['features']}")
        return cls(vocabulary_from_json(fields["tokens"]), fields["kind"], fields["features"])
