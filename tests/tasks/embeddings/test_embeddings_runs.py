"""Word vectors learn what occurs together; runs repeat, go on exactly, and refuse what cannot be learnt from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman.data.word_text.blocks import TextBlocks
from elman.errors import ConfigError, DataError
from elman.tasks.embeddings.objectives import objective_module, objective_names
from elman.tasks.run import resume_run
from elman.train import checkpoint
from elman.train.progress import TrainingProgress

PAIRS = (("cat", "dog"), ("bread", "cheese"), ("red", "green"), ("ship", "boat"))
FRAMES = (
    "the {} sleeps in a warm house",
    "we eat {} with some cold butter",
    "paint it {} or dark blue",
    "the {} sails",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)


def a_text(sentences: int = 1500, seed: int = 1) -> str:
    """Sentences in which the words of a pair occur in the same frames."""
    draw = np.random.default_rng(seed)
    lines = []
    for _ in range(sentences):
        kind = int(draw.integers(len(PAIRS)))
        lines.append(FRAMES[kind].format(PAIRS[kind][int(draw.integers(2))]))
    return "\n".join(lines) + "\n"


SMALL: dict[str, Any] = {"embedding": 12, "window": 3, "sample": 0.05, "documents": "lines", "batch_size": 500}


def trained(text: str | None = None, **options: Any) -> elman.Embeddings:
    return elman.Embeddings(**SMALL | options).fit(string=text or a_text(), progress=False, tune=False)


def likeness(model: elman.Embeddings, one: str, other: str) -> float:
    a, b = (model.table.vector(word).astype(np.float64) for word in (one, other))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("options", [{}, {"objective": "cbow", "learning_rate": 0.1}, {"loss": "nce"}], ids=str)
def test_words_of_the_same_frames_are_alike(options: dict[str, Any]) -> None:
    model = trained(max_epochs=12.0, **options)
    for place, (one, other) in enumerate(PAIRS):
        strangers = [word for pair in PAIRS[:place] + PAIRS[place + 1 :] for word in pair]
        assert likeness(model, one, other) > max(likeness(model, one, each) for each in strangers) + 0.1
    verdict = model.metrics["verdict"]
    assert verdict["network"] < verdict["rules"]["frequencies of words, without the context"]
    assert model.metrics["valid"]["above_noise"] > 0.7


def test_the_loss_of_words_without_context_is_not_beaten_without_context() -> None:
    """On words in a random order, no network can be better than the frequencies."""
    draw = np.random.default_rng(0)
    words = draw.choice(["a", "b", "c", "d", "e"], p=[0.4, 0.3, 0.15, 0.1, 0.05], size=12_000)
    verdict = trained(" ".join(words), sample=0.0, max_epochs=4.0, batch_size=100).metrics["verdict"]
    assert verdict["outcome"] in ("even", "worse")
    assert verdict["network"] == pytest.approx(min(verdict["rules"].values()), rel=0.05)


@pytest.mark.parametrize("objective", ["skip-gram", "cbow"])
def test_runs_repeat_with_any_number_of_threads(objective: str) -> None:
    found = []
    text = a_text(300)
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(trained(text, max_epochs=1.0, objective=objective).table.matrix_VE)
    assert (found[0] == found[1]).all()
    assert not (found[0] == trained(text, max_epochs=1.0, objective=objective, seed=1).table.matrix_VE).all()


def test_fast_runs_learn_too_and_say_that_a_resumed_one_is_not_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, folder = tmp_path / "text.txt", tmp_path / "m"
    path.write_text(a_text(300))
    torch.set_num_threads(2)
    model = elman.Embeddings(**SMALL, fast=True, max_epochs=2.0).fit(path, folder=folder, progress=False, tune=False)
    assert model.metrics["valid"]["above_noise"] > 0.5
    said: list[str] = []
    monkeypatch.setattr(TrainingProgress, "print", lambda self, text: said.append(text))
    resume_run(folder, overrides={"max_epochs": 3.0}).run()
    assert any("not those of a run that was never stopped" in line for line in said)
    said.clear()
    elman.Embeddings(**SMALL, max_epochs=1.0).fit(path, folder=tmp_path / "n", progress=False, tune=False)
    resume_run(tmp_path / "n", overrides={"max_epochs": 1.5}).run()
    assert not any("never stopped" in line for line in said)


def test_an_extended_run_reads_on_where_it_stopped(tmp_path: Path) -> None:
    """With a constant rate, two epochs are one epoch and another one, bit for bit."""
    path = tmp_path / "text.txt"
    path.write_text(a_text())
    options = SMALL | {"schedule": "constant"}
    for name, epochs in (("whole", 2.0), ("half", 0.9)):
        elman.Embeddings(**options, max_epochs=epochs).fit(path, folder=tmp_path / name, progress=False, tune=False)
    resume_run(tmp_path / "half", overrides={"max_epochs": 2.0}, quiet=True).run()
    one, other = (checkpoint.load(tmp_path / name)[0] for name in ("whole", "half"))
    assert all(torch.equal(one[name], other[name]) for name in one if name.startswith("model."))


def test_vectors_come_from_folders_with_counts(tmp_path: Path) -> None:
    model = trained(max_epochs=1.0, embedding=7)
    model.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert isinstance(loaded, elman.Embeddings)
    assert loaded.table.words == model.table.words
    assert (loaded.table.matrix_VE == model.table.matrix_VE).all()
    assert loaded.table.counts_V is not None
    assert loaded.table.counts_V.tolist() == sorted(loaded.table.counts_V.tolist(), reverse=True)
    text = tmp_path / "other.txt"
    text.write_text(a_text(200, seed=9))
    assert loaded.evaluate(text) == model.evaluate(text)
    assert "skip-gram, 7 numbers" in repr(loaded)


def test_case_and_punctuation_are_dropped_unless_asked() -> None:
    text = "The cat, the dog. THE END!\n" * 60
    assert trained(text, max_steps=1).table.words[0] == "the"
    kept = trained(text, max_steps=1, lowercase=False, punctuation="keep").table.words
    assert {"The", "the", "THE", ",", "."} <= set(kept)


def test_phrases_are_words(tmp_path: Path) -> None:
    model = trained(a_text() + "we live in new york today\n" * 200, phrases=1, phrase_threshold=20.0, max_epochs=1.0)
    assert "new_york" in model.table.words
    assert "new" not in model.table.words
    assert model.words.split("in New York today") == ["in", "new_york", "today"] or "_" in "".join(
        model.words.split("in New York today")
    )
    model.save(tmp_path / "m")
    assert elman.load(tmp_path / "m").words.words == model.words.words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is empty|too short|expected"),
        ("word " * 50, "two different words"),
        ("a b c d e f g", "at least 5 times"),
        ("\n" * 400, "two different words|expected"),
    ],
    ids=["nothing", "one word", "rare words", "line ends"],
)
def test_texts_that_cannot_be_learnt_from_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        elman.Embeddings(max_steps=1).fit(path, folder=tmp_path / "m", progress=False, tune=False)
    assert "Received:" in str(caught.value)
    assert not (tmp_path / "m").exists()


def test_a_text_without_known_words_is_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("nothing known here\n")
    with pytest.raises(DataError, match="words of the model are next to each other"):
        trained(max_steps=1).evaluate(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"optimizer": "sgd"}, "no optimizer"),
        ({"clip_norm": 0.5}, "no clip_norm"),
        ({"optimizer_options": {"momentum": 0.9}}, "no optimizer_options"),
        ({"tokens": "characters"}, "tokens"),
        ({"negatives": 65}, "negatives"),
        ({"negatives": 0}, "negatives"),
        ({"sample": -1.0}, "sample"),
        ({"objective": "word2vec"}, "objective"),
        ({"window": 0}, "window"),
    ],
    ids=str,
)
def test_options_that_do_nothing_or_are_out_of_range_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        elman.Embeddings(**options)


def test_what_the_engine_cannot_do_is_refused() -> None:
    for options in ({"precision": "bfloat16"}, {"device": "cuda"}):
        with pytest.raises(ConfigError, match="device=cpu and precision=float32"):
            trained(max_steps=1, **options)


def test_history_and_description_are_those_of_every_run(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(a_text())
    elman.Embeddings(**SMALL, max_epochs=1.0).fit(path, folder=tmp_path / "m", progress=False, tune=False)
    described = json.loads((tmp_path / "m" / "elman.json").read_text())
    assert described["task"] == "embeddings"
    assert described["config"]["network"]["batch_size"] == 500
    assert described["metrics"]["valid"]["loss"] > 0.0
    rows = (tmp_path / "m" / "history.csv").read_text().splitlines()
    assert "valid_above_noise" in rows[0]


def test_queries_of_a_trained_model(tmp_path: Path) -> None:
    text = "\n".join(["New York the Ship", "The ship New York", "Ship New York the"] * 60)
    model = trained(text, phrases=1, phrase_threshold=3.0, min_count=2, max_epochs=1)
    assert "new_york" in model
    model.save(tmp_path / "model")
    again = elman.load(tmp_path / "model")
    assert again.neighbours("ship") == model.neighbours("ship")
    # A text is read as the training text was: its case and its phrases.
    rows = [model.table.index(word) for word in ("the", "ship", "new_york")]
    expected = model.table.matrix_VE[rows].astype(np.float64)
    np.testing.assert_allclose(again.transform(["THE ship, New York zzz"]), [expected.mean(axis=0)], atol=1e-6)
    shares = model.table.counts_V[rows] / model.table.counts_V.sum()
    weighted = (0.001 / (0.001 + shares))[:, None] * expected
    np.testing.assert_allclose(
        again.transform(["the ship New York"], weights="frequency"), [weighted.mean(axis=0)], rtol=1e-5, atol=1e-8
    )
    assert sorted(again.to_frame()["word"]) == sorted(model)
    again.to_file(tmp_path / "vectors.bin")
    file = elman.load(tmp_path / "vectors.bin")
    assert list(file) == list(model)
    np.testing.assert_array_equal(file["ship"], model["ship"])
    for refused in (lambda: file.save(tmp_path / "other"), lambda: file.evaluate(tmp_path), lambda: file.network):
        with pytest.raises(ConfigError, match=r"expected a trained model; vectors of a file.*Received: .*vectors\.bin"):
            refused()
    assert not (tmp_path / "other").exists()
    with pytest.raises(ConfigError, match=r"call fit\(\)"):
        elman.Embeddings().neighbours("ship")


def test_the_last_weights_are_kept_but_with_patience_those_of_the_lowest_loss() -> None:
    """A rate at which the loss of held-out text rises in the end."""
    options = {"batch_size": 250, "max_steps": 200, "evaluate_every": 20, "learning_rate": 0.3, "schedule": "constant"}
    last, lowest = (trained(a_text(100), **options, patience=patience).metrics for patience in (0, 1000))
    assert last["best_step"] == 200
    assert lowest["best_step"] < 200
    assert lowest["valid"]["loss"] < last["valid"]["loss"]


def test_unknown_words_of_a_text_are_composed_of_ngrams() -> None:
    model = trained("the ship sails\nthe ships sail\n" * 40, subwords=True, buckets=100, max_epochs=1, min_count=2)
    expected = np.mean([model["the"], model["shipping"]], axis=0, dtype=np.float64)
    np.testing.assert_allclose(model.transform(["The SHIPPING"]), [expected], atol=1e-6)


def test_words_are_composed_in_the_case_and_unicode_form_of_the_training_text() -> None:
    text = "the caf\u00e9 sails\nthe ships sail\n" * 40
    model = trained(text, subwords=True, buckets=100, max_epochs=1, min_count=2, unicode_form="nfc")
    assert (model["CAF\u00c9"] == model["caf\u00e9"]).all()
    assert (model["Cafe\u0301"] == model["caf\u00e9"]).all()
    assert (model["SHIPPING"] == model["shipping"]).all()
    assert "The" not in model
    assert model.neighbours("The") == model.neighbours("the")
    assert all(each.word not in ("the", "ships") for each in model.analogy("The + SHIPS"))
    cased = trained(text, subwords=True, buckets=100, max_epochs=1, min_count=2, lowercase=False)
    assert (cased["SHIPPING"] != cased["shipping"]).any()


@pytest.mark.parametrize("options", [{"documents": "lines"}, {"batch_size": 1}, {"objective": "cbow", "batch_size": 4}])
def test_a_text_without_pairs_is_an_error(options: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("ship\nsea\nwind\n" * 30)
    with pytest.raises(DataError, match=r"expected words that are next to each other.*Received: none, with batch_size"):
        elman.Embeddings(**SMALL | options | {"min_count": 1}).fit(path, folder=tmp_path / "m", progress=False)
    assert not (tmp_path / "m").exists()


def test_the_pairs_that_are_searched_for_are_those_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two words of every document are next to each other, but not always in one piece of a step."""
    search = TextBlocks.has_pairs
    found: list[bool] = []
    monkeypatch.setattr(TextBlocks, "has_pairs", lambda self: found.append(search(self)) or True)
    learnt = []
    for batch_size in range(2, 10):
        model = trained("ship sea\n" * 30, batch_size=batch_size, min_count=1, sample=0.0, max_epochs=1)
        learnt.append(bool(model.network.output_vectors.abs().max() > 0))
    assert found == learnt
    assert {True, False} == set(learnt)


@pytest.mark.parametrize(("sentences", "share"), [(200, 0.05), (20_000, 0.0)])
def test_the_end_of_a_text_validates_and_none_is_for_the_test(sentences: int, share: float) -> None:
    text = a_text(sentences)
    data = trained(text, max_steps=1).data
    assert data["test_tokens"] == 0
    share = share or 20_000 / len(text)
    assert 0.01 < share <= 0.05
    assert data["valid_tokens"] / (data["train_tokens"] + data["valid_tokens"]) == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize(
    ("objective", "sentences", "epochs"), [("skip-gram", 100, 20.0), ("skip-gram", 9000, 10.0), ("cbow", 100, 20.0)]
)
def test_short_texts_have_more_passes(objective: str, sentences: int, epochs: float) -> None:
    model = elman.Embeddings(objective=objective, **{**SMALL, "embedding": 2}).fit(string=a_text(sentences), tune=False)
    assert model.config.training.max_epochs == epochs
    assert model.training["automatic"]["options"] == {"max_epochs": epochs}


@pytest.mark.parametrize("objective", objective_names())
def test_long_texts_and_counts_have_the_usual_passes(objective: str) -> None:
    suited = getattr(objective_module(objective), "automatic_options", lambda words: {})
    assert suited(2_000_000) == {}
    assert bool(suited(1_999_999)) == (objective in ("skip-gram", "cbow"))
