"""Every task trains on a GPU as it does on the CPU: the same first losses, a model that both devices can use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.options import fields_of
from elman.tasks.registry import built_in
from elman.train.events import StepEvent
from elman.train.loop import Training

from .tasks import CASES, COMMON

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
    # cuDNN copies the weights of a layer at every call, since they are separate parameters of a cell.
    pytest.mark.filterwarnings("ignore:RNN module weights are not part of single contiguous chunk"),
]


# Options whose draws differ between devices.
RANDOM = (
    "dropout", "input_dropout", "embedding_dropout", "word_dropout", "output_dropout", "vector_dropout",
    "recurrent_dropout", "weight_drop", "noise", "scheduled_sampling", "time_masks", "frequency_masks",
)  # fmt: skip


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The losses of the steps of every run from now on."""
    found: list[float] = []
    fit = Training.fit

    def recorded(training: Any) -> Iterator[Any]:
        for event in fit(training):
            if isinstance(event, StepEvent):
                found.append(event.loss)
            yield event

    monkeypatch.setattr(Training, "fit", recorded)
    return found


@pytest.mark.parametrize("task", list(built_in()))
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_task_on_a_gpu(
    task: str, precision: str, tmp_path: Path, losses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    case, kind = CASES[task], built_in()[task].model_class()
    known = {name for section in built_in()[task].config_class().sections().values() for name in fields_of(section)}
    options = (
        COMMON | case.options | {name: 0 for name in RANDOM if name in known} | {"seed": 3, "precision": precision}
    )
    files = case.write(tmp_path)
    kind(**options | {"max_steps": 1}).fit(files, progress=False, tune=False)
    on_cpu = losses[:]
    losses.clear()
    model = kind(**options | {"device": "cuda"}).fit(files, folder=tmp_path / "model", progress=False, tune=False)
    assert next(model.network.parameters()).is_cuda
    assert all(map(math.isfinite, losses))
    assert losses[0] == pytest.approx(on_cpu[0], rel=1e-4 if precision == "float32" else 2e-2)
    assert case.answers(model)
    limits = {"steps": 4} if task == "forecaster" else {}
    measured = model.evaluate(files, **limits)
    again = elman.load(tmp_path / "model").evaluate(files, **limits)
    assert measured.keys() == again.keys()
    for name, value in measured.items():
        if isinstance(value, float):
            assert again[name] == pytest.approx(value, rel=5e-2, abs=2e-2), name
