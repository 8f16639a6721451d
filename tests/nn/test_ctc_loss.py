"""The CTC loss against the sum over all alignments, written out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch

from elman.data.transcripts.encoded import CTCTargets
from elman.data.transcripts.vocabulary import BLANK
from elman.decode.ctc import CtcLogits
from elman.nn.ctc_loss import batch_loss
from elman.state import Batch


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK)


def by_hand(log_probs_TV: torch.Tensor, text: tuple[int, ...]) -> float:
    """The negative logarithm of the sum over every path whose text this is."""
    T, V = log_probs_TV.shape
    paths = (path for path in itertools.product(range(V), repeat=T) if collapsed(path) == text)
    sums = [sum(float(log_probs_TV[t, symbol]) for t, symbol in enumerate(path)) for path in paths]
    return -math.log(math.fsum(map(math.exp, sums))) if sums else math.inf


def batch_of(texts: list[tuple[int, ...]]) -> Batch:
    tokens = torch.tensor([token for text in texts for token in text], dtype=torch.int64)
    lengths_B = torch.tensor([len(text) for text in texts])
    return Batch(torch.zeros(len(texts), 1), CTCTargets(tokens, lengths_B))  # type: ignore[arg-type]


def test_the_loss_is_the_sum_over_all_alignments() -> None:
    texts = [(2,), (2, 3), (2, 2), (3, 0, 2), (), (3, 3, 3)]
    steps = [4, 5, 3, 4, 3, 4]
    logits_BTV = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0)) * 2.0
    nats_B, counts_B = batch_loss(CtcLogits(logits_BTV, torch.tensor(steps)), batch_of(texts))
    log_probs_BTV = logits_BTV.double().log_softmax(-1)
    expected = [by_hand(log_probs_BTV[row, : steps[row]], text) for row, text in enumerate(texts)]
    np.testing.assert_allclose(nats_B.numpy(), expected, rtol=1e-5)
    assert counts_B.tolist() == [1, 2, 2, 3, 1, 3]
    assert math.isinf(expected[5])  # three alike need five steps


def test_padding_past_a_rows_steps_does_not_matter() -> None:
    logits_BTV = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    scores, batch = CtcLogits(logits_BTV, torch.tensor([6, 3])), batch_of([(2, 3), (3,)])
    nats_B, _ = batch_loss(scores, batch)
    other_BTV = logits_BTV.clone()
    other_BTV[1, 3:] = 50.0
    torch.testing.assert_close(batch_loss(scores._replace(logits_BTV=other_BTV), batch)[0], nats_B)
