"""`elman train tagger`, `elman tag`, and `elman evaluate` for taggers."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from elman.cli import main
from elman.data.tagged import read_tagged

SIZES = ["--hidden-size", "8", "--layers", "1", "--embedding", "4", "--char-embedding", "4", "--char-hidden", "4"]
QUIET = ["--no-tune", "--no-tensorboard", "-q"]
TINY = [*SIZES, "--max-steps", "3", "--precision", "float32", "--threads", "1", *QUIET]
COLUMNS = "go\tO\nto\tO\nnew\tB-place\nyork\tI-place\n\nfly\tO\nhome\tB-place\n\nstay\tO\n\n" * 4
CONLLX = (
    "# a comment\n1-2\tShe's\t_\t_\t_\t_\t_\t_\t_\t_\n1\tShe\tshe\tPRON\tPRP\t_\t2\tnsubj\t_\t_\n"
    "2\tsees\tsee\tVERB\tVBZ\t_\t0\troot\t_\t_\n2.1\tx\tx\tX\tX\t_\t_\t_\t_\t_\n\n"
    "1\tDogs\tdog\tNOUN\tNNS\t_\t0\troot\t_\t_\n"
)


@pytest.fixture(scope="session")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tagged") / "train.txt"
    path.write_text(COLUMNS)
    return path


@pytest.fixture(scope="session")
def tagger(tmp_path_factory: pytest.TempPathFactory, columns: Path) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tagger"
    assert main(["train", "tagger", str(columns), "-o", str(folder), "--head", "crf", *TINY]) == 0
    return folder


@pytest.fixture(scope="session")
def with_intents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data, folder = tmp_path_factory.mktemp("triples"), tmp_path_factory.mktemp("models") / "intents"
    (data / "seq.in").write_text("go to rome\nhello\n" * 6)
    (data / "seq.out").write_text("O O B-place\nO\n" * 6)
    (data / "label").write_text("Travel\nGreet\n" * 6)
    assert main(["train", "tagger", str(data), "--test", str(data), "-o", str(folder), "--intent", *TINY]) == 0
    return folder


def test_training_tells_its_figures(elman, columns, tmp_path):
    words = ("train", "tagger", columns, "--valid", columns, "--test", columns, "-o", tmp_path / "m", *TINY)
    facts = elman(*words, "--json").json()
    assert facts["steps"] == 3
    assert {"loss", "accuracy", "f1", "precision", "recall", "sentences", "tokens"} <= set(facts["valid"])
    assert facts["test"] == facts["valid"]
    assert "span F1" in elman(*words, "--overwrite").out
    assert "tagger" in elman("info", tmp_path / "m").out


def test_a_dry_run_tells_sizes(elman, columns):
    said = elman("train", "tagger", columns, "--dry-run", *TINY)
    assert said.code == 0, said.err
    assert "3 tags (iob2)" in said.out
    assert "words a second" in said.out


def test_columns_are_the_answer_where_no_terminal_is(elman, tagger):
    said = elman("tag", tagger, "--text", "go to york", "--text", "stay")
    assert said.code == 0, said.err
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert [row[0] for row in rows] == ["go", "to", "york", "", "stay", ""]
    assert {row[1] for row in rows if len(row) == 2} <= {"O", "B-place", "I-place"}


def test_json_is_one_document(elman, tagger, with_intents):
    facts = elman("tag", tagger, "--text", "go to york", "--json").json()
    (answer,) = facts["sequences"]
    assert answer["words"] == ["go", "to", "york"]
    assert len(answer["tags"]) == len(answer["probabilities"]) == 3
    assert "intent" not in answer
    (answer,) = elman("tag", with_intents, "--text", "hello", "--to", "json").json()["sequences"]
    assert answer["intent"] in ("Travel", "Greet")
    assert 0.5 <= answer["intent_probability"] <= 1.0


def test_what_is_written_can_be_read_again(elman, tagger, with_intents, columns, tmp_path):
    assert elman("tag", with_intents, "--text", "go to rome", "-o", tmp_path / "a.conllu").out == ""
    data = read_tagged([tmp_path / "a.conllu"])
    assert data.words == [["go", "to", "rome"]]
    assert data.intents is not None
    assert elman("tag", tagger, columns, "--format", "columns", "-o", tmp_path / "b.txt").code == 0
    assert read_tagged([tmp_path / "b.txt"]).words == read_tagged([columns]).words
    assert elman("tag", tagger, tmp_path / "a.conllu", "-o", tmp_path / "c.json").code == 0
    assert json.loads((tmp_path / "c.json").read_text())["sequences"][0]["words"] == ["go", "to", "rome"]


def test_text_for_people_with_and_without_colour(elman, with_intents):
    words = ("tag", with_intents, "--text", "go to rome", "--to", "text")
    plain, coloured = elman(*words).out, elman(*words, "--color", "always").out
    assert "\x1b" not in plain
    assert plain.startswith(("Travel: ", "Greet: "))
    assert "\x1b[2m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_colour_is_for_terminals(elman, with_intents, monkeypatch):
    words = ("tag", with_intents, "--text", "go to rome")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in elman(*words).out
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "\x1b[2m" in elman(*words).out
    assert "\x1b" not in elman(*words, "--color", "never").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in elman(*words).out


def test_sentences_from_standard_input_and_with_punctuation(elman, tagger, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("\ufeffgo home!\r\n\r\nstay\r\n".encode())))
    said = elman("tag", tagger, "-", "--json", "--punctuation").json()
    assert [each["words"] for each in said["sequences"]] == [["go", "home", "!"], [], ["stay"]]


def test_an_empty_line_has_an_empty_answer(elman, tagger, with_intents, tmp_path):
    (tmp_path / "l.txt").write_text("go home\n\nstay here now\n\n")
    for model in (tagger, with_intents):
        lines = elman("tag", model, tmp_path / "l.txt", "--to", "text").out.split("\n")
        assert [bool(line) for line in lines] == [True, False, True, False, False]
    assert elman("tag", tagger, tmp_path / "l.txt").out.count("\n") == 2 + 1 + 1 + 3 + 1 + 1
    found = elman("tag", tagger, "--text", "", "--text", "go", "--json").json()["sequences"]
    assert [each["words"] for each in found] == [[], ["go"]]


def test_words_in_columns_are_recognised_when_they_are_tagged(elman, tagger, columns, tmp_path):
    def words(path, *more):
        return [each["words"] for each in elman("tag", tagger, path, "--json", *more).json()["sequences"]]

    assert words(columns) == read_tagged([columns]).words
    (tmp_path / "u.txt").write_text(CONLLX)
    assert words(tmp_path / "u.txt") == [["She", "sees"], ["Dogs"]]
    (tmp_path / "two.txt").write_text("go home\n\nstay here\n")
    assert words(tmp_path / "two.txt") == [["go", "home"], [], ["stay", "here"]]
    (tmp_path / "tabs.txt").write_text("go\thome\nstay\there\n")
    assert "The option format says" in elman("tag", tagger, tmp_path / "tabs.txt").error()
    assert words(tmp_path / "tabs.txt", "--format", "plain") == [["go", "home"], ["stay", "here"]]
    assert words(tmp_path / "tabs.txt", "--format", "columns") == [["go", "stay"]]


@pytest.mark.parametrize("kind", ["0", "o", "B_place", "place-B", "?"])
def test_a_tag_that_breaks_the_notation_is_told_and_spans_are_measured(elman, columns, tmp_path, kind):
    lines = columns.read_text().split("\n")
    row = next(row for row, line in enumerate(lines) if line.split()[-1:] == ["B-place" if "B" in kind else "O"])
    word = lines[row].split()[0]
    lines[row] = f"{word}\t{kind}"
    (tmp_path / "odd.txt").write_text("\n".join(lines))
    words = ("train", "tagger", tmp_path / "odd.txt", "--head", "crf", "--json", *TINY)
    said = elman(*words, "--valid", columns, "-o", tmp_path / "m")
    assert "f1" in said.json()["valid"]
    read = "B-place" if "B" in kind else "O"
    assert "1 tag breaks the notation of the other 27 (B-TYPE, I-TYPE and O" in said.err
    assert f"{kind!r} (1 time) as {read}" in said.err
    assert "f1" in elman("evaluate", tmp_path / "m", tmp_path / "odd.txt", "--json").json()
    counted = "not seen in training, and counted as wrong: '?'" if kind == "?" else f"{kind!r} (1 time) as {read}"
    assert counted in elman("evaluate", tmp_path / "m", tmp_path / "odd.txt").err
    refused = elman(*words, "--strict", "--held-out", "0", "-o", tmp_path / "n")
    assert f"Received: {kind!r}" in refused.error()
    assert "odd.txt, line " in refused.error()
    assert not (tmp_path / "n").exists()


def test_evaluation_has_a_row_for_every_tag_and_span(elman, tagger, columns, tmp_path):
    said = elman("evaluate", tagger, columns)
    assert said.code == 0, said.err
    for word in ("accuracy", "f1", "precision", "B-place", "I-place", "place"):
        assert word in said.out
    facts = elman("evaluate", tagger, columns, "--json", "--picture", tmp_path / "tags.png").json()
    assert facts["tokens"] == 28
    assert set(facts["tags"]) >= {"O", "B-place", "I-place"}
    assert facts["tags"]["O"]["support"] == 16
    assert facts["spans"]["place"]["support"] == 8
    assert (tmp_path / "tags.png").read_bytes().startswith(b"\x89PNG")
    assert elman("evaluate", tagger, columns, "--json", "--limit", "2").json()["tokens"] == 6


def test_tags_never_seen_are_reported(elman, tagger, tmp_path):
    (tmp_path / "new.txt").write_text("go O\nnow B-time\n")
    said = elman("evaluate", tagger, tmp_path / "new.txt", "--json")
    assert said.json()["accuracy"] <= 0.5
    assert "1 tag not seen in training, and counted as wrong: 'B-time'" in said.err


def test_frames(elman, tmp_path):
    draw = np.random.default_rng(0)
    rows = [f"{take},{t},{draw.normal():.3f},{'up' if t % 2 else 'down'}" for take in range(6) for t in range(5)]
    (tmp_path / "a.csv").write_text("\n".join(["take,time,x,label", *rows]))
    words = ("train", "tagger", tmp_path / "a.csv", "-o", tmp_path / "m", "--sequence-column", "take", *TINY)
    assert elman(*words).code == 0
    said = elman("tag", tmp_path / "m", tmp_path / "a.csv", "--json").json()
    assert [len(each["tags"]) for each in said["sequences"]] == [5] * 6
    assert said["sequences"][0]["words"] == ["0", "1", "2", "3", "4"]
    assert "expected frames of 1 numbers for this tagger" in elman("tag", tmp_path / "m", "--text", "a").error()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a X\nb\n", "train.txt, line 2: expected 2 columns, as above. Received: 1"),
        ("", "expected words with tags, one word per line. Received: none"),
        ("a O\n\nb O\n", "expected at least two different tags. Received: O"),
        ("a" * 10_000_000 + " X\n", "at most 10,000 characters. Received: one of 10,000,000"),
    ],
    ids=["ragged", "empty", "one tag", "ten megabytes"],
)
def test_bad_training_data_is_one_line(content, said, elman, tmp_path):
    (tmp_path / "train.txt").write_text(content)
    result = elman("train", "tagger", tmp_path / "train.txt", "-o", tmp_path / "m", *TINY)
    assert result.code == 2
    assert said in result.error()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tag", "MODEL"], "expected sentences from files (- for standard input) or by --text. Received: neither"),
        (["tag", "MODEL", "a.txt", "--text", "b"], "Received: both"),
        (["tag", "MODEL", "--text", " "], "expected one sentence per line. Received: none"),
        (["tag", "MODEL", "nothing.txt"], "there is no such file or folder. Received: nothing.txt"),
        (["tag", "MODEL", "--text", "a", "--json", "--to", "text"], "expected one output format"),
        (["evaluate", "MODEL", "nothing.conllu"], "there is no such file or folder"),
        (["evaluate", "MODEL", "x", "--limit", "0"], "expected --limit of at least 1 sequence"),
        (["train", "tagger"], "expected at least one file to train on"),
        (["train", "tagger", "x"], "expected a folder for the model: elman train tagger DATA -o MODEL"),
        (["train", "tagger", "x", "-o", "m", "--cell", "lstn"], "Did you mean 'lstm'"),
        (
            ["train", "tagger", "x", "-o", "m", "--loss-from", "2"],
            "expected loss_from and loss_to for tasks with a target",
        ),
        (
            ["train", "tagger", "x", "-o", "m", "--embedding", "0", "--char-embedding", "0"],
            "embedding or char_embedding above 0",
        ),
        (["train", "tagger", "x", "-o", "m", "--intent", "--intent-pool", "best"], "expected pool to be one of"),
    ],
)
def test_commands_that_cannot_work(words, said, elman, tagger, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = elman(*[str(tagger) if word == "MODEL" else word for word in words])
    assert result.code == 2
    assert said in result.error()


def test_a_model_of_another_task(elman, model, tagger):
    assert "expected a model of the task tagger" in elman("tag", model, "--text", "a").error()
    assert "expected a model of the task language-model" in elman("generate", tagger).error()
