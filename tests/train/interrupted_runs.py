"""A program: trains in child processes that it kills at random moments and starts again, until the run is done.

    interrupted_runs.py TEXT FOLDER OPTIONS(JSON) KILLS SEED

Children are forked, so that a start costs milliseconds. Prints a JSON list of how each child ended.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import matplotlib.figure  # noqa: F401  (imported before the forks, so that no child has to: torch._dynamo, too)
import tensorboardX  # noqa: F401
import torch
import torch._dynamo

from elman import LanguageModel
from elman.errors import TrainingInterrupted
from elman.tasks.run import resume_run
from elman.train import checkpoint

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)


def train(text: str, folder: Path, options: dict[str, Any]) -> None:
    if not checkpoint.path_in(folder).exists():
        LanguageModel(**options).fit(text, folder=folder, progress=False)
        return
    resume_run(folder, overrides={}, quiet=True).run()


def child(text: str, folder: Path, options: dict[str, Any]) -> None:
    """Never returns."""
    try:
        train(text, folder, options)
        code = 0
    except TrainingInterrupted as stop:
        code = stop.exit_code
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stderr.flush()
    os._exit(code)


def when_written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def main() -> None:
    text, folder, options, kills, seed = sys.argv[1:]
    torch.set_num_threads(1)
    draw = random.Random(int(seed))
    path = checkpoint.path_in(folder)
    ends: list[str] = []
    stopped = 0
    while True:
        before = when_written(path)
        pid = os.fork()
        if pid == 0:
            child(text, Path(folder), json.loads(options))
        if stopped < int(kills):
            # Only after this child has saved something can its run go further than the one before.
            while when_written(path) == before and os.waitpid(pid, os.WNOHANG) == (0, 0):
                time.sleep(0.001)
            time.sleep(draw.random() * 0.04)
            number = SIGNALS[stopped % len(SIGNALS)]
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                sys.exit("a child was done before it could be killed: give it more steps")
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        ends.append(str(code))
        if code == 0 or code not in (-signal.SIGKILL, 130, 143):
            break
        stopped += 1
    print(json.dumps(ends))


main()
