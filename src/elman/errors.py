"""Every error that elman raises on purpose, in one tree.

    ElmanError
    |-- ConfigError        an option or argument that cannot be used            (also a ValueError)
    |   `-- ShapeError     a tensor whose shape or type does not fit            (also a ValueError)
    |-- DataError          a text, table or token that cannot be used           (also a ValueError)
    |   `-- EncodingError  bytes that are not text in the chosen encoding
    |-- ArtifactError      a model folder that is missing, broken or unsafe
    |-- StorageError       the disk is full, or access is denied                (also an OSError)
    |-- TrainingError      training cannot go on
    |   |-- Diverged       the loss or a gradient is not finite any more
    |   |-- Interrupted    Ctrl-C or SIGTERM asked to stop; the run can be resumed
    |   `-- OutOfMemory    the machine has not enough memory for this model or batch
    `-- KernelUnavailable  a forced kernel cannot run this cell with these options

A message says what was expected and ends with what was received.
"""

from __future__ import annotations

__all__ = [
    "ArtifactError",
    "ConfigError",
    "DataError",
    "Diverged",
    "ElmanError",
    "EncodingError",
    "Interrupted",
    "KernelUnavailable",
    "OutOfMemory",
    "ShapeError",
    "StorageError",
    "TrainingError",
]


class ElmanError(Exception):
    """The root of the tree. `exit_code` is what the command line ends with."""

    exit_code = 2


class ConfigError(ElmanError, ValueError):
    """An option or argument that cannot be used."""


class ShapeError(ConfigError):
    """A tensor whose shape or dtype does not fit; the message names the tensor."""


class DataError(ElmanError, ValueError):
    """A text, table or token that cannot be used; the message names the file and the place."""


class EncodingError(DataError):
    """Bytes that are not text in the chosen encoding; the message names the file and the byte offset."""


class ArtifactError(ElmanError):
    """A model folder that is missing, incomplete, of another task, broken or unsafe to open."""


class StorageError(ElmanError, OSError):
    """The disk is full, or reading or writing is not permitted."""


class TrainingError(ElmanError):
    """Training cannot go on."""

    exit_code = 1


class Diverged(TrainingError):
    """The loss or a gradient is not finite any more. `step` is the step at which it happened."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class Interrupted(TrainingError):
    """Ctrl-C or SIGTERM asked to stop. `exit_code` is 130 or 143; what can be resumed has been saved."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class OutOfMemory(TrainingError):
    """The machine has not enough memory for this model or batch."""


class KernelUnavailable(ElmanError):
    """A kernel that was asked for by name cannot run this cell with these options."""
