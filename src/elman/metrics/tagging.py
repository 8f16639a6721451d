"""How good tags are: accuracy, spans that are found, sentence labels. Knows nothing about networks."""

from __future__ import annotations

from collections.abc import Sequence

from elman.data.tagged import Tagged
from elman.data.tagged.spans import spans_of
from elman.errors import DataError

__all__ = ["figures_of"]


def figures_of(
    truth: Tagged, tags: Sequence[Sequence[str]], intents: Sequence[str] | None, *, spans: bool
) -> dict[str, float]:
    """Figures of the answers `tags` and `intents` to `truth`.

    accuracy         share of the steps whose tag is right
    sentences        share of the sequences whose tags are all right
    precision, recall, f1   of spans: one is right if its type and both its ends are (with `spans`)
    intent_accuracy  share of the sentence labels that are right (where they are known)
    exact            share of the sequences with all tags and the label right
    tokens           how many steps there are

    Raises DataError where the tags are not known.
    """
    if truth.tags is None:
        raise DataError(f"{truth.name}: expected a tag for every step. Received: none")
    right = [sum(map(str.__eq__, true, given)) for true, given in zip(truth.tags, tags, strict=True)]
    steps = int(truth.lengths.sum())
    whole = [hits == len(given) for hits, given in zip(right, tags, strict=True)]
    figures = {"accuracy": sum(right) / max(steps, 1), "sentences": sum(whole) / max(len(whole), 1)}
    if spans:
        true_spans = {(row, span) for row, each in enumerate(truth.tags) for span in spans_of(each)}
        found = {(row, span) for row, each in enumerate(tags) for span in spans_of(each)}
        hits = len(true_spans & found)
        figures |= {
            "precision": hits / max(len(found), 1),
            "recall": hits / max(len(true_spans), 1),
            "f1": 2 * hits / max(len(found) + len(true_spans), 1),
        }
    if intents is not None and truth.intents is not None:
        same = [true == given for true, given in zip(truth.intents, intents, strict=True)]
        figures["intent_accuracy"] = sum(same) / max(len(same), 1)
        figures["exact"] = sum(a and b for a, b in zip(whole, same, strict=True)) / max(len(same), 1)
    return {**figures, "tokens": steps}
