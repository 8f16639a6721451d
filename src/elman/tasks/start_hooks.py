"""`StartHooks`: what a task says about starting a run from a trained model."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.labels import LabelIndex
from elman.errors import ConfigError
from elman.tasks.start import StartModel, current_start
from elman.tasks.start_weights import Entries, Started, take_weights
from elman.tasks.vector_hooks import VECTOR_OPTIONS
from elman.train import TrainConfig
from elman.train.freezing import check_trainer
from elman.train.stored import Stored, read
from elman.train.trainer import Trainer

__all__ = ["Entries", "StartHooks", "token_entries"]

# Options that do nothing in a run that starts from no model.
_OPTIONS = ("start_vocabulary", "start_labels", "start_scales")


class StartHooks:
    """Base class of `Setup`: the methods with which a run starts from another model.

    Without them, a task starts from models of its own only, and keeps their vocabulary.
    """

    # Other tasks whose models can be the start, each with the beginnings of names of tensors: there, and here.
    starts_from: ClassVar[Mapping[str, Mapping[str, str]]] = MappingProxyType({})
    # Options that are not taken from the model, and files of weights that its weights would replace.
    start_leaves: ClassVar[frozenset[str]] = frozenset()
    start_replaces: ClassVar[frozenset[str]] = VECTOR_OPTIONS
    # Patterns of tensors that are always new, that only one of both models may have, and that are scales of the input.
    start_new: ClassVar[tuple[str, ...]] = ()
    start_optional: ClassVar[tuple[str, ...]] = ()
    start_scaling: ClassVar[tuple[str, ...]] = ()
    # What start_scales=auto means.
    start_scales: ClassVar[str] = "source"

    config: Any
    resumed: bool
    # What was taken from another model, or None; and for elman.json this, what was taken from files of vectors, and
    # the options that were chosen by the data, which a resumed run keeps.
    started: Started | None = None
    start_facts: Mapping[str, Any] = MappingProxyType({})
    _start: StartModel | None = None

    def learn_vocabulary(self) -> Any:
        """Return the vocabulary of the training data."""
        raise NotImplementedError

    def first_vocabulary(self) -> Any:
        """Return the vocabulary of a new run: that of the training data, or that of the model it starts from.

        Raises ConfigError for options of a start without one.
        """
        self._start = current_start()
        if self._start is None:
            _check_no_start(self.config.training)
        learnt = self.learn_vocabulary()
        return learnt if self._start is None else self.vocabulary_from_start(learnt, self._start)

    def take_start(self) -> None:
        """Take the weights of the model that a new run starts from, if there is one."""
        if self._start is not None:
            self.started = take_weights(self, self._start)
            self.start_facts = {**self.start_facts, "start": self.started.to_json()}
            self._start = None

    def resume_start(self, training: Mapping[str, Any], where: str) -> None:
        """Take the facts of the start of a resumed run from those of its training in the file `where`."""
        kinds: dict[str, type[Any]] = {"automatic": dict, "vectors": list, "start": dict}
        stored = Stored(training, where)
        self.start_facts = {name: read(stored, name, kind) for name, kind in kinds.items() if name in training}

    def trainer(self) -> Trainer:
        """Return the trainer."""
        raise NotImplementedError

    def checked_trainer(self) -> Trainer:
        """Return the trainer. Raises ConfigError for options of freezing with one of another package, without any."""
        trainer = self.trainer()
        check_trainer(trainer, self.config.training)
        return trainer

    @classmethod
    def options_from_other(cls, source: StartModel) -> dict[str, Any]:
        """Return the options that a run takes from a model of a task in `starts_from`, by name."""
        del source
        return {}

    @classmethod
    def entries_of(cls, config: Any, vocabulary: Any) -> Mapping[str, Entries]:
        """Return what rows and columns of tensors stand for, by patterns of the tensors' names."""
        del config, vocabulary
        return {}

    def vocabulary_from_start(self, learnt: Any, source: StartModel) -> Any:
        """Return the vocabulary of a run from that of its data and that of the model it starts from."""
        del learnt
        return source.vocabulary

    @property
    def extends_vocabulary(self) -> bool:
        """Whether new tokens are added to those of the model that is started from."""
        return bool(self.config.training.start_vocabulary == "extend")

    @property
    def keeps_scales(self) -> bool:
        """Whether scales of the inputs are those of the model that is started from."""
        chosen = self.config.training.start_scales
        return (self.start_scales if chosen == "auto" else chosen) == "source"

    def merged_labels(self, source: Sequence[str], learnt: Sequence[str], *, same: bool = True) -> tuple[str, ...]:
        """Return labels in order: those of the model with those of the data, or those of the data, by `start_labels`.

        `same` is whether both are of one type and notation; labels of others are replaced. Raises ConfigError for
        start_labels=extend with others.
        """
        how, known = self.config.training.start_labels, LabelIndex(source)
        new = [label for label in learnt if known.find(label) is None]
        if how == "extend" and not same:
            raise ConfigError(
                "expected labels of the same type and notation as those of the model to start from, with "
                f"start_labels=extend. Received: {_shown(learnt)}, and there {_shown(source)}"
            )
        if how == "replace" or not same or (how == "auto" and len(new) == len(learnt)):
            return tuple(learnt)
        return (*source, *new)


def token_entries(tokens: Sequence[Hashable], *, one_hot: bool) -> dict[str, Entries]:
    """Return the entries of the embedding `embed` of tokens; of a one-hot input, those of the first layer."""
    return {"stack.layers.0.*weight_ih*": (None, tokens)} if one_hot else {"embed.weight": (tokens, None)}


def _check_no_start(training: TrainConfig) -> None:
    """Raise ConfigError for options that say how a run starts from a model, since it starts from none."""
    given = [f"{name}={value}" for name in _OPTIONS if (value := getattr(training, name)) != getattr(TrainConfig, name)]
    if given:
        raise ConfigError(
            "expected a model to start from (--from MODEL, in Python start_from) with options of the start. "
            f"Received: {', '.join(given)} without one"
        )


def _shown(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:5])) + (", ..." if len(labels) > 5 else "")
