"""Options of a classifier of texts that suit its data, for the preset `auto`. Does not import torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elman.tasks.automatic import Choices

if TYPE_CHECKING:
    from elman.data.examples.base import Examples
    from elman.tasks.classifier.config import ClassifierConfig

__all__ = ["TextCounts", "choices_of_texts", "count_texts", "text_options", "texts_seen"]

# Texts with fewer parts between spaces than this on average, or with longer ones, are read as characters: single words,
# formulas, and writing without spaces.
_FEW_PARTS, _LONG_PARTS = 1.5, 12.0
# Fewer texts than this have a smaller network and more dropout. With fewer than that, accuracies on the validation part
# differ by chance more than by the weights.
_FEW_TEXTS, _NOISY_TEXTS = 20_000, 5000
# Training steps: so many epochs of many texts, more of few ones, and no more tokens in all than this.
_STEPS, _FEWEST_EPOCHS, _MOST_EPOCHS, _MOST_TOKENS = 600, 8, 30, 30_000_000
# Characters need more epochs than words.
_CHARACTER_STEPS, _FEWEST_CHARACTER_EPOCHS = 2000, 25
_BATCH = 64
# Numbers that a bag may store, which are its n-grams times the classes; the characters of which it may have n-grams;
# and the n-grams of characters for each distinct part between spaces, about.
_MOST_WEIGHTS, _MOST_CHARACTERS, _PARTS_OF_WORD = 20_000_000, 10_000_000, 12
# The options of the bag belong together: whoever gives one of them decides on all.
_BAG = frozenset(("bag", "bag_start", "bag_characters", "bag_leave_one_out"))


@dataclass(frozen=True)
class TextCounts:
    """What was counted in training texts.

    texts       their number
    parts       what is between spaces, in all texts together
    distinct    the number of different ones
    characters  the characters of all texts together
    classes     number of classes; 0 for a regression
    """

    texts: int
    parts: int
    distinct: int
    characters: int
    classes: int = 0

    @property
    def without_words(self) -> bool:
        """Whether spaces do not separate the words of a text."""
        return self.parts < _FEW_PARTS * self.texts or self.characters > _LONG_PARTS * self.parts


def count_texts(texts: Collection[str], labels: Iterable[Hashable] | None) -> TextCounts:
    """Count texts, and the classes of `labels`; None for a regression."""
    distinct: Counter[str] = Counter()
    characters = 0
    for text in texts:
        distinct.update(text.split())
        characters += len(text)
    classes = 0 if labels is None else len(set(labels))
    return TextCounts(len(texts), distinct.total(), len(distinct), characters, classes)


def choices_of_texts(train: Examples, config: ClassifierConfig, given: Collection[str]) -> Choices:
    """Return the options that suit training texts, with what they were chosen by."""
    labels = None if config.target.kind == "regression" else train.labels
    counts = count_texts([str(text) for text in train.inputs], labels)
    tokens = config.input.tokens
    if "tokens" not in given and tokens == "words" and counts.without_words:
        tokens = "characters"
    options = text_options(counts, tokens)
    if _BAG & set(given):
        options = {name: value for name, value in options.items() if name not in _BAG}
    return Choices(options, texts_seen(counts, tokens))


def texts_seen(counts: TextCounts, tokens: str) -> str:
    """Describe the counts in a few words, such as "2,931 texts of 19 words, 4 classes"."""
    size, unit = (counts.characters, "characters") if tokens == "characters" else (counts.parts, "words")
    seen = f"{counts.texts:,} texts of {size / max(counts.texts, 1):.0f} {unit}"
    return f"{seen}, {counts.classes:,} classes" if counts.classes else seen


def text_options(counts: TextCounts, tokens: str) -> dict[str, Any]:
    """Return the options that differ from those of the preset `base`, for texts that are read as these tokens."""
    few = counts.texts < _FEW_TEXTS
    found: dict[str, Any] = {"ema_decay": 0.99, "max_epochs": _epochs(counts, tokens)}
    if tokens == "characters":
        # The case is part of formulas and names, and single words have few characters.
        found |= {"tokens": tokens, "lowercase": False} if counts.without_words else {}
    elif few:
        found |= {"hidden_size": 64, "embedding": 64}
        found |= {"word_dropout": 0.3, "embedding_dropout": 0.5, "output_dropout": 0.5}
    if counts.classes and counts.texts < _NOISY_TEXTS:
        found["monitor"] = "loss"
    return found | _bag(counts, tokens)


def _epochs(counts: TextCounts, tokens: str) -> float:
    """Return the epochs of a run: many with few texts, and less than one only where one would take hours."""
    characters = tokens == "characters"
    steps, fewest = (_CHARACTER_STEPS, _FEWEST_CHARACTER_EPOCHS) if characters else (_STEPS, _FEWEST_EPOCHS)
    epochs = min(_MOST_EPOCHS, max(fewest, steps * _BATCH / max(counts.texts, 1)))
    affordable = _MOST_TOKENS / max(counts.characters if characters else counts.parts, 1)
    return float(f"{min(epochs, affordable):.2g}")


def _bag(counts: TextCounts, tokens: str) -> dict[str, Any]:
    """Return the options of the bag: all n-grams that fit into the memory, or no bag."""
    if counts.classes < 2:
        return {}
    words = tokens != "characters"
    characters = 5 if tokens in ("words", "characters") and counts.characters <= _MOST_CHARACTERS else 0
    pairs, parts = counts.distinct + counts.parts, _PARTS_OF_WORD * counts.distinct
    for order, longest, size in ((2, 5, pairs + parts), (2, 0, pairs), (1, 0, counts.distinct)):
        order, longest = order if words else 0, min(longest, characters)
        if order + longest and size * counts.classes <= _MOST_WEIGHTS:
            return {"bag": order, "bag_characters": longest, "bag_leave_one_out": True}
    return {}
