"""The exceptions that elman raises.

    ElmanError
    |-- ConfigError        an invalid option or argument                        (also a ValueError)
    |   `-- ShapeError     a tensor of the wrong shape or dtype                 (also a ValueError)
    |-- DataError          an invalid text, table or token                      (also a ValueError)
    |   `-- EncodingError  bytes that are not text in the chosen encoding
    |-- ArtifactError      a model folder that is missing, broken or unsafe
    |-- StorageError       the disk is full, or access is denied                (also an OSError)
    |-- TrainingError      training failed or was stopped
    |   |-- Diverged       the loss or a gradient is no longer finite
    |   |-- Interrupted    stopped by Ctrl-C or SIGTERM; the run can be resumed
    |   `-- OutOfMemory    not enough memory for this model or batch
    `-- KernelUnavailable  the requested kernel cannot run this cell with these options

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
    """Base class of all elman exceptions. `exit_code` is the exit code of the command line."""

    exit_code = 2


class ConfigError(ElmanError, ValueError):
    """Invalid option or argument."""


class ShapeError(ConfigError):
    """Tensor of the wrong shape or dtype; the message names the tensor."""


class DataError(ElmanError, ValueError):
    """Invalid text, table or token; the message names the file and the position."""


class EncodingError(DataError):
    """Bytes that are not text in the chosen encoding; the message names the file and the byte offset."""


class ArtifactError(ElmanError):
    """Model folder that is missing, incomplete, broken, unsafe to open, or of another task."""


class StorageError(ElmanError, OSError):
    """Disk full, or read or write access denied."""


class TrainingError(ElmanError):
    """Training failed or was stopped."""

    exit_code = 1


class Diverged(TrainingError):
    """The loss or a gradient is no longer finite, or too large. `step` is the optimiser step at which it happened."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class Interrupted(TrainingError):
    """Training was stopped by Ctrl-C or SIGTERM, after saving a checkpoint. `exit_code` is 130 or 143."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class OutOfMemory(TrainingError):
    """Not enough memory for this model or batch."""


class KernelUnavailable(ElmanError):
    """A kernel that was requested by name cannot run this cell with these options."""
