"""Segments of a text: every word once, within its document, with the words around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.data.segments import SegmentBatches, Segments, TokenSegments, document_ranges
from elman.data.token_file import TokenFile, TokenWriter, smallest_dtype
from elman.errors import ConfigError, DataError
from elman.state import IGNORE_INDEX, Batch

END = 1
KEY = "ab" * 32


def token_file(folder: Path, tokens: list[int]) -> TokenFile:
    """A file of these tokens."""
    path = folder / "text.tokens"
    with path.open("wb") as file:
        writer = TokenWriter(file, key=KEY, dtype=smallest_dtype(60_000))
        writer.append(np.array(tokens, np.int64))
        writer.finish()
    return TokenFile(path, KEY)


def text_of(*lengths: int, ended: bool = True) -> list[int]:
    """Documents of so many words, all of which differ."""
    word, found = 10, []
    for length in lengths:
        found += [END, *range(word, word + length)]
        word += length
    return [*found, END] if ended else found


def rows_of(batch: Batch) -> list[tuple[list[int], list[int]]]:
    """The tokens and the targets of each row, without the padding."""
    width = batch.inputs_BT.shape[1]
    lengths = [width] * len(batch.inputs_BT) if batch.lengths_B is None else batch.lengths_B.tolist()
    return [
        (tokens[:length], targets[:length])
        for tokens, targets, length in zip(batch.inputs_BT.tolist(), batch.targets_BT.tolist(), lengths, strict=True)
    ]


@pytest.mark.parametrize("tokens", [text_of(3, 0, 12, 1), text_of(30, ended=False), text_of(5, 7)[4:], [10, 11]])
def test_documents_are_what_is_between_end_tokens(tokens: list[int], tmp_path: Path) -> None:
    ranges = document_ranges(token_file(tmp_path, tokens), END)
    documents = " ".join(map(str, tokens)).replace(" 1 ", " | ").replace("1 ", "|", tokens[0] == END).split("|")
    expected = [words for text in documents if (words := [int(word) for word in text.split() if int(word) != END])]
    assert [tokens[start:stop] for start, stop in ranges.tolist()] == expected


@pytest.mark.parametrize("context", [0, 2, 50])
@pytest.mark.parametrize("first", [0, 1, 3])
@pytest.mark.parametrize("length", [1, 4, 100])
def test_every_word_is_predicted_once_with_its_context(length: int, first: int, context: int, tmp_path: Path) -> None:
    tokens = text_of(3, 0, 17, 1, 4)
    file = token_file(tmp_path, tokens)
    ranges = document_ranges(file, END)
    cut = Segments.cut(ranges, len(tokens), length, first=min(first, length), context=context)
    predicted = []
    for start, begin, stop, end in zip(*(each.tolist() for each in cut), strict=True):
        assert stop - begin <= length
        predicted += range(begin, stop)
        low, high = next((low, high) for low, high in ranges.tolist() if low <= begin < high)
        # As much context as there is, with the end of the document next to its first and last word.
        assert start == (low - 1 if begin - context <= low else begin - context)
        assert end == (high + 1 if stop + context >= high else stop + context)
    assert predicted == [place for place, token in enumerate(tokens) if token != END]


def test_targets_are_the_words_and_their_context_is_only_read(tmp_path: Path) -> None:
    tokens = text_of(9, 2)
    segments = TokenSegments(token_file(tmp_path, tokens), end_id=END, length=4, context=2)
    found: dict[int, int] = {}
    for places, batch in segments.batches(rows=2, steps=100):
        targets = batch.targets_BT[batch.targets_BT != IGNORE_INDEX].tolist()
        assert [tokens[place] for place in places] == targets
        found |= dict(zip(places.tolist(), targets, strict=True))
        for row, asked in rows_of(batch):
            for token, target in zip(row, asked, strict=True):
                assert target in (IGNORE_INDEX, token)
            assert END not in asked
    assert found == {place: token for place, token in enumerate(tokens) if token != END}


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 10, 11, 99])
def test_a_limit_takes_the_first_words(limit: int, tmp_path: Path) -> None:
    tokens = text_of(9, 2)
    whole = TokenSegments(token_file(tmp_path, tokens), end_id=END, length=4, context=2)
    for segments, given in (
        (whole, limit),
        (TokenSegments(whole.tokens, end_id=END, length=4, context=2, limit=limit), 0),
    ):
        places = [place for found, _ in segments.batches(given, rows=3, steps=100) for place in found.tolist()]
        assert sorted(places) == [place for place, token in enumerate(tokens) if token != END][:limit]


def drawn(stream: SegmentBatches, epochs: int) -> list[list[int]]:
    """The targets of every batch of some epochs."""
    found = []
    while stream.epoch < epochs:
        batch = stream.next_batch()
        found.append(batch.targets_BT[batch.targets_BT != IGNORE_INDEX].tolist())
    return found


def make_stream(file: TokenFile, **options: Any) -> SegmentBatches:
    return SegmentBatches(file, **{"end_id": END, "length": 5, "batch_size": 3, "seed": 7} | options)


def test_an_epoch_has_every_word_once_and_cuts_at_new_places(tmp_path: Path) -> None:
    tokens = text_of(40, 3, 23)
    stream = make_stream(token_file(tmp_path, tokens))
    words = [token for token in tokens if token != END]
    epochs = []
    for number in (1, 2, 3):
        batches = drawn(stream, number)
        assert sorted(word for batch in batches for word in batch) == words
        epochs.append(batches)
    assert epochs[0] != epochs[1] != epochs[2]
    cuts = [make_stream(stream.tokens, seed=seed)._cut(0).starts_N.tolist() for seed in range(9)]
    assert len({tuple(cut) for cut in cuts}) > 1


@pytest.mark.parametrize("batches", [0, 1, 5, 7, 20])
def test_a_stream_goes_on_where_it_was(batches: int, tmp_path: Path) -> None:
    file = token_file(tmp_path, text_of(40, 3, 23))
    one, other = make_stream(file), make_stream(file)
    for _ in range(batches):
        one.next_batch()
    other.load_state_dict(one.state_dict())
    assert other.epoch == one.epoch
    for _ in range(12):
        first, second = one.next_batch(), other.next_batch()
        assert torch.equal(first.inputs_BT, second.inputs_BT)
        assert torch.equal(first.targets_BT, second.targets_BT)


def test_a_position_of_other_batches_is_refused(tmp_path: Path) -> None:
    file = token_file(tmp_path, text_of(40))
    state = make_stream(file).state_dict()
    with pytest.raises(ConfigError, match="expected a cursor saved with length 6"):
        make_stream(file, length=6).load_state_dict(state)


def test_texts_without_words_and_wrong_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one sequence"):
        make_stream(token_file(tmp_path, [END, END]))
    with pytest.raises(ConfigError, match=r"at least 1 word\. Received: 0"):
        make_stream(token_file(tmp_path, text_of(4)), length=0)
