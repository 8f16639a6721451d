"""The training loop: truncated BPTT with carried state, as a generator of events.

`Training.fit()` makes a step, yields an event and waits. The caller may show progress, write a log or take a
`snapshot()`, from which another run resumes bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from elman.errors import ConfigError
from elman.state import IGNORE_INDEX, Batch, State, detach, leaves, named_leaves, reset_rows
from elman.train.averaging import average_of
from elman.train.batch_sums import BatchSums, MeasuredObjective
from elman.train.config import TrainConfig
from elman.train.events import EndEvent, EvaluationEvent, Event, PlanEvent, StartEvent, StepEvent
from elman.train.freezing import Freezing, parameter_groups
from elman.train.gradients import Explosions, clip_gradients
from elman.train.memory import activation_memory, set_recompute
from elman.train.optim import make_optimizer
from elman.train.out_of_memory import memory_errors
from elman.train.plan import Plan, StepTimer
from elman.train.protocols import Objective, ScheduledObjective, Stream
from elman.train.schedule import Plateau, rate_factor
from elman.train.snapshot import carried_state, check_shapes, optimizer_state, parts_of, set_random_state
from elman.train.stopping import Overfitting
from elman.train.stored import read

__all__ = ["Objective", "ScheduledObjective", "Stream", "Training"]


class Training:
    """One training run.

    Args:
        objective: the model and its loss.
        stream: the source of batches.
        config: the options. `precision` and `device` must not be "auto".
        evaluation_cost: cost of an evaluation in passes over the training data, for early evaluations; 0 for none.

    `fit()` yields events until the budget is spent. A stopped run is resumed with `restore()` from a `snapshot()` that
    was taken at a `StepEvent` or an `EvaluationEvent`. Raises ConfigError without a budget, or for `loss_to` not above
    `loss_from`, or for `recompute` without layers that run in segments.
    """

    def __init__(
        self, objective: Objective, stream: Stream, config: TrainConfig, *, evaluation_cost: float = 0.0
    ) -> None:
        if not (config.max_steps or config.max_epochs or config.max_seconds):
            raise ConfigError("expected a budget: max_steps, max_epochs or max_seconds. Received: none of them")
        if config.loss_to and config.loss_to <= config.loss_from:
            raise ConfigError(f"expected loss_to above loss_from = {config.loss_from}. Received: {config.loss_to}")
        self.objective = objective
        self.stream = stream
        self.config = config
        set_recompute(objective, config.recompute)
        self._parameters = list(objective.model.parameters())
        self.freezing = Freezing(objective.model, config)
        self.optimizer = make_optimizer(parameter_groups(objective.model, config.layer_decay), config)
        self.average = average_of(self._parameters, config)
        self.evaluation_cost = evaluation_cost
        self.plan = Plan.of(config, early=evaluation_cost > 0.0)
        self.plateau = Plateau()
        self.overfitting = Overfitting()
        self._measured = objective if isinstance(objective, MeasuredObjective) else None
        self._losses = BatchSums()
        self.explosions = Explosions(config)
        self.step = 0
        self.state: State | None = None
        self.seconds_before = 0.0
        # Both are part of a snapshot: an evaluation that was due when the run stopped is made on resuming.
        self._evaluated_at = 0
        self._progress_before = 0.0
        self._started_at = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a resume included."""
        return self.seconds_before + time.perf_counter() - self._started_at

    @property
    def progress(self) -> float:
        """Spent fraction of the budget, from 0 to 1 (0 until a budget in seconds has been turned into steps)."""
        return self.plan.progress(self.step, self.stream.epoch)

    @property
    def evaluation_limit(self) -> int:
        """Maximum number of targets in an evaluation; 0 for all."""
        return self.plan.evaluate_tokens

    def fit(self) -> Iterator[Event]:
        """Train until the budget is spent or the loss stops improving, yielding events.

        Raises DivergenceError when the loss or a gradient is not finite, or the gradients keep exploding (see
        `Explosions`); the step is not made, so the weights are those of the previous step. Raises OutOfMemoryError when
        memory runs out, and ConfigError when `loss_from` is not below the number of time steps in a batch.
        """
        self._started_at = time.perf_counter()
        timer = StepTimer(self.config, self.seconds_before, self.evaluation_cost)
        yield StartEvent(self.step)
        while True:
            if not self.plan.settled:
                yield from self._measure(timer)
            self.plan = self.plan.with_early_evaluations(self.step, self.stream.epoch, self.evaluation_cost)
            if self.plan.settled and self._evaluated_at != self.step:
                if self.plan.evaluation_due(self.step, self._progress_before, self.progress):
                    yield self._evaluate()
                elif self.plan.early_evaluation_due(self.step, self._evaluated_at, self.progress):
                    yield self._evaluate(regular=False)
            reason = self._end_reason()
            if reason is not None:
                yield EndEvent(self.step, reason)
                return
            self._progress_before = self.progress
            begun = time.perf_counter()
            with memory_errors(f"at step {self.step + 1}"):
                event = self._make_step()
            self.overfitting.stepped(event.loss, event.tokens)
            self._losses.add("loss", event.loss * event.tokens, event.tokens)
            yield event
            timer.stepped(time.perf_counter() - begun, event.tokens)  # includes the time that the caller took

    def _measure(self, timer: StepTimer) -> Iterator[Event]:
        """While a budget in seconds has no plan: make early evaluations, and the plan once enough is measured."""
        ready, seconds, before = timer.ready(self.seconds), timer.seconds_per_evaluation, self.seconds
        self.plan = timer.with_early_evaluations(self.plan, self.step, self.stream.epoch)
        first = None
        if ready and math.isinf(seconds):
            first = self._evaluate(tokens=timer.evaluation_tokens())
            seconds = self.seconds - before
        elif (
            self._evaluated_at != self.step
            and self.plan.early_evaluation_due(self.step, self._evaluated_at, 0.0)
            and timer.affords_evaluation(self.step, self.stream.epoch)
        ):
            yield self._evaluate(regular=False, tokens=timer.evaluation_tokens())
            timer.evaluated(self.seconds - before)  # includes the time that the caller took
            seconds = timer.seconds_per_evaluation
        if ready:
            self.plan = timer.plan(self.plan, self.step, self.seconds, seconds)
            yield PlanEvent(self.plan.total_steps, self.plan.evaluate_every, timer.seconds_per_step)
        if first is not None:
            yield first

    def _end_reason(self) -> str | None:
        """Return why the run ends here, or None."""
        patience = self.config.patience
        if patience and self.plateau.stale >= patience:
            return f"no improvement in {patience} evaluations"
        if self.progress >= 1.0:
            return "the budget is spent"
        if patience is None and self._evaluated_at == self.step >= 2 * self.config.warmup_steps:
            return self.overfitting.reason(self.progress)
        return None

    def _make_step(self) -> StepEvent:
        config = self.config
        begun = time.perf_counter()
        progress = self.progress
        rate = config.learning_rate * rate_factor(config, self.step, progress, self.plateau.factor)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)
        self.freezing.apply(self.stream.epoch)
        if isinstance(self.objective, ScheduledObjective):
            self.objective.begin_step(progress)
        total, tokens = 0.0, 0
        for _ in range(config.accumulate):
            batch_loss, batch_tokens = self._backward(self.stream.next_batch())
            total += batch_loss
            tokens += batch_tokens
        loss = total / max(tokens, 1)
        norm = self._clip()
        self.explosions.check(loss, norm, self.step + 1)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update()
        self.step += 1
        seconds = time.perf_counter() - begun
        return StepEvent(self.step, progress, loss, tokens, self.stream.epoch, rate, norm, seconds)

    def _backward(self, batch: Batch) -> tuple[float, int]:
        """Accumulate the gradients of one batch and keep its final state; return the loss and the number of targets."""
        objective = self.objective
        batch = self._mask_targets(batch)
        rows = batch.rows
        if self.state is None:
            state = objective.initial_state(rows)
        elif batch.reset_B is None:
            state = self.state
        else:
            state = reset_rows(self.state, batch.reset_B, objective.initial_state(rows))
        loss, count, self.state = self._propagate(batch, state)
        return loss, count

    def _propagate(self, batch: Batch, state: State) -> tuple[float, int, State]:
        """Accumulate the gradients of one batch; return the summed loss, the number of targets, and the final state."""
        return self._backward_of(self.objective, batch, state)

    def _backward_of(self, objective: Objective, batch: Batch, state: State) -> tuple[float, int, State]:
        with self._autocast(), activation_memory(self.config):
            total, count, state = objective.loss(batch, state)
        if count:
            (total / (count * self.config.accumulate)).backward()
        return float(total.detach()), count, detach(state)

    def _mask_targets(self, batch: Batch) -> Batch:
        start, end = self.config.loss_from, self.config.loss_to
        if not start and not end:
            return batch
        if start >= batch.targets_BT.shape[1]:
            raise ConfigError(
                f"expected loss_from below the chunk's {batch.targets_BT.shape[1]} time steps. Received: {start}"
            )
        targets = batch.targets_BT.clone()
        targets[:, :start] = IGNORE_INDEX
        if end:
            targets[:, end:] = IGNORE_INDEX
        return batch._replace(targets_BT=targets)

    def _clip(self) -> float:
        return clip_gradients(self._parameters, self.config)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.config.precision != "bfloat16":
            return nullcontext()
        return torch.autocast(self.config.device.partition(":")[0], torch.bfloat16)

    @property
    def _on_cuda(self) -> bool:
        return self.config.device.startswith("cuda")

    def _evaluate(self, *, regular: bool = True, tokens: int = 0) -> EvaluationEvent:
        """Evaluate; `tokens` is the maximum number of tokens in this and later evaluations, unless there is one."""
        self.plan = dataclasses.replace(self.plan, evaluate_tokens=self.plan.evaluate_tokens or tokens)
        model = self.objective.model
        model.eval()
        with (
            self.averaged_weights(),
            torch.no_grad(),
            self._autocast(),
            memory_errors(f"in the evaluation after step {self.step}"),
        ):
            metrics = self.objective.evaluate(self.plan.evaluate_tokens)
        model.train()
        self._evaluated_at = self.step
        selection = metrics.pop("selection", metrics.get("loss"))
        best = False
        if selection is not None:
            best = self.plateau.update(selection, self.config, regular=regular)
            self.overfitting.evaluated(self.step, selection, best=best)
            if regular and self.average is not None:
                self.average.evaluated(float(selection))
        return EvaluationEvent(self.step, self.progress, metrics, best, regular, self._training_metrics())

    def _training_metrics(self) -> dict[str, float]:
        """Return the loss and the metrics of the steps since the last evaluation, and forget them."""
        means = self._losses.means()
        self._losses.clear()
        if self._measured is None or not means:
            return means
        metrics = self._measured.training_metrics({**means, **self._measured.batch_sums.means()})
        self._measured.batch_sums.clear()
        return {**metrics, **means}

    def evaluate_last(self) -> EvaluationEvent | None:
        """Evaluate the weights of a run that is stopped before its end; None if they are evaluated already."""
        if self.step and self._evaluated_at == self.step:
            return None
        return self._evaluate(regular=False)

    def averaged_weights(self) -> AbstractContextManager[None]:
        """Context manager in which the model has the weights that are evaluated and kept, such as their average."""
        return nullcontext() if self.average is None else self.average.swapped_in()

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the complete state of the run: tensors by name, and plain JSON values.

        The tensors are not copies; save or copy them before the next step.
        """
        model = self.objective.model
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        numbers: dict[str, dict[str, float]] = {}
        for index, entries in self.optimizer.state_dict()["state"].items():
            for name, value in entries.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{index}.{name}"] = value
                elif value is not None:
                    numbers.setdefault(str(index), {})[name] = value
        if self.state is not None:
            tensors |= {f"state.{name}": leaf for name, leaf in named_leaves(self.state)}
        if self.average is not None:
            tensors |= {f"average.{index}": tensor for index, tensor in enumerate(self.average.tensors)}
        tensors["random.cpu"] = torch.get_rng_state()
        if self._on_cuda:
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.config.device)
        facts = {
            "step": self.step,
            "evaluated_at": self._evaluated_at,
            "progress_before": self._progress_before,
            "seconds": self.seconds,
            "stream": self.stream.state_dict(),
            "plan": self.plan.to_json(),
            "averaged": 0 if self.average is None else self.average.updates,
            "average": {} if self.average is None else self.average.facts(),
            "plateau": dataclasses.asdict(self.plateau),
            "overfitting": self.overfitting.facts(),
            "losses": self._losses.facts(),
            "batch_sums": {} if self._measured is None else self._measured.batch_sums.facts(),
            "explosions": self.explosions.count,
            "optimizer": numbers,
            "rows": None if self.state is None else rows_of(self.state),
        }
        return tensors, facts

    @contextmanager
    def trial(self) -> Iterator[Callable[[], float]]:
        """Context manager for trying steps: gives a function that makes one step and returns its seconds.

        Afterwards everything but `seconds` is as before. The function raises the errors of `fit`.
        """
        tensors, facts = self.snapshot()
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}

        def step() -> float:
            with memory_errors(f"at step {self.step + 1}"):
                return self._make_step().seconds

        try:
            yield step
        finally:
            seconds = self.seconds
            self.optimizer.zero_grad()
            self.restore(tensors, facts)
            self.seconds_before, self._started_at = seconds, time.perf_counter()

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restore a `snapshot()` of a run with the same options. Raises ArtifactError for anything else.

        Everything is read and checked before anything is changed, except for the position in the stream.
        """
        model, device = self.objective.model, self._parameters[0].device
        parts = parts_of(tensors)
        check_shapes(parts["model"], model.state_dict(), "model")
        entries = optimizer_state(parts["optimizer"], read(facts, "optimizer", dict), len(self._parameters))
        state = None
        if facts["rows"] is not None:
            state = carried_state(parts["state"], read(facts, "rows", int), self.objective.initial_state, device)
        averages = [] if self.average is None else self.average.prepare(facts)
        if averages:
            check_shapes(parts["average"], {str(n): tensor for n, tensor in enumerate(averages)}, "average")
        step, evaluated_at = read(facts, "step", int), read(facts, "evaluated_at", int)
        progress_before, seconds = read(facts, "progress_before", float), read(facts, "seconds", float)
        plan = Plan.from_json(read(facts, "plan", dict), self.config, early=self.evaluation_cost > 0.0)
        # Nothing is known of the evaluations before a checkpoint of an earlier version.
        overfitting = (
            Overfitting.from_json(read(facts, "overfitting", dict)) if "overfitting" in facts else Overfitting()
        )
        plateau = Plateau.from_json(read(facts, "plateau", dict))
        if "losses" in facts:  # not in a checkpoint of an earlier version
            self._losses.restore(read(facts, "losses", dict))
            if self._measured is not None:
                self._measured.batch_sums.restore(read(facts, "batch_sums", dict))
        updates = read(facts, "averaged", int)
        explosions = read(facts, "explosions", int) if "explosions" in facts else 0
        self.stream.load_state_dict(read(facts, "stream", dict))
        set_random_state(parts["random"], self.config.device)
        model.load_state_dict(parts["model"])
        self.optimizer.load_state_dict({"state": entries, "param_groups": self.optimizer.state_dict()["param_groups"]})
        if self.average is not None:
            self.average.restore([parts["average"][str(n)] for n in range(len(averages))], updates, facts)
        self.state, self.plan, self.plateau = state, plan, plateau
        self.step, self._evaluated_at = step, evaluated_at
        self._progress_before, self.seconds_before = progress_before, seconds
        self.overfitting = overfitting
        self.explosions.count = explosions


def rows_of(state: State) -> int:
    """Return the batch size of a state; 0 for an empty one."""
    return next((leaf.shape[0] for leaf in leaves(state)), 0)
