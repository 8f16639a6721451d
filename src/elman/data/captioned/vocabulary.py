"""The vocabulary of a captioner: kind and shape of its items, and the tokens of captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from elman.data.captioned import CaptionDataset
from elman.data.captioned.captioned import KINDS
from elman.data.captioned.config import CaptionTextConfig
from elman.data.centring import centre_of, centred, checked_centre
from elman.data.vocabulary import UNKNOWN_ID, Vocabulary, learn_vocabulary, vocabulary_from_json
from elman.data.vocabulary.base import check_fields
from elman.data.vocabulary.options import vocabulary_options
from elman.errors import ArtifactError, DataError

__all__ = ["CaptionerVocabulary", "ItemSpec"]

# Limits of one side of an item, and of its total size.
_MAX_SIDE, _MAX_NUMBERS = 1 << 22, 1 << 28
_DIMENSIONS = {"vectors": (1,), "images": (3,), "maps": (2, 3)}


@dataclass(frozen=True)
class ItemSpec:
    """Kind and shape of items.

    kind   "vectors", "images" or "maps"
    shape  features of a vector; height, width and channels of an image; positions (or height, width) and features of
           a map
    whole  whether pixels are integers from 0 to 255
    names  feature names of vectors; empty if they have none
    centre  mean of each feature, which is subtracted if float32 cannot distinguish the items; or empty
    """

    kind: str
    shape: tuple[int, ...]
    whole: bool = False
    names: tuple[str, ...] = ()
    centre: tuple[float, ...] = ()

    @classmethod
    def of(cls, data: CaptionDataset) -> ItemSpec:
        """Return the kind and shape of the items of `data`."""
        return cls(data.kind, tuple(data.items.shape[1:]), data.items.dtype == np.uint8, data.names)

    def describe(self) -> str:
        """Return a description for messages."""
        sides = " x ".join(map(str, self.shape))
        if self.kind == "vectors":
            return f"vectors of {sides} numbers"
        if self.kind == "images":
            return f"images of {sides} {'pixels from 0 to 255' if self.whole else 'pixels as floats'}"
        return f"maps of {sides} features"

    def check(self, data: CaptionDataset) -> CaptionDataset:
        """Return `data` with features in this order, centred and as float32; pixels as they are.

        Raises DataError if the items have another kind or shape, or if float32 cannot distinguish them.
        """
        if data.kind == self.kind == "vectors":
            data = data.named(self.names)
        found = ItemSpec.of(data)
        if (found.kind, found.shape, found.whole) != (self.kind, self.shape, self.whole):
            raise DataError(f"{data.name}: expected {self.describe()}, as in training. Received: {found.describe()}")
        if self.kind == "images":
            return data
        return replace(data, items=centred(data.items, self.centre, data.name, data.names))


@dataclass(frozen=True)
class CaptionerVocabulary:
    """Kind and shape of the items, and the tokens of captions.

    `bos_id`, the id after the last token, starts every caption. It is only fed to the decoder and never generated.
    """

    item: ItemSpec
    text: Vocabulary

    @property
    def bos_id(self) -> int:
        """Id of the token that starts a caption."""
        return self.text.size

    @property
    def lowercase(self) -> bool:
        """Whether captions are in lower case."""
        return bool(getattr(self.text, "lowercase", False))

    @classmethod
    def learn(cls, data: CaptionDataset, config: CaptionTextConfig, chosen: Sequence[str] = ()) -> CaptionerVocabulary:
        """Learn the vocabulary from training data; `chosen` are the features that an option names.

        Raises DataError, ConfigError.
        """
        texts = [text for row in data.captions or () for text in row]
        data = data.without_row_numbers(chosen)
        item = replace(ItemSpec.of(data), centre=centre_of([data.items]))
        return cls(item, learn_vocabulary(vocabulary_options(config), texts))

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of token ids, without surrounding white space."""
        return self.text.generated(tokens).strip()

    def plain(self, texts: Sequence[str]) -> list[str]:
        """Encode and decode texts, to compare generated captions with them."""
        return [self.decode(ids.tolist()) for ids in self.text.encode_many(texts)]

    def count_unknown(self, texts: Sequence[str]) -> int:
        """Return the number of unknown tokens in the texts."""
        return sum(int((ids == UNKNOWN_ID).sum()) for ids in self.text.encode_many(texts))

    def to_json(self) -> dict[str, Any]:
        """Return the vocabulary as JSON values."""
        item = {
            "kind": self.item.kind,
            "shape": list(self.item.shape),
            "whole": self.item.whole,
            "names": list(self.item.names),
            **({"centre": list(self.item.centre)} if self.item.centre else {}),
        }
        return {"kind": "captioner", "item": item, "text": self.text.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> CaptionerVocabulary:
        """Load what `to_json` returned. Raises ArtifactError for anything else."""
        fields = check_fields(content, {"kind": str, "item": dict, "text": dict}, "a captioner's vocabulary")
        kinds = {"kind": str, "shape": list, "whole": bool, "names": list, "centre": list}
        item = check_fields({"centre": [], **fields["item"]}, kinds, "a captioner's item")
        kind, shape, names = item["kind"], item["shape"], item["names"]
        if fields["kind"] != "captioner" or kind not in KINDS:
            raise ArtifactError(f"expected a captioner of {', '.join(KINDS)}. Received: {fields['kind']}, {kind!r:.40}")
        if (
            len(shape) not in _DIMENSIONS[kind]
            or not all(type(side) is int and 1 <= side <= _MAX_SIDE for side in shape)
            or int(np.prod(shape, dtype=object)) > _MAX_NUMBERS
        ):
            raise ArtifactError(f"expected the shape of {kind} that a captioner reads. Received: {str(shape)[:60]}")
        if names and (
            kind != "vectors"
            or len(names) != shape[0]
            or not all(type(name) is str for name in names)
            or len(set(names)) != len(names)
        ):
            raise ArtifactError(f"expected a name for each feature of a vector. Received: {str(names)[:60]}")
        if item["whole"] and kind != "images":
            raise ArtifactError(f"expected integer pixels in images only. Received: {kind}")
        centre = checked_centre(item["centre"], shape[-1], "a captioner's items")
        return cls(
            ItemSpec(kind, tuple(shape), item["whole"], tuple(names), centre), vocabulary_from_json(fields["text"])
        )
