"""TaskModel: what the classes for people of several tasks share: options, weights, figures, and the model's folder.

Knows nothing about what a task is: a task's class says what its options, vocabulary and network are.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, Self, TypeVar

from elman.errors import ConfigError
from elman.nn import StoredModule
from elman.options import Sections, fields_of
from elman.tasks.building import load_network
from elman.tasks.folder import open_folder, save_folder
from elman.tasks.run import Run

__all__ = ["TaskModel"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
V = TypeVar("V")


class TaskModel(ABC, Generic[C, N, V]):
    """A model of a task, trained or still to be trained.

    A subclass names its `task`, the class of its options and that of its vocabulary (with `to_json` and `from_json`),
    and makes its network from both.

    Args:
        preset: where the options begin.
        options: any option by its name.

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    task: ClassVar[str]
    config_class: ClassVar[type[Any]]
    vocabulary_class: ClassVar[type[Any]]

    def __init__(self, preset: str = "base", **options: Any) -> None:
        self._preset = preset
        self._options = options
        self.config: C = self.config_class.make(preset, options)
        self.metrics: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.training: dict[str, Any] = {}
        self.command = ""
        self._network: N | None = None
        self._vocabulary: V | None = None

    @staticmethod
    @abstractmethod
    def make_network(config: C, vocabulary: V) -> N:
        """A network of these options that has not learnt yet."""

    @staticmethod
    def check_folder(config: C, vocabulary: V, where: str) -> None:
        """Raise ArtifactError for options and a vocabulary, read from `where`, that contradict each other."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The preset, and every option by its name, as scikit-learn wants to know them."""
        del deep
        values = {"preset": self._preset}
        for section, kind in self.config_class.sections().items():
            values |= {name: getattr(getattr(self.config, section), name) for name in fields_of(kind)}
        return values

    def set_params(self, **params: Any) -> Self:
        """Change options; the model has to be trained again. Raises ConfigError as the constructor does."""
        changed = {"preset": self._preset, **self._options, **params}
        type(self)(**changed)  # what is refused changes nothing
        self.__init__(**changed)  # type: ignore[misc]
        return self

    @property
    def network(self) -> N:
        """The network. Raises ConfigError before `fit`."""
        if self._network is None:
            raise ConfigError("expected a model that is trained: call fit() or elman.load() first. Received: none")
        return self._network

    @property
    def vocabulary(self) -> V:
        """What belongs to the model beside options and weights. Raises ConfigError before `fit`."""
        if self._vocabulary is None:
            raise ConfigError("expected a model that is trained: call fit() or elman.load() first. Received: none")
        return self._vocabulary

    def adopt(self, run: Run[N]) -> Self:
        """Take what a run has made so far."""
        self.config = run.config
        self.metrics = run.metrics
        self.data = run.job.data
        self.training = {"steps": run.training.step, "seconds": round(run.training.seconds, 1)}
        self.command = run.command
        self._network = run.network
        self._vocabulary = self.vocabulary_class.from_json(run.job.vocabulary or {})
        return self

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as a folder. Raises StorageError when that is not possible."""
        vocabulary: Any = self.vocabulary
        save_folder(
            folder,
            task=self.task,
            network=self.network,
            config=self.config,
            training=self.training,
            metrics=self.metrics,
            data=self.data,
            command=self.command,
            vocabulary=vocabulary.to_json(),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """The model in `folder`. Raises ArtifactError for anything that is not a whole and safe model."""
        opened = open_folder(folder, cls.task, cls.config_class)
        config: C = opened.config
        vocabulary: V = cls.vocabulary_class.from_json(opened.vocabulary)
        cls.check_folder(config, vocabulary, opened.where)
        model = cls()
        model.config = config
        model._options = {name: value for section in config.to_json().values() for name, value in section.items()}
        model._vocabulary = vocabulary
        model._network = load_network(opened.described, lambda: cls.make_network(config, vocabulary))
        described = opened.described
        model.metrics, model.data, model.command = described.metrics, described.data, described.command
        model.training = opened.training
        return model
