"""A language model in the search of translators and captioners: scores, tokens that do not fit, and the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman import LanguageModel
from elman.cli.app import main
from elman.decode.fusion import token_scorer
from elman.errors import ConfigError
from elman.state import map_leaves

from .small_captioners import bars
from .small_captioners import trained as trained_captioner
from .small_translators import SOURCES, TARGETS
from .small_translators import trained as trained_translator

SMALL: dict[str, Any] = {
    "hidden_size": 12, "embedding": 6, "batch_size": 4, "bptt": 8, "max_steps": 12, "split": (1.0, 0.0, 0.0),
    "threads": 1, "device": "cpu", "precision": "float32", "learning_rate": 0.03, "warmup_steps": 0,
}  # fmt: skip
CAPTIONS = ("bar left", "bar left right", "bar middle", "bar left middle right", "bar right", "bar middle right")


def language_model(lines: Any, **options: Any) -> LanguageModel:
    return LanguageModel(**{**SMALL, **options}).fit(string="\n".join(lines) + "\n", progress=False, tune=False)


@pytest.fixture(scope="module")
def translator() -> elman.Translator:
    return trained_translator()


@pytest.fixture(scope="module")
def words() -> LanguageModel:
    return language_model(TARGETS * 4, tokens="words", min_count=1)


def assert_scored(found: Any, lm: LanguageModel, weight: float, bonus: float, tokens: int) -> None:
    """The score is that of the formula, with what the language model says of the text alone."""
    (alone,) = lm.score([f"{found.text}\n"])
    total = found.log_probability + weight * alone.log_probability + bonus * tokens
    assert found.score == pytest.approx(total / ((6 + tokens) / 6), rel=1e-4)


def test_translations_are_scored_by_both(translator: elman.Translator, words: LanguageModel) -> None:
    search: dict[str, Any] = {"lm": words, "lm_weight": 0.8, "insertion_bonus": 0.3, "beams": 4, "n_best": 3}
    found = translator.translations(SOURCES[:5], **search)
    for best in found:
        assert [each.score for each in best] == sorted((each.score for each in best), reverse=True)
        for each in best:
            if each.finished:
                assert_scored(each, words, 0.8, 0.3, len(each.tokens))
    plain = translator.translate(SOURCES, min_length=3)
    assert translator.translate(SOURCES, lm=words, lm_weight=0.0, min_length=3) == plain
    assert translator.translate(SOURCES, lm=words, lm_weight=30.0, min_length=3) != plain
    figures = translator.evaluate(SOURCES, TARGETS, lm=words, lm_weight=2.0, beams=2)
    assert figures["loss"] == translator.evaluate(SOURCES, TARGETS)["loss"]


def test_an_ensemble_takes_a_language_model_too(translator: elman.Translator, words: LanguageModel) -> None:
    ((best, *_),) = translator.translations(SOURCES[:1], lm=words, ensemble=[translator], beams=3)
    ((alone, *_),) = translator.translations(SOURCES[:1], lm=words, beams=3)
    assert best.text == alone.text
    assert best.score == pytest.approx(alone.score, rel=1e-4)


@pytest.mark.parametrize("tokens", ["words", pytest.param("characters", marks=pytest.mark.slow)])
def test_captions_are_scored_by_both(tokens: str) -> None:
    images, captions = bars()
    model = trained_captioner(images, captions, tokens=tokens, max_length=40)
    lm = language_model(CAPTIONS * 6, tokens=tokens)
    for best in model.captions(images[:4], lm=lm, lm_weight=0.6, insertion_bonus=0.2, beams=3, n_best=2):
        for each in best:
            if each.finished:
                assert_scored(each, lm, 0.6, 0.2, len(each.tokens))
    assert model.caption(images[:8], lm=lm, lm_weight=0.0) == model.caption(images[:8])
    assert model.evaluate(images, captions, lm=lm)["loss"] == model.evaluate(images, captions)["loss"]


def test_language_models_that_do_not_fit(translator: elman.Translator, words: LanguageModel) -> None:
    with pytest.raises(ConfigError, match=r"for a translator of words. Received: one of characters"):
        translator.translate(SOURCES, lm=language_model(TARGETS, tokens="characters"))
    few = language_model(TARGETS[:3] * 9, tokens="words", min_count=1)
    with pytest.raises(ConfigError, match=r"has all words of the translator: .* Received: one without .*'dog'"):
        translator.translate(SOURCES, lm=few)
    with pytest.raises(ConfigError, match="expected a language model, such as"):
        translator.translate(SOURCES, lm="lm")
    with pytest.raises(ConfigError, match=r"expected lm_weight with a language model \(--lm\) only"):
        translator.translate(SOURCES, lm_weight=0.3)
    with pytest.raises(ConfigError, match="expected a language model without sample"):
        translator.translate(SOURCES, lm=words, sample=True)


def test_subwords_have_to_be_cut_in_the_same_way() -> None:
    one, other = (language_model(lines * 6, tokens="subwords", vocabulary_size=264) for lines in (CAPTIONS, TARGETS))
    assert token_scorer(one, one.vocabulary, "captioner").first.log_probabilities_NV.shape == (1, one.vocabulary.size)
    with pytest.raises(ConfigError, match=r"same vocabulary of subwords as the captioner. .* in another way"):
        token_scorer(other, one.vocabulary, "captioner")


def test_the_commands_take_a_language_model(
    translator: elman.Translator, words: LanguageModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    translator.save(tmp_path / "translator")
    words.save(tmp_path / "lm")
    lines = tmp_path / "sources.txt"
    lines.write_text("\n".join(SOURCES[:3]) + "\n")
    command = ["translate", str(tmp_path / "translator"), str(lines), "--json", "--beams", "3"]
    scores = []
    for options in ([], ["--lm", str(tmp_path / "lm")], ["--lm", str(tmp_path / "lm"), "--lm-weight", "0"]):
        assert main([*command, *options]) in (None, 0)
        scores.append([best[0]["score"] for best in json.loads(capsys.readouterr().out)["translations"]])
    assert scores[0] == scores[2]
    assert scores[0] != scores[1]


def test_a_language_model_of_characters_reads_the_text_of_subwords() -> None:
    model = trained_translator(tokens="subwords", vocabulary_size=290, max_steps=30)
    lm = language_model(TARGETS * 4, tokens="characters")
    search: dict[str, Any] = {"lm_weight": 0.6, "insertion_bonus": 0.1, "beams": 4, "n_best": 3, "max_length": 5}
    scored = 0
    for best in model.translations(SOURCES[:6], lm=lm, **search):
        for each in best:
            if each.text.isprintable() and each.text.isascii():
                assert_scored(each, lm, 0.6, 0.1, len(each.tokens))
                scored += 1
    assert scored
    plain = model.translate(SOURCES[:6], beams=4, min_length=2)
    assert model.translate(SOURCES[:6], beams=4, min_length=2, lm=lm, lm_weight=0.0) == plain


def test_the_scorer_of_texts_scores_as_the_language_model_does() -> None:
    lm, own = language_model(TARGETS * 4, tokens="characters"), trained_translator(tokens="subwords").vocabulary
    language = token_scorer(lm, own.target, "translator")
    texts = TARGETS[:3]
    rows = own.encode_targets(texts)
    assert len({len(row) for row in rows}) > 1
    for text, row in zip(texts, rows, strict=True):
        step, total = language.first, 0.0
        for number in row.tolist():
            step = language.extend(torch.tensor([number, number]), twice(step.state))
            assert step.ends_N is not None
            ended = total + float(step.ends_N[1])
            total += float(step.log_probabilities_NV[0, 5])
            step = step._replace(state=map_leaves(lambda leaf: leaf[:1], step.state))
        (alone,) = lm.score([f"{text}\n"])
        assert ended == pytest.approx(alone.log_probability, rel=1e-4)


def twice(state: Any) -> Any:
    return map_leaves(lambda leaf: torch.cat([leaf, leaf]), state)
