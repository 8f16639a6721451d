"""The endpoint `evaluate` of word vectors. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elman.display import aligned, number_text
from elman.tasks.endpoint import EndpointCallbacks, EvaluateOptions, Files, Metrics

if TYPE_CHECKING:
    from elman.tasks.embeddings.model import Embeddings

__all__ = ["EvaluateWordsOptions", "evaluate"]


@dataclass(frozen=True)
class EvaluateWordsOptions(EvaluateOptions):
    """Options of `evaluate`."""

    noun, least = "token", 2


def evaluate(model: Embeddings, files: Files, options: EvaluateWordsOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute the loss of the pairs of a text."""
    figures = model.evaluate(
        files, limit=options.limit, encoding=options.encoding, errors=options.errors, progress=callbacks.progress
    )
    rows = [
        *([("nats per pair", number_text(figures["loss"]))] if "loss" in figures else []),
        ("true words above noise", f"{figures['above_noise']:.2%}"),
        ("pairs", f"{figures['pairs']:,}"),
    ]
    return Metrics(figures, aligned(rows, right=[1]))
