"""Several translators on the same pairs."""

from __future__ import annotations

from collections.abc import Sequence

from elman.data.pairs import pairs_from
from elman.errors import DataError
from elman.tasks.paired import PairedItems, Request, check_same
from elman.tasks.text_rules import text_figure
from elman.tasks.translator.model import Translator

__all__ = ["paired_items"]


def paired_items(models: Sequence[Translator], request: Request) -> PairedItems:
    """Count n-grams of BLEU, or exact matches without sacrebleu.

    Texts are compared by the tokenizer and Unicode form of the first model, and in lower case if one of the models has
    no others.
    """
    read = []
    for model in models:
        with request.reading(model):
            given = request.targets is not None
            pairs = pairs_from(request.inputs, request.targets) if given else model.read(request.inputs)
            read.append(request.limited(pairs))
    for each in read:
        if each.targets is None:
            raise DataError(f"{each.name}: expected targets for the sources. Received: sources alone")
    check_same(request, [list(zip(each.sources, each.targets or [], strict=True)) for each in read], "pairs")
    first = models[0]
    figure, counts = text_figure(
        read[0].targets or [],
        lowercase=any(model.config.data.lowercase for model in models),
        tokenizer=first.bleu_tokenizer(request.inputs if request.targets is None else None),
        unicode_form=first.config.data.unicode_form,
    )
    texts = [model.translate(each.sources, progress=request.progress) for model, each in zip(models, read, strict=True)]
    return PairedItems(figure, "pairs", [counts(each) for each in texts])
