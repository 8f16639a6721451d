"""Options of searches for output tokens. Does not import torch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

from elman.errors import ConfigError
from elman.options import option

__all__ = ["SearchConfig"]


@dataclass(frozen=True)
class SearchConfig:
    """Options of greedy search, beam search and sampling."""

    beams: int = option(5, "hypotheses that beam search keeps at each step; 1 for greedy search", least=1, most=1000)
    n_best: int = option(1, "outputs for each input, best first", least=1, most=1000)
    length_penalty: float = option(
        1.0, "divides log-probabilities by ((5 + tokens) / 6) to this power (Wu et al. 2016)", least=0.0
    )
    coverage_penalty: float = option(
        0.0, "penalty for parts of the source that receive no attention (Wu et al. 2016)", least=0.0
    )
    lm_weight: float = option(0.5, "weight of the language model's log-probabilities", least=0.0)
    insertion_bonus: float = option(0.0, "added to the score of a text for each token")
    stop: str = option(
        "exact",
        "a search ends when no other output can be better (exact), or when as many as beams have ended (enough)",
        choices=("exact", "enough"),
    )
    max_length: int = option(
        0, "maximum tokens of an output; 0 for a limit that depends on the source's length", least=0
    )
    min_length: int = option(0, "minimum tokens of an output, before which it does not end", least=0)
    sample: bool = option(False, "sample outputs at random instead of searching")
    temperature: float = option(1.0, "sampling: below 1 more likely tokens, above 1 more varied ones", least=0.0)
    top_k: int = option(0, "sampling: from the k most likely tokens; 0 for all", least=0)
    top_p: float = option(
        1.0, "sampling: from the most likely tokens whose total probability reaches this", least=0.0, most=1.0
    )
    seed: int = option(0, "sampling: the same seed gives the same outputs", least=0, most=2**63 - 1)

    def of_batch(self, number: int) -> Self:
        """Return the options for one of several batches: when sampling, each has its own seed."""
        return replace(self, seed=(self.seed + number) % 2**63) if self.sample and number else self

    def check(self) -> None:
        """Raise ConfigError for options that cannot be combined."""
        if self.max_length and self.min_length > self.max_length:
            raise ConfigError(
                f"expected min_length of at most max_length = {self.max_length}. Received: {self.min_length}"
            )
        if not self.sample and self.n_best > self.beams:
            raise ConfigError(f"expected n_best of at most beams = {self.beams}. Received: {self.n_best}")
        idle = _OF_SEARCHES if self.sample else _OF_DRAWS
        given = [f"{name}={getattr(self, name)}" for name, usual in idle.items() if getattr(self, name) != usual]
        if given:
            raise ConfigError(
                f"expected {', '.join(idle)} {'without' if self.sample else 'only with'} sample. "
                f"Received: {', '.join(given)}"
            )


# Options that sampling does not use, and options that only sampling uses, with their defaults.
_OF_SEARCHES, _OF_DRAWS = (
    {each.name: each.default for each in fields(SearchConfig) if each.name in names}
    for names in (
        ("length_penalty", "coverage_penalty", "lm_weight", "insertion_bonus", "stop"),
        ("temperature", "top_k", "top_p", "seed"),
    )
)
