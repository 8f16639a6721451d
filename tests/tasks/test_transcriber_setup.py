"""What a transcriber's run is made of: texts that are too long, figures of held-out recordings, error rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elman import Transcriber
from elman.data.parts import Parts
from elman.data.transcripts import Transcripts
from elman.data.transcripts.encoded import EncodedTranscripts
from elman.data.transcripts.read import given_part
from elman.data.transcripts.vocabulary import TranscriberVocabulary
from elman.errors import ConfigError, DataError
from elman.metrics import transcription as figures
from elman.metrics.transcription import error_rates
from elman.tasks.transcriber.setup import CTCObjective, TranscriberSetup, measure

from ..metrics.test_transcription import edits
from .small_transcribers import OPTIONS, RATE, spoken, tones, untrained


def part(texts: list[str], seconds: list[float], name: str = "here") -> Transcripts:
    sounds = [np.sin(np.arange(round(RATE * each))).astype(np.float32) * 0.3 for each in seconds]
    return given_part(sounds, texts, untrained().config.sound, kind="sound", rate=RATE, name=name)


def test_a_text_that_is_too_long_is_named_and_left_out() -> None:
    # 0.1 s are 11 frames, 6 steps: enough for six letters, and for three that are alike, which need five.
    train = part(["abcabc", "aaa", "aaaa", "abcabca", "ab"], [0.1, 0.1, 0.1, 0.1, 0.5], "train")
    valid = part(["aaaaaaa", "b"], [0.1, 0.3], "valid")
    config = untrained().config
    parts = Parts(train, valid)
    setup = TranscriberSetup(config, parts)
    objective, stream = setup.objective(), setup.stream()
    assert setup.data["train_too_long"] == 2
    assert ("left out", "2 recordings: their texts are too long for their steps") in setup.outline()
    assert len(stream.lengths) == 3
    repeated, first, second = setup.notes()
    assert repeated.startswith("1 of 2 items of the validation data are also in the training data")
    assert repeated.endswith("(valid, index 0)")
    assert first == (
        "2 of 5 texts need more steps than their recordings have: train, index 2 (6 steps), train, index 3 "
        "(6 steps); they are left out of training: try stride=1"
    )
    assert second.startswith("1 of 2 texts need more steps than their recordings have: valid, index 0 (6 steps)")
    assert second.endswith("counted in the error rates of the valid part only: try stride=1")
    found = objective.evaluate()
    assert found["too_long"] == 1
    assert found["texts"] == 2
    assert math.isfinite(found["loss"])
    for _ in range(3):
        total, count, _ = objective.loss(stream.next_batch(), ())
        assert torch.isfinite(total)
        assert count == 11


def test_only_texts_that_are_too_long() -> None:
    train = part(["abcabcabc", "aaaaa"], [0.1, 0.1], "train")
    with pytest.raises(DataError, match=r"train: expected a recording with as many steps.*2 of 2 texts need more"):
        TranscriberSetup(untrained().config, Parts(train))
    model = untrained()
    encoded = EncodedTranscripts(train, model.vocabulary, model.config.network)
    found, _ = measure(model.network, model.vocabulary, encoded)
    assert math.isinf(found["loss"])
    assert found["too_long"] == 2
    chosen = CTCObjective(model.network, model.vocabulary, encoded).evaluate()
    assert chosen["selection"] == found["cer"]


def test_a_limit_takes_some_of_the_recordings() -> None:
    sounds, texts = spoken(20)
    model = untrained()
    data = given_part(sounds, texts, model.config.sound, kind="sound", rate=RATE, name="here")
    encoded = EncodedTranscripts(data, model.vocabulary, model.config.network)
    tokens = sum(map(len, texts))
    assert measure(model.network, model.vocabulary, encoded, tokens // 2)[0]["texts"] == 10 - (tokens % 2)
    assert measure(model.network, model.vocabulary, encoded, 1)[0]["texts"] == 1
    assert measure(model.network, model.vocabulary, encoded)[0]["texts"] == 20


def test_the_likelier_of_two_that_err_alike_is_kept() -> None:
    model = untrained()
    sounds, texts = spoken(4)
    data = given_part(sounds, texts, model.config.sound, kind="sound", rate=RATE, name="here")
    found = CTCObjective(
        model.network, model.vocabulary, EncodedTranscripts(data, model.vocabulary, model.config.network)
    ).evaluate()
    assert found["selection"] == pytest.approx(found["cer"] + 1e-6 * found["loss"], abs=1e-12)
    assert CTCObjective(model.network, model.vocabulary).evaluate() == {}


def test_no_texts_and_no_jiwer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_rates([], []) == {"wer": 0.0, "cer": 0.0}

    def missing(name: str) -> None:
        raise ImportError(f"no module {name}")

    monkeypatch.setattr(figures.importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"expected jiwer to be installed: pip install 'elman\[sound\]'"):
        Transcriber(**OPTIONS).fit([tones("a")] * 3, ["a"] * 3, rate=RATE, progress=False, tune=False)


def test_capital_letters_where_all_is_made_small() -> None:
    model = untrained(text="abc", lowercase=True)
    vocabulary = TranscriberVocabulary.learn(part(["Abc", "C"], [0.5, 0.5]), model.config.data)
    assert vocabulary.lowercase
    assert vocabulary.tokens.encode("ABC").tolist() == [2, 3, 4]
    encoded = EncodedTranscripts(part(["AB"], [0.5]), vocabulary, model.config.network)
    found, given_text = measure(model.network, vocabulary, encoded)
    assert found["cer"] == pytest.approx(edits(list("ab"), list(given_text[0].strip())) / 2)
