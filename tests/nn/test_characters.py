"""Words read letter by letter."""

from __future__ import annotations

import torch

from elman.nn import CharacterEncoder


def test_a_word_is_its_last_output_onwards_and_its_first_backwards() -> None:
    torch.manual_seed(0)
    words = CharacterEncoder(10, embedding=4, hidden_size=3).double()
    letters_WT = torch.tensor([[1, 2, 3, 9, 9], [4, 9, 9, 9, 9], [5, 6, 7, 8, 1]])
    lengths_W = torch.tensor([3, 1, 5])
    given_WF = words(letters_WT, lengths_W)
    assert given_WF.shape == (3, words.output_size) == (3, 6)
    for row, length in enumerate(lengths_W.tolist()):
        x_BTI = words.embed(letters_WT[row : row + 1, :length])
        _, ((onwards, backwards),) = words.stack(x_BTI)
        torch.testing.assert_close(given_WF[row], torch.cat([onwards.h[0], backwards.h[0]]))


def test_a_word_without_letters_is_zero() -> None:
    words = CharacterEncoder(10, embedding=4, hidden_size=3, cell="gru")
    assert not words(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 2]))[0].any()
