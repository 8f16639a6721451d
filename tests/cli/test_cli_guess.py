"""`elman guess`: with answers, and at a terminal."""

from __future__ import annotations

import os
import re
import select
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import elman as library


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text other than that of the model, with the letters that the model knows."""
    path = tmp_path_factory.mktemp("letters") / "other.txt"
    lines = (f"the {a} sat on the {b} and the {c} on the mat" for a in "aceg" for b in "hmno" for c in "stdl")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_answers(elman, model, letters):
    said = elman("guess", model, "--text", letters, "--answers", "1,2,1", "--length", 40, "--seed", 5)
    assert said.code == 0
    made = library.load(model).guess_rounds(letters, rounds=3, length=40, seed=5)
    assert all(line in said.out for each in made for line in each.passages[0].split("\n"))
    assert re.search(rf"you    {made.score([1, 2, 1]).right} of 3", said.out)
    again = elman("guess", model, letters, "--answers", "1,2,1", "--length", 40, "--seed", 5)
    assert again.out == said.out


def test_json(elman, model, letters):
    words = ("guess", model, letters, "--answers", "2,2", "--length", 40, "--seed", 1, "--json", "--temperature", 0.5)
    facts = elman(*words).json()
    made = library.load(model).guess_rounds(letters, rounds=2, length=40, seed=1, temperature=0.5)
    assert set(facts) == {"score", "by_likelihood", "rounds", "source", "beginning", "seed"}
    assert facts["score"] == made.score([2, 2]).to_json()
    assert facts["by_likelihood"] == made.likelihood_score().to_json()
    for number, (found, expected) in enumerate(zip(facts["rounds"], made, strict=True), 1):
        assert found == {
            "round": number, **expected.to_json(), "answer": 2, "right": expected.human == 2
        }  # fmt: skip


def test_a_seed_is_drawn(elman, model, letters):
    words = ("guess", model, letters, "--answers", "1", "--length", 30, "--json")
    assert elman(*words).json()["seed"] != elman(*words).json()["seed"]


def test_fewer_answers_than_rounds_are_asked_for_none(elman, model, letters):
    facts = elman("guess", model, letters, "--answers", "1,1", "--rounds", 5, "--length", 40, "--json").json()
    assert len(facts["rounds"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected a terminal to answer at, or --answers 1,2,1. Received: neither"),
        (("--answers", "1,3"), "expected --answers of 1 and 2, such as 1,2,1. Received: 3"),
        (("--answers", "1,h"), "expected whole numbers"),
        (("--answers", ""), "expected --answers of 1 and 2"),
        (("--answers", "1,1,1", "--rounds", "2"), "at most one answer for each of --rounds 2"),
        (("--answers", "1", "--length", "5"), "length"),
        (("--answers", "1", "--text", "missing.txt"), "missing.txt"),
        (("--answers", "1", "--temperature", "-1"), "temperature"),
        (("--answers", "1", "--seed", "-1"), "seed"),
        (("--answers", "1", "--text", "-"), "expected a file of text"),
        # The training text is two lines again and again, so that all of it was trained on.
        (("--answers", "1"), "that the model was not trained on"),
    ],
)
def test_wrong_commands_are_refused(elman, model, words, message):
    said = elman("guess", model, *words)
    assert said.code == 2
    assert message in said.error()


def test_two_texts_are_refused(elman, model, letters):
    assert "Received: both" in elman("guess", model, letters, "--text", letters, "--answers", "1").error()


@pytest.mark.slow
@pytest.mark.parametrize(("last", "code"), [(b"q", 0), (b"\x03", 0)])
def test_at_a_terminal_of_40_columns(model, letters, last, code):
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    keyboard, source = pty.openpty()
    fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    usual = termios.tcgetattr(source)
    words = ["guess", str(model), str(letters), "--length", "60", "--seed", "1", "--rounds", "4", "-q"]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "elman", *words], stdin=source, stdout=source, stderr=source, env=environment,
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    keys, shown, asked = [b"1", b"2", last], b"", 0
    while process.poll() is None or select.select([keyboard], [], [], 0)[0]:
        if not select.select([keyboard], [], [], 0.2)[0]:
            continue
        shown += os.read(keyboard, 4096)
        if shown.count(b"(1/2, q) ") > asked and keys:
            asked += 1
            while termios.tcgetattr(source)[3] & termios.ICANON:
                pass
            os.write(keyboard, keys.pop(0))
    lines = shown.decode("utf-8").replace("\r", "").splitlines()
    assert process.returncode == code
    assert max(map(len, lines)) <= 40
    assert any(line.startswith("you    ") and " of 2 " in line for line in lines)
    assert termios.tcgetattr(source) == usual
    os.close(keyboard)
    os.close(source)
