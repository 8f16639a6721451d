"""The classifier as people use it: fit, predict, evaluate, explain, save, load. Follows scikit-learn's conventions."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from elman.data.examples.labels import label_text
from elman.data.examples.targets import Classes
from elman.errors import ConfigError
from elman.options import fields_of
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.explain import Explanation
from elman.tasks.classifier.fitted import Fitted
from elman.tasks.classifier.given import (
    are_paths,
    as_paths,
    examples_to_judge,
    held_out,
    labelled_examples,
    unlabelled_examples,
)
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.parts import Sources, make_parts, read_parts
from elman.tasks.classifier.run import classifier_job
from elman.tasks.classifier.scikit import NoProbabilities, check_columns, not_trained, tags
from elman.tasks.run import Run, tune_process

__all__ = ["Classifier"]


def _option_names() -> list[str]:
    return [name for section in ClassifierConfig.sections().values() for name in fields_of(section)]


class Classifier:
    """A recurrent classifier of texts or series, or a regression to one score each.

    Args:
        preset: "small", "base" or "large": the options to start from.
        options: any option of `elman train classifier` by its name, such as `cell="lstm"`, `hidden=256`,
            `kind="score"`. An option that is None is the preset's. Values are checked by `fit`.

    Attributes:
        classes_: the classes as they were given, in the order of `predict_proba` (not for a score).
        n_features_in_: T of series that came as a plain matrix, one series a row.

    Example:
        >>> model = elman.Classifier(max_epochs=5).fit("reviews.csv")  # doctest: +SKIP
        >>> model.predict(["a delight from start to end"])  # doctest: +SKIP
        >>> model.save("model/")  # doctest: +SKIP

    It follows scikit-learn's conventions without needing it: parameters are stored as they are, `get_params`,
    `set_params` and `clone` work, and what is learnt has a name that ends with an underscore.

    Raises ConfigError for an unknown option.
    """

    __signature__: ClassVar[inspect.Signature] = inspect.Signature(
        [
            inspect.Parameter("preset", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="base"),
            *(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None) for name in _option_names()),
        ]
    )
    classes_: npt.NDArray[Any]
    n_features_in_: int
    _fitted: Fitted | None = None

    def __init__(self, preset: str = "base", **options: Any) -> None:
        self.preset = preset
        self.set_params(**options)

    def __repr__(self) -> str:
        """What kind of model it is, in a line."""
        if self._fitted is None:
            given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items() if value is not None)
            return f"Classifier({given})"
        network, targets = self._fitted.config.network, self._fitted.targets
        answers = f"{targets.outputs:,} classes" if isinstance(targets, Classes) else "a score"
        shape = f"{network.cell} {network.layers}x{network.hidden}"
        return f"<Classifier {shape}, {self.network.count_parameters():,} weights, {answers}>"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every parameter with its value; None for an option that is the preset's."""
        del deep
        return {"preset": self.preset, **{name: getattr(self, name, None) for name in _option_names()}}

    def set_params(self, **params: Any) -> Classifier:
        """Change parameters; they act in the next `fit`. Raises ConfigError for an unknown name."""
        known = {"preset", *_option_names()}
        for name, value in params.items():
            if name not in known:
                ClassifierConfig.make("base", {name: value}, where="Classifier")  # says which name was meant
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks: a classifier, or with `kind="score"` a regressor."""
        return tags(scores=self._gives_scores())

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` was called."""
        return self._fitted is not None

    @property
    def config(self) -> ClassifierConfig:
        """All options: those of the training, or before `fit` those that it will take. Raises ConfigError."""
        if self._fitted is not None:
            return self._fitted.config
        options = {name: value for name, value in self.get_params().items() if value is not None}
        preset = options.pop("preset", "base")
        if not isinstance(preset, str):
            raise ConfigError(f"expected the name of a preset. Received: {preset!r}")
        return ClassifierConfig.make(preset, options)

    @property
    def fitted(self) -> Fitted:
        """What was learnt. Raises ConfigError before `fit` (scikit-learn's NotFittedError where it is in use)."""
        if self._fitted is None:
            raise not_trained()
        return self._fitted

    @property
    def network(self) -> ClassifierNetwork:
        """The network."""
        return self.fitted.network

    @property
    def metrics(self) -> dict[str, Any]:
        """The figures of the training: "valid", "best_step", "calibration", "test" where there is such a part."""
        return self.fitted.metrics

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool = True,
        tune: bool = True,
    ) -> Classifier:
        """Train.

        X            with `y`: texts, arrays or data frames, see `elman.data.examples.examples_from`; without: a path,
                     or several
        y            a label for each of X
        valid, test  data of their own for validation and test: paths, or a pair (X, y); else shares as `split` says
        folder       for X from files: keep checkpoints and the best model there while training
        progress     show a progress bar on standard error
        tune         set this process' threads and memory allocator for training

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, Diverged, OutOfMemory.
        """
        for name in ("_fitted", "classes_", "n_features_in_"):
            vars(self).pop(name, None)
        config, classes = self.config, None
        if y is None and are_paths(X):
            sources = Sources(as_paths(X), as_paths(valid), as_paths(test))
            job = classifier_job(config, read_parts(sources, config), sources)
        else:
            if folder is not None:
                raise ConfigError("expected examples in files when training in a folder. Received: examples in memory")
            given = labelled_examples(X, y, config)
            held = [None if part is None else held_out(part, config) for part in (valid, test)]
            parts = make_parts(given.examples, config, valid=held[0], test=held[1])
            job = classifier_job(config, parts, names=given.names, values=given.values)
            classes = given.classes
            if given.features is not None:
                self.n_features_in_ = given.features
        where = None if folder is None else Path(folder)
        run = Run(job, folder=where, command="", watch=job.watch(quiet=not progress))
        if longer := job.data["longer_than_max_length"]:
            run.watch.say(f"{longer:,} texts are longer than max_length and are cut")
        if tune:
            tune_process(run.config.training)
        run.go()
        return self._take(Fitted.of(run), classes)

    def _take(self, fitted: Fitted, classes: npt.NDArray[Any] | None = None) -> Classifier:
        """What was learnt; `classes` are those that were given, else they are what labels say."""
        self._fitted = fitted
        if isinstance(fitted.targets, Classes):
            self.classes_ = fitted.targets.array() if classes is None else classes
        return self

    def _outputs(self, X: Any) -> npt.NDArray[np.float64]:
        fitted = self.fitted
        check_columns(X, getattr(self, "n_features_in_", None))
        return fitted.outputs(unlabelled_examples(X, fitted))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each example, as it was given in training; or its score, float64.

        X: texts, arrays or data frames as in `fit`, or a `pathlib.Path` to read. Raises DataError.
        """
        outputs_NC = self._outputs(X)
        if not self.fitted.names:
            return self.fitted.scores(outputs_NC)
        found: npt.NDArray[Any] = self.classes_[outputs_NC.argmax(axis=1)]
        return found

    @property
    def predict_proba(self) -> Callable[[Any], npt.NDArray[np.float64]]:
        """`predict_proba(X)`: probabilities [N, C] of the classes, in the order of `classes_`.

        A model of scores has no such method: its error is a ConfigError and an AttributeError.
        """
        if self._gives_scores():
            raise NoProbabilities("expected a model of classes. Received: one with kind=score")
        return self._predict_proba

    def _predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        return self.fitted.probabilities(self._outputs(X))

    def _gives_scores(self) -> bool:
        if self._fitted is not None:
            return not self._fitted.names
        return getattr(self, "kind", None) == "score"

    def score(self, X: Any, y: Any = None) -> float:
        """The accuracy on labelled examples; of scores R2. Data as for `evaluate`."""
        figures = self.evaluate(X, y)
        return float(figures["accuracy" if self.fitted.names else "r2"])

    def evaluate(self, X: Any, y: Any = None) -> dict[str, Any]:
        """Figures on labelled examples: X and y as in `fit`, or one or more paths.

        Classes: "examples", "accuracy", "macro_f1", "log_loss" (nats), "brier", "ece" (expected calibration error) and
        "ece_before" (without the temperature), "temperature", "classes" (precision, recall, F1 and support of each)
        and "confusion" (rows are true, columns predicted). A score: "examples", "rmse", "mae", "r2".

        Raises DataError for examples that cannot be used, and for a label that was not seen in training.
        """
        fitted = self.fitted
        check_columns(X, getattr(self, "n_features_in_", None))
        return fitted.evaluate(examples_to_judge(X, y, fitted))

    def explain(self, X: Any, label: Any = None) -> list[Explanation]:
        """Which time steps spoke for and against an answer: gradient x input of its score, for every example.

        `label` names the class to explain; by default it is the one that is predicted. Weights of a text are one
        number a token; those of a series one a step and channel. Raises DataError for an unknown label.
        """
        name = None if label is None else label_text(label, "label")
        return self.fitted.explain(unlabelled_examples(X, self.fitted), name)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as a folder. Raises StorageError when that is not possible."""
        self.fitted.save(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Classifier:
        """The model in `folder`. Raises ArtifactError for anything that is not a whole and safe model."""
        fitted = Fitted.load(folder)
        model = cls()
        for section in fitted.config.sections():
            model.set_params(**vars(getattr(fitted.config, section)))
        return model._take(fitted)
