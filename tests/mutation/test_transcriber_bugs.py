"""Bugs planted into the transcriber, each with the check that must notice it."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import torch

from elman.data.transcripts import encoded
from elman.decode import ctc_search, fusion, transcript_stream
from elman.decode.ctc import CtcLogits
from elman.nn import ctc_loss
from elman.tasks.transcriber import network, setup

from ..decode import test_ctc_search as searches
from ..decode import test_transcript_stream as streams
from ..nn import test_ctc_loss as losses
from ..tasks import test_transcriber_network as networks
from ..tasks import test_transcriber_setup as setups
from ..tasks.small_transcribers import ONE_WAY, RATE, untrained
from .bug import ELMAN, Bug
from .test_planted_bugs import plant


class Planted(NamedTuple):
    """What is changed, in which function of which module, and the check that must notice."""

    what: str
    module: ModuleType
    function: str
    old: str
    new: str
    check: Callable[[], None]


def check_pieces() -> None:
    model = untrained(seed=2, **ONE_WAY, stack_frames=4, stride=3)
    for end in (1500, 1540, 2220, 2340, 4000):
        sound = streams.SOUND[:end]
        assert streams.streamed(model.stream(), sound, [130, 77, 300]) == model.transcribe([sound], rate=RATE)[0]


def check_spans() -> None:
    for seed in range(12):
        logits_TV = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3.0
        log_probs_TV = logits_TV.log_softmax(-1)
        for text in ((2, 2), (2, 3), (3, 2, 3)):
            found = ctc_search.alignment(log_probs_TV, text)
            assert found == tuple(searches.runs(searches.best_path(log_probs_TV, text)))


def check_needed() -> None:
    for text, steps in (([2, 3], 2), ([2, 2], 3), ([2, 2, 2, 3], 6), ([], 0)):
        assert encoded.needed_steps(np.array(text, dtype=np.int64)) == steps


def check_rows() -> None:
    networks.test_rows_do_not_know_each_other_nor_their_padding(True)


def check_windows() -> None:
    networks.test_a_step_hears_its_frames_and_zeros_beyond_the_end(3, 2)


def check_blank() -> None:
    logits_BTV = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(0))
    scores = CtcLogits(logits_BTV, torch.tensor([4]))
    nats_B, _ = ctc_loss.batch_loss(scores, losses.batch_of([(2, 3)]))
    expected = losses.by_hand(logits_BTV[0].double().log_softmax(-1), (2, 3))
    assert abs(float(nats_B[0]) - expected) < 1e-4


class ToyNetwork(torch.nn.Module):
    """Likes each token the more, the higher its number, and more so after one with a high number."""

    def __init__(self) -> None:
        super().__init__()
        self.likes_V = torch.nn.Parameter(torch.arange(6.0), requires_grad=False)

    def initial_state(self, rows: int) -> torch.Tensor:
        return torch.zeros(rows, 1)

    def forward(self, tokens_BT: torch.Tensor, lengths_B: None, state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        del lengths_B
        return self.likes_V * tokens_BT[..., None], state

    def step(self, tokens_B: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.likes_V * tokens_B[:, None], state


class ToyModel:
    """A language model of the letters a, b, c and d."""

    vocabulary = untrained(text="abcd").vocabulary.tokens
    network = ToyNetwork()

    def context_start(self) -> list[int]:
        return [1]


def check_fusion() -> None:
    language = fusion.language_model_scorer(ToyModel(), untrained(text="bcd").vocabulary)
    # b, c and d have the numbers 2, 3, 4 in the transcriber, and 3, 4, 5 in the language model.
    likes_V = torch.arange(6.0)
    first, second = likes_V.log_softmax(-1), (likes_V * 4).log_softmax(-1)
    assert torch.allclose(language.first.log_probabilities_NV[0, 2:], first[3:])
    judged = language.extend(torch.tensor([3]), torch.zeros(1, 1))
    assert torch.allclose(judged.log_probabilities_NV[0, 2:], second[3:])
    assert judged.ends_N is not None
    assert torch.allclose(judged.ends_N[0], second[1])


BUGS = [
    Planted(
        "pieces forget the frames that are still needed",
        transcript_stream,
        "TranscriptStream._process_frames",
        "self._pending = pending_BTF[:, steps * config.stride :]",
        "self._pending = pending_BTF[:, (steps - 1) * config.stride + config.stack_frames :]",
        check_pieces,
    ),
    Planted(
        "the state is not carried on",
        transcript_stream,
        "TranscriptStream._process_frames",
        "logits_BTV, self._state = network",
        "logits_BTV, _ = network",
        check_pieces,
    ),
    Planted(
        "the last step is not made",
        transcript_stream,
        "TranscriptStream._process_frames",
        "steps = int(steps_after_stacking(torch.tensor(count), config.stride))",
        "steps = max(0, int(steps_after_stacking(torch.tensor(count), config.stride)) - 1)",
        check_pieces,
    ),
    Planted(
        "pieces are not scaled",
        transcript_stream,
        "TranscriptStream._process_frames",
        "network.scaled(torch.from_numpy(np.ascontiguousarray(x_TF))[None].to(device))",
        "torch.from_numpy(np.ascontiguousarray(x_TF))[None].to(device)",
        check_pieces,
    ),
    Planted(
        "a path leaps from a token to the same token",
        ctc_search,
        "alignment",
        "can_skip_K[3::2] = symbols[3::2] != symbols[1:-2:2]",
        "can_skip_K[3::2] = True",
        check_spans,
    ),
    Planted(
        "a path has to end in a blank",
        ctc_search,
        "alignment",
        "len(symbols) - 1 if best_K[-1] >= best_K[-2] else len(symbols) - 2",
        "len(symbols) - 1",
        check_spans,
    ),
    Planted(
        "two that are alike need no blank between",
        encoded,
        "needed_steps",
        "len(tokens) + int((tokens[1:] == tokens[:-1]).sum())",
        "len(tokens)",
        check_needed,
    ),
    Planted(
        "padding reaches the encoder",
        network,
        "TranscriberNetwork.forward",
        "clear_padding(self.scaled(x_BTF), lengths_B.to(x_BTF.device))",
        "self.scaled(x_BTF)",
        check_rows,
    ),
    Planted(
        "windows have their features in the wrong order",
        network,
        "TranscriberNetwork.stacked",
        "windows_BTFN.transpose(2, 3).flatten(2)",
        "windows_BTFN.flatten(2)",
        check_windows,
    ),
    Planted(
        "a blank is an unknown token",
        ctc_loss,
        "batch_loss",
        "blank=BLANK",
        "blank=0",
        check_blank,
    ),
    Planted(
        "texts that are too long count in the loss",
        setup,
        "measure",
        "fits_B = torch.from_numpy(data.fits[part])",
        "fits_B = torch.ones(len(part), dtype=torch.bool)",
        setups.test_a_text_that_is_too_long_is_named_and_left_out,
    ),
    Planted(
        "the language model reads the transcriber's numbers",
        fusion,
        "_scorer",
        "network.step(numbers_V[tokens_N.to(device)], state)",
        "network.step(tokens_N.to(device), state)",
        check_fusion,
    ),
    Planted(
        "the language model's answers stay in its own numbers",
        fusion,
        "_scorer",
        "log_probs_NV[:, numbers_V], state",
        "log_probs_NV[:, : len(numbers)], state",
        check_fusion,
    ),
]


@pytest.mark.parametrize("planted", BUGS, ids=lambda planted: planted.what)
def test_a_planted_bug_is_caught(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    bug = Bug(planted.what, planted.module, planted.function, ((planted.old, planted.new),), lambda *_: None, ELMAN)
    planted.check()
    with monkeypatch.context() as patch:
        plant(bug, patch)
        with pytest.raises(AssertionError):
            planted.check()
