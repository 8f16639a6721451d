"""`TaskModel`: base class of all models: options, training, weights, metrics, and the model's folder.

A subclass converts data in memory, and adds the methods of the trained model.
"""

from __future__ import annotations

import copy
import logging
import os
import sys
from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch

from elman import artifact
from elman.data.bad_rows import BadRows, bad_rows_of
from elman.data.sources import Sources
from elman.errors import ArtifactError, ConfigError
from elman.nn import StoredModule
from elman.nn.recurrent import with_present_cell_options
from elman.options import AUTO, Sections, fields_of, present_names
from elman.tasks.automatic import choosing
from elman.tasks.registry import find
from elman.tasks.run import Run
from elman.tasks.setup import Setup
from elman.tasks.start import open_start, starting_from
from elman.train.callbacks import OnEvent, as_callbacks
from elman.train.machine import tune_process

__all__ = ["TaskModel", "load_network"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
V = TypeVar("V")
T = TypeVar("T")

_log = logging.getLogger("elman.tasks")


class _PrivateAttribute(Generic[T]):
    """Attribute that is stored under a private name, because scikit-learn treats public attributes as parameters."""

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, model: Any, owner: type[Any]) -> T:
        if model is None:
            return self  # type: ignore[return-value]
        value: T = getattr(model, self._name)
        return value

    def __set__(self, model: Any, value: T) -> None:
        setattr(model, self._name, value)


class TaskModel(ABC, Generic[C, N, V]):
    """Base class of a task's model.

    A subclass sets `setup_class`, the `Setup` of its runs, and implements `fit`, `evaluate` and prediction methods.

    Args:
        preset: the preset that the options start from; "auto" chooses by the data those that are not given.
        options: any option by its name.

    Attributes:
        config: the options; after `fit`, with all automatic values resolved.
        folder: the folder that the model was loaded from or trained in, or None.
        metrics, data, training, command: the record of the training run in the model's folder.

    Raises ConfigError for an unknown option or a value that is not allowed. Methods that need a trained model raise
    ConfigError before `fit`.
    """

    setup_class: ClassVar[type[Setup[Any, Any, Any, Any]]]

    _folder: Path | None = None
    folder = _PrivateAttribute[Path | None]()
    config = _PrivateAttribute[C]()
    metrics = _PrivateAttribute[dict[str, Any]]()
    data = _PrivateAttribute[dict[str, Any]]()
    training = _PrivateAttribute[dict[str, Any]]()
    command = _PrivateAttribute[str]()

    def __init__(self, preset: str = AUTO, **options: Any) -> None:
        self._preset = preset
        self._options = self.setup_class.config_class.present_names(options)
        self._start(self.setup_class.config_class.make(preset, self._options))

    def _start(self, config: C) -> None:
        """Set the options and become untrained."""
        self.config = config
        self._chosen = config  # before a run resolves automatic values
        self._forget()

    def _forget(self) -> None:
        """Discard everything that was learnt."""
        self.folder = None
        self.metrics = {}
        self.data = {}
        self.training = {}
        self.command = ""
        self._network: N | None = None
        self._vocabulary: V | None = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the preset, and every option by its name: the given value, or that of the preset."""
        del deep
        values: dict[str, Any] = {"preset": self._preset}
        for section, kind in self.setup_class.config_class.sections().items():
            values |= {name: getattr(getattr(self._chosen, section), name) for name in fields_of(kind)}
        return values | self._options

    def set_params(self, **params: Any) -> Self:
        """Change options; the model becomes untrained. Raises ConfigError as the constructor does."""
        changed = {"preset": self._preset, **self._options, **self.setup_class.config_class.present_names(params)}
        type(self)(**changed)  # raises before anything is changed
        self.__init__(**changed)  # type: ignore[misc]
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled or copied model; options of one that an earlier version pickled get their present names."""
        kinds = self.setup_class.config_class.sections().values()
        self.__dict__.update(present_names(state, kinds, warn=False))
        self._options = present_names(state.get("_options", {}), kinds, warn=False)

    def __sklearn_clone__(self) -> Self:
        """Return an untrained model with the same preset and the same given options (scikit-learn protocol).

        The preset's own values are not given to it, so that a search over presets compares their values.
        """
        return type(self)(self._preset, **copy.deepcopy(self._options))

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: those of an estimator that is neither a classifier nor a regressor."""
        from sklearn.utils import InputTags, Tags, TargetTags

        inputs = InputTags(two_d_array=False, string=True)
        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=inputs)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether the model is trained (scikit-learn protocol)."""
        return self._network is not None

    @property
    def network(self) -> N:
        """The network. Raises ConfigError before `fit`, which is also a NotFittedError if scikit-learn is imported."""
        if self._network is None:
            raise _not_trained()
        return self._network

    @property
    def vocabulary(self) -> V:
        """The vocabulary: tokens, labels or scales learnt from the training data. Raises ConfigError before `fit`."""
        if self._vocabulary is None:
            raise _not_trained()
        return self._vocabulary

    @contextmanager
    def starting(self, model: Any) -> Iterator[None]:
        """Context manager of a `fit` that starts from a model, which also gives options; nothing happens for None."""
        if model is None:
            yield
            return
        start = open_start(model, self.setup_class)
        with self._preferring(start.options_under(self._given_options(), where="the options")), starting_from(start):
            yield

    def _preset_name(self) -> str:
        """Return the preset of the next `fit`."""
        return self._preset

    def _given_options(self) -> dict[str, Any]:
        """Return the options that were given for the next `fit`."""
        return dict(self._options)

    @contextmanager
    def _preferring(self, own: Mapping[str, Any]) -> Iterator[None]:
        """Context manager of a `fit` for which the preset has these options."""
        before, chosen = self.config, self._chosen
        self.config = self._chosen = self.setup_class.config_class.make(self._preset, own, self._options)
        try:
            yield
        except BaseException:
            self.config = before
            raise
        finally:
            self._chosen = chosen

    def _fit_files(
        self,
        sources: Sources,
        *,
        folder: str | os.PathLike[str] | None,
        progress: bool | None,
        tune: bool,
        on_event: OnEvent = None,
        **reading: Any,
    ) -> Self:
        """Train on files; `reading` holds further arguments of `Setup.open`."""
        functions = as_callbacks(on_event)
        with choosing(self._preset_name(), self._given_options()):
            setup = self.setup_class.open(self._chosen, sources, **reading)
        return self._train(setup, folder, progress, tune, functions)

    def _usable_rows(self) -> AbstractContextManager[BadRows]:
        """Context manager for reading training data, which leaves out bad rows as the option `bad_rows` says.

        Within scikit-learn, "auto" leaves out none: its searches and checks expect an error.
        """
        return bad_rows_of(getattr(self.config, "data", None), strict=_inside("sklearn"))

    @contextmanager
    def _evaluated_rows(self) -> Iterator[None]:
        """Context manager for reading the data of an evaluation; remarks on bad rows are logged."""
        with self._usable_rows() as bad:
            yield
        for note in bad.remarks:
            _log.warning("%s", note)

    def _fit_memory(
        self,
        parts: Any,
        *,
        folder: str | os.PathLike[str] | None,
        progress: bool | None,
        tune: bool,
        on_event: OnEvent = None,
        left_out: Sequence[str] = (),
        **given: Any,
    ) -> Self:
        """Train on data in memory.

        left_out  remarks on rows that were left out
        given     further arguments of the task's `Setup`

        Raises ConfigError for a folder, because a run on data in memory could not be resumed.
        """
        if folder is not None:
            raise ConfigError("expected data in files when training in a folder. Received: data in memory")
        functions = as_callbacks(on_event)
        with choosing(self._preset_name(), self._given_options()):
            setup = self.setup_class(self._chosen, parts, **given)
        setup.left_out = tuple(left_out)
        return self._train(setup, None, progress, tune, functions)

    def _train(
        self,
        setup: Setup[Any, Any, Any, Any],
        folder: str | os.PathLike[str] | None,
        progress: bool | None,
        tune: bool,
        on_event: OnEvent = None,
    ) -> Self:
        for note in setup.notes():
            _log.warning("%s", note)
        where = None if folder is None else Path(folder)
        shown = not _inside("sklearn") if progress is None else progress
        watch = setup.watch(quiet=not shown)
        for note in [] if setup.automatic is None else setup.automatic.notes():
            watch.print(note)
        if setup.started is not None:
            watch.print(setup.started.table())
        how: dict[str, Any] = {"tune": tune, "compares": not _inside("sklearn", "sktime"), "on_event": on_event}
        run = Run(setup, folder=where, command="", watch=watch, **how)
        if tune:
            tune_process(setup.training_config)
        run.run()
        if run.verdict is not None:
            watch.print(run.verdict.to_text())
        return self.take_run(run)

    def take_run(self, run: Run) -> Self:
        """Take over the results of a run."""
        self.folder = None if run.folder is None else run.folder.absolute()
        self.config = run.config
        self.metrics = run.metrics
        self.data = run.setup.data
        self.training = {
            "steps": run.training.step,
            "seconds": round(run.training.seconds, 1),
            **run.setup.start_facts,
        }
        self.command = run.command
        self._network = run.network
        self._vocabulary = run.setup.vocabulary
        return self

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Save the model to a folder. Raises StorageError if it cannot be written."""
        vocabulary: Any = self.vocabulary
        digest = artifact.write_weights(folder, self.network.stored())
        artifact.write(
            folder,
            task=self.setup_class.task,
            config=self.config.stored(),
            training={**self.training, "options": self.config.to_json()["training"]},
            metrics=self.metrics,
            data=self.data,
            command=self.command,
            vocabulary=vocabulary.to_json(),
            weights_digest=digest,
            snippet=find(self.setup_class.task).card,
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Load the model in `folder`. Raises ArtifactError for an incomplete, invalid or unsafe model."""
        setup = cls.setup_class
        described = artifact.read(folder, task=setup.task)
        where = f"{os.fspath(folder)}/elman.json"
        if described.vocabulary is None:
            raise ArtifactError(f"{where}: expected a vocabulary. Received: none")
        training: Mapping[str, Any] = described.training
        if not isinstance(training.get("options"), dict):
            raise ArtifactError(f"{where} is broken: expected the options of training. Received: {str(training)[:80]}")
        try:
            config: C = setup.config_class.from_json({**described.config, "training": training["options"]}, where)
            config = with_present_cell_options(config)
        except ConfigError as error:
            raise ArtifactError(f"{where} is broken: {error}") from error
        vocabulary: V = setup.vocabulary_from(described.vocabulary, config, f"{os.fspath(folder)}/vocabulary.json")
        setup.check_folder(config, vocabulary, where)
        model = cls("base")
        model._start(config)
        sections = [getattr(config, section) for section in config.sections()]
        model._options = {
            name: getattr(section, name)
            for section in sections
            for name in fields_of(type(section))
            if name not in config.unused  # which an earlier version may have stored
        }
        model.folder = Path(folder).absolute()
        model._vocabulary = vocabulary
        model._network = load_network(described, config, vocabulary, setup)
        model.metrics, model.data, model.command = described.metrics, described.data, described.command
        model.training = {name: value for name, value in training.items() if name != "options"}
        model._check_loaded(where)
        return model

    def _check_loaded(self, where: str) -> None:
        """Raise ArtifactError if the weights, options and vocabulary read from `where` are inconsistent."""


def _inside(*packages: str) -> bool:
    """Return whether code of one of these packages, such as a search of scikit-learn, is among the callers."""
    frame = sys._getframe(1) if any(name in sys.modules for name in packages) else None
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in packages:
            return True
        frame = frame.f_back
    return False


def _not_trained() -> ConfigError:
    """Return the error of an untrained model; also a NotFittedError if scikit-learn is imported."""
    message = "expected a model that is trained: call fit() or elman.load() first. Received: none"
    if sys.modules.get("sklearn") is None:
        return ConfigError(message)
    from sklearn.exceptions import NotFittedError

    kind: type[ConfigError] = type("NotTrained", (ConfigError, NotFittedError), {"__module__": __name__})
    return kind(message)


def load_network(described: artifact.Artifact, config: Any, vocabulary: Any, setup: type[Setup[Any, N, Any, Any]]) -> N:
    """Return the network of a model's folder, with its weights, in evaluation mode.

    Shapes are compared with the file before memory is allocated. Raises ArtifactError.
    """
    where = f"{described.folder}/elman.json"
    try:
        with torch.device("meta"):
            shapes = setup.make_network(config, vocabulary).expected_shapes()
    except (ConfigError, RuntimeError, OverflowError, ValueError) as error:
        raise ArtifactError(f"{where} describes no network: {error}") from error
    tensors = artifact.read_weights(described, shapes)
    try:
        # Some wrong values raise only now: the network above was made on the meta device.
        network = setup.make_network(config, vocabulary)
    except (RuntimeError, ValueError) as error:
        raise ArtifactError(f"{where} describes no network: {error}") from error
    network.load_stored(tensors)
    network.eval()
    return network
