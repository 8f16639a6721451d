"""Words that are joined to text again."""

from __future__ import annotations

import pytest

from elman.data.vocabulary import WordVocabulary
from elman.data.vocabulary.spacing import Detokenizer

TEXTS = [
    "Er sagte „Hallo“ und ging.",
    "Er sagte ‚Hallo‘ und „sie ‚ja‘ dann“ auch.",
    "Hon sade ”hej” och ”hej då” gick.",
    "Han sagde »hej« og gik.",
    "Hän sanoi »hei» ja lähti.",
    "Il dit «bonjour» et «oui».",
    "Rzekł „tak” i “no” then.",
    "the dogs' bone costs 5 $ or so",
    "the dogs' bone",
    "She says 'hello' and the boss said 'no'.",
    "It cost $5, 20 € and £3.50 in 2020 or 7 ¥.",
    'She said "so" and "no".',
    "“One” ended. ”",
    "👩‍👩‍👧 and 👍🏽 of 🇩🇪🇫🇷 with 1️⃣ or ❤️.",
    "सीता पानी पीती है।",
]


@pytest.mark.parametrize("emoji", [True, False])
@pytest.mark.parametrize("text", TEXTS)
def test_words_have_their_usual_spaces(text: str, emoji: bool) -> None:
    words = WordVocabulary([], emoji=emoji).split("\n".join(TEXTS))
    made = WordVocabulary(sorted(set(words)), emoji=emoji)
    ids = made.encode(text)
    expected = text.replace("ended. ”", "ended.”").replace("🇩🇪🇫🇷", "🇩🇪 🇫🇷")
    assert made.decode(ids) == expected
    assert "".join(made.decode_stream(ids)) == made.decode(ids)
    assert len(list(made.decode_stream(ids))) in (len(ids), len(ids) + 1)


def test_an_apostrophe_waits_for_a_quotation_mark_for_some_words() -> None:
    more = ["bone", "and", "a", "lot", "of", "other", "things", "that", "they", "have", "buried", "here"]
    words = ["the", "dogs", "'", *more]
    joined = Detokenizer()
    pieces = [joined.place(word) for word in words]
    assert pieces[2] == ""
    assert "".join(pieces) == "the dogs' bone and a lot of other things that they have buried here"
    assert joined.rest() == ""
    assert Detokenizer().join(["dogs", "'", "\n", "'", "so", "'"]) == "dogs'\n'so'"


def test_an_emoji_is_one_word() -> None:
    text = "👩\u200d👩\u200d👧 👍🏽 🇩🇪🇫🇷 1\ufe0f\u20e3 ❤\ufe0f ❤ 2 🏴\U000e0067\U000e007f"
    made = WordVocabulary.learn([text])
    words = [*text.replace("🇩🇪🇫🇷", "🇩🇪 🇫🇷").split()]
    assert made.split(text) == words
    assert 0 not in made.encode(text)
    stored = made.to_json()
    assert stored.pop("emoji") is True
    earlier = WordVocabulary.from_json(stored)
    assert earlier.split("👍🏽") == ["👍", "🏽"]
    assert "emoji" not in earlier.to_json()
    assert WordVocabulary.from_json(made.to_json()).split(text) == words
