"""The help of every command as text, kept in `help`. `python -m tests.golden.help` writes it again.

Every help comes from a process that has made no other. Within one process `typing` takes two unions of the same
literals in another order for one, so that choices would stand in the order of the first help that lists them.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

__all__ = ["COMMANDS", "HELP", "file_name", "listed", "texts_of_new_process"]

HELP = Path(__file__).parent / "help"
TASKS = ("lm", "classifier", "tagger", "forecaster", "translator", "captioner", "transcriber", "filler", "embeddings")
ANSWERS = (
    "generate",
    "next",
    "suggest",
    "choose",
    "guess",
    "score",
    "predict",
    "tag",
    "forecast",
    "translate",
    "caption",
    "transcribe",
    "fill",
    "neighbours",
    "analogy",
    "similarity",
    "project",
)
OTHERS = ("backtest", "evaluate", "average", "compare", "info", "cache", "cells")
COMMANDS: tuple[tuple[str, ...], ...] = (
    (),
    ("train",),
    *(("train", task) for task in TASKS),
    *((command,) for command in (*ANSWERS, *OTHERS)),
)
# Whatever the terminal is: 100 columns, no colour.
TERMINAL = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
_OTHER_SETTINGS = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES", "JUPYTER_COLUMNS")


def file_name(words: tuple[str, ...]) -> str:
    """Where the help of a command is kept."""
    return "-".join(["elman", *words]) + ".txt"


@contextlib.contextmanager
def fixed_terminal() -> Iterator[None]:
    """A terminal that is the same everywhere."""
    with mock.patch.dict(os.environ, TERMINAL):
        for name in _OTHER_SETTINGS:
            os.environ.pop(name, None)
        yield


def narrowed(line: str) -> str:
    """A line of help without what fills it up to the width: rules, and the space before the right border."""
    return re.sub("─{2,}", "─", re.sub(r"\s+│$", " │", line)).rstrip()


def help_text(words: tuple[str, ...]) -> str:
    """What `elman WORDS --help` prints, wrapped at 100 columns and then `narrowed`."""
    from elman.cli import main

    with fixed_terminal(), contextlib.redirect_stdout(io.StringIO()) as out:
        code = main([*words, "--help"])
    if code:
        raise RuntimeError(f"expected elman {' '.join(words)} --help to end with 0. Received: {code}")
    return "".join(f"{narrowed(line)}\n" for line in out.getvalue().splitlines())


def listed(text: str) -> set[str]:
    """The commands that a help lists."""
    panel = text.partition("╭─ Commands")[2].partition("╰")[0]
    return set(re.findall(r"^│ ([a-z]\S*)", panel, re.MULTILINE))


def all_texts() -> dict[str, str]:
    """The help of every command by its file's name, from this process' forks; it must not have made a help itself."""
    import elman.cli  # noqa: F401  (once, before the forks)

    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        return dict(zip(map(file_name, COMMANDS), pool.map(help_text, COMMANDS, chunksize=1), strict=True))


def texts_of_new_process() -> dict[str, str]:
    """The same from a new process."""
    words = [sys.executable, "-m", "tests.golden.help", "--json"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(words, cwd=root, check=True, capture_output=True, encoding="utf-8")
    return json.loads(done.stdout)


def main() -> None:
    """Write the help of every command, or print all as JSON."""
    texts = all_texts()
    if "--json" in sys.argv[1:]:
        print(json.dumps(texts))
        return
    HELP.mkdir(exist_ok=True)
    for name, text in texts.items():
        (HELP / name).write_text(text, encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
