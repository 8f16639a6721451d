"""Device, precision and threads of a run on this machine."""

from __future__ import annotations

import dataclasses

import torch

from elman.errors import ConfigError
from elman.kernels import usable_threads
from elman.train.config import TrainConfig
from elman.train.tuning import default_threads, has_bfloat16, requested_threads, tune_allocator

__all__ = ["chooses_threads", "resolve_auto", "tune_process"]


def chooses_threads(config: TrainConfig) -> bool:
    """Whether a run may choose its number of threads by measuring: neither `threads` nor OMP_NUM_THREADS is set."""
    return config.threads == 0 and requested_threads() == 0


def resolve_auto(config: TrainConfig) -> TrainConfig:
    """Replace "auto" and 0 in `config` by what this machine has.

    Raises ConfigError for a device that is invalid or not available.
    """
    device = config.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ConfigError(f"expected device to be auto, cpu, cuda or cuda:N. Received: {device!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"expected a device of this machine: no usable GPU was found. Received: {device!r}")
    precision = config.precision
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported() if kind == "cuda" else has_bfloat16()
        precision = "bfloat16" if fast else "float32"
    return dataclasses.replace(config, device=device, precision=precision, threads=config.threads or default_threads())


def tune_process(config: TrainConfig) -> None:
    """Set the number of threads and the memory allocator of this process for training."""
    torch.set_num_threads(usable_threads(config.threads))
    tune_allocator()
