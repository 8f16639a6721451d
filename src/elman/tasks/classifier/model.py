"""`Classifier`: train, predict, evaluate, explain, save and load. Follows scikit-learn's conventions."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from elman.data.columns import have_names
from elman.data.examples.arguments import (
    check_columns,
    evaluation_examples,
    held_out,
    labelled_examples,
    unlabelled_examples,
)
from elman.data.examples.base import Examples
from elman.data.examples.parts import make_parts
from elman.data.examples.targets import ClassTargets, RegressionTarget
from elman.data.examples.vocabulary import ClassifierVocabulary, EncodedExamples
from elman.data.examples.weights import checked_weights
from elman.data.labels import LabelIndex, label_text
from elman.data.rows import SequenceRows
from elman.data.sources import Sources, as_paths, is_path
from elman.decode.evaluation_mode import evaluation_mode
from elman.display import Progress
from elman.errors import ArtifactError, ConfigError, DataError
from elman.former import FormerView, warn_of_former_name
from elman.metrics.classification import evaluation, log_softmax, weighted_score
from elman.nn.attribution import Explanation, explanations, predict_outputs, step_weights
from elman.nn.ensemble import members_of
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.setup import ClassifierSetup
from elman.tasks.model import TaskModel
from elman.tasks.scikit import ClassesOnly, ScikitModel, tags
from elman.tasks.start import startable
from elman.train.callbacks import OnEvent

__all__ = ["Classifier"]

_PATHS = "a path, or several, as for the training data"


class Classifier(ScikitModel[ClassifierConfig, ClassifierNetwork, ClassifierVocabulary]):
    """A recurrent classifier of texts or series, or a regression to one number.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large" or "plain", the options to start from.
        options: any option of `elman train classifier` by its name, such as `cell="lstm"`, `hidden_size=256`,
            `kind="regression"`. None means the preset's value. `fit` validates the values.

    Attributes:
        classes_: the classes as given to `fit`, in the order of `predict_proba` (not for a regression).
        n_features_in_: number of time steps of series given as a matrix with one series per row.
        feature_names_in_: names of the columns, if X was a data frame with one series per row and named columns. A
            data frame in `predict` must have the same columns; their order does not matter.
        metrics: the metrics of the training run: "valid", "best_step", "calibration" and "test", as available.

    Example:
        >>> model = elman.Classifier(max_epochs=5).fit("reviews.csv")  # doctest: +SKIP
        >>> model.predict(["a delight from start to end"])  # doctest: +SKIP
        >>> model.save("model/")  # doctest: +SKIP

    Follows scikit-learn's conventions without requiring it: parameters are stored unchanged, `get_params`,
    `set_params` and `clone` work, and learnt attributes have names that end with an underscore.

    Raises ConfigError for an unknown option.
    """

    setup_class = ClassifierSetup
    classes_: npt.NDArray[Any]
    n_features_in_: int
    feature_names_in_: npt.NDArray[Any]

    def __repr__(self) -> str:
        """Return a one-line description of the model."""
        if self._network is None:
            given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items() if value is not None)
            return f"Classifier({given})"
        weights, answer = f"{self._network.count_parameters():,} weights", self.vocabulary.answer()
        return f"<Classifier {self.config.network.shape}, {weights}, {answer}>"

    @property
    def fitted(self) -> FormerView:
        """An earlier name of `vocabulary`, which also has the attributes of the model. Raises ConfigError."""
        warn_of_former_name("Classifier.fitted", "Classifier.vocabulary")
        return FormerView(self.vocabulary, self)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: those of a classifier, or with `kind="regression"` of a regressor."""
        return tags(regression=self._is_regression())

    @startable
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        valid: Any = None,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        tune: bool = True,
        on_event: OnEvent = None,
        start_from: str | os.PathLike[str] | TaskModel[Any, Any, Any] | None = None,
    ) -> Classifier:
        """Train the classifier.

        X              with `y`: texts, arrays or data frames, see `elman.data.examples.examples_from`; without `y`: one
                       or more paths
        y              a label for each example
        sample_weight  with `y`: a number for each example, by which its loss is multiplied; examples of weight 0 are
                       left out, and the validation examples' weights apply to the selection of the best weights
        valid, test    separate validation and test data: paths, or a pair (X, y); by default, shares given by `split`
        folder         for files: write checkpoints and the best model to this folder during training
        progress       show a progress bar on standard error; by default, unless scikit-learn calls `fit`
        tune           set the threads and the memory allocator of this process for training
        on_event       a function, or a list of them, that is called with the events of the run and may stop it
        start_from     a trained model or the path of one, whose weights, vocabulary and options are the start

        Returns self. Raises DataError, EncodingError, ConfigError, StorageError, DivergenceError, OutOfMemoryError.
        """
        self._begin()
        if y is None and is_path(X):
            if sample_weight is not None:
                raise ConfigError("expected sample_weight with examples in memory, X and y. Received: paths of files")
            sources = Sources(as_paths(X), as_paths(valid, _PATHS), as_paths(test, _PATHS))
            self._fit_files(sources, folder=folder, progress=progress, tune=tune, on_event=on_event)
            return self._name_classes()
        config = self._chosen
        data, regression = config.data, config.target.kind == "regression"
        with self._usable_rows() as bad:
            given = labelled_examples(X, y, data, regression=regression, sample_weight=sample_weight)
            valid, test = held_out(valid, data), held_out(test, data)
        parts = make_parts(
            given.examples,
            data,
            seed=config.training.seed,
            regression=regression,
            valid=valid,
            test=test,
            names=given.names,
            values=given.values,
        )
        if given.features is not None:
            self.n_features_in_ = given.features
        self._fit_memory(parts, folder=folder, progress=progress, tune=tune, on_event=on_event, left_out=bad.remarks)
        # A model that is started from may have put its classes before these.
        same = given.names is not None and self.vocabulary.names == tuple(given.names)
        return self._name_classes(given.classes if same else None)

    def _name_classes(self, classes: npt.NDArray[Any] | None = None) -> Self:
        """Set `classes_` to the given classes, or to the names of the labels, and the names of columns."""
        targets = self.vocabulary.targets
        if have_names(self.vocabulary.features):
            self.feature_names_in_ = np.array(self.vocabulary.features, dtype=object)
        if isinstance(targets, ClassTargets):
            self.classes_ = targets.array() if classes is None else classes
        return self

    def _outputs(self, rows: SequenceRows, progress: Progress | None) -> npt.NDArray[np.float64]:
        """Return the network's outputs [N, C]."""
        with evaluation_mode(self.network):
            return predict_outputs(self.network, rows, progress=progress)

    def _rows(self, X: Any) -> SequenceRows:
        """Encode the inputs of `predict`."""
        vocabulary = self.vocabulary
        check_columns(X, getattr(self, "n_features_in_", None), vocabulary.features)
        examples = unlabelled_examples(X, self.config.data, texts=vocabulary.reads_text)
        return vocabulary.rows_of(examples)[0]

    def predict(self, X: Any, *, progress: Progress | None = None) -> npt.NDArray[Any]:
        """Return the most likely class of each example, as given to `fit`, or its number (float64).

        X         texts, arrays or data frames as in `fit`, or a `pathlib.Path` to read
        progress  called with the name of the stage and the completed fraction

        Raises DataError.
        """
        outputs_NC = self._outputs(self._rows(X), progress)
        targets = self.vocabulary.targets
        if isinstance(targets, RegressionTarget):
            return targets.decode(outputs_NC[:, 0])
        found: npt.NDArray[Any] = self.classes_[outputs_NC.argmax(axis=1)]
        return found

    @ClassesOnly
    def predict_proba(self, X: Any, *, progress: Progress | None = None) -> npt.NDArray[np.float64]:
        """Return the probabilities [N, C] of the classes, in the order of `classes_`.

        Arguments as for `predict`. A regression does not have this method: `NoProbabilitiesError`, a ConfigError and
        AttributeError.
        """
        outputs_NC = self._outputs(self._rows(X), progress)
        return np.exp(log_softmax(outputs_NC / self.vocabulary.temperature))

    def _is_regression(self) -> bool:
        if self._vocabulary is not None:
            return not self._vocabulary.names
        return getattr(self, "kind", None) == "regression"

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy on labelled examples, or R2 for a regression.

        Data as for `evaluate`, weights as for `fit`.
        """
        encoded = self._encoded(X, y)
        weights_N = checked_weights(sample_weight, len(encoded.rows))
        if weights_N is not None:
            return weighted_score(self._outputs(encoded.rows, None), encoded.truth_N, self.vocabulary, weights_N)
        figures = evaluation(self._outputs(encoded.rows, None), encoded.truth_N, self.vocabulary)
        return float(figures["accuracy" if self.vocabulary.names else "r2"])

    def _encoded(self, X: Any, y: Any) -> EncodedExamples:
        """Encode labelled examples for an evaluation."""
        vocabulary = self.vocabulary
        check_columns(X, getattr(self, "n_features_in_", None), vocabulary.features)
        return EncodedExamples(evaluation_examples(X, y, self.config.data), vocabulary)

    def evaluate(self, X: Any, y: Any = None, *, progress: Progress | None = None) -> dict[str, Any]:
        """Return metrics on labelled examples: X and y as in `fit`, or one or more paths; `progress` as for `predict`.

        Classes: "examples", "accuracy", "macro_f1", "log_loss" (nats), "brier", "ece" (expected calibration error) and
        "ece_before" (without the temperature), "temperature", "classes" (precision, recall, F1 and support of each)
        and "confusion" (rows are true, columns predicted). Regression: "examples", "rmse", "mae", "r2".

        Raises DataError for invalid examples, and for a label that was not seen in training.
        """
        with self._evaluated_rows():
            encoded = self._encoded(X, y)
        return evaluation(self._outputs(encoded.rows, progress), encoded.truth_N, self.vocabulary)

    def labelled_outputs(
        self, examples: Examples, progress: Progress | None = None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
        """Return the encoded targets of labelled examples, and the network's outputs [N, C]."""
        encoded = self._encoded(examples, None)
        return encoded.truth_N, self._outputs(encoded.rows, progress)

    def explain(self, X: Any, label: Any = None, *, progress: Progress | None = None) -> list[Explanation]:
        """Return the contribution of every token or time step to a prediction, by gradient x input.

        `label` is the class to explain; by default the predicted one. There is one weight for each token of a text,
        and one for each time step and channel of a series. `X` and `progress` as for `predict`. Raises DataError for
        an unknown label.
        """
        wanted = None if label is None else label_text(label, "label")
        encoder, names = self.vocabulary.encoder, self.vocabulary.names
        examples = unlabelled_examples(X, self.config.data, texts=self.vocabulary.reads_text)
        rows, _ = self.vocabulary.rows_of(examples)
        chosen_N = self._outputs(rows, progress).argmax(axis=1)
        if wanted is not None:
            number = LabelIndex(self.vocabulary.classes().names).find(wanted)
            if number is None:
                shown = ", ".join(map(repr, names[:10]))
                raise DataError(f"expected a label seen in training, one of {shown}. Received: {wanted!r}")
            chosen_N = np.full(len(examples), number)
        labels = [names[chosen] if names else None for chosen in chosen_N.tolist()]
        with evaluation_mode(self.network):
            return explanations(examples, encoder, labels, step_weights(self.network, rows, chosen_N))

    def _check_loaded(self, where: str) -> None:
        for member in members_of(self.network):
            if member.linear is not None and (problem := member.linear.problem()):
                raise ArtifactError(f"{where}: its weights are broken: {problem}")

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Load the model in `folder`. Raises ArtifactError for an incomplete, invalid or unsafe model."""
        return super().load(folder)._name_classes()
