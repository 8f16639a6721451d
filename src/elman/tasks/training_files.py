"""The files that a model was trained on, which its folder knows while it has its last checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

from elman.data.sources import Sources
from elman.errors import ArtifactError
from elman.train import checkpoint

__all__ = ["training_files"]


def training_files(folder: str | os.PathLike[str]) -> Sources:
    """Return the files of the run that trained the model in `folder`.

    Raises ArtifactError if the folder does not say which these are.
    """
    _, facts = checkpoint.load(folder)
    try:
        return Sources.from_json(facts["inputs"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"expected the training files in {checkpoint.path_in(Path(folder))}. Received: {error}"
        ) from error
