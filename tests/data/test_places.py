"""Places of items: made when they are asked for, and shown with a file named once."""

from __future__ import annotations

import numpy as np

from elman.data.pairs.pairs import joined, pairs_from
from elman.data.places import NumberedPlaces
from elman.display import places_of


def test_places_are_taken_and_joined() -> None:
    one, two = NumberedPlaces.of("a.tsv, line", [2, 3, 5]), NumberedPlaces.of("b.tsv, line", np.array([1, 9]))
    both = NumberedPlaces.joined([one, two])
    assert list(both) == ["a.tsv, line 2", "a.tsv, line 3", "a.tsv, line 5", "b.tsv, line 1", "b.tsv, line 9"]
    assert list(both.take([4, 0])) == ["b.tsv, line 9", "a.tsv, line 2"]
    assert list(NumberedPlaces.joined([both, one])[-2:]) == ["a.tsv, line 3", "a.tsv, line 5"]
    assert len(both.take([])) == 0


def test_pairs_keep_their_places() -> None:
    pairs = pairs_from(["a", " ", "c"], ["x", "y", "z"])
    assert list(pairs.places or ()) == ["the sentences, index 0", "the sentences, index 2"]
    assert list(joined([pairs, pairs.take([1])]).places or ()) == [*(pairs.places or ()), "the sentences, index 2"]
    assert list(pairs.swapped().places or ()) == list(pairs.places or ())
    assert joined([pairs, pairs_from(["a"], ["b"])]).places is not None


def test_a_file_is_named_once() -> None:
    places = ["d/a, b.csv, line 2", "d/a, b.csv, line 3: x.wav", "c.csv, line 3", "d/a, b.csv, line 9"]
    assert places_of(places) == "d/a, b.csv, line 2, line 3: x.wav, c.csv, line 3, d/a, b.csv, line 9"
    assert places_of(["x.png", "y.png", "z.png"], 2) == "x.png, y.png, ..."
    assert places_of(["t.csv (sequence 'a, b')", "t.csv (sequence 'a, c')"]).count("t.csv") == 2
