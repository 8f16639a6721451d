"""The classifier and the forecaster as sktime estimators.

Raises ConfigError on import if sktime is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError
from elman.tasks.classifier.model import Classifier

try:
    from sktime.classification.base import BaseClassifier

    from elman.adapters.sktime_forecaster import ElmanForecaster
except ImportError as error:
    raise ConfigError(f"expected sktime to be installed: pip install 'elman[sktime]'. Received: {error}") from error

__all__ = ["ElmanClassifier", "ElmanForecaster"]


class ElmanClassifier(BaseClassifier):  # type: ignore[misc]
    """Recurrent classifier of time series: `elman.Classifier` with sktime's interface.

    Accepts multivariate series of unequal length in any of sktime's panel types. `fit` raises ConfigError for an
    unknown option or an invalid value, and DataError for data that cannot be used.

    Parameters
    ----------
    preset : str
        The options to start from: "auto" (chosen by the data), "small", "base", "large" or "plain".
    options : mapping of str to values, optional
        Any option of `elman.Classifier` by its name, such as `{"hidden_size": 64, "max_seconds": 30}`.

    Attributes
    ----------
    model_ : elman.Classifier
        The trained model. Saved as a folder, it can be opened with `elman.load` and on the command line.

    Examples
    --------
    >>> from elman.adapters.sktime import ElmanClassifier
    >>> from sktime.datasets import load_unit_test
    >>> X, y = load_unit_test(split="train")  # doctest: +SKIP
    >>> classifier = ElmanClassifier(options={"max_seconds": 10}).fit(X, y)  # doctest: +SKIP
    >>> classifier.predict(X)  # doctest: +SKIP
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "elman",
        "maintainers": "elman",
        "python_dependencies": "torch",
        "X_inner_mtype": "df-list",
        "y_inner_mtype": "numpy1D",
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:categorical_in_X": False,
        "capability:predict_proba": True,
    }

    def __init__(self, preset: str = "auto", options: Mapping[str, Any] | None = None) -> None:
        self.preset = preset
        self.options = options
        super().__init__()

    def _fit(self, X: list[Any], y: npt.NDArray[Any]) -> ElmanClassifier:
        self.model_ = Classifier(self.preset, **(self.options or {})).fit(X, y, progress=False)
        return self

    def _predict(self, X: list[Any]) -> npt.NDArray[Any]:
        return self.model_.predict(X)

    def _predict_proba(self, X: list[Any]) -> npt.NDArray[np.float64]:
        return self.model_.predict_proba(X)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return parameters of small models for sktime's tests."""
        del parameter_set
        quick = {"device": "cpu", "threads": 1, "precision": "float32", "hidden_size": 4, "max_steps": 2}
        return [
            {"preset": "small", "options": quick},
            {"options": {**quick, "cell": "elman", "bidirectional": False, "pool": "last", "split": [1.0, 0.0, 0.0]}},
        ]
