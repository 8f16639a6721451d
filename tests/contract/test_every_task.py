"""What every task keeps to: its options, its class, its folder, its commands, and runs that go on bit for bit."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.cli import main
from elman.data.sources import Sources
from elman.errors import ArtifactError, ConfigError, TrainingInterrupted
from elman.options import Sections, fields_of, flat_fields
from elman.tasks.endpoint import EndpointOptions
from elman.tasks.registry import built_in
from elman.tasks.run import resume_run
from elman.train import checkpoint
from elman.train.loop import Training

from .tasks import CASES, COMMON

TASKS = built_in()
each_task = pytest.mark.parametrize("task", list(TASKS))
# One task by default, the others where slow tests run.
each_task_slowly = pytest.mark.parametrize(
    "task", [name if name == "tagger" else pytest.param(name, marks=pytest.mark.slow) for name in TASKS]
)


def model_class(task: str) -> Any:
    return TASKS[task].model_class()


# What may stand in a folder in place of a value, and must never do worse than be refused.
JUNK: list[Any] = [None, True, -1, 10**40, 0.5, "", "junk", [], [[]], {}, {"junk": 1}, [1, "a"]]


@pytest.fixture(scope="module", autouse=True)
def quiet_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


class Folders(dict[str, Path]):
    """A trained model of every task, made when it is first asked for."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._tmp_path_factory = tmp_path_factory

    def __missing__(self, task: str) -> Path:
        case, place = CASES[task], self._tmp_path_factory.mktemp(task)
        files = case.write(place)
        model_class(task)(**COMMON | case.options).fit(files, folder=place / "model", progress=False, tune=False)
        self[task] = place / "model"
        return self[task]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory)


def test_every_task_is_tested_here() -> None:
    assert set(CASES) == set(TASKS)


@each_task
def test_a_task_has_a_public_class_and_options(task: str) -> None:
    made = model_class(task)
    name = TASKS[task].class_name
    assert getattr(elman, name) is made
    assert name in elman.__all__
    for method in ("fit", "evaluate", "save", "load"):
        assert getattr(made, method).__doc__, f"{name}.{method}"
    config = TASKS[task].config_class()
    assert issubclass(config, Sections)
    assert {"training", "network"} <= set(config.sections())
    names = Counter(name for kind in config.sections().values() for name in fields_of(kind))
    assert max(names.values()) == 1, f"the same option in two sections: {names.most_common(1)}"
    for kind in config.sections().values():
        assert all(field.metadata["help"] for field, _ in fields_of(kind).values())
    for preset in config.presets:
        options = config.make(preset)
        assert config.from_json(json.loads(json.dumps(options.to_json())), "here") == options
    assert "base" in config.presets


@each_task
def test_a_run_ends_with_a_verdict(task: str, folders: Folders) -> None:
    described = json.loads((folders[task] / "elman.json").read_text())
    verdict = described["metrics"]["verdict"]
    assert verdict["outcome"] in ("better", "even", "worse")
    assert verdict["best"] in verdict["rules"]
    assert verdict["items"] >= 1
    assert verdict["low"] <= verdict["difference"] <= verdict["high"]
    assert 0.0 < verdict["chance"] <= 1.0
    assert verdict["sentence"] in (folders[task] / "README.md").read_text().replace("\\|", "|")
    assert described["training"]["options"]["baseline"] is True


@each_task
def test_options_that_a_verdict_advises_are_there(task: str) -> None:
    described = TASKS[task]
    module = importlib.import_module(f"{described.package}.baselines")
    advice = " ".join(value for name, value in vars(module).items() if name.startswith("_ADVICE"))
    assert "more time" in advice
    given = re.findall(r"--([a-z-]+) (\w+(?:\.\d+)?)", advice)
    options = {name.replace("-", "_"): value for name, value in given}
    preset = options.pop("preset", "base")
    described.config_class().make(preset, {name: value_of(value) for name, value in options.items()})


def value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@each_task
def test_its_description_is_true(task: str) -> None:
    described = TASKS[task]
    setup = model_class(task).setup_class
    assert setup.task == task
    assert setup.config_class is described.config_class()
    assert setup.noun == described.data.noun
    assert setup.caches == bool(described.data.cache)
    for endpoint in described.endpoints:
        options = described.load(endpoint.options)
        assert issubclass(options, EndpointOptions)
        fields = flat_fields(options)
        assert all(field.metadata["help"] for field, _, _ in fields.values())
        of_a_machine = {name for name, (_, hint, _) in fields.items() if "Path" in str(hint)}
        assert all(fields[name][0].metadata["local"] for name in of_a_machine), endpoint.verb
        assert callable(described.load(endpoint.answer))
    if described.facts:
        assert callable(described.load(described.facts))
    with pytest.raises(ConfigError, match=r"expected \.model:Nothing in elman\.tasks"):
        described.load(".model:Nothing")


def test_options_that_tasks_share_are_the_same_in_all() -> None:
    seen: dict[tuple[str, str], tuple[str, Any]] = {}
    for described in TASKS.values():
        for endpoint in described.endpoints:
            for name, (field, hint, _) in flat_fields(described.load(endpoint.options)).items():
                declared = (field.metadata["help"], hint)
                assert seen.setdefault((endpoint.verb, name), declared) == declared, (described.name, name)


@each_task
def test_options_and_models_that_are_not_there_are_reported(task: str) -> None:
    made = model_class(task)
    case = CASES[task]
    wrong, right = ("embeding", "embedding") if task == "embeddings" else ("hiden", "hidden_size")
    with pytest.raises(ConfigError, match=rf"'{wrong}'.*Did you mean '{right}'\?"):
        made(**COMMON | case.options, **{wrong: 3}).fit([])
    with pytest.raises(ConfigError, match=r"call fit\(\)"):
        case.answers(made(**COMMON | case.options))
    with pytest.raises(ArtifactError, match="no model"):
        made.load("no-such-folder")


@each_task
def test_a_model_answers_the_same_wherever_it_comes_from(task: str, folders: Folders, tmp_path: Path) -> None:
    case = CASES[task]
    model = model_class(task)(**COMMON | case.options)
    assert TASKS[task].class_name in repr(model)
    before = repr(model)
    assert model.fit(case.write(tmp_path), progress=False, tune=False) is model
    assert repr(model) != before or task == "classifier"  # whose repr is scikit-learn's: how to make it again
    answers = case.answers(model)
    model.save(tmp_path / "saved")
    for folder in (tmp_path / "saved", folders[task]):
        loaded = elman.load(folder)
        assert type(loaded) is model_class(task)
        assert case.answers(loaded) == answers, folder
        assert repr(loaded) == repr(model)


@each_task
def test_a_stopped_run_goes_on_bit_for_bit(
    task: str, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[task]
    files = case.write(tmp_path)
    step = Training._make_step

    def stopping(self: Training) -> Any:
        if self.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_make_step", stopping)
        with pytest.raises(TrainingInterrupted, match="stopped by SIGTERM at step 5"):
            model_class(task)(**COMMON | case.options).fit(files, folder=tmp_path / "m", progress=False, tune=False)
    torch.manual_seed(1234)
    resume_run(tmp_path / "m", overrides={}, quiet=True).run()
    resumed, _ = checkpoint.load(tmp_path / "m")
    straight, _ = checkpoint.load(folders[task])
    assert set(resumed) == set(straight)
    for name, tensor in straight.items():
        assert torch.equal(resumed[name], tensor), name
    one, other = (json.loads((folder / "elman.json").read_text()) for folder in (tmp_path / "m", folders[task]))
    assert one["metrics"] == other["metrics"]
    assert case.answers(elman.load(tmp_path / "m")) == case.answers(elman.load(folders[task]))


@each_task
def test_callbacks_read_a_run_and_stop_it(task: str, folders: Folders, tmp_path: Path) -> None:
    case = CASES[task]
    files = case.write(tmp_path)
    steps: list[int] = []

    def read(event: Any) -> None:
        event.network.eval()
        torch.rand(3)
        steps.extend([event.step] * isinstance(event, elman.StepEvent))

    def stop(event: Any) -> None:
        if isinstance(event, elman.StepEvent) and event.step == 4:
            event.stop()

    def trained(name: str, on_event: Any) -> dict[str, torch.Tensor]:
        model = model_class(task)(**COMMON | case.options)
        model.fit(files, folder=tmp_path / name, progress=False, tune=False, on_event=on_event)
        return checkpoint.load(tmp_path / name)[0]

    one, other = trained("read", read), checkpoint.load(folders[task])[0]
    assert steps == list(range(1, 9))
    assert all(torch.equal(one[name], other[name]) for name in other)
    trained("stopped", stop)
    described = json.loads((tmp_path / "stopped" / "elman.json").read_text())
    assert described["metrics"]["stopped"] == "stopped by a callback"
    assert described["metrics"]["verdict"]
    assert described["training"]["steps"] == 4
    case.answers(elman.load(tmp_path / "stopped"))
    with pytest.raises(ConfigError, match="expected on_event to be a function"):
        model_class(task)(**COMMON | case.options).fit(files, on_event=3)


@each_task
def test_steps_that_are_tried_change_nothing(
    task: str, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[task]
    step = Training._make_step
    tried = []

    def trying(self: Training) -> Any:
        if self.step in (0, 4) and self.step not in tried:
            tried.append(self.step)
            with self.trial() as make:
                for _ in range(3):
                    make()
        return step(self)

    monkeypatch.setattr(Training, "_make_step", trying)
    model_class(task)(**COMMON | case.options).fit(
        case.write(tmp_path), folder=tmp_path / "m", progress=False, tune=False
    )
    assert tried == [0, 4]
    (found, facts), (straight, others) = (checkpoint.load(folder) for folder in (tmp_path / "m", folders[task]))
    assert set(found) == set(straight)
    for name, tensor in straight.items():
        assert torch.equal(found[name], tensor), name
    assert {**facts, "seconds": 0, "inputs": 0} == {**others, "seconds": 0, "inputs": 0}


# What has fewer than eight rows, where `answers` has more: hypotheses of a search, or sampled paths of a forecast.
FEW_ROWS: dict[str, Callable[[Any], Any]] = {
    "forecaster": lambda model: model.forecast(horizon=1),
    "translator": lambda model: (model.translate(["die kuh"]), model.score(["die kuh"], ["the cow"])),
    "captioner": lambda model: (model.caption([[0.5, 0.1, 1.0]]), model.score([[0.5, 0.1, 1.0]], ["a bar"])),
}


@each_task
def test_a_prediction_of_few_rows_uses_one_thread(task: str, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = elman.load(folders[task]), set()
    pack = getattr(model.network, "packed_advance", None)  # of the weights of the output, at the first search
    if pack is not None:
        monkeypatch.setattr(
            type(model.network),
            "packed_advance",
            lambda *given, **options: seen.add(torch.get_num_threads()) or pack(*given[1:], **options),
        )
    hook = torch.nn.modules.module.register_module_forward_pre_hook(lambda *_: seen.add(torch.get_num_threads()))
    try:
        torch.set_num_threads(2)
        FEW_ROWS.get(task, CASES[task].answers)(model)
        assert torch.get_num_threads() == 2
    finally:
        hook.remove()
        torch.set_num_threads(1)
    # Word vectors are looked up, without a module of torch.
    assert seen == (set() if task == "embeddings" else {1})


@each_task_slowly
def test_a_killed_save_leaves_the_earlier_model(
    task: str, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever saving stops, weights and description belong together."""
    shutil.copytree(folders[task], tmp_path / "model")
    model = elman.load(tmp_path / "model")
    answers, metrics = CASES[task].answers(model), model.metrics
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.add_(0.5)
    model.metrics = {"valid": {"loss": 123.0}}
    monkeypatch.setattr("elman.tasks.model.artifact.write", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        model.save(tmp_path / "model")
    kept = elman.load(tmp_path / "model")
    assert kept.metrics == metrics
    assert CASES[task].answers(kept) == answers


@pytest.mark.parametrize("task", [name for name, described in TASKS.items() if described.data.valid])
def test_data_of_its_own_leaves_the_training_data_whole(task: str, tmp_path: Path) -> None:
    """Nothing is cut from the training data once validation or test data is given, unless an option asks for it."""
    case, setup_class = CASES[task], model_class(task).setup_class
    files = [str(file) for file in case.write(tmp_path)]
    plain = {name: value for name, value in case.options.items() if name not in ("split", "held_out")}

    def sizes(valid: list[str], test: list[str], **options: Any) -> tuple[list[int | None], list[str]]:
        config = setup_class.config_class.make("base", COMMON | plain | options)
        setup = setup_class.open(config, Sources(files, valid, test))
        parts = (setup.parts.train, setup.parts.valid, setup.parts.test)
        return [None if part is None else len(part) for part in parts], setup.notes()

    names = {name for kind in setup_class.config_class.sections().values() for name in fields_of(kind)}
    nothing, some = (
        ({"split": (1.0, 0.0, 0.0)}, {"split": (0.7, 0.3, 0.0)})
        if "split" in names
        else (
            {"held_out": 0.0},
            {"held_out": 0.3},
        )
    )
    (whole, *others), _ = sizes([], [], **nothing)
    assert others == [None, None]
    assert whole is not None
    assert sizes(files, [])[0] == [whole, whole, None]
    assert sizes(files, files)[0] == [whole, whole, whole]
    found, notes = sizes([], files)
    assert found == [whole, None, whole]
    assert any("no validation data" in note for note in notes)
    (train, valid, test), notes = sizes([], files, **some)
    assert train is not None
    assert train < whole == test
    assert valid
    assert not any("no validation data" in note for note in notes)
    usual = sizes([], [])[0]
    assert usual[0] is not None
    assert usual[0] < whole, "by default, something is held out for validation"


@each_task
def test_other_data_is_not_gone_on_with(task: str, tmp_path: Path) -> None:
    case = CASES[task]
    files = case.write(tmp_path)
    folder = tmp_path / "m"
    model_class(task)(**COMMON | case.options).fit(files, folder=folder, progress=False, tune=False)
    content = files[0].read_text()
    for change in (content.replace("dog", "cow").replace("fine", "fair").replace("10.", "11."), ""):
        files[0].write_text(change)
        with pytest.raises(elman.errors.DataError):
            resume_run(folder, overrides={"max_steps": 9}, quiet=True)


@each_task
def test_a_cache_is_only_for_tasks_that_keep_something(task: str, folders: Folders, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    shutil.copytree(folders[task], folder)
    resume = partial(resume_run, folder, overrides={}, quiet=True, cache=tmp_path / "c")
    if TASKS[task].data.cache:
        assert resume()
        return
    with pytest.raises(ConfigError, match=f"expected no cache for a {task}"):
        resume()


def every_place(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside a JSON value, those of long lists by their first entry alone."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from every_place(item, (*path, key))
    elif isinstance(value, list) and value:
        yield (*path, 0)
        yield from every_place(value[0], (*path, 0))


def with_junk(document: Any, path: tuple[Any, ...], junk: Any) -> Any:
    changed = json.loads(json.dumps(document))
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = junk
    return changed


@each_task_slowly
def test_a_folder_with_junk_in_it_is_refused_or_harmless(task: str, folders: Folders, tmp_path: Path) -> None:
    """Whatever value is replaced: either the model opens, or the error is an ArtifactError."""
    folder = tmp_path / "m"
    shutil.copytree(folders[task], folder, ignore=shutil.ignore_patterns("tensorboard", "training", "*.png"))
    refused = 0
    for name, keys in (("vocabulary.json", None), ("elman.json", ("config", "training"))):
        document = json.loads((folder / name).read_text())
        for number, path in enumerate(every_place(document)):
            if keys is not None and path[0] not in keys:
                continue
            for junk in JUNK[number % 3 :: 3]:
                (folder / name).write_text(json.dumps(with_junk(document, path, junk)))
                try:
                    elman.load(folder)
                except ArtifactError:
                    refused += 1
                except Exception as error:
                    pytest.fail(f"{name}: {path} = {junk!r} gave {type(error).__name__}: {error}")
        (folder / name).write_text(json.dumps(document))
    assert refused > 20
    elman.load(folder)


@each_task
def test_its_commands(task: str, folders: Folders, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    case = CASES[task]
    files = list(map(str, case.write(tmp_path)))
    flags = [
        word
        for name, value in (COMMON | case.options).items()
        for word in (
            f"--{name.replace('_', '-')}",
            ",".join(map(str, value)) if isinstance(value, tuple) else str(value),
        )
    ]
    folder = str(tmp_path / "model")
    quiet = ["-q", "--no-tune", "--no-tensorboard"]
    assert main(["train", case.command, *files, "--dry-run", "--json", *quiet, *flags]) == 0
    plan = json.loads(capfd.readouterr().out)
    assert plan["steps"] == 8
    assert plan["parameters"] > 0
    assert not Path(folder).exists()
    assert main(["train", case.command, *files, "-o", folder, *quiet, *flags]) == 0
    assert f"model: {folder}" in capfd.readouterr().out
    assert {"elman.json", "weights.safetensors", "README.md", "loss.png", "history.csv"} <= set(os.listdir(folder))
    assert "validation" not in (Path(folder) / "README.md").read_text().partition("elman ")[0]
    assert case.answers(elman.load(folder)) == case.answers(elman.load(folders[task]))
    few = ["--limit", "4"] if task == "forecaster" else []  # its last steps: it has seen all the others
    assert main(["evaluate", folder, *files, "--json", *few]) == 0
    assert json.loads(capfd.readouterr().out)
    assert main(["info", folder]) == 0
    assert task in capfd.readouterr().out
    assert main(["train", "--resume", folder, "--max-steps", "9", "--json", *quiet]) == 0
    assert json.loads(capfd.readouterr().out)["steps"] == 9
    assert main(["train", case.command, *files, "-o", folder, *quiet, *flags]) == 2
    assert "expected a folder without a model" in capfd.readouterr().err
    assert main(["train", case.command, str(tmp_path / "missing.csv"), "-o", folder + "2", *quiet, *flags]) == 2
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert "missing.csv" in said[0]
