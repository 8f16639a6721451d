"""The exceptions that elman raises.

    ElmanError
    |-- ConfigError        an invalid option or argument                        (also a ValueError)
    |   `-- ShapeError     a tensor of the wrong shape or dtype                 (also a ValueError)
    |-- DataError          an invalid text, table or token                      (also a ValueError)
    |   `-- EncodingError  bytes that are not text in the chosen encoding
    |-- ArtifactError      a model folder that is missing, broken or unsafe
    |-- StorageError       the disk is full, or access is denied                (also an OSError)
    |-- TrainingError            training failed or was stopped
    |   |-- DivergenceError      the loss or a gradient is no longer finite
    |   |-- TrainingInterrupted  stopped by Ctrl-C or SIGTERM; the run can be resumed
    |   `-- OutOfMemoryError     not enough memory for this model or batch
    `-- KernelUnavailableError   the requested kernel cannot run this cell with these options

    FormerNameWarning            a name of an earlier version was used        (a FutureWarning)

A message says what was expected and ends with what was received.
"""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import Any

__all__ = [
    "ArtifactError",
    "ConfigError",
    "DataError",
    "DivergenceError",
    "ElmanError",
    "EncodingError",
    "FormerNameWarning",
    "KernelUnavailableError",
    "OutOfMemoryError",
    "ShapeError",
    "StorageError",
    "TrainingError",
    "TrainingInterrupted",
]


# Classes of this module under the names that they had in earlier versions.
_FORMER = MappingProxyType(
    {
        "Diverged": "DivergenceError",
        "Interrupted": "TrainingInterrupted",
        "KernelUnavailable": "KernelUnavailableError",
        "OutOfMemory": "OutOfMemoryError",
    }
)


class FormerNameWarning(FutureWarning):
    """A name of an earlier version was used: of an option, a class or a function. It still works."""


def __getattr__(name: str) -> Any:
    if name not in _FORMER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"elman.errors.{name} is now called {_FORMER[name]}", FormerNameWarning, stacklevel=2)
    return globals()[_FORMER[name]]


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


class DivergenceError(TrainingError):
    """The loss or a gradient is no longer finite, or too large. `step` is the optimiser step at which it happened."""

    def __init__(self, message: str, step: int) -> None:
        super().__init__(message)
        self.step = step


class TrainingInterrupted(TrainingError):
    """Training was stopped by Ctrl-C or SIGTERM, after saving a checkpoint. `exit_code` is 130 or 143."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class OutOfMemoryError(TrainingError):
    """Not enough memory for this model or batch."""


class KernelUnavailableError(ElmanError):
    """A kernel that was requested by name cannot run this cell with these options."""
