"""`elman train classifier`, `predict`, `evaluate`: what they print, write and refuse."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.cli import main
from elman.data.examples import ExamplesConfig
from elman.data.examples.arguments import example_groups
from elman.data.examples.config import InputConfig
from elman.options import fields_of
from elman.tasks.classifier.config import ClassifierConfig, ClassifierNetworkConfig, TargetConfig
from elman.train.config import TrainConfig

TINY = ["--preset", "small", "--hidden-size", "6", "--embedding", "4", "--batch-size", "16", "--max-steps", "4",
        "--no-tune", "--no-tensorboard"]  # fmt: skip
LINES = [("the film was good", "pos"), ("a bad story", "neg"), ("good good", "pos"), ("bad, plainly bad", "neg")] * 15


def described(folder: Path) -> Any:
    return json.loads((folder / "elman.json").read_text("utf-8"))


def table(path: Path, rows: Any, head: str = "text,label") -> Path:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head.split(","))
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return table(tmp_path_factory.mktemp("reviews") / "reviews.csv", LINES)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, reviews: Path) -> Path:
    folder = tmp_path_factory.mktemp("classifiers") / "m"
    words = ["train", "classifier", str(reviews), "-o", str(folder), "-q", "--learning-rate", "0.05"]
    longer = [word.replace("4", "30") if before == "--max-steps" else word for before, word in pairwise(["", *TINY])]
    words += [*longer, "--warmup-steps", "0"]
    assert main(words) == 0
    return folder


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series in a `.ts` file, of two channels."""
    path = tmp_path_factory.mktemp("series") / "waves.ts"
    draw = np.random.default_rng(0)
    rows = []
    for row in range(24):
        values = draw.normal(row % 2, 0.3, (2, draw.integers(3, 6))).round(3)
        rows.append(":".join(",".join(map(str, channel)) for channel in values) + f":{'ab'[row % 2]}")
    head = "@problemName waves\n@timeStamps false\n@univariate false\n@equalLength false\n@classLabel true a b\n@data\n"
    path.write_text(head + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def of_series(tmp_path_factory: pytest.TempPathFactory, cases: Path) -> Path:
    folder = tmp_path_factory.mktemp("classifiers") / "series"
    assert main(["train", "classifier", str(cases), "-o", str(folder), "-q", *TINY]) == 0
    return folder


def test_train_writes_a_model_and_says_how_good_it_is(elman, reviews, tmp_path):
    said = elman("train", "classifier", reviews, "-o", tmp_path / "m", "--split", "0.6,0.2,0.2", *TINY)
    assert said.code == 0, said.err
    assert "validation: accuracy" in said.out
    assert "test: accuracy" in said.out
    assert "2 classes" in said.err
    assert (tmp_path / "m" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    model = described(tmp_path / "m")
    assert model["task"] == "classifier"
    assert (model["data"]["train"], model["data"]["valid"], model["data"]["test"]) == (36, 12, 12)


def test_a_run_with_test_data_alone_says_once_that_nothing_is_held_out(elman, reviews, tmp_path):
    said = elman("train", "classifier", reviews, "--test", reviews, "-o", tmp_path / "m", *TINY)
    assert said.code == 0, said.err
    assert "there is no validation data" in said.err
    assert "nothing is held out for validation" not in said.err


def test_train_prints_one_json_document(elman, reviews, tmp_path):
    facts = elman("train", "classifier", reviews, "-o", tmp_path / "m", "--json", "-q", *TINY).json()
    assert set(facts) == {"model", "steps", "seconds", "valid", "train", "best_step", "calibration", "verdict"}
    assert set(facts["valid"]) == {"loss", "accuracy", "macro_f1"}


def test_a_score_is_trained_and_answered(elman, tmp_path):
    path = table(tmp_path / "s.csv", [(text, len(text) / 10) for text, _ in LINES], "text,stars")
    flags = ("--kind", "regression", "--label-column", "stars")
    said = elman("train", "classifier", path, "-o", tmp_path / "m", *flags, "-q", *TINY)
    assert said.code == 0, said.err
    assert "RMSE" in said.out
    facts = elman("predict", tmp_path / "m", "--text", "a good story", "--json").json()
    assert set(facts["examples"][0]) == {"text", "score"}
    assert set(elman("evaluate", tmp_path / "m", path, "--json").json()) == {"examples", "rmse", "mae", "r2"}
    assert "rmse" in elman("evaluate", tmp_path / "m", path).out
    assert "for a model of classes only" in elman("evaluate", tmp_path / "m", path, "--picture", "c.png").error()
    said = elman("predict", tmp_path / "m", path, "-o", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[0] == "text,score"


def test_every_section_has_its_flags(elman, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = elman("train", "classifier", "--help").out
    for section in (ExamplesConfig, InputConfig, TargetConfig, ClassifierNetworkConfig, TrainConfig):
        for name in fields_of(section):
            assert (f"--{name.replace('_', '-')}" in text) == (name not in ClassifierConfig.unused), name


def test_flags_outrank_a_file_and_a_budget_replaces_the_preset_s(elman, reviews, tmp_path):
    config = tmp_path / "o.toml"
    config.write_text('hidden = 5\n[target]\nclass_weights = "balanced"\n[training]\nmax_epochs = 2\n')
    words = ("train", "classifier", reviews, "-o", tmp_path / "m", "--config", config, "-q", "--no-tune")
    said = elman(*words, "--no-tensorboard", "--hidden-size", 4, "--embedding", 3, "--preset", "small")
    assert said.code == 0, said.err
    model = described(tmp_path / "m")
    assert model["config"]["network"]["hidden_size"] == 4
    assert model["config"]["target"]["class_weights"] == "balanced"
    assert model["training"]["options"]["max_steps"] == 0
    assert model["training"]["steps"] == 2  # two passes of one batch of 54


def test_a_dry_run_tells_sizes_and_writes_nothing(elman, reviews, tmp_path):
    words = ("train", "classifier", reviews, "-o", tmp_path / "m", "--dry-run", *TINY)
    facts = elman(*words, "--json").json()
    assert (facts["unit"], facts["steps"], facts["data"]["train"]) == ("example", 4, 54)
    said = elman(*words).out
    assert "54 to train on, 6 validation" in said
    assert "2 classes" in said
    assert not (tmp_path / "m").exists()


def test_long_texts_are_cut_and_that_is_reported(elman, reviews, tmp_path):
    said = elman("train", "classifier", reviews, "-o", tmp_path / "m", "--max-length", 2, *TINY)
    assert "texts are longer than max_length and are truncated" in said.err


def test_predict_texts(elman, classifier):
    said = elman("predict", classifier, "--text", "a good film", "--text", "a bad film", "--proba", "--explain")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].split()[0] == "pos"
    assert lines[0].endswith("a good film")
    assert any("good[+" in line for line in lines)
    assert any(line.strip().endswith("% pos".strip("% ")) for line in lines)
    assert "\x1b" not in said.out  # no terminal


def test_words_are_coloured_on_a_terminal_or_as_reported(elman, classifier, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    words = ("predict", classifier, "--text", "a good film", "--explain")
    assert "\x1b[" not in elman(*words).out
    assert "\x1b[" in elman(*words, "--color", "always").out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b[" in elman(*words).out
    assert "\x1b[" not in elman(*words, "--color", "never").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in elman(*words).out


def test_info_tells_how_many_words_a_classifier_knows_and_nothing_of_series(elman, classifier, of_series):
    assert elman("info", classifier, "--json").json()["vocabulary"] == 9 + len(("[UNK]", "[EOS]"))
    assert "vocabulary" not in elman("info", of_series, "--json").json()


def test_predict_as_json(elman, classifier):
    words = ("predict", classifier, "--text", "a good film", "--json")
    facts = elman(*words, "--proba", "--explain").json()["examples"][0]
    assert set(facts) == {"text", "label", "probability", "probabilities", "weights", "pieces"}
    assert facts["probability"] == max(facts["probabilities"].values())
    assert sum(facts["probabilities"].values()) == pytest.approx(1)
    assert facts["pieces"] == ["a", "good", "film"]
    assert set(elman(*words).json()["examples"][0]) == {"text", "label", "probability"}


def test_predict_a_file_as_csv(elman, classifier, reviews, tmp_path):
    said = elman("predict", classifier, reviews, "-o", tmp_path / "a.csv", "--proba")
    assert said.code == 0, said.err
    assert "60 answers" in said.err
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert len(rows) == 60
    assert rows[3]["text"] == "bad, plainly bad"
    for row in rows:
        shares = {name: float(row[f"probability of {name}"]) for name in ("neg", "pos")}
        assert max(shares, key=shares.get) == row["label"]
        assert float(row["probability"]) == max(shares.values())


def test_predict_unlabelled_data(elman, classifier, tmp_path):
    path = table(tmp_path / "new.csv", [("good film",), ("bad film",)], "text")
    assert len(elman("predict", classifier, path).out.splitlines()) == 2


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], int]]:
    """Make standard input a pipe with these bytes in it; gives its other end."""
    opened: list[Any] = []

    def begin(content: bytes) -> int:
        read, write = os.pipe()
        opened.append(io.TextIOWrapper(os.fdopen(read, "rb")))
        monkeypatch.setattr("sys.stdin", opened[-1])
        os.write(write, content)
        return write

    yield begin
    for stream in opened:
        stream.close()


def test_predict_lines_of_standard_input(elman, classifier, standard_input):
    os.close(standard_input("\ufeffgood film\r\n\nplainly bad\nün good".encode()))
    lines = elman("predict", classifier, "-").out.splitlines()
    assert [line.split()[:1] for line in lines] == [["pos"], [], ["neg"], ["pos"]]
    assert lines[0].endswith("good film")
    assert lines[3].endswith("ün good")
    os.close(standard_input(b"good \xff\n"))
    assert "standard input: the bytes at offset 5 are not utf-8 text" in elman("predict", classifier, "-").error()
    os.close(standard_input(b"good \xff\n"))
    assert elman("predict", classifier, "-", "--errors", "replace").code == 0


def test_an_empty_line_has_an_empty_answer(elman, classifier, tmp_path):
    file = tmp_path / "lines.txt"
    file.write_bytes(b"good film\r\n\nplainly\rbad\n \n")
    said = elman("predict", classifier, file)
    assert [line.split()[:1] for line in said.out.split("\n")] == [["pos"], [], ["neg"], [], []]
    found = elman("predict", classifier, file, "--json", "--proba").json()["examples"]
    assert [each["label"] for each in found] == ["pos", None, "neg", None]
    assert found[1] == {"text": "", "label": None, "probability": None}
    assert elman("predict", classifier, file, "--proba", "-o", tmp_path / "a.csv").code == 0
    content = (tmp_path / "a.csv").read_bytes().decode()
    rows = list(csv.reader(io.StringIO(content, newline="")))
    assert rows[3][0] == "plainly\rbad"
    assert [row[1] for row in rows] == ["label", "pos", "", "neg", ""]
    assert rows[2] == ["", "", "", "", ""]
    found = elman("predict", classifier, "--text", "good", "--text", "", "--json").json()["examples"]
    assert [each["label"] for each in found] == ["pos", None]


def test_a_labelled_file_may_have_an_empty_line_when_it_is_predicted(elman, classifier, tmp_path):
    (tmp_path / "l.txt").write_text("pos\tgood film\n\nneg\tplainly bad\n")
    found = elman("predict", classifier, tmp_path / "l.txt", "--json").json()["examples"]
    assert [each["text"] for each in found] == ["good film", "", "plainly bad"]


def test_lines_are_answered_as_they_come(standard_input):
    """The first answer can be given before the second line is there."""
    write = standard_input(b"good film\nbad")
    found = example_groups(["-"], None, ExamplesConfig(), texts=True)
    assert next(found).inputs == ["good film"]
    os.write(write, b" film\n")
    assert next(found).inputs == ["bad film"]
    os.close(write)
    assert list(found) == []


def test_series_are_trained_predicted_explained_and_drawn(elman, of_series, cases, tmp_path):
    said = elman("predict", of_series, cases, "--explain", "--picture", tmp_path / "p.png", "--proba")
    assert said.code == 0, said.err
    assert said.out.count("steps: ") == 24
    assert "the plot shows the first of 24 examples" in said.err
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    facts = elman("predict", of_series, cases, "--json", "--explain").json()["examples"]
    assert set(facts[0]) == {"place", "label", "probability", "weights"}
    assert np.array(facts[0]["weights"]).shape[1] == 2
    assert "for a model of texts only" in elman("predict", of_series, "--text", "a").error()


def test_a_picture_of_words(elman, classifier, tmp_path):
    assert elman("predict", classifier, "--text", "a good film", "--picture", tmp_path / "w.svg").code == 0
    assert "<svg" in (tmp_path / "w.svg").read_text()
    assert "w.gif" in elman("predict", classifier, "--text", "a", "--picture", tmp_path / "w.gif").err


def test_evaluate_prints_a_report_and_draws_the_confusion(elman, classifier, reviews, tmp_path):
    said = elman("evaluate", classifier, reviews, "--picture", tmp_path / "c.png")
    assert said.code == 0, said.err
    for word in ("accuracy", "macro f1", "log loss", "ece", "precision", "support", "neg", "pos"):
        assert word in said.out
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    facts = elman("evaluate", classifier, reviews, "--json").json()
    assert facts["examples"] == 60
    assert [each["name"] for each in facts["classes"]] == ["neg", "pos"]
    assert np.sum(facts["confusion"]) == 60
    assert elman("evaluate", classifier, reviews, "--limit", 7, "--json").json()["examples"] == 7
    assert "--limit" in elman("evaluate", classifier, reviews, "--limit", 0).error()


def test_resuming_a_finished_run(elman, classifier, tmp_path):
    shutil.copytree(classifier, tmp_path / "m")
    words = ("train", "--resume", tmp_path / "m", "--no-tensorboard", "--no-tune", "-q")
    assert elman(*words, "--max-steps", 32, "--json").json()["steps"] == 32
    assert "expected no cache for a classifier, which does not use one" in elman(*words, "--cache", tmp_path).error()


def test_overwriting_removes_the_older_pictures(elman, classifier, reviews, tmp_path):
    shutil.copytree(classifier, tmp_path / "m")
    assert (tmp_path / "m" / "confusion.png").exists()
    said = elman("train", "classifier", reviews, "-o", tmp_path / "m", "--overwrite", "--split", "1,0,0", "-q", *TINY)
    assert said.code == 0, said.err
    assert not (tmp_path / "m" / "confusion.png").exists()
    assert elman("info", tmp_path / "m").code == 0


BAD: dict[str, tuple[str, str, str]] = {
    "an empty file": ("t.csv", "", "expected a table"),
    "no such column": ("t.csv", "words,label\na,b\n", "expected a column 'text'"),
    "ragged rows": ("t.csv", "text,label\na,x,y\n", "line 2: expected 2 cells"),
    "one class": ("t.csv", "text,label\na,x\nb,x\n", "at least two classes"),
    "empty text": ("t.csv", "text,label\na,x\n,y\n", "line 3"),
    "no label": ("t.csv", "text,label\na,x\nb,\n", "line 3"),
    "bytes that are no text": ("t.csv", "text,label\na,\udcff\n", "offset"),
    "an open quote": ("t.csv", 'text,label\n"a,x\n', "line"),
    "text in a series": ("t.csv", "series,time,v,label\n1,1,0.5,a\n1,2,x,a\n", "line 3"),
    "NaN in a series": ("t.csv", "series,time,v,label\n1,1,0.5,a\n1,2,nan,a\n2,1,1,b\n", "line 3"),
    "a time twice": ("t.csv", "series,time,v,label\n1,1,0.5,a\n1,1,1,a\n2,1,1,b\n", "line 3"),
    "a label that is no score": ("t.csv", "text,label\na,1\nb,good\nc,2\nd,3\n", "line 3: expected a finite number"),
}


@pytest.mark.parametrize("name", BAD)
def test_data_that_cannot_be_used_is_one_line_and_leaves_no_folder(elman, name, tmp_path):
    file, content, expected = BAD[name]
    (tmp_path / file).write_bytes(content.encode("utf-8", "surrogateescape"))
    flags = ("--kind", "regression") if "score" in name else ()
    said = elman("train", "classifier", tmp_path / file, "-o", tmp_path / "m", *flags, *TINY)
    assert said.code == 2, said.err
    assert expected in said.error()
    assert not (tmp_path / "m").exists()


def test_data_with_a_mark_windows_line_ends_quotes_and_a_huge_cell(elman, tmp_path):
    huge = ("w" * 99 + " ") * 100_000
    content = '\ufefftext,label\r\n"a, ""quoted""\r\ntext",x\r\n' + f"{huge},y\r\n" + "b,y\r\nc,x\r\n" * 10
    (tmp_path / "t.csv").write_bytes(content.encode())
    said = elman("train", "classifier", tmp_path / "t.csv", "-o", tmp_path / "m", "--max-length", 50, "-q", *TINY)
    assert said.code == 0, said.err
    assert described(tmp_path / "m")["data"]["longer_than_max_length"] == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("train", "classifier", "-o", "m"), "expected at least one file to train on: elman train classifier DATA"),
        (("train", "classifier", "no.csv", "-o", "m"), "no.csv"),
        (("train", "classifier", "DATA", "-o", "m", "--pool", "best"), "expected pool to be one of last"),
        (("train", "classifier", "DATA", "-o", "m", "--cell", "gruu"), "Did you mean 'gru'?"),
        (("train", "classifier", "DATA", "-o", "m", "--label-smoothing", "1"), "expected label_smoothing from 0"),
        (
            ("train", "classifier", "DATA", "-o", "m", "--loss-from", "1"),
            "expected loss_from and loss_to for tasks with a target at every step",
        ),
        (("train", "classifier", "DATA", "-o", "m", "--split", "1,0,0", "--patience", "2"), "expected validation data"),
        (("train", "classifier", "DATA", "-o", "m", "--label-column", "lable"), "Did you mean"),
        (("train", "classifier", "DATA"), "expected a folder for the model: elman train classifier"),
        (("predict", "MODEL"), "expected data, from files (- for standard input) or by --text. Received: neither"),
        (("predict", "MODEL", "DATA", "--text", "a"), "Received: both"),
        (("predict", "MODEL", "--text", ""), "expected a text"),
        (("predict", "MODEL", "no.csv"), "no.csv"),
        (("predict", "no", "--text", "a"), "no such folder"),
        (("predict", "MODEL", "--text", "a", "--json", "-o", "a.csv"), "either as CSV (-o) or as JSON"),
        (("evaluate", "MODEL", "no.csv"), "no.csv"),
    ],
)
def test_a_command_that_cannot_work_is_one_line(elman, words, expected, classifier, reviews, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reported = [{"MODEL": classifier, "DATA": reviews}.get(word, word) for word in words]
    said = elman(*reported, *(["--no-tune"] if words[0] == "train" else []))
    assert said.code == 2, said.err
    assert expected in said.error()
    assert not (tmp_path / "m").exists()


def test_a_label_that_was_not_seen_in_training(elman, classifier, tmp_path):
    path = table(tmp_path / "t.csv", [("good", "pos"), ("so so", "neutral")])
    said = elman("evaluate", classifier, path)
    assert said.code == 2
    assert "t.csv, line 3: expected a label seen in training, one of 'neg', 'pos'. Received: 'neutral'" in said.error()


def test_models_of_other_tasks_are_refused(elman, model):
    assert "expected a model of the task classifier" in elman("predict", model, "--text", "a").error()
