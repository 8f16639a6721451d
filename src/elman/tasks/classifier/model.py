"""The classifier as people use it: fit, predict, evaluate, explain, save, load. Follows scikit-learn's conventions."""

from __future__ import annotations

import inspect
import math
import os
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from elman import artifact
from elman.data.examples import Examples
from elman.errors import ArtifactError, ConfigError, DataError
from elman.options import fields_of
from elman.tasks.building import load_network
from elman.tasks.classifier.batches import Rows
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.encode import TextEncoder, encoder_from_json
from elman.tasks.classifier.explain import Explanation, step_weights
from elman.tasks.classifier.figures import class_evaluation, log_softmax, score_figures
from elman.tasks.classifier.fitted import Fitted
from elman.tasks.classifier.given import (
    Given,
    are_paths,
    as_paths,
    examples_to_judge,
    held_out,
    labelled_examples,
    unlabelled_examples,
)
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.objective import outputs_of
from elman.tasks.classifier.parts import Sources, make_parts, read_parts
from elman.tasks.classifier.run import TASK, classifier_job, new_network
from elman.tasks.classifier.targets import Classes, Score, targets_from_json
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
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        scores = getattr(self, "kind", None) == "score"
        return Tags(
            estimator_type="regressor" if scores else "classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=None if scores else ClassifierTags(),
            regressor_tags=RegressorTags() if scores else None,
            input_tags=InputTags(three_d_array=True, string=True),
        )

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
            raise ConfigError("expected a model that is trained: call fit() or elman.load() first")
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
        if tune:
            tune_process(run.config.training)
        run.go()
        return self._adopt(run, classes)

    def _adopt(self, run: Run[ClassifierNetwork], classes: npt.NDArray[Any] | None) -> Classifier:
        """Take what a run has made; `classes` are those that were given, else they are what labels say."""
        vocabulary = run.job.vocabulary or {}
        config: ClassifierConfig = run.config
        self._take(
            Fitted(
                config=config,
                network=run.network,
                encoder=encoder_from_json(vocabulary, config.input, "the run"),
                targets=targets_from_json(vocabulary, config.target.kind, "the run"),
                temperature=vocabulary["temperature"],
                metrics=run.metrics,
                data=run.job.data,
                training={"steps": run.training.step, "seconds": round(run.training.seconds, 1)},
                command=run.command,
            ),
            classes,
        )
        return self

    def _take(self, fitted: Fitted, classes: npt.NDArray[Any] | None = None) -> None:
        self._fitted = fitted
        if isinstance(fitted.targets, Classes):
            self.classes_ = fitted.targets.array() if classes is None else classes

    def _encoded(self, X: Any) -> tuple[Examples, Rows]:
        """Examples to answer for: paths (as `pathlib.Path`; for series as text too), texts, or series."""
        examples = unlabelled_examples(X, self.fitted)
        return examples, Rows(self.fitted.encoder.encode(examples))

    def _outputs(self, X: Any) -> npt.NDArray[np.float64]:
        """The network's scores [N, C]."""
        self.network.eval()
        return outputs_of(self.network, self._encoded(X)[1])

    def _classes(self) -> Classes:
        """The classes. Raises ConfigError for a model that gives a score."""
        targets = self.fitted.targets
        if not isinstance(targets, Classes):
            raise ConfigError("expected a model of classes. Received: one that was trained with kind=score")
        return targets

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each example, as it was given in training; or its score, float64.

        X: texts, arrays or data frames as in `fit`, or a `pathlib.Path` to read. Raises DataError.
        """
        outputs_NC = self._outputs(X)
        if isinstance(self.fitted.targets, Score):
            return self.fitted.targets.decode(outputs_NC[:, 0])
        found: npt.NDArray[Any] = self.classes_[outputs_NC.argmax(axis=1)]
        return found

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Probabilities [N, C] of the classes, in the order of `classes_`. Raises ConfigError for a score."""
        self._classes()
        return np.exp(log_softmax(self._outputs(X) / self.fitted.temperature))

    def score(self, X: Any, y: Any = None) -> float:
        """The accuracy on labelled examples; of scores R2. Data as for `evaluate`."""
        figures = self.evaluate(X, y)
        return float(figures["r2" if isinstance(self.fitted.targets, Score) else "accuracy"])

    def evaluate(self, X: Any, y: Any = None) -> dict[str, Any]:
        """Figures on labelled examples: X and y as in `fit`, or one or more paths.

        Classes: "examples", "accuracy", "macro_f1", "log_loss" (nats), "brier", "ece" (expected calibration error) and
        "ece_before" (without the temperature), "temperature", "classes" (precision, recall, F1 and support of each)
        and "confusion" (rows are true, columns predicted). A score: "examples", "rmse", "mae", "r2".

        Raises DataError for examples that cannot be used, and for a label that was not seen in training.
        """
        return self.evaluate_examples(examples_to_judge(X, y, self.fitted))

    def evaluate_examples(self, examples: Examples) -> dict[str, Any]:
        """As `evaluate`, for examples that are read already."""
        fitted = self.fitted
        truth_N = fitted.targets.encode(examples)
        fitted.network.eval()
        outputs_NC = outputs_of(fitted.network, Rows(fitted.encoder.encode(examples)))
        if isinstance(fitted.targets, Score):
            predicted_N, true_N = fitted.targets.decode(outputs_NC[:, 0]), fitted.targets.decode(truth_N)
            return {"examples": len(examples), **score_figures(predicted_N, true_N)}
        return class_evaluation(outputs_NC, truth_N, fitted.targets.names, fitted.temperature)

    def explain(self, X: Any, label: Any = None) -> list[Explanation]:
        """Which time steps spoke for and against an answer: gradient x input of its score, for every example.

        `label` names the class to explain; by default it is the one that is predicted. Weights of a text are one
        number a token; those of a series one a step and channel. Raises DataError for an unknown label.
        """
        fitted = self.fitted
        examples, rows = self._encoded(X)
        fitted.network.eval()
        chosen_N = outputs_of(fitted.network, rows).argmax(axis=1)
        if label is not None:
            known = [self._classes().names.index(name) for name in self._classes().names if name == str(label)]
            if not known:
                shown = ", ".join(map(repr, self._classes().names[:10]))
                raise DataError(f"expected a label seen in training, one of {shown}. Received: {label!r}")
            chosen_N = np.full(len(rows), known[0])
        found = []
        for given, weights_TI, chosen in zip(
            examples.inputs, step_weights(fitted.network, rows, chosen_N), chosen_N, strict=True
        ):
            name = self.classes_[[chosen]].tolist()[0] if isinstance(fitted.targets, Classes) else None
            if isinstance(fitted.encoder, TextEncoder):
                pieces = tuple(fitted.encoder.pieces(str(given)))
                found.append(Explanation(name, pieces, None, weights_TI.sum(axis=1)))
            else:
                found.append(Explanation(name, (), np.asarray(given), weights_TI))
        return found

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as a folder. Raises StorageError when that is not possible."""
        fitted = self.fitted
        options = fitted.config.to_json()
        artifact.write_weights(folder, fitted.network.stored())
        artifact.write(
            folder,
            task=TASK,
            config=fitted.config.stored(),
            training={**fitted.training, "options": options["training"]},
            metrics=fitted.metrics,
            data=fitted.data,
            command=fitted.command,
            vocabulary=fitted.vocabulary(),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Classifier:
        """The model in `folder`. Raises ArtifactError for anything that is not a whole and safe model."""
        described = artifact.read(folder, task=TASK)
        where = f"{os.fspath(folder)}/elman.json"
        if described.vocabulary is None:
            raise ArtifactError(f"{where}: expected a vocabulary. Received: none")
        try:
            options = described.training["options"]
            config = ClassifierConfig.from_json({**described.config, "training": options}, where)
        except (KeyError, TypeError, ConfigError) as error:
            raise ArtifactError(f"{where} is broken: {error}") from error
        words = f"{os.fspath(folder)}/vocabulary.json"
        encoder = encoder_from_json(described.vocabulary, config.input, words)
        targets = targets_from_json(described.vocabulary, config.target.kind, words)
        temperature = described.vocabulary.get("temperature")
        if type(temperature) not in (int, float) or not 0.0 < temperature < math.inf:
            raise ArtifactError(f"{words}: expected a temperature above 0. Received: {str(temperature)[:40]}")
        network = load_network(described, lambda: new_network(config, encoder, targets))
        model = cls()
        for section in config.sections():
            model.set_params(**vars(getattr(config, section)))
        training = {name: value for name, value in described.training.items() if name != "options"}
        model._take(
            Fitted(
                config=config,
                network=network,
                encoder=encoder,
                targets=targets,
                temperature=float(temperature),
                metrics=described.metrics,
                data=described.data,
                training=training,
                command=described.command,
            )
        )
        return model
