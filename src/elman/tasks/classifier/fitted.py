"""A trained classifier: answers, figures and explanations for examples that are read, and its folder.

Knows nothing about how examples come to be, nor about scikit-learn.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.examples import Examples
from elman.data.examples.encode import Encoder, TextEncoder, encoder_from_json
from elman.data.examples.targets import Classes, Score, Targets, targets_from_json
from elman.data.rows import Rows
from elman.errors import ArtifactError, ConfigError, DataError
from elman.metrics.classification import class_evaluation, log_softmax, score_figures
from elman.tasks.building import load_network
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.explain import Explanation, step_weights
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.objective import outputs_of
from elman.tasks.classifier.run import TASK, new_network
from elman.tasks.folder import open_folder, save_folder
from elman.tasks.run import Run

__all__ = ["Fitted"]


@dataclass
class Fitted:
    """What a classifier has once it is trained.

    config               the options of the training
    network              its weights are the best ones
    encoder, targets     what examples and labels become
    temperature          divides the network's scores before they become probabilities
    metrics, data, training, command  what the model's folder tells
    """

    config: ClassifierConfig
    network: ClassifierNetwork
    encoder: Encoder
    targets: Targets
    temperature: float
    metrics: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    command: str = ""

    @staticmethod
    def of(run: Run[ClassifierNetwork]) -> Fitted:
        """What a run has made."""
        vocabulary, config = run.job.vocabulary or {}, run.config
        return Fitted(
            config=config,
            network=run.network,
            encoder=encoder_from_json(vocabulary, config.input, "the run"),
            targets=targets_from_json(vocabulary, config.target.kind, "the run"),
            temperature=vocabulary["temperature"],
            metrics=run.metrics,
            data=run.job.data,
            training={"steps": run.training.step, "seconds": round(run.training.seconds, 1)},
            command=run.command,
        )

    @property
    def reads_text(self) -> bool:
        """Whether examples are texts, and not series."""
        return isinstance(self.encoder, TextEncoder)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as text; none for a score."""
        return self.targets.names if isinstance(self.targets, Classes) else ()

    def classes(self) -> Classes:
        """The classes. Raises ConfigError for a model that gives a score."""
        if not isinstance(self.targets, Classes):
            raise ConfigError("expected a model of classes. Received: one that was trained with kind=score")
        return self.targets

    def outputs(self, examples: Examples) -> npt.NDArray[np.float64]:
        """The network's scores [N, C]. Raises DataError for examples of another kind than those of the training."""
        self.network.eval()
        return outputs_of(self.network, Rows(self.encoder.encode(examples)))

    def probabilities(self, outputs_NC: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The probabilities of the classes for scores of the network."""
        return np.exp(log_softmax(outputs_NC / self.temperature))

    def scores(self, outputs_NC: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What a model of scores answers, [N]. Raises ConfigError for a model of classes."""
        if not isinstance(self.targets, Score):
            raise ConfigError("expected a model that was trained with kind=score. Received: one of classes")
        return self.targets.decode(outputs_NC[:, 0])

    def evaluate(self, examples: Examples) -> dict[str, Any]:
        """Figures on labelled examples; see `Classifier.evaluate`."""
        truth_N = self.targets.encode(examples)
        outputs_NC = self.outputs(examples)
        if isinstance(self.targets, Score):
            figures = score_figures(self.scores(outputs_NC), self.targets.decode(truth_N))
            return {"examples": len(examples), **figures}
        return class_evaluation(outputs_NC, truth_N, self.targets.names, self.temperature)

    def explain(self, examples: Examples, label: str | None = None) -> list[Explanation]:
        """What spoke for and against the answers, or the class `label`; see `Classifier.explain`."""
        rows = Rows(self.encoder.encode(examples))
        self.network.eval()
        chosen_N = outputs_of(self.network, rows).argmax(axis=1)
        if label is not None:
            names = self.classes().names
            if label not in names:
                shown = ", ".join(map(repr, names[:10]))
                raise DataError(f"expected a label seen in training, one of {shown}. Received: {label!r}")
            chosen_N = np.full(len(rows), names.index(label))
        found = []
        for given, weights_TI, chosen in zip(
            examples.inputs, step_weights(self.network, rows, chosen_N), chosen_N.tolist(), strict=True
        ):
            name = self.names[chosen] if self.names else None
            if isinstance(self.encoder, TextEncoder):
                pieces = tuple(self.encoder.pieces(str(given)))
                found.append(Explanation(name, pieces, None, weights_TI.sum(axis=1)))
            else:
                found.append(Explanation(name, (), np.asarray(given), weights_TI))
        return found

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as a folder. Raises StorageError when that is not possible."""
        save_folder(
            folder,
            task=TASK,
            network=self.network,
            config=self.config,
            training=self.training,
            metrics=self.metrics,
            data=self.data,
            command=self.command,
            vocabulary={
                **self.encoder.to_json(),
                **self.targets.to_json(),
                "grams": 0 if self.network.bag is None else len(self.network.bag.keys_K),
                "temperature": self.temperature,
            },
        )

    @staticmethod
    def load(folder: str | os.PathLike[str]) -> Fitted:
        """What is in `folder`. Raises ArtifactError for anything that is not a whole and safe classifier."""
        opened = open_folder(folder, TASK, ClassifierConfig)
        described, config, vocabulary = opened.described, opened.config, opened.vocabulary
        words = f"{os.fspath(folder)}/vocabulary.json"
        encoder = encoder_from_json(vocabulary, config.input, words)
        targets = targets_from_json(vocabulary, config.target.kind, words)
        temperature: Any = vocabulary.get("temperature")
        if type(temperature) not in (int, float) or not 0.0 < temperature < math.inf:
            raise ArtifactError(f"{words}: expected a temperature above 0. Received: {str(temperature)[:40]}")
        grams: Any = vocabulary.get("grams")
        if type(grams) is not int or not 0 <= grams < 2**31 or (grams > 0) > (config.network.bag > 0):
            raise ArtifactError(f"{words}: expected the number of n-grams of a bag. Received: {str(grams)[:40]}")
        return Fitted(
            config=config,
            network=load_network(described, lambda: new_network(config, encoder, targets, grams)),
            encoder=encoder,
            targets=targets,
            temperature=float(temperature),
            metrics=described.metrics,
            data=described.data,
            training=opened.training,
            command=described.command,
        )
