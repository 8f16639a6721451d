"""Ctrl-C and SIGTERM handling: a flag that is checked between steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupt"]

_EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Interrupt:
    """Context manager that records the first Ctrl-C or SIGTERM; a second one has its usual effect.

    `exit_code` is None until then, and 130 or 143 after. Outside the main thread, signals are not caught.
    """

    def __init__(self) -> None:
        self.exit_code: int | None = None
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._former = {number: signal.signal(number, self._record) for number in _EXIT_CODES}
        return self

    def _record(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.exit_code = _EXIT_CODES[signal.Signals(number)]
        self._put_back()

    def _put_back(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former = {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._put_back()
