"""The help of every command is what it was: options, their order, their defaults and their words."""

from __future__ import annotations

from itertools import zip_longest

import pytest

from .help import COMMANDS, HELP, file_name, help_text, listed


def test_every_command_is_here() -> None:
    assert {words[0] for words in COMMANDS if words} == listed(help_text(()))
    assert {words[1] for words in COMMANDS if words[1:]} == listed(help_text(("train",)))
    assert {path.name for path in HELP.iterdir()} == {file_name(words) for words in COMMANDS}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_is_what_it_was(words: tuple[str, ...]) -> None:
    path = HELP / file_name(words)
    known = path.read_text(encoding="utf-8").splitlines()
    for number, (one, other) in enumerate(zip_longest(known, help_text(words).splitlines()), 1):
        if one != other:
            pytest.fail(
                f"{path.name}, line {number}\nexpected: {one}\nreceived: {other}\n"
                "A change that is meant is written by python -m tests.golden.help"
            )
