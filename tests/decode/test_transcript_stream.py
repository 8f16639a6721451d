"""Text while sound comes in: whatever the pieces, it is the text of the whole."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from elman import Transcriber
from elman.data.sound.read import resampled
from elman.decode.transcript_stream import TranscriptStream
from elman.errors import ConfigError, DataError

from ..tasks.small_transcribers import ONE_WAY, RATE, tones, untrained

SOUND = tones("abcacbbacab")


def streamed(coming: TranscriptStream, values: Any, sizes: list[int]) -> str:
    """The text of pieces of these sizes, taken in turn."""
    said, place = [], 0
    for size in itertools.cycle(sizes):
        if place >= len(values):
            break
        said.append(coming.push(values[place : place + size]))
        place += size
    said.append(coming.finish())
    assert "".join(said) == coming.text
    return coming.text


@pytest.mark.parametrize("sizes", [[1], [7, 0, 160], [400], [1000, 1, 3], [10**6]], ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"stack_frames": 4, "stride": 3}, {"stack_frames": 1, "stride": 1, "cell": "gru"}], ids=str
)
def test_pieces_of_any_size_give_the_text_of_the_whole(sizes: list[int], options: dict[str, Any]) -> None:
    model = untrained(seed=2, **ONE_WAY, **options)
    (whole,) = model.transcribe([SOUND], rate=RATE)
    assert len(set(whole)) > 1
    assert len(whole) > 8  # an empty transcript would prove nothing
    sound = SOUND[: 2400 if sizes == [1] else len(SOUND)]
    (expected,) = model.transcribe([sound], rate=RATE)
    assert streamed(model.stream(), sound, sizes) == expected


@pytest.mark.parametrize("seed", range(6))
def test_sounds_of_any_length(seed: int) -> None:
    model = untrained(seed=seed, **ONE_WAY, stack_frames=5, stride=3)
    draw = np.random.default_rng(seed)
    sound = SOUND[: int(draw.integers(1, 5000))]
    (whole,) = model.transcribe([sound], rate=RATE)
    assert streamed(model.stream(), sound, draw.integers(1, 900, size=20).tolist()) == whole


def test_text_is_reported_as_soon_as_it_is_certain() -> None:
    model = untrained(seed=2, **ONE_WAY)
    coming = model.stream()
    first = coming.push(SOUND[: len(SOUND) // 2])
    assert first
    assert coming.text == first
    assert coming.frames > 0
    (whole,) = model.transcribe([SOUND], rate=RATE)
    assert whole.startswith(first)


def test_two_streams_do_not_know_each_other() -> None:
    model = untrained(seed=2, **ONE_WAY)
    one, other = model.stream(), model.stream()
    for start in range(0, len(SOUND), 500):
        one.push(SOUND[start : start + 500])
        other.push(SOUND[::-1][start : start + 500].copy())
    one.finish()
    other.finish()
    assert [one.text, other.text] == model.transcribe([SOUND, SOUND[::-1].copy()], rate=RATE)


def test_points_of_a_pen() -> None:
    model = untrained(
        kind="strokes", seed=2, input="strokes", bidirectional=False, normalise="none", stack_frames=2, stride=2
    )
    draw = np.random.default_rng(0)
    points = np.concatenate([draw.normal(size=(41, 2)), draw.integers(0, 2, (41, 1))], axis=1).astype(np.float32)
    (whole,) = model.transcribe([points])
    assert len(whole) > 3
    for sizes in ([1], [5, 2], [100]):
        assert streamed(model.stream(), points, sizes) == whole


@pytest.mark.parametrize("tokens", ["words", "subwords"])
def test_tokens_with_spaces_between_them(tokens: str) -> None:
    model = untrained(tokens=tokens, text="one two three, four!\nfünf sechs", seed=2, **ONE_WAY)
    (whole,) = model.transcribe([SOUND], rate=RATE)
    assert len(whole) > 5
    assert streamed(model.stream(), SOUND, [700]) == whole


def test_another_rate_and_two_channels() -> None:
    model = untrained(seed=2, **ONE_WAY)
    fast = tones("abcacbbacab", rate=11025)
    (whole,) = model.transcribe([resampled(fast, 11025, RATE)], rate=RATE)
    assert streamed(model.stream(11025), fast, [997]) == whole
    both = np.stack([fast * 2.0, np.zeros_like(fast)], axis=1)
    assert streamed(model.stream(11025), both, [1500]) == whole
    (exact,) = model.transcribe([(SOUND * 32767).astype(np.int16)], rate=RATE)
    assert streamed(model.stream(), (SOUND * 32767).astype(np.int16), [313]) == exact


def test_silence_has_some_text_and_no_error() -> None:
    model = untrained(seed=2, **ONE_WAY)
    assert (
        streamed(model.stream(), np.zeros(3000, dtype=np.float32), [500])
        == model.transcribe([np.zeros(3000, dtype=np.float32)], rate=RATE)[0]
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"expected a unidirectional model \(bidirectional=false\)"),
        ({"bidirectional": False}, "expected a model with normalise=global or none.*Received: normalise=utterance"),
    ],
)
def test_models_that_have_to_hear_the_end_first(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        untrained(**options).stream()


def test_pieces_that_cannot_be() -> None:
    model = untrained(**ONE_WAY)
    coming = model.stream()
    with pytest.raises(DataError, match=r"the samples: expected finite samples. Received: nan at sample 1"):
        coming.push(np.array([0.0, math.nan], dtype=np.float32))
    with pytest.raises(DataError, match="the samples: expected samples"):
        coming.push(np.zeros((2, 2, 2)))
    with pytest.raises(DataError, match=r"expected a sound. Received: no samples"):
        coming.finish()
    with pytest.raises(ConfigError, match=r"expected one call of finish\(\)"):
        coming.finish()
    with pytest.raises(ConfigError, match=r"expected no more chunks after finish\(\)"):
        coming.push(np.zeros(5))
    with pytest.raises(ConfigError, match="the stream: expected a rate from 1,000"):
        model.stream(12)
    with pytest.raises(ConfigError, match="call fit"):
        Transcriber().stream()


def test_the_state_is_a_value() -> None:
    """What is carried lies in the stream, and the network keeps nothing: weights are the same, and so is the text."""
    model = untrained(seed=2, **ONE_WAY)
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    (whole,) = model.transcribe([SOUND], rate=RATE)
    coming = model.stream()
    coming.push(SOUND[:3000])
    assert model.transcribe([SOUND], rate=RATE) == [whole]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.network.state_dict().items())
