"""Vectors that a task borrows from a file: for every task that reads words, tuned, frozen, or frozen at first."""

from __future__ import annotations

import json
import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import elman
from elman.cli import main
from elman.data.sources import Sources
from elman.data.word_vectors import WordTable
from elman.errors import ConfigError, DataError, ElmanError, TrainingInterrupted
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.setup import LanguageModelSetup
from elman.tasks.registry import built_in
from elman.tasks.run import resume_run
from elman.tasks.vector_hooks import VECTOR_OPTIONS
from elman.train import StepEvent

from ..contract.tasks import CASES, COMMON

# The tasks that read words: the options that borrow, the embedding, and words of its vocabulary.
BORROWING: dict[str, tuple[dict[str, Any], str, tuple[str, ...]]] = {
    "language-model": ({"tokens": "words", "text": "vectors"}, "embed", ("cat", "dog")),
    "filler": ({}, "embed", ("cat", "dog")),
    "classifier": ({}, "embed", ("play", "fine")),
    "tagger": ({}, "embed", ("cat", "sits")),
    "translator": ({"tokens": "words"}, "target_embed", ("cat", "sleeps")),
    "captioner": ({"tokens": "words"}, "embed", ()),
}


def file_of(folder: Path, words: tuple[str, ...], size: int = 3) -> Path:
    """A file with the vectors 100, 1, 1 and 100, 2, 1 and so on."""
    path = folder / "vectors.txt"
    lines = [" ".join([word, "100", str(number), *["1"] * (size - 2)]) for number, word in enumerate(words, 1)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def options_of(task: str, path: Path, **more: Any) -> dict[str, Any]:
    name = "target_vectors" if task == "translator" else "vectors"
    own = {key: value for key, value in BORROWING[task][0].items() if key != "text"}
    chosen = {**COMMON, **CASES[task].options, **own, name: str(path), "weight_decay": 0.5, **more}
    if "embedding" not in more:
        del chosen["embedding"]
    return chosen


def words_of_case(task: str, files: list[Path]) -> tuple[str, ...]:
    if task != "captioner":
        return BORROWING[task][2]
    return tuple(
        dict.fromkeys(word for word in files[0].read_text("utf-8").replace(",", " ").split() if word.isalpha())
    )


def fitted(task: str, folder: Path, **more: Any) -> Any:
    files = CASES[task].write(folder)
    path = file_of(folder, words_of_case(task, files))
    model = built_in()[task].model_class()(**options_of(task, path, **more))
    return model.fit(files, folder=folder / "model", progress=False, tune=False)


def test_every_task_that_reads_words_is_tested_here() -> None:
    having = {
        name
        for name, task in built_in().items()
        if VECTOR_OPTIONS & vars(getattr(task.config_class().make(), "network", SimpleNamespace())).keys()
    }
    assert having == set(BORROWING)


@pytest.mark.parametrize(
    "task", [name if name == "tagger" else pytest.param(name, marks=pytest.mark.slow) for name in BORROWING]
)
def test_the_embedding_has_the_size_and_the_vectors_of_the_file(task: str, tmp_path: Path) -> None:
    model = fitted(task, tmp_path, freeze_vectors=True)
    assert type(model.config.network.embedding) is int
    assert model.config.network.embedding == 3
    weight = model.network.get_submodule(BORROWING[task][1]).weight.detach()
    # The numbers of the file at another scale, and 0 nowhere.
    rows = weight[((weight[:, 0] / weight[:, 2] - 100).abs() < 1e-3) & (weight[:, 2] > 0)]
    assert len(rows) >= 2
    numbers = (rows[:, 1] / rows[:, 2]).tolist()
    assert numbers == pytest.approx([round(number) for number in numbers], abs=1e-3)
    assert len({round(number) for number in numbers}) == len(rows)
    assert bool((weight.abs().sum(dim=1) > 0).all())
    facts = json.loads((tmp_path / "model" / "elman.json").read_text("utf-8"))["training"]["vectors"]
    assert facts[0]["words_found"] == len(rows)
    assert facts[0]["tokens_found"] > len(rows)
    assert "vectors.txt" in (tmp_path / "model" / "README.md").read_text("utf-8")
    opened = elman.load(tmp_path / "model")  # needs no file
    assert torch.equal(opened.network.get_submodule(BORROWING[task][1]).weight, weight)


def text_setup(folder: Path, **options: Any) -> LanguageModelSetup:
    text = folder / "book.txt"
    text.write_text("the cat sat on the mat; the dog sat on the log.\n" * 40, encoding="utf-8")
    path = file_of(folder, ("cat", "dog", "SAT"), 8)
    given = {**COMMON, "tokens": "words", "hidden_size": 8, "batch_size": 4, "bptt": 10, "vectors": str(path)}
    config = LanguageModelConfig.make("base", {**given, "split": (1.0, 0.0, 0.0), **options})
    return LanguageModelSetup.open(config, Sources([text]), cache=folder / "tokens")


def changes(setup: LanguageModelSetup) -> list[tuple[float, bool]]:
    """The passes before each step, and whether it changed the embedding."""
    run = setup.trainer()
    table = setup.network.table
    found, before, epoch = [], table().detach().clone(), run.stream.epoch
    for event in run.fit():
        if isinstance(event, StepEvent):
            found.append((epoch, not torch.equal(before, table())))
            before, epoch = table().detach().clone(), run.stream.epoch
    return found


@pytest.mark.parametrize("tied", [False, True])
def test_vectors_are_tuned_frozen_or_frozen_at_first(tmp_path: Path, tied: bool) -> None:
    assert all(changed for _, changed in changes(text_setup(tmp_path, tied=tied, max_steps=3)))
    kept = text_setup(tmp_path, tied=tied, freeze_vectors=True, max_steps=3)
    assert not any(changed for _, changed in changes(kept))
    found = changes(text_setup(tmp_path, tied=tied, freeze_vectors_until=0.5, max_steps=24, max_epochs=1.0))
    assert {epoch >= 0.5 for epoch, _ in found} == {False, True}
    assert all(changed == (epoch >= 0.5) for epoch, changed in found)
    if tied:
        assert kept.network.head.weight is kept.network.get_parameter("embed.weight")


def test_members_share_the_vectors_and_not_the_rest(tmp_path: Path) -> None:
    setup = text_setup(tmp_path, members=2, freeze_vectors=True, max_steps=2)
    cat, on = (int(setup.vocabulary.encode(word)[0]) for word in ("cat", "on"))
    first, second = (member.embed.weight.detach() for member in setup.network.members)
    torch.testing.assert_close(first[cat] / first[cat].norm(), second[cat] / second[cat].norm())
    assert not torch.equal(first[on], second[on])
    before = first.clone()
    assert len(list(setup.trainer().fit())) > 2
    assert torch.equal(before, first)


def test_the_remark_counts_what_was_found(tmp_path: Path) -> None:
    (note,) = (note for note in text_setup(tmp_path).notes() if "vectors of" in note)
    assert "vectors of 3 of 10 different words of the training data (1 by another case)" in note
    # cat, dog, sat and sat among fifteen tokens of a line.
    assert "with 26.7% of their occurrences" in note
    assert "the most frequent without one: 'the' (160 times)" in note


def test_a_resumed_run_needs_no_file_and_ends_with_the_same_bits(tmp_path: Path) -> None:
    def weights(folder: Path) -> dict[str, Tensor]:
        return dict(elman.load(folder).network.state_dict())

    whole, folder = tmp_path / "whole", tmp_path / "part"
    for place in (whole, folder):
        place.mkdir()
    options = {"freeze_vectors_until": 3.0, "max_steps": 8}
    expected = weights(run_of(whole, 8, **options))
    model = run_of(folder, 4, **options)
    (folder / "vectors.txt").unlink()
    facts = json.loads((model / "elman.json").read_text("utf-8"))["training"]["vectors"]
    run = resume_run(model, overrides={"max_steps": 8}, quiet=True, tensorboard=False)
    run.run()
    found = weights(model)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert json.loads((model / "elman.json").read_text("utf-8"))["training"]["vectors"] == facts


def run_of(folder: Path, steps: int, **options: Any) -> Path:
    files = CASES["tagger"].write(folder)
    path = file_of(folder, ("cat", "sits"))
    chosen = options_of("tagger", path, **{**options, "max_steps": 8, "schedule": "constant"})

    def stop(event: Any) -> None:
        if isinstance(event, StepEvent) and event.step == steps < 8:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(TrainingInterrupted) if steps < 8 else nullcontext():
        elman.Tagger(**chosen).fit(files, folder=folder / "model", progress=False, tune=False, on_event=stop)
    return folder / "model"


def test_words_of_the_file_that_the_training_data_lacks(tmp_path: Path) -> None:
    files = CASES["tagger"].write(tmp_path)
    path = file_of(tmp_path, ("Zebra", "cat", "yak", "ox"))
    kept = {"freeze_vectors": True, "weight_decay": 0.5, "vectors_words": 3}
    model = elman.Tagger(**options_of("tagger", path, **kept)).fit(files, progress=False, tune=False)
    words = model.vocabulary.words
    assert set(words) & {"zebra", "yak", "ox"} == {"zebra", "yak"}
    rows = model.network.embed.weight.detach()[[1 + words.index(word) for word in ("zebra", "cat", "yak")]]
    assert (rows[:, 1] / rows[:, 2]).tolist() == pytest.approx([1, 2, 3], rel=1e-4)
    texts, labels = ["the cat sat", "a dog ran"] * 9, ["x", "y"] * 9
    own = {**COMMON, "vectors": str(path), "vectors_words": 4, "hidden_size": 4, "batch_size": 8}
    classifier = elman.Classifier(**own).fit(texts, labels, progress=False, tune=False)
    assert set(classifier.vocabulary.encoder.vocabulary.words) >= {"zebra", "yak", "ox", "cat"}
    assert classifier.training["vectors"][0]["words"] == 6
    frozen = elman.Classifier(**own, freeze_vectors=True).fit(texts, labels, progress=False, tune=False)
    assert float(frozen.network.embed.weight.detach().std()) == pytest.approx(1.0, rel=0.3)
    assert float(classifier.network.embed.weight.detach().std()) == pytest.approx(0.5, rel=0.3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tokens": "characters"}, ConfigError, r"expected tokens=words.*vectors\. Received: tokens=characters"),
        ({"embedding": 0}, ConfigError, r"expected an embedding with vectors\. Received: embedding=0"),
        ({"embedding": 128}, DataError, r"vectors of 128 numbers, .*embedding=8 takes them\. Received: 8"),
        ({"vectors": "", "freeze_vectors": True}, ConfigError, r"expected vectors with freeze_vectors\. Received"),
        ({"vectors": "", "freeze_vectors_until": 2.0}, ConfigError, r"expected vectors with freeze_vectors_until\."),
        ({"tied": True, "hidden_size": 6}, ConfigError, r"expected embedding = 6.*tied=true\. Received: 8"),
        ({"vectors": "none.txt"}, ElmanError, r"none\.txt"),
    ],
)
def test_options_and_files_that_do_not_fit(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        text_setup(tmp_path, **options)


def test_the_size_of_a_preset_is_no_given_size(tmp_path: Path) -> None:
    assert text_setup(tmp_path).config.network.embedding == 8
    plain = LanguageModelConfig.make("plain", {"vectors": "x"}).network.embedding
    assert (plain, type(plain).__name__) == (0, "DefaultSize")
    assert type(LanguageModelConfig.make("plain", {"vectors": "x", "embedding": 128}).network.embedding) is int
    assert type(LanguageModelConfig.make("plain").network.embedding) is int


def test_the_vectors_of_a_trained_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of word vectors has a table; another model is refused."""
    folder = tmp_path / "model"
    fitted("tagger", tmp_path)
    with pytest.raises(
        ConfigError, match=r"expected a file of vectors, or a model of word vectors\. Received: .*model"
    ):
        text_setup(tmp_path, vectors=str(folder))
    table = WordTable(["cat", "dog"], np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    monkeypatch.setattr("elman.tasks.registry.load", lambda path: SimpleNamespace(table=table))
    setup = text_setup(tmp_path, vectors=str(folder))
    assert setup.config.network.embedding == 3
    cat, dog = (setup.network.table()[int(setup.vocabulary.encode(word)[0])] for word in ("cat", "dog"))
    assert (cat / cat[0]).tolist() == pytest.approx([1, 2, 3])
    assert (dog / cat[0]).tolist() == pytest.approx([4, 5, 6])


def test_a_command_borrows_from_a_folder_of_word_vectors(tmp_path: Path) -> None:
    files = CASES["embeddings"].write(tmp_path)
    source = elman.Embeddings(**COMMON | CASES["embeddings"].options)
    source.fit(files, folder=tmp_path / "vectors", progress=False, tune=False)
    tagged = CASES["tagger"].write(tmp_path)[0]
    command = ["train", "tagger", str(tagged), "-o", str(tmp_path / "model"), "--vectors", str(tmp_path / "vectors")]
    assert main([*command, "--freeze-vectors", "--max-steps", "2", "--threads", "1", "-q"]) == 0
    model = elman.load(tmp_path / "model")
    assert model.config.network.embedding == 10
    cat, dog = (model.network.embed.weight.detach()[model.vocabulary.word_ids([word])[0]] for word in ("cat", "dog"))
    expected = source.table.vector("cat") / source.table.vector("dog")
    np.testing.assert_allclose((cat / dog).numpy(), expected, rtol=1e-4)


def test_series_and_frames_have_no_words(tmp_path: Path) -> None:
    path = file_of(tmp_path, ("cat",))
    with pytest.raises(ConfigError, match=r"expected words as input with vectors\. Received: data without words"):
        elman.Classifier(vectors=str(path), max_steps=1).fit([[[1.0], [2.0]], [[2.0], [1.0]]] * 9, ["a", "b"] * 9)


def test_two_files_of_different_sizes(tmp_path: Path) -> None:
    paths = []
    for size in (3, 4):
        (tmp_path / str(size)).mkdir()
        paths.append(str(file_of(tmp_path / str(size), ("cat", "katze"), size)))
    model = elman.Translator(source_vectors=paths[0], target_vectors=paths[1], tokens="words", max_steps=1)
    with pytest.raises(DataError, match=r"expected vectors of 3 numbers.*Received: 4"):
        model.fit(["die katze"] * 9, ["the cat"] * 9, progress=False, tune=False)


def test_the_command_line_refuses_before_it_reads_or_writes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = file_of(tmp_path, ("cat",))
    command = ["train", "tagger", str(tmp_path / "no_such_data.txt"), "-o", str(tmp_path / "model")]
    assert main([*command, "--vectors", str(path), "--embedding", "5"]) == 2
    assert "embedding=3 takes them. Received: 3" in capfd.readouterr().err
    assert not (tmp_path / "model").exists()
