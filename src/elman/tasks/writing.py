"""What tasks that write text share: how they search, what they have written, and how good it is.

Knows nothing about networks: a task brings the closure that the searches call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from elman.errors import ConfigError, DataError
from elman.options import option

if TYPE_CHECKING:
    from torch import Tensor

    from elman.decode.search import Advance, Hypothesis
    from elman.types import State

__all__ = [
    "SearchConfig",
    "Written",
    "bleu_figures",
    "bleu_signatures",
    "check_bleu",
    "exact_match",
    "find",
    "has_bleu",
    "written",
]


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


class Written(NamedTuple):
    """One answer.

    text             as a reader wants it
    tokens           as the network wrote them, made visible
    score            what answers are ordered by: the log-probability after the penalties
    log_probability  natural logarithm of what the network gives to all tokens and the end
    attention        one line a token and one column a source step; None when it was not asked for
    finished         False when the limit of length cut it
    """

    text: str
    tokens: list[str]
    score: float
    log_probability: float
    attention: Tensor | None = None
    finished: bool = True


def find(
    advance: Advance,
    state: State,
    memory: State,
    *,
    rows: int,
    start: int,
    end: int,
    limits_B: Sequence[int] | Tensor,
    search: SearchConfig,
    banned: tuple[int, ...] = (),
    lengths_B: Tensor | None = None,
    attention: bool = False,
) -> list[list[Hypothesis]]:
    """The best hypotheses of each of `rows` sentences as `search` says, or drawn ones; arguments as for `beam_search`.

    A beam of one is the greedy search, in which penalties have nothing to choose between.
    """
    from elman.decode.beam import Beam, beam_search
    from elman.decode.greedy import draw, greedy
    from elman.decode.sample import Sampling

    search.check()
    common: dict[str, Any] = {
        "rows": rows,
        "start": start,
        "end": end,
        "limits_B": limits_B,
        "lengths_B": lengths_B,
        "attention": attention,
    }
    if search.sample:
        sampling = Sampling(
            temperature=search.temperature, top_k=search.top_k, top_p=search.top_p, banned=tuple(banned)
        )
        return draw(advance, state, memory, sampling=sampling, samples=search.n_best, seed=search.seed, **common)
    if search.beams == 1:
        return [[found] for found in greedy(advance, state, memory, banned=banned, **common)]
    options = Beam(
        beams=search.beams,
        n_best=search.n_best,
        length_penalty=search.length_penalty,
        coverage_penalty=search.coverage_penalty,
        stop=search.stop,  # type: ignore[arg-type]
    )
    return beam_search(advance, state, memory, options=options, banned=banned, **common)


def written(hypothesis: Hypothesis, decode: Callable[[Sequence[int]], str], token: Callable[[int], str]) -> Written:
    """A hypothesis as text: `decode` makes text of token numbers, and `token` shows one of them."""
    return Written(
        decode(hypothesis.tokens),
        [token(number) for number in hypothesis.tokens],
        hypothesis.score,
        hypothesis.log_probability,
        hypothesis.attention,
        hypothesis.finished,
    )


def bleu_figures(
    hypotheses: Sequence[str], references: Sequence[str | Sequence[str]], *, lowercase: bool = False
) -> dict[str, float]:
    """`bleu` (Papineni et al. 2002) and `chrf` (Popovic 2015) of the whole corpus, from 0 to 100, by sacrebleu.

    Each hypothesis has one reference, or several. Raises DataError for counts that differ or nothing to compare,
    ConfigError where sacrebleu is not installed.
    """
    check_bleu()
    if len(hypotheses) != len(references):
        raise DataError(f"expected a reference for each of {len(hypotheses)} texts. Received: {len(references)}")
    several = [[each] if isinstance(each, str) else list(each) for each in references]
    if not several or not all(several):
        raise DataError("expected at least one text, and a reference for each. Received: none")
    # sacrebleu takes streams of references: the first of every text, then the second, with None where there is none.
    streams = [
        [each[place] if place < len(each) else None for each in several] for place in range(max(map(len, several)))
    ]
    bleu, chrf = _metrics(lowercase)
    return {
        "bleu": float(bleu.corpus_score(list(hypotheses), streams).score),
        "chrf": float(chrf.corpus_score(list(hypotheses), streams).score),
    }


def bleu_signatures(*, references: int = 1, lowercase: bool = False) -> dict[str, str]:
    """How sacrebleu measures `bleu` and `chrf` of so many references a text: its own signatures, with its version."""
    check_bleu()
    metrics = _metrics(lowercase)
    for metric in metrics:
        # The signature tells of references only after something was measured.
        metric.corpus_score(["a"], [["a"]] * references)
    return {name: str(metric.get_signature()) for name, metric in zip(("bleu", "chrf"), metrics, strict=True)}


def check_bleu() -> None:
    """Raise ConfigError where sacrebleu is not installed."""
    try:
        import sacrebleu  # noqa: F401
    except ImportError:
        raise ConfigError(
            "expected the package sacrebleu for BLEU and chrF: pip install 'elman[translation]'. Received: none"
        ) from None


def has_bleu() -> bool:
    """Whether BLEU and chrF can be measured here."""
    from importlib.util import find_spec

    try:
        return find_spec("sacrebleu") is not None
    except ValueError:
        return False  # it stands in the list of modules as missing


def exact_match(hypotheses: Sequence[str], references: Sequence[str | Sequence[str]]) -> float:
    """The share of texts that are, but for blanks around them, just as their reference or one of its references."""
    hits = [
        text.strip() in [each.strip() for each in ([known] if isinstance(known, str) else known)]
        for text, known in zip(hypotheses, references, strict=True)
    ]
    return sum(hits) / max(len(hits), 1)


def _metrics(lowercase: bool) -> tuple[Any, Any]:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    # Text that is tokenised already is the user's choice: no warning of it.
    return BLEU(lowercase=lowercase, force=True), CHRF(lowercase=lowercase)
