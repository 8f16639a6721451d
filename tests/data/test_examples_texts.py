"""Texts with labels: the same ones in every form, and errors in files with their location."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from elman.data.examples import Examples, ExamplesConfig, read_examples
from elman.errors import ConfigError, DataError, ElmanError, EncodingError

TEXTS = ["good film", 'a "bad", sad one']
LABELS = ["pos", "neg"]


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def read(folder: Path, name: str = ".", labelled: bool = True, **options: Any) -> Examples:
    return read_examples(folder / name, ExamplesConfig(**options), labelled=labelled)


def test_labels_of_lines_may_have_decimal_commas(tmp_path: Path) -> None:
    write(tmp_path, {"d.txt": "1,5\tgood\n2\tbad, or 1,5\n", "inputs.txt": "good\nbad\n", "labels.txt": "1,5\n-2,5"})
    for labelled in (True, False):
        found = read(tmp_path, "d.txt", labelled, decimal=",")
        assert (found.labels, found.inputs) == (["1.5", "2.0"], ["good", "bad, or 1,5"])
        assert read(tmp_path, "d.txt", labelled).labels == ["1,5", "2"]
    assert read(tmp_path, "inputs.txt", decimal=",").labels == ["1.5", "-2.5"]


SAME: list[tuple[str, dict[str, str | bytes], dict[str, Any]]] = [
    ("d.csv", {"d.csv": 'text,label\ngood film,pos\n"a ""bad"", sad one",neg\n'}, {}),
    ("d.csv", {"d.csv": '\ufefflabel;text\r\npos;good film\r\nneg;"a ""bad"", sad one"\r\n'}, {}),
    ("d.tsv", {"d.tsv": 'good film\tpos\n"a ""bad"", sad one"\tneg'}, {"header": False, "text_column": "1",
     "label_column": "2", "quoting": "on"}),
    ("d.tsv", {"d.tsv": 'text\tlabel\ngood film\tpos\na "bad", sad one\tneg'}, {}),
    ("d.jsonl", {"d.jsonl": '{"text": "good film", "label": "pos"}\n'
     '{"text": "a \\"bad\\", sad one", "label": "neg"}'}, {}),
    ("d.txt", {"d.txt": 'pos\tgood film\nneg\ta "bad", sad one\n\n'}, {}),
    ("d.txt", {"d.txt": '\ufeffpos\tgood film\r\nneg\ta "bad", sad one\r\n'}, {}),
    ("d.txt", {"d.txt": 'pos good film\nneg a "bad", sad one'}, {"delimiter": " "}),
    ("d.txt", {"d.txt": 'good film\tpos\na "bad", sad one\tneg'}, {"label_first": False}),
    ("d.txt", {"d.txt": 'good film\tpos\na "bad", sad one\tneg'}, {"label_first": False, "delimiter": "\\t"}),
    ("d.tsv", {"d.tsv": 'pos\tgood film\nneg\ta "bad", sad one'}, {"format": "lines"}),
    ("d.txt.gz", {"d.txt.gz": gzip.compress(b'pos\tgood film\nneg\ta "bad", sad one\n')}, {}),
    ("d.txt", {"d.txt": 'good film\na "bad", sad one\n', "y": "pos\nneg\n"}, {"labels": "y"}),
    ("d.txt", {"d.txt": 'good film\na "bad", sad one\n', "y.csv": "n,label\n1,pos\n2,neg\n"}, {"labels": "y.csv"}),
    ("my_text.txt", {"my_text.txt": 'good film\na "bad", sad one\n', "my_labels.txt": "pos\nneg\n"}, {}),
    (".", {"pos/1.txt": "good film", "neg/1.txt.gz": gzip.compress(b'a "bad", sad one'), "pos/.hidden": ""}, {}),
    (".", {"pos.txt": "good film\n", "neg.txt": '\n\na "bad", sad one\n\n'}, {}),
    (".", {"film.pos": "good film\n", "film.neg.gz": gzip.compress(b'a "bad", sad one')}, {}),
    (".", {"pos/deep/1.txt": "good film", "neg/1.txt": 'a "bad", sad one', "README.md": "x"}, {"pattern": "*.txt"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "files", "options"), SAME)
def test_the_same_texts_in_many_forms(
    tmp_path: Path, name: str, files: dict[str, str | bytes], options: dict[str, Any]
) -> None:
    write(tmp_path, files)
    examples = read(tmp_path, name, **options)
    assert examples.kind == "text"
    assert examples.channels == ()
    assert sorted(zip(examples.inputs, examples.labels or (), strict=True)) == sorted(zip(TEXTS, LABELS, strict=True))
    for text, place in zip(examples.inputs, examples.places, strict=True):
        # A place names the file in which the text is.
        file = Path(place.partition(", line")[0])
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        assert str(text).encode()[:2] in content


def test_a_place_has_the_line_at_which_a_text_begins(tmp_path: Path) -> None:
    write(tmp_path, {"d.csv": 'text,label\n"two\nlines",a\nx,b\n', "e.txt": "a\tx\nb\ty\n"})
    assert [place.split(", ")[1] for place in read(tmp_path, "d.csv").places] == ["line 2", "line 4"]
    assert [place.split(", ")[1] for place in read(tmp_path, "e.txt").places] == ["line 1", "line 2"]


def test_lines_end_at_line_ends_alone(tmp_path: Path) -> None:
    write(tmp_path, {"d.txt": "a\tone\x0b\x1c\u2028\x85two\nb\tthree\n"})
    assert read(tmp_path, "d.txt").inputs == ["one\x0b\x1c\u2028\x85two", "three"]


@pytest.mark.parametrize(("name", "content"), [("d.csv", "text,label\n{},a\n"), ("d.txt", "a\t{}\n")])
def test_ten_megabytes_in_one_text(tmp_path: Path, name: str, content: str) -> None:
    write(tmp_path, {name: content.format("x" * 10_000_000)})
    assert len(read(tmp_path, name).inputs[0]) == 10_000_000


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("d.csv", "text\nx\ny\n", {}),
        ("d.csv", "text,label\nx,a\ny,\n", {}),
        ("d.jsonl", '{"text": "x", "label": "a"}\n{"text": "y"}\n', {}),
        ("d.txt", "x\ny\n", {}),
        ("d.txt", "x\ny\n", {"delimiter": " "}),
    ],
)
def test_data_to_be_predicted_needs_no_labels(tmp_path: Path, name: str, content: str, options: dict[str, Any]) -> None:
    write(tmp_path, {name: content})
    examples = read(tmp_path, name, labelled=False, **options)
    assert (examples.inputs, examples.labels) == (["x", "y"], None)
    with pytest.raises(DataError):
        read(tmp_path, name, **options)


def test_data_to_be_predicted_may_have_labels(tmp_path: Path) -> None:
    write(tmp_path, {"d.csv": "text,label\nx,a\n", "d.txt": "a\tx\nb\ty z\n"})
    assert read(tmp_path, "d.csv", labelled=False).labels == ["a"]
    assert read(tmp_path, "d.txt", labelled=False).labels == ["a", "b"]


BAD: list[tuple[str, dict[str, str | bytes], dict[str, Any], str]] = [
    ("d.csv", {"d.csv": "txt,label\nx,a\n"}, {}, r"a column 'text' .*Received: the columns 'txt', 'label'"),
    ("d.csv", {"d.csv": "text,class\nx,a\n"}, {}, r"a column 'label' .*Received: the columns 'text', 'class'"),
    ("d.csv", {"d.csv": "text,label\nx,a\n ,b\n"}, {}, r"d\.csv, line 3: expected a text in the column 'text'"),
    ("d.csv", {"d.csv": "text,label\nx,a\ny, \n"}, {}, r"d\.csv, line 3: expected a label in the column 'label'"),
    ("d.csv", {"d.csv": "text,label\nx,a\ny\n"}, {}, "line 3: expected 2 cells"),
    ("d.csv", {"d.csv": ""}, {}, "an empty file"),
    ("d.jsonl", {"d.jsonl": '{"text": null, "label": "a"}'}, {}, "line 1: expected a value in the column 'text'"),
    ("d.txt", {"d.txt": "a\tx\nno tab here\n"}, {}, r"d\.txt, line 2: expected a label, then a text.*'no tab here'"),
    ("d.txt", {"d.txt": "a\tx\n\tno label\n"}, {}, "line 2: expected a label, then a text"),
    ("d.txt", {"d.txt": "x\ta\ny\n"}, {"label_first": False}, "line 2: expected a text, then a label"),
    ("d.txt", {"d.txt": "a\tx\nb\t  \nc\tz\n"}, {}, "line 2: expected a text. Received: an empty one"),
    ("d.txt", {"d.txt": "a\tx\n\nb\ty\n"}, {}, "line 2: expected a label, then a text"),
    ("d.txt", {"d.txt": "\n \n"}, {}, "an empty file"),
    ("d.txt", {"d.txt": "x\ny\n", "y": "a\nb\nc\n"}, {"labels": "y"}, r"each of the 2 examples.*Received: 3 labels"),
    ("d.txt", {"d.txt": "x\ny\n", "y": "a\n\nb\n"}, {"labels": "y"}, "y, line 2: expected a label"),
    ("d.txt", {"d.txt": "x\n"}, {"labels": "y"}, "expected a file of labels. Received: no such file y"),
    ("d.txt", {"d.txt": b"a\tx\0y\n"}, {}, "binary file"),
    ("d.txt", {"d.txt": b"a\tx\xff\xfe\n"}, {}, "offset 3 are not utf-8"),
    ("none.txt", {}, {}, "no such file"),
    (".", {"a/1.txt": "x", "b.txt": "y"}, {}, r"Received: .*b\.txt next to the folders"),
    (".", {"a/1.txt": "x", "b/2.txt": " \n"}, {}, r"2\.txt: expected a text. Received: an empty file"),
    (".", {"a.txt": "x\n", "b.txt": "\n"}, {}, r"b\.txt: expected one text per line"),
    (".", {"a.txt": "x\n"}, {"pattern": "*.csv"}, r"matches '\*\.csv'"),
    ("d.csv", {"d.csv": "text,label\nx,a\n"}, {"delimiter": "ab"}, "a delimiter of one character"),
    ("d.csv", {"d.csv": "text,label\nx,a\n"}, {"delimiter": '"'}, "a delimiter of one character"),
    ("d.csv", {"d.csv": "text,label\nx,a\n"}, {"encoding": "utf-88"}, "did you mean"),
    ("d.txt.gz", {"d.txt.gz": gzip.compress(b"a\tx\n" * 99)[:-12]}, {}, "not a whole gzip file"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "files", "options", "message"), BAD)
def test_what_is_wrong_is_reported_with_its_place(
    tmp_path: Path, name: str, files: dict[str, str | bytes], options: dict[str, Any], message: str
) -> None:
    write(tmp_path, files)
    with pytest.raises(ElmanError, match=message) as caught:
        read(tmp_path, name, **options)
    assert isinstance(caught.value, DataError | ConfigError)
    assert "\n" not in str(caught.value)


def test_a_table_without_a_header_makes_no_endless_message(tmp_path: Path) -> None:
    write(tmp_path, {"d.tsv": "a very long text " * 9999 + "\tpos\nshort\tneg\n"})
    with pytest.raises(DataError, match=r"Received: the columns 'a very long") as caught:
        read(tmp_path, "d.tsv")
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_bytes_that_are_not_text_can_be_replaced(tmp_path: Path) -> None:
    write(tmp_path, {"d.txt": b"a\tx\xff\n", "latin.txt": b"a\tcaf\xe9\n"})
    with pytest.raises(EncodingError):
        read(tmp_path, "d.txt")
    assert read(tmp_path, "d.txt", errors="replace").inputs == ["x\ufffd"]
    assert read(tmp_path, "latin.txt", encoding="latin-1").inputs == ["caf\u00e9"]


def test_several_files_are_joined_in_their_order(tmp_path: Path) -> None:
    write(tmp_path, {"b.csv": "text,label\nx,a\n", "a.txt": "b\ty\n", "s.ts": "@classLabel true 1\n@data\n1,2:1\n"})
    config = ExamplesConfig()
    captured: list[float] = []
    joined = read_examples(
        [tmp_path / "b.csv", tmp_path / "a.txt"], config, progress=lambda _, share: captured.append(share)
    )
    assert (joined.inputs, joined.labels, captured) == (["x", "y"], ["a", "b"], [0.5, 1.0])
    with pytest.raises(DataError, match=r"b\.csv, line 2 has a text. Received: a series in .*s\.ts"):
        read_examples([tmp_path / "b.csv", tmp_path / "s.ts"], config)
    write(tmp_path, {"p.csv": "text\nx\n"})
    with pytest.raises(DataError, match=r"b\.csv, line 2 has one. Received: none in .*p\.csv"):
        read_examples([tmp_path / "p.csv", tmp_path / "b.csv"], config, labelled=False)


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    for content, options in ((b"a\tx\n", {}), (b"text,label\nx,a\n", {"format": "table"})):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        examples = read_examples(["-"], ExamplesConfig(**options))
        assert (examples.inputs, examples.labels) == (["x"], ["a"])
        assert examples.places[0].startswith("standard input, line ")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_fingerprint_stands_for_the_content_and_not_for_the_place() -> None:
    def print_of(inputs: list[str], labels: list[str] | None, place: str = "p") -> str:
        return Examples("text", inputs, labels, [place] * len(inputs)).fingerprint()

    same = print_of(["ab", "c"], ["x", "y"])
    assert same == print_of(["ab", "c"], ["x", "y"], "elsewhere")
    others = [(["a", "bc"], ["x", "y"]), (["ab", "c"], ["xy", ""]), (["ab", "c"], None), (["c", "ab"], ["x", "y"])]
    prints = {print_of(inputs, labels) for inputs, labels in others}
    assert len(prints) == 4
    assert same not in prints


def test_rows_are_taken_in_the_order_asked_for() -> None:
    examples = Examples("text", ["a", "b", "c"], ["1", "2", "3"], ["x", "y", "z"]).take([2, 0, 2])
    assert (examples.inputs, examples.labels, examples.places) == (["c", "a", "c"], ["3", "1", "3"], ["z", "x", "z"])


def test_blanks_around_a_line_are_no_part_of_it(tmp_path: Path) -> None:
    """Where only the lines of some classes end in a blank, it would give them away."""
    (tmp_path / "Chinese.txt").write_text("See \n Sze\n", encoding="utf-8")
    (tmp_path / "Dutch.txt").write_text("Van den Berg\n", encoding="utf-8")
    assert read_examples([tmp_path], ExamplesConfig()).inputs == ["See", "Sze", "Van den Berg"]


@pytest.mark.parametrize("name", ["cats/a.png", "dogs/b.JPG"])
def test_image_files_are_refused_with_the_form_that_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: b"\xff\xd8\x00"})
    for path in (".", name):
        with pytest.raises(DataError, match=r"expected images as an array .*\.npy.* Received: a \.(png|JPG) file"):
            read(tmp_path, path)
