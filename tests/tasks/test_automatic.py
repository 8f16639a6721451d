"""Preset `auto`: options that are chosen by the data where none was given."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.artifact import read as read_artifact
from elman.cli import main
from elman.errors import ConfigError
from elman.options import AUTO, DefaultSize
from elman.tasks import registry
from elman.tasks.automatic import AutomaticOptions, Choices, as_flags, choosing, current_choice
from elman.tasks.classifier.config import ClassifierConfig

TOY = Path(__file__).resolve().parent / "toy"
CHOICES = Choices({"hidden_size": 32, "bidirectional": False, "max_epochs": 7.0}, "9 texts")


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(TOY))
    yield
    for name in set(sys.modules) - before:
        if name.startswith("elman_toy"):
            del sys.modules[name]


def applied(given: dict[str, Any], choices: Choices = CHOICES) -> tuple[ClassifierConfig, AutomaticOptions]:
    automatic = AutomaticOptions(frozenset(given))
    return automatic.apply(ClassifierConfig.make(AUTO, given), choices), automatic


def test_options_that_were_not_given_are_chosen() -> None:
    config, automatic = applied({"layers": 2})
    assert (config.network.hidden_size, config.network.bidirectional, config.network.layers) == (32, False, 2)
    assert automatic.to_json() == {
        "options": {"hidden_size": 32, "bidirectional": False, "max_epochs": 7.0},
        "because": ["9 texts"],
    }
    assert automatic.notes() == ["chosen by the data: --hidden-size 32 --no-bidirectional --max-epochs 7.0 (9 texts)"]


def test_a_chosen_limit_replaces_all_of_the_preset() -> None:
    config, _ = applied({})
    assert (config.training.max_steps, config.training.max_epochs) == (0, 7.0)
    assert ClassifierConfig.make("base").training.max_steps > 0


@pytest.mark.parametrize("limit", ["max_steps", "max_epochs", "max_seconds"])
def test_no_limit_is_chosen_where_one_was_given(limit: str) -> None:
    config, automatic = applied({limit: 3})
    training = config.training
    found = {name: getattr(training, name) for name in ClassifierConfig.budget}
    assert found == {**dict.fromkeys(ClassifierConfig.budget, 0), limit: 3}
    assert "max_epochs" not in automatic.chosen
    assert not automatic.refused


def test_given_options_win_and_a_contradiction_is_a_remark() -> None:
    config, automatic = applied({"hidden_size": 50, "bidirectional": False, "max_steps": 1})
    assert (config.network.hidden_size, config.network.bidirectional) == (50, False)
    assert automatic.chosen == {}
    assert automatic.notes() == [
        "--hidden-size 50 is kept as given; by the data it would be --hidden-size 32 (9 texts)"
    ]


def test_an_option_that_the_preset_has_already_is_not_named() -> None:
    base = ClassifierConfig.make("base")
    config, automatic = applied({"max_steps": 1}, Choices({"hidden_size": base.network.hidden_size}, "9 texts"))
    assert config == ClassifierConfig.make("base", {"max_steps": 1})
    assert automatic.notes() == []


def test_the_size_of_given_vectors_is_theirs() -> None:
    config, automatic = applied({"vectors": "vectors.txt"}, Choices({"embedding": 8}, "9 texts"))
    assert isinstance(config.network.embedding, DefaultSize)
    assert automatic.chosen == {}


def test_flags_can_be_typed() -> None:
    options = {"split": (0.8, 0.1, 0.1), "tokens": "words", "tied": True, "calibrate": False, "batch_size": 3}
    assert as_flags(options) == "--split 0.8,0.1,0.1 --tokens words --tied --no-calibrate --batch-size 3"


def test_nothing_is_chosen_with_another_preset_or_outside_of_the_block() -> None:
    assert current_choice() is None
    with choosing(AUTO, ["layers"]):
        assert current_choice() == AutomaticOptions(frozenset({"layers"}))
        with choosing("small", []):
            assert current_choice() is None
    assert current_choice() is None


@pytest.mark.parametrize("task", registry.built_in())
def test_auto_is_a_preset_of_every_task_and_its_default(task: str) -> None:
    kind = registry.built_in()[task].config_class()
    assert kind.make() == kind.make(AUTO)
    with pytest.raises(ConfigError, match=r"expected a preset among auto, .*'bse'.*base"):
        kind.make("bse")
    assert registry.built_in()[task].model_class()().get_params()["preset"] == AUTO


def run(tmp_path: Path, text: str, *more: str) -> int:
    (tmp_path / "book.txt").write_text(text)
    words = ["train", "counter", str(tmp_path / "book.txt"), "-o", str(tmp_path / "model"), "--no-tune"]
    return main([*words, "--threads", "1", *more])


def test_a_run_names_stores_and_uses_what_it_chose(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "THE CAT\n") == 0
    told = capfd.readouterr().err
    assert "elman: chosen by the data: --no-lowercase --max-steps 2 --seed 7 (capital letters only; 8 letters)" in told
    described = read_artifact(tmp_path / "model")
    assert described.config["text"] == {"lowercase": False}
    assert described.training["steps"] == 2
    assert described.training["options"]["seed"] == 7
    assert described.training["automatic"] == {
        "options": {"lowercase": False, "max_steps": 2, "seed": 7},
        "because": ["capital letters only", "8 letters"],
    }
    assert main(["train", "--resume", str(tmp_path / "model"), "--max-steps", "3"]) == 0
    assert "chosen" not in capfd.readouterr().err
    resumed = read_artifact(tmp_path / "model")
    assert resumed.training["automatic"] == described.training["automatic"]
    assert resumed.config == described.config


@pytest.mark.parametrize("more", [["--preset", "base"], ["--lowercase", "--max-steps", "4", "--seed", "0"]])
def test_nothing_is_chosen_over_a_preset_or_given_flags(
    tmp_path: Path, more: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "THE CAT\n", *more) == 0
    described = read_artifact(tmp_path / "model")
    assert described.config["text"] == {"lowercase": True}
    assert described.training["steps"] == 4
    remark = "elman: --lowercase --seed 0 is kept as given; by the data it would be --no-lowercase --seed 7"
    assert (remark in capfd.readouterr().err) == ("--seed" in more)


def test_options_of_a_file_are_given(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("lowercase = true\n")
    assert run(tmp_path, "THE CAT\n", "--config", str(tmp_path / "run.toml")) == 0
    described = read_artifact(tmp_path / "model")
    assert described.config["text"] == {"lowercase": True}
    assert described.training["automatic"]["options"] == {"max_steps": 2, "seed": 7}


def test_a_quiet_run_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "THE CAT\n", "-q", "--json") == 0
    told = capfd.readouterr()
    assert told.err == ""
    assert json.loads(told.out)["steps"] == 2


def test_python_chooses_too_and_a_loaded_model_keeps_its_options(tmp_path: Path) -> None:
    run(tmp_path, "THE CAT\n", "-q")
    model = elman.load(tmp_path / "model")
    assert model.get_params()["preset"] == "base"
    assert model.fit_text("A LONGER TEXT THAN THAT ONE").training["steps"] == 2
    assert "automatic" not in model.training
    kind = type(model)
    assert kind().fit_text("SHORT").training["automatic"]["options"] == {"max_steps": 2, "seed": 7}
    assert "automatic" not in kind("base").fit_text("SHORT").training
    again = kind(seed=3).fit_text("SHORT")
    assert again.config.training.seed == 3
    assert again.get_params()["seed"] == 3
    assert again.fit_text("A LONGER TEXT THAN THAT ONE").training["steps"] == 4


def reviews(path: Path, count: int) -> Path:
    lines = [
        f"{'pos' if row % 2 else 'neg'}\tword{row % 7} {'good' if row % 2 else 'bad'} {row}" for row in range(count)
    ]
    path.write_text("label\ttext\n" + "\n".join(lines) + "\n")
    return path


SMALL = ["--hidden-size", "3", "--embedding", "3", "--max-steps", "2", "--no-tune", "--threads", "1", "--no-baseline"]


@pytest.mark.parametrize(("count", "held_out"), [(1200, 120), (300, 0)])
def test_validation_examples_are_cut_where_there_are_test_examples_only(
    tmp_path: Path, count: int, held_out: int, capfd: pytest.CaptureFixture[str]
) -> None:
    train, test = reviews(tmp_path / "train.tsv", count), reviews(tmp_path / "test.tsv", 30)
    model = tmp_path / "model"
    assert main(["train", "classifier", str(train), "--test", str(test), "-o", str(model), *SMALL]) == 0
    assert ("--split 0.9,0.1,0.0" in capfd.readouterr().err) == (held_out > 0)
    data = read_artifact(model).data
    assert (data["train"], data["valid"], data["test"]) == (count - held_out, held_out, 30)
    # The resumed run reads the data with the stored option, and refuses other parts.
    assert main(["train", "--resume", str(model), "--max-steps", "4"]) == 0
    assert read_artifact(model).data == data


def test_the_cut_is_that_of_the_option_given_by_hand(tmp_path: Path) -> None:
    train, test = reviews(tmp_path / "train.tsv", 1200), reviews(tmp_path / "test.tsv", 30)
    for name, more in (("auto", []), ("base", ["--preset", "base", "--split", "0.9,0.1,0"])):
        arguments = ["train", "classifier", str(train), "--test", str(test), "-o", str(tmp_path / name), *SMALL, *more]
        assert main(arguments) == 0
    assert read_artifact(tmp_path / "auto").data == read_artifact(tmp_path / "base").data


def test_a_validation_text_is_cut_where_there_is_a_test_text_only(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("the cat sat on the mat; the dog sat on the log.\n" * 50)
    files = [str(tmp_path / "book.txt"), "--test", str(tmp_path / "book.txt")]
    for more, share in (([], 0.05), (["--split", "1,0,0"], 0.0)):
        arguments = ["train", "lm", *files, "-o", str(tmp_path / "lm"), "--overwrite", *SMALL, *more]
        assert main([each for each in arguments if each not in ("--no-baseline",)]) == 0
        data = read_artifact(tmp_path / "lm").data
        assert data["valid_tokens"] == pytest.approx(share * 50 * 48, abs=2)
        assert data["test_tokens"] > 2000
