"""What a run would be: its sizes, and the time it would take, measured by making a few of its steps."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from elman.cli.output import aligned, counted, print_json, size_of, span

if TYPE_CHECKING:
    from elman.tasks.language_model.run import Run

__all__ = ["show_plan"]

# Steps that are made before any counts, the fewest that count, and for how many seconds they are made.
_WARM_UP, _LEAST, _SECONDS = 3, 2, 2.0


def show_plan(run: Run, as_json: bool) -> None:
    """Sizes and the time that the run would take, from a few steps that are really made."""
    config, corpus, training = run.config, run.corpus, run.config.training
    step_seconds, evaluation_seconds = measure_speed(run)
    tokens_per_step = config.network.lanes * config.network.chunk * training.accumulate
    steps_per_epoch = math.ceil((len(corpus.train) - 1) / tokens_per_step)
    limits = []
    if training.max_steps:
        limits.append(training.max_steps)
    if training.max_epochs:
        limits.append(math.ceil(training.max_epochs * steps_per_epoch))
    if training.max_seconds:
        limits.append(int(training.max_seconds / step_seconds))
    steps = max(1, min(limits))
    evaluations = steps / training.evaluate_every if training.evaluate_every else min(steps, 10)
    seconds = steps * step_seconds + evaluations * evaluation_seconds
    if training.max_seconds:
        seconds = min(seconds, training.max_seconds)
    weights = run.network.count_parameters()
    held_out = {
        name: 0 if part is None else len(part) for name, part in (("valid", corpus.valid), ("test", corpus.test))
    }
    facts = {
        "cell": config.network.cell,
        "parameters": weights,
        "model_bytes": 4 * weights,
        "vocabulary": corpus.vocabulary.size,
        "characters": corpus.scan.characters,
        "documents": corpus.scan.documents,
        "tokens": {"train": len(corpus.train), **held_out},
        "device": training.device,
        "precision": training.precision,
        "threads": training.threads,
        "seconds_per_step": step_seconds,
        "seconds_per_evaluation": evaluation_seconds,
        "tokens_per_second": tokens_per_step / step_seconds,
        "steps_per_epoch": steps_per_epoch,
        "steps": steps,
        "seconds": seconds,
    }
    if as_json:
        print_json(facts)
        return
    unit = corpus.vocabulary.unit
    rows = [
        (
            "network",
            f"{config.network.cell}, {config.network.layers} x {config.network.hidden} units, {weights:,} weights",
        ),
        ("on disk", size_of(4 * weights)),
        ("text", f"{corpus.scan.characters:,} characters in {counted(corpus.scan.documents, 'document')}"),
        (
            "parts",
            f"{len(corpus.train):,} {unit}s to train on, {held_out['valid']:,} validation, {held_out['test']:,} test",
        ),
        ("vocabulary", f"{corpus.vocabulary.size:,} {unit}s"),
        ("machine", f"{training.device}, {training.precision}, threads: {training.threads}"),
        (
            "speed",
            f"{step_seconds * 1000:.1f} ms a step, {tokens_per_step / step_seconds:,.0f} {unit}s a second (measured)",
        ),
        ("run", f"{steps:,} steps, {steps / steps_per_epoch:.2f} passes over the text, about {span(seconds)}"),
    ]
    print(aligned(rows))


def measure_speed(run: Run) -> tuple[float, float]:
    """Seconds of a step, the median over two seconds of real ones after a warm-up, and of an evaluation."""
    from elman.train.events import Stepped

    durations = []
    begun = time.perf_counter()
    for event in run.training.fit():
        if isinstance(event, Stepped):
            durations.append(event.seconds)
        if len(durations) >= _WARM_UP + _LEAST and time.perf_counter() - begun > _SECONDS:
            break
    warm = sorted(durations[_WARM_UP:] or durations)
    run.network.eval()
    begun = time.perf_counter()
    run.training.objective.evaluate()
    return warm[len(warm) // 2], time.perf_counter() - begun
