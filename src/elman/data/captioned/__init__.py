"""Items (vectors, images or feature maps) with captions, from files and from Python objects.

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.captioned.captioned import CaptionDataset, checked_captions, join, made
    from elman.data.captioned.config import CaptionDataConfig
    from elman.data.captioned.in_memory import captioned_from
    from elman.data.captioned.read import read_captioned

__all__ = [
    "CaptionDataConfig",
    "CaptionDataset",
    "captioned_from",
    "checked_captions",
    "join",
    "made",
    "read_captioned",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".captioned": ("CaptionDataset", "checked_captions", "join", "made"),
        ".config": ("CaptionDataConfig",),
        ".in_memory": ("captioned_from",),
        ".read": ("read_captioned",),
    },
    former={"Captioned": "CaptionDataset", "CaptionedConfig": "CaptionDataConfig"},
)
