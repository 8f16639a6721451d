"""What a classifier has once it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.encode import Encoder
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.targets import Targets

__all__ = ["Fitted"]


@dataclass
class Fitted:
    """What a classifier has once it is trained."""

    config: ClassifierConfig
    network: ClassifierNetwork
    encoder: Encoder
    targets: Targets
    temperature: float
    metrics: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    command: str = ""

    def vocabulary(self) -> dict[str, Any]:
        """What else than weights and options the model has, as plain values."""
        return {**self.encoder.to_json(), **self.targets.to_json(), "temperature": self.temperature}
