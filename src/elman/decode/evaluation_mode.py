"""Evaluation mode of networks for a block of code, after which they are in the mode that they had before."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from torch import nn

__all__ = ["Modules", "evaluated", "evaluation_mode", "in_evaluation_mode"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Modules(Protocol):
    """Protocol of a network, such as an `nn.Module`, whose modules are in training or evaluation mode."""

    def modules(self) -> Iterator[nn.Module]: ...

    def eval(self) -> Any: ...


@contextmanager
def evaluation_mode(*networks: Modules) -> Iterator[None]:
    """Put networks into evaluation mode for the block; each module gets its own mode back after it."""
    training = [module for network in networks for module in network.modules() if module.training]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def in_evaluation_mode(function: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Decorator of a function that is called in evaluation mode of its first argument, a network."""

    @functools.wraps(function)
    def call(network: Any, /, *positional: P.args, **named: P.kwargs) -> R:
        with evaluation_mode(network):
            return function(network, *positional, **named)

    return call


def evaluated(network: nn.Module, items: Iterable[T]) -> Iterator[T]:
    """Yield items that the network produces as they are taken, in evaluation mode."""
    with evaluation_mode(network):
        yield from items
