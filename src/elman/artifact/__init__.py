"""A model as a folder that is safe to open.

    elman.json            what the model is: task, configuration, training, metrics, data, command
    vocabulary.json       the tokens and their numbers (only for models that have a vocabulary)
    weights.safetensors   the tensors
    README.md             the model card, for people

Opening a folder runs no code from it and unpickles nothing. Reading raises ArtifactError and nothing else; writing
raises ConfigError for values that cannot be stored, and StorageError when the disk refuses. Knows nothing about what
a task, a configuration or a vocabulary means. Importing this room does not import torch; only `write_weights` and
`read_weights` do, when they are called.
"""

from __future__ import annotations

from elman.artifact.card import CardSnippet, model_card
from elman.artifact.folder import FORMAT_VERSION, Artifact, read, write
from elman.artifact.safetensors_header import TensorEntry, check_header
from elman.artifact.strict import strict_json
from elman.artifact.weights import read_weights, write_weights

__all__ = [
    "FORMAT_VERSION",
    "Artifact",
    "CardSnippet",
    "TensorEntry",
    "check_header",
    "model_card",
    "read",
    "read_weights",
    "strict_json",
    "write",
    "write_weights",
]
