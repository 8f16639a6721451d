"""Options that a classifier chooses by its texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import elman
from elman import Classifier
from elman.errors import ConfigError
from elman.tasks.classifier.automatic import TextCounts, count_texts, text_options, texts_seen
from elman.tasks.classifier.config import ClassifierConfig

from .labelled import texts, write_csv

TINY: dict[str, Any] = {"hidden_size": 6, "embedding": 5, "max_steps": 4, "threads": 1, "baseline": False}
CHINESE = ["好电影很好看，我喜欢", "坏电影不好看，我不喜欢", "很好看，很喜欢这个", "不好看，很坏的电影"] * 5


def of_words(texts: int = 3000, words: int = 20, classes: int = 2) -> TextCounts:
    """English texts, with a word in ten for the first time."""
    return TextCounts(texts, texts * words, texts * words // 10, texts * words * 5, classes)


def test_counts_by_hand() -> None:
    counts = count_texts(["a good film", "good", ""], ["x", "y", "x"])
    assert counts == TextCounts(texts=3, parts=4, distinct=3, characters=15, classes=2)
    assert count_texts(["a b"], None).classes == 0
    assert texts_seen(counts, "words") == "3 texts of 1 words, 2 classes"
    assert texts_seen(TextCounts(2931, 55_000, 9000, 270_000), "words") == "2,931 texts of 19 words"


@pytest.mark.parametrize(
    ("found", "characters"),
    [
        (["Smith", "Nakamura", "van Dyk"], True),
        (["CC(=O)Nc1ccc(O)cc1", "[Cl].CC(C)NCC(O)COc1cccc2ccccc12"], True),
        (CHINESE, True),
        (["私は映画が好きです", "この映画はとても退屈だった、残念です"], True),
        (["это хороший фильм", "плохой фильм"], False),
        (["φίλμ καλό", "فيلم جيد جدا"], False),
        (["Donaudampfschifffahrt ist ein langes Wort", "kurz und gut"], False),
        (["", ""], True),
    ],
)
def test_texts_without_spaces_are_read_as_characters(found: list[str], *, characters: bool) -> None:
    assert count_texts(found, None).without_words == characters


def test_few_texts_have_a_small_network_and_many_epochs() -> None:
    few, some, many = (text_options(of_words(count), "words") for count in (200, 5000, 500_000))
    assert few["max_epochs"] == 30
    assert few["max_epochs"] > some["max_epochs"] >= 8 > many["max_epochs"] >= 1
    # A pass over so much would take hours.
    assert 0 < text_options(of_words(10**7, 100), "words")["max_epochs"] < 0.1
    assert few["hidden_size"] == some["hidden_size"] == 64
    assert few["word_dropout"] > 0
    assert "hidden_size" not in many
    assert {"bag", "bag_characters", "bag_leave_one_out"} <= set(few)
    assert few["monitor"] == "loss"
    assert "monitor" not in many
    assert "monitor" not in text_options(of_words(200, classes=0), "words")


def test_every_choice_is_an_option_with_an_allowed_value() -> None:
    for tokens in ("words", "characters", "subwords"):
        for counts in (of_words(3), of_words(10**6, 200), of_words(1000, 30, 100_000), TextCounts(2, 0, 0, 0, 1)):
            options = text_options(counts, tokens)
            ClassifierConfig.make("base", options)
            assert options["max_epochs"] > 0
            assert not options.get("bag_characters") or tokens != "subwords"


def bag_of(counts: TextCounts, tokens: str = "words") -> tuple[int, int]:
    options = text_options(counts, tokens)
    assert options.get("bag_leave_one_out", False) == bool(options.get("bag", 0) + options.get("bag_characters", 0))
    return options.get("bag", 0), options.get("bag_characters", 0)


def test_a_bag_has_as_many_n_grams_as_fit_into_the_memory() -> None:
    assert bag_of(of_words()) == (2, 5)
    assert bag_of(of_words(), "characters") == (0, 5)
    assert bag_of(of_words(), "subwords") == (2, 0)
    assert bag_of(of_words(1000, 20, 600)) == (2, 0)
    assert bag_of(of_words(1000, 20, 2000)) == (1, 0)
    assert bag_of(of_words(10_000, 20, 100_000)) == (0, 0)
    assert bag_of(of_words(classes=0)) == (0, 0)
    assert bag_of(of_words(classes=1)) == (0, 0)
    # One very long text.
    assert bag_of(TextCounts(10, 40_000_000, 10_000, 200_000_000, 2)) == (1, 0)


def chosen(X: list[str], y: list[Any], **options: Any) -> dict[str, Any]:
    model = Classifier(**TINY | options).fit(X, y, progress=False, tune=False)
    assert len(model.predict(X)) == len(X)
    return model.training["automatic"]["options"]


def test_a_run_of_nothing_but_data_has_a_bag_and_keeps_it(tmp_path: Path) -> None:
    X, y = texts(90)
    model = Classifier(**TINY | {"max_steps": 30}).fit(
        write_csv(tmp_path / "t.csv", X, y), folder=tmp_path / "m", progress=False, tune=False
    )
    assert model.network.bag is not None
    assert model.training["automatic"]["because"] == ["81 texts of 4 words, 2 classes"]
    loaded = elman.load(tmp_path / "m")
    assert (loaded.predict(X) == model.predict(X)).all()
    assert loaded.score(*texts(100, seed=3)) > 0.9
    assert loaded.explain(["the good film"])[0].weights.argmax() == 1


def test_options_that_were_given_are_kept() -> None:
    X, y = texts()
    assert not {"bag", "bag_characters", "bag_leave_one_out"} & set(chosen(X, y, bag=1))
    assert not {"bag", "bag_characters", "bag_leave_one_out"} & set(chosen(X, y, bag_start=0.1))
    assert chosen(X, y, tokens="characters")["bag_characters"] == 5
    assert "bag_characters" not in chosen(X, y, tokens="subwords", vocabulary_size=270)
    assert not {"tokens", "lowercase"} & set(chosen(["one", "two"] * 10, ["a", "b"] * 10, tokens="words"))
    assert "max_epochs" not in chosen(X, y)


def test_runs_on_unusual_data_end_with_an_answer() -> None:
    options = chosen(CHINESE, ["good", "bad", "good", "bad"] * 5)
    assert (options["tokens"], options["bag_characters"]) == ("characters", 5)
    chosen(["a b c", "d e f", "g h i"], ["x", "y", "y"])
    chosen(["word " * 3000, *texts()[0]], ["once", *texts()[1]])
    assert "bag" not in chosen(texts()[0], [float(len(text)) for text in texts()[0]], kind="regression")


def test_series_have_no_options_of_texts() -> None:
    with pytest.raises(ConfigError, match="expected bag_characters with texts only"):
        Classifier(**TINY, bag_characters=2).fit([[[1.0], [2.0]]] * 20, [0, 1] * 10, progress=False)
