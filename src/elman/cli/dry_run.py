"""Dry run: sizes and estimated time of a run, measured on a few of its steps."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

from elman.cli.output import print_json
from elman.display import aligned, size_of, span
from elman.nn.recurrent_config import RecurrentConfig

if TYPE_CHECKING:
    from elman.tasks.run import Run

__all__ = ["show_plan"]

# Number of warm-up steps, smallest number of measured steps, and measured seconds.
_WARM_UP, _LEAST, _SECONDS = 3, 2, 2.0
# Lower bound of the seconds per step, to avoid division by zero.
_SHORTEST = 1e-9


class Speed(NamedTuple):
    """Seconds per step and per evaluation, targets per step, and steps per pass over the data."""

    step: float
    evaluation: float
    targets: float
    steps_per_epoch: int


def show_plan(run: Run, as_json: bool) -> None:
    """Make a few steps, and print sizes and the estimated time of the run."""
    from elman.train.plan import early_evaluations

    setup = run.setup
    with run.choosing_threads():
        speed = measure_speed(run)
    training = setup.training_config
    limits = []
    if training.max_steps:
        limits.append(training.max_steps)
    if training.max_epochs:
        limits.append(math.ceil(training.max_epochs * speed.steps_per_epoch))
    if training.max_seconds:
        limits.append(int(training.max_seconds / speed.step))
    steps = max(1, min(limits))
    if training.evaluate_every:
        evaluations = steps / training.evaluate_every
    else:
        early = early_evaluations(steps, speed.evaluation / speed.step) if setup.evaluation_cost else 0
        evaluations = min(steps, 10) + early
    seconds = steps * speed.step + evaluations * speed.evaluation
    if training.max_seconds:
        seconds = min(seconds, training.max_seconds)
    weights = run.network.count_parameters()
    facts = {
        "cell": setup.network_name,
        "parameters": weights,
        "model_bytes": 4 * weights,
        "data": setup.data,
        "device": training.device,
        "precision": training.precision,
        "threads": training.threads,
        "seconds_per_step": speed.step,
        "seconds_per_evaluation": speed.evaluation,
        "unit": setup.unit,
        "units_per_second": speed.targets / speed.step,
        "steps_per_epoch": speed.steps_per_epoch,
        "steps": steps,
        "seconds": seconds,
    }
    if as_json:
        print_json(facts)
        return
    rate = f"{speed.step * 1000:.1f} ms a step, {speed.targets / speed.step:,.0f} {setup.unit}s a second (measured)"
    rows = [
        ("network", f"{setup.network_name}{_layers(run)}, {weights:,} weights"),
        ("on disk", size_of(4 * weights)),
        *setup.outline(),
        ("machine", f"{training.device}, {training.precision}, threads: {training.threads}"),
        ("speed", rate),
        ("run", f"{steps:,} steps, {steps / speed.steps_per_epoch:.2f} passes over the data, about {span(seconds)}"),
    ]
    print(aligned(rows))


def _layers(run: Run) -> str:
    """Describe the recurrent layers; empty for a network without recurrent layers."""
    network = getattr(run.config, "network", None)
    if not isinstance(network, RecurrentConfig):
        return ""
    members = getattr(network, "members", 1)  # an option of some tasks
    return f", {network.layers} x {network.hidden_size} units" + f", {members} members" * (members > 1)


def measure_speed(run: Run) -> Speed:
    """Measure the speed: the median time of a step over two seconds, after a warm-up."""
    import torch

    from elman.train.events import StepEvent

    durations, targets, epoch = [], 0, 0.0
    begun = time.perf_counter()
    for event in run.training.fit():
        if isinstance(event, StepEvent):
            durations.append(event.seconds)
            targets += event.tokens
            epoch = event.epoch
        if len(durations) >= _WARM_UP + _LEAST and time.perf_counter() - begun > _SECONDS:
            break
    warm = sorted(durations[_WARM_UP:] or durations)
    run.network.eval()
    begun = time.perf_counter()
    objective = getattr(run.training, "objective", None)
    if objective is not None:
        with torch.no_grad():
            objective.evaluate()
    evaluation = time.perf_counter() - begun
    steps_per_epoch = max(1, math.ceil(len(durations) / epoch - 1e-6))
    return Speed(max(warm[len(warm) // 2], _SHORTEST), evaluation, targets / len(durations), steps_per_epoch)
