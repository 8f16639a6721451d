"""What a forecaster is to get better at: the distribution of the values after each step."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from elman.data.panel.windows import Inputs
from elman.tasks.forecaster.network import ForecasterNetwork, Member
from elman.types import Batch, State, map_leaves

__all__ = ["NextValues"]


class NextValues:
    """The head's loss of the values after each step, of all members together; means are a value.

    Args:
        model: the network.
        counted: direct: the last steps of a window that predict in training; 0 for all.
        held_out: makes the evaluation's batches, of at most so many windows (0 for all), and says how many last steps
            of each predict (0 for all); None when nothing is held out.
        sampling: the probability, at this point of the run, that a step reads the network's own prediction of its
            value instead of the value (scheduled sampling, Bengio et al. 2015); None for never.
        carry: whether a batch goes on from the state of the one before.
    """

    def __init__(
        self,
        model: ForecasterNetwork,
        *,
        counted: int,
        held_out: Callable[[int], tuple[Iterable[Batch], int]] | None,
        sampling: Callable[[], float] | None = None,
        carry: bool = False,
    ) -> None:
        self.model = model
        self.counted = counted
        self.held_out = held_out
        self.sampling = sampling
        self.carry = carry

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step; empty where none is carried."""
        return self.model.initial_state(batch_size) if self.carry else ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of the losses over the values that were there, how many those are, and the state after the batch."""
        targets, seen = _targets(batch, self.model.device)
        inputs = _moved(batch.inputs_BT, self.model.device)
        own = self.sampling() if self.sampling is not None else 0.0
        total: Tensor | None = None
        last = []
        for number, member in enumerate(self.model.members):
            begin = state[number] if self.carry else None
            if own:
                parameters = _scheduled(self.model, member, inputs, batch.lengths_B, own)
                end: State = ()
            else:
                parameters, end = member(inputs, batch.lengths_B, begin, self.counted)
            loss = (member.head.loss(parameters, targets) * seen).sum()
            total = loss if total is None else total + loss
            last.append(end)
        if total is None:
            return targets.new_zeros(()), 0, ()
        return total / len(last), int(seen.sum()), tuple(last) if self.carry else ()

    @torch.no_grad()
    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """The mean loss a value and the root of the mean squared error of one value for each, both of scaled series,
        on held-out data."""
        if self.held_out is None:
            return {}
        batches, counted = self.held_out(limit)
        loss, squares, count = 0.0, 0.0, 0
        for batch in batches:
            targets, seen = _targets(batch, self.model.device)
            inputs = _moved(batch.inputs_BT, self.model.device)
            values = []
            for member in self.model.members:
                parameters, _ = member(inputs, batch.lengths_B, None, counted)
                loss += float((member.head.loss(parameters, targets) * seen).sum()) / len(self.model.members)
                values.append(self.model.one_value(member, parameters))
            squares += float(((torch.stack(values).mean(0) - targets).square() * seen).sum())
            count += int(seen.sum())
        return {"loss": loss / max(count, 1), "scaled_rmse": (squares / max(count, 1)) ** 0.5, "values": count}


def _targets(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Targets `[B, n, horizon x Y]` with 0 where there is none, and a mask of those that are there."""
    targets = batch.targets_BT.flatten(2).to(device)
    seen = torch.isfinite(targets)
    return torch.where(seen, targets, 0.0), seen


def _moved(inputs: Inputs, device: torch.device) -> Inputs:
    moved: Inputs = map_leaves(lambda leaf: leaf.to(device), inputs)
    return moved


def _scheduled(
    model: ForecasterNetwork, member: Member, inputs: Inputs, lengths_B: Tensor | None, own: float
) -> Tensor:
    """Parameters `[B, T, Y, P]` where each value after a window's first is, with probability `own`, a prediction."""
    columns = list(inputs.values_BKY.unbind(1))
    rows, steps = inputs.values_BKY.shape[0], inputs.values_BKY.shape[1] - member.lookback + 1
    state, found = member.initial_state(rows), []
    for step in range(steps):
        here = Inputs(
            torch.stack(columns[step : step + member.lookback], 1),
            inputs.seen_BTY[:, step : step + 1],
            inputs.past_BTP[:, step : step + 1],
            inputs.ahead_BUQ[:, step : step + 1],
            inputs.static_BC,
        )
        there_B = None if lengths_B is None else (lengths_B - step).clamp(0, 1)
        parameters, state = member(here, there_B, state)
        found.append(parameters)
        if step + 1 < steps:
            guess_BY = model.read(model.one_value(member, parameters.detach())[:, 0])
            taken_B1 = torch.rand(rows, 1).to(guess_BY.device) < own
            place = step + member.lookback
            columns[place] = torch.where(taken_B1, guess_BY, columns[place])
    return torch.cat(found, 1)
