"""Choosing the number of threads of a run by measuring, and how they wait while other programs keep the cores busy.

Results depend on the number of threads in their last bits, so it is chosen once, at the first step, and is part of the
checkpoint. How threads wait changes no result, so that follows the load of the machine.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from elman.errors import ElmanError
from elman.kernels import PassiveWaiting, usable_threads
from elman.train.load import Load
from elman.train.tuning import default_threads

if TYPE_CHECKING:
    from elman.train.loop import Training

__all__ = ["StepTime", "ThreadChooser", "fastest", "measure_threads"]

# Steps before the measurement: the fewest, and their seconds, in which the load of the machine is measured too.
_WARM_UP, _WARM_UP_SECONDS = 2, 0.1
# Seconds of the steps with one number of threads in one round, the rounds, and the most seconds of a measurement.
_ROUND_SECONDS, _ROUNDS, _LONGEST = 0.05, 3, 4.0
# Fewer threads are chosen when a step with them takes less than this share of the time.
_FASTER = 0.95
# On a busy machine the times of a few steps are chance. Threads that wait passively are faster there if a step would be
# this many times as fast with them on free cores, as the processor time of the calling thread shows.
_WORTH_SHARING = 1.5
# Steps that are shorter (seconds) may be faster with fewer threads, on a busy machine and on others.
_SHORT_BUSY, _SHORT = 0.1, 0.01
# A first step that is longer (seconds) is no short one, although it loads libraries and makes plans; and a second one.
_LONG_FIRST_STEP, _LONG_SECOND_STEP = 0.5, 0.1
# A run is measured if it has at least this many steps, and the shortest measurement takes at most this share of its
# budget in seconds.
_MIN_STEPS, _LARGEST_SHARE = 300, 0.03
# The steps of larger networks are long.
_MOST_WEIGHTS = 20_000_000
# The machine is busy when other programs use this many of the cores that all threads need.
_BUSY = 0.3
# Seconds before the first look at the load, and between two.
_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.25, 1.0
# Looks after which a change of load is believed, and the most measurements of a run.
_LOOKS, _MEASUREMENTS = 20, 4


class StepTime(NamedTuple):
    """The mean seconds of steps, those of processor time of the thread that calls them, and the number of steps."""

    seconds: float
    own: float
    steps: int = 1


def measure_threads(
    training: Training,
    numbers: Sequence[int],
    *,
    longest: float = _LONGEST,
    only: Callable[[float], bool] | None = None,
) -> dict[int, StepTime]:
    """Return the time of a step with each number of threads, from alternating rounds of steps that are undone.

    longest  the seconds that the measurement may take; empty if it would take more
    only     called with the seconds of a step; empty if it returns False

    The number of threads of torch stays as it was. Empty if a step raises an error, which the run itself will meet.
    """
    usual = torch.get_num_threads()
    times: dict[int, list[StepTime]] = {number: [] for number in numbers}
    try:
        with training.trial() as step:
            if only is not None and (step() > _LONG_FIRST_STEP or step() > _LONG_SECOND_STEP):
                return {}
            each = _mean_time(step, _WARM_UP, _WARM_UP_SECONDS).seconds
            if _ROUNDS * (1 + len(numbers)) * max(_ROUND_SECONDS, each) > longest:
                return {}
            if only is not None and not only(each):
                return {}
            for _ in range(_ROUNDS):
                # The same batches each time, since those of whole sequences differ much; first untimed, since libraries
                # make a plan for each shape.
                with training.trial() as again:
                    steps = _mean_time(again, 1, _ROUND_SECONDS).steps
                for number in numbers:
                    torch.set_num_threads(number)
                    with training.trial() as again:
                        times[number].append(_mean_time(again, steps, 0.0))
                step()
    except ElmanError:
        return {}
    finally:
        torch.set_num_threads(usual)
    return {
        number: StepTime(
            statistics.median(time.seconds for time in found), statistics.median(time.own for time in found)
        )
        for number, found in times.items()
    }


def _mean_time(step: Callable[[], float], fewest: int, seconds: float) -> StepTime:
    """Make steps for so many seconds, and at least `fewest`; return the mean time of one."""
    begun, own, steps = time.perf_counter(), time.thread_time(), 0
    while steps < fewest or time.perf_counter() - begun < seconds:
        step()
        steps += 1
    return StepTime((time.perf_counter() - begun) / steps, (time.thread_time() - own) / steps, steps)


def fastest(times: Mapping[int, StepTime], usual: int, *, busy: bool) -> int:
    """Return the number of threads that is faster than the `usual` one, or that itself."""
    if not busy:
        best = min(times, key=lambda number: times[number].seconds)
        return best if times[best].seconds < _FASTER * times[usual].seconds else usual
    best = min(times, key=lambda number: times[number].own)
    few = min(times)
    return best if times[few].own >= _WORTH_SHARING * times[best].own else few


class ThreadChooser:
    """Chooses the number of threads of a run, lets them wait as the load of the machine demands, and reports.

    Args:
        training: the run; None to choose nothing. That of a large network is not measured.
        automatic: whether one thread may be chosen at the first step, if it is faster.
        report: called with a line for the user.
        folder: the model's folder, for the line; None if there is none.
    """

    def __init__(
        self, training: Training | None, *, automatic: bool, report: Callable[[str], None], folder: object = None
    ) -> None:
        # Trying steps takes a copy of the weights and of the optimiser's state.
        small = training is not None and sum(map(torch.numel, training.objective.model.parameters())) <= _MOST_WEIGHTS
        self.training = training if small else None
        self.automatic = automatic
        self.report = report
        self.folder = folder
        self.threads = torch.get_num_threads()
        on_cpu = training is not None and training.config.device.startswith("cpu")
        self.most = max(self.threads, usable_threads(default_threads())) if on_cpu else 1
        self.waiting = PassiveWaiting()
        self.busy: bool | None = None
        self._load = Load()
        self._looked_at = time.monotonic() - _LOOK_SECONDS + _FIRST_LOOK_SECONDS
        self._changed = 0
        self._measurements = 0

    def start(self) -> None:
        """Choose the number of threads, if it is automatic, before the first step of a run."""
        training = self.training
        if training is None or self.most == 1:
            return
        if self.automatic and self.threads > 1 and training.step == 0 and self._is_long(training):
            self._choose(training)

    def _is_long(self, training: Training) -> bool:
        """Whether the run is long enough for a measurement."""
        config = training.config
        limits = [math.inf]
        if config.max_steps:
            limits.append(config.max_steps)
        if config.max_epochs:
            limits.append(config.max_epochs * _epoch_steps(training))
        return min(limits) >= _MIN_STEPS

    def _choose(self, training: Training) -> None:
        seconds = training.config.max_seconds
        longest = min(_LONGEST, _LARGEST_SHARE * seconds) if seconds else _LONGEST
        found = measure_threads(training, _candidates(self.threads), longest=longest, only=self._may_be_faster)
        self._measurements += 1
        if not found:
            return
        best = fastest(found, self.threads, busy=bool(self.busy))
        if best != self.threads:
            self.report(f"threads: {best}, since {self._comparison(found, best)}")
            self.threads = best
            torch.set_num_threads(best)

    def _comparison(self, times: Mapping[int, StepTime], best: int) -> str:
        """Return why `best` threads are faster than those of the run."""
        if self.busy:
            gain = times[best].own / times[self.threads].own
            return f"other programs keep the cores busy, and {self.threads} threads gain a factor of {gain:.2g} at most"
        return (
            f"a step takes {_ms(times[best].seconds)} with that, and {_ms(times[self.threads].seconds)} with threads: "
            f"{self.threads}"
        )

    def _may_be_faster(self, seconds: float) -> bool:
        """Whether fewer threads may be faster for steps of so many seconds."""
        self._look()
        return seconds < (_SHORT_BUSY if self.busy else _SHORT)

    def on_step(self) -> None:
        """Look at the load of the machine from time to time. Call it after each step."""
        if self.most == 1 or time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        self._changed = self._changed + 1 if self._look() else 0
        if self.training is not None and self._changed >= _LOOKS and self._measurements < _MEASUREMENTS:
            self._changed = 0
            self._compare(self.training)

    def _look(self) -> bool:
        """Measure the load and let threads wait accordingly; return whether the load is another than at the choice."""
        others = self._load.others()
        self._looked_at = time.monotonic()
        if others is None:
            return False
        busy = others > self._load.cores - self.most + _BUSY
        if self.busy is None:
            self.busy = busy
        self.waiting.switch(self.threads > 1 and others > self._load.cores - self.threads + _BUSY)
        return busy != self.busy

    def _compare(self, training: Training) -> None:
        """Measure again under the changed load, and report if another number of threads would now be faster."""
        self.busy = not self.busy
        other = 1 if self.busy else self.most
        if other == self.threads:
            return
        self._measurements += 1
        # With passive waiting, long steps lose nothing by more threads.
        only = self._may_be_faster if self.waiting.on else None
        found = measure_threads(training, (self.threads, other), only=only)
        if not found or fastest(found, self.threads, busy=self.busy) != other:
            return
        line = "" if self.busy else "other programs no longer keep the cores busy: "
        line += f"threads: {other} would be faster, since {self._comparison(found, other)}"
        if self.folder is not None:
            line += f". To change it: Ctrl-C, then elman train --resume {self.folder} --threads {other}"
        self.report(line)

    def __enter__(self) -> ThreadChooser:
        return self

    def __exit__(self, *error: object) -> None:
        self.waiting.close()


def _epoch_steps(training: Training) -> float:
    """Return the number of steps of a pass over the data, by a step that is then undone; 0 if it raises an error."""
    before = training.stream.epoch
    try:
        with training.trial() as step:
            step()
            passed = training.stream.epoch - before
    except ElmanError:
        return 0.0
    return 1.0 / passed if passed > 0.0 else math.inf


def _candidates(most: int) -> tuple[int, ...]:
    """Return 1, `most` and, from 4 threads on, the power of 2 next to the square root of `most`."""
    between = {2 ** round(math.log2(most) / 2)} if most >= 4 else set()
    return tuple(sorted({1, most} | between))


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms"
