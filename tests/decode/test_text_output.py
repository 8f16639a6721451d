"""Searches by their options: minimum lengths, and several texts that differ."""

from __future__ import annotations

from typing import Any

import pytest

from elman.decode import Hypothesis
from elman.decode.search_config import SearchConfig
from elman.decode.text_output import distinct_texts, find, first_distinct
from elman.errors import ConfigError

from .toy_translator import END, START, Toy

SEARCHES: list[dict[str, Any]] = [{"beams": 1}, {"beams": 4, "n_best": 3}, {"sample": True, "n_best": 4, "seed": 2}]


def found(search: SearchConfig, limits: list[int], vocabulary: int = 6) -> list[list[Hypothesis]]:
    toy = Toy(3, vocabulary)
    toy.bias[END] = 30.0
    state, memory = toy.begin([2] * len(limits))
    return find(toy.advance, state, memory, rows=len(limits), start=START, end=END, limits_B=limits, search=search)


@pytest.mark.parametrize("options", SEARCHES, ids=str)
def test_no_output_ends_before_the_minimum_length(options: dict[str, Any]) -> None:
    free = found(SearchConfig(**options), [9, 9])
    assert min(len(h.tokens) for best in free for h in best) < 5
    held = found(SearchConfig(**options, min_length=5), [9, 9])
    assert min(len(h.tokens) for best in held for h in best) == 5
    # A limit of the task that is lower than the minimum is raised to it.
    assert {len(h.tokens) for best in found(SearchConfig(**options, min_length=7), [2, 7]) for h in best} == {7}
    assert found(SearchConfig(**options, min_length=0), [9, 9])[0][0].tokens == free[0][0].tokens


def test_a_minimum_above_the_maximum_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"min_length of at most max_length = 3\. Received: 4"):
        SearchConfig(min_length=4, max_length=3).check()
    SearchConfig(min_length=3, max_length=3).check()
    SearchConfig(min_length=400).check()


def test_of_equal_texts_the_better_one_is_kept() -> None:
    outputs = [("a b", 1), (" a b", 2), ("a b ", 3), ("c", 4), ("a  b", 5), ("c", 6), ("d", 7)]
    assert first_distinct(outputs, lambda each: each[0], 3) == [("a b", 1), ("c", 4), ("a  b", 5)]
    assert first_distinct(outputs, lambda each: each[0], 9) == [("a b", 1), ("c", 4), ("a  b", 5), ("d", 7)]
    assert distinct_texts(outputs, lambda each: each[0], SearchConfig(n_best=2)) == [("a b", 1), ("c", 4)]
    assert distinct_texts(outputs, lambda each: each[0], SearchConfig(sample=True, n_best=7)) == outputs


def test_several_outputs_are_chosen_from_as_many_as_beams() -> None:
    everything = found(SearchConfig(beams=5, n_best=5), [6])
    assert len(everything[0]) == 5
    some = found(SearchConfig(beams=5, n_best=2), [6])
    assert [h.tokens for h in some[0]] == [h.tokens for h in everything[0]]
    assert len(found(SearchConfig(beams=5), [6])[0]) == 1
