"""Keys of a terminal: read one by one, with the terminal's settings restored."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from elman.errors import ConfigError
from elman.tasks.endpoint import Screen
from elman.tasks.keys import has_keys, read_keys
from elman.tasks.language_model.guess import GuessAnswer
from elman.tasks.language_model.guess_rounds import GuessRound, GuessRounds

termios = pytest.importorskip("termios")
pty = pytest.importorskip("pty")

SET_ATTRIBUTES = termios.tcsetattr
PASSAGE = "To be, or not to be, that is the question:\nWhether 'tis nobler in the mind to suffer"
MADE = GuessRounds(tuple(GuessRound((PASSAGE, PASSAGE), 1, (2.0, 1.0)) for _ in range(4)), "a text", "word")


class Terminal:
    """A terminal as standard input, whose keys are pressed one by one, whenever the program waits for one."""

    def __init__(self) -> None:
        self.keyboard, self.source = pty.openpty()
        self.usual = termios.tcgetattr(self.source)
        self.keys: list[bytes | int] = []

    def press(self, *keys: bytes | int) -> None:
        """Press these keys next; a number is a signal to this process."""
        self.keys = list(keys)

    def set_attributes(self, source: int, when: int, attributes: list[Any]) -> None:
        """Set the attributes as termios does. If the program then waits for a key, press the next one."""
        SET_ATTRIBUTES(source, when, attributes)
        if attributes[3] & termios.ICANON:
            return
        key = self.keys.pop(0)
        if isinstance(key, int):
            os.kill(os.getpid(), key)
        else:
            os.write(self.keyboard, key)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    made = Terminal()
    monkeypatch.setattr(termios, "tcsetattr", made.set_attributes)
    with os.fdopen(made.source, "r", closefd=False) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        yield made
    assert termios.tcgetattr(made.source) == made.usual
    os.close(made.keyboard)
    os.close(made.source)


def played(terminal: Terminal, *keys: bytes | int) -> tuple[list[int], str]:
    terminal.press(*keys)
    answer = GuessAnswer(MADE, 0, ())
    text = "".join(answer.to_text(Screen(terminal=True)))
    return answer.answers, text


def test_a_key(terminal: Terminal) -> None:
    assert has_keys()
    terminal.press(b"1")
    assert read_keys() == "1"
    terminal.press(b"\x03")
    assert read_keys() == "\x03"


def test_a_whole_game(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    answers, text = played(terminal, b"1", b"2", b"1", b"1")
    assert answers == [1, 2, 1, 1]
    assert max(map(len, text.splitlines())) <= 40
    assert "you    3 of 4   75%  (30% to 95%)" in text
    assert "ratio  4 of 4  100%  (51% to 100%)" in text
    assert text.splitlines()[-3].split() == ["2", "1", "2", "wrong", "1"]


@pytest.mark.parametrize("stop", [b"q", b"Q", b"\x03", b"\x04", signal.SIGINT])
def test_stopping_shows_the_score_so_far(terminal: Terminal, stop: bytes | int) -> None:
    answers, text = played(terminal, b"1", stop)
    assert answers == [1]
    assert "you    1 of 1" in text
    assert "--- 3 of 4 ---" not in text


def test_stopping_at_once(terminal: Terminal) -> None:
    answers, text = played(terminal, b"q")
    assert answers == []
    assert text.endswith("no answer\n")


def test_other_keys_do_nothing(terminal: Terminal) -> None:
    # A function key has a 1 and a 2 in it, and one byte is no character.
    answers, _ = played(terminal, b"x", b"\x1b[12~", b"\xff", b"2", b"q")
    assert answers == [2]


def test_a_signal_ends_the_program_with_its_code(terminal: Terminal) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        played(terminal, b"1", signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == handler


def test_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull, encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert not has_keys()
        with pytest.raises(ConfigError, match="expected a terminal"):
            read_keys()


def test_json_is_apart_from_the_game(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.press(b"1", b"q")
    facts: Any = GuessAnswer(MADE, 7, ()).to_json()
    said = capsys.readouterr()
    assert said.out == ""
    assert "Which one is by a person?" in said.err
    assert facts["score"]["answers"] == 1
    assert len(facts["rounds"]) == 1
    assert facts["seed"] == 7
