"""Progress bar of a run, on standard error: live on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TextIO

from elman.display import figure, number_text, printable
from elman.train.events import EndEvent, EvaluationEvent, Event, PlanEvent, SampleEvent, StartEvent, StepEvent

__all__ = ["TrainingProgress"]

# A run is reported as slow when it will take this many times its budget.
_MUCH_SLOWER = 1.25
# From this step on, the number of passes over the data can be estimated; fewer than this are reported.
_MEASURED_STEPS, _NEARLY_ONE = 20, 0.98
# Seconds between the lines of early evaluations.
_EARLY_SECONDS = 10.0


class TrainingProgress:
    """Progress bar with the loss, bits per token, tokens per second and the time left.

    Args:
        unit: the name of a token ("char", "word", "token").
        describe: formats the metrics of an evaluation as a line. By default that is the loss in nats and bits, and the
            bar shows bits too.
        budget_seconds: the budget in seconds; 0 if there is none.
        stream: the output; standard error by default.
        quiet: show nothing.
    """

    def __init__(
        self,
        unit: str,
        *,
        describe: Callable[[Mapping[str, float]], str] | None = None,
        budget_seconds: float = 0.0,
        stream: TextIO | None = None,
        quiet: bool = False,
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self.unit = unit
        self.describe = describe
        self.quiet = quiet
        self.budget_seconds = budget_seconds
        self._console = Console(file=stream or sys.stderr, highlight=False)
        self._live = self._console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.fields[step]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            disable=not self._live,
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0, step="", figures="starting")
        self._loss = math.nan
        self._begun = time.perf_counter()
        self._begun_progress: float | None = None
        self._last_line_at = self._begun
        self._shown = 0.0
        self._recent: list[tuple[float, int]] = []
        self._reported_slower = False
        self._reported_length = False
        # The line of an early evaluation that was the best so far and is not printed yet.
        self._early_best = ""
        self._evaluated_at = self._begun

    def __enter__(self) -> TrainingProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def on_event(self, event: Event) -> None:
        """Handle an event."""
        if isinstance(event, StepEvent):
            self._stepped(event)
        elif isinstance(event, EvaluationEvent) and (event.metrics or event.training):
            self._evaluated(event)
            self._report_if_slower(event.progress)
        elif isinstance(event, PlanEvent) and math.isfinite(event.seconds_per_step):
            self.print(
                f"{event.seconds_per_step * 1000:.1f} ms a step: the run will end after {event.total_steps:,} steps"
            )
        elif isinstance(event, SampleEvent):
            lines = printable(event.text).splitlines() or [""]
            self.print("\n".join([f"sample after step {event.step:,}:", *(f"    {line}" for line in lines)]))
            if event.picture is not None:
                self.print(f"    (picture: {event.picture})")
        elif isinstance(event, StartEvent) and event.step:
            self._reported_length = True
            self.print(f"resuming after step {event.step:,}")
        elif isinstance(event, EndEvent):
            self._print_early_best()
            self.print(f"finished at step {event.step:,}: {event.reason}")

    def on_result(self, metrics: Mapping[str, float]) -> None:
        """Show the metrics of the best weights of a bfloat16 run, which were measured in float32."""
        self.print(f"best weights, in float32: validation {self._described(metrics)}")

    def _evaluated(self, event: EvaluationEvent) -> None:
        """Print an evaluation. Of the early ones, which are many, only the best is shown, once it is known or late."""
        mark = "  best so far" if event.best else ""
        parts = [f"validation {self._described(event.metrics)}"] if event.metrics else []
        if event.training:
            parts.append(f"training {self._described_training(event.training)}")
        line = f"step {event.step:>6,}  {'; '.join(parts)}{mark}"
        now = time.perf_counter()
        if event.best:
            self._early_best = ""
        if not event.regular and now - self._evaluated_at < _EARLY_SECONDS:
            self._early_best = line if event.best else self._early_best
            return
        self._evaluated_at = now
        self._print_early_best()
        if event.regular or event.best:
            self.print(line)

    def _print_early_best(self) -> None:
        if self._early_best:
            self.print(self._early_best)
            self._early_best = ""

    def _described(self, metrics: Mapping[str, float]) -> str:
        if self.describe is not None:
            return self.describe(metrics)
        loss = metrics["loss"]
        return f"{number_text(loss)} nats, {number_text(loss / math.log(2))} bits per {self.unit}"

    def _described_training(self, metrics: Mapping[str, float]) -> str:
        if self.describe is None:
            return self._described(metrics)
        return ", ".join(figure(name, value) for name, value in metrics.items())

    def _report_if_slower(self, progress: float) -> None:
        """Report once if a run with a budget in seconds will take much longer than that."""
        if self._reported_slower or not self.budget_seconds or self._begun_progress is None or progress < 0.2:
            return
        passed = time.perf_counter() - self._begun
        whole = passed + passed * (1.0 - progress) / progress
        if whole > _MUCH_SLOWER * self.budget_seconds:
            self._reported_slower = True
            self.print(
                f"this machine has become slower: the run will take about {whole:.0f} s, not {self.budget_seconds:.0f} "
                "(its number of steps is fixed)"
            )

    def _report_short_run(self, event: StepEvent) -> None:
        """Report once if the run ends before all of the training data was seen."""
        if self._reported_length or event.step < _MEASURED_STEPS or not event.progress:
            return
        self._reported_length = True
        passes = event.epoch / event.progress
        if passes < _NEARLY_ONE:
            self.print(
                f"the run ends after {passes:.2g} of a pass over the training data, and does not see the rest of it "
                "(max_seconds, max_steps and max_epochs set the length)"
            )

    def print(self, text: str) -> None:
        """Print a line above the bar."""
        if not self.quiet:
            self._console.print(text, soft_wrap=True, markup=False)

    def _stepped(self, event: StepEvent) -> None:
        now = time.perf_counter()
        if self._begun_progress is None:
            self._begun, self._begun_progress = now, event.progress
        self._report_short_run(event)
        self._loss = event.loss if math.isnan(self._loss) else 0.98 * self._loss + 0.02 * event.loss
        self._recent = [*self._recent[-49:], (now, event.tokens)]
        if now - self._shown < 0.1:
            return
        self._shown = now
        bits = f"{number_text(self._loss / math.log(2), '.3f')} bits/{self.unit}  " if self.describe is None else ""
        loss, speed = number_text(self._loss, ".3f"), f"{self._speed():,.0f} {self.unit}s/s"
        figures = f"loss {loss}  {bits}{speed}  {self._left(event, now)}"
        share = event.progress or (min(1.0, (now - self._begun) / self.budget_seconds) if self.budget_seconds else 0.0)
        self._progress.update(self._task, completed=share, step=f"step {event.step:,}", figures=figures)
        if not self._live and now - self._last_line_at >= 10.0:
            self._last_line_at = now
            self.print(f"step {event.step:>6,}  {share * 100:3.0f} %  {figures}")

    def _speed(self) -> float:
        (first, _), (last, _) = self._recent[0], self._recent[-1]
        return sum(tokens for _, tokens in self._recent[1:]) / (last - first) if last > first else 0.0

    def _left(self, event: StepEvent, now: float) -> str:
        done = event.progress - (self._begun_progress or 0.0)
        if done > 0.0:
            seconds = (now - self._begun) * (1.0 - event.progress) / done
        elif self.budget_seconds:
            seconds = max(0.0, self.budget_seconds - (now - self._begun))
        else:
            return ""
        minutes, rest = divmod(int(seconds + 0.5), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
