"""Remedies for a run that diverges: from the options in use, and such that the commands take them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.cli import main
from elman.data.sources import Sources
from elman.errors import DivergenceError, OutOfMemoryError
from elman.tasks.registry import built_in
from elman.tasks.remedies import add_remedies, remedies

from ..contract.tasks import CASES, COMMON


def setup_of(task: str, place: Path, **options: Any) -> Any:
    made = built_in()[task].model_class()
    model = made(**COMMON | CASES[task].options | options)
    return made.setup_class.open(model.config, Sources(CASES[task].write(place)))


RELU = {"cell": "elman", "cell_options": {"nonlinearity": "relu"}}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"learning_rate": 3.0}, ["--learning-rate 0.01 (the default; here 3)"]),
        ({"learning_rate": 0.004}, ["a lower learning rate, as --learning-rate 0.001 (here 0.004)"]),
        (
            {"learning_rate": 0.002, "clip_norm": 0.0, "warmup_steps": 0},
            [
                "--clip-norm 1 (gradients are not clipped here)",
                "a lower learning rate, as --learning-rate 0.0005 (here 0.002)",
                "--warmup-steps 100 (here 0)",
            ],
        ),
        ({"learning_rate": 9.0, "clip_norm": 0.0, "clip_value": 0.1}, ["--learning-rate 0.01 (the default; here 9)"]),
        (
            {"learning_rate": 1.0, "precision": "bfloat16"},
            ["--learning-rate 0.01 (the default; here 1)", "--precision float32 (here bfloat16)"],
        ),
        (
            {"learning_rate": 1.0, "layers": 3, **RELU},
            ["--learning-rate 0.01 (the default; here 1)", "fewer than 3 --layers of units without a bound"],
        ),
        (
            {
                "learning_rate": 1.0,
                "cell": "elman",
                "cell_options": {"nonlinearity": "relu", "recurrent_init": "glorot"},
            },
            [
                "--learning-rate 0.01 (the default; here 1)",
                "--cell-options recurrent_init=orthogonal (here glorot)",
                "--cell-options nonlinearity=tanh (here relu, whose state has no bound)",
            ],
        ),
        ({"learning_rate": 1.0, "cell": "elman"}, ["--learning-rate 0.01 (the default; here 1)"]),
    ],
)
def test_only_what_is_not_set_yet_is_advised(options: dict[str, Any], expected: list[str], tmp_path: Path) -> None:
    assert remedies(setup_of("language-model", tmp_path, **options)) == expected


def test_data_that_are_not_scaled_are(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    advice = "--standardise channels (the data are not scaled here)"
    assert advice in remedies(setup_of("classifier", tmp_path / "a", standardise="none"))
    advice = "--normalise utterance (the data are not scaled here)"
    assert advice in remedies(setup_of("transcriber", tmp_path / "b", normalise="none"))


# Word vectors have no gradient that could be clipped.
@pytest.mark.parametrize("task", [name for name in built_in() if name != "embeddings"])
def test_the_commands_take_what_is_advised(task: str, tmp_path: Path) -> None:
    wild = {"learning_rate": 50.0, "clip_norm": 0.0, "warmup_steps": 0}
    advice = remedies(setup_of(task, tmp_path, **wild))
    given = dict(re.findall(r"--([a-z-]+) ([\d.e-]+)", " ".join(advice)))
    assert {"learning-rate", "clip-norm", "warmup-steps"} <= set(given)
    options = {name.replace("-", "_"): float(value) for name, value in given.items()}
    config = built_in()[task].config_class().make("base", {**options, "warmup_steps": 100})
    assert remedies_of(config) == []


def remedies_of(config: Any) -> list[str]:
    """What would still be advised for the options of training, but for a lower rate."""
    training = config.training
    default = type(config).make("base").training.learning_rate
    return [name for name, bad in (("rate", training.learning_rate > default), ("clip", not training.clip_norm)) if bad]


def test_a_message_still_ends_with_what_was_received(tmp_path: Path) -> None:
    setup = setup_of("language-model", tmp_path, learning_rate=3.0, clip_norm=0.0)
    error = DivergenceError("the gradient exploded at step 4: expected a norm of at most 1e+06. Received: 1e+09", 4)
    add_remedies(error, setup)
    assert str(error) == (
        "the gradient exploded at step 4: expected a norm of at most 1e+06. Try --learning-rate 0.01 (the default; "
        "here 3) or --clip-norm 1 (gradients are not clipped here). Received: 1e+09"
    )
    assert error.step == 4
    other = OutOfMemoryError("out of memory at step 1. Received: nothing")
    add_remedies(other, setup)
    assert str(other) == "out of memory at step 1. Received: nothing"


def test_a_run_that_diverges_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (text,) = CASES["language-model"].write(tmp_path)
    flags = ["--hidden-size", "8", "--embedding", "4", "--batch-size", "3", "--bptt", "7", "--max-steps", "40"]
    wild = ["--learning-rate", "1e4", "--explosion", "1e-6", "--clip-norm", "0"]
    folder = tmp_path / "model"
    assert main(["train", "lm", str(text), "-o", str(folder), "-q", "--no-tune", *flags, *wild]) == 1
    said = capfd.readouterr().err
    assert re.search(r"Try --learning-rate 0\.01 \(the default; here 10000\), --clip-norm 1 .* Received: \S+\n$", said)
    assert elman.load(folder).training["steps"] >= 0
