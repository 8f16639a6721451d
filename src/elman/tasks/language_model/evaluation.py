"""The endpoint `evaluate` of the language model: as trained, with a neural cache, or with dynamic evaluation.

Does not import torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.display import aligned, number_text
from elman.errors import ConfigError
from elman.options import option
from elman.tasks.endpoint import Call, EndpointCallbacks, EvaluateOptions, Files, Metrics

if TYPE_CHECKING:
    from elman.metrics.adapted_likelihood import DynamicEvaluation
    from elman.metrics.neural_cache import NeuralCache
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["EvaluateTextOptions", "evaluate"]

_FIGURES = (
    *("nats_per_token", "bits_per_token", "nats_per_char", "bits_per_char", "perplexity", "perplexity_known"),
    *("unknown_share", "accuracy", "tokens"),
)
# Figures that are not shown where all tokens are known.
_OF_UNKNOWN = ("perplexity_known", "unknown_share")
# Options that need another one.
_OF_CACHE = ("cache_window", "cache_theta", "cache_lambda", "tune_on")
_OF_DYNAMIC = ("dynamic_decay", "dynamic_length")


@dataclass(frozen=True)
class EvaluateTextOptions(EvaluateOptions):
    """Options of `evaluate`. The first token is not predicted, so that two tokens are needed."""

    noun, least = "token", 2

    text_column: str = option("", "Tables: the column of the texts; by default that of the training data.")
    cache: str = option(
        "",
        "Language models: mix in the words that followed similar states (neural cache); auto chooses theta and lambda "
        "on --tune-on.",
        choices=("", "on", "auto"),
    )
    cache_window: int = option(2000, "Neural cache: number of the last tokens in it.", least=1)
    cache_theta: float | None = option(None, "Neural cache: 0 makes all tokens in it equally likely.", least=0.0)
    cache_lambda: float | None = option(None, "Neural cache: its share of the probability.", least=0.0, most=1.0)
    tune_on: list[str] | None = option(None, "Neural cache: validation texts for auto.", local=True)
    dynamic_rate: float | None = option(
        None,
        "Language models: learn from the text while it is read (dynamic evaluation), by SGD with this learning rate. "
        "The stored model does not change.",
        least=0.0,
    )
    dynamic_decay: float = option(0.0, "Dynamic evaluation: decay to the trained weights.", least=0.0, most=1.0)
    dynamic_length: int = option(20, "Dynamic evaluation: tokens from one step to the next.", least=1)

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for options of the cache and of dynamic evaluation that do not go together."""
        super().check(files, call)
        adapts = self.cache or self.dynamic_rate is not None
        if self.baseline and adapts:
            raise ConfigError(
                "expected --baseline without --cache and --dynamic-rate, since rules are compared with the network as "
                f"it was trained. Received: {f'--cache {self.cache}' if self.cache else '--dynamic-rate'}"
            )
        for names, present, needed in (
            (_OF_CACHE, self.cache, "--cache on or --cache auto"),
            (_OF_DYNAMIC, self.dynamic_rate is not None, "--dynamic-rate"),
        ):
            given = [name for name in names if name in call.given]
            if given and not present:
                raise ConfigError(f"expected {needed}. Received: {_flag(given[0])} without it")
        values = (self.cache_theta, self.cache_lambda)
        if self.cache == "on" and None in values:
            raise ConfigError(
                "expected --cache-theta and --cache-lambda with --cache on, or --cache auto --tune-on VALID to choose "
                f"them. Received: {values[0]} and {values[1]}"
            )
        if self.cache == "on" and self.tune_on:
            raise ConfigError("expected --cache auto with --tune-on. Received: --cache on")
        if self.cache == "auto" and (values != (None, None) or not self.tune_on):
            raise ConfigError(
                "expected --tune-on with --cache auto, on which theta and lambda are chosen. Received: "
                + ("no --tune-on" if not self.tune_on else "--cache-theta or --cache-lambda")
            )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def evaluate(model: LanguageModel, files: Files, options: EvaluateTextOptions, callbacks: EndpointCallbacks) -> Metrics:
    """Compute nats and bits per token and per character, perplexity and accuracy."""
    reading: dict[str, Any] = {"encoding": options.encoding, "errors": options.errors}
    reading |= {"text_column": options.text_column, "progress": callbacks.progress}
    cache, dynamic = _cache_of(model, options, reading), _dynamic_of(options)
    found = model.evaluate(files, limit=options.limit, cache=cache, dynamic=dynamic, **reading)
    figures: dict[str, Any] = {name: found.get(name, math.nan) for name in _FIGURES}
    rows = [
        (name.replace("_per_", " per ").replace("_", " "), f"{value:,}" if name == "tokens" else number_text(value))
        for name, value in figures.items()
        if figures["unknown_share"] or name not in _OF_UNKNOWN
    ]
    how = []
    if cache is not None:
        figures["cache"] = {"window": cache.window, "theta": cache.theta, "lambda": cache.share}
        how.append(f"neural cache: window {cache.window:,}, theta {cache.theta:g}, lambda {cache.share:g}")
    if dynamic is not None:
        figures["dynamic"] = {"rate": dynamic.rate, "decay": dynamic.decay, "length": dynamic.length}
        how.append(f"dynamic evaluation: rate {dynamic.rate:g}, decay {dynamic.decay:g}, length {dynamic.length}")
    return Metrics(figures, "\n".join([aligned(rows, right=[1]), *how]))


def _cache_of(model: LanguageModel, options: EvaluateTextOptions, reading: dict[str, Any]) -> NeuralCache | None:
    """Return the neural cache that the options describe, or choose one on the validation texts."""
    from elman.metrics.neural_cache import NeuralCache

    if options.cache == "auto":
        return model.tune_cache(options.tune_on or (), window=options.cache_window, **reading)
    if options.cache_theta is None or options.cache_lambda is None:
        return None
    return NeuralCache(options.cache_window, options.cache_theta, options.cache_lambda)


def _dynamic_of(options: EvaluateTextOptions) -> DynamicEvaluation | None:
    from elman.metrics.adapted_likelihood import DynamicEvaluation

    if options.dynamic_rate is None:
        return None
    return DynamicEvaluation(options.dynamic_rate, options.dynamic_decay, options.dynamic_length)
