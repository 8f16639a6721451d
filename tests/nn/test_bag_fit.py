"""N-grams of characters in a bag, and weights that leave out the text itself, against counts by hand."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
import torch

from elman.data.examples.encode import TextEncoder
from elman.data.examples.word_characters import TextRows, character_keys, word_spans
from elman.data.rows import SequenceRows
from elman.data.vocabulary import CharacterVocabulary, WordVocabulary
from elman.nn import bag_fit
from elman.nn.bag import NgramBag, count_grams
from elman.nn.bag_fit import FittedBag

TEXTS = [
    *("the film was good", "good good fun", "a good film", "a bad film", "the plot was bad, bad", "bad plot"),
    *("fun and good", "a bad, dull plot", "an odd plot", "odd film", "an odd odd one"),
]
TRUTH = np.array([0, 0, 0, 1, 1, 1, 0, 1, 2, 2, 2])
CLASSES = 3


def encoder(kind: str = "words", max_length: int = 0) -> TextEncoder:
    vocabulary = (WordVocabulary if kind == "words" else CharacterVocabulary).learn(TEXTS)  # type: ignore[attr-defined]
    return TextEncoder(vocabulary, max_length)


def rows_of(texts: list[str], characters: int, kind: str = "words") -> SequenceRows:
    known = encoder(kind)
    rows = [known._cut(row) for row in known.vocabulary.encode_many(texts)]
    if not characters:
        return SequenceRows(rows)
    return TextRows(rows, [word_spans(known, text) for text in texts], characters)


def grams(text: str, order: int, characters: int) -> set[tuple[str, tuple[str, ...]]]:
    """The distinct n-grams of a text: of words, and of the characters of what is between its spaces."""
    words = text.replace(",", " ,").split()
    found = {(str(n), tuple(words[i : i + n])) for n in range(1, order + 1) for i in range(len(words) - n + 1)}
    for run in text.split():
        spaced = f" {run} "
        for n in range(1, characters + 1):
            found |= {("part", tuple(spaced[i : i + n])) for i in range(len(spaced) - n + 1)}
    return found - {("part", (" ",))}


@pytest.mark.parametrize(("order", "characters"), [(2, 0), (0, 3), (2, 5)])
def test_a_bag_finds_the_n_grams_of_words_and_of_their_characters(order: int, characters: int) -> None:
    rows = rows_of(TEXTS, characters)
    learnt = count_grams(rows, order)
    by_hand = Counter(gram for text in TEXTS for gram in grams(text, order, characters))
    assert len(learnt.keys_K) == len(by_hand)
    assert sorted(np.bincount(learnt.places_P)) == sorted(by_hand.values())
    assert int((learnt.group_K == order).sum()) == sum(kind == "part" for kind, _ in by_hand)
    assert [int((learnt.texts_P == row).sum()) for row in range(len(TEXTS))] == [
        len(grams(text, order, characters)) for text in TEXTS
    ]


def test_the_characters_of_a_word_have_one_key_each_in_every_text() -> None:
    one, other = (dict(zip("abcdefgh", keys.tolist(), strict=False)) for keys, _ in [
        next(iter(character_keys(["abc"], 1))), next(iter(character_keys(["ab", "c"], 1))),
    ])  # fmt: skip
    assert list(one.values()) == list(other.values())
    longer = {key for keys, _ in character_keys(["good", "goods"], 5) for key in keys.tolist()}
    assert len(longer) == len({"".join(part) for text in ("good", "goods") for _, part in grams(text, 0, 5)})


def left_out_by_hand(number: int, order: int, characters: int, bag: FittedBag, added: dict[str, float]) -> np.ndarray:
    """Scores of a text: naive Bayes counts without it, over the sums of all counts, times the fitted scales."""
    known = {gram for text in TEXTS for gram in grams(text, order, characters)}
    scores = np.zeros(CLASSES)
    for kind, scale in zip(added, bag.scales, strict=True):
        of_kind = [gram for gram in known if gram[0] == kind]
        counts = {gram: np.zeros(CLASSES) for gram in of_kind}
        for text, label in zip(TEXTS, TRUTH, strict=True):
            for gram in grams(text, order, characters) & set(of_kind):
                counts[gram][label] += 1
        totals = sum(count + added[kind] for count in counts.values())
        for gram in grams(TEXTS[number], order, characters) & set(of_kind):
            others = counts[gram].copy()
            others[TRUTH[number]] -= 1
            if others.sum():
                scores += scale * (np.log(others + added[kind]) - np.log(totals))
    return scores


def centred(scores: npt.ArrayLike) -> np.ndarray:
    values = np.asarray(scores, dtype=np.float64)
    return values - values.mean(axis=-1, keepdims=True)


def fitted(order: int, characters: int) -> tuple[SequenceRows, NgramBag, FittedBag]:
    rows = rows_of(TEXTS, characters)
    learnt = count_grams(rows, order)
    found = bag_fit.fit_bag(learnt, TRUTH, CLASSES)
    bag = NgramBag(len(learnt.keys_K), CLASSES, order, fixed=True)
    bag.start(learnt.keys_K, found.weights_KC)
    bag.leave_out(found.left_out)
    return rows, bag.double(), found


@pytest.mark.parametrize(("order", "characters"), [(2, 0), (0, 3), (1, 2)])
def test_in_training_a_text_is_not_counted_itself(order: int, characters: int) -> None:
    rows, bag, found = fitted(order, characters)
    batch = rows.batch(np.arange(len(TEXTS)))
    own = torch.from_numpy(TRUTH)
    trained = centred(bag(batch.inputs_BT, batch.lengths_B, own).detach())
    matched = []
    # What is added to the counts is chosen by the fit: one of its values has to agree for every text.
    kinds = [*map(str, range(1, order + 1)), *(["part"] if characters else [])]
    for values in itertools.product((1.0, 0.3, 0.1, 0.03), repeat=len(kinds)):
        added = dict(zip(kinds, values, strict=True))
        hand = [centred(left_out_by_hand(n, order, characters, found, added)) for n in range(len(TEXTS))]
        matched.append(np.abs(trained - np.array(hand)).max())
    assert any(scale > 0 for scale in found.scales)
    assert min(matched) < 1e-6
    assert np.abs(trained - centred(bag(batch.inputs_BT, batch.lengths_B).detach())).max() > 0.01


def test_the_weights_of_a_fitted_bag_are_not_trained_but_for_one_factor() -> None:
    rows, bag, _ = fitted(2, 3)
    batch = rows.batch(np.arange(len(TEXTS)))
    bag(batch.inputs_BT, batch.lengths_B, torch.from_numpy(TRUTH))[:, 0].sum().backward()
    assert bag.weight.grad is None
    assert bag.gain is not None
    assert bag.gain.grad is not None
    assert set(bag.state_dict()) == {"weight", "keys_K", "gain"}


def test_the_scale_is_that_with_the_lowest_cross_entropy_of_texts_left_out() -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(list("abcdefghijklmnop"), 12)) for _ in range(300)]
    truth = np.array([int(text.count("a") + draw.normal() > 1.5) for text in texts])
    known = TextEncoder(WordVocabulary.learn(texts))
    learnt = count_grams(SequenceRows([known.vocabulary.encode(text) for text in texts]), 1)
    found = bag_fit.fit_bag(learnt, truth, 2)
    bag = NgramBag(len(learnt.keys_K), 2, 1, fixed=True).double()
    bag.start(learnt.keys_K, found.weights_KC)
    bag.leave_out(found.left_out)
    batch = SequenceRows([known.vocabulary.encode(text) for text in texts]).batch(np.arange(300))
    scores = bag(batch.inputs_BT, batch.lengths_B, torch.from_numpy(truth)).detach()

    def loss(factor: float) -> float:
        logits = factor * scores + torch.from_numpy(found.bias_C)
        return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(truth)))

    assert loss(1.0) < min(loss(0.5), loss(2.0), loss(0.0))
    assert found.scales[0] > 0
    predicted_C = torch.softmax(scores + torch.from_numpy(found.bias_C), dim=1).mean(dim=0)
    np.testing.assert_allclose(predicted_C, np.bincount(truth) / 300, atol=0.01)


def test_the_shares_of_a_text_add_up_to_what_its_n_grams_add() -> None:
    rows, bag, _ = fitted(2, 3)
    batch = rows.batch(np.arange(len(TEXTS)))
    shares = bag.shares(batch.inputs_BT, batch.lengths_B)
    torch.testing.assert_close(shares.sum(dim=1), bag(batch.inputs_BT, batch.lengths_B).detach())
    lengths = torch.from_numpy(rows.lengths)
    assert (shares[torch.arange(shares.shape[1]) >= lengths[:, None]] == 0).all()


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_spans_of_words_lie_within_the_tokens(kind: str) -> None:
    cut = encoder(kind, max_length=5)
    for text in ("", "  ", "a bad, film !", "the plot was bad , bad again and again", "好电影 很好", "\u0130 x"):
        row = cut._cut(cut.vocabulary.encode(text))
        for span in word_spans(cut, text):
            assert 0 <= span.step < span.step + span.width <= max(len(row), 1)
    assert [span.word for span in word_spans(encoder(), "A Bad, film")] == ["A", "Bad,", "film"]


def test_texts_without_words_have_no_n_grams() -> None:
    rows = rows_of(["", " "], 4)
    batch = rows.batch(np.array([0, 1]))
    bag = NgramBag(3, 2, 2)
    assert bag(batch.inputs_BT, batch.lengths_B).abs().max() == 0
