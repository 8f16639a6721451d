"""CTC decoding: greedy, streamed, and by prefix beams, against all alignments there are."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decode.ctc import CtcGreedyStream, ctc_greedy
from elman.decode.ctc_beam import CtcBeamOptions, LanguageModelScorer, LanguageModelStep, ctc_prefix_beam
from elman.errors import ConfigError, ShapeError, TrainingError

from .all_alignments import Spelling, check_prefix_beam, collapse, every_text, some_frames

ENOUGH = 400


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(0, 5),
    columns=st.integers(1, 4),
    which=st.integers(0, 3),
    n_best=st.integers(1, 6),
    bonus=st.sampled_from([0.0, 0.7, -0.5]),
    language=st.sampled_from(["none", "open", "ending"]),
)
def test_with_enough_beams_every_text_has_all_its_alignments(
    seed: int, frames: int, columns: int, which: int, n_best: int, bonus: float, language: str
) -> None:
    options = CtcBeamOptions(ENOUGH, n_best, language_weight=0.8, bonus=bonus)
    spelling = None if language == "none" else Spelling(seed, columns, language == "ending")
    check_prefix_beam(seed, frames, columns, which % columns, options, spelling)


def test_few_beams_find_a_text_with_at_most_its_probability() -> None:
    for seed in range(20):
        frames = some_frames(seed, 6, 4)
        texts = every_text(frames, 0)
        for hypothesis in ctc_prefix_beam(frames, CtcBeamOptions(beams=3, n_best=3)):
            assert hypothesis.log_probability <= texts[hypothesis.tokens] + 1e-9
        (widest,) = ctc_prefix_beam(frames, CtcBeamOptions(beams=ENOUGH))
        assert widest.tokens == max(texts, key=lambda text: texts[text])


def test_a_text_that_was_dropped_and_comes_back_is_still_the_same_text() -> None:
    # By the second frame the beam holds (), (1), (1, 2) or drops (1); no text may be returned twice.
    for seed in range(200):
        frames = some_frames(seed, 12, 3, sharpness=1.0)
        found = ctc_prefix_beam(frames, CtcBeamOptions(beams=4, n_best=4))
        assert len({hypothesis.tokens for hypothesis in found}) == len(found)


def test_all_paths_of_a_text_beat_the_one_likeliest_path() -> None:
    # Each frame's likeliest is the blank, but most alignments of two frames spell (1).
    frames = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()
    assert ctc_greedy(frames[None])[0].tokens == ()
    found = ctc_prefix_beam(frames, CtcBeamOptions(beams=4, n_best=2))
    assert [hypothesis.tokens for hypothesis in found] == [(1,), ()]
    assert [math.exp(hypothesis.log_probability) for hypothesis in found] == pytest.approx([0.64, 0.36])


def test_a_floor_leaves_out_tokens_frame_by_frame() -> None:
    frames = torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3]]).log()
    found = ctc_prefix_beam(frames, CtcBeamOptions(beams=9, n_best=9, token_floor=math.log(0.25)))
    assert {hypothesis.tokens for hypothesis in found} == {(), (1,), (2,), (1, 2)}
    # 1 then 1 again is a run that goes on; 1 in the second frame alone is not tried.
    shares = {hypothesis.tokens: math.exp(hypothesis.log_probability) for hypothesis in found}
    assert shares == pytest.approx({(): 0.25, (1,): 0.3 * 0.5 + 0.3 * 0.2, (2,): 0.5 * 0.3, (1, 2): 0.3 * 0.3})


def test_a_language_model_is_asked_once_a_frame_at_most_and_of_new_texts_alone() -> None:
    spelling = Spelling(1, 5, knows_end=True)
    frames = some_frames(1, 30, 5)
    ctc_prefix_beam(frames, CtcBeamOptions(beams=6), language=spelling.scores())
    assert 0 < len(spelling.calls) <= 30
    assert max(spelling.calls) <= 6
    quiet = torch.tensor([[0.0, -math.inf, -math.inf, -math.inf, -math.inf]]).expand(20, -1)
    spelling.calls.clear()
    ctc_prefix_beam(torch.cat([frames[:3], quiet]), CtcBeamOptions(beams=6), language=spelling.scores())
    assert len(spelling.calls) <= 3
    spelling.calls.clear()
    (found,) = ctc_prefix_beam(frames, CtcBeamOptions(beams=6, language_weight=0.0), language=spelling.scores())
    assert spelling.calls == []
    assert found == ctc_prefix_beam(frames, CtcBeamOptions(beams=6))[0]


def test_a_token_that_a_language_model_rules_out_never_comes() -> None:
    def judged(rows: int) -> LanguageModelStep:
        return LanguageModelStep(torch.tensor([[0.0, -math.inf, 0.0]]).expand(rows, -1), (torch.zeros(rows),))

    language = LanguageModelScorer(judged(1), lambda tokens_N, state: judged(len(tokens_N)))
    found = ctc_prefix_beam(some_frames(2, 5, 3), CtcBeamOptions(beams=50, n_best=50), language=language)
    assert found
    assert all(1 not in hypothesis.tokens for hypothesis in found)


def test_frames_that_allow_nothing_leave_no_text() -> None:
    assert ctc_prefix_beam(torch.full((2, 3), -math.inf), CtcBeamOptions()) == []
    assert ctc_prefix_beam(torch.zeros(0, 3), CtcBeamOptions())[0].tokens == ()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    columns=st.integers(1, 4),
    which=st.integers(0, 3),
    cuts=st.lists(st.integers(0, 9), max_size=5),
)
def test_greedy_takes_the_likeliest_path_and_a_stream_of_any_pieces_takes_the_same(
    seed: int, lengths: list[int], columns: int, which: int, cuts: list[int]
) -> None:
    blank = which % columns
    frames = max(lengths) + 1
    rows = torch.stack([some_frames(seed + b, frames, columns, 1.0) for b in range(len(lengths))]) + 3.0
    for b, length in enumerate(lengths):
        rows[b, length:] = math.nan
    found = ctc_greedy(rows, torch.tensor(lengths), blank)
    for b, (path, length) in enumerate(zip(found, lengths, strict=True)):
        scores = torch.log_softmax(rows[b, :length], dim=1)
        symbols = tuple(int(row.argmax()) for row in scores)
        assert path.tokens == collapse(symbols, blank)
        assert path.log_probability == pytest.approx(sum(float(row.max()) for row in scores), abs=1e-9)
        spelt: list[int] = [blank] * length
        for token, (first, after) in zip(path.tokens, path.spans, strict=True):
            spelt[first:after] = [token] * (after - first)
        assert tuple(spelt) == symbols

        stream = CtcGreedyStream(blank)
        edges = sorted({0, length, *(min(cut, length) for cut in cuts)})
        pieces = [stream.push(rows[b, first:after]) for first, after in itertools.pairwise(edges)]
        assert tuple(itertools.chain(*pieces)) == path.tokens
        assert stream.frames == length
        assert stream.log_probability == pytest.approx(path.log_probability, abs=1e-9)


def test_a_stream_gives_a_token_in_the_frame_where_it_begins() -> None:
    stream = CtcGreedyStream()
    sure = torch.eye(3) * 9.0
    assert [stream.push(sure[symbol][None]) for symbol in (0, 1, 1, 0, 1, 2, 2)] == [
        (), (1,), (), (), (1,), (2,), ()
    ]  # fmt: skip
    assert stream.push(sure[:0]) == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beams": 0}, "beams to be a whole number from 1. Received: 0"),
        ({"beams": 2, "n_best": 3}, "n_best to be from 1 to beams, 2. Received: 3"),
        ({"token_floor": 0.5}, "token_floor to be 0 or less. Received: 0.5"),
        ({"language_weight": -1.0}, "language_weight to be 0 or more. Received: -1.0"),
        ({"bonus": math.nan}, "bonus to be a number. Received: nan"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CtcBeamOptions(**options)


def test_arguments_that_do_not_fit_are_refused() -> None:
    frames = some_frames(0, 4, 3)
    with pytest.raises(ShapeError, match=r"expected logits_BTV .* Received: shape \(4, 3\)"):
        ctc_greedy(frames)
    with pytest.raises(ShapeError, match=r"lengths from 0 to 4 in lengths_B. Received: \[5\]"):
        ctc_greedy(frames[None], torch.tensor([5]))
    with pytest.raises(ConfigError, match=r"a blank from 0 to 2\. Received: 3"):
        ctc_greedy(frames[None], blank=3)
    with pytest.raises(ShapeError, match=r"expected logits_TV .* Received: shape \(3,\)"):
        CtcGreedyStream().push(frames[0])
    with pytest.raises(ConfigError, match=r"a blank from 0 to 2\. Received: -1"):
        ctc_prefix_beam(frames, CtcBeamOptions(), blank=-1)
    with pytest.raises(ShapeError, match=r"log_probabilities_TV .* Received: shape \(3,\)"):
        ctc_prefix_beam(frames[0], CtcBeamOptions())
    language = Spelling(0, 4, knows_end=False).scores()
    with pytest.raises(ShapeError, match=r"scores of \(1, 3\). Received: shape \(1, 4\)"):
        ctc_prefix_beam(frames, CtcBeamOptions(), language=language)
    damaged = LanguageModelStep(torch.full((1, 3), math.nan), ())
    with pytest.raises(TrainingError, match="log-probabilities from the language model"):
        ctc_prefix_beam(
            frames, CtcBeamOptions(), language=LanguageModelScorer(damaged, lambda tokens_N, state: damaged)
        )


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_damaged_scores_are_an_error(number: float) -> None:
    frames = some_frames(0, 4, 3)
    frames[2, 1] = number
    for call in (
        lambda: ctc_greedy(frames[None]),
        lambda: CtcGreedyStream().push(frames),
        lambda: ctc_prefix_beam(frames, CtcBeamOptions()),
    ):
        with pytest.raises(TrainingError, match="Received"):
            call()
