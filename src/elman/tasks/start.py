"""`StartModel`: a trained model that a run starts from, with its options, vocabulary and weights.

`starting_from` makes it known to the `Setup` that is made within the block.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from torch import Tensor

from elman.artifact import digest_of
from elman.errors import ConfigError
from elman.options import fields_of, python_value
from elman.tasks import registry

if TYPE_CHECKING:
    from elman.tasks.setup import Setup

__all__ = ["StartModel", "current_start", "open_start", "startable", "starting_from"]

P = ParamSpec("P")
R = TypeVar("R")

# Sections of options that say how data is read. Of these, only the options of tokens and of features are taken.
_READING = frozenset({"data", "text"})
# Options that decide which tokens or features a network reads: they must be those of the source.
_FIXED = frozenset(
    {
        *("tokens", "target_tokens", "shared", "lowercase", "unicode_form", "tokenizer", "punctuation", "numbers"),
        *("urls", "digits", "color", "image_size", "standardise", "reverse_source", "images"),
    }
)
# Options with which the tokens of the new data are learnt.
_LEARNING = frozenset({"min_count", "vocabulary_size", "max_length"})

_current: ContextVar[StartModel | None] = ContextVar("elman_start", default=None)


@dataclass(frozen=True, eq=False)
class StartModel:
    """A trained model whose weights are the start of a run.

    into        the `Setup` class of the run's task
    name        the path of its folder, or the name of its class
    digest      digest of its weights
    setup       the `Setup` class of its task
    config      its options
    vocabulary  its vocabulary
    tensors     its weights by name, on the CPU; tied ones are one tensor under several names
    """

    into: type[Setup[Any, Any, Any, Any]]
    name: str
    digest: str
    setup: type[Setup[Any, Any, Any, Any]]
    config: Any
    vocabulary: Any
    tensors: Mapping[str, Tensor]

    @property
    def task(self) -> str:
        """The name of its task."""
        return self.setup.task

    def options(self) -> dict[str, Any]:
        """Return the options that a run takes from this model, by name."""
        setup = self.into
        if self.task != setup.task:
            return setup.options_from_other(self)
        found: dict[str, Any] = {}
        for section, kind in setup.config_class.sections().items():
            names = set() if section == "training" else set(fields_of(kind)) - setup.start_leaves - setup.start_replaces
            if section in _READING:
                names &= _FIXED | _LEARNING
            found |= {name: getattr(getattr(self.config, section), name) for name in fields_of(kind) if name in names}
        return found

    def options_under(self, *layers: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return the options that a run takes from this model where the `layers` of given options have no others.

        Raises ConfigError for a given option that would change what the network reads.
        """
        own = self.options()
        for name, value in ((name, value) for layer in layers for name, value in layer.items()):
            if name in self.into.start_replaces and value:
                raise ConfigError(
                    f"{where}: expected no {name} with the model {self.name} to start from, which has these weights. "
                    f"Received: {name}={value}"
                )
            if name in _FIXED and name in own and _plain(value) != _plain(own[name]):
                raise ConfigError(
                    f"{where}: expected {name}={_shown(own[name])}, as in the model {self.name} to start from. "
                    f"Received: {name}={_shown(value)}"
                )
        return own


def _plain(value: Any) -> Any:
    value = python_value(value)
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def open_start(model: Any, setup: type[Setup[Any, Any, Any, Any]]) -> StartModel:
    """Open the model that a run of the task of `setup` starts from: a folder, or a trained model.

    Raises ArtifactError for a folder that is no complete model, ConfigError for a model that is not trained or whose
    task cannot start this one.
    """
    name = type(model).__name__
    if isinstance(model, str | os.PathLike):
        name, model = os.fspath(model), registry.load(model)
    theirs = getattr(model, "setup_class", None)
    if theirs is None or not hasattr(type(model), "network"):
        raise ConfigError(f"expected a model to start from: a trained model, or the path of one. Received: {name}")
    if theirs.task != setup.task and theirs.task not in setup.starts_from:
        tasks = " or a ".join(each.replace("-", " ") for each in (setup.task, *setup.starts_from))
        raise ConfigError(f"expected a {tasks} to start a {setup.title()} from. Received: {name}, a {theirs.title()}")
    network = model.network
    copies: dict[int, Tensor] = {}
    tensors = {}
    for tensor_name, tensor in network.state_dict(keep_vars=True).items():
        tensors[tensor_name] = copies.setdefault(id(tensor), tensor.detach().cpu().clone())
    return StartModel(setup, name, digest_of(network.stored()), theirs, model.config, model.vocabulary, tensors)


def current_start() -> StartModel | None:
    """Return the model that a `Setup` made now starts from, or None."""
    return _current.get()


@contextmanager
def starting_from(start: StartModel | None) -> Iterator[None]:
    """Context manager in which a `Setup` starts from this model; without one, as outside of the block."""
    token = None if start is None else _current.set(start)
    try:
        yield
    finally:
        if token is not None:
            _current.reset(token)


def startable(fit: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Decorator of `fit` of a `TaskModel`, which opens the model `start_from` before anything else."""

    @functools.wraps(fit)
    def started(self: Any, /, *given: P.args, **named: P.kwargs) -> R:
        with self.starting(named.pop("start_from", None)):
            return fit(self, *given, **named)

    return started
