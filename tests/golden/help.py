"""The help of every command as text, kept in `help`. `python -m tests.golden.help` writes it again."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

__all__ = ["COMMANDS", "HELP", "file_name", "help_text", "listed"]

HELP = Path(__file__).parent / "help"
TASKS = ("lm", "classifier", "tagger", "forecaster", "translator", "captioner", "transcriber")
ANSWERS = ("generate", "score", "predict", "tag", "forecast", "translate", "caption", "transcribe")
OTHERS = ("backtest", "evaluate", "average", "info", "cells")
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


def write_all() -> None:
    """Write the help of every command."""
    HELP.mkdir(exist_ok=True)
    for words in COMMANDS:
        (HELP / file_name(words)).write_text(help_text(words), encoding="utf-8")
        print(file_name(words))


if __name__ == "__main__":
    sys.exit(write_all())
