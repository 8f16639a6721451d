"""Words with vectors and their counts, phrases, sampling, and blocks of text, against plain counting."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from elman.data.token_file import TokenFile, TokenWriter
from elman.data.vocabulary.kinds.words import WordVocabulary
from elman.data.word_text.blocks import HeldOutWords, TextBlocks, automatic_batch_size
from elman.data.word_text.phrases import Phrases, learn_phrases
from elman.data.word_text.sampling import alias_table, kept_share, make_noise, noise_probabilities
from elman.data.word_text.vocabulary import BOUNDARY, EmbeddingVocabulary, learn_embedding_vocabulary
from elman.errors import ArtifactError, ConfigError, DataError

TEXT = "new york is big .\nyork is old , and new york is new .\nthe old new york and the rare [ one\n" * 6


def encoded(folder: Path, text: str = TEXT, **options: object) -> tuple[WordVocabulary, TokenFile]:
    """The base vocabulary of a text of two equal documents, and its tokens."""
    base = WordVocabulary.learn([text], **{"punctuation": "drop", "lowercase": True, **options})
    ids = np.concatenate([[base.end_id], base.encode(text)] * 2)
    path = folder / "text.tokens"
    with open(path, "wb") as file:
        writer = TokenWriter(file, key="ab" * 32, dtype=np.dtype("<u2"))
        writer.append(ids)
        writer.finish()
    return base, TokenFile(path, "ab" * 32)


def test_words_are_counted_and_ordered(tmp_path: Path) -> None:
    base, tokens = encoded(tmp_path)
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=13)
    counts = Counter(TEXT.replace(".", "").replace(",", "").replace("[", "").split())
    expected = {word: 2 * count for word, count in counts.items() if 2 * count >= 13}
    assert dict(zip(vocabulary.words, vocabulary.counts_V.tolist(), strict=True)) == expected
    assert vocabulary.counts_V.tolist() == sorted(expected.values(), reverse=True)
    assert "\n" not in vocabulary.words
    again = EmbeddingVocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again.words == vocabulary.words
    assert again.to_json() == vocabulary.to_json()


def test_numbers_leave_out_rare_words_and_line_ends(tmp_path: Path) -> None:
    base, tokens = encoded(tmp_path)
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=13)
    ids = np.concatenate([base.encode("york rare\nis one"), [base.end_id], base.encode("unheard new")])
    index = {word: number for number, word in enumerate(vocabulary.words)}
    assert vocabulary.numbers(ids).tolist() == [index["york"], index["is"], BOUNDARY, index["new"]]
    assert vocabulary.split("York, rare is!") == ["york", "is"]


def test_phrases_are_those_of_the_formula(tmp_path: Path) -> None:
    base, tokens = encoded(tmp_path)
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=2, passes=1, threshold=4.5)
    words = [word for line in TEXT.split("\n") for word in [*base.split(line), "\n"]]
    text = [*words, None, *words]
    known = Counter(word for word in text if word not in (None, "\n"))
    pairs = Counter(pair for pair in pairwise(text) if not {None, "\n"} & set(pair))
    chosen = {
        pair
        for pair, count in pairs.items()
        if (count - 2) / (known[pair[0]] * known[pair[1]]) * sum(known.values()) > 4.5
    }
    found = {
        tuple(names[symbol] for symbol in pair) for names in [base.entries()] for pair in vocabulary.phrases.passes[0]
    }
    assert found == chosen
    assert ("new", "york") not in chosen or "new_york" in vocabulary.words
    assert any("_" in word for word in vocabulary.words)


def test_phrases_join_from_left_to_right() -> None:
    phrases = Phrases(10, [[(2, 2), (3, 4)], [(10, 2), (11, 11)]])
    join = lambda *symbols: phrases.join(np.array(symbols)).tolist()  # noqa: E731
    assert join(2, 2, 2, 3, 4, 5) == [12, 11, 5]
    assert join(2, 2, 2, 2, 5) == [10, 10, 5]
    assert join(3, 4, 3, 4, 3) == [13, 3]
    assert join(7) == [7]
    assert join() == []
    left_out = np.zeros(10, dtype=bool)
    none = learn_phrases(Phrases(10, ()), lambda: [np.arange(10)], left_out, min_count=1, threshold=1e9)
    assert none.passes == [[]]


def test_too_few_words_are_refused(tmp_path: Path) -> None:
    base, tokens = encoded(tmp_path, "word word word\n" * 5)
    with pytest.raises(DataError, match=r"two different words that occur min_count = 2 .* Received: 'word'"):
        learn_embedding_vocabulary(base, tokens, min_count=2)
    with pytest.raises(DataError, match=r"min_count = 99 times or more\. Received: none"):
        learn_embedding_vocabulary(base, tokens, min_count=99)


def test_broken_vocabularies_are_refused(tmp_path: Path) -> None:
    base, tokens = encoded(tmp_path)
    content = learn_embedding_vocabulary(base, tokens, min_count=2, passes=1, threshold=4.5).to_json()
    for change in (
        {"symbols": content["symbols"][:1]},
        {"symbols": [content["symbols"][0]] * len(content["symbols"])},
        {"symbols": [10**6, *content["symbols"][1:]]},
        {"symbols": [True, *content["symbols"][1:]]},
        {"counts": content["counts"][1:]},
        {"counts": [0, *content["counts"][1:]]},
        {"phrases": [[[0, 10**6]]]},
        {"phrases": [[[0]]]},
        {"phrases": [3]},
        {"base": {}},
        {"more": 1},
    ):
        with pytest.raises(ArtifactError):
            EmbeddingVocabulary.from_json({**content, **change})


def test_shares_of_words_are_those_of_word2vec() -> None:
    counts = np.array([9000, 800, 150, 50])
    share = counts / counts.sum()
    expected = np.minimum(1.0, (np.sqrt(share / 1e-2) + 1.0) * 1e-2 / share)
    assert np.allclose(kept_share(counts, 1e-2), expected)
    assert (kept_share(counts, 0.0) == 1.0).all()
    noise = make_noise(counts, sample=1e-2, exponent=0.75)
    assert np.allclose(noise.keep_V / 2.0**32, expected, atol=1e-9)
    assert np.allclose(noise_probabilities(counts, 0.75), counts**0.75 / (counts**0.75).sum())


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_an_alias_table_has_the_probabilities(size: int) -> None:
    wanted = np.random.default_rng(size).pareto(1.0, size) + 1e-9
    wanted /= wanted.sum()
    share, other = alias_table(wanted)
    found = share / size + np.bincount(other, weights=(1.0 - share) / size, minlength=size)
    assert np.allclose(found, wanted, atol=1e-12)


def test_blocks_have_every_word_once_in_an_epoch(tmp_path: Path) -> None:
    base, tokens = encoded(tmp_path)
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=2)
    stream = TextBlocks(tokens, vocabulary, batch_size=37, pieces=3)
    blocks = []
    while stream.epoch < 1.0:
        blocks.append(stream.next_batch())
    whole = vocabulary.numbers(tokens.read(0, len(tokens)))
    assert np.concatenate([block.words_T for block in blocks]).tolist() == whole.tolist()
    assert all(block.starts[0] == 0 and block.starts[-1] == len(block.words_T) for block in blocks)
    assert [block.number for block in blocks] == list(range(len(blocks)))
    again = TextBlocks(tokens, vocabulary, batch_size=37, pieces=3)
    again.load_state_dict(json.loads(json.dumps(stream.state_dict())))
    one, other = stream.next_batch(), again.next_batch()
    assert one.number == other.number == len(blocks)
    assert one.words_T.tolist() == other.words_T.tolist() == blocks[0].words_T.tolist()
    with pytest.raises(ConfigError, match="batch_size"):
        TextBlocks(tokens, vocabulary, batch_size=38, pieces=3).load_state_dict(stream.state_dict())
    assert [automatic_batch_size(size) for size in (10, 64_000, 10**9)] == [256, 1000, 8192]


def test_a_held_out_text_is_measured_up_to_a_limit(tmp_path: Path) -> None:
    base, tokens = encoded(tmp_path)
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=2)
    held = HeldOutWords(tokens, vocabulary)
    assert held.starts()[-1] == len(held.words_T)
    assert len(held.starts(40)) < len(held.starts())
    assert (
        HeldOutWords(tokens, vocabulary, 40).words_T.tolist()
        == held.words_T.tolist()[: len(HeldOutWords(tokens, vocabulary, 40).words_T)]
    )


def test_symbols_that_are_written_alike_are_one_word(tmp_path: Path) -> None:
    text = "a new york b\nc b new york d\nd new_york d\nb c a d d\n" * 8
    base, tokens = encoded(tmp_path, text, tokenizer="whitespace")
    vocabulary = learn_embedding_vocabulary(base, tokens, min_count=2, passes=1, threshold=4.0)
    assert len(set(vocabulary.words)) == len(vocabulary)
    number = vocabulary.words.index("new_york")
    assert vocabulary.counts_V[number] == 2 * 3 * 8
    again = EmbeddingVocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    for each in (vocabulary, again):
        for written in ("new york", "new_york"):
            assert each.numbers(base.encode(written)).tolist() == [number]
