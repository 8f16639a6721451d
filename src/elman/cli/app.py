"""The program with all its commands, exit codes and one-line errors."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from elman import __version__
from elman.cli import train
from elman.cli.output import COMMAND_LINE, remark
from elman.cli.usage import usage_message
from elman.cli.verbs import make_command, verbs
from elman.display import plain
from elman.errors import ElmanError, FormerNameWarning, TrainingInterrupted
from elman.train.tuning import limit_openmp_spinning

__all__ = ["main", "make_app"]

_EPILOGUE = """\
`elman COMMAND --help` shows the help of a command. `--debug`, after any command, shows the traceback of an error.

Exit codes: 0 success; 1 training failed or unexpected error; 2 invalid command, option, file or model; 130 stopped by
Ctrl-C; 143 stopped by SIGTERM."""

# Commands that do not belong to a task: import path and summary.
COMMANDS = {
    "average": ("elman.cli.average:average", "Average the weights of several models of one kind."),
    "compare": ("elman.cli.compare:compare", "Compare models: options, sizes, times, figures, and on the same data."),
    "info": ("elman.cli.show:info", "Show information about this machine or a model."),
    "cache": ("elman.cli.cache:cache", "Show what the cache folder keeps, or empty it."),
    "cells": ("elman.cli.cells:cells", "List the recurrent cells with their equations and options."),
}
# The option that writes shell completion, which needs all commands with all options.
_COMPLETION = "--install-completion"

# Exit code after a broken pipe: 128 plus the number of SIGPIPE.
_BROKEN_PIPE = 141


def make_app(words: Sequence[str] = ()) -> App:
    """Make the program with all its commands; `words` is the command line."""
    app = App(
        name="elman",
        help="Recurrent networks: train a model on files of sequences, and use it.",
        help_format="markdown",
        help_epilogue=_EPILOGUE,
        version=f"elman {__version__}",
        version_flags=["--version"],
        exit_on_error=False,
        print_error=False,
        verbose=False,
        suppress_keyboard_interrupt=False,
        result_action="return_none",
        default_parameter=Parameter(negative_iterable=()),
    )
    whole = _COMPLETION in words
    app.command(train.make_app(words, whole=whole))
    others = {"train", *COMMANDS}
    for verb, offers in verbs(words, others).items():
        if verb in others:
            continue  # a verb of another package must not hide a command
        summary = offers[0][1].summary
        if whole:
            app.command(make_command(verb, offers), name=verb, help=summary)
        elif verb in words:
            app.command(make_command(verb, offers), name=verb)
        else:
            app.command(App(name=verb, help=summary))
    for name, (function, summary) in COMMANDS.items():
        # A command given as an import path is loaded when it is called; its own help is shown then.
        app.command(function, name=name, **({} if name in words else {"help": summary}))
    app.register_install_completion_command(help="Install completion for the shell that runs this (bash, zsh, fish).")
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: that of this process) and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug, words = _without_debug(words)
    COMMAND_LINE.set(tuple(words))
    if argv is None:
        _prepare_process(debug)
        if words[:1] != ["train"]:  # which has an option for it
            limit_openmp_spinning()
    try:
        with _remarks_on_former_names():
            make_app(words)(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader closed the pipe. Discard buffered output, which would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except TrainingInterrupted as error:
        print(f"elman: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:  # every error is reported in one line
        return _report_error(error, words, debug)
    return 0


def _without_debug(words: list[str]) -> tuple[bool, list[str]]:
    """Return whether `--debug` is given, and the words without it; the value of another option stays."""
    if "--debug" not in words:
        return False, words
    end = words.index("--") if "--" in words else len(words)
    taking: set[str] = set()
    before = [word for word in words[:end] if word != "--debug"]
    with contextlib.suppress(CycloptsError, ElmanError):
        _, apps, _ = make_app(before).parse_commands(before)
        arguments = apps[-1].assemble_argument_collection()
        taking = {name for each in arguments if each.parameter.allow_leading_hyphen for name in each.names}
    given = {
        place
        for place, word in enumerate(words[:end])
        if word == "--debug" and (place == 0 or words[place - 1] not in taking)
    }
    return bool(given), [word for place, word in enumerate(words) if place not in given]


@contextlib.contextmanager
def _remarks_on_former_names() -> Iterator[None]:
    """Inside the block, print one remark for each earlier name of an option that is used.

    The filters of warnings belong to the process, so in other threads than the main one they stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    shown_before: set[str] = set()
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, FormerNameWarning):
            usual(message, category, *place, **more)
        elif str(message) not in shown_before:
            shown_before.add(str(message))
            remark(str(message))

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=FormerNameWarning)
        warnings.showwarning = show
        yield


def _prepare_process(debug: bool) -> None:
    for stream in (sys.stdout, sys.stderr):
        # Characters that the output's encoding does not have are escaped instead of raising an error.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if debug:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    elif not sys.warnoptions:
        warnings.simplefilter("ignore")


def _report_error(error: Exception, words: Sequence[str], debug: bool) -> int:
    """Print an error in one line; return the exit code."""
    if debug:
        traceback.print_exception(error)
    code = 1
    hint = "" if debug else " (--debug shows more)"
    message = " ".join(plain(" ".join(str(error).split())).split())
    if isinstance(error, CycloptsError):
        code, message = 2, " ".join(usage_message(error, words, make_app).split())
    elif isinstance(error, ElmanError):
        code, hint = error.exit_code, ""
    elif isinstance(error, MemoryError) or "can't allocate memory" in message:
        message = "not enough memory" + hint
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{error.strerror or message}{hint}"
    else:
        message = f"unexpected: {type(error).__name__}: {message}{hint}"
    print(f"elman: error: {message}", file=sys.stderr)
    return code
