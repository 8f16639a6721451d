"""`elman suggest`, `elman choose` and the order of `elman score --rank`."""

from __future__ import annotations

from pathlib import Path

import pytest

import elman as library


def test_a_suggestion(elman, model):
    lm = library.load(model)
    said = elman("suggest", model, "the c")
    assert said.out == f"{lm.suggest('the c')}\n"
    assert len(said.out.splitlines()) == 4
    (facts,) = elman("suggest", model, "the c", "--top", 2, "--json").json()["lines"]
    assert facts == {"line": 1, **lm.suggest("the c", top=2).to_json()}
    assert set(facts) == {"line", "text", "begun", "words", "covered", "complete"}
    assert set(facts["words"][0]) == {"word", "probability", "log_probability"}
    (nothing,) = elman("suggest", model, "--json").json()["lines"]
    assert nothing["begun"] == nothing["text"] == ""
    assert len(nothing["words"]) == 3


def test_several_texts(elman, model, tmp_path: Path):
    path = tmp_path / "texts.txt"
    path.write_text("the c\n\nthe dog \n", encoding="utf-8")
    found = elman("suggest", model, "--file", path, "--json").json()["lines"]
    assert [(each["line"], each["text"], each["begun"]) for each in found] == [(1, "the c", "c"), (3, "the dog ", "")]
    shown = elman("suggest", model, "--text", "the c", "--text", "the dog ").out.splitlines()
    assert [shown[0], shown[6]] == ["the c", "the dog "]
    path.write_text("a {cat|dog} sat\nthe {mat|log|}\n", encoding="utf-8")
    found = elman("choose", model, "--file", path, "--json").json()["lines"]
    assert [len(each["choices"]) for each in found] == [2, 3]
    assert "no text to answer for" in elman("suggest", model, "--file", empty(tmp_path)).err


def empty(folder: Path) -> Path:
    path = folder / "empty.txt"
    path.write_text("\n", encoding="utf-8")
    return path


def test_unknown_tokens_are_reported(elman, model):
    assert "unknown: 'X'" in elman("suggest", model, "Xthe c").err
    assert "unknown: 'X'" in elman("choose", model, "X {a|o}").err
    assert elman("suggest", model, "Xthe c", "-q").err == ""


def test_a_choice(elman, model):
    text = "the {cat|dog} sat on {the|a} mat"
    found = library.load(model).choose(text)
    assert elman("choose", model, text).out == f"{found}\n"
    (facts,) = elman("choose", model, text, "--json").json()["lines"]
    assert facts == {"line": 1, **found.to_json()}
    assert set(facts) == {"line", "text", "choices"}
    assert set(facts["choices"][0]) == {"text", "alternatives", "probability", "log_probability"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("choose",), "expected a text with alternatives: elman choose MODEL"),
        (("choose", "the cat"), "expected alternatives in braces"),
        (("choose", "{a|b}{a|b}", "--limit", "3"), "expected at most limit = 3 combinations"),
        (("choose", "{a|b}", "--text", "{a|o}"), "Received: the argument and --text"),
        (("choose", "the {cat|Q}"), "alternatives of known characters"),
        (("suggest", "a", "--file", "x"), "Received: the argument and --file"),
        (("suggest", "--file", "not-here.txt"), "not-here.txt"),
        (("suggest", "a", "--top", "0"), "top"),
        (("score", "--text", "a", "--rank-by", "log-probability"), "expected --rank-by together with --rank"),
    ],
)
def test_wrong_commands_are_refused(elman, model, words, message):
    said = elman(words[0], model, *words[1:])
    assert said.code == 2
    assert message in said.error()


@pytest.mark.parametrize("by", ["perplexity", "log-probability", "nats-per-char"])
def test_lines_are_ranked_by_the_figure_that_is_asked_for(elman, model, by):
    lines = ["the cat sat on the mat", "Q", "the dog", "log log log", "a"]
    texts = [word for line in lines for word in ("--text", line)]
    found = elman("score", model, *texts, "--rank", "--rank-by", by, "--json").json()["lines"]
    values = [each[by.replace("-", "_")] for each in found]
    assert values == sorted(values, reverse=by == "log-probability")
    if by == "perplexity":
        assert found == elman("score", model, *texts, "--rank", "--json").json()["lines"]
