"""A model as a folder that is safe to open.

    elman.json            description of the model: task, configuration, training, metrics, data, command
    vocabulary.json       the tokens and their ids (only for models that have a vocabulary)
    weights.safetensors   the tensors
    README.md             the model card

Opening a folder runs no code from it and unpickles nothing. Reading raises only ArtifactError; writing raises
ConfigError for values that cannot be stored, and StorageError when the disk is full or access is denied. Importing this
package does not import torch; only `write_weights` and `read_weights` do, when they are called.
"""

from __future__ import annotations

from elman.artifact.card import CardSnippet, model_card
from elman.artifact.folder import FORMAT_VERSION, Artifact, read, write
from elman.artifact.safetensors_header import TensorEntry, check_header
from elman.artifact.strict import strict_json
from elman.artifact.weights import digest_of, read_weights, write_weights

__all__ = [
    "FORMAT_VERSION",
    "Artifact",
    "CardSnippet",
    "TensorEntry",
    "check_header",
    "digest_of",
    "model_card",
    "read",
    "read_weights",
    "strict_json",
    "write",
    "write_weights",
]
