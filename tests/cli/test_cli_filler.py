"""`elman train filler`, `fill` and `evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elman.cli import main

from ..tasks.small_fillers import SENTENCES, TEXT
from .conftest import Elman

FLAGS = ["--hidden-size", "12", "--embedding", "8", "--batch-size", "4", "--bptt", "9", "--dropout", "0"]
FLAGS += ["--learning-rate", "0.03", "--warmup-steps", "0", "--precision", "float32", "--threads", "1", "--no-tune"]
FLAGS += ["--no-tensorboard", "--documents", "lines"]
LONG, SHORT = ["--max-steps", "200", "--evaluate-every", "200"], ["--max-steps", "20"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("filler")
    (place / "text.txt").write_text(TEXT, encoding="utf-8")
    assert main(["train", "filler", str(place / "text.txt"), "-o", str(place / "model"), "-q", *FLAGS, *LONG]) == 0
    return place


def test_a_run_ends_with_its_figures_and_a_verdict(folder: Path) -> None:
    metrics = json.loads((folder / "model" / "elman.json").read_text())["metrics"]
    assert {"loss", "perplexity", "accuracy", "top5_accuracy", "unknown_share", "perplexity_known"} <= set(
        metrics["test"]
    )
    assert set(metrics["verdict"]["rules"]) == {"frequencies of words", "n-grams on both sides"}
    assert metrics["verdict"]["figure"] == "loss"


def test_fill_shows_the_text_and_the_words_of_the_gap(elman: Elman, folder: Path) -> None:
    said = elman("fill", folder / "model", "the cat ___ now in the house .")
    assert said.code == 0, said.err
    first, head, best, *rest = said.out.splitlines()
    assert first == "the cat sleeps now in the house ."
    assert head.split() == ["probability", "word"]
    assert best.split()[1] == "sleeps"
    assert len(rest) == 5
    assert rest[-1].endswith("(a word that is not in the vocabulary)")
    assert said.err == ""


def test_fill_shows_a_table_for_each_gap(elman: Elman, folder: Path) -> None:
    lines = elman("fill", folder / "model", "the ___ sleeps now in the ___ .", "--top", "2").out.splitlines()
    assert lines[0] == "the cat sleeps now in the house ."
    assert [line.split()[:2] for line in lines if line.lstrip().startswith("gap")] == [["gap", "1"], ["gap", "2"]]
    assert len(lines) == 1 + 2 * 4


def test_json_has_everything(elman: Elman, folder: Path) -> None:
    found = elman("fill", folder / "model", "the ___ sleeps", "--candidates", "cat", "dog", "--json").json()
    (text,) = found["texts"]
    assert set(text) == {"file", "line", "given", "text", "words", "log_probability", "gaps"}
    assert [each["word"] for each in text["gaps"][0]["found"]] == ["cat", "dog"]
    assert text["words"] == ["cat"]


def test_files_are_filled_line_by_line(elman: Elman, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("the cat ___ now in the house .\n\nno gap here\nthe dog runs now in the ____ .\n")
    expected = "the cat sleeps now in the house .\n\nno gap here\nthe dog runs now in the park .\n"
    said = elman("fill", folder / "model", path)
    assert said.out == expected
    assert said.err == ""  # the line ends between texts are no unknown words
    assert elman("fill", folder / "model", path, "-o", tmp_path / "filled.txt", "-q").code == 0
    assert (tmp_path / "filled.txt").read_text() == expected
    found = elman("fill", folder / "model", path, "--json").json()
    assert [(each["file"], each["line"]) for each in found["texts"]] == [(str(path), 1), (str(path), 4)]
    several = elman("fill", folder / "model", "the ___ sleeps", path, path, "--json").json()["texts"]
    assert [(each["file"], each["line"]) for each in several] == [(None, 1), *[(str(path), 1), (str(path), 4)] * 2]


def test_standard_input(elman: Elman, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("the cat ___ now in the house .\n")
    with path.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        said = elman("fill", folder / "model", "-")
    assert said.out.splitlines()[0] == "the cat sleeps now in the house ."


def test_unknown_words_are_remarked_on(elman: Elman, folder: Path) -> None:
    said = elman("fill", folder / "model", "the zebra ___ now")
    assert "1 word of the text is unknown: 'zebra'" in said.err
    assert said.code == 0


def test_a_file_in_another_encoding(elman: Elman, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("the caf\xe9 cat ___ now".encode("latin-1"))
    assert "caf\xe9 cat" in elman("fill", folder / "model", path, "--encoding", "latin-1").out
    assert "caf cat" in elman("fill", folder / "model", path, "--errors", "ignore").out
    assert "[caf]" in elman("fill", folder / "model", "--suspicious", path, "--errors", "ignore").out
    assert "--errors replace" in elman("fill", folder / "model", path).err


def test_suspicious_words_of_a_file(elman: Elman, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_text("\n".join([SENTENCES[0], "the cat swims now in the house ."]) + "\n")
    said = elman("fill", folder / "model", "--suspicious", path, "--top", "2")
    head, first, *rest = said.out.splitlines()
    assert head.split() == ["score", "line:word", "word", "probability", "better", "probability", "text"]
    assert first.split()[1:3] == ["2:3", "swims"]
    assert "sleeps" in first
    assert "the cat [swims] now" in first
    assert len(rest) == 1
    found = elman("fill", folder / "model", "--suspicious", "the cat swims now in the house .", "--json").json()
    assert found["words"] == 8
    assert len(found["suspicious"]) == 8
    assert found["suspicious"][0]["suggestion"] == "sleeps"


def test_evaluate_shows_the_figures(elman: Elman, folder: Path) -> None:
    said = elman("evaluate", folder / "model", folder / "text.txt", "-q")
    figures = dict(line.split() for line in said.out.splitlines())
    found = elman("evaluate", folder / "model", folder / "text.txt", "--json", "-q").json()
    assert figures["words"] == f"{len(TEXT.split()):,}"
    assert figures["accuracy"] == f"{found['accuracy']:.2%}"
    assert float(figures["perplexity"]) == pytest.approx(found["perplexity"], abs=1e-4)


def test_wrong_calls(elman: Elman, folder: Path, tmp_path: Path) -> None:
    model = folder / "model"
    (tmp_path / "plain.txt").write_text("no gap\nnone here\n")
    (tmp_path / "bad.txt").write_text("fine ___\nthe c___t\n")
    (tmp_path / "empty.txt").write_text("")
    both = tmp_path / "a___b"
    both.write_text("the ___\n")
    cases = [
        ([], 'elman fill MODEL "the cat ___ on the mat"'),
        (
            ["the cat sleeps"],
            "expected a text with a gap, such as ___, or a file that exists. Received: 'the cat sleeps'",
        ),
        (["nowhere.txt"], "or a file that exists. Received: 'nowhere.txt'"),
        (["--file", tmp_path / "nowhere.txt"], "nowhere.txt"),
        (["--text", "no gap"], "expected a text with a gap"),
        (["--text", ""], "expected a text with a gap"),
        (["___"], "at least one word next to the gaps"),
        (["the c___t"], "gaps that are words of their own"),
        ([tmp_path / "plain.txt"], "plain.txt: expected a line with a gap, marked by ___. Received: 2 lines without"),
        ([tmp_path / "empty.txt"], "expected a line with a gap, marked by ___. Received: 0 lines without"),
        ([tmp_path / "bad.txt"], "bad.txt, line 2: expected gaps that are words of their own"),
        ([both], "expected --text or --file for what is a text and also the name of a file"),
        (["the ___", "--top", "2", "--candidates", "cat"], "either --top or --candidates"),
        (["the ___", "--top", "0"], "expected top to be at least 1"),
        (["the ___", "--candidates", "zebra"], "single words of the vocabulary. Received: 'zebra'"),
        (["the cat sleeps", "--suspicious", "--beams", "3"], "no options of gaps with --suspicious. Received: --beams"),
        (["the cat", "a dog", "--suspicious"], "expected one text or one file with --suspicious. Received: 2"),
        (["word", "--suspicious"], "expected a text of several words, or a file that exists. Received: 'word'"),
        ([tmp_path / "empty.txt", "--suspicious"], "expected a text with at least one word"),
    ]
    for words, message in cases:
        said = elman("fill", model, *words)
        assert said.code == 2, words
        assert message in said.error(), words


def test_a_bad_call_writes_nothing(elman: Elman, folder: Path, tmp_path: Path) -> None:
    said = elman("fill", folder / "model", "no gap", "-o", tmp_path / "out.txt")
    assert said.code == 2
    assert not (tmp_path / "out.txt").exists()


def test_fill_is_not_for_other_models(elman: Elman, model: Path) -> None:
    said = elman("fill", model, "the ___")
    assert said.code == 2
    assert "filler" in said.error()


def test_fillers_are_compared_on_a_text(elman: Elman, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    short = [*FLAGS, *SHORT, "--seed", "3"]
    assert main(["train", "filler", str(folder / "text.txt"), "-o", str(other), "-q", *short]) == 0
    found = elman("compare", folder / "model", other, "--data", folder / "text.txt", "--json", "-q").json()
    assert f'"items": {-(-len(TEXT.split()) // 100)},' in json.dumps(found)
    (tmp_path / "text.txt").write_text("another text is here, and another text is there\n" * 20)
    assert main(["train", "filler", str(tmp_path / "text.txt"), "-o", str(tmp_path / "third"), "-q", *short]) == 0
    said = elman("compare", folder / "model", tmp_path / "third", "--data", folder / "text.txt")
    assert said.code == 2
    assert "expected fillers with the same words" in said.err
