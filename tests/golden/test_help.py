"""The help of every command is what it was: options, their order, their defaults and their words."""

from __future__ import annotations

from itertools import zip_longest

import pytest

from .help import COMMANDS, HELP, file_name, listed, texts_of_new_process


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return texts_of_new_process()


def test_every_command_is_here(texts: dict[str, str]) -> None:
    assert {words[0] for words in COMMANDS if words} == listed(texts["elman.txt"])
    assert {words[1] for words in COMMANDS if words[1:]} == listed(texts["elman-train.txt"])
    assert {path.name for path in HELP.iterdir()} == {file_name(words) for words in COMMANDS}


@pytest.mark.parametrize("name", [file_name(words) for words in COMMANDS])
def test_the_help_is_what_it_was(name: str, texts: dict[str, str]) -> None:
    known = (HELP / name).read_text(encoding="utf-8").splitlines()
    for number, (one, other) in enumerate(zip_longest(known, texts[name].splitlines()), 1):
        if one != other:
            pytest.fail(
                f"{name}, line {number}\nexpected: {one}\nreceived: {other}\n"
                "A change that is meant is written by python -m tests.golden.help"
            )
