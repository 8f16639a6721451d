"""Linear-chain conditional random field: likelihood of a tag sequence, marginals, and the best tag sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError
from elman.state import IGNORE_INDEX

__all__ = ["CRF", "TransitionMask", "mean_crf"]

# Score of a forbidden transition: its exponential is exactly zero, and sums with it stay finite.
_FORBIDDEN = -1e4
# Sums of exponentials below this are too inexact: they are computed again by logsumexp.
_MIN_SUM = 1e-30


class TransitionMask(NamedTuple):
    """Boolean masks of the allowed paths: transitions between tags `V x V`, first tags `V`, and last tags `V`."""

    steps_VV: Tensor
    start_V: Tensor
    stop_V: Tensor


class CRF(nn.Module):
    """Linear-chain conditional random field (Lafferty, McCallum & Pereira 2001) over V tags.

    The score of a path is the sum of its emissions, of a learnt score for each transition between tags, and of learnt
    scores for its first and last tag. Computations use at least float32, under autocast too.

    Args:
        tags: V, the number of tags.
        allowed: masks of the allowed paths; all others have probability zero. By default all paths are allowed.

    Raises ConfigError for fewer than one tag, ShapeError for masks of another shape or dtype.
    """

    # Determined by the tags, therefore not persistent buffers.
    steps_VV: Tensor
    start_V: Tensor
    stop_V: Tensor

    def __init__(self, tags: int, allowed: TransitionMask | None = None) -> None:
        super().__init__()
        if tags < 1:
            raise ConfigError(f"expected at least one tag. Received: {tags}")
        self.tags = tags
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        self.start = nn.Parameter(torch.zeros(tags))
        self.stop = nn.Parameter(torch.zeros(tags))
        if allowed is None:
            every = torch.ones(tags, dtype=torch.bool)
            allowed = TransitionMask(every.expand(tags, tags).clone(), every, every.clone())
        shapes = [tuple(part.shape) for part in allowed]
        if shapes != [(tags, tags), (tags,), (tags,)] or any(part.dtype != torch.bool for part in allowed):
            raise ShapeError(f"expected booleans of the shapes ({tags}, {tags}), ({tags},), ({tags},). "
                             f"Received: {shapes}, {[part.dtype for part in allowed]}")  # fmt: skip
        for name, part in allowed._asdict().items():
            self.register_buffer(name, part, persistent=False)

    def log_likelihood(self, emissions_BTV: Tensor, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Return the log-probability of each row's path `tags_BT`; 0 for an empty row.

        Padding is ignored, in the emissions and in the tags. Raises ShapeError for a tensor with the wrong shape.
        """
        emissions_BTV, lengths_B = self._check(emissions_BTV, lengths_B)
        if tags_BT.shape != emissions_BTV.shape[:2]:
            raise ShapeError(
                f"expected tags_BT of shape {tuple(emissions_BTV.shape[:2])}. Received: {tuple(tags_BT.shape)}"
            )
        with torch.autocast(emissions_BTV.device.type, enabled=False):
            return self._score(emissions_BTV, tags_BT, lengths_B) - self._log_partition(emissions_BTV, lengths_B)

    def marginals(self, emissions_BTV: Tensor, lengths_B: Tensor) -> Tensor:
        """Return the marginal probability of every tag at every time step: `B x T x V`, zero in the padding.

        Uses the forward-backward algorithm. Raises ShapeError for a tensor with the wrong shape.
        """
        emissions_BTV, lengths_B = self._check(emissions_BTV, lengths_B)
        T = emissions_BTV.shape[1]
        with torch.autocast(emissions_BTV.device.type, enabled=False), torch.no_grad():
            transitions_VV, _, stop_V = self._scores(emissions_BTV.dtype)
            before = self._forward(emissions_BTV, lengths_B)
            after_BV = stop_V.expand_as(emissions_BTV[:, 0]) if T else stop_V
            after: list[Tensor] = []
            for t in reversed(range(T)):
                if t + 1 < T:
                    onward_BV = _sum_over_steps(after_BV + emissions_BTV[:, t + 1], transitions_VV.T)
                    after_BV = torch.where((t + 1 < lengths_B)[:, None], onward_BV, stop_V)
                after.append(after_BV)
            if not T:
                return emissions_BTV
            scores_BTV = torch.stack(before, dim=1) + torch.stack(after[::-1], dim=1)
            return _clear(scores_BTV.softmax(dim=-1), lengths_B)

    def best_paths(self, emissions_BTV: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return the most likely path of each row, int64 `B x T` with IGNORE_INDEX in the padding, and its score `B`.

        Uses the Viterbi algorithm. Raises ShapeError for a tensor with the wrong shape.
        """
        emissions_BTV, lengths_B = self._check(emissions_BTV, lengths_B)
        B, T, _ = emissions_BTV.shape
        with torch.autocast(emissions_BTV.device.type, enabled=False), torch.no_grad():
            transitions_VV, start_V, stop_V = self._scores(emissions_BTV.dtype)
            if not T:
                return lengths_B.new_zeros(B, 0), emissions_BTV.new_zeros(B)
            best_BV = start_V + emissions_BTV[:, 0]
            sources: list[Tensor] = []
            stay_V = torch.arange(self.tags, device=emissions_BTV.device)
            for t in range(1, T):
                top_BV, source_BV = (best_BV[:, :, None] + transitions_VV).max(dim=1)
                alive_B1 = (t < lengths_B)[:, None]
                best_BV = torch.where(alive_B1, top_BV + emissions_BTV[:, t], best_BV)
                # In the padding the tag stays the same, so that backtracking can start at the last step of every row.
                sources.append(torch.where(alive_B1, source_BV, stay_V))
            score_B, tag_B = (best_BV + stop_V).max(dim=1)
            path = [tag_B]
            for source_BV in reversed(sources):
                tag_B = source_BV.gather(1, tag_B[:, None])[:, 0]
                path.append(tag_B)
            tags_BT = torch.stack(path[::-1], dim=1)
            return tags_BT.masked_fill(_past(lengths_B, T), IGNORE_INDEX), score_B.masked_fill(lengths_B == 0, 0.0)

    def allows(self, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Return whether each row's path is allowed, boolean `B`."""
        tags_BT = tags_BT.clamp(0, self.tags - 1)
        inside_BT = ~_past(lengths_B.to(tags_BT.device), tags_BT.shape[1])
        good_BT = torch.ones_like(inside_BT)
        good_BT[:, 1:] = self.steps_VV[tags_BT[:, :-1], tags_BT[:, 1:]]
        good_BT[:, :1] = self.start_V[tags_BT[:, :1]]
        last_BT = inside_BT & ~torch.cat([inside_BT[:, 1:], torch.zeros_like(inside_BT[:, :1])], dim=1)
        good_BT = good_BT & (~last_BT | self.stop_V[tags_BT])
        return (good_BT | ~inside_BT).all(dim=1)

    def _check(self, emissions_BTV: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        if emissions_BTV.dim() != 3 or emissions_BTV.shape[-1] != self.tags:
            raise ShapeError(
                f"expected emissions_BTV of shape (batch, time, {self.tags}). Received: {tuple(emissions_BTV.shape)}"
            )
        B, T, _ = emissions_BTV.shape
        if lengths_B.is_floating_point() or lengths_B.shape != (B,):
            raise ShapeError(
                f"expected lengths_B with {B} whole numbers. Received: shape {tuple(lengths_B.shape)}, "
                f"{lengths_B.dtype}"
            )
        if B and (int(lengths_B.min()) < 0 or int(lengths_B.max()) > T):
            raise ShapeError(f"expected lengths_B between 0 and T = {T}. Received: {lengths_B.tolist()}")
        if emissions_BTV.dtype not in (torch.float32, torch.float64):
            emissions_BTV = emissions_BTV.float()
        lengths_B = lengths_B.to(emissions_BTV.device)
        return _clear(emissions_BTV, lengths_B), lengths_B

    def _scores(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Return the learnt transition, start and end scores, with forbidden ones masked."""
        return (
            self.transitions.to(dtype).masked_fill(~self.steps_VV, _FORBIDDEN),
            self.start.to(dtype).masked_fill(~self.start_V, _FORBIDDEN),
            self.stop.to(dtype).masked_fill(~self.stop_V, _FORBIDDEN),
        )

    def _score(self, emissions_BTV: Tensor, tags_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Return the score of each row's path."""
        transitions_VV, start_V, stop_V = self._scores(emissions_BTV.dtype)
        past_BT = _past(lengths_B, tags_BT.shape[1])
        tags_BT = tags_BT.masked_fill(past_BT, 0)
        if not tags_BT.shape[1]:
            return emissions_BTV.sum(dim=(1, 2))
        emitted_B = emissions_BTV.gather(2, tags_BT[..., None])[..., 0].sum(dim=1)  # zero in the padding
        steps_BT = transitions_VV[tags_BT[:, :-1], tags_BT[:, 1:]].masked_fill(past_BT[:, 1:], 0.0)
        last_B = tags_BT.gather(1, (lengths_B - 1).clamp_min(0)[:, None])[:, 0]
        ends_B = (start_V[tags_BT[:, 0]] + stop_V[last_B]).masked_fill(lengths_B == 0, 0.0)
        return emitted_B + steps_BT.sum(dim=1) + ends_B

    def _log_partition(self, emissions_BTV: Tensor, lengths_B: Tensor) -> Tensor:
        """Return the logarithm of the partition function, the sum of the exponentials of all paths' scores."""
        if not emissions_BTV.shape[1]:
            return emissions_BTV.sum(dim=(1, 2))
        stop_V = self._scores(emissions_BTV.dtype)[2]
        last_BV = self._forward(emissions_BTV, lengths_B)[-1]
        return (last_BV + stop_V).logsumexp(dim=1).masked_fill(lengths_B == 0, 0.0)

    def _forward(self, emissions_BTV: Tensor, lengths_B: Tensor) -> list[Tensor]:
        """Run the forward algorithm: for every time step, the log-sum over all paths that end in each tag.

        In the padding, the values of a row's last real step are kept.
        """
        transitions_VV, start_V, _ = self._scores(emissions_BTV.dtype)
        steps = emissions_BTV.unbind(1)
        sums: list[Tensor] = []
        for t, emitted_BV in enumerate(steps):
            if not t:
                sums.append(start_V + emitted_BV)
                continue
            onward_BV = _sum_over_steps(sums[-1], transitions_VV) + emitted_BV
            sums.append(torch.where((t < lengths_B)[:, None], onward_BV, sums[-1]))
        return sums


def mean_crf(members: Sequence[CRF]) -> CRF:
    """Return a CRF, without gradients, with the mean of the scores of CRFs over the same tags and allowed paths."""
    first = members[0]
    mean = CRF(first.tags, TransitionMask(first.steps_VV, first.start_V, first.stop_V))
    for name, parameter in mean.named_parameters():
        parameter.requires_grad_(False)
        parameter.data = torch.stack([member.get_parameter(name).detach() for member in members]).mean(dim=0)
    return mean


def _sum_over_steps(scores_BV: Tensor, transitions_VV: Tensor) -> Tensor:
    """Return, for every tag, the logsumexp of score + transition over the previous tags.

    Uses one matrix product of exponentials, or logsumexp where a sum is too small to be exact.
    """
    top_B1 = scores_BV.detach().amax(dim=1, keepdim=True)
    sums_BV = (scores_BV - top_B1).exp() @ transitions_VV.exp()
    if bool((sums_BV > _MIN_SUM).all()) and bool(torch.isfinite(sums_BV).all()):
        return sums_BV.log() + top_B1
    return (scores_BV[:, :, None] + transitions_VV).logsumexp(dim=1)


def _past(lengths_B: Tensor, T: int) -> Tensor:
    """Return the padding mask, boolean `B x T`."""
    return torch.arange(T, device=lengths_B.device) >= lengths_B[:, None]


def _clear(x_BTV: Tensor, lengths_B: Tensor) -> Tensor:
    """Set the padding to zero, whatever it contains."""
    return x_BTV.masked_fill(_past(lengths_B, x_BTV.shape[1])[..., None], 0.0)
