"""Counts of words near each other, and n-grams of characters, against plain counting."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from elman.data.word_text import cooccurrences
from elman.data.word_text.cooccurrences import PassStream, ShuffledCells, count_cooccurrences
from elman.data.word_text.subwords import composed, ngrams_of, parts_of_words, row_of
from elman.data.word_text.vocabulary import learn_embedding_vocabulary

from .test_embedding_vocabulary import encoded


@pytest.mark.parametrize("window", [1, 3, 500])
def test_counts_are_those_of_a_plain_count(tmp_path: Path, window: int) -> None:
    base, tokens = encoded(tmp_path)
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=2)
    found = count_cooccurrences(tokens, vocabulary, window, lambda distance: 1.0 / distance)
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for document in " ".join(map(str, vocabulary.numbers(tokens.read(0, len(tokens))).tolist())).split("-1"):
        words = list(map(int, document.split()))
        for at, word in enumerate(words):
            for other in range(max(0, at - window), min(len(words), at + window + 1)):
                if other != at:
                    expected[word, words[other]] += 1.0 / abs(at - other)
    cells = dict(zip(zip(found.first_N.tolist(), found.second_N.tolist(), strict=True), found.weights_N, strict=True))
    assert cells.keys() == expected.keys()
    assert all(np.isclose(cells[pair], expected[pair]) for pair in expected)
    assert list(cells) == sorted(cells)


def test_blocks_lose_only_pairs_across_their_border(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, tokens = encoded(tmp_path)
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=2)
    whole = count_cooccurrences(tokens, vocabulary, 2, lambda distance: 1.0).weights_N.sum()
    monkeypatch.setattr(cooccurrences, "_BLOCK", 50)
    parts = count_cooccurrences(tokens, vocabulary, 2, lambda distance: 1.0).weights_N.sum()
    assert 0 <= whole - parts <= 6 * (len(tokens) // 50 + 1)


def test_every_cell_comes_once_in_an_epoch() -> None:
    stream = ShuffledCells(103, batch_size=10, seed=4)
    first = np.concatenate([stream.next_batch() for _ in range(11)])
    assert sorted(first.tolist()) == list(range(103))
    assert stream.epoch == 1.0
    again = ShuffledCells(103, batch_size=10, seed=4)
    again.load_state_dict(stream.state_dict())
    second = stream.next_batch()
    assert again.next_batch().tolist() == second.tolist() != first[:10].tolist()
    passes = PassStream(7)
    assert [passes.next_batch(), passes.epoch, passes.next_batch()] == [0, 1.0, 1]


def test_ngrams_are_those_of_fasttext() -> None:
    assert ngrams_of("où", 3, 6) == ["<où", "<où>", "où>"]
    assert ngrams_of("cat", 3, 4) == ["<ca", "<cat", "cat", "cat>", "at>"]
    assert ngrams_of("ab", 1, 2) == ["<a", "a", "ab", "b", "b>"]
    assert row_of("", 2**32) == 2166136261
    assert row_of("a", 2**32) == 0xE40C292C  # FNV-1a, from its authors' test vectors
    assert row_of("foobar", 2**32) == 0xBF9CF968


def test_hashes_of_letters_with_marks_are_those_of_gensim() -> None:
    """fastText extends the sign of bytes, which matters outside ASCII; values of gensim's `ft_hash_bytes`."""
    try:
        from gensim.models.fasttext_inner import ft_hash_bytes
    except ImportError:
        pytest.skip("gensim is not installed")
    for ngram in ("où>", "<ñ", "日本", "plain", "ß"):
        assert row_of(ngram, 2**32) == ft_hash_bytes(ngram.encode())
    assert "gensim" in sys.modules


def test_a_word_is_the_mean_of_its_parts() -> None:
    parts = parts_of_words(["cat", "dog"], shortest=3, longest=3, buckets=50)
    assert parts.rows[parts.starts[:-1]].tolist() == [0, 1]
    assert np.diff(parts.starts).tolist() == [4, 4]
    assert parts.rows.max() < 52
    table = np.random.default_rng(1).normal(size=(52, 3)).astype(np.float32)
    expected = [table[parts.rows[4 * word : 4 * word + 4]].mean(0) for word in range(2)]
    assert np.allclose(composed(table, parts), expected, atol=1e-6)
