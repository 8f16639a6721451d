"""Tiny translators for the tests: a few pairs, and models of a moment."""

from __future__ import annotations

from typing import Any

import torch

import elman

NOUNS = {"katze": "cat", "hund": "dog", "kuh": "cow", "igel": "hedgehog"}
VERBS = {"schläft": "sleeps", "rennt": "runs", "frisst": "eats"}
ADVERBS = {"hier": "here", "heute": "today", "": ""}
PAIRS = [
    (f"die {noun} {verb} {adverb}".strip(), f"the {NOUNS[noun]} {VERBS[verb]} {ADVERBS[adverb]}".strip())
    for noun in NOUNS
    for verb in VERBS
    for adverb in ADVERBS
]
SOURCES, TARGETS = [source for source, _ in PAIRS], [target for _, target in PAIRS]

TINY: dict[str, Any] = {
    "tokens": "words",
    "min_count": 1,
    "hidden_size": 8,
    "embedding": 6,
    "batch_size": 9,
    "dropout": 0.1,
    "input_dropout": 0.0,
    "held_out": 0.2,
    "warmup_steps": 1,
    "learning_rate": 0.02,
    "max_steps": 6,
    "evaluate_every": 6,
    "ema_decay": 0.0,
    "threads": 1,
    "device": "cpu",
    "precision": "float32",
}


def tiny(**options: Any) -> elman.Translator:
    """A translator with the options of a run of a moment."""
    return elman.Translator(**{**TINY, **options})


def trained(**options: Any) -> elman.Translator:
    """The same, trained on the pairs; some of them are those of the validation too."""
    valid = (SOURCES[:6], TARGETS[:6])
    return tiny(**options).fit(SOURCES, TARGETS, valid=valid, progress=False, tune=False)


def greedy_by_hand(model: elman.Translator, source: str) -> list[int]:
    """Greedy decoding that runs the whole network again for every token."""
    vocabulary, network = model.vocabulary, model.network
    ids = vocabulary.encode_sources([source])[0].tolist()
    if model.config.data.reverse_source:
        ids = ids[::-1]
    sources_BS = torch.tensor([[*ids, vocabulary.source.end_id]])
    written = [vocabulary.bos_id]
    with torch.no_grad():
        while len(written) <= 2 * sources_BS.shape[1] + 20:
            logits_BTV = network(sources_BS, torch.tensor([sources_BS.shape[1]]), torch.tensor([written]))
            token = int(logits_BTV[0, -1].argmax())
            if token == vocabulary.target.end_id:
                break
            written.append(token)
    return written[1:]
