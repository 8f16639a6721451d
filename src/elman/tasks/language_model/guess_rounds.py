"""Rounds of two passages, one of a person and one of a language model, which go on with the same text.

Both passages begin at the same place of a text that the model was not trained on, after the same tokens, which are not
shown. Both have at most the same number of characters, end at the end of a word, have neither unknown tokens nor ends
of documents, and are decoded from tokens by the vocabulary. Where lines are wrapped at a width, both are shown without
the line ends inside paragraphs: a model that does not count columns would be known by its lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elman.baselines.ngrams import InterpolatedNGrams
from elman.data.hard_wraps import is_hard_wrapped, reflowed
from elman.data.passages import BEGINNINGS, Passage, cut_passage, occurs_in, passages
from elman.decode.engine import engine_of
from elman.decode.evaluation_mode import evaluation_mode
from elman.decode.generation import sample_natively, sample_with_torch
from elman.decode.sampling import SamplingOptions, check_seed
from elman.display import Progress, counted
from elman.errors import ConfigError, DataError
from elman.kernels import threads_for
from elman.kernels.generation import Engine
from elman.metrics.proportion import Proportion
from elman.tasks.language_model.unseen_text import UnseenText, unseen_text

if TYPE_CHECKING:
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["SHORTEST", "GuessRound", "GuessRounds", "make_rounds"]

# Characters of the shortest passage.
SHORTEST = 20
# Tokens before a passage that the model reads.
_CONTEXT = 256
# Passages that are looked up in the training text: so many for each round that is asked for, and at least so many.
_TRIES, _LEAST_TRIES = 20, 200
# Characters of a passage whose halves are looked up too.
_LONG = 100
# Tokens of a text from which is seen whether its lines are wrapped.
_LINES = 200_000
# Length of the n-grams of characters, and of those of words and subwords; tokens that they are counted in.
_CHARACTERS, _WORDS, _COUNTED = 6, 3, 2_000_000


@dataclass(frozen=True)
class GuessRound:
    """Two passages, which go on with the same text.

    passages       the first and the second one
    human          1 or 2, the one that a person wrote
    nats_per_char  negative log-probability of each passage under the model, over its number of characters
    ngram_nats_per_char  the same under n-grams of the training text; None if that is not known
    """

    passages: tuple[str, str]
    human: int
    nats_per_char: tuple[float, float]
    ngram_nats_per_char: tuple[float, float] | None = None

    @property
    def by_likelihood(self) -> int:
        """The answer of the likelihood ratio: the person's passage has the lower likelihood under the model, relative
        to that under n-grams of the training text.
        """
        first, second = (
            own - other for own, other in zip(self.nats_per_char, self.ngram_nats_per_char or (0.0, 0.0), strict=True)
        )
        return 1 if first >= second else 2

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return {
            "passages": list(self.passages),
            "human": self.human,
            "nats_per_char": list(self.nats_per_char),
            "ngram_nats_per_char": self.ngram_nats_per_char and list(self.ngram_nats_per_char),
            "by_likelihood": self.by_likelihood,
        }


@dataclass(frozen=True)
class GuessRounds:
    """Rounds, and where their human passages are from. Iterating yields the rounds.

    source     what the human passages are from
    beginning  where passages begin: at a "sentence" or at a "word"
    remarks    sentences on what is not known of the source
    """

    rounds: tuple[GuessRound, ...]
    source: str
    beginning: str
    remarks: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[GuessRound]:
        return iter(self.rounds)

    def __len__(self) -> int:
        return len(self.rounds)

    def __getitem__(self, number: int) -> GuessRound:
        return self.rounds[number]

    def score(self, answers: Sequence[int]) -> Proportion:
        """Return how many of the first rounds were answered right; an answer is 1 or 2, the passage of the person."""
        return Proportion(
            sum(each.human == answer for each, answer in zip(self.rounds, answers, strict=False)), len(answers)
        )

    def likelihood_score(self, rounds: int | None = None) -> Proportion:
        """Return how many of the first `rounds` (by default, all) the likelihood ratio answers right."""
        return self.score([each.by_likelihood for each in self.rounds[:rounds]])


def make_rounds(
    model: LanguageModel,
    text: Sequence[str | os.PathLike[str]],
    *,
    rounds: int,
    length: int,
    seed: int,
    encoding: str = "",
    errors: str = "",
    progress: Progress | None = None,
    **sampling: Any,
) -> GuessRounds:
    """Make rounds from a text that the model was not trained on; `sampling` are options of `generate`.

    Raises ConfigError and DataError as `LanguageModel.guess_rounds`.
    """
    for name, value, least in (("rounds", rounds, 1), ("length", length, SHORTEST)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(f"expected {name} to be a whole number from {least}. Received: {value!r}")
    check_seed(seed)
    special = (model.vocabulary.unknown_id, model.vocabulary.end_id)
    options = SamplingOptions(**sampling, banned=special)
    source = unseen_text(model, text, model._reading(encoding, errors), progress)
    random = np.random.default_rng(seed)
    name, beginning, places = _places(model, source, rounds, length, random)
    ngrams = _ngrams(model, source)
    wrapped = _is_wrapped(model, source)
    made = []
    with torch.no_grad(), evaluation_mode(model.network):
        for number, place in enumerate(places):
            found = _round(model, ngrams, place, options, length, seed + number, bool(random.integers(2)))
            first, second = found.passages
            made.append(replace(found, passages=(reflowed(first), reflowed(second))) if wrapped else found)
            if progress is not None:
                progress("writing passages", (number + 1) / rounds)
    return GuessRounds(tuple(made), name, beginning, source.remarks)


def _places(
    model: LanguageModel, source: UnseenText, rounds: int, length: int, random: np.random.Generator
) -> tuple[str, str, list[Passage]]:
    """Return what the passages are from, where they begin, and one passage for each round."""
    whole = " and ".join(source.parts)
    characters = sum(len(model.vocabulary.decode(ids.tolist())) for ids in source.parts.values())
    if characters < 2 * length:
        raise DataError(
            f"expected a text of at least two passages, 2 x {length} characters, that the model was not trained on. "
            f"Received: {characters} characters in {whole}; --length makes passages shorter"
        )
    most = max(_TRIES * rounds, _LEAST_TRIES)
    for beginning in BEGINNINGS:
        found: list[Passage] = []
        used: list[str] = []
        known = 0
        for name, ids in source.parts.items():
            how = {"beginning": beginning, "context": _CONTEXT, "random": random}
            for place in islice(passages(ids, model.vocabulary, length, **how), most):  # type: ignore[arg-type]
                if _was_read(model, source, place):
                    known += 1
                    continue
                found.append(place)
                used += [] if name in used else [name]
                if len(found) == rounds:
                    return " and ".join(used), beginning, found
    left_out = f", without {known:,} that the training text has" if known else ""
    raise DataError(
        f"expected {counted(rounds, 'passage')} of {length} characters that the model was not trained on, each within "
        f"one document and without unknown {model.vocabulary.unit}s. Received: {len(found)} in {whole}{left_out}; "
        "--rounds makes fewer of them, --length shorter ones"
    )


def _was_read(model: LanguageModel, source: UnseenText, place: Passage) -> bool:
    """Return whether a passage, or either half of one that is not short, is in the training text, if that is known."""
    trained = source.trained
    if trained is None:
        return False
    middle = len(place.ids) // 2
    halves = [place.ids[:middle], place.ids[middle:]]
    looked_up = halves if len(model.vocabulary.decode(place.ids)) >= _LONG else [place.ids]
    return any(occurs_in(trained, part) for part in looked_up)


def _is_wrapped(model: LanguageModel, source: UnseenText) -> bool:
    """Return whether the lines of the passages' text, or of the training text, are wrapped at a width."""
    trained = [] if source.trained is None else [source.trained.read(0, min(_LINES, len(source.trained)))]
    texts = [*(ids[:_LINES] for ids in source.parts.values()), *trained]
    return any(is_hard_wrapped(model.vocabulary.decode(ids.tolist())) for ids in texts)


def _ngrams(model: LanguageModel, source: UnseenText) -> InterpolatedNGrams | None:
    """Return n-grams of the training text; None if that is not known."""
    if source.trained is None:
        return None
    tokens = source.trained.read(max(0, len(source.trained) - _COUNTED), len(source.trained))
    order = _CHARACTERS if model.vocabulary.per_character else _WORDS
    return InterpolatedNGrams("kneser-ney").fit(tokens, model.vocabulary.size, order)


def _round(
    model: LanguageModel,
    ngrams: InterpolatedNGrams | None,
    place: Passage,
    sampling: SamplingOptions,
    length: int,
    seed: int,
    swaps: bool,
) -> GuessRound:
    start = [*model.context_start(), *place.context]
    # Twice as many tokens as the person's, so that they suffice for as many characters.
    written = _written(model.network, start, 2 * len(place.ids) + 16, sampling, seed % 2**63)
    both = [place.ids, cut_passage(written, model.vocabulary, length) or written[: len(place.ids)]]
    if swaps:
        both.reverse()
    first, second = (model.vocabulary.generated(ids).strip() for ids in both)
    sizes = [max(1, len(first)), max(1, len(second))]
    nats = [_nats(model.network, start, ids) / size for ids, size in zip(both, sizes, strict=True)]
    others = None
    if ngrams is not None:
        counts = [-float(ngrams.log_probabilities([*start, *ids])[len(start) :].sum()) for ids in both]
        others = (counts[0] / sizes[0], counts[1] / sizes[1])
    return GuessRound((first, second), 2 if swaps else 1, (nats[0], nats[1]), others)


def _written(network: Any, start: list[int], length: int, sampling: SamplingOptions, seed: int) -> list[int]:
    """Return tokens that the network samples after `start`."""
    with threads_for(1, network):
        engine = engine_of(network)
        if isinstance(engine, Engine):
            blocks = sample_natively(engine, network, start, length, sampling, 1, seed)
        else:
            blocks = sample_with_torch(network, start, length, sampling, 1, seed)
        ids = [token for block in blocks for token in block[0]]
    if min(ids) < 0:
        raise DataError("expected finite logits to sample from. Received: NaN or infinity")
    return ids


def _nats(network: Any, start: list[int], ids: list[int]) -> float:
    """Return the negative log-probability of the tokens `ids` after `start`."""
    device = network.head.weight.device
    tokens_BT = torch.tensor([[*start, *ids]], device=device)
    with threads_for(1, network):
        logits_BTV, _ = network(tokens_BT[:, :-1], None, network.initial_state(1))
    log_probs_TV = torch.log_softmax(logits_BTV[0, len(start) - 1 :].double(), dim=-1)
    return -float(log_probs_TV.gather(1, tokens_BT[0, len(start) :, None]).sum())
