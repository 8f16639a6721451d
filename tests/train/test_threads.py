"""Choosing the number of threads of a run by measuring, and following the load of the machine."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import LanguageModel
from elman.errors import DivergenceError
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.run import resume_run
from elman.train import checkpoint, threads
from elman.train.load import Load
from elman.train.loop import Training
from elman.train.threads import StepTime, ThreadChooser, fastest, measure_threads

from .runs import SMALL, Journey, made_up_text

OPTIONS = SMALL | {"max_steps": 305, "evaluate_every": 305, "threads": 0}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with two cores for this process, and two threads."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for module in ("elman.train.threads", "elman.train.machine"):
        monkeypatch.setattr(f"{module}.default_threads", lambda: 2)
    yield
    torch.set_num_threads(1)


def steps_take(monkeypatch: pytest.MonkeyPatch, one: float, two: float, busy: float | None = None) -> list[int]:
    """Let steps take so many seconds with one and two threads in measurements; returns the threads of each of these.

    On a busy machine, these are seconds of processor time, and all steps take `busy` seconds.
    """
    seen: list[int] = []

    def seconds(step: Callable[[], float], fewest: int, least: float) -> StepTime:
        step()
        seen.append(torch.get_num_threads())
        each = one if seen[-1] == 1 else two
        # On a free machine, both times are the same.
        return StepTime(each if busy is None else busy, each)

    monkeypatch.setattr(threads, "_mean_time", seconds)
    # Real steps, which are made first, may take any time here.
    monkeypatch.setattr(threads, "_LONG_FIRST_STEP", math.inf)
    monkeypatch.setattr(threads, "_LONG_SECOND_STEP", math.inf)
    return seen


def others_use(monkeypatch: pytest.MonkeyPatch, cores: float | None) -> None:
    """Let other programs use so many of two cores."""
    monkeypatch.setattr(Load, "cores", 2)
    monkeypatch.setattr(Load, "others", lambda self: cores)


def train(text: Path, folder: Path, **options: Any) -> tuple[int, int]:
    """Train, and return the threads in the checkpoint and in the options of the model."""
    LanguageModel(**OPTIONS | options).fit(text, folder=folder, progress=False)
    kept = json.loads((folder / "elman.json").read_text())["training"]["options"]["threads"]
    return checkpoint.load(folder)[1]["threads"], kept


def test_one_thread_is_chosen_where_it_is_faster_and_kept(
    text: Path, tmp_path: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = steps_take(monkeypatch, 0.003, 0.004)
    assert train(text, tmp_path / "one") == (1, 1)
    assert seen == [2, *[2, 1, 2] * 3]
    # The same weights as with --threads 1: measuring leaves no trace.
    assert train(text, tmp_path / "set", threads=1) == (1, 1)
    first, second = (checkpoint.load(tmp_path / name)[0] for name in ("one", "set"))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    # A resumed run does not choose again.
    seen.clear()
    torch.set_num_threads(2)
    run = resume_run(tmp_path / "one", overrides={"max_steps": 310}, quiet=True, tune=True)
    run.run()
    assert (torch.get_num_threads(), seen) == (1, [])


@pytest.mark.parametrize(
    ("one", "two", "options", "environment", "measured"),
    [
        (0.004, 0.003, {}, {}, True),  # two are faster
        pytest.param(0.00385, 0.004, {}, {}, True, marks=pytest.mark.slow),  # a tie
        pytest.param(0.011, 0.012, {}, {}, False, marks=pytest.mark.slow),  # steps are long
        pytest.param(0.003, 0.004, {"threads": 2}, {}, False, marks=pytest.mark.slow),
        pytest.param(0.003, 0.004, {}, {"OMP_NUM_THREADS": "2"}, False, marks=pytest.mark.slow),
        pytest.param(0.003, 0.004, {"max_steps": 299}, {}, False, marks=pytest.mark.slow),
        (0.003, 0.004, {"max_steps": 0, "max_epochs": 1.0}, {}, False),  # 28 steps
        pytest.param(0.003, 0.004, {"max_steps": 305, "max_seconds": 9.0}, {}, False, marks=pytest.mark.slow),
    ],
)
def test_two_threads_stay(
    one: float,
    two: float,
    options: dict[str, Any],
    environment: dict[str, str],
    measured: bool,
    text: Path,
    tmp_path: Path,
    two_cores: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = steps_take(monkeypatch, one, two)
    others_use(monkeypatch, 0.0)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert train(text, tmp_path / "m", **options) == (2, 2)
    assert (1 in seen) == measured


@pytest.mark.slow
def test_without_tuning_nothing_is_measured(text: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = steps_take(monkeypatch, 0.003, 0.004)
    torch.set_num_threads(2)
    LanguageModel(**OPTIONS).fit(text, progress=False, tune=False)
    assert (torch.get_num_threads(), seen) == (2, [])


def test_a_large_network_is_not_measured(
    text: Path, tmp_path: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = steps_take(monkeypatch, 0.003, 0.004)
    monkeypatch.setattr(threads, "_MOST_WEIGHTS", 100)
    monkeypatch.setattr(Training, "trial", None)
    assert train(text, tmp_path / "m") == (2, 2)
    machine = Machine(text, tmp_path, monkeypatch, 2)
    with machine.chooser:
        machine.looks(30, 0.1)
        machine.looks(30, 1.9)
        assert machine.chooser.waiting.on
    assert (seen, machine.lines) == ([], [])


def test_the_choice_is_reported(
    text: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps_take(monkeypatch, 0.003, 0.004)
    others_use(monkeypatch, 0.0)
    LanguageModel(**OPTIONS).fit(text)
    assert "threads: 1, since a step takes 3 ms with that, and 4 ms with threads: 2" in capsys.readouterr().err


@pytest.mark.slow
def test_a_busy_machine_is_measured_also_for_longer_steps(
    text: Path, tmp_path: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_use(monkeypatch, 2.0)
    for one, two, chosen in ((0.024, 0.017, 1), (0.024, 0.015, 2), (0.016, 0.018, 1)):
        seen = steps_take(monkeypatch, one, two, busy=0.05)
        torch.set_num_threads(2)
        assert train(text, tmp_path / f"m{one / two}")[0] == chosen
        assert 1 in seen
    seen = steps_take(monkeypatch, 0.1, 0.1, busy=0.11)
    assert train(text, tmp_path / "long")[0] == 2
    assert 1 not in seen


def test_an_error_in_a_measurement_is_left_to_the_run(text: Path, tmp_path: Path) -> None:
    journey = Journey(tmp_path, text, {})

    def fail(*_: Any) -> float:
        raise DivergenceError("no number", 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_mean_time", fail)
        assert measure_threads(journey.training, (1, 2)) == {}
    assert torch.get_num_threads() == 1
    assert journey.training.step == 0


def test_a_long_measurement_is_not_made(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = steps_take(monkeypatch, 1.0, 1.0)
    assert measure_threads(Journey(tmp_path, text, {}).training, (1, 2), longest=8.9) == {}
    assert len(seen) == 1
    assert measure_threads(Journey(tmp_path, text, {}).training, (1, 2), longest=9.1) == {
        number: StepTime(1.0, 1.0) for number in (1, 2)
    }
    torch.set_num_threads(1)


def test_a_long_first_or_second_step_is_enough(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, made in (("_LONG_FIRST_STEP", 1), ("_LONG_SECOND_STEP", 2)):
        seen = steps_take(monkeypatch, 0.003, 0.003)
        monkeypatch.setattr(threads, name, 0.0)
        training = Journey(tmp_path, text, {}).training
        steps: list[int] = []
        step = training._make_step
        monkeypatch.setattr(training, "_make_step", lambda step=step, steps=steps: (steps.append(1), step())[1])
        assert measure_threads(training, (1, 2), only=lambda seconds: True) == {}
        assert (len(steps), seen) == (made, [])


def test_the_fastest_of_several() -> None:
    """By the time of a step on a free machine, and by processor time of the calling thread on a busy one."""
    times = {1: StepTime(0.03, 0.03), 3: StepTime(0.02, 0.018), 8: StepTime(0.04, 0.015)}
    assert fastest(times, 8, busy=False) == 3
    assert fastest(times, 8, busy=True) == 8
    assert fastest({1: StepTime(0.03, 0.03), 8: StepTime(0.01, 0.021)}, 8, busy=True) == 1
    assert fastest({1: StepTime(0.0385, 0.1), 8: StepTime(0.04, 0.1)}, 8, busy=False) == 8


@pytest.mark.parametrize("most", range(1, 70))
def test_candidates(most: int) -> None:
    found = threads._candidates(most)
    assert found[0] == 1
    assert found[-1] == most
    assert len(found) == (1 if most == 1 else 2 if most < 4 else 3)
    assert list(found) == sorted(found)


class Machine:
    """A chooser whose looks at the load come one after another, and what it reports."""

    def __init__(self, text: Path, folder: Path, patch: pytest.MonkeyPatch, number: int) -> None:
        torch.set_num_threads(number)
        self.patch = patch
        self.lines: list[str] = []
        self.training = Journey(folder, text, {}).training
        self.chooser = ThreadChooser(self.training, automatic=False, report=self.lines.append, folder=folder)
        patch.setattr(threads, "_LOOK_SECONDS", -math.inf)
        self.chooser.start()

    def looks(self, count: int, others: float) -> None:
        others_use(self.patch, others)
        for _ in range(count):
            self.chooser.on_step()


def test_a_lasting_change_of_load_is_measured_and_reported_once(
    text: Path, tmp_path: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = steps_take(monkeypatch, 0.003, 0.004)
    machine = Machine(text, tmp_path, monkeypatch, 2)
    before = {name: tensor.clone() for name, tensor in machine.training.snapshot()[0].items()}
    with machine.chooser:
        machine.looks(30, 0.1)
        machine.looks(19, 1.9)  # a short change
        machine.looks(1, 0.1)
        assert (machine.lines, seen, machine.chooser.waiting.on) == ([], [], False)
        machine.looks(20, 1.9)
        assert machine.chooser.waiting.on
        (line,) = machine.lines
        assert "threads: 1 would be faster, since other programs keep the cores busy, and 2 threads gain a" in line
        assert " factor of 0.75 at most. To change it: " in line
        assert line.endswith(f"Ctrl-C, then elman train --resume {tmp_path} --threads 1")
        machine.looks(200, 1.9)
        assert len(machine.lines) == 1
    assert not machine.chooser.waiting.on
    assert torch.get_num_threads() == 2
    for name, tensor in machine.training.snapshot()[0].items():
        assert torch.equal(tensor, before[name]), name


def test_a_machine_that_is_free_again_has_use_for_more_threads(
    text: Path, tmp_path: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_take(monkeypatch, 0.03, 0.02)
    machine = Machine(text, tmp_path, monkeypatch, 1)
    with machine.chooser:
        machine.looks(3, 1.9)
        assert not machine.chooser.waiting.on, "one thread waits for none"
        machine.looks(20, 0.0)
    (line,) = machine.lines
    assert line.startswith("other programs no longer keep the cores busy: threads: 2 would be faster, since a step ")
    assert "takes 20 ms with that, and 30 ms with threads: 1. To change it: " in line
    assert torch.get_num_threads() == 1, "the run itself is not changed"


def test_an_unknown_load_changes_nothing(
    text: Path, tmp_path: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(text, tmp_path, monkeypatch, 2)
    others_use(monkeypatch, None)
    for _ in range(50):
        machine.chooser.on_step()
    assert (machine.lines, machine.chooser.waiting.on, machine.chooser.busy) == ([], False, None)


def test_threads_that_have_cores_enough_do_not_wait_passively(
    text: Path, tmp_path: Path, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(text, tmp_path, monkeypatch, 2)
    with machine.chooser:
        for cores, others, passive in ((8, 6.0, False), (8, 6.4, True), (2, 0.2, False), (2, 0.4, True)):
            others_use(monkeypatch, others)
            monkeypatch.setattr(Load, "cores", cores)
            machine.chooser.on_step()
            assert machine.chooser.waiting.on == passive


def test_no_threads_are_chosen_on_a_gpu(text: Path, tmp_path: Path, two_cores: None) -> None:
    training = Journey(tmp_path, text, {}).training
    training.config = LanguageModelConfig.make("base", SMALL, {"device": "cuda"}).training
    assert ThreadChooser(training, automatic=True, report=print).most == 1


def test_measuring_times_real_steps(text: Path, tmp_path: Path) -> None:
    journey = Journey(tmp_path, text, {})
    made: list[int] = []
    step = Training._make_step

    def counted(self: Training) -> Any:
        made.append(torch.get_num_threads())
        return step(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "_make_step", counted)
        patch.setattr(threads, "_ROUND_SECONDS", 0.01)
        found = measure_threads(journey.training, (1, 2))
    assert set(found) == {1, 2}
    assert all(0.0 < time.own <= 1.1 * time.seconds < 1.0 for time in found.values())
    assert made.count(1) >= 3 <= made.count(2)
    assert journey.training.step == 0
    assert torch.get_num_threads() == 1
