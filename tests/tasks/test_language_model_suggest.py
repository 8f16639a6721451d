"""Suggested words: against a plain search over all tokens in float64, for characters, subwords and words."""

from __future__ import annotations

import copy
import math
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman import LanguageModel
from elman.errors import ConfigError, DataError

from . import small

TEXT = "the whale swam; the captain's ship sailed. The white whale won't wait: who saw the ship?\n" * 12
SHARPER: dict[str, Any] = {"max_steps": 120, "learning_rate": 0.03, "hidden_size": 24}
WORD = re.compile(r"\s*(\w+(?:['’]\w+)*)")


def trained(tmp_path_factory: pytest.TempPathFactory, **options: Any) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("suggest")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        return small.trained(folder, TEXT, **SHARPER | options)


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return trained(tmp_path_factory)


@pytest.fixture(scope="module")
def subwords(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return trained(tmp_path_factory, tokens="subwords", vocabulary_size=275)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return trained(tmp_path_factory, tokens="words")


class Plain:
    """All words after a text whose tokens have at least the probability `least`, by trying every token in turn."""

    def __init__(self, model: LanguageModel, least: float) -> None:
        self.network = copy.deepcopy(model.network).double().eval()
        self.vocabulary = model.vocabulary
        self.start = model.context_start()
        self.least = least
        special = {self.vocabulary.unknown_id, self.vocabulary.end_id}
        self.raw = [
            b"" if number in special else entry if isinstance(entry, bytes) else entry.encode()
            for number, entry in enumerate(self.vocabulary.entries())
        ]

    def words(self, ids: list[int], spelt: str, owed: str) -> dict[str, float]:
        """The probabilities of words after the tokens `ids`, which spell `spelt` of the word; `owed` has to follow."""
        self.found: defaultdict[str, float] = defaultdict(float)
        self.covered = 0.0
        state = self.network.initial_state(1)
        with torch.no_grad():
            for token in [*self.start, *ids]:
                logits_BV, state = self.network.step(torch.tensor([token]), state)
            self.visit(logits_BV, state, spelt.encode(), owed.encode(), 1.0)
        total = self.covered if owed else 1.0
        return {word: value / total for word, value in self.found.items()}

    def visit(self, logits_BV: torch.Tensor, state: Any, spelt: bytes, owed: bytes, before: float) -> None:
        shares = torch.softmax(logits_BV[0].double(), dim=-1).tolist()
        for token, share in enumerate(shares):
            raw, probability = self.raw[token], before * share
            if owed:
                if not raw or not (owed.startswith(raw) or raw.startswith(owed)):
                    continue
                if raw.startswith(owed):
                    self.covered += probability
            text = (spelt + raw).decode("utf-8", "ignore")
            word = WORD.match(text)
            ended = token == self.vocabulary.end_id or (word and text[word.end() :] not in ("", "'", "’"))
            if ended and not owed:
                if word:
                    self.found[word[1]] += probability
            elif raw and (word or not text.strip()) and probability >= self.least:
                after = self.network.step(torch.tensor([token]), state)
                self.visit(*after, spelt + raw, owed[len(raw) :], probability)


def assert_same(found: Any, expected: dict[str, float], tolerance: float) -> None:
    best = sorted(expected, key=lambda word: -expected[word])[: len(found)]
    assert [each.probability for each in found] == pytest.approx([expected[word] for word in best], abs=tolerance)
    for each in found:
        assert each.probability == pytest.approx(expected[each.word], abs=tolerance)
    assert found.complete
    assert len({each.word for each in found}) == len(found)


@pytest.mark.parametrize("text", ["the w", "the ", "", "saw the captain", "The", "the ship sailed.", "won'"])
def test_words_of_characters(lm: LanguageModel, text: str) -> None:
    found = lm.suggest(text, top=3)
    begun = re.search(r"(?:\w+'?)?$", text)[0]  # type: ignore[index]
    assert found.begun == begun
    assert len(found) == 3
    assert all(each.word.startswith(begun) for each in found)
    expected = Plain(lm, 1e-3).words(lm.vocabulary.encode(text).tolist(), begun, "")
    # An apostrophe that is not inside the word after all gives a word that is shorter than what is typed.
    assert_same(found, {word: value for word, value in expected.items() if word.startswith(begun)}, 2e-3)
    assert found.covered <= 1.0 + 1e-9


@pytest.mark.parametrize(("text", "read", "owed"), [("the wh", "the", " wh"), ("the ", "the", " "), ("Th", "", "Th")])
def test_words_of_subwords_have_any_tokens(subwords: LanguageModel, text: str, read: str, owed: str) -> None:
    found = subwords.suggest(text, top=3)
    plain = Plain(subwords, 2e-4)
    expected = plain.words(subwords.vocabulary.encode(read).tolist(), "", owed)
    assert_same(found, expected, 5e-3)
    assert math.fsum(expected.values()) <= 1.0 + 1e-9


def test_a_word_is_not_cut_where_the_typed_text_ends(subwords: LanguageModel) -> None:
    # Whatever the tokens of "whal" are, the word that it begins is the whole one.
    for cut in range(2, 6):
        assert subwords.suggest("The white whale"[: 10 + cut], top=1).found[0].word == "whale"


def test_words_of_a_model_of_words(words: LanguageModel) -> None:
    found = words.suggest("the sh", top=2)
    rows = small.one_by_one(
        copy.deepcopy(words.network).double(), words.context_start() + words.vocabulary.encode("the").tolist()
    )
    shares = {word: float(rows[-1].exp()[2 + place]) for place, word in enumerate(words.vocabulary.words)}
    fitting = {word: share for word, share in shares.items() if word.startswith("sh")}
    total = sum(fitting.values())
    assert_same(found, {word: share / total for word, share in fitting.items()}, 1e-5)
    assert [each.word for each in found] == ["ship"]
    every = words.suggest("the ", top=1000)
    assert math.fsum(each.probability for each in every) == pytest.approx(1.0)
    assert all(each.word[0].isalpha() for each in every)
    assert len(words.suggest("xq")) == 0
    assert str(words.suggest("xq")) == "no word was found"


def test_case_is_kept(tmp_path: Path, lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    assert all(each.word.startswith("Th") for each in lm.suggest("Th"))
    assert lm.suggest("saw the wha", top=1).found[0].word == "whale"
    for tokens in ("words", "characters"):
        folded = small.trained(tmp_path, TEXT, tokens=tokens, lowercase=True, **SHARPER)
        assert folded.suggest("saw the WHa", top=1).found[0].word == "WHale"


def test_a_text_in_pieces(lm: LanguageModel, subwords: LanguageModel) -> None:
    for model in (lm, subwords):
        state = model.next("the captain's ").state
        found = model.suggest("sh", state=state)
        expected = model.suggest("the captain's sh")
        assert found.begun == expected.begun == "sh"
        assert [each.word for each in found] == [each.word for each in expected]
        np.testing.assert_allclose(
            [each.probability for each in found], [each.probability for each in expected], atol=1e-5
        )


def test_wrong_requests_are_refused(lm: LanguageModel) -> None:
    for wrong in (0, -1, True, 2.0):
        with pytest.raises(ConfigError, match="expected top to be a whole number from 1"):
            lm.suggest("the", top=wrong)  # type: ignore[arg-type]
    broken = copy.deepcopy(lm)
    with torch.no_grad():
        broken.network.head.bias[3] = torch.nan
    with pytest.raises(DataError, match="finite logits"):
        broken.suggest("the")


@pytest.mark.parametrize("kind", ["lm", "subwords"])
def test_a_long_word_may_go_on(kind: str, request: pytest.FixtureRequest) -> None:
    begun = "whale" * 30
    found = request.getfixturevalue(kind).suggest(f"the {begun}", top=2)
    assert len(found) == 2
    assert all(each.word.startswith(begun) for each in found)


def test_unknown_characters_are_part_of_the_word(lm: LanguageModel) -> None:
    found = lm.suggest("the wäh", top=2)
    assert found.begun == "wäh"
    assert all(each.word.startswith("wäh") for each in found)


def test_members_are_averaged_by_probability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    model = small.trained(tmp_path, TEXT, members=2, cell="gru", max_steps=60)
    found = model.suggest("the w", top=2)
    assert_same(found, Plain(model, 1e-3).words(model.vocabulary.encode("the w").tolist(), "w", ""), 2e-3)
    (best, _) = model.choose("the {whale|ship}")
    whole = {each: model.score(f"the {each}")[0].log_probability for each in ("whale", "ship")}
    assert best.log_probability < whole[best.alternatives[0]]  # that the word ends there is not certain
    other = tmp_path / "other.txt"
    other.write_text(" ".join(reversed(TEXT.split())), encoding="utf-8")
    assert len(model.guess_rounds(other, rounds=1, length=20)) == 1
