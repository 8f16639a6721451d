"""Tokens that are drawn become text, which ends at an end token or a stop: with stand-ins for networks."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data import CharacterVocabulary, Vocabulary
from elman.decode import SamplingOptions
from elman.decode.engine import engine_of
from elman.decode.generation import StopStringFilter, read_prompt, stream_texts


class Counting:
    """Stands for a network whose state is the number of tokens that it read."""

    head = torch.nn.Linear(1, 1)

    def initial_state(self, batch_size: int) -> tuple[torch.Tensor]:
        return (torch.zeros(batch_size, 1),)

    def __call__(self, tokens_BT: torch.Tensor, lengths: None, state: tuple[torch.Tensor]) -> Any:
        return torch.zeros(1, tokens_BT.shape[1], 3), (state[0] + tokens_BT.shape[1],)


def test_a_prompt_of_more_than_a_chunk_is_read_to_its_end() -> None:
    """What a trained model forgets within a thousand tokens is seen in one that sums up all that it reads."""
    counting: Any = Counting()
    assert read_prompt(counting, [1] * 1260, rows=1)[1][0].item() == 1260
    assert engine_of(counting) == "Counting is not a network of stacked cells"


@given(st.lists(st.text("ab", max_size=4), max_size=12), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_stopping_piece_by_piece_equals_looking_at_every_beginning(pieces: list[str], stops: list[str]) -> None:
    stopper, reported, text = StopStringFilter(stops), "", ""
    for piece in pieces:
        reported += stopper.feed(piece)
        text += piece
        found = [text.find(stop) for stop in stops if stop in text]
        assert stopper.ended == bool(found)
        if found:
            assert reported == text[: min(found)]
            return
        assert text.startswith(reported)
        assert all(not text[len(reported) :].startswith(stop) for stop in stops)
    assert reported + stopper.rest() == text


class Script:
    """Stands for a network: whatever it reads, the next token is the next one of the script."""

    def __init__(self, vocabulary: Vocabulary, rows: list[list[int]]) -> None:
        self.rows = rows
        self.size = vocabulary.size
        self.head = torch.nn.Linear(1, 1)

    def initial_state(self, batch_size: int) -> tuple[torch.Tensor]:
        return (torch.full((batch_size, 1), -1.0),)

    def __call__(self, tokens_BT: torch.Tensor, lengths: None, state: tuple[torch.Tensor]) -> Any:
        return torch.stack([self._scores(1)[0]] * tokens_BT.shape[1])[None], (torch.zeros(1, 1),)

    def _scores(self, rows: int, place: int = 0) -> torch.Tensor:
        wanted = torch.tensor([row[place] for row in self.rows[:rows]])
        return torch.nn.functional.one_hot(wanted, self.size) * 1e4

    def step(self, tokens_B: torch.Tensor, state: tuple[torch.Tensor]) -> tuple[torch.Tensor, tuple[torch.Tensor]]:
        place = int(state[0][0, 0]) + 1
        return self._scores(len(tokens_B), place), (state[0] + 1,)


def played(vocabulary: Vocabulary, rows: list[list[int]], start: list[int] | None = None, **options: Any) -> list[str]:
    texts = [""] * len(rows)
    arguments: dict[str, Any] = {"length": len(rows[0]), "stops": [], "seed": 0} | options
    script: Any = Script(vocabulary, [[*row, 2] for row in rows])
    sampling = SamplingOptions(temperature=0.0)
    for number, piece in stream_texts(
        script, vocabulary, start or [1], sampling=sampling, samples=len(rows), **arguments
    ):
        texts[number] += piece
    return texts


def test_an_end_token_ends_its_row_and_no_other() -> None:
    vocabulary = CharacterVocabulary("abcd")
    ids = vocabulary.encode("abcd").tolist()
    assert ids == [2, 3, 4, 5]
    # All rows begin with the same token, since they share their prompt.
    assert played(vocabulary, [[2, 3, 1, 4], [2, 3, 4, 5], [2, 1, 3, 3]]) == ["ab", "abcd", "a"]
    assert played(vocabulary, [[1, 3]]) == [""]


def test_a_stop_across_tokens_ends_its_row_and_no_other() -> None:
    vocabulary = CharacterVocabulary("abcd")
    assert played(vocabulary, [[2, 3, 4, 5], [2, 3, 5, 4]], stops=["bc"]) == ["a", "abdc"]
    assert played(vocabulary, [[2, 3, 1], [2, 3, 4]], stops=["bcd"]) == ["ab", "abc"], (
        "what was held back comes at last"
    )
