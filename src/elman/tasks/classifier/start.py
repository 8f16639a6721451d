"""The vocabulary of a classifier that starts from another model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from elman.data.examples.encode import InputEncoder, SeriesEncoder, TextEncoder, learn_encoder
from elman.data.examples.targets import ClassTargets, Targets
from elman.data.examples.vocabulary import ClassifierVocabulary
from elman.errors import DataError
from elman.tasks.start import StartModel
from elman.tasks.start_texts import tokens_of

if TYPE_CHECKING:
    from elman.tasks.classifier.setup import ClassifierSetup

__all__ = ["vocabulary_from_start"]


def vocabulary_from_start(
    setup: ClassifierSetup, learnt: ClassifierVocabulary, source: StartModel
) -> ClassifierVocabulary:
    """Return the vocabulary of a run. Raises DataError for texts in place of series, or series in place of texts."""
    encoder: InputEncoder = source.vocabulary.encoder if source.task == setup.task else TextEncoder(tokens_of(source))
    if encoder.kind != learnt.encoder.kind:
        raise DataError(
            f"expected {_things(encoder)}, as the model {source.name} to start from reads. "
            f"Received: {_things(learnt.encoder)}"
        )
    if isinstance(encoder, TextEncoder) and isinstance(learnt.encoder, TextEncoder):
        tokens = encoder.vocabulary
        if setup.extends_vocabulary:
            tokens = tokens.extended(learnt.encoder.vocabulary)
        encoder = TextEncoder(tokens, setup.config.input.max_length)
    elif isinstance(encoder, SeriesEncoder) and not setup.keeps_scales:
        encoder = learn_encoder(encoder.arranged(setup.parts.train), setup.config.input, encoder.channels)
    return ClassifierVocabulary(encoder, _targets(setup, learnt.targets, source))


def _targets(setup: ClassifierSetup, learnt: Targets, source: StartModel) -> Targets:
    """Return the classes of both, or the scale of the numbers."""
    known = source.vocabulary.targets if source.task == setup.task else None
    if isinstance(known, ClassTargets) and isinstance(learnt, ClassTargets):
        names = setup.merged_labels(known.names, learnt.names, same=known.values == learnt.values)
        return learnt if names == learnt.names else dataclasses.replace(known, names=names)
    if known is not None and type(known) is type(learnt) and setup.keeps_scales:
        targets: Targets = known
        return targets
    return learnt


def _things(encoder: InputEncoder) -> str:
    return "texts" if encoder.kind == "text" else "series"
