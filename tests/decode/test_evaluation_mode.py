"""Evaluation mode for a block, after which every module is in its own mode again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

import elman
from elman.decode.evaluation_mode import evaluated, evaluation_mode, in_evaluation_mode

from ..tasks.small_transcribers import OPTIONS, RATE, spoken


def network() -> nn.Module:
    made = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5)), nn.Dropout(0.5))
    made[2].eval()
    return made


def modes(module: nn.Module) -> list[bool]:
    return [each.training for each in module.modules()]


def test_every_module_gets_its_own_mode_back() -> None:
    one, other = network(), network().eval()
    before = modes(one)
    assert before == [True, True, True, True, False]
    with contextlib.suppress(KeyError), evaluation_mode(one, other):
        assert not any(modes(one) + modes(other))
        raise KeyError
    assert modes(one) == before
    assert not any(modes(other))
    assert in_evaluation_mode(lambda given, k: modes(given)[:k])(one, 2) == [False, False]
    items = evaluated(one, (modes(one)[0] for _ in range(3)))
    assert next(items) is False
    items.close()
    assert modes(one) == before


def test_a_network_that_is_trained_is_in_training_mode_after_predictions() -> None:
    draw = np.random.default_rng(0)
    small = {"hidden_size": 4, "max_steps": 1, "threads": 1, "device": "cpu"}
    X, y = draw.normal(size=(20, 5)), [0, 1] * 10
    classifier = elman.Classifier("small", **small).fit(X, y, progress=False, tune=False)
    words = [["a", "b"], ["b", "a"]] * 10
    tagger = elman.Tagger("small", **small).fit(words, words, progress=False, tune=False)
    reader = elman.LanguageModel("small", **small, batch_size=2).fit(
        string="abcdefgh " * 50, progress=False, tune=False
    )
    sounds, texts = spoken(12)
    listener = elman.Transcriber("streaming", **OPTIONS | {"max_steps": 1, "layers": 1}).fit(
        sounds, texts, rate=RATE, progress=False, tune=False
    )
    letters = elman.LanguageModel("small", **small, batch_size=2).fit(string="abc " * 50, progress=False, tune=False)

    def listen() -> str:
        stream = listener.stream(RATE)
        assert modes(listener.network) == before
        return stream.push(sounds[0]) + stream.finish()

    calls: list[tuple[Any, Callable[[], Any]]] = [
        (listener, listen),
        (listener, lambda: listener.transcribe(sounds[:2], rate=RATE)),
        (letters, lambda: listener.transcribe(sounds[:2], rate=RATE, lm=letters)),
        (classifier, lambda: classifier.predict(X)),
        (classifier, lambda: classifier.score(X, y)),
        (classifier, lambda: classifier.explain(X[:2])),
        (tagger, lambda: tagger.predict(words)),
        (tagger, lambda: tagger.evaluate(words, words)),
        (reader, lambda: reader.generate("a", length=3)),
        (reader, lambda: reader.score("abc")),
    ]
    for model, call in calls:
        model.network.train()
        before = modes(model.network)
        call()
        assert modes(model.network) == before
        assert any(before)
