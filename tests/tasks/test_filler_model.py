"""A filler's answers: the words of gaps and of a text, against what the network says one place at a time."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import Filler, LanguageModel
from elman.data.vocabulary import WordVocabulary
from elman.errors import ArtifactError, ConfigError, DataError
from elman.tasks.filler.gaps import read_gaps
from elman.tasks.filler.suspicion import documents_of

from .small_fillers import OPTIONS, SENTENCES, TEXT, trained

UNKNOWN, END = 0, 1


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Filler:
    """Sentences as documents."""
    return trained(tmp_path_factory.mktemp("filler"), documents="lines", word_dropout=0.2, max_steps=200)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Filler:
    """The text as one document, whose line ends are words."""
    return trained(tmp_path_factory.mktemp("running"), max_steps=20)


def distribution(model: Filler, words: list[str], place: int) -> np.ndarray[Any, Any]:
    """The probabilities of all words at one place of a sentence, each direction run over its words alone."""
    known = model.words
    ids = [known.encode(word).item() if word != "?" else UNKNOWN for word in words]
    ids = [END, *ids, END] if model.config.text.documents != "files" else ids
    place += model.config.text.documents != "files"
    net = model.network
    with torch.no_grad():
        vectors = net.embed(torch.tensor(ids))
        sides = []
        for stack, part in zip(net.contexts, (vectors[:place], vectors[place + 1 :].flip(0)), strict=True):
            zero = torch.zeros(stack.output_size)
            sides.append(stack(part[None])[0][0, -1] if len(part) else zero)
        logits = net.head(torch.tanh(net.join(torch.cat(sides)))).double()
    return torch.softmax(logits, dim=-1).numpy()


def word_id(model: Filler, word: str) -> int:
    return int(model.words.encode(word).item())


def test_a_gap_has_the_most_likely_words_with_their_probabilities(filler: Filler) -> None:
    found = filler.fill("the cat ___ now in the house .", top=3)
    expected = distribution(filler, ["the", "cat", "?", "now", "in", "the", "house", "."], 2)
    assert found.words == ("sleeps",)
    assert found.text == "the cat sleeps now in the house ."
    (gap,) = found.gaps
    assert len(gap.found) == 3
    for each in gap.found:
        assert each.probability == pytest.approx(expected[word_id(filler, each.word)], rel=1e-4)
    listed = [number for number in np.argsort(-expected) if number not in (UNKNOWN, END)][:3]
    assert [word_id(filler, each.word) for each in gap.found] == listed
    assert gap.unknown == pytest.approx(expected[UNKNOWN], rel=1e-4)
    assert found.log_probability == pytest.approx(math.log(gap.found[0].probability))


def test_text_around_gaps_stays_as_it_is(filler: Filler) -> None:
    assert filler.fill("  the cat   _____  often, in the house.").text == "  the cat   sleeps  often, in the house."
    assert filler.fill("the cat [] now in the house .", gap="[]").words == ("sleeps",)


def test_gaps_are_listed_as_if_the_others_were_unknown(filler: Filler) -> None:
    words = ["the", "?", "?", "now", "in", "the", "?", "."]
    found = filler.fill(" ".join("___" if word == "?" else word for word in words), top=100)
    for gap, place in zip(found.gaps, (1, 2, 6), strict=True):
        expected = distribution(filler, words, place)
        for each in gap.found:
            assert each.probability == pytest.approx(expected[word_id(filler, each.word)], rel=1e-4)
    assert found.words[:2] in {("cat", "sleeps"), ("dog", "runs"), ("fish", "swims")}


def chain(model: Filler, words: list[str], order: list[int], chosen: dict[int, str]) -> float:
    """The log-probability of words that are filled in this order."""
    total, words = 0.0, list(words)
    for place in order:
        total += math.log(distribution(model, words, place)[word_id(model, chosen[place])])
        words[place] = chosen[place]
    return total


def test_the_words_of_several_gaps_are_the_best_together(running: Filler) -> None:
    """With as many hypotheses as there are combinations, the search finds the best by brute force."""
    words = ["the", "?", "?", "now", "in", "the", "house", "."]
    text = " ".join("___" if word == "?" else word for word in words)
    candidates = ["cat", "dog", "sleeps", "swims"]
    found = running.fill(text, candidates=candidates, beams=16)
    best = {
        place: max(distribution(running, words, place)[word_id(running, each)] for each in candidates)
        for place in (1, 2)
    }
    order = sorted(best, key=lambda place: -best[place])
    scores = {
        pair: chain(running, words, order, dict(zip((1, 2), pair, strict=True)))
        for pair in itertools.product(candidates, repeat=2)
    }
    expected = max(scores, key=lambda pair: scores[pair])
    assert found.words == expected
    assert found.log_probability == pytest.approx(scores[expected], abs=1e-4)
    greedy = running.fill(text, candidates=candidates, beams=1)
    assert greedy.log_probability <= found.log_probability + 1e-6
    assert greedy.log_probability == pytest.approx(scores[greedy.words], abs=1e-4)  # type: ignore[index]


def test_candidates_are_listed_in_their_order_with_their_own_probabilities(filler: Filler) -> None:
    found = filler.fill("the cat ___ now in the house .", candidates=["runs", "sleeps"])
    expected = distribution(filler, ["the", "cat", "?", "now", "in", "the", "house", "."], 2)
    assert [each.word for each in found.gaps[0].found] == ["runs", "sleeps"]
    for each in found.gaps[0].found:
        assert each.probability == pytest.approx(expected[word_id(filler, each.word)], rel=1e-4)
    assert found.words == ("sleeps",)
    assert filler.fill("the cat ___ now in the house .", candidates=["park"]).words == ("park",)
    twice = filler.fill("the ___ ___ now", candidates=["park", "park", "cat"], beams=2)
    once = filler.fill("the ___ ___ now", candidates=["park", "cat"], beams=2)
    assert (twice.words, twice.log_probability) == (once.words, once.log_probability)
    assert [each.word for each in twice.gaps[0].found] == ["park", "park", "cat"]


def test_many_texts_have_the_answers_of_each_alone(filler: Filler) -> None:
    texts = ["the cat ___ now", "___ ___ swims again in the ___ .", "often ___", "the dog runs ___ in the park ."] * 20
    for text, found in zip(texts, filler.fill_many(texts), strict=True):
        alone = filler.fill(text)
        assert found.text == alone.text
        assert found.log_probability == pytest.approx(alone.log_probability, abs=1e-5)


def test_groups_of_texts_are_bounded(filler: Filler, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["the ___ sleeps", "___ ___ ___ now", "the ___ in the ___", "often ___"]
    expected = filler.fill_many(texts)
    for name, most in (("_ROWS", 2), ("_STEPS", 8), ("_PROBABILITIES", 4 * filler.vocabulary.size)):
        with monkeypatch.context() as patch:
            patch.setattr(f"elman.tasks.filler.filling.{name}", most)
            for found, other in zip(filler.fill_many(texts), expected, strict=True):
                assert found.text == other.text
                assert found.log_probability == pytest.approx(other.log_probability, abs=1e-6)


def test_neither_unknown_words_nor_ends_are_filled_in(running: Filler) -> None:
    listed = {each.word for each in running.fill("the ___ of", top=10_000).gaps[0].found}
    assert len(listed) == running.vocabulary.size - 3
    assert not listed & {"[UNK]", "[EOS]", "\n"}


BAD = [
    ("the cat sleeps", r"expected a text with a gap, marked by three or more underscores.*Received: 'the cat sleeps'"),
    ("", r"expected a text with a gap.*Received: ''"),
    ("word", r"expected a text with a gap.*Received: 'word'"),
    ("the __ cat", r"expected a text with a gap"),
    ("___", r"expected at least one word next to the gaps\. Received: '___'"),
    ("___ ____ ___", r"expected at least one word next to the gaps"),
    ("the c___t sleeps", r"expected gaps that are words of their own\. Received: 'c___t'"),
    ("the ___'s house", r"expected gaps that are words of their own\. Received: \"___'s\""),
    ("a ______b ___", r"words of their own\. Received: '___b'"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_texts_that_cannot_be_filled(text: str, message: str, filler: Filler) -> None:
    with pytest.raises(DataError, match=message):
        filler.fill(text)


def test_words_that_are_split_at_white_space_only() -> None:
    vocabulary = WordVocabulary(["gap", "the", "cat"], tokenizer="whitespace")
    with pytest.raises(DataError, match=r"own, which this model splits at white space only\. Received: '___,'"):
        read_gaps("the ___, cat", vocabulary)
    found = read_gaps("the gap ___ cat GAPQ", vocabulary)  # the words of the text do not clash with the stand-in
    assert found.places == (2,)
    assert found.ids[2] == UNKNOWN
    assert found.filled(["dog"]) == "the gap dog cat GAPQ"


def test_the_unicode_form_of_a_text_with_gaps() -> None:
    vocabulary = WordVocabulary(["gap", "now"], unicode_form="nfkc")
    found = read_gaps("\uff47\uff41\uff50 ___ now", vocabulary)  # "gap" in full-width letters
    assert (found.places, found.ids[0] == found.ids[1]) == ((1,), False)
    with pytest.raises(DataError, match="expected gaps that are words of their own"):
        read_gaps("___\u0301 now", vocabulary)  # an accent that composes with the letter before it


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"top": 0}, ConfigError, "expected top to be a whole number from 1. Received: 0"),
        ({"beams": 1.5}, ConfigError, "expected beams to be a whole number"),
        ({"top": 2, "candidates": ["cat"]}, ConfigError, "either top or candidates"),
        ({"candidates": "cat"}, ConfigError, "candidates to be a list of words"),
        ({"candidates": []}, ConfigError, "candidates to be a list of words"),
        ({"candidates": ["unheard"]}, DataError, "single words of the vocabulary. Received: 'unheard'"),
        ({"candidates": ["the cat"]}, DataError, "single words of the vocabulary. Received: 'the cat'"),
        ({"candidates": ["cat", "\n"]}, DataError, r"single words of the vocabulary. Received: '\\n'"),
        ({"gap": " "}, ConfigError, "a mark of gaps without white space"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], error: type[Exception], message: str, filler: Filler) -> None:
    with pytest.raises(error, match=message):
        filler.fill("the cat ___ now", **options)


def test_unknown_words_around_a_gap_are_read_as_unknown(filler: Filler) -> None:
    found = filler.fill("the zebra ___ now in the sea .", top=1)
    expected = distribution(filler, ["the", "?", "?", "now", "in", "the", "sea", "."], 2)
    assert found.gaps[0].found[0].probability == pytest.approx(expected[word_id(filler, found.words[0])], rel=1e-4)


def test_the_word_that_does_not_fit_is_the_most_suspicious(filler: Filler) -> None:
    lines = [*SENTENCES[:3], "the cat swims now in the house .", *SENTENCES[5:7]]
    found = filler.suspicious(lines)
    first = found[0]
    assert (first.line, first.number, first.word, first.suggestion) == (4, 3, "swims", "sleeps")
    assert first.context == "the cat [swims] now in the house"
    assert len(found) == sum(len(line.split()) for line in lines)
    words = ["the", "cat", "swims", "now", "in", "the", "house", "."]
    expected = distribution(filler, words, 2)
    assert first.probability == pytest.approx(expected[word_id(filler, "swims")], rel=1e-4)
    assert first.suggested == pytest.approx(expected[word_id(filler, "sleeps")], rel=1e-4)
    assert first.score == pytest.approx(math.log(first.suggested / first.probability), rel=1e-6)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_words_of_a_long_running_text_are_scored_in_windows(running: Filler) -> None:
    """Each word has at least a segment of context on either side; the lines are one text."""
    text = "\n".join(SENTENCES[:4])
    found = {(each.line, each.number): each for each in running.suspicious(text)}
    assert set(found) == {(line, number) for line in range(1, 5) for number in range(1, 9)}
    words = running.words.split(text)
    length = running.config.network.bptt
    for place in (0, length, 2 * length + 3):
        start = place // length * length
        low, high = max(0, start - length), min(len(words), start + 2 * length)
        expected = distribution(running, words[low:high], place - low)
        line, number = 1 + words[:place].count("\n"), 1 + place % 9
        assert found[line, number].word == words[place]
        assert found[line, number].probability == pytest.approx(expected[word_id(running, words[place])], rel=1e-4)


def test_unknown_words_are_suspicious_by_the_probability_of_all_unknown_words(filler: Filler) -> None:
    found = next(each for each in filler.suspicious("the cat slepes now in the house .") if each.word == "slepes")
    assert found.unknown
    assert found.suggestion == "sleeps"
    expected = distribution(filler, ["the", "cat", "?", "now", "in", "the", "house", "."], 2)
    assert found.probability == pytest.approx(expected[UNKNOWN], rel=1e-4)


def test_a_text_without_words_has_no_suspicious_ones(filler: Filler) -> None:
    for text in ("", "\n\n", []):
        with pytest.raises(DataError, match="expected a text with at least one word"):
            filler.suspicious(text)


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ("files", [(1, "a\nb\n\nc")]),
        ("lines", [(1, "a"), (2, "b"), (3, ""), (4, "c")]),
        ("paragraphs", [(1, "a\nb"), (3, "\nc")]),
    ],
)
def test_documents_of_lines(documents: str, expected: list[tuple[int, str]]) -> None:
    assert list(documents_of(["a", "b", "", "c"], documents)) == expected


def test_an_evaluation_predicts_every_word_once(filler: Filler, tmp_path: Path) -> None:
    """Loss, perplexities and accuracies, from the probabilities of one place at a time."""
    text = [SENTENCES[0], "the zebra sleeps now in the park .", SENTENCES[9]]
    path = tmp_path / "held.txt"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    figures = filler.evaluate(path)
    nats, ranks, unknown = [], [], []
    for line in text:
        words = line.split()
        for place, word in enumerate(words):
            found, number = distribution(filler, words, place), word_id(filler, word)
            nats.append(-math.log(found[number]))
            ranks.append(int((found > found[number]).sum()))
            unknown.append(number == UNKNOWN)
    known = [value for value, no in zip(nats, unknown, strict=True) if not no]
    assert figures["words"] == len(nats) == 24
    assert figures["loss"] == pytest.approx(np.mean(nats), rel=1e-4)
    assert figures["perplexity"] == pytest.approx(math.exp(np.mean(nats)), rel=1e-4)
    assert figures["perplexity_known"] == pytest.approx(math.exp(np.mean(known)), rel=1e-4)
    assert figures["accuracy"] == np.mean([rank == 0 for rank in ranks])
    assert figures["top5_accuracy"] == np.mean([rank < 5 for rank in ranks])
    assert figures["unknown_share"] == 1 / 24
    assert filler.evaluate(path, limit=8)["loss"] == pytest.approx(np.mean(nats[:8]), rel=1e-4)


def test_evaluations_of_nothing(filler: Filler, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(DataError, match=r"at least one word|empty|no text"):
        filler.evaluate(tmp_path / "empty.txt")
    with pytest.raises(DataError, match="nowhere"):
        filler.evaluate(tmp_path / "nowhere.txt")
    with pytest.raises(ConfigError, match="limit of at least 1 word"):
        filler.evaluate(tmp_path / "empty.txt", limit=0)


def test_training_on_texts_without_enough_words(tmp_path: Path) -> None:
    for text in ("", "word", "\n\n"):
        (tmp_path / "text.txt").write_text(text)
        with pytest.raises(DataError):
            Filler(**OPTIONS).fit(tmp_path / "text.txt", progress=False, tune=False)


def test_an_untrained_network_knows_how_frequent_words_are(tmp_path: Path) -> None:
    model = trained(tmp_path, max_steps=1, learning_rate=1e-9, split=(1.0, 0.0, 0.0))
    counts = {word: TEXT.split().count(word) + 1 for word in set(TEXT.split())}
    bias = model.network.head.bias.detach()
    for word in ("the", "cat", "."):
        assert float(bias[word_id(model, word)] - bias[word_id(model, "sea")]) == pytest.approx(
            math.log(counts[word] / counts["sea"]), abs=1e-4
        )


def test_an_output_layer_that_samples_words_learns_and_answers_with_all_of_them(tmp_path: Path) -> None:
    model = trained(tmp_path, documents="lines", head="sampled", noise_samples=8, max_steps=200)
    assert model.fill("the cat ___ now in the house .").words == ("sleeps",)
    listed = model.fill("the cat ___ now in the house .", top=100).gaps[0]
    expected = distribution(model, ["the", "cat", "?", "now", "in", "the", "house", "."], 2)
    for each in listed.found:
        assert each.probability == pytest.approx(expected[word_id(model, each.word)], rel=1e-4)
    assert "accuracy" not in model.metrics["train"]
    assert model.metrics["valid"]["perplexity"] < 4
    with pytest.raises(ConfigError, match=r"noise_samples with head=sampled\. Received: noise_samples=8 with"):
        trained(tmp_path, noise_samples=8)


def test_a_filler_starts_from_a_language_model_of_words(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    options = {name: value for name, value in OPTIONS.items() if name not in ("dropout",)} | {"max_steps": 2}
    model = LanguageModel(tokens="words", min_count=2, **options).fit(path, progress=False, tune=False)
    plain = {name: value for name, value in options.items() if name not in ("hidden_size", "embedding")}
    started = Filler(**plain | {"learning_rate": 1e-9}).fit(path, progress=False, tune=False, start_from=model)
    assert started.config.network.hidden_size == OPTIONS["hidden_size"]
    here, there = started.network.state_dict(), model.network.state_dict()
    for name, tensor in there.items():
        if not name.startswith("head."):
            own = name.replace("stack.", "contexts.0.")
            torch.testing.assert_close(here[own], tensor, rtol=0, atol=1e-6)
    again = Filler(**plain).fit(path, progress=False, tune=False, start_from=started)
    assert again.config.network.hidden_size == OPTIONS["hidden_size"]
    letters = LanguageModel(**options).fit(path, progress=False, tune=False)
    with pytest.raises(ConfigError, match=r"a language model of words .* Received: LanguageModel with characters"):
        Filler(**plain).fit(path, progress=False, tune=False, start_from=letters)


def test_a_folder_with_other_tokens_is_refused(filler: Filler, tmp_path: Path) -> None:
    filler.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").fill("the ___").text == filler.fill("the ___").text
    vocabulary = tmp_path / "model" / "vocabulary.json"
    vocabulary.write_text(vocabulary.read_text().replace('"words"', '"characters"', 1))
    with pytest.raises(ArtifactError):
        elman.load(tmp_path / "model")
