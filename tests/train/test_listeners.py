"""Those who listen to a run: history, TensorBoard, the progress bar, signals; and the process' settings."""

from __future__ import annotations

import io
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from elman.errors import ArtifactError
from elman.train import EndEvent, EvaluationEvent, Event, PlanEvent, StartEvent, StepEvent
from elman.train.history import COLUMNS, History, TensorBoard
from elman.train.interrupt import Interrupt
from elman.train.progress import TrainingProgress
from elman.train.tuning import has_bfloat16, release_memory, tune_allocator, usable_cores


def step(number: int, loss: float = 2.0, tokens: int = 10, progress: float = 0.5) -> StepEvent:
    return StepEvent(number, progress, loss, tokens, number / 100, 0.001 * number, 0.5 * number, 0.01)


def evaluated(number: int, loss: float, best: bool = True) -> EvaluationEvent:
    return EvaluationEvent(number, 0.5, {"loss": loss}, best)


def test_a_row_of_the_history_holds_means_over_its_steps() -> None:
    history = History(every=32)
    assert history.on_event(step(31, loss=1.0, tokens=30), 0.1) is None
    row = history.on_event(step(32, loss=3.0, tokens=10), 0.25)
    assert row == {
        "step": 32,
        "epoch": 0.32,
        "seconds": 0.25,
        "tokens": 40,
        "train_loss": pytest.approx((30 * 1.0 + 10 * 3.0) / 40),
        "learning_rate": 0.032,
        "gradient_norm": pytest.approx(0.5 * 31.5),
        "valid_loss": None,
    }
    other = history.on_event(evaluated(32, 1.5), 0.3)
    assert other is not None
    assert (other["step"], other["valid_loss"], other["train_loss"]) == (32, 1.5, None)
    assert history.on_event(step(63, loss=9.0), 0.4) is None
    assert history.on_event(step(64, loss=9.0), 0.5)["train_loss"] == 9.0  # the sums were reset
    assert history.on_event(EvaluationEvent(64, 0.5), 0.6) is None
    assert history.on_event(StartEvent(0), 0.6) is None


def test_a_short_run_has_rows_too() -> None:
    history = History()
    for number in range(1, 50):
        history.on_event(step(number), 0.1 * number)
    assert [row["step"] for row in history.rows] == [1, 2, 5, 10, 20]


def test_the_history_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    history = History(every=1)
    for number in range(1, 7):
        history.on_event(step(number, loss=math.pi / number), 0.1 * number)
        if number % 2 == 0:
            history.on_event(evaluated(number, math.e / number), 0.1 * number)
    path = tmp_path / "history.csv"
    history.write_csv(path)
    assert path.read_text(encoding="utf-8").splitlines()[0] == ",".join(COLUMNS)

    def read(evaluated_at: int, until: int) -> list[object]:
        again = History(every=1)
        again.restore(history.facts(), path, evaluated_at, until)
        return list(again.rows)

    assert read(6, 6) == history.rows
    assert read(2, 4) == [row for row in history.rows if row["step"] <= (4 if row["valid_loss"] is None else 2)]
    assert read(4, 4) == history.rows[:6]


def test_metrics_have_their_own_columns_and_are_read_back(tmp_path: Path) -> None:
    history = History(every=1)
    history.on_event(step(1), 0.1)
    history.on_event(
        EvaluationEvent(
            1, 0.1, {"loss": 1.5, "accuracy": 0.5, "tokens": 90}, True, True, {"loss": 1.25, "accuracy": 1.0}
        ),
        0.2,
    )
    history.on_event(EvaluationEvent(2, 0.2, {"loss": 1.5, "f1": math.inf}), 0.3)
    history.on_event(EvaluationEvent(3, 0.2, {}, training={"loss": 1.0, "accuracy": 0.25}), 0.3)
    history.on_event(EvaluationEvent(4, 0.2, {}, training={"loss": 1.0}), 0.3)
    assert [len(row) - len(COLUMNS) for row in history.rows] == [0, 2, 1, 1]
    path = tmp_path / "history.csv"
    history.write_csv(path)
    header = path.read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join([*COLUMNS, "train_accuracy", "valid_accuracy", "valid_f1"])
    again = History(every=1)
    again.restore(history.facts(), path, 3, 3)
    assert again.rows == history.rows
    before = History(every=1)
    before.restore(history.facts(), path, 1, 3)  # stopped before the evaluation at step 2
    assert before.rows == history.rows[:2]


@pytest.mark.parametrize("content", ["a,b\n1,2\n", ",".join(COLUMNS) + "\none,,,,,,,\n"])
def test_a_broken_history_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match=re.escape(f"{path} is broken: expected the columns step, epoch")):
        History().restore(History().facts(), path, 5, 5)


def test_tensorboard_gets_every_figure(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path / "board")
    history = History(every=1)
    for event in (step(1), EvaluationEvent(1, 0.5, {"loss": 1.5, "accuracy": 0.5}, training={"accuracy": 0.75})):
        row = history.on_event(event, 0.1)
        assert row is not None
        board.add(row)
    board.close()
    (file,) = (tmp_path / "board").iterdir()
    content = file.read_bytes()
    for name in (
        b"train/loss",
        b"valid/loss",
        b"learning/rate",
        b"gradient/norm",
        b"train/accuracy",
        b"valid/accuracy",
    ):
        assert content.count(name) == 1


def test_tensorboard_gets_no_loss_that_is_infinite(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    board = TensorBoard(tmp_path / "board")
    row = History(every=1).on_event(evaluated(1, math.inf), 0.1)
    assert row is not None
    board.add(row)
    board.close()
    (file,) = (tmp_path / "board").iterdir()
    assert b"valid/loss" not in file.read_bytes()
    assert not caplog.records


class Terminal(io.StringIO):
    """A stream that says that a person looks at it."""

    def isatty(self) -> bool:
        return True


STORY: list[Event] = [
    StartEvent(1200),
    PlanEvent(5000, 500, 0.0123),
    step(1201),
    step(1202),
    evaluated(1202, 1.25),
    evaluated(1300, 1.5, best=False),
    EndEvent(5000, "the budget is spent"),
]


def test_without_a_terminal_the_watch_writes_plain_lines() -> None:
    stream = io.StringIO()
    with TrainingProgress("char", stream=stream) as watch:
        for event in STORY:
            watch.on_event(event)
    assert stream.getvalue().splitlines() == [
        "resuming after step 1,200",
        "12.3 ms a step: the run will end after 5,000 steps",
        f"step  1,202  validation 1.2500 nats, {1.25 / math.log(2):.4f} bits per char  best so far",
        f"step  1,300  validation 1.5000 nats, {1.5 / math.log(2):.4f} bits per char",
        "finished at step 5,000: the budget is spent",
    ]


def test_an_evaluation_shows_the_metrics_of_training_too() -> None:
    stream = io.StringIO()
    training = {"accuracy": 0.5, "loss": 2.5e7}
    with TrainingProgress("example", describe=lambda figures: f"{figures['loss']:.1f}", stream=stream) as watch:
        watch.on_event(EvaluationEvent(3, 0.5, {"loss": 1.25}, True, True, training))
        watch.on_event(EvaluationEvent(4, 0.5, {}, False, True, training))
    with TrainingProgress("char", stream=stream) as watch:
        watch.on_event(EvaluationEvent(5, 0.5, {"loss": 1.0}, training={"perplexity": 3.0, "loss": 2.0}))
    assert stream.getvalue().splitlines() == [
        "step      3  validation 1.2; training accuracy 50.00%, loss 2.50e+07  best so far",
        "step      4  training accuracy 50.00%, loss 2.50e+07",
        f"step      5  validation 1.0000 nats, {1 / math.log(2):.4f} bits per char; "
        f"training 2.0000 nats, {2 / math.log(2):.4f} bits per char",
    ]


def test_without_a_terminal_a_line_comes_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    stream = io.StringIO()
    with TrainingProgress("word", stream=stream) as watch:
        for number in range(1, 41):
            now[0] += 0.5
            watch.on_event(step(number, loss=2.0, tokens=100, progress=number / 100))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2  # twenty seconds, a line every ten
    assert lines[-1].startswith("step     40   40 %  loss 2.000  2.885 bits/word  200 words/s  0:30 left")


def test_on_a_terminal_the_watch_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with TrainingProgress("char", stream=stream) as watch:
        watch.on_event(step(7, progress=0.25))
        time.sleep(0.15)
        watch.on_event(step(8, progress=0.25))
    shown = stream.getvalue()
    assert "\x1b[" in shown
    assert "25 %" in shown
    assert "bits/char" in shown


def test_a_quiet_watch_says_nothing() -> None:
    for stream in (io.StringIO(), Terminal()):
        with TrainingProgress("char", stream=stream, quiet=True) as watch:
            for event in STORY:
                watch.on_event(event)
        assert stream.getvalue() == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_remembered_and_a_second_one_acts(number: signal.Signals, code: int) -> None:
    captured: list[int] = []
    former = signal.signal(number, lambda received, _: captured.append(received))
    try:
        with Interrupt() as interrupt:
            assert interrupt.exit_code is None
            os.kill(os.getpid(), number)
            assert interrupt.exit_code == code
            assert captured == []
            os.kill(os.getpid(), number)
            assert captured == [number]
        os.kill(os.getpid(), number)
        assert captured == [number, number]
        with Interrupt():
            pass
        assert callable(signal.getsignal(number)), "what was there before is put back"
        os.kill(os.getpid(), number)
        assert len(captured) == 3
    finally:
        signal.signal(number, former)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def work() -> None:
        with Interrupt() as interrupt:
            seen.append(signal.getsignal(signal.SIGTERM))
            seen.append(interrupt.exit_code)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before, None]


def test_usable_cores_follow_the_mask_of_the_process() -> None:
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))
    script = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    script += "from elman.train.tuning import usable_cores; print(usable_cores())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "1\n", done.stderr


@pytest.mark.parametrize(
    ("flags", "expected"), [("flags : fpu avx2", False), ("flags : fpu avx512_bf16", True), ("Features : bf16", True)]
)
def test_bfloat16_is_read_from_the_processors_flags(
    flags: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: f"processor : 0\n{flags}\n")
    assert has_bfloat16() is expected


def test_the_allocator_takes_its_settings_where_it_has_them() -> None:
    # In a separate process, since the settings stay.
    script = (
        "import os; from elman.train.tuning import release_memory, tune_allocator\n"
        "print(tune_allocator(), os.environ.get('ONEDNN_PRIMITIVE_CACHE_CAPACITY'))\n"
        "kept = [bytearray(1 << 16) for _ in range(2000)]; del kept[::2]\n"
        "print(release_memory())"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ONEDNN_PRIMITIVE_CACHE_CAPACITY"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    if sys.platform.startswith("linux") and os.confstr("CS_GNU_LIBC_VERSION"):
        assert done.stdout == "True 128\nTrue\n"


def test_other_systems_keep_their_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tune_allocator() is False
    assert release_memory() is False


def test_a_run_that_will_take_much_longer_than_its_budget_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    watch = TrainingProgress("char", budget_seconds=100.0, stream=stream)
    now = 1000.0
    monkeypatch.setattr("elman.train.progress.time.perf_counter", lambda: now)
    watch.on_event(step(1, progress=0.0))
    now += 20.0
    watch.on_event(EvaluationEvent(2, 0.25, {"loss": 2.0}))  # a quarter in 20 s: in time
    assert "slower" not in stream.getvalue()
    now += 60.0
    watch.on_event(EvaluationEvent(3, 0.5, {"loss": 2.0}))  # a half in 80 s: 160 s in all
    watch.on_event(EvaluationEvent(4, 0.5, {"loss": 2.0}))
    assert stream.getvalue().count("slower: the run will take about 160 s, not 100") == 1


def test_square_brackets_are_printed() -> None:
    """They are no markup: an extra to install, a token, a file's name."""
    stream = io.StringIO()
    TrainingProgress("char", stream=stream).print("pip install 'elman[tensorboard]' for [UNK] and [/b]")
    assert stream.getvalue() == "pip install 'elman[tensorboard]' for [UNK] and [/b]\n"
