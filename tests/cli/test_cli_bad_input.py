"""Data that cannot be used, by the command line, for the classifier and the tagger: one line, exit code 2, no folder.

It also has data that looks strange but is valid: its names are the good ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elman.cli import main

TINY = ["--preset", "small", "--hidden-size", "4", "--max-steps", "2", "--threads", "1", "--no-tune",
        "--no-tensorboard", "-q"]  # fmt: skip
STEPS = "series,time,v,label\n1,1,0.5,a\n"
FRAMES = "sequence,time,x,label\n"
TAGS = "a X\nb Y\n\n" * 12
HUGE = "9" * 10_000_000

# By description: the name of the file, its content, more words of the command line, and what the error says.
CLASSIFIER: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "infinity": ("s.csv", STEPS + "1,2,-inf,a\n", (), "s.csv, line 3: expected a number in the column 'v'"),
    "too large a number": ("s.csv", STEPS + "1,2,1e300,a\n", (), "step 2, channel 'v': expected a number that float32"),
    "a missing value": (
        "s.ts", "@classLabel true a b\n@data\n1,2:a\n1,NaN:b\n", (), "line 4, step 2, channel 1: expected a value (miss"
    ),
    "unequal channels": ("s.ts", "@classLabel true a b\n@data\n1,2:1:a\n", (), "line 3, channel 2: expected 2 steps"),
    "an empty series": ("s.ts", "@classLabel true a b\n@data\n:a\n", (), "line 3: expected a series. Received: no va"),
    "no column of values": ("s.csv", STEPS, ("--value-columns", "w"), "expected a column 'w'. Received: the columns"),
    "an earlier time": ("s.csv", STEPS + "1,0,1,a\n", (), "line 3: expected the times of the series '1' to increase"),
    "times of two kinds": ("s.csv", STEPS + "1,2024-01-01,1,a\n", (), "line 3: expected a number in the column 'time'"),
    "two labels a series": ("s.csv", STEPS + "1,2,1,b\n", (), "line 3: expected one label for the series '1'"),
    "a huge number": ("s.csv", f"{STEPS}1,2,{HUGE},a\n", (), "line 3: expected a number in the column 'v'"),
    "a huge label": ("t.csv", f"text,label\na,{HUGE}\nb,y\n", (), "expected a label of at most 1,000 characters"),
    "a label each": (
        "t.txt", "".join(f"text {n}\t{n % 2}\n" for n in range(10)), (), "Received: 10 labels, all different, such as"
    ),
    "one score": (
        "t.csv", "text,label\na,1\nb,1\n", ("--kind", "regression"),
        "expected numbers that differ, to learn from. Received: "
    ),
    "a table without names": (
        "t.tsv", "a good film\t1\na bad film\t0\n", (), "a column 'text' (text_column names it; without header"
    ),
    "no column of labels": (
        "t.csv", "text,stars\na,1\n", (), "a column 'label' (label_column names it). Received: the columns 'text', 's"
    ),
    "a blank text": ("t.csv", "text,label\na,x\n  ,y\n", (), "line 3: expected a text in the column 'text'"),
}  # fmt: skip
TAGGER: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "NaN": ("f.csv", FRAMES + "a,1,nan,u\n", (), "f.csv, line 2: expected a number in the column 'x'. Received: 'nan'"),
    "infinity": ("f.csv", FRAMES + "a,1,inf,u\n", (), "line 2: expected a number in the column 'x'. Received: 'inf'"),
    "too large a number": (
        "f.csv",
        FRAMES + "a,1,1e300,u\na,2,1,d\n",
        (),
        "line 2 (sequence 'a'), step 0: expected nu",
    ),
    "text for a number": ("f.csv", FRAMES + "a,1,1,u\na,2,two,d\n", (), "line 3: expected a number in the column 'x'"),
    "ragged frames": ("f.csv", FRAMES + "a,1,1,u\na,2,d\n", (), "f.csv, line 3: expected 4 cells, as above"),
    "ragged words": ("t.conllu", "1\ta\tb\n", (), "t.conllu, line 1: expected 10 columns with tabs"),
    "a missing column": (
        "f.csv",
        "time,x,label\n1,1,u\n",
        (),
        "expected a column 'sequence'. Received: the columns 't",
    ),
    "no such tag column": ("t.txt", TAGS, ("--tag-column", "5"), "line 1: expected the tags in column 5. Received: 2"),
    "no such name": ("t.conllu", TAGS, ("--tag-column", "upso"), "Did you mean 'upos'?"),
    "one label": ("f.csv", FRAMES + "a,1,1,u\nb,1,1,u\n", (), "expected at least two different tags. Received: u"),
    "a time twice": ("f.csv", FRAMES + "a,1,1,u\na,1,1,d\n", (), "line 3: expected different times in sequence 'a'"),
    "an empty label": ("f.csv", FRAMES + "a,1,1,u\na,2,2,\n", (), "line 3: expected a tag in the column 'label'"),
    "an empty tag": ("t.txt", "a\tX\nb\t\n", (), "line 2: expected the tags in column 2. Received: an empty cell"),
    "an empty table": ("f.csv", "", (), "expected a table. Received: an empty file"),
    "blank lines": ("t.txt", "\n\r\n\n", (), "expected words with tags, one word per line. Received: none"),
    "a huge number": ("f.csv", f"{FRAMES}a,1,{HUGE},u\n", (), "line 2: expected a number in the column 'x'"),
    "a huge tag": (
        "t.txt",
        f"{TAGS}a {HUGE}\n",
        (),
        "line 37: expected tags of at most 1,000 characters. Received: one of 10",
    ),
    "bytes that are no text": ("t.txt", TAGS + "\udcff X\n", (), "the bytes at offset 108 are not utf-8 text"),
    "no sentence labels": ("t.txt", TAGS, ("--intent",), "expected a label of every sentence with intent=true"),
}


def refused(elman, task: str, case: tuple[str, str, tuple[str, ...], str], folder: Path) -> None:
    file, content, flags, expected = case
    (folder / file).write_bytes(content.encode("utf-8", "surrogateescape"))
    said = elman("train", task, folder / file, "-o", folder / "m", *flags, *TINY)
    assert said.code == 2, said.err
    assert expected in said.error()
    assert [path.name for path in folder.iterdir()] == [file]


@pytest.mark.parametrize("name", CLASSIFIER)
def test_a_classifier_refuses(elman, name, tmp_path):
    refused(elman, "classifier", CLASSIFIER[name], tmp_path)


@pytest.mark.parametrize("name", TAGGER)
def test_a_tagger_refuses(elman, name, tmp_path):
    refused(elman, "tagger", TAGGER[name], tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_in_arrays_that_are_none(elman, value, tmp_path):
    x = np.zeros((4, 5))
    x[2, 1] = value
    path, words = tmp_path / "f.npz", ("-o", tmp_path / "m", *TINY)
    np.savez(path, x=x, y=np.array(list("abab")))
    assert "f.npz, sequence 0, step 2: expected finite numbers" in elman("train", "tagger", path, *words).error()
    said = elman("train", "classifier", path, *words)
    assert "f.npz, array 'x', row 3, step 2, channel 1: expected a" in said.error()
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "content", ["\ufeff" + TAGS.replace("\n", "\r\n"), TAGS + '"a X\n"" Y\n'], ids=["a mark and Windows", "quotes"]
)
def test_a_tagger_reads_what_only_looks_strange(elman, content, tmp_path):
    (tmp_path / "t.txt").write_bytes(content.encode())
    said = elman("train", "tagger", tmp_path / "t.txt", "-o", tmp_path / "m", *TINY, "--dry-run", "--json")
    assert said.code == 0, said.err
    assert elman("train", "tagger", tmp_path / "t.txt", "-o", tmp_path / "m", *TINY).code == 0
    assert main(["tag", str(tmp_path / "m"), "--text", "a b"]) == 0


def test_channels_go_by_their_names_also_when_a_classifier_answers(elman, tmp_path):
    rows = [f"{n},{t},{n % 2},{t / 9},{'ab'[n % 2]}" for n in range(12) for t in range(3)]
    (tmp_path / "s.csv").write_text("\n".join(["series,time,v,w,label", *rows, ""]))
    assert elman("train", "classifier", tmp_path / "s.csv", "-o", tmp_path / "m", *TINY).code == 0
    words = ("predict", tmp_path / "m", tmp_path / "new.csv", "--json", "--explain")

    def answers(content: str) -> object:
        (tmp_path / "new.csv").write_text(content)
        return elman(*words).json()

    assert answers("series,time,v,w\n1,1,1,0.5\n") == answers("series,time,w,v\n1,1,0.5,1\n")
    (tmp_path / "new.csv").write_text("series,time,v,u\n1,1,1,0.5\n")
    error = elman(*words).error()
    assert "expected the channels 'v', 'w', as in training, in any order (missing: 'w'; unknown: 'u')" in error
    assert "Received: the channels 'v', 'u'" in error


def test_columns_of_frames_go_by_their_names_also_when_a_tagger_answers(elman, tmp_path):
    rows = [f"{take},{t},{t % 2},{take / 9},{'ab'[t % 2]}" for take in range(12) for t in range(4)]
    (tmp_path / "f.csv").write_text("\n".join(["sequence,time,v,w,label", *rows, ""]))
    assert elman("train", "tagger", tmp_path / "f.csv", "-o", tmp_path / "m", *TINY).code == 0
    words = ("tag", tmp_path / "m", tmp_path / "new.csv", "--json")

    def answers(content: str) -> object:
        (tmp_path / "new.csv").write_text(content)
        return elman(*words).json()

    assert answers("sequence,time,v,w\n1,1,1,0.5\n") == answers("sequence,time,w,v\n1,1,0.5,1\n")
    (tmp_path / "new.csv").write_text("sequence,time,v,u\n1,1,1,0.5\n")
    error = elman(*words).error()
    assert "new.csv: expected the columns 'v', 'w', as in training, in any order (missing: 'w'; unknown: 'u')" in error
    assert "Received: the columns 'v', 'u'" in error
    (tmp_path / "new.csv").write_text("sequence,time,v\n1,1,1\n")
    assert "(missing: 'w'). Received: the columns 'v'" in elman(*words).error()
