"""Names of earlier versions that a user could have typed: all of them work, with one remark."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import nn
from elman.cells import GRU, make
from elman.cli import main
from elman.cli.flags import flags_of
from elman.data import BPTTBatches, WordVocabulary, learn_vocabulary
from elman.errors import ConfigError, FormerNameWarning
from elman.kernels.output_product import PackedOutput, why_not
from elman.nn.recurrent import check_cell, present_cell_options
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import fields_of, former_names, option, present_names
from elman.tasks.average import average_folders
from elman.tasks.language_model.setup import LanguageModelSetup
from elman.tasks.registry import built_in, find
from elman.tasks.setup import Setup
from elman.train import TrainConfig

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
    "filler": {"average": ALL_TASKS["average"], **WORDS},
    "embeddings": {"average": ("ema_decay", 0.0), **WORDS},
}
# What some options need with them.
NEEDS: dict[tuple[str, str], dict[str, str]] = {
    ("forecaster", "counted"): {"mode": "direct"},
    ("captioner", "score"): {"attention": "luong"},
}
EACH = [(task, former, *names) for task, options in OPTIONS.items() for former, names in options.items()]
each_option = pytest.mark.parametrize(("task", "former", "name", "value"), EACH)
# The options of one task by default, the others where slow tests run.
each_option_slowly = pytest.mark.parametrize(
    ("task", "former", "name", "value"),
    [case if case[0] == "forecaster" else pytest.param(*case, marks=pytest.mark.slow) for case in EACH],
)

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


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The options of every run that is begun from now on."""
    found: list[Any] = []
    check = Setup.check.__func__  # type: ignore[attr-defined]

    def record(cls: type[Any], config: Any) -> None:
        found.append(config)
        check(cls, config)

    monkeypatch.setattr(Setup, "check", classmethod(record))
    return found


@each_option_slowly
def test_an_option_on_the_command_line(
    task: str, former: str, name: str, value: Any, write: Write, capfd: pytest.CaptureFixture[str], checked: list[Any]
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
    assert [given_under(config, name) for config in checked] == [value]
    assert f"--{flag} " not in help_of(command[1], capfd)


def help_of(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    main(["train", command, "--help"])
    return capfd.readouterr().out


@each_option_slowly
def test_an_option_in_a_toml_file(
    task: str, former: str, name: str, value: Any, write: Write, capfd: pytest.CaptureFixture[str], checked: list[Any]
) -> None:
    options = {former: value, **NEEDS.get((task, former), {})}
    file = write("".join(f"{option} = {json.dumps(setting)}\n" for option, setting in options.items()))
    command = ["train", find(task).train_command, str(file.with_name("absent")), "--config", str(file)]
    assert main([*command, "--dry-run", "--quiet"]) == 2
    first, last = capfd.readouterr().err.splitlines()
    assert first == f"elman: the option '{former}' is now called '{name}'"
    assert "there is no such file" in last
    assert [given_under(config, name) for config in checked] == [value]


@each_option
def test_an_option_of_a_model_folder(task: str, former: str, name: str, value: Any) -> None:
    """Files of earlier versions are read without a remark."""
    kind = find(task).config_class()
    stored = kind.make("base").to_json()
    section = next(section for section, values in stored.items() if name in values)
    values = {former if key == name else key: value if key == name else own for key, own in stored[section].items()}
    config = kind.from_json({**stored, section: values}, "elman.json")
    assert given_under(config, name) == value


def test_a_choice(write: Write, capfd: pytest.CaptureFixture[str], checked: list[Any]) -> None:
    """The regression of a classifier was `kind="score"`."""
    with pytest.warns(FormerNameWarning, match="^the option kind='score' is now called kind='regression'$"):
        model = elman.Classifier(kind="score")
    assert (model.kind, model.config.target.kind) == ("regression", "regression")
    values = {**model.config.to_json(), "target": {**model.config.to_json()["target"], "kind": "score"}}
    assert type(model.config).from_json(values, "elman.json").target.kind == "regression"
    file = write('kind = "score"\n')
    command = ["train", "classifier", str(file.with_name("absent")), "--dry-run", "-q"]
    for words in (["--kind", "score"], ["--config", str(file)]):
        assert main([*command, *words]) == 2
        first, last = capfd.readouterr().err.splitlines()
        assert first == "elman: the option kind='score' is now called kind='regression'"
        assert "there is no such file" in last
        assert checked.pop().target.kind == "regression"
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
    with pytest.raises(ConfigError, match="expected the option hidden_size once"):
        ElmanForecaster("small", hidden=5).set_params(hidden_size=8).fit(y)
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


def test_a_section_of_options() -> None:
    """Options as classes, as the pages on training use them: earlier names are accepted, and can be read."""
    with pytest.warns(FormerNameWarning, match="^the option 'average' is now called 'ema_decay'$") as warned:
        config = TrainConfig(average=0.5, max_steps=3)
    assert (config.ema_decay, config.max_steps) == (0.5, 3)
    assert warned[0].filename == __file__, "the warning names the line that is to be changed"
    with pytest.warns(FormerNameWarning):
        assert config.average == 0.5  # type: ignore[attr-defined]
    model = elman.LanguageModel(hidden_size=9)
    with pytest.warns(FormerNameWarning):
        assert model.config.network.hidden == 9
    assert pickle.loads(pickle.dumps(config)) == copy.deepcopy(config) == config
    assert not hasattr(config, "nothing")
    with pytest.raises(ConfigError, match="expected the option ema_decay once"):
        dataclasses.replace(config, average=0.25)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        TrainConfig(nothing=1)


KEYWORDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "score": (lambda **named: nn.Attention(query_size=4, memory_size=4, **named), {"score": "dot"}),
    "letters": (lambda **named: nn.CharacterEncoder(embedding=3, hidden_size=2, **named), {"letters": 5}),
    "hidden": (lambda **named: nn.CharacterEncoder(5, embedding=3, **named), {"hidden": 2}),
    "lanes": (lambda **named: BPTTBatches(np.arange(50), length=4, end_id=1, **named), {"lanes": 2}),
    "tokeniser": (lambda **named: WordVocabulary(["a"], **named), {"tokeniser": "whitespace"}),
    "scan": (lambda **named: PackedOutput(torch.ones(8, 4), torch.zeros(8), **named), {"scan": "float32"}),
}


@pytest.mark.parametrize("former", list(KEYWORDS))
def test_an_argument_of_a_public_class(former: str) -> None:
    if former == "scan" and why_not(torch.ones(8, 4), torch.zeros(8)) is not None:
        pytest.skip(f"no packed output here: {why_not(torch.ones(8, 4), torch.zeros(8))}")
    make_one, named = KEYWORDS[former]
    with pytest.warns(FormerNameWarning, match=f"^the option '{former}' is now called '"):
        make_one(**named)


@pytest.mark.parametrize(
    ("module", "former"),
    [
        ("elman.train.events", "Stepped"),
        ("elman.recurrence", "Request"),
        ("elman.data.stream", "Lanes"),
        ("elman.decode.sampling", "Sampling"),
        ("elman.nn.decoder", "StartState"),
        ("elman.tasks.endpoint", "Conversation"),
        ("elman.kernels.output_product", "SCANS"),
    ],
)
def test_a_name_of_a_module(module: str, former: str) -> None:
    with pytest.warns(FormerNameWarning, match=f"^{module}.{former} is now called "):
        assert getattr(importlib.import_module(module), former) is not None


def test_fields_of_the_best_tokens() -> None:
    if why_not(torch.ones(8, 4), torch.zeros(8)) is not None:
        pytest.skip("no packed output here")
    found = PackedOutput(torch.ones(8, 4), torch.zeros(8), "float32").best(torch.ones(1, 4), 3, 0)
    with pytest.warns(FormerNameWarning, match="^TopTokens.tokens_NC is now called tokens_NK$"):
        assert found.tokens_NC is found.tokens_NK
    assert not hasattr(found, "nothing")


def test_both_names_are_refused_everywhere() -> None:
    with pytest.raises(ConfigError, match="expected the option chrono_init once"):
        make("lstm", 2, 3, memory=9, chrono_init=3)
    with pytest.raises(ConfigError, match="expected the option tokenizer once"):
        learn_vocabulary({"kind": "words", "tokeniser": "whitespace", "tokenizer": "regex"}, ["a"])
    model = elman.LanguageModel(cell="gru", cell_options={"memory": 9, "chrono_init": 3})
    with pytest.raises(ConfigError, match="gru: expected the option chrono_init once"):
        model.setup_class.make_smallest_network(model.config)


class OwnMemory(GRU):
    """A cell of another package whose own option has an earlier name of its base class."""

    name = "own-memory"

    def __init__(self, input_size: int, hidden_size: int, *, memory: int = 5, **options: Any) -> None:
        super().__init__(input_size, hidden_size, **options)
        self.own = memory


def test_an_own_option_of_a_derived_cell_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.nn.recurrent.cell_class", lambda name: OwnMemory)
    assert present_cell_options("own-memory", {"memory": 7}) == {"memory": 7}
    check_cell("own-memory", {"memory": 7})
    cell = OwnMemory(2, 3, memory=7)
    assert (cell.own, cell.chrono_init) == (7, 0)


@dataclasses.dataclass(frozen=True)
class OwnNetworkConfig(RecurrentConfig):
    """The network of a task of another package, with its own option of an earlier name."""

    hidden: int = option(7, "units")


def test_an_own_option_of_a_task_keeps_its_name() -> None:
    assert "hidden" not in former_names(OwnNetworkConfig)
    assert present_names({"hidden": 3}, (OwnNetworkConfig,), warn=True) == {"hidden": 3}
    assert OwnNetworkConfig(hidden=3).hidden == 3
    flags_of(OwnNetworkConfig, "Network", 1, OwnNetworkConfig())


def test_methods_of_a_task_under_earlier_names_are_called() -> None:
    with pytest.warns(FormerNameWarning, match="^the method 'settle_config' of Settled is"):

        class Settled(LanguageModelSetup):
            def settle_config(self, config: Any) -> Any:
                raise ConfigError("settled")

    with pytest.raises(ConfigError, match="settled"):
        Settled(elman.LanguageModel(max_steps=1).config, None)  # type: ignore[arg-type]


def test_a_model_that_an_earlier_version_pickled() -> None:
    """Options of a model that is not trained get their present names."""
    state = {**vars(elman.Classifier(hidden_size=5)), "hidden": 5}
    del state["hidden_size"]
    model = elman.Classifier.__new__(elman.Classifier)
    model.__setstate__(state)
    assert model.get_params()["hidden_size"] == 5
    tagger = elman.Tagger.__new__(elman.Tagger)
    tagger.__setstate__({**vars(elman.Tagger()), "_options": {"hidden": 5}})
    assert tagger.get_params()["hidden_size"] == 5
    assert pickle.loads(pickle.dumps(elman.Tagger(hidden_size=6))).get_params()["hidden_size"] == 6


def test_what_a_classifier_has_learnt() -> None:
    model = elman.Classifier("small", hidden_size=3, max_steps=1, threads=1, device="cpu")
    with pytest.raises(ConfigError, match="expected a model that is trained"), pytest.warns(FormerNameWarning):
        model.fitted  # noqa: B018
    model.fit(np.eye(8), ["a", "b"] * 4, progress=False, tune=False)
    with pytest.warns(FormerNameWarning, match=r"^Classifier\.fitted is now called Classifier\.vocabulary$"):
        fitted = model.fitted
    assert fitted.encoder is model.vocabulary.encoder
    assert fitted.names == ("a", "b")
    assert fitted.network is model.network
    assert (fitted.config, fitted.metrics) == (model.config, model.metrics)
    assert not hasattr(fitted, "nothing")


def test_models_of_two_versions_are_averaged(tmp_path: Path) -> None:
    """A golden model has earlier names of options; written again, it has the present ones."""
    folder = Path(__file__).parent / "golden" / "models" / "tagger"
    elman.load(folder).save(tmp_path / "again")
    averaged = average_folders([folder, tmp_path / "again"])
    found, expected = averaged.network.state_dict(), elman.load(folder).network.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_trained_model_has_present_names_of_cell_options(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("a b c d e\n" * 50, encoding="utf-8")
    options = {"cell": "gru", "cell_options": {"memory": 9}, "hidden_size": 3, "embedding": 2, "max_steps": 1}
    model = elman.LanguageModel(**options, threads=1, device="cpu")
    model.fit(file, folder=tmp_path / "m", progress=False, tune=False)
    stored = json.loads((tmp_path / "m" / "elman.json").read_text(encoding="utf-8"))
    assert stored["config"]["network"]["cell_options"] == {"chrono_init": 9}


def test_the_command_line_in_another_thread_leaves_warnings_alone(write: Write) -> None:
    usual = warnings.showwarning
    words = ["train", "lm", str(write("x").with_name("absent")), "--hidden-size", "3", "--dry-run", "-q"]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: main(words), range(8))) == [2] * 8
    assert warnings.showwarning is usual
