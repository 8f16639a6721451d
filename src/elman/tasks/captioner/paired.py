"""Several captioners on the same items."""

from __future__ import annotations

from collections.abc import Sequence

from elman.metrics.translation import tokenizer_for
from elman.tasks.captioner.model import Captioner
from elman.tasks.paired import PairedItems, Request, check_same
from elman.tasks.text_rules import text_figure

__all__ = ["paired_items"]


def paired_items(models: Sequence[Captioner], request: Request) -> PairedItems:
    """Count n-grams of BLEU, or exact matches without sacrebleu, of greedy captions.

    Texts are compared by the tokenizer and Unicode form of the first model, and in lower case if one of the models has
    no others.
    """
    read = []
    for model in models:
        with request.reading(model):
            read.append(request.limited(model.known(request.inputs, request.targets)))
    check_same(request, [each.captions or [] for each in read], "captions")
    first = models[0]
    figure, counts = text_figure(
        read[0].captions or [],
        lowercase=any(model.vocabulary.lowercase for model in models),
        tokenizer=tokenizer_for(first.config.text.bleu_tokenizer),
        unicode_form=first.vocabulary.text.unicode_form,
    )
    texts = [model.caption(each, beams=1, progress=request.progress) for model, each in zip(models, read, strict=True)]
    return PairedItems(figure, "items", [counts(each) for each in texts])
