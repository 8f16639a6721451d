"""How the tokens of an answer are searched for: the options. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields

from elman.errors import ConfigError
from elman.options import option

__all__ = ["SearchConfig"]


@dataclass(frozen=True)
class SearchConfig:
    """How the tokens of an answer are found."""

    beams: int = option(
        5, "hypotheses that the search follows side by side; 1 for the likeliest token each time", least=1, most=1000
    )
    n_best: int = option(1, "answers for each, best first", least=1, most=1000)
    length_penalty: float = option(
        1.0, "log-probabilities are divided by ((5 + tokens) / 6) to this power (Wu et al. 2016); 0 for not", least=0.0
    )
    coverage_penalty: float = option(
        0.0, "what it costs to leave parts of the source without attention (Wu et al. 2016)", least=0.0
    )
    stop: str = option(
        "exact",
        "a search ends when no other answer can be better (exact), or as soon as so many as beams have ended (enough)",
        choices=("exact", "enough"),
    )
    max_length: int = option(0, "most tokens of an answer; 0 for a limit by the source's length", least=0)
    sample: bool = option(False, "draw answers at random instead")
    temperature: float = option(1.0, "draws: below 1 likelier tokens, above 1 more surprising ones", least=0.0)
    top_k: int = option(0, "draws: among the k likeliest tokens; 0 for all", least=0)
    top_p: float = option(1.0, "draws: among the likeliest tokens that hold this probability", least=0.0, most=1.0)
    seed: int = option(0, "draws: the same seed gives the same answers", least=0, most=2**63 - 1)

    def check(self) -> None:
        """Raise ConfigError for options that do not go together."""
        if not self.sample and self.n_best > self.beams:
            raise ConfigError(f"expected n_best of at most beams = {self.beams}. Received: {self.n_best}")
        idle = _OF_SEARCHES if self.sample else _OF_DRAWS
        given = [f"{name}={getattr(self, name)}" for name, usual in idle.items() if getattr(self, name) != usual]
        if given:
            raise ConfigError(
                f"expected {', '.join(idle)} {'without' if self.sample else 'only with'} sample. "
                f"Received: {', '.join(given)}"
            )


# Options that draws leave aside, and those that are of draws alone, with their defaults.
_OF_SEARCHES, _OF_DRAWS = (
    {each.name: each.default for each in fields(SearchConfig) if each.name in names}
    for names in (
        ("length_penalty", "coverage_penalty", "stop"),
        ("temperature", "top_k", "top_p", "seed"),
    )
)
