"""Base class of models that follow scikit-learn's conventions. scikit-learn is imported only when needed."""

from __future__ import annotations

import copy
import inspect
import os
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, Self, TypeVar

from elman.errors import ConfigError
from elman.nn import StoredModule
from elman.options import AUTO, Sections, fields_of
from elman.tasks.model import TaskModel

__all__ = ["ClassesOnly", "NoProbabilitiesError", "ScikitModel", "tags"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
V = TypeVar("V")
P = ParamSpec("P")
R = TypeVar("R")


class NoProbabilitiesError(ConfigError, AttributeError):
    """A regression model has no `predict_proba`. An AttributeError too, so that `hasattr` is false."""


class ClassesOnly(Generic[P, R]):
    """Decorator of a method that a model has only if it predicts classes, as scikit-learn's `available_if`.

    The bound method has the function's name, which scikit-learn's scorers read. For a regression the attribute raises
    NoProbabilitiesError.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, model: Any, owner: type[Any]) -> Callable[..., R]:
        if model is None:
            return self.function
        if model._is_regression():
            raise NoProbabilitiesError("expected a model of classes. Received: one with kind=regression")
        return types.MethodType(self.function, model)


def tags(*, regression: bool) -> Any:
    """Return the scikit-learn estimator tags of a classifier or, for a `regression`, of a regressor."""
    from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

    return Tags(
        estimator_type="regressor" if regression else "classifier",
        target_tags=TargetTags(required=True),
        classifier_tags=None if regression else ClassifierTags(),
        regressor_tags=RegressorTags() if regression else None,
        input_tags=InputTags(three_d_array=True, string=True),
    )


class ScikitModel(TaskModel[C, N, V]):
    """Model with scikit-learn's conventions: parameters are stored unchanged, and validated by `fit`.

    Learnt attributes have names that end with an underscore.

    Args:
        preset: the preset that the options start from; "auto" chooses by the data those that are not given.
        options: any option by its name; None for the preset's value.

    Raises ConfigError for an unknown name.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter("preset", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=AUTO),
                *(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in cls._names()),
            ]
        )

    @classmethod
    def _names(cls) -> list[str]:
        """Return the names of all options."""
        return [name for kind in cls.setup_class.config_class.sections().values() for name in fields_of(kind)]

    def __init__(self, preset: str = AUTO, **options: Any) -> None:
        self.preset = preset
        self.set_params(**options)
        self._forget()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return every parameter with its value; None for an option at the preset's value."""
        del deep
        return {"preset": self.preset, **{name: getattr(self, name, None) for name in self._names()}}

    def set_params(self, **params: Any) -> Self:
        """Set parameters for the next `fit`. Raises ConfigError for an unknown name."""
        known = {"preset", *self._names()}
        for name, value in self.setup_class.config_class.present_names(params).items():
            if name not in known:
                # Raises ConfigError, with a suggestion.
                self.setup_class.config_class.make("base", {name: value}, where=type(self).__name__)
            setattr(self, name, value)
        return self

    def __sklearn_clone__(self) -> Self:
        """Return an untrained model with the same parameters (scikit-learn protocol)."""
        return type(self)(**copy.deepcopy(self.get_params()))

    @property
    def config(self) -> C:
        """All options: those of the trained model, or those for the next `fit`. Raises ConfigError for invalid ones."""
        if self._network is not None:
            return self._config
        if not isinstance(self.preset, str):
            raise ConfigError(f"expected the name of a preset. Received: {self.preset!r}")
        preferred = getattr(self, "_preferred", {})
        config: C = self.setup_class.config_class.make(self.preset, preferred, self._given_options())
        return config

    @config.setter
    def config(self, config: C) -> None:
        self._config = config

    def _preset_name(self) -> str:
        return self.preset

    def _given_options(self) -> dict[str, Any]:
        """Return the parameters that are options and not None."""
        return {name: value for name, value in self.get_params().items() if value is not None and name != "preset"}

    @contextmanager
    def _preferring(self, own: Mapping[str, Any]) -> Iterator[None]:
        """Context manager of a `fit` for which the preset has these options."""
        self._preferred = own
        try:
            yield
        finally:
            del self._preferred

    def _begin(self) -> None:
        """Read the parameters for a new `fit`, and discard what an earlier one has learnt."""
        self._forget()
        for name in [name for name in vars(self) if name.endswith("_")]:
            del vars(self)[name]
        self._start(self.config)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Load the model in `folder`. Raises ArtifactError for an incomplete, invalid or unsafe model."""
        model = super().load(folder)
        for section in vars(model.config).values():
            model.set_params(**vars(section))
        return model
