"""`elman train`: options by rank, what a folder may hold, dry runs, resuming."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from elman.cli.flags import flags_of, given
from elman.options import fields_of, former_names
from elman.tasks.language_model.config import LanguageModelConfig
from elman.train import checkpoint
from elman.train.config import TrainConfig

TINY = ["--hidden-size", "8", "--embedding", "4", "--batch-size", "4", "--bptt", "8", "--no-tune", "--no-tensorboard"]


def described(folder: Path) -> Any:
    return json.loads((folder / "elman.json").read_text("utf-8"))


def test_train_writes_a_model_and_says_how_good_it_is(elman, text, tmp_path):
    said = elman("train", "lm", text, "-o", tmp_path / "m y", "--max-steps", 3, *TINY)
    assert said.code == 0
    assert "validation:" in said.out
    assert "test:" in said.out
    assert "validation" in said.err  # progress goes to standard error
    assert described(tmp_path / "m y")["command"].startswith(f"elman train lm {text} -o '{tmp_path}/m y' --max-steps 3")


def test_train_prints_one_json_document(elman, text, tmp_path):
    facts = elman("train", "lm", text, "-o", tmp_path / "m", "--max-steps", 3, "--json", *TINY).json()
    assert facts["steps"] == 3
    assert facts["valid"]["nats_per_char"] > 0


def test_flags_outrank_a_file_which_outranks_a_preset(elman, text, tmp_path):
    config = tmp_path / "o.toml"
    config.write_text('layers = 1\n[network]\nhidden = 6\ncell = "gru"\n[training]\nmax_steps = 2\n')
    said = elman(
        *("train", "lm", text, "-o", tmp_path / "m", "--preset", "large", "--config", config, "--hidden-size", 7, "-q"),
        *("--no-tune", "--no-tensorboard", "--batch-size", 4),
    )
    assert said.code == 0, said.err
    network = described(tmp_path / "m")["config"]["network"]
    large = LanguageModelConfig.make("large").network
    assert (network["hidden_size"], network["cell"], network["layers"]) == (7, "gru", 1)
    assert network["dropout"] == large.dropout
    assert described(tmp_path / "m")["training"]["steps"] == 2


def test_tables_and_lists_as_flags(elman, text, tmp_path):
    flags = ("--cell-options", "peepholes=true", "--cell-options", "forget_bias=2", "--split", "0.8,0.1,0.1")
    said = elman("train", "lm", text, "-o", tmp_path / "m", "--max-steps", 1, *flags, "-q", *TINY)
    assert said.code == 0, said.err
    config = described(tmp_path / "m")["config"]
    assert config["network"]["cell_options"] == {"peepholes": True, "forget_bias": 2}
    assert config["text"]["split"] == [0.8, 0.1, 0.1]


def test_texts_of_their_own_for_validation_and_test(elman, text, tmp_path):
    said = elman(
        *("train", "lm", text, "--valid", text, text, "--test", text, "--split", "1,0,0", "-o", tmp_path / "m"),
        *("--max-steps", 1, "-q", *TINY),
    )
    assert said.code == 0, said.err
    data = described(tmp_path / "m")["data"]
    assert data["valid_tokens"] == data["test_tokens"] == data["train_tokens"]


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("hiden = 3", "'hiden'. Did you mean 'hidden_size'?"),
        ("[netwrok]\nhidden_size = 3", "Did you mean 'network'?"),
        ("[training]\nhidden_size = 3", "expected hidden_size in the table [network]"),
        ("hidden_size = 3\n[network]\nhidden_size = 4", "expected hidden_size once"),
        ("network = 3", "expected [network] to be a table"),
        ("hidden_size = 'a'", "expected hidden_size to be a whole number"),
        ("hidden_size 3", "line 1"),
        ("cell_options = 3", "expected cell_options to be a table"),
    ],
)
def test_a_bad_file_of_options_is_named(elman, text, tmp_path, toml, expected):
    config = tmp_path / "options.toml"
    config.write_text(toml)
    said = elman("train", "lm", text, "-o", tmp_path / "m", "--config", config)
    assert said.code == 2
    assert str(config) in said.error()
    assert expected in said.err


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--hiden", "3"), "Did you mean '--hidden-size'"),
        (("--hidden-size", "1.5"), "expected a whole number"),
        (("--hidden-size", "0"), "at least 1. Received: 0"),
        (("--schedule", "cosin"), "Did you mean"),
        (("--preset", "bass"), "Did you mean 'base'?"),
        (("--cell", "lstmm"), "Did you mean 'lstm'?"),
        (("--cell-options", "peephole=true"), "Did you mean 'peepholes'?"),
        (("--cell-options", "peepholes"), "expected NAME=VALUE"),
        (("--split", "a,b"), "0.9,0.05,0.05"),
        (("--tied", "--embedding", "4"), "tied"),
        (("--optimizer", "adamm"), "Did you mean 'adam"),
        (("--device", "tpu"), "'tpu'"),
        (("--config", "/no/such.toml"), "cannot read /no/such.toml"),
        (("--max-steps",), "expected a value for --max-steps"),
    ],
)
def test_a_bad_option_is_one_line_and_leaves_no_folder(elman, text, tmp_path, flags, expected):
    said = elman("train", "lm", text, "-o", tmp_path / "m", "--no-tune", *flags)
    assert said.code == 2
    assert expected in said.error()
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not one character"),
        (b"PK\x03\x04\x00\x00\x01", "binary"),
        (b"hello \xff there", "offset 6"),
    ],
)
def test_a_text_that_is_none(elman, tmp_path, content, expected):
    (tmp_path / "t.txt").write_bytes(content)
    said = elman("train", "lm", tmp_path / "t.txt", "-o", tmp_path / "m", *TINY)
    assert said.code == 2
    assert expected in said.error()
    assert "t.txt" in said.err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("content", ["a", "abc", "to be or"])
def test_a_text_shorter_than_a_chunk_trains_without_validation(elman, tmp_path, content):
    (tmp_path / "t.txt").write_text(content)
    said = elman("train", "lm", tmp_path / "t.txt", "-o", tmp_path / "m", "--max-steps", 2, *TINY)
    assert said.code == 0, said.err
    assert "nothing is held out" in said.err


def test_a_text_that_is_not_there(elman, tmp_path):
    said = elman("train", "lm", tmp_path / "no.txt", "-o", tmp_path / "m")
    assert said.code == 2
    assert "no such file" in said.error()


def test_what_is_in_the_folder_is_safe(elman, model, text, tmp_path):
    said = elman("train", "lm", text, "-o", model)
    assert said.code == 2
    assert "--overwrite" in said.error()
    assert f"--resume {model}" in said.err

    (tmp_path / "mine.txt").write_text("mine")
    said = elman("train", "lm", text, "-o", tmp_path, "--overwrite")
    assert said.code == 2
    assert "mine.txt" in said.error()

    said = elman("train", "lm", text, "-o", tmp_path / "mine.txt")
    assert said.code == 2
    assert "expected a folder" in said.error()


def test_overwrite_replaces_a_model(elman, model, text, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    said = elman("train", "lm", text, "-o", folder, "--overwrite", "--max-steps", 1, "-q", *TINY)
    assert said.code == 0, said.err
    assert described(folder)["training"]["steps"] == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(elman, text, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    said = elman("train", "lm", text, "-o", tmp_path / "locked" / "m", "-q", "--max-steps", 1, *TINY)
    assert said.code == 2
    assert "Permission denied" in said.error()


def test_a_folder_that_cannot_be_made(elman, text):
    said = elman("train", "lm", text, "-o", "/proc/no/model", "-q", "--max-steps", 1, *TINY)
    assert said.code == 2
    assert "cannot make the folder" in said.error()


def test_a_full_disk(elman, text, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = elman("train", "lm", text, "-o", tmp_path / "m", "-q", "--max-steps", 1, "--cache", tmp_path / "c", *TINY)
    assert said.code == 2
    assert "No space left on device" in said.error()


def test_the_task_is_missing(elman, text):
    assert "elman train lm TEXT" in elman("train").error()
    assert "elman train lm TEXT" in elman("train", text).error()
    assert "elman train lm TEXT" in elman("train", text, "-o", "m").error()
    assert "expected a folder" in elman("train", "lm", text).error()
    assert "at least one text" in elman("train", "lm", "-o", "m").error()


def test_a_dry_run_tells_sizes_and_writes_nothing(elman, text, tmp_path):
    words = ("train", "lm", text, "-o", tmp_path / "m", "--dry-run", "--max-steps", 20, "-q", *TINY)
    facts = elman(*words, "--json").json()
    assert facts["steps"] == 20
    assert facts["parameters"] * 4 == facts["model_bytes"]
    data = facts["data"]
    tokens = data["train_tokens"] + data["valid_tokens"] + data["test_tokens"]
    assert tokens == data["characters"] + 1  # and the end token that it begins with
    assert facts["seconds"] >= 20 * facts["seconds_per_step"] > 0
    assert "20 steps" in elman(*words).out
    assert not (tmp_path / "m").exists()


def test_a_dry_run_of_passes_counts_steps(elman, text):
    facts = elman("train", "lm", text, "--dry-run", "--max-epochs", 2, "--json", *TINY).json()
    assert facts["steps"] == 2 * facts["steps_per_epoch"] == 2 * -(-(facts["data"]["train_tokens"] - 1) // 32)


def test_resuming_a_finished_run(elman, model, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    said = elman("train", "--resume", folder, "--no-tensorboard", "--no-tune")
    assert said.code == 0
    assert "--max-steps or --max-epochs" in said.err
    facts = elman("train", "--resume", folder, "--max-steps", 5, "--json", "--no-tensorboard", "--no-tune").json()
    assert facts["steps"] == 5


def test_resuming_with_another_number_of_threads(elman, model, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    before = checkpoint.load(folder)[1]["threads"]
    assert elman("train", "--resume", folder, "--max-steps", 4, "--no-tensorboard").code == 0
    assert checkpoint.load(folder)[1]["threads"] == before
    words = ("--max-steps", 5, "--threads", before + 1, "--no-tensorboard")
    assert elman("train", "--resume", folder, *words).code == 0
    assert checkpoint.load(folder)[1]["threads"] == before + 1
    torch.set_num_threads(1)
    for number in (-1, 4097, 10**30):
        message = elman("train", "--resume", folder, "--threads", number).error()
        assert "threads" in message
        assert f"Received: {number}" in message
    assert checkpoint.load(folder)[1]["threads"] == before + 1


@pytest.mark.parametrize(
    ("flags", "received"),
    [
        (("--max-seconds", 0), "max_seconds = 0"),
        (("--max-epochs", 0, "--max-steps", 0), "max_steps = 0 and max_epochs = 0"),
    ],
)
def test_a_limit_of_0_alone_is_no_budget(elman, text, tmp_path, flags, received):
    said = elman("train", "lm", text, "-o", tmp_path / "m", *flags)
    assert said.code == 2
    assert said.error().endswith(f"or none of them, for 600 seconds. Received: {received}")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("flags", [("--max-steps", 0), ("--max-epochs", -1)])
def test_a_new_budget_must_be_one(elman, model, flags):
    said = elman("train", "--resume", model, *flags)
    assert said.code == 2
    assert "expected" in said.error()


def test_a_new_budget_that_is_spent_already_ends_at_once(elman, model, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    words = ("--max-seconds", 0.001, "--json", "--no-tensorboard", "--no-tune")
    assert elman("train", "--resume", folder, *words).json()["steps"] == 3


def test_resuming_what_cannot_be_resumed(elman, model, tmp_path):
    assert "no such folder" in elman("train", "--resume", tmp_path / "no").error()
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    shutil.rmtree(folder / "training")
    said = elman("train", "--resume", folder)
    assert said.code == 2
    assert "no checkpoint" in said.error()


def test_every_option_is_a_flag():
    import typing

    flags = typing.get_args(flags_of(TrainConfig, "Training", 1, TrainConfig()))[0]
    assert set(vars(flags())) == {*fields_of(TrainConfig), *former_names(TrainConfig)}
    assert given(flags(), None) == {}
    assert given(flags(max_steps=3, seed=0)) == {"max_steps": 3, "seed": 0}


@pytest.mark.parametrize("name", ["classifier", "tagger", "forecaster", "translator", "captioner", "transcriber"])
def test_an_option_of_training_that_does_nothing_is_neither_shown_nor_taken(elman, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path("o.toml").write_text("[training]\nevaluate_tokens = 100\nloss_from = 1\n")
    shown = elman("train", name, "--help").out
    lacking = ["--loss-from", "--loss-to", *(["--evaluate-tokens"] if name != "classifier" else [])]
    assert "--max-steps" in shown
    for flag in ("--loss-from", "--loss-to", "--evaluate-tokens"):
        assert (flag in shown) == (flag not in lacking)
    for flag in lacking:
        option = flag.removeprefix("--").replace("-", "_")
        said = elman("train", name, "x", "-o", "m", flag, 3)
        assert (said.code, option in said.error()) == (2, True)
        assert f"Received: {option}=3" in said.error()
        default = 0 if "loss" in flag else 250_000
        assert "no such file or folder" in elman("train", name, "nothing", "-o", "m", flag, default).error()
    assert "o.toml: expected " in elman("train", name, "x", "-o", "m", "--config", "o.toml").error()
    assert not Path("m").exists()


def test_a_run_that_was_stopped_early_goes_on_with_another_patience(elman, text, tmp_path):
    wild = ["--learning-rate", 3, "--clip-norm", 0, "--evaluate-every", 1, "--warmup-steps", 0]
    said = elman("train", "lm", text, "-o", tmp_path / "m", *TINY, *wild, "--patience", 1, "--max-steps", 40)
    assert said.code == 0, said.err
    assert "no improvement in 1 evaluations" in said.err
    stopped = described(tmp_path / "m")["training"]["steps"]
    assert stopped < 40
    said = elman("train", "--resume", tmp_path / "m", "--no-tensorboard", "--no-tune")
    assert "or with --patience 0 if it was stopped early" in said.err
    said = elman("train", "--resume", tmp_path / "m", "--no-tensorboard", "--no-tune", "--patience", 0, "--json")
    assert said.json()["steps"] == 40
    assert elman("train", "--resume", tmp_path / "m", "--patience", -1).code == 2
