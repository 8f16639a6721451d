"""`elman train TASK --from MODEL`: the list of what is taken, options that need not be repeated, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elman.artifact import read
from elman.cli import main

OLD = "the white whale swam in the wide sea and the ship sailed on\n" * 8
NEW = "a small crew, zealous, saw the whale; the sea was calm\n" * 8
FEW = ("--max-steps", "2", "--no-tune", "--threads", "1", "--no-baseline", "--precision", "float32")


def train(task: str, data: Path, folder: Path, *more: str) -> int:
    return main(["train", task, str(data), "-o", str(folder), *FEW, *more])


@pytest.fixture
def source(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """A small language model of words."""
    (tmp_path / "old.txt").write_text(OLD)
    (tmp_path / "new.txt").write_text(NEW)
    small = ("--hidden-size", "6", "--embedding", "3", "--layers", "2", "--tokens", "words", "-q", "--cell", "gru")
    assert train("lm", tmp_path / "old.txt", tmp_path / "source", *small) == 0
    capfd.readouterr()
    return tmp_path / "source"


def test_a_run_lists_what_it_takes(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train("lm", tmp_path / "new.txt", tmp_path / "m", "--from", str(source)) == 0
    said = capfd.readouterr().err
    digest = json.loads((source / "elman.json").read_text())["weights_digest"]
    assert f"started from the language model {source} (digest {digest[:12]})" in said
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line.startswith("  ")}
    old, new = (len(set(text.split())) for text in (OLD, NEW))
    described = read(tmp_path / "m")
    assert (described.config["network"]["hidden_size"], described.config["network"]["layers"]) == (6, 2)
    assert described.config["text"]["tokens"] == "words"
    tokens = {part.folder: len(part.vocabulary["words"]) for part in (read(source), described) if part.vocabulary}
    assert old <= tokens[source] < tokens[tmp_path / "m"] <= old + new + 4
    assert rows["embedding"][1:] == [
        "1",
        str(3 * (tokens[source] + 2)),
        str(3 * (tokens[tmp_path / "m"] - tokens[source])),
    ]
    assert rows["layer"][-1] == "0"
    assert main(["info", str(tmp_path / "m")]) == 0
    assert "part embedding, tensors 1, taken " in capfd.readouterr().out
    assert main(["info", str(tmp_path / "m"), "--json"]) == 0
    assert digest in capfd.readouterr().out


def test_a_dry_run_lists_it_too_and_a_quiet_run_does_not(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train("lm", tmp_path / "new.txt", tmp_path / "m", "--from", str(source), "--dry-run") == 0
    assert "started from the language model" in capfd.readouterr().err
    assert train("lm", tmp_path / "new.txt", tmp_path / "m", "--from", str(source), "-q") == 0
    assert "started from" not in capfd.readouterr().err


def test_parts_are_frozen_by_name(source: Path, tmp_path: Path) -> None:
    more = ("--from", str(source), "--freeze", "embedding,1", "--freeze", "head:2", "--layer-decay", "0.5")
    assert train("lm", tmp_path / "old.txt", tmp_path / "m", *more, "--unfreeze", "together", "-q") == 0
    assert read(tmp_path / "m").training["options"]["freeze"] == ["embedding", "1", "head:2"]


REFUSED = [
    (["--cell", "lstm"], "cell=lstm (there gru)"),
    (["--hidden-size", "7"], "stack.layers.1.0.cell.weight_hh (21, 7) (there (18, 6))"),
    (["--tokens", "characters"], "expected tokens=words, as in the model"),
    (["--freeze", "encoder"], "one of embedding, 1, 2, head, embed, stack"),
    (["--start-vocabulary", "all"], "among extend, keep"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[options[0][2:] for options, _ in REFUSED])
def test_what_does_not_fit_is_refused_before_anything_is_written(
    source: Path, tmp_path: Path, options: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert train("lm", tmp_path / "new.txt", tmp_path / "m", "--from", str(source), *options) == 2
    assert message.lower() in " ".join(capfd.readouterr().err.lower().split())
    assert not (tmp_path / "m").exists()


def test_a_source_that_cannot_start_this_task_is_refused(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "series.csv").write_text("unique_id,ds,y\n" + "".join(f"a,{t},{t % 5}\n" for t in range(60)))
    assert train("forecaster", tmp_path / "series.csv", tmp_path / "m", "--from", str(source)) == 2
    assert f"Received: {source}, a language model" in capfd.readouterr().err
    (source / "weights.safetensors").unlink()
    assert train("lm", tmp_path / "new.txt", tmp_path / "m", "--from", str(source)) == 2
    assert "is incomplete: expected weights.safetensors" in capfd.readouterr().err
    assert train("lm", tmp_path / "new.txt", tmp_path / "m", "--from", str(tmp_path / "none")) == 2
    assert "no model at" in capfd.readouterr().err
    assert not (tmp_path / "m").exists()


def test_a_resumed_run_takes_no_start(source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (source / "elman.json").read_bytes()
    assert main(["train", "--resume", str(source), "--from", str(source)]) == 2
    assert "a resumed run keeps all others. Received: --from" in capfd.readouterr().err
    assert main(["train", "lm", str(tmp_path / "new.txt"), "--from", str(source), "--resume", str(source)]) == 2
    assert "Received: both" in capfd.readouterr().err
    assert (source / "elman.json").read_bytes() == before
