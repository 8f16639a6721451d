"""Sequences with texts, whatever their frames are, and what frames are normalised by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.transcripts import (
    FrameNormalizer,
    LazyFrames,
    Transcripts,
    digest_of,
    frame_scale,
    joined,
    utterance_normalised,
)
from elman.errors import DataError


def frames(number: int, steps: int, features: int = 3) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(steps, features)).astype(np.float32)


def transcripts(
    lengths: list[int], texts: list[str] | None = None, *, name: str = "a", features: int = 3, lazy: bool = False
) -> Transcripts:
    own = [frames(1000 * len(name) + number, length, features) for number, length in enumerate(lengths)]
    return Transcripts(
        name,
        "sound",
        LazyFrames(lambda row: own[row], range(len(own))) if lazy else own,
        np.array(lengths),
        features,
        texts,
        [f"{name} {number}" for number in range(len(own))],
        [digest_of(x_TF) for x_TF in own],
        (f"note of {name}", "note of all"),
    )


@pytest.mark.parametrize("lazy", [False, True])
def test_some_of_them_in_another_order(lazy: bool) -> None:
    whole = transcripts([4, 2, 7], ["x", "y", "z"], lazy=lazy)
    some = whole.take(np.array([2, 0, 2]))
    assert (len(some), some.texts, list(some.lengths)) == (3, ["z", "x", "z"], [7, 4, 7])
    assert some.places == ["a 2", "a 0", "a 2"]
    np.testing.assert_array_equal(some.frames[1], whole.frames[0])
    again = some.take([1, 2])
    np.testing.assert_array_equal(again.frames[1], whole.frames[2])
    assert again.fingerprint() == whole.take([0, 2]).fingerprint()


@pytest.mark.parametrize("lazy", [False, True])
def test_several_as_one(lazy: bool) -> None:
    one, other = transcripts([4, 2], ["x", "y"], lazy=lazy), transcripts([3], ["z"], name="bb")
    both = joined([one, other])
    assert isinstance(both.frames, LazyFrames if lazy else list)
    assert (both.name, both.texts, both.lengths.tolist()) == ("a, bb", ["x", "y", "z"], [4, 2, 3])
    assert both.notes == ("note of a", "note of all", "note of bb")
    for own, expected in zip(both.frames, [*one.frames, *other.frames], strict=True):
        np.testing.assert_array_equal(own, expected)
    assert both.take([2]).fingerprint() == other.fingerprint()
    assert joined([one]) is one


def test_parts_that_do_not_fit_together() -> None:
    with pytest.raises(DataError, match=r"bb: expected sound of 3 features, as in a. Received: sound of 4"):
        joined([transcripts([4]), transcripts([4], name="bb", features=4)])
    with pytest.raises(DataError, match="bb: expected texts in all the data or in none"):
        joined([transcripts([4], ["x"]), transcripts([4], name="bb")])


def test_computed_frames_are_a_sequence() -> None:
    asked: list[int] = []

    def make(row: int) -> np.ndarray:
        asked.append(row)
        return frames(row, 2)

    computed = LazyFrames(make, range(5))
    assert (len(computed), asked) == (5, [])
    assert len(computed[1:3]) == 2
    np.testing.assert_array_equal(computed[1:3][1], frames(2, 2))
    assert asked == [2]
    assert len(list(computed)) == 5


def test_a_fingerprint_changes_with_frames_texts_and_order() -> None:
    base = transcripts([4, 2], ["x", "y"])
    others = [
        transcripts([4, 2]),
        transcripts([4, 3], ["x", "y"]),
        transcripts([4, 2], ["xy", ""]),
        transcripts([4, 2], ["x", "y"], name="bb"),
        base.take([1, 0]),
        base.take([0]),
    ]
    assert len({each.fingerprint() for each in [base, *others]}) == 7
    assert base.fingerprint() == transcripts([4, 2], ["x", "y"], lazy=True).fingerprint()


def test_a_digest_knows_type_shape_and_values() -> None:
    values = np.arange(6, dtype=np.float32)
    found = {
        digest_of(values),
        digest_of(values.astype(np.float64)),
        digest_of(values.reshape(2, 3)),
        digest_of(values, 8000),
        digest_of(values + 1),
    }
    assert len(found) == 5
    assert digest_of(values.astype(">f4")) == digest_of(values)
    assert digest_of(np.tile(values, 2)[::2]) == digest_of(np.ascontiguousarray(np.tile(values, 2)[::2]))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any), st.floats(-50, 50), st.integers(0, 99))
def test_the_scale_is_that_of_all_frames_together(lengths: list[int], shift: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    parts = [(draw.normal(size=(length, 4)) * [1, 3, 0.1, 0] + shift).astype(np.float32) for length in lengths]
    together = np.concatenate(parts).astype(np.float64)
    found = frame_scale(iter(parts))
    np.testing.assert_allclose(found.mean_F, together.mean(axis=0), rtol=1e-5, atol=1e-5)
    expected = together.std(axis=0)
    if len(together) == 1:
        expected[:] = 1.0
    expected[3] = 1.0  # never changes
    np.testing.assert_allclose(found.deviation_F, expected, rtol=2e-3, atol=1e-5)


def test_frames_are_scaled() -> None:
    scale = FrameNormalizer(np.float32([1, 2]), np.float32([2, 4]))
    np.testing.assert_array_equal(scale(np.float32([[3, 2], [1, 10]])), [[1, 0], [0, 2]])
    with pytest.raises(DataError, match=r"expected at least one frame to compute the mean. Received: none"):
        frame_scale([frames(0, 0)])


def test_an_utterance_is_normalised_over_time() -> None:
    x_TF = frames(3, 200, 5) * np.float32([1, 10, 0.01, 3, 3]) - 12
    found = utterance_normalised(x_TF)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(np.corrcoef(found[:, 1], x_TF[:, 1])[0, 1], 1.0, rtol=1e-6)


@pytest.mark.parametrize("level", [0.0, -23.025850, 0.1, 1e-20, -1e4])
@pytest.mark.parametrize("steps", [1, 3, 1000])
def test_silence_becomes_zeros(level: float, steps: int) -> None:
    x_TF = np.full((steps, 4), level, dtype=np.float32)
    np.testing.assert_array_equal(utterance_normalised(x_TF), np.zeros((steps, 4), np.float32))


def test_an_utterance_without_frames_stays_one() -> None:
    assert utterance_normalised(np.zeros((0, 4), np.float32)).shape == (0, 4)
