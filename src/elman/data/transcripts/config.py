"""Options for reading recordings or drawings, and for the tokens of their texts. Does not import torch."""

from __future__ import annotations

from elman.data import shared_options as shared
from elman.data.manifest import ManifestConfig
from elman.data.vocabulary.kinds import token_kinds
from elman.options import option, section

__all__ = ["TranscriptsConfig"]


@section
class TranscriptsConfig(ManifestConfig):
    """Options for reading recordings or drawings, and for the tokens of their texts."""

    input: str = option(
        "auto", "kind of the input; auto: detect it from the files", choices=("auto", "sound", "strokes")
    )
    bad_rows: str = shared.bad_rows("manifests: rows")
    held_out: float | None = shared.held_out(0.1, "recordings")
    tokens: str = option("characters", "what a token is", choices=token_kinds("characters"))
    lowercase: bool = shared.lowercase(False, "characters and words")
    unicode_form: str = shared.unicode_form()
    min_count: int = shared.min_count("characters and words")
    vocabulary_size: int = shared.vocabulary_size()
