"""What every ensemble keeps to: members that train as if alone, averaged answers, folders, and exact resume."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.cli import main
from elman.data.sources import Sources
from elman.errors import ConfigError, TrainingInterrupted
from elman.nn.ensemble import Ensemble
from elman.tasks.average import average_folders
from elman.tasks.registry import built_in
from elman.tasks.run import resume_run
from elman.train import checkpoint
from elman.train.ensemble import EnsembleTraining
from elman.train.loop import Training

from .tasks import CASES, COMMON

# The forecaster has an ensemble of its own, and word vectors none.
TASKS = {name: task for name, task in built_in().items() if name not in ("forecaster", "embeddings")}
# These share their code with the others.
SLOW = ("captioner", "filler", "transcriber")
each_task = pytest.mark.parametrize(
    "task", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in TASKS]
)
MEMBERS = 2
# Options of every random mask in training: without them a member draws nothing, so that it trains as if alone.
NOT_RANDOM = {
    "dropout": 0.0,
    "input_dropout": 0.0,
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "output_dropout": 0.0,
    "vector_dropout": 0.0,
    "scheduled_sampling": 0.0,
    "time_masks": 0,
    "frequency_masks": 0,
}


@pytest.fixture(scope="module", autouse=True)
def quiet_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def model_class(task: str) -> Any:
    return TASKS[task].model_class()


def options_of(task: str) -> dict[str, Any]:
    return COMMON | CASES[task].options | {"members": MEMBERS}


class Folders(dict[str, Path]):
    """A trained ensemble of every task, made when it is first asked for."""

    def __init__(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self._tmp_path_factory = tmp_path_factory

    def __missing__(self, task: str) -> Path:
        place = self._tmp_path_factory.mktemp(task)
        files = CASES[task].write(place)
        model_class(task)(**options_of(task)).fit(files, folder=place / "model", progress=False, tune=False)
        self[task] = place / "model"
        return self[task]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory)


@each_task
def test_each_member_trains_as_if_alone(task: str, tmp_path: Path) -> None:
    """Its gradients, its clipping and its optimiser's steps are those of a run of its own on the same batches."""
    setup_class, files = model_class(task).setup_class, list(map(str, CASES[task].write(tmp_path)))
    names = set(setup_class.config_class.make("base", {}).network.__dataclass_fields__)
    still = {name: value for name, value in NOT_RANDOM.items() if name in names}

    def setup(members: int) -> Any:
        options = COMMON | CASES[task].options | still | {"members": members, "clip_norm": 0.05}
        return setup_class.open(setup_class.config_class.make("base", options), Sources(files, [], []))

    def train(made: Any) -> list[float]:
        trainer = made.trainer()
        assert isinstance(trainer, EnsembleTraining) == isinstance(made.network, Ensemble)
        return [event.loss for event in trainer.fit() if type(event).__name__ == "StepEvent"]

    together = setup(MEMBERS)
    initial = [copy.deepcopy(member.state_dict()) for member in together.network.members]
    weight = next(name for name, tensor in initial[0].items() if tensor.dim() == 2 and "weight" in name)
    assert not torch.equal(initial[0][weight], initial[1][weight]), "members differ"
    losses = train(together)
    apart = []
    for number, member in enumerate(together.network.members):
        single = setup(1)
        if not number:
            for name, tensor in single.network.state_dict().items():
                assert torch.equal(tensor, initial[0][name]), f"the first member starts as a network alone: {name}"
        single.network.load_state_dict(initial[number])
        apart.append(train(single))
        for name, tensor in single.network.state_dict().items():
            assert torch.equal(tensor, member.state_dict()[name]), name
    np.testing.assert_allclose(losses, np.mean(apart, axis=0), rtol=1e-12)


@each_task
def test_a_stopped_run_goes_on_bit_for_bit(
    task: str, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, step = CASES[task], Training._make_step

    def stopping(self: Training) -> Any:
        if self.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self)

    files = case.write(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_make_step", stopping)
        with pytest.raises(TrainingInterrupted, match="stopped by SIGTERM at step 5"):
            model_class(task)(**options_of(task)).fit(files, folder=tmp_path / "m", progress=False, tune=False)
    torch.manual_seed(1234)
    resume_run(tmp_path / "m", overrides={}, quiet=True).run()
    (resumed, _), (straight, _) = (checkpoint.load(folder) for folder in (tmp_path / "m", folders[task]))
    assert set(resumed) == set(straight)
    for name, tensor in straight.items():
        assert torch.equal(resumed[name], tensor), name
    one, other = (json.loads((folder / "elman.json").read_text()) for folder in (tmp_path / "m", folders[task]))
    assert one["metrics"] == other["metrics"]
    assert case.answers(elman.load(tmp_path / "m")) == case.answers(elman.load(folders[task]))


@each_task
def test_its_commands(task: str, folders: Folders, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder, files = str(folders[task]), list(map(str, CASES[task].write(tmp_path)))
    assert main(["evaluate", folder, *files, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)
    assert main(["info", folder]) == 0
    said = capfd.readouterr().out
    assert f"members              {MEMBERS}" in said or f"members {MEMBERS}" in " ".join(said.split())
    assert f"{MEMBERS} members" in repr(elman.load(folder)) or task == "classifier"
    shutil.copytree(folder, tmp_path / "again")
    resume = ["train", "--resume", str(tmp_path / "again"), "--max-steps", "9", "--json", "-q", "--no-tune"]
    assert main([*resume, "--no-tensorboard"]) == 0
    assert json.loads(capfd.readouterr().out)["steps"] == 9
    assert main(["average", folder, str(tmp_path / "again"), "-o", str(tmp_path / "mean")]) == 0
    one, other, mean = (elman.load(each).network.stored() for each in (folder, tmp_path / "again", tmp_path / "mean"))
    for name, tensor in mean.items():
        assert torch.allclose(tensor.double(), (one[name].double() + other[name].double()) / 2, atol=1e-6), name


@each_task
def test_a_folder_from_before_the_option_opens(task: str, tmp_path: Path) -> None:
    case = CASES[task]
    model = model_class(task)(**COMMON | case.options).fit(case.write(tmp_path), progress=False, tune=False)
    assert not isinstance(model.network, Ensemble)
    model.save(tmp_path / "m")
    path = tmp_path / "m" / "elman.json"
    described = json.loads(path.read_text())
    assert described["config"]["network"].pop("members") == 1
    path.write_text(json.dumps(described))
    assert case.answers(elman.load(tmp_path / "m")) == case.answers(model)


@each_task
def test_numbers_of_members_that_cannot_be(task: str, folders: Folders, tmp_path: Path) -> None:
    for wrong in (0, 101, 1.5, "two"):
        with pytest.raises(ConfigError, match=r"members.*Received"):
            model_class(task)(members=wrong).fit([])
    case = CASES[task]
    single = model_class(task)(**COMMON | case.options).fit(case.write(tmp_path), progress=False, tune=False)
    single.save(tmp_path / "single")
    with pytest.raises(elman.errors.ArtifactError, match=r"same options.*members \(1 and 2\)"):
        average_folders([tmp_path / "single", folders[task]])


def test_a_task_that_makes_one_network_refuses_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such as one of another package that takes the options of a task of this one."""
    setup_class = model_class("classifier").setup_class
    make = setup_class.make_network

    class Derived(setup_class):  # type: ignore[misc,valid-type]
        @staticmethod
        def make_network(config: Any, vocabulary: Any) -> Any:
            return make(dataclasses.replace(config, network=dataclasses.replace(config.network, members=1)), vocabulary)

    files = list(map(str, CASES["classifier"].write(tmp_path)))
    config = setup_class.config_class.make("base", options_of("classifier"))
    with pytest.raises(ConfigError, match="expected members=1 for a classifier, which makes no other number"):
        Derived.open(config, Sources(files, [], []))
