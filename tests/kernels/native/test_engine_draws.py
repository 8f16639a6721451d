"""Drawn tokens: their distribution against that of `elman.decode.choose`, their random numbers, and greedy texts."""

from __future__ import annotations

import math
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.decode import SamplingOptions, choose, sample
from elman.errors import DataError, ShapeError
from elman.kernels.native.engine import WEIGHT_FORMATS
from elman.kernels.native.engine_streams import TokenStreams

from .engines import constant_scores, instruction_set, needs_library, net_of, one_thread, streams_of

# Fixtures.
__all__ = ["instruction_set", "one_thread"]

pytestmark = needs_library


class Caught(Exception):
    """Carries what `choose` would draw from."""


def probabilities_of(
    scores_V: Tensor, sampling: SamplingOptions, recent: list[int], patch: pytest.MonkeyPatch
) -> Tensor:
    """The probabilities that `choose` draws by."""

    def catch(probabilities_BV: Tensor, *rest: Any, **options: Any) -> Tensor:
        raise Caught(probabilities_BV)

    with patch.context() as patched:
        patched.setattr(torch, "multinomial", catch)
        with pytest.raises(Caught) as caught:
            choose(scores_V[None], sampling, torch.Generator(), torch.tensor([recent], dtype=torch.int64))
    found_V: Tensor = caught.value.args[0][0]
    return found_V / found_V.sum()


def drawn_shares(scores_V: Tensor, sampling: SamplingOptions, recent: list[int], draws: int = 20_000) -> Tensor:
    """How often the engine draws each token, over rows that all draw for the first time."""
    engine = constant_scores(scores_V)
    rows = torch.tensor([recent], dtype=torch.int64).expand(draws, -1) if recent else None
    streams = streams_of(engine, draws, seed=7, recent_BN=rows, window=len(recent))
    drawn_BT = engine.draw(streams, 1, sampling)
    return torch.bincount(drawn_BT.flatten(), minlength=len(scores_V)) / draws


def assert_drawn_from(found_V: Tensor, expected_V: Tensor, draws: int = 20_000) -> None:
    """A chi-square test at about five standard deviations; what has no probability is never drawn."""
    assert (found_V[expected_V == 0.0] == 0.0).all()
    # Tokens that come up fewer than five times go together.
    often = expected_V * draws >= 5
    pairs = [(found_V[often], expected_V[often])]
    if (~often & (expected_V > 0)).any():
        pairs.append((found_V[~often].sum()[None], expected_V[~often].sum()[None]))
    found, expected = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    statistic = float((draws * (found - expected) ** 2 / expected).sum())
    freedom = len(expected) - 1
    assert statistic <= freedom + 5 * math.sqrt(2 * freedom) + 5


SAMPLINGS = {
    "plain": SamplingOptions(),
    "cold": SamplingOptions(temperature=0.5),
    "hot": SamplingOptions(temperature=30.0),
    "top-k": SamplingOptions(top_k=5),
    "top-p": SamplingOptions(top_p=0.8),
    "both": SamplingOptions(temperature=0.7, top_k=6, top_p=0.9),
    "penalty": SamplingOptions(repetition_penalty=1.5),
    "reward": SamplingOptions(repetition_penalty=0.5, temperature=2.0),
    "banned": SamplingOptions(banned=(1, 3, 4)),
    "all": SamplingOptions(temperature=1.3, top_k=7, top_p=0.85, repetition_penalty=1.2, banned=(2,)),
}


@pytest.mark.parametrize("name", SAMPLINGS)
def test_draws_follow_the_probabilities_of_choose(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for V in (2, 11, 65):
        scores_V = torch.randn(V, generator=torch.Generator().manual_seed(V)) * 2
        sampling = SAMPLINGS[name] if V > 5 else SamplingOptions(temperature=0.9)
        recent = [0, V - 1, 0] if sampling.repetition_penalty != 1.0 else []
        expected_V = probabilities_of(scores_V, sampling, recent, monkeypatch)
        assert_drawn_from(drawn_shares(scores_V, sampling, recent), expected_V)


def test_the_judge_sees_a_wrong_distribution() -> None:
    scores_V = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
    with pytest.raises(AssertionError):
        assert_drawn_from(drawn_shares(scores_V, SamplingOptions(), []), torch.softmax(scores_V / 1.05, 0))


def test_exactly_the_tokens_that_choose_keeps_are_drawn(instruction_set: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(0)
    for _ in range(40):
        V = int(torch.randint(2, 200, (), generator=draw))
        k = int(torch.randint(0, V + 3, (), generator=draw))
        p = float(torch.rand((), generator=draw))
        scores_V = torch.randn(V, generator=draw) * float(torch.rand((), generator=draw) * 3)
        # So hot that every kept token comes up among the draws.
        sampling = SamplingOptions(temperature=5.0, top_k=k, top_p=max(p, 1e-3), banned=(0,))
        kept = probabilities_of(scores_V, sampling, [], monkeypatch) > 0
        engine = constant_scores(scores_V)
        drawn_BT = engine.draw(streams_of(engine, 4), 10 * V, sampling)
        assert torch.equal(torch.bincount(drawn_BT.flatten(), minlength=V) > 0, kept)


def test_scores_of_every_size_keep_their_order() -> None:
    """Distances from the best score between 1e-38 and 1e30: bisection has to find each border."""
    exponents = torch.linspace(-37.0, 30.0, 60)
    scores_V = -(10.0**exponents)
    engine = constant_scores(scores_V)
    for k in range(1, 41, 3):
        # All but those far away are equally likely.
        drawn_BT = engine.draw(streams_of(engine, 40), 40, SamplingOptions(temperature=1.0, top_k=k))
        near = int((exponents < -1).sum())
        assert set(drawn_BT.flatten().tolist()) >= set(range(min(k, near)))
        assert int(drawn_BT.max()) < k


def test_ties_at_the_kth_score_all_stay() -> None:
    scores_V = torch.tensor([1.0, 3.0, 2.0, 2.0, 0.0, 2.0])
    assert ((drawn_shares(scores_V, SamplingOptions(top_k=2), []) > 0) == torch.tensor([0, 1, 1, 1, 0, 1]).bool()).all()
    assert (drawn_shares(torch.zeros(50), SamplingOptions(top_k=1), []) > 0).all()


def test_of_ties_at_the_border_of_top_p_the_lowest_numbers_stay() -> None:
    scores_V = torch.tensor([0.1, 0.2, 0.5, 0.2]).log()
    assert (drawn_shares(scores_V, SamplingOptions(top_p=0.6), []) > 0).tolist() == [False, True, True, False]
    assert (drawn_shares(scores_V, SamplingOptions(top_p=0.85), []) > 0).tolist() == [False, True, True, True]
    for p, kept in ((0.25, 10), (0.26, 11)):
        assert (drawn_shares(torch.zeros(40), SamplingOptions(top_p=p), []) > 0).tolist() == [True] * kept + [False] * (
            40 - kept
        )


@pytest.mark.parametrize("temperature", [1e-12, 1e-30, 1e-45, 5e-324])
def test_no_temperature_is_too_low(temperature: float) -> None:
    for scale in (1.0, 1e4, 1e30):
        scores_V = torch.tensor([1.0, 2.0, 0.0, -1.0]) * scale
        assert drawn_shares(scores_V, SamplingOptions(temperature=temperature), [], 50)[1] == 1.0


@pytest.mark.parametrize("temperature", [1e30, 1e300])
def test_no_temperature_is_too_high(temperature: float) -> None:
    found_V = drawn_shares(
        torch.tensor([5.0, -5.0, 0.0, 9.0]), SamplingOptions(temperature=temperature, banned=(3,)), []
    )
    assert_drawn_from(found_V, torch.tensor([1.0, 1.0, 1.0, 0.0]) / 3)


def test_the_likeliest_with_the_lowest_number_is_taken_at_temperature_zero() -> None:
    scores_V = torch.tensor([0.0, 2.0, 1.0, 2.0, 2.0])
    assert drawn_shares(scores_V, SamplingOptions(temperature=0.0), [], 5)[1] == 1.0
    assert drawn_shares(scores_V, SamplingOptions(temperature=0.0, banned=(1,)), [], 5)[3] == 1.0


# ---------------------------------------------------------------- random numbers


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox 4x32-10 as published (Salmon et al. 2011), written a second time."""
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * counter[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * counter[2], 2**32)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def test_the_second_writing_of_philox_gives_the_published_numbers() -> None:
    # Random123's table of known answers.
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 2**32 - 1
    assert philox([ones] * 4, [ones] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    counter, key = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]
    assert philox(counter, key) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


def test_a_draw_is_the_number_of_its_seed_row_and_position() -> None:
    V = 64
    engine = constant_scores(torch.zeros(V))
    for seed in (0, 1, 2**40 + 3, 2**63 - 1):
        numbers_B = torch.tensor([0, 1, 2**33 + 5])
        streams = streams_of(engine, 3, seed=seed, numbers_B=numbers_B)
        drawn_BT = torch.cat([engine.draw(streams, steps, SamplingOptions()) for steps in (1, 4, 3)], dim=1)
        for row, number in enumerate(numbers_B.tolist()):
            for position, token in enumerate(drawn_BT[row].tolist()):
                counter = [position, 0, number % 2**32, number >> 32]
                first, second, _, _ = philox(counter, [seed % 2**32, seed >> 32])
                share = ((first << 32 | second) >> 11) / 2**53
                assert token == int(share * V)


def test_later_positions_go_on_where_earlier_ones_stopped() -> None:
    engine = constant_scores(torch.zeros(50))
    streams = streams_of(engine, 2)
    whole_BT = engine.draw(streams, 20, SamplingOptions())
    assert streams.positions_B.tolist() == [20, 20]
    again = streams_of(engine, 2)
    again.positions_B += 12
    assert torch.equal(engine.draw(again, 8, SamplingOptions()), whole_BT[:, 12:])


def test_sessions_draw_alone_and_the_others_stay() -> None:
    engine = net_of("lstm", V=40, H=17).engine()
    sampling = SamplingOptions(top_k=20, repetition_penalty=1.3)
    sessions = streams_of(engine, 9, seed=3, window=6)
    alone = [streams_of(engine, 1, seed=3, window=6, numbers_B=torch.tensor([number])) for number in range(9)]
    for lines, steps in (([4, 0, 7], 5), ([7], 1), ([0, 1, 2, 3, 4], 11), ([8, 4], 2)):
        drawn_BT = engine.draw(sessions, steps, sampling, torch.tensor(lines))
        for line, drawn_T in zip(lines, drawn_BT, strict=True):
            assert torch.equal(engine.draw(alone[line], steps, sampling)[0], drawn_T)
    for line, one in enumerate(alone):
        for name, numbers in vars(sessions).items():
            assert torch.equal(numbers[line], getattr(one, name)[0])
    for lines in ([1, 1], [9], [-1]):
        with pytest.raises(ShapeError, match="expected lines_B with distinct indices from 0 to 8"):
            engine.draw(sessions, 1, sampling, torch.tensor(lines))


@pytest.mark.parametrize("weights", WEIGHT_FORMATS)
def test_a_row_draws_the_same_in_any_batch_in_any_calls(weights: str) -> None:
    engine = net_of("gru", V=40, H=33).engine(weights)
    sampling = SamplingOptions(top_k=20, top_p=0.95, repetition_penalty=1.1)
    whole_BT = engine.draw(streams_of(engine, 19, seed=5, window=8), 30, sampling)
    assert len({tuple(row) for row in whole_BT.tolist()}) == 19
    for first, last, cuts in ((0, 1, [30]), (3, 8, [1, 2, 4, 8, 15]), (17, 19, [29, 1])):
        streams = streams_of(engine, last - first, seed=5, window=8, numbers_B=torch.arange(first, last))
        parts = [engine.draw(streams, steps, sampling) for steps in cuts]
        assert torch.equal(torch.cat(parts, dim=1), whole_BT[first:last])


# ---------------------------------------------------------------- texts


@pytest.mark.parametrize(("cell", "seed", "gain"), [("gru", 2, 1.0), ("lstm", 3, 4.0)])
def test_greedy_texts_are_torchs(cell: str, seed: int, gain: float, instruction_set: str) -> None:
    """Thousands of tokens, equal to torch's float32 path, and each the best one in float64.

    The best two scores must differ by more than both ways' rounding, or the choice would be chance: that they do
    is checked, for these seeds.
    """
    # A penalty and strong inputs keep the texts from running in circles.
    steps, penalty, window = 600, 2.0, 16
    sampling = SamplingOptions(temperature=0.0, repetition_penalty=penalty, repetition_window=window, banned=(3,))
    net = net_of(cell, V=50, E=16, H=40, seed=seed)
    with torch.no_grad():
        net.embeddings_VE.mul_(8.0 if cell == "gru" else 3.0)
        net.head.weight.mul_(gain)
    engine = net.engine()
    starts_B = torch.arange(5, 10)
    recent_B1 = starts_B[:, None]
    streams = TokenStreams.start(engine.pack_state(net.zeros(5)), starts_B, seed=0, recent_BN=recent_B1, window=window)
    drawn_BT = torch.cat([engine.draw(streams, 100, sampling) for _ in range(steps // 100)], dim=1)
    assert len({tuple(piece) for row in drawn_BT.unfold(1, 8, 1).tolist() for piece in row}) > 500

    def step(tokens_B: Tensor, state: Any) -> tuple[Tensor, Any]:
        logits_BTV, state = net.logits(tokens_B[:, None], state)
        return logits_BTV[:, 0], state

    stream = sample(step, *reversed(step(starts_B, None)), sampling, seed=0, history_BN=recent_B1)
    assert torch.equal(torch.stack(list(islice(stream, steps)), dim=1), drawn_BT)

    read_BT = torch.cat([recent_B1, drawn_BT], dim=1)
    true_BTV, _ = net.double().logits(read_BT[:, :-1])
    true_BTV[..., 3] = -torch.inf
    scores_BTV = torch.log_softmax(true_BTV, dim=-1)
    for t in range(steps):
        recent_BN = read_BT[:, max(0, t + 1 - window) : t + 1]
        punished = scores_BTV[:, t].gather(1, recent_BN) * penalty
        scores_BTV[:, t] = scores_BTV[:, t].scatter(1, recent_BN, punished)
    best = scores_BTV.topk(2, dim=-1)
    assert torch.equal(best.indices[..., 0], drawn_BT)
    assert float((best.values[..., 0] - best.values[..., 1]).min()) > 1e-6


@pytest.mark.parametrize("window", [1, 2, 3, 7])
@pytest.mark.parametrize("start", [[0], [4, 0], [1, 2, 3, 4, 0]])
def test_a_penalty_is_for_the_last_tokens_only(window: int, start: list[int]) -> None:
    scores_V = torch.tensor([-1.0, -1.1, -1.3, -1.6, -2.0])
    sampling = SamplingOptions(temperature=0.0, repetition_penalty=1.3, repetition_window=window)
    history, expected = list(start), []
    for _ in range(30):
        recent_BN = torch.tensor([history[-window:]])
        expected.append(int(choose(scores_V[None], sampling, torch.Generator(), recent_BN)))
        history.append(expected[-1])
    streams = streams_of(constant_scores(scores_V), 1, recent_BN=torch.tensor([start]), window=window)
    engine = constant_scores(scores_V)
    drawn = [token for steps in (1, 9, 20) for token in engine.draw(streams, steps, sampling)[0].tolist()]
    assert drawn == expected
    assert len(set(drawn)) > 1
    assert sorted(streams.history_BN[0].tolist()) == sorted(history[-window:])


def test_scores_that_are_no_numbers_end_their_row_and_no_other() -> None:
    net = net_of("gru", H=20)
    engine = net.engine()
    clean_BT = engine.draw(streams_of(engine, 9), 6, SamplingOptions())
    for bad in (math.nan, math.inf):
        streams = streams_of(engine, 9)
        streams.states_BF[4, 3] = bad
        drawn_BT = engine.draw(streams, 6, SamplingOptions())
        assert (drawn_BT[4] == -1).all()
        others = [row for row in range(9) if row != 4]
        assert torch.equal(drawn_BT[others], clean_BT[others])


def test_a_row_that_has_ended_does_not_come_back() -> None:
    """Scores overflow after token 1, and not after the token 0 that is read in the place of none."""
    net = net_of("elman", V=3, E=1, H=2, layers=1)
    cell = net.stack.unrolls()[0][0].cell
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.weight_ih.fill_(20.0)
        net.head.weight.fill_(3e38)
        net.head.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
        net.embeddings_VE.copy_(torch.tensor([[0.0], [1.0], [0.0]]))
    engine = net.engine()
    streams = streams_of(engine, 2)
    streams.tokens_B[1] = 1
    drawn_BT = engine.draw(streams, 4, SamplingOptions(temperature=0.0))
    assert drawn_BT.tolist() == [[0, 0, 0, 0], [-1, -1, -1, -1]]


def test_nothing_can_be_drawn_where_every_token_is_banned() -> None:
    for sampling in (SamplingOptions(banned=(0, 1, 2)), SamplingOptions(temperature=0.0, banned=(0, 1, 2))):
        engine = constant_scores(torch.zeros(3))
        assert engine.draw(streams_of(engine, 2), 3, sampling).tolist() == [[-1] * 3] * 2


def test_what_does_not_fit_is_refused_before_anything_is_drawn() -> None:
    engine = constant_scores(torch.zeros(3))
    wrong = streams_of(engine, 2)
    wrong.tokens_B[1] = 3
    with pytest.raises(DataError, match=r"expected token ids from 0 to 2. Received: 3"):
        engine.draw(wrong, 1, SamplingOptions())
    with pytest.raises(DataError, match=r"expected token ids from 0 to 2. Received: 9"):
        engine.draw(streams_of(engine, 2), 1, SamplingOptions(banned=(9,)))
    wrong = streams_of(engine, 2, window=4)
    wrong.history_BN[1, 2] = 3
    with pytest.raises(DataError):
        engine.draw(wrong, 1, SamplingOptions(repetition_penalty=2.0))
    assert engine.draw(streams_of(engine, 2), 0, SamplingOptions()).shape == (2, 0)
    wrong = streams_of(engine, 2)
    wrong.tokens_B = torch.zeros(4, dtype=torch.int64)[::2]
    with pytest.raises(ShapeError, match=r"expected tokens_B of shape .*, contiguous"):
        engine.draw(wrong, 1, SamplingOptions())
    wrong = streams_of(engine, 2)
    wrong.seeds_B = wrong.seeds_B[:1]
    with pytest.raises(ShapeError, match="expected seeds_B of shape"):
        engine.draw(wrong, 1, SamplingOptions())
    for place in (4, -1):
        wrong = streams_of(engine, 2, window=4)
        wrong.places_B[0] = place
        with pytest.raises(ShapeError, match="expected places_B from 0 to 3"):
            engine.draw(wrong, 1, SamplingOptions(repetition_penalty=2.0))
