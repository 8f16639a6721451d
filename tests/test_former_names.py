"""Names of earlier versions that a user could have typed: all of them work, with one remark."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.cells import make
from elman.cli import main
from elman.data import learn_vocabulary
from elman.errors import ConfigError, FormerNameWarning
from elman.options import fields_of, former_names
from elman.tasks.registry import built_in, find

ALL_TASKS = {"hidden": ("hidden_size", 12), "average": ("ema_decay", 0.5)}
WORDS = {"tokeniser": ("tokenizer", "whitespace"), "word_rule": ("tokenizer", "whitespace")}
# Of each task, every earlier name of an option, its present name, and a value.
OPTIONS: dict[str, dict[str, tuple[str, Any]]] = {
    "language-model": ALL_TASKS | WORDS | {"lanes": ("batch_size", 3), "chunk": ("bptt", 7)},
    "classifier": ALL_TASKS | WORDS | {"form": ("format", "table")},
    "tagger": ALL_TASKS | {"letter_embedding": ("char_embedding", 5), "letter_hidden": ("char_hidden", 6)},
    "forecaster": ALL_TASKS | {"counted": ("loss_steps", 2), "anchor": ("residual_to_last", False)},
    "translator": ALL_TASKS
    | WORDS
    | {
        "encoder_hidden": ("encoder_hidden_size", 6),
        "score": ("attention_score", "dot"),
    },
    "captioner": ALL_TASKS | WORDS | {"score": ("attention_score", "general")},
    "transcriber": ALL_TASKS | {"stack": ("stack_frames", 4)},
}
# What some options need with them.
NEEDS: dict[tuple[str, str], dict[str, str]] = {
    ("forecaster", "counted"): {"mode": "direct"},
    ("captioner", "score"): {"attention": "luong"},
}
EACH = [(task, former, *names) for task, options in OPTIONS.items() for former, names in options.items()]
each_option = pytest.mark.parametrize(("task", "former", "name", "value"), EACH)

# Of each module, every earlier public name, and the present one.
PUBLIC = {
    "elman.data": {"Lanes": "BPTTBatches", "Piece": "TextPiece", "Scan": "TextStatistics"},
    "elman.data.captioned": {"Captioned": "CaptionDataset", "CaptionedConfig": "CaptionDataConfig"},
    "elman.data.tagged": {
        "Tagged": "TaggedDataset",
        "TaggedConfig": "TaggedDataConfig",
        "TaggedSequence": "TagPrediction",
    },
    "elman.data.transcripts": {"Computed": "LazyFrames", "FrameScale": "FrameNormalizer"},
    "elman.decode": {
        "Beam": "BeamOptions",
        "CtcBeam": "CtcBeamOptions",
        "Extend": "ScoreTokens",
        "Judged": "LanguageModelStep",
        "LanguageScores": "LanguageModelScorer",
        "Sampling": "SamplingOptions",
        "Scored": "SearchStep",
    },
    "elman.errors": {
        "Diverged": "DivergenceError",
        "Interrupted": "TrainingInterrupted",
        "KernelUnavailable": "KernelUnavailableError",
        "OutOfMemory": "OutOfMemoryError",
    },
    "elman.kernels": {"Request": "KernelRequest"},
    "elman.nn": {"CharacterWords": "CharacterEncoder", "StartState": "Bridge"},
    "elman.train": {
        "Ended": "EndEvent",
        "Evaluated": "EvaluationEvent",
        "Planned": "PlanEvent",
        "Started": "StartEvent",
        "Stepped": "StepEvent",
    },
}
EACH_PUBLIC = [(module, former, name) for module, names in PUBLIC.items() for former, name in names.items()]

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def in_folder(text: str) -> Path:
        (tmp_path / "file").write_text(text, encoding="utf-8")
        return tmp_path / "file"

    return in_folder


def given_under(config: Any, name: str) -> Any:
    """The value of an option in whichever section has it."""
    return next(getattr(section, name) for section in vars(config).values() if hasattr(section, name))


def test_these_are_all_earlier_names_and_no_present_ones() -> None:
    found = {}
    for task in built_in():
        sections = find(task).config_class().sections().values()
        found[task] = {former: name for section in sections for former, name in former_names(section).items()}
        assert not found[task].keys() & {name for section in sections for name in fields_of(section)}
    assert found == {task: {former: name for former, (name, _) in options.items()} for task, options in OPTIONS.items()}


@each_option
def test_an_option_in_python(task: str, former: str, name: str, value: Any) -> None:
    kind = find(task).model_class()
    with pytest.warns(FormerNameWarning, match=f"^the option '{former}' is now called '{name}'$") as warned:
        model = kind(**{former: value}, **NEEDS.get((task, former), {}))
    assert len(warned) == 1
    assert given_under(model.config, name) == value
    assert model.get_params()[name] == value
    assert former not in model.get_params()
    with pytest.warns(FormerNameWarning):
        changed = kind().set_params(**{former: value}, **NEEDS.get((task, former), {}))
    assert given_under(changed.config, name) == value


@each_option
def test_an_option_on_the_command_line(
    task: str, former: str, name: str, value: Any, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    """The option is read, with one remark; the help shows only the present name."""
    flag = former.replace("_", "-")
    words = [f"--no-{flag}"] if value is False else [f"--{flag}", str(value)]
    words += [word for pair in NEEDS.get((task, former), {}).items() for word in (f"--{pair[0]}", pair[1])]
    command = ["train", find(task).train_command, str(write("x").with_name("absent"))]
    assert main([*command, *words, "--dry-run", "--quiet"]) == 2
    first, last = capfd.readouterr().err.splitlines()
    assert first == f"elman: the option '{former}' is now called '{name}'"
    assert "there is no such file" in last
    assert f"--{flag} " not in help_of(command[1], capfd)


def help_of(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    main(["train", command, "--help"])
    return capfd.readouterr().out


@each_option
def test_an_option_in_a_toml_file(
    task: str, former: str, name: str, value: Any, write: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {former: value, **NEEDS.get((task, former), {})}
    file = write("".join(f"{option} = {json.dumps(setting)}\n" for option, setting in options.items()))
    command = ["train", find(task).train_command, str(file.with_name("absent")), "--config", str(file)]
    assert main([*command, "--dry-run", "--quiet"]) == 2
    first, last = capfd.readouterr().err.splitlines()
    assert first == f"elman: the option '{former}' is now called '{name}'"
    assert "there is no such file" in last


@each_option
def test_an_option_of_a_model_folder(task: str, former: str, name: str, value: Any) -> None:
    """Files of earlier versions are read without a remark."""
    kind = find(task).config_class()
    stored = kind.make("base").to_json()
    section = next(section for section, values in stored.items() if name in values)
    values = {former if key == name else key: value if key == name else own for key, own in stored[section].items()}
    config = kind.from_json({**stored, section: values}, "elman.json")
    assert given_under(config, name) == value


def test_a_choice(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    """The regression of a classifier was `kind="score"`."""
    with pytest.warns(FormerNameWarning, match="^the option 'kind=score' is now called 'kind=regression'$"):
        model = elman.Classifier(kind="score")
    assert (model.kind, model.config.target.kind) == ("regression", "regression")
    values = {**model.config.to_json(), "target": {**model.config.to_json()["target"], "kind": "score"}}
    assert type(model.config).from_json(values, "elman.json").target.kind == "regression"
    file = write('kind = "score"\n')
    command = ["train", "classifier", str(file.with_name("absent")), "--dry-run", "-q"]
    for words in (["--kind", "score"], ["--config", str(file)]):
        assert main([*command, *words]) == 2
        first, last = capfd.readouterr().err.splitlines()
        assert first == "elman: the option 'kind=score' is now called 'kind=regression'"
        assert "there is no such file" in last
    assert "score" not in help_of("classifier", capfd).partition("--kind ")[2].partition("--class-weights")[0]


def test_an_option_under_both_names_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected the option hidden_size once"):
        elman.LanguageModel(hidden=3, hidden_size=4)


@pytest.mark.parametrize("name", ["gru", "gru-reset-before", "lstm", "mingru"])
def test_an_option_of_a_cell(name: str) -> None:
    with pytest.warns(FormerNameWarning, match="^the option 'memory' is now called 'chrono_init'$"):
        cell = make(name, 2, 3, memory=9)
    assert cell.chrono_init == 9
    model = elman.LanguageModel(cell=name, cell_options={"memory": 9})
    network = model.setup_class.make_smallest_network(model.config)
    assert {module.chrono_init for module in network.modules() if hasattr(module, "chrono_init")} == {9}
    with pytest.warns(FormerNameWarning, match="memory"):
        model.setup_class.check(model.config)


def test_an_option_of_a_vocabulary() -> None:
    with pytest.warns(FormerNameWarning, match="^the option 'tokeniser' is now called 'tokenizer'$"):
        vocabulary = learn_vocabulary({"kind": "words", "tokeniser": "whitespace", "min_count": 1}, ["a b-c"])
    assert vocabulary.encode("b-c") == vocabulary.encode("b-c ")
    assert vocabulary.to_json()["tokeniser"] == "whitespace", "the key of files stays"


def test_an_argument_of_the_sktime_forecaster() -> None:
    pytest.importorskip("sktime")
    pandas = pytest.importorskip("pandas")
    from elman.adapters.sktime import ElmanForecaster

    y = pandas.Series(range(40), dtype=float, index=pandas.period_range("2020-01", periods=40, freq="M"))
    with pytest.warns(FormerNameWarning, match="hidden"):
        found = ElmanForecaster("small", hidden=5, max_steps=1, options={"threads": 1, "device": "cpu"}).fit(y)
    assert found.model_.config.network.hidden_size == 5


@pytest.mark.parametrize(("module", "former", "name"), EACH_PUBLIC)
def test_a_public_name(module: str, former: str, name: str) -> None:
    home = importlib.import_module(module)
    with pytest.warns(FormerNameWarning, match=f"^{module}.{former} is now called {name}$"):
        found = getattr(home, former)
    assert found is getattr(home, name)
    assert former not in home.__all__


def test_the_module_of_state_and_batch() -> None:
    from elman import state, types

    with pytest.warns(FormerNameWarning, match="^elman.types.Batch is now called elman.state.Batch$"):
        assert types.Batch is state.Batch
    with pytest.warns(FormerNameWarning, match="IGNORE_INDEX"):
        assert types.IGNORED == state.IGNORE_INDEX == torch.nn.CrossEntropyLoss().ignore_index
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        types.nothing  # noqa: B018


def test_the_remark_says_only_what_is_read(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    """Options of one name in two places give one remark, and present names none."""
    file = write("hidden = 3\n")
    command = ["train", "lm", str(file.with_name("absent")), "--config", str(file), "--hidden", "4", "--dry-run", "-q"]
    assert main(command) == 2
    assert len(capfd.readouterr().err.splitlines()) == 2
    assert main(["train", "lm", str(file.with_name("absent")), "--hidden-size", "4", "--dry-run", "-q"]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_options_that_are_fields_have_no_earlier_name_by_chance() -> None:
    """A former name is declared with the option: a class without it does not take it."""

    @dataclasses.dataclass(frozen=True)
    class Section:
        hidden_size: int = 3

    assert former_names(Section) == {}
