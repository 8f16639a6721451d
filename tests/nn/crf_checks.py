"""What a CRF must give, judged by writing down every path: plain functions, to try planted bugs on."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from elman.nn.crf import CRF, TransitionMask

TAGS, STEPS = 3, 4
LENGTHS = torch.tensor([4, 1, 3, 0, 2])


def make_crf(seed: int = 0, allowed: TransitionMask | None = None, tags: int = TAGS) -> CRF:
    """A CRF with scores far from zero, in float64."""
    crf = CRF(tags, allowed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 2)
    return crf


def make_emissions(seed: int = 1, rows: int = len(LENGTHS), tags: int = TAGS) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, STEPS, tags, generator=generator, dtype=torch.float64) * 2


def some_rules() -> TransitionMask:
    """Tag 1 may not begin, tag 2 may not end, and 0 is never followed by 1."""
    steps = torch.ones(TAGS, TAGS, dtype=torch.bool)
    steps[0, 1] = False
    return TransitionMask(steps, torch.tensor([True, False, True]), torch.tensor([True, True, False]))


def paths(crf: CRF, emissions_TV: Tensor, length: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every allowed path of one row with its score, added up term by term."""
    start, stop, transitions = (each.detach().tolist() for each in (crf.start, crf.stop, crf.transitions))
    emissions = emissions_TV.tolist()
    for path in itertools.product(range(crf.tags), repeat=length):
        steps = list(itertools.pairwise(path))
        if not crf.start_V[path[0]] or not crf.stop_V[path[-1]] or not all(crf.steps_VV[a, b] for a, b in steps):
            continue
        score = [start[path[0]], stop[path[-1]], *(emissions[t][tag] for t, tag in enumerate(path))]
        yield path, math.fsum([*score, *(transitions[a][b] for a, b in steps)])


def log_sum(scores: list[float]) -> float:
    top = max(scores)
    return top + math.log(math.fsum(math.exp(score - top) for score in scores))


def check_likelihood(crf: CRF) -> None:
    """Of every path of every row; nothing in the padding matters."""
    emissions_BTV = make_emissions(tags=crf.tags)
    for row, length in enumerate(LENGTHS.tolist()):
        emissions_BTV[row, length:] = math.nan
    for row, length in enumerate(LENGTHS.tolist()):
        if not length:
            continue
        known = dict(paths(crf, emissions_BTV[row], length))
        total = log_sum(list(known.values()))
        for path, score in known.items():
            tags_BT = torch.full(emissions_BTV.shape[:2], -100)
            tags_BT[row, :length] = torch.tensor(path)
            tags_BT[:row, :] = tags_BT[row + 1 :, :] = 0
            given = float(crf.log_likelihood(emissions_BTV, tags_BT, LENGTHS)[row].detach())
            assert abs(given - (score - total)) < 1e-10, (row, path)
    empty = crf.log_likelihood(emissions_BTV, torch.zeros(emissions_BTV.shape[:2], dtype=torch.int64), LENGTHS)
    assert float(empty.detach()[LENGTHS == 0]) == 0.0


def check_best_path(crf: CRF) -> None:
    emissions_BTV = make_emissions(tags=crf.tags)
    for row, length in enumerate(LENGTHS.tolist()):
        emissions_BTV[row, length:] = math.nan
    tags_BT, scores_B = crf.best_paths(emissions_BTV, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert tags_BT[row, length:].tolist() == [-100] * (STEPS - length)
        if length:
            path, score = max(paths(crf, emissions_BTV[row], length), key=lambda pair: pair[1])
            assert tuple(tags_BT[row, :length].tolist()) == path
            assert abs(float(scores_B[row]) - score) < 1e-10
        else:
            assert float(scores_B[row]) == 0.0


def check_marginals(crf: CRF) -> None:
    emissions_BTV = make_emissions(tags=crf.tags)
    given_BTV = crf.marginals(emissions_BTV, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert not given_BTV[row, length:].any()
        if not length:
            continue
        known = dict(paths(crf, emissions_BTV[row], length))
        total = log_sum(list(known.values()))
        for t, tag in itertools.product(range(length), range(crf.tags)):
            expected = math.fsum(math.exp(score - total) for path, score in known.items() if path[t] == tag)
            assert abs(float(given_BTV[row, t, tag]) - expected) < 1e-10, (row, t, tag)
