"""A task of another package, found by its entry point: every slot of a description and of a setup is used by it."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman.artifact import read as read_artifact
from elman.cli import main
from elman.data.sources import Sources
from elman.errors import ArtifactError, ConfigError
from elman.tasks import registry
from elman.tasks.run import Run, resume_run
from elman.tasks.task import Extra, Task
from elman.train import checkpoint

TOY = Path(__file__).resolve().parent / "toy"
TEXT = "the cat sat on the mat; the dog sat on the log.\n" * 5


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(TOY))
    yield
    for name in set(sys.modules) - before:
        if name.startswith("elman_toy"):
            del sys.modules[name]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(TEXT)
    return path


def trained(book: Path, folder: Path, *more: str) -> int:
    quiet = ["-q", "--no-tune", "--threads", "1"]
    return main(["train", "counter", str(book), "--test", str(book), "-o", str(folder), *quiet, *more])


def test_it_is_found_by_its_name_and_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    assert "counter" not in registry.built_in()
    task = registry.find("counter")
    assert isinstance(task, Task)
    assert task.class_name == "Counter"
    found = registry.extensions()
    assert found["counter"] is task
    assert isinstance(found["broken"], str)
    assert "ModuleNotFoundError" in found["broken"]
    assert "expected the description of a task 'mistaken'" in str(found["mistaken"])
    with pytest.raises(ConfigError, match=r"'broken' that can be loaded from elman_toy.missing:TASK"):
        registry.find("broken")
    with pytest.raises(ConfigError, match="expected a task among"):
        registry.find("countr")
    assert "SystemExit" in str(found["leaving"])
    assert main(["train", "broken", "x"]) == 2
    assert "'broken' that can be loaded from elman_toy.missing:TASK" in capfd.readouterr().err
    assert main(["train", "leaving", "x"]) == 2
    assert "SystemExit" in capfd.readouterr().err
    assert main(["train", "countr", "x"]) == 2
    assert "expected a task" in capfd.readouterr().err
    assert elman.Counter.__name__ == "Counter"
    with pytest.raises(AttributeError, match="no attribute 'Broken'"):
        _ = elman.Broken
    assert main(["--help"]) == 0
    assert main(["train", "--help"]) == 0
    assert main(["info", "--json"]) == 0
    out = capfd.readouterr().out
    tasks = json.loads(out[out.index("{\n") :])["tasks"]
    assert "ModuleNotFoundError" in tasks["broken"]["problem"]
    assert tasks["counter"] == {
        "class": "Counter",
        "verbs": ["guess", "evaluate"],
        "streams": True,
        "view": "bars",
    }


def test_it_trains_answers_and_resumes_by_commands(
    book: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    assert trained(book, folder) == 0
    said = capfd.readouterr().out
    assert f"model: {folder}" in said
    assert f"uniform: {math.log(len(set(TEXT))):.4f} nats a letter" in said
    names = {"elman.json", "weights.safetensors", "README.md", "loss.png", "history.csv", "counts.txt"}
    assert names <= {path.name for path in folder.iterdir()}
    card = (folder / "README.md").read_text()
    assert "elman guess MODEL" in card
    assert "print(model.guess())" in card
    described = read_artifact(folder)
    assert described.metrics["letters"] == len(set(TEXT))
    assert described.metrics["baselines"]["uniform"]["loss"] == pytest.approx(math.log(len(set(TEXT))))
    assert described.metrics["test"]["loss"] < described.metrics["baselines"]["uniform"]["loss"]
    assert main(["guess", str(folder), "--count", "2"]) == 0
    captured = capfd.readouterr()
    assert captured.out == "' '\n't'\n"
    assert "it is a guess" in captured.err
    assert main(["guess", str(folder), "-q", "--json", "-o", str(tmp_path / "out.json")]) == 0
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
    assert json.loads((tmp_path / "out.json").read_text()) == {"letters": [" "]}
    assert main(["guess", "--count", "2", str(folder)]) == 0
    assert capfd.readouterr().out == "' '\n't'\n"
    assert main(["guess", str(folder), "--count", "0"]) == 2
    assert "expected count to be at least 1" in capfd.readouterr().err
    assert main(["guess", str(folder), "--cuont", "1"]) == 2
    assert "Received: --cuont. Did you mean '--count'?" in capfd.readouterr().err
    assert main(["evaluate", str(folder), str(book), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"loss": pytest.approx(described.metrics["test"]["loss"])}
    assert main(["info", str(folder), "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert facts["letters"] == len(set(TEXT))
    assert "runs_on" not in facts
    counts = elman.load(folder).network.counts_V
    assert main(["train", "--resume", str(folder), "--max-steps", "4", "-q", "--no-tune"]) == 0
    assert torch.equal(elman.load(folder).network.counts_V, counts)
    assert trained(book, folder, "--overwrite", "--dry-run", "--json") == 0
    out = capfd.readouterr().out
    assert json.loads(out[out.index("{") :])["cell"] == "counter"


def test_a_stopped_run_goes_on(book: Path, tmp_path: Path) -> None:
    whole = elman.Counter().fit(book, folder=tmp_path / "whole", progress=False, tune=False)
    part = elman.Counter(max_steps=4).fit(book, folder=tmp_path / "part", progress=False, tune=False)
    setup = part.setup_class.open(part.config, Sources([book]))
    run = Run(setup, folder=tmp_path / "stopped", command="", watch=setup.watch(quiet=True))
    for event in run.training.fit():
        if getattr(event, "step", 0) == 2 and type(event).__name__ == "EvaluationEvent":
            break
    run._begin_folder(tmp_path / "stopped")
    resume_run(tmp_path / "stopped", overrides={}, quiet=True).run()
    one, other = (checkpoint.load(tmp_path / name)[0]["counts"] for name in ("stopped", "whole"))
    assert torch.equal(one, other)
    assert torch.equal(elman.load(tmp_path / "stopped").network.counts_V, whole.network.counts_V)


def test_a_sample_that_fails_leaves_the_network_in_its_mode(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = elman.Counter()
    setup = model.setup_class.open(model.config, Sources([book]))
    monkeypatch.setattr(setup, "sample", lambda: 1 / 0)
    run = Run(setup, folder=None, command="", watch=setup.watch(quiet=True), samples=True)
    with pytest.raises(ZeroDivisionError):
        run.run()
    assert setup.network.training


def test_a_trainer_of_another_package_has_callbacks(book: Path) -> None:
    counter = elman.Counter()
    setup = counter.setup_class.open(counter.config, Sources([book]))
    ends: list[Any] = []

    def stop(event: Any) -> None:
        if isinstance(event, elman.StepEvent) and event.step == 2:
            event.stop("enough")
        if isinstance(event, elman.EndEvent):
            ends.append(event)

    run = Run(setup, folder=None, command="", watch=setup.watch(quiet=True), on_event=stop)
    run.run()
    assert (run.training.step, run.metrics["stopped"]) == (2, "stopped by a callback: enough")
    assert [end.reason for end in ends] == ["stopped by a callback: enough"]
    assert ends[0].metrics["letters"] == len(set(TEXT))


def test_overwriting_removes_what_the_older_run_wrote(book: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    assert trained(book, folder) == 0
    (folder / "counts.txt").write_text("old")
    flags = ["-q", "--no-tune", "--threads", "1", "--overwrite", "--max-steps", "2", "--hidden-size", "4"]
    assert main(["train", "lm", str(book), "-o", str(folder), *flags]) == 0
    assert not (folder / "counts.txt").exists()


def test_samples_are_shown_and_change_nothing(book: Path, capfd: pytest.CaptureFixture[str]) -> None:
    drawn = []
    for samples in (False, True):
        model = elman.Counter()
        setup = model.setup_class.open(model.config, Sources([book]))
        run = Run(setup, folder=None, command="", watch=setup.watch(), samples=samples)
        run.run()
        drawn.append(torch.rand(4))
        assert capfd.readouterr().err.count("likely: ' '") == 4 * samples
    assert torch.equal(*drawn)


def test_notes_and_data_in_memory(caplog: pytest.LogCaptureFixture) -> None:
    assert elman.Counter().fit_text("aaa").guess() == ["a"]
    assert caplog.messages == ["one letter alone is read"]
    with pytest.raises(ConfigError, match="expected data in files when training in a folder"):
        elman.Counter().fit_text("aaa", folder="x")
    with pytest.raises(ConfigError, match="expected at least one text to train on"):
        elman.Counter().fit([])
    with pytest.raises(ConfigError, match="expected loss_from and loss_to for tasks with a target at every step"):
        elman.Counter(loss_from=2).fit_text("aaa")
    with pytest.raises(ConfigError, match=r"counting has no gradients\. Received: clip_norm=3"):
        elman.Counter(clip_norm=3)
    with pytest.raises(ConfigError, match="expected no cache for a counter"):
        elman.Counter.setup_class.open(elman.Counter().config, Sources(["x"]), cache=Path("c"))


def test_a_verb_never_hides_a_command(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    elman.Counter().fit(book, folder=folder, progress=False, tune=False)
    task = registry.find("counter")
    named = dataclasses.replace(task, endpoints=(dataclasses.replace(task.endpoints[0], verb="info"),))
    monkeypatch.setattr("elman_toy.task.TASK", named)
    assert main(["info", str(folder)]) == 0


def test_counters_are_compared(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.txt"
    other.write_text(TEXT + "t" * 90)
    models = [elman.Counter().fit(text, progress=False, tune=False) for text in (book, other)]
    found = elman.compare(models, data=str(book), limit=120).paired
    assert found is not None
    assert found.values["model 2"] > found.values["model 1"]
    assert found.differences[0].sentence.startswith("model 2 is worse than model 1 by ")
    monkeypatch.setattr("elman_toy.task.TASK", dataclasses.replace(registry.find("counter"), paired=""))
    assert "parameters" in str(elman.compare(models))
    with pytest.raises(ConfigError, match=r"expected no data to compare models on, for a counter. Received: "):
        elman.compare(models, data=str(book))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ("no_such_thing", "no_such_thing.inside"):
        task = dataclasses.replace(registry.find("counter"), extra=Extra(name="toys", packages=("json", missing)))
        with pytest.raises(ConfigError, match=rf"{missing} for a counter: pip install 'elman\[toys\]'"):
            task.model_class()


def test_a_folder_names_an_installed_task_only(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    elman.Counter().fit(book, folder=folder, progress=False, tune=False)
    content: dict[str, Any] = json.loads((folder / "elman.json").read_text())
    for name in ("elman-toy", "broken"):
        (folder / "elman.json").write_text(json.dumps({**content, "task": name}))
        with pytest.raises((ArtifactError, ConfigError), match="expected a task"):
            elman.load(folder)
    (folder / "elman.json").write_text(json.dumps({**content, "task": "elman_toy.task:TASK"}))
    with pytest.raises(ArtifactError, match="expected the name of a task"):
        elman.load(folder)


def test_a_program_finds_it_too(book: Path, tmp_path: Path) -> None:
    """In a new process, by the metadata of an installed package."""
    script = (
        f"import sys; sys.path.insert(0, {str(TOY)!r})\n"
        "from elman.cli import main\n"
        f"sys.exit(main(['train', 'counter', {str(book)!r}, '-o', {str(tmp_path / 'm')!r}, '-q', '--no-tune'])\n"
        f"         or main(['guess', {str(tmp_path / 'm')!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "' '"


def test_a_run_starts_from_a_model_with_its_letters(
    book: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A task that says nothing of starting keeps the vocabulary, so that every count stays that of its letter."""
    assert trained(book, tmp_path / "first") == 0
    other = tmp_path / "other.txt"
    other.write_text("a zebra, a cat\n" * 5)
    capfd.readouterr()
    assert main(["train", "counter", str(other), "-o", str(tmp_path / "m"), "--from", str(tmp_path / "first")]) == 0
    assert "started from the counter" in capfd.readouterr().err
    models = [elman.load(tmp_path / name) for name in ("first", "m")]
    assert models[0].vocabulary == models[1].vocabulary
    gained = models[1].network.counts_V - models[0].network.counts_V
    letters = dict(zip(models[0].vocabulary.letters, gained.tolist(), strict=True))
    assert letters["a"] == 5 * "a zebra, a cat".count("a")
    assert letters["d"] == 0
    assert main(["train", "counter", str(other), "-o", str(tmp_path / "n"), "--freeze", "head"]) == 2
    assert "Received: freeze" in capfd.readouterr().err
