"""Single keys of a terminal, whose settings are restored whatever happens. Imports neither torch nor numpy."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from elman.errors import ConfigError

__all__ = ["STOPS", "has_keys", "read_keys"]

# What stands for the end: Ctrl-C, Ctrl-D, and the end of the input.
STOPS = ("\x03", "\x04", "")
_SIGNALS = ("SIGTERM", "SIGHUP")


def has_keys() -> bool:
    """Return whether standard input is a terminal whose keys can be read one by one."""
    try:
        import termios  # noqa: F401
    except ImportError:  # on Windows
        return False
    return sys.stdin is not None and sys.stdin.isatty()


def read_keys() -> str:
    """Wait for a key of the terminal, and return it without showing it: "\\x03" for Ctrl-C, empty for the end.

    Keys that are pressed at once are returned together; what begins with "\\x1b" is one key. Keys that were pressed
    before are discarded. Raises ConfigError if standard input is not a terminal.
    """
    if not has_keys():
        raise ConfigError("expected a terminal to read a key from. Received: another standard input")
    import termios

    source = sys.stdin.fileno()
    usual = termios.tcgetattr(source)
    single = termios.tcgetattr(source)
    # Neither lines nor echo, and Ctrl-C is a key.
    single[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
    single[6][termios.VMIN], single[6][termios.VTIME] = 1, 0
    with _ended_by_signals():
        try:
            termios.tcsetattr(source, termios.TCSAFLUSH, single)
            return os.read(source, 64).decode("utf-8", "replace")
        finally:
            termios.tcsetattr(source, termios.TCSADRAIN, usual)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Context manager in which signals that end the process raise SystemExit, so that blocks are left properly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    usual = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
