"""Loss of a forecaster: that of the predictive distributions of the next values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from elman.data.panel.windows import WindowInputs
from elman.nn.recompute import is_recomputing, lengths_in, loss_in_segments, recomputes
from elman.state import Batch, State, map_leaves
from elman.tasks.forecaster.network import ForecasterNetwork
from elman.train.batch_sums import BatchSums

__all__ = ["NextValueObjective"]


class NextValueObjective:
    """Loss of the predictive distribution of the values after each time step, averaged over members and values.

    Args:
        model: the network.
        loss_steps: in direct mode, the number of last time steps of a window in the training loss; 0 for all.
        held_out: returns the batches of an evaluation, of at most so many windows (0 for all), and the number of last
            time steps of a window to evaluate (0 for all); None without validation data.
        sampling: returns the current probability that an input is replaced by the network's own prediction
            (scheduled sampling, Bengio et al. 2015); None for never.
        carry: whether the state is carried from batch to batch.

    Attributes:
        recompute: time steps of a segment whose activations are in memory at a time; 0 for all.
    """

    recompute = 0

    def __init__(
        self,
        model: ForecasterNetwork,
        *,
        loss_steps: int,
        held_out: Callable[[int], tuple[Iterable[Batch], int]] | None,
        sampling: Callable[[], float] | None = None,
        carry: bool = False,
    ) -> None:
        self.model = model
        self.loss_steps = loss_steps
        self.held_out = held_out
        self.sampling = sampling
        self.carry = carry
        self.batch_sums = BatchSums()

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state; empty if no state is carried."""
        return self.model.initial_state(batch_size) if self.carry else ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss over observed values, their number, and the state after the batch."""
        if self.loss_steps or not recomputes(self.model, self.recompute, batch.targets_BT.shape[1]):
            total, count, state = self._loss(batch, state)
        else:
            state = state if self.carry else self.model.initial_state(batch.rows)
            segments = window_segments(batch, self.recompute, self.model.members[0].lookback, self.model.horizon)
            total, count, state = loss_in_segments(self.model, self._loss, segments, state)
        return total, count, state if self.carry else ()

    def _loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        targets, seen = _targets(batch, self.model.device)
        inputs = _moved(batch.inputs_BT, self.model.device)
        own = self.sampling() if self.sampling is not None else 0.0
        total: Tensor | None = None
        states = []
        values: list[Tensor | None] = []
        for number, member in enumerate(self.model.members):
            begin = state[number] if state else None
            if own:
                parameters = member.scheduled(inputs, batch.lengths_B, own)
                end: State = ()
            else:
                parameters, end = member(inputs, batch.lengths_B, begin, self.loss_steps)
            loss = (member.head.loss(parameters, targets) * seen).sum()
            total = loss if total is None else total + loss
            states.append(end)
            values.append(member.quick_point(parameters.detach()))
        if total is None:
            return targets.new_zeros(()), 0, ()
        count = int(seen.sum())
        points = [value for value in values if value is not None]
        if points and not is_recomputing():
            point = torch.stack(points).mean(0) if len(points) > 1 else points[0]
            self.batch_sums.add("squares", ((point - targets).square() * seen).sum(), count)
        return total / len(states), count, tuple(states)

    def training_metrics(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return the RMSE of the point forecast on the scale of transformed series, where it is quickly found."""
        return {"scaled_rmse": math.sqrt(means["squares"])} if "squares" in means else {}

    @torch.no_grad()
    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return mean loss and RMSE of the point forecast on held-out data, both on the scale of transformed series."""
        if self.held_out is None:
            return {}
        batches, loss_steps = self.held_out(limit)
        loss, squares, count = 0.0, 0.0, 0
        for batch in batches:
            targets, seen = _targets(batch, self.model.device)
            inputs = _moved(batch.inputs_BT, self.model.device)
            values = []
            for member in self.model.members:
                parameters, _ = member(inputs, batch.lengths_B, None, loss_steps)
                loss += float((member.head.loss(parameters, targets) * seen).sum()) / len(self.model.members)
                values.append(member.point_forecast(parameters))
            squares += float(((torch.stack(values).mean(0) - targets).square() * seen).sum())
            count += int(seen.sum())
        return {"loss": loss / max(count, 1), "scaled_rmse": (squares / max(count, 1)) ** 0.5, "values": count}


def _targets(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return targets `[B, steps, horizon * Y]` with missing values set to 0, and the mask of observed values."""
    targets = batch.targets_BT.flatten(2).to(device)
    seen = torch.isfinite(targets)
    return torch.where(seen, targets, 0.0), seen


def window_segments(batch: Batch, steps: int, lookback: int, horizon: int) -> list[Batch]:
    """Return a batch of windows, with targets at every time step, in pieces of `steps` time steps."""
    inputs, segments = batch.inputs_BT, []
    for begin in range(0, batch.targets_BT.shape[1], steps):
        targets = batch.targets_BT[:, begin : begin + steps]
        end = begin + targets.shape[1]
        piece = WindowInputs(
            inputs.values_BSY[:, begin : end + lookback - 1],
            inputs.seen_BTY[:, begin:end],
            inputs.past_BTF[:, begin:end],
            inputs.ahead_BNF[:, begin : end + horizon - 1],
            inputs.static_BC,
        )
        segments.append(Batch(piece, targets, lengths_in(batch.lengths_B, begin, end - begin)))
    return segments


def _moved(inputs: WindowInputs, device: torch.device) -> WindowInputs:
    moved: WindowInputs = map_leaves(lambda leaf: leaf.to(device), inputs)
    return moved
