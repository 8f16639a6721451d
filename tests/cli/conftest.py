"""The command line, run in this process, and a tiny model to run it on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from elman.cli import main

TEXT = "the cat sat on the mat\nthe dog sat on the log\n" * 60
TINY = ["--hidden-size", "8", "--embedding", "4", "--batch-size", "4", "--bptt", "8", "--no-tune", "--no-tensorboard"]


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command line came to."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def error(self) -> str:
        """The one line that an error must be."""
        assert self.out == ""
        lines = self.err.splitlines()
        assert lines, "expected an error"
        assert len(lines) == 1, self.err
        assert lines[0].startswith("elman: error: "), self.err
        return lines[0].removeprefix("elman: error: ")


Elman = Callable[..., Said]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def elman(capfd: pytest.CaptureFixture[str]) -> Elman:
    """Run `elman` with these words; a progress bar sees no terminal."""

    def run(*words: object) -> Said:
        capfd.readouterr()
        code = main([str(word) for word in words])
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "cats.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Path:
    """A model of three steps. Tests leave it as it is."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    assert main(["train", "lm", str(text), "-o", str(folder), "--max-steps", "3", "-q", *TINY]) == 0
    return folder
