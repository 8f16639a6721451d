"""A language model of characters takes part in the search for a text."""

from __future__ import annotations

import pytest
import torch

from elman import LanguageModel
from elman.decode.fusion import language_model_scorer
from elman.errors import ConfigError

from ..tasks.small_transcribers import RATE, tones, untrained


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    """A language model trained on "ab" often and on "ba" never."""
    small = {"hidden_size": 12, "embedding": 6, "batch_size": 4, "bptt": 8, "max_steps": 15, "split": (1.0, 0.0, 0.0)}
    machine = {"threads": 1, "device": "cpu", "precision": "float32", "learning_rate": 0.03, "warmup_steps": 0}
    text = "ab\nabab\nac\nabc\n" * 20
    return LanguageModel(**small, **machine).fit(string=text, progress=False, tune=False)


def test_a_language_model_says_what_it_says_alone(lm: LanguageModel) -> None:
    model = untrained()
    language = language_model_scorer(lm, model.vocabulary)
    numbers = model.vocabulary.tokens.encode("abc").tolist()
    judged, total = language.first, 0.0
    for number in numbers:
        total += float(judged.log_probabilities_NV[0, number])
        judged = language.extend(torch.tensor([number]), judged.state)
    assert judged.ends_N is not None
    total += float(judged.ends_N[0])
    (alone,) = lm.score(["abc\n"])
    assert total == pytest.approx(alone.log_probability, rel=1e-4)


def test_a_language_model_scores_in_evaluation_mode_and_keeps_its_own(lm: LanguageModel) -> None:
    model = untrained()
    expected = language_model_scorer(lm, model.vocabulary)
    wanted = expected.extend(torch.tensor([2]), expected.first.state)
    dropout = [module for module in lm.network.modules() if isinstance(module, torch.nn.Dropout)]
    lm.network.train()
    try:
        language = language_model_scorer(lm, model.vocabulary)
        found = language.extend(torch.tensor([2]), language.first.state)
        assert lm.network.training
        assert all(module.training for module in dropout)
    finally:
        lm.network.eval()
    torch.testing.assert_close(found.log_probabilities_NV, wanted.log_probabilities_NV)


def test_a_language_model_takes_part_in_the_search(lm: LanguageModel) -> None:
    model = untrained(seed=3)
    sounds = [tones("abcab"), tones("cabba")]
    usual = model.transcripts(sounds, rate=RATE, beams=8)
    heavy = model.transcripts(sounds, rate=RATE, beams=8, lm=lm, lm_weight=4.0, n_best=3)
    assert [each.text for each in usual] != [each.text for each in heavy]
    for answer in heavy:
        assert len(answer.readings) == 3
        (alone,) = lm.score([f"{answer.text}\n"])
        best = answer.readings[0]
        assert best.text == answer.text
        assert best.language == pytest.approx(alone.log_probability, rel=1e-3)
        assert best.score == pytest.approx(best.log_probability + 4.0 * best.language, rel=1e-6)
        assert [each.score for each in answer.readings] == sorted(
            (each.score for each in answer.readings), reverse=True
        )
    figures = model.evaluate(sounds, ["ab", "ab"], rate=RATE, beams=8, lm=lm, lm_weight=4.0)
    assert figures["cer"] != model.evaluate(sounds, ["ab", "ab"], rate=RATE)["cer"]


def test_language_models_that_cannot_help(lm: LanguageModel) -> None:
    with pytest.raises(ConfigError, match=r"a language model that has all characters.*Received: one without 'd', 'e'"):
        language_model_scorer(lm, untrained(text="abcde").vocabulary)
    with pytest.raises(ConfigError, match=r"expected a transcriber of characters.*Received: one of words"):
        language_model_scorer(lm, untrained(tokens="words", text="ab c").vocabulary)
    with pytest.raises(ConfigError, match=r"expected a language model, such as elman.load.* Received: str"):
        untrained().transcribe([tones("a")], rate=RATE, lm="lm")  # type: ignore[arg-type]
