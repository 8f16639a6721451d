"""What scikit-learn asks of an estimator beside fit and predict. It is imported only where a program uses it."""

from __future__ import annotations

import sys
from typing import Any

from elman.errors import ConfigError

__all__ = ["NoProbabilities", "not_trained", "tags"]


class NoProbabilities(ConfigError, AttributeError):
    """A model of scores has no `predict_proba`: `hasattr` says so too."""


def not_trained() -> ConfigError:
    """The error for a model without `fit`; scikit-learn's NotFittedError too, where a program uses that."""
    message = "expected a model that is trained: call fit() or elman.load() first. Received: none"
    if sys.modules.get("sklearn") is None:
        return ConfigError(message)
    from sklearn.exceptions import NotFittedError

    kind: type[ConfigError] = type("NotTrained", (ConfigError, NotFittedError), {"__module__": __name__})
    return kind(message)


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
