"""scikit-learn's conventions for the class of a task. It is imported only where a program uses it."""

from __future__ import annotations

import inspect
import os
from typing import Any, Self, TypeVar

from elman.errors import ConfigError
from elman.nn import StoredModule
from elman.options import Sections, fields_of
from elman.tasks.model import TaskModel

__all__ = ["NoProbabilities", "ScikitModel", "tags"]

C = TypeVar("C", bound=Sections)
N = TypeVar("N", bound=StoredModule)
V = TypeVar("V")


class NoProbabilities(ConfigError, AttributeError):
    """A model of scores has no `predict_proba`: `hasattr` says so too."""


def tags(*, scores: bool) -> Any:
    """What an estimator is: a classifier, or of scores a regressor, of series or texts."""
    from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

    return Tags(
        estimator_type="regressor" if scores else "classifier",
        target_tags=TargetTags(required=True),
        classifier_tags=None if scores else ClassifierTags(),
        regressor_tags=RegressorTags() if scores else None,
        input_tags=InputTags(three_d_array=True, string=True),
    )


class ScikitModel(TaskModel[C, N, V]):
    """A model whose parameters are stored as they are given, without a check, until `fit` reads them.

    What is learnt has a name that ends with an underscore.

    Args:
        preset: where the options begin.
        options: any option by its name; None for the preset's.

    Raises ConfigError for an unknown name.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter("preset", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="base"),
                *(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in cls._names()),
            ]
        )

    @classmethod
    def _names(cls) -> list[str]:
        """The names of all options."""
        return [name for kind in cls.setup_class.config_class.sections().values() for name in fields_of(kind)]

    def __init__(self, preset: str = "base", **options: Any) -> None:
        self.preset = preset
        self.set_params(**options)
        self._forget()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every parameter with its value; None for an option that is the preset's."""
        del deep
        return {"preset": self.preset, **{name: getattr(self, name, None) for name in self._names()}}

    def set_params(self, **params: Any) -> Self:
        """Change parameters; they act in the next `fit`. Raises ConfigError for an unknown name."""
        known = {"preset", *self._names()}
        for name, value in params.items():
            if name not in known:
                # This says which name was meant.
                self.setup_class.config_class.make("base", {name: value}, where=type(self).__name__)
            setattr(self, name, value)
        return self

    @property
    def config(self) -> C:
        """All options: those of the training, or before `fit` those that it will take. Raises ConfigError."""
        if self._network is not None:
            return self._config
        options = {name: value for name, value in self.get_params().items() if value is not None}
        preset = options.pop("preset", "base")
        if not isinstance(preset, str):
            raise ConfigError(f"expected the name of a preset. Received: {preset!r}")
        config: C = self.setup_class.config_class.make(preset, options)
        return config

    @config.setter
    def config(self, config: C) -> None:
        self._config = config

    def _begin(self) -> None:
        """Read the parameters for a new `fit`, and forget what an earlier one has learnt."""
        self._forget()
        for name in [name for name in vars(self) if name.endswith("_")]:
            del vars(self)[name]
        self._start(self.config)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """The model in `folder`. Raises ArtifactError for anything that is not a whole and safe model."""
        model = super().load(folder)
        for section in vars(model.config).values():
            model.set_params(**vars(section))
        return model
