"""The three parts of examples: each row in one, each part its share, each class in each part where it can be."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.examples import Examples, ExamplesConfig, examples_from, split_rows
from elman.data.examples.parts import ExampleParts, _whole, make_parts
from elman.errors import ConfigError, DataError

SHARES = [(0.9, 0.1, 0.0), (0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.5, 0.0, 0.5), (0.34, 0.33, 0.33)]


@given(st.lists(st.sampled_from("abcdef"), max_size=120), st.sampled_from(SHARES), st.booleans(), st.integers(0, 3))
def test_every_row_in_one_part(labels: list[str], shares: tuple[float, ...], stratify: bool, seed: int) -> None:
    parts = split_rows(labels, len(labels), shares, seed=seed, stratify=stratify)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    used = sum(share > 0 for share in shares)
    for part, share in zip(parts, shares, strict=True):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        if share == 0:
            assert len(part) == 0
        # Whole rows, and one of every class at least, may be more than the share.
        assert len(part) - share * len(labels) <= 1 + used * (len(set(labels)) if stratify else 1)
    if stratify:
        for label, count in Counter(labels).items():
            has = [sum(labels[row] == label for row in part) for part in parts]
            assert [number > 0 for number, share in zip(has, shares, strict=True) if share > 0] == [
                place < count for place in range(used)
            ]


def test_classes_keep_their_shares() -> None:
    labels = ["a"] * 900 + ["b"] * 90 + ["c"] * 10
    for part, count in zip(
        split_rows(labels, 1000, (0.7, 0.2, 0.1), seed=1, stratify=True), (700, 200, 100), strict=True
    ):
        assert len(part) == count
        found = Counter(labels[row] for row in part)
        assert all(abs(found[label] - labels.count(label) * count / 1000) <= 1 for label in "abc")


def test_many_small_classes_do_not_shift_the_shares() -> None:
    labels = [str(row // 15) for row in range(1500)]
    sizes = [len(part) for part in split_rows(labels, 1500, (0.9, 0.1, 0.0), seed=0, stratify=True)]
    assert sizes == [1350, 150, 0]


def test_one_seed_one_split() -> None:
    labels = [str(row % 3) for row in range(200)]
    for stratify in (True, False):
        first, same, other = (split_rows(labels, 200, (0.8, 0.2, 0.0), seed=s, stratify=stratify)[1] for s in (1, 1, 2))
        assert np.array_equal(first, same)
        assert not np.array_equal(first, other)
        assert len(set(np.diff(first))) > 3  # drawn at random, not cut


def test_without_labels_or_stratification_rows_are_drawn_as_they_come() -> None:
    plain = split_rows(None, 100, (0.75, 0.25, 0.0), seed=3, stratify=True)
    assert [len(part) for part in plain] == [75, 25, 0]
    labels = ["a"] * 99 + ["b"]
    for mine, theirs in zip(split_rows(labels, 100, (0.75, 0.25, 0.0), seed=3, stratify=False), plain, strict=True):
        assert np.array_equal(mine, theirs)


def test_bad_shares_and_counts_are_reported() -> None:
    with pytest.raises(ConfigError, match="three fractions"):
        split_rows(None, 5, (0.5, 0.5), seed=0, stratify=False)
    with pytest.raises(ConfigError, match="three fractions"):
        split_rows(None, 5, (0.9, 0.2, 0.1), seed=0, stratify=False)
    with pytest.raises(ConfigError, match=r"each of the 5 rows\. Received: 2 labels"):
        split_rows(["a", "b"], 5, (0.9, 0.1, 0.0), seed=0, stratify=True)


def split_into(
    examples: Examples, split: tuple[float, ...] = (0.9, 0.1, 0.0), *, seed: int = 0, **own: Examples
) -> ExampleParts:
    return make_parts(examples, ExamplesConfig(split=split), seed=seed, **own)


def labelled(labels: list[str]) -> Examples:
    return examples_from(np.zeros((len(labels), 2)), labels)


def test_parts_have_every_class_and_no_row_twice() -> None:
    labels = ["a"] * 30 + ["b"] * 10
    examples = examples_from([np.full((2,), row) for row in range(40)], labels)
    parts = split_into(examples, (0.6, 0.2, 0.2))
    held = [part for part in (parts.train, parts.valid, parts.test) if part is not None]
    assert [len(part) for part in held] == [24, 8, 8]
    assert sorted(int(x[0, 0]) for part in held for x in part.inputs) == list(range(40))
    assert all(part.labels.count("b") * 4 == len(part) for part in held)
    assert parts.fingerprint() != split_into(examples, (0.6, 0.2, 0.2), seed=1).fingerprint()


def test_a_part_of_its_own_takes_the_place_of_a_share() -> None:
    examples, other = labelled(["a", "b"] * 10), labelled(["b", "a"])
    parts = split_into(examples, (0.5, 0.3, 0.2), valid=other)
    assert (len(parts.train), parts.valid is other, len(parts.test)) == (16, True, 4)
    parts = split_into(examples, (0.5, 0.3, 0.2), valid=other, test=other)
    assert (len(parts.train), parts.test is other) == (20, True)
    assert split_into(examples, (1.0, 0.0, 0.0)).valid is None
    with pytest.raises(DataError, match="expected a label for every example"):
        split_into(examples_from(np.zeros((2, 2))))


def test_the_fingerprint_names_that_of_every_part() -> None:
    parts = split_into(labelled(["a", "b"] * 10), (0.8, 0.2, 0.0))
    assert parts.valid is not None
    assert parts.fingerprint() == f"{parts.train.fingerprint()}+{parts.valid.fingerprint()}+-"


def test_scores_are_not_stratified() -> None:
    scores = labelled([str(n % 2) for n in range(40)])
    parts = make_parts(scores, ExamplesConfig(split=(0.5, 0.5, 0.0)), seed=0, regression=True)
    rows, _, _ = split_rows(None, 40, (0.5, 0.5, 0.0), seed=0, stratify=False)
    assert parts.train.places == [scores.places[row] for row in rows]


def test_rows_are_taken_at_once_as_one_by_one() -> None:
    """With very many classes, rows that a part is owed are many."""

    def one_by_one(wanted: np.ndarray, count: int, used: np.ndarray) -> np.ndarray:
        least = (used & (np.cumsum(used) <= count)).astype(np.int64)
        sizes = np.maximum(np.floor(wanted).astype(np.int64), least)
        while sizes.sum() < count:
            sizes[np.argmax(np.where(used, wanted - sizes, -np.inf))] += 1
        while sizes.sum() > count:
            sizes[np.argmin(np.where(sizes > least, wanted - sizes, np.inf))] -= 1
        return sizes

    draw = np.random.default_rng(0)
    for _ in range(2000):
        shares = draw.dirichlet([1.0, 1.0, 1.0]) * (draw.random(3) < 0.8)
        if shares.any():
            count = int(draw.integers(1, 40))
            wanted = count * shares / shares.sum() + draw.normal(0.0, draw.choice([0.5, 3.0, 30.0]), 3)
            given = (wanted, count, shares > 0)
            assert np.array_equal(_whole(*given), one_by_one(*given)), given
