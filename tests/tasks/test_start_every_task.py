"""Every task starts from a trained model of its own, and goes on bit for bit without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.data.sources import Sources
from elman.tasks.registry import built_in
from elman.tasks.run import Run, resume_run
from elman.tasks.start import open_start, starting_from
from elman.train import StepEvent, checkpoint

from ..contract.tasks import CASES, COMMON

TASKS = built_in()
# Options of the network that a run from a model need not repeat.
RUN = {**COMMON, "max_steps": 6, "seed": 11}


@pytest.fixture(scope="module", autouse=True)
def quiet_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


class Trained(dict[str, tuple[list[Path], Path]]):
    """The data of every task, and the folder of a model that was trained on it."""

    def __init__(self, places: pytest.TempPathFactory) -> None:
        self._places = places

    def __missing__(self, task: str) -> tuple[list[Path], Path]:
        place = self._places.mktemp(task)
        files = CASES[task].write(place)
        options = {**COMMON, "max_steps": 4, "baseline": False, **CASES[task].options}
        TASKS[task].model_class()("base", **options).fit(files, folder=place / "model", progress=False, tune=False)
        self[task] = files, place / "model"
        return self[task]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory)


@pytest.mark.parametrize("task", list(TASKS))
def test_all_weights_and_options_are_those_of_the_source(task: str, sources: Trained) -> None:
    files, folder = sources[task]
    setup_class = TASKS[task].model_class().setup_class
    source, start = elman.load(folder), open_start(folder, setup_class)
    config = setup_class.config_class.make("base", start.options_under(RUN, where="here"), RUN)
    with starting_from(start):
        setup = setup_class.open(config, Sources(files))
    before = source.network.stored()
    assert setup.network.stored().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in setup.network.stored().items())
    assert setup.started is not None
    assert setup.started.left == sum(row[3] for row in setup.started.rows) == 0
    assert sum(row[2] for row in setup.started.rows) == sum(tensor.numel() for tensor in before.values())
    network = {name: value for name, value in vars(config.network).items() if "vectors" not in name}
    assert network == {name: value for name, value in vars(source.config.network).items() if "vectors" not in name}
    assert config.training.max_steps == 6


@pytest.mark.parametrize(
    "task", [name if name in ("classifier", "language-model") else pytest.param(name, marks=pytest.mark.slow)
             for name in TASKS]
)  # fmt: skip
def test_a_stopped_run_goes_on_without_its_source(task: str, sources: Trained, tmp_path: Path) -> None:
    files, folder = sources[task]
    model = TASKS[task].model_class()
    source = Path(shutil.copytree(folder, tmp_path / "source"))
    options: dict[str, Any] = {**RUN, "baseline": False}
    if task != "embeddings":  # whose weights are trained without torch's optimiser
        options |= {"freeze": ("embedding:0.2",), "layer_decay": 0.5}
    if task in ("forecaster", "transcriber"):
        options["freeze"] = ("1:0.2",)
    whole = model(**options).fit(files, folder=tmp_path / "whole", progress=False, tune=False, start_from=source)
    with starting_from(open_start(source, model.setup_class)):
        setup = model.setup_class.open(whole.config, Sources(files))
    run = Run(setup, folder=tmp_path / "stopped", command="", watch=setup.watch(quiet=True))
    for event in run.training.fit():
        if isinstance(event, StepEvent) and event.step == 3:
            break
    run._begin_folder(tmp_path / "stopped")
    shutil.rmtree(source)
    resume_run(tmp_path / "stopped", overrides={}, quiet=True).run()
    ends = [checkpoint.load(tmp_path / name)[0] for name in ("whole", "stopped")]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0] if not name.startswith("best."))
    records = [json.loads((tmp_path / name / "elman.json").read_text())["training"] for name in ("whole", "stopped")]
    assert records[0]["start"] == records[1]["start"]
    assert records[0]["start"]["task"] == task
    assert elman.load(tmp_path / "stopped").training["start"] == records[0]["start"]
