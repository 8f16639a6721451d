"""Models that earlier code wrote open, answer as they did then, and are written again as they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import elman
from elman.options import fields_of, former_names, present_names
from elman.tasks.registry import find

from .cases import CASES
from .make import ANSWERS, DATA, MODELS, WITH_HISTORY, asked, evaluated, info_keys, trained
from .plain import differences, keys_of

# Figures that folders of earlier code lack.
OF_UNKNOWN = ("unknown_share", "perplexity_known")

each_model = pytest.mark.parametrize("name", list(CASES))


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recorded(name: str) -> dict:
    return json.loads((MODELS / name / ANSWERS).read_text(encoding="utf-8"))


def described(folder: Path) -> dict:
    return json.loads((folder / "elman.json").read_text(encoding="utf-8"))


def present(description: dict) -> dict:
    """What `elman.json` holds, with options under the names that they have now, and those that it lacks."""
    stored = {**description["config"], "training": description["training"]["options"]}
    options = find(description["task"]).config_class().from_json(stored, "a golden model")
    training = description["training"] | {"options": options.to_json()["training"]}
    return description | {"config": options.stored(), "training": training}


def present_card(text: str, task: str) -> list[str]:
    """The sorted lines of a model card, with options under the names that they have now."""
    for section, kind in find(task).config_class().sections().items():
        for former, name in former_names(kind).items():
            text = text.replace(f"`{section}.{former}`", f"`{section}.{name}`")
            text = text.replace(f"`options.{former}`", f"`options.{name}`")
        for name, (field, _) in fields_of(kind).items():
            for former, choice in field.metadata["former_choices"].items():
                text = text.replace(f"`{section}.{name}` | `{former}`", f"`{section}.{name}` | `{choice}`")
    return sorted(text.splitlines())


def earlier_card(text: str, description: dict) -> list[str]:
    """The sorted lines of a new model card that a golden one has: without later options and the cell in the title."""
    stored = {**description["config"], "training": description["training"]["options"]}
    for section, kind in find(description["task"]).config_class().sections().items():
        if section in stored:
            later = fields_of(kind).keys() - present_names(stored[section], (kind,), warn=False).keys()
            shown = "options" if section == "training" else section
            text = "\n".join(
                line
                for line in text.splitlines()
                if not line.startswith(tuple(f"| `{shown}.{name}` " for name in later))
            )
    return sorted(without_cell(text).splitlines())


def without_cell(card: str) -> str:
    """A model card without the cell in its title, which those of earlier code lack."""
    return re.sub(r"^(# [^(\n]+) \(`.*`\)$", r"\1", card, flags=re.MULTILINE)


def lines(expected: object, received: object) -> str:
    """All differences as lines; empty when there are none."""
    return "\n".join(differences(expected, received))


def test_every_task_has_a_golden_model() -> None:
    classes = {name for name in elman.__all__ if name[0].isupper() and not name.endswith("Event")}
    assert {case.kind for case in CASES.values()} == classes
    assert {path.name for path in MODELS.iterdir()} == set(CASES)


def test_golden_models_are_small() -> None:
    sizes = {name: sum(path.stat().st_size for path in (MODELS / name).rglob("*")) for name in CASES}
    assert max(sizes.values()) < 40_000, sizes


@each_model
def test_a_golden_model_answers_as_it_did(name: str) -> None:
    known = recorded(name)
    model = elman.load(MODELS / name)
    assert type(model) is getattr(elman, known["class"])
    assert lines(known["answers"], asked(CASES[name], model)) == ""


@each_model
def test_the_commands_say_what_they_did(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    known = recorded(name)
    figures = evaluated(known["evaluate"], MODELS / name)
    kept = {key: value for key, value in figures.items() if key not in OF_UNKNOWN or key in known["figures"]}
    assert lines(known["figures"], kept) == ""
    assert info_keys(MODELS / name) == known["info_keys"]
    assert "error" not in capfd.readouterr().err


@each_model
def test_a_golden_model_is_written_as_it_was(name: str, tmp_path: Path) -> None:
    elman.load(MODELS / name).save(tmp_path / "again")
    before, after = present(described(MODELS / name)), described(tmp_path / "again")
    assert len(after.pop("weights_digest")) == 64
    before.pop("weights_digest", None)  # which folders of earlier code lack
    assert list(before) == list(after)
    assert before | {"elman": ""} == after | {"elman": ""}  # a run writes "training" in another order
    texts = [
        [(folder / file).read_text(encoding="utf-8") for folder in (MODELS / name, tmp_path / "again")]
        for file in ("vocabulary.json", "README.md")
    ]
    assert json.loads(texts[0][0]) == json.loads(texts[0][1])
    card, new_card = (
        present_card(without_cell(texts[1][0]), before["task"]),
        earlier_card(texts[1][1], described(MODELS / name)),
    )
    assert lines(card, new_card) == ""
    weights = load_file(tmp_path / "again" / "weights.safetensors")
    golden = load_file(MODELS / name / "weights.safetensors")
    assert list(weights) == list(golden)
    for key, tensor in golden.items():
        assert torch.equal(weights[key], tensor), key


@each_model
def test_a_new_run_writes_the_same_keys(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    trained(CASES[name], folder / DATA, folder, max_steps=2)
    new, golden_model = described(folder), present(described(MODELS / name))
    assert {"weights_digest", "metrics"} <= set(new)
    assert "verdict" in new["metrics"]
    for each in (new, golden_model):
        # Folders of earlier code lack these.
        each.pop("weights_digest", None)
        for key in ("verdict", "train"):
            each["metrics"].pop(key, None)
        for key in OF_UNKNOWN:
            each["metrics"].get("valid", {}).pop(key, None)
            each["metrics"].get("test", {}).pop(key, None)
    if new["task"] == "forecaster":
        assert "origins" in new["metrics"].pop("calibration")  # which earlier code did not measure
    assert keys_of(new) == keys_of(golden_model)
    golden, rows = ((path / "history.csv").read_text().splitlines() for path in (MODELS / WITH_HISTORY, folder))
    assert f"{rows[0]},".startswith(f"{golden[0]},")  # further columns have the metrics
