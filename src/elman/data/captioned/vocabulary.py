"""What belongs to a captioner beside its weights: what its items look like, and the tokens that it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.data.captioned import Captioned
from elman.data.captioned.captioned import KINDS
from elman.data.captioned.config import CaptionTextConfig
from elman.data.vocabulary import UNKNOWN_ID, Vocabulary, learn_vocabulary, vocabulary_from_json
from elman.data.vocabulary.base import check_fields
from elman.data.vocabulary.options import vocabulary_options
from elman.errors import ArtifactError, DataError

__all__ = ["CaptionerVocabulary", "Item"]

# Most numbers along one side of an item, and in all of it.
_MOST_SIDE, _MOST_NUMBERS = 1 << 22, 1 << 28
_DIMENSIONS = {"vectors": (1,), "images": (3,), "maps": (2, 3)}


@dataclass(frozen=True)
class Item:
    """What every item looks like.

    kind   "vectors", "images" or "maps"
    shape  F numbers of a vector; height, width and channels of an image; places (or height, width) and features of a
           map
    whole  whether pixels are whole numbers from 0 to 255
    names  of a vector's numbers; empty where they have none
    """

    kind: str
    shape: tuple[int, ...]
    whole: bool = False
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Captioned) -> Item:
        """What the items of `data` look like."""
        return cls(data.kind, tuple(data.items.shape[1:]), data.items.dtype == np.uint8, data.names)

    def told(self) -> str:
        """In words, for people."""
        sides = " x ".join(map(str, self.shape))
        if self.kind == "vectors":
            return f"vectors of {sides} numbers"
        if self.kind == "images":
            return f"images of {sides} {'pixels from 0 to 255' if self.whole else 'pixels as floats'}"
        return f"maps of {sides} features"

    def check(self, data: Captioned) -> Captioned:
        """`data` with the numbers of vectors in this order. Raises DataError unless its items look like this."""
        if data.kind == self.kind == "vectors":
            data = data.named(self.names)
        found = Item.of(data)
        if (found.kind, found.shape, found.whole) != (self.kind, self.shape, self.whole):
            raise DataError(f"{data.name}: expected {self.told()}, as in training. Received: {found.told()}")
        return data


@dataclass(frozen=True)
class CaptionerVocabulary:
    """What the items look like, and the tokens of captions. The token after the last one begins a caption: it is read
    and never written."""

    item: Item
    text: Vocabulary

    @property
    def go(self) -> int:
        """The number of the token that begins a caption."""
        return self.text.size

    @property
    def lowercase(self) -> bool:
        """Whether captions are written in lower case only."""
        return bool(getattr(self.text, "lowercase", False))

    @classmethod
    def learn(cls, data: Captioned, config: CaptionTextConfig) -> CaptionerVocabulary:
        """That of training data. Raises DataError, ConfigError."""
        texts = [text for row in data.captions or () for text in row]
        return cls(Item.of(data), learn_vocabulary(vocabulary_options(config), texts))

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without blanks around it."""
        return self.text.decode(tokens).strip()

    def plain(self, texts: Sequence[str]) -> list[str]:
        """Texts as this vocabulary would write them: what a caption is compared with."""
        return [self.decode(ids.tolist()) for ids in self.text.encode_many(texts)]

    def count_unknown(self, texts: Sequence[str]) -> int:
        """How many tokens of the texts are unknown."""
        return sum(int((ids == UNKNOWN_ID).sum()) for ids in self.text.encode_many(texts))

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        item = {
            "kind": self.item.kind,
            "shape": list(self.item.shape),
            "whole": self.item.whole,
            "names": list(self.item.names),
        }
        return {"kind": "captioner", "item": item, "text": self.text.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> CaptionerVocabulary:
        """Raises ArtifactError for anything that `to_json` would not have made."""
        fields = check_fields(content, {"kind": str, "item": dict, "text": dict}, "a captioner's vocabulary")
        kinds = {"kind": str, "shape": list, "whole": bool, "names": list}
        item = check_fields(fields["item"], kinds, "a captioner's item")
        kind, shape, names = item["kind"], item["shape"], item["names"]
        if fields["kind"] != "captioner" or kind not in KINDS:
            raise ArtifactError(f"expected a captioner of {', '.join(KINDS)}. Received: {fields['kind']}, {kind!r:.40}")
        if (
            len(shape) not in _DIMENSIONS[kind]
            or not all(type(side) is int and 1 <= side <= _MOST_SIDE for side in shape)
            or int(np.prod(shape, dtype=object)) > _MOST_NUMBERS
        ):
            raise ArtifactError(f"expected the shape of {kind} that a captioner reads. Received: {str(shape)[:60]}")
        if names and (
            kind != "vectors"
            or len(names) != shape[0]
            or not all(type(name) is str for name in names)
            or len(set(names)) != len(names)
        ):
            raise ArtifactError(f"expected a name for each of a vector's numbers. Received: {str(names)[:60]}")
        if item["whole"] and kind != "images":
            raise ArtifactError(f"expected whole numbers in images only. Received: {kind}")
        return cls(Item(kind, tuple(shape), item["whole"], tuple(names)), vocabulary_from_json(fields["text"]))
