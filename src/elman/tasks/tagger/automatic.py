"""Options of a tagger that suit its data, which the preset `auto` chooses. Does not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elman.display import counted
from elman.tasks.automatic import Choices

if TYPE_CHECKING:
    from elman.data.tagged import TaggedDataset

__all__ = ["choices_for", "options_for"]

# The tags of spans depend on each other, and names are rare words, which word dropout would hide.
_SPANS = {"head": "crf", "dropout": 0.4, "input_dropout": 0.4, "word_dropout": 0.25}
# Up to so many sentences, a run has too few steps to learn from noisy inputs.
_FEW, _LESS_NOISE = 5000, {"dropout": 0.3, "input_dropout": 0.3, "word_dropout": 0.25}
# Sentences of a batch for at most so many sentences; more have the batches of the preset `base`.
_BATCHES, _USUAL_BATCH = ((50, 4), (300, 8), (3000, 16)), 32
# Steps that a run should have, the bounds of its passes over the data, and the most words of all passes, which take
# about ten minutes. A run on more words ends by the clock.
_STEPS, _FEWEST, _MOST, _WORDS = 1500, 20, 200, 2_500_000

# Words that the network of the preset `base` reads in a second on one thread, about, and passes below which a smaller
# network with more steps is better at the end of the time.
_SPEED, _LEAST_PASSES = 5000, 10
_SMALL = {
    "layers": 1,
    "hidden_size": 100,
    "embedding": 100,
    "char_hidden": 32,
    "char_embedding": 24,
    "batch_size": 16,
}
_NOISE_OF_SMALL = {"dropout": 0.3, "input_dropout": 0.3, "word_dropout": 0.5}


def options_for(sentences: int, words: int, *, spans: bool, seconds: float = 0.0) -> dict[str, Any]:
    """Return the options that suit so many training sentences with so many words.

    spans    whether the tags are of spans
    seconds  the time of the run; 0 for no limit
    """
    batch_size = next((size for most, size in _BATCHES if sentences <= most), _USUAL_BATCH)
    chosen: dict[str, Any] = dict(_SPANS) if spans else {}
    if sentences <= _FEW:
        chosen |= _LESS_NOISE
    if batch_size != _USUAL_BATCH:
        chosen["batch_size"] = batch_size
    if 0 < seconds < _LEAST_PASSES * words / _SPEED:
        return chosen | _SMALL | ({} if spans or sentences <= _FEW else _NOISE_OF_SMALL)
    epochs = round(min(_MOST, max(_FEWEST, _STEPS * batch_size / max(sentences, 1))))
    return chosen | ({"max_epochs": float(epochs)} if epochs * words <= _WORDS else {})


def choices_for(train: TaggedDataset, seconds: float = 0.0) -> Choices:
    """Return the options that suit the training data and the time, and the reason; none for frames."""
    if train.words is None or train.tags is None:
        return Choices()
    from elman.data.tagged.notation import learn_scheme

    words, scheme = int(train.lengths.sum()), learn_scheme(train.tags)
    because = f"{counted(len(train), 'sentence')} of {counted(words, 'word')}"
    if scheme is not None:
        because += ", tags of spans"
    chosen = options_for(len(train), words, spans=scheme is not None, seconds=seconds)
    return Choices(chosen, f"{because}, {seconds:g} seconds" if "layers" in chosen else because)
