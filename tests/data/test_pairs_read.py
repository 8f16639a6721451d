"""Pairs of sentences in all forms in which they come, and files that are none."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.data.pairs import Pairs, joined, pairs_from, read_pairs
from elman.errors import ConfigError, DataError, EncodingError

SOURCES = ["ein Hund", "zwei „große“ Katzen", 'drei "Vögel"']
TARGETS = ["a dog", "two “big” cats", 'three "birds"']


def written(folder: Path, content: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(texts: list[str], end: str = "\n") -> str:
    return "".join(text + end for text in texts)


def tabbed(texts: list[str] | None = None, *more: str) -> str:
    return lines(["\t".join([*pair, *more]) for pair in zip(SOURCES, texts or TARGETS, strict=True)])


@pytest.mark.parametrize(
    ("files", "options"),
    [
        ({"a.de": lines(SOURCES), "a.en": lines(TARGETS)}, {}),
        ({"a.de": lines(SOURCES).rstrip(), "a.en": lines(TARGETS)}, {"format": "aligned"}),
        ({"1.txt": "\ufeff" + lines(SOURCES, "\r\n"), "2.txt": lines(TARGETS, " \n")}, {}),
        ({"b.en": lines(TARGETS), "b.de": lines(SOURCES)}, {"source_column": "2", "target_column": "1"}),
        ({"b.en": lines(TARGETS), "b.de": lines(SOURCES)}, {"source_column": "2"}),
        ({"b.en": lines(TARGETS), "b.de": lines(SOURCES)}, {"source_column": "de", "target_column": ".en"}),
        ({"a.de.gz": gzip.compress(lines(SOURCES).encode()), "a.en": lines(TARGETS)}, {}),
        ({"a.tsv": tabbed()}, {}),
        ({"a.txt": tabbed()}, {}),
        ({"a.txt": tabbed(None, "CC-BY 2.0 by somebody")}, {}),
        ({"a.txt.gz": gzip.compress(tabbed().encode())}, {"format": "tsv"}),
        ({"a.tsv": "Source\tTarget\n" + tabbed()}, {}),
        ({"a.tsv": "target\tx\tsource\n" + lines([f"{t}\t-\t{s}" for s, t in zip(SOURCES, TARGETS, strict=True)])}, {}),
        ({"a.tsv": "de\ten\n" + tabbed()}, {"source_column": "de", "target_column": "en"}),
        ({"a.tsv": "de\ten\n" + tabbed()}, {"header": "yes"}),
        (
            {"a.tab": lines([f"7\t{t}\t{s}" for s, t in zip(SOURCES, TARGETS, strict=True)])},
            {"source_column": "3", "target_column": "2"},
        ),
        ({"a.csv": pd.DataFrame({"source": SOURCES, "target": TARGETS}).to_csv(index=False)}, {}),
        ({"a.csv": pd.DataFrame({"target": TARGETS, "n": 1, "source": SOURCES}).to_csv(index=False)}, {}),
        ({"a.csv": pd.DataFrame({"de": SOURCES, "en": TARGETS}).to_csv(index=False)}, {}),
        ({"a.csv": pd.DataFrame({"de": SOURCES, "en": TARGETS}).to_csv(index=False, header=False)}, {"header": "no"}),
        (
            {"a.jsonl": pd.DataFrame({"en": TARGETS, "de": SOURCES}).to_json(orient="records", lines=True)},
            {"source_column": "de", "target_column": "en"},
        ),
    ],
)
def test_the_same_pairs_in_many_forms(tmp_path: Path, files: dict[str, str | bytes], options: dict[str, str]) -> None:
    paths = [written(tmp_path, content, name) for name, content in files.items()]
    pairs = read_pairs(paths, **options)
    assert pairs.sources == SOURCES
    assert pairs.targets == TARGETS
    assert len(pairs) == 3
    assert pairs.dropped_empty == 0
    assert pairs.remarks() == []
    assert pairs.fingerprint() == pairs_from(SOURCES, TARGETS).fingerprint()


@pytest.mark.parametrize("names", [["a.de", "b.de", "a.en", "b.en"], ["b.de", "a.de", "b.en", "a.en"]])
def test_several_aligned_files_are_matched_by_suffix_and_name(tmp_path: Path, names: list[str]) -> None:
    for number, name in enumerate(("a", "b")):
        written(tmp_path, lines([f"{text} {number}" for text in SOURCES]), f"{name}.de")
        written(tmp_path, lines([f"{text} {number}" for text in TARGETS]), f"{name}.en")
    pairs = read_pairs([tmp_path / name for name in names])
    numbers = [0, 1] if names[0] == "a.de" else [1, 0]
    assert pairs.sources == [f"{text} {number}" for number in numbers for text in SOURCES]
    assert pairs.targets == [f"{text} {number}" for number in numbers for text in TARGETS]
    written(tmp_path, "x\n", "a.fr")  # of a folder with more, the suffixes choose
    chosen = read_pairs(tmp_path, source_column="en", target_column="de")
    assert sorted(zip(chosen.sources, chosen.targets or [], strict=True)) == sorted(
        zip(pairs.targets or [], pairs.sources, strict=True)
    )


def test_several_tables_are_joined_in_order(tmp_path: Path) -> None:
    one = written(tmp_path, "a\tb\n\t\n", "one.tsv")
    two = written(tmp_path, "source,target\nc,d\n,\n", "two.csv")
    pairs = read_pairs([one, two])
    assert (pairs.sources, pairs.targets, pairs.dropped_empty) == (["a", "c"], ["b", "d"], 2)
    assert pairs.name == f"{one} and 1 more"


def test_pairs_with_an_empty_side_are_left_out_and_reported(tmp_path: Path) -> None:
    first = written(tmp_path, "a\n\nc\n  \nx\n", "a.de")
    second = written(tmp_path, "1\n2\n\n\n5\n", "a.en")
    pairs = read_pairs([first, second])
    assert (pairs.sources, pairs.targets) == (["a", "x"], ["1", "5"])
    assert pairs.remarks() == [f"{first} and {second}: 3 of 5 pairs were left out, because one side is empty"]
    table = read_pairs(written(tmp_path, "a\t1\n\t2\nc\t\n \n", "t.tsv"))
    assert (table.sources, table.targets, table.dropped_empty) == (["a"], ["1"], 3)
    nulls = read_pairs(written(tmp_path, '{"source": "a", "target": 12}\n{"source": "b"}\n', "t.jsonl"))
    assert (nulls.sources, nulls.targets, nulls.dropped_empty) == (["a"], ["12"], 1)


def test_sources_alone_keep_every_line_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, "a\n\n b\tc\n", "a.txt")
    pairs = read_pairs(path, with_targets=False)
    assert (pairs.sources, pairs.targets) == (["a", "", "b\tc"], None)
    table = read_pairs(written(tmp_path, "a\tx\n\ty\n", "a.tsv"), with_targets=False)
    assert (table.sources, table.targets) == (["a", ""], None)
    named = read_pairs(written(tmp_path, "n,de\n1,a\n2,b\n", "a.csv"), with_targets=False, source_column="de")
    assert named.sources == ["a", "b"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(tabbed().encode())))
    assert read_pairs("-").targets == TARGETS


def test_a_cell_of_several_lines_is_one_sentence(tmp_path: Path) -> None:
    assert read_pairs(written(tmp_path, 'source,target\n"a\nb",c\n', "t.csv")).sources == ["a b"]


def test_other_encodings(tmp_path: Path) -> None:
    paths = [written(tmp_path, lines(side).encode("utf-16"), name) for side, name in ((SOURCES, "a"), (TARGETS, "b"))]
    assert read_pairs(paths, encoding="utf-16").targets == TARGETS
    broken = written(tmp_path, b"caf\xe9\tcoffee\n", "a.tsv")
    assert read_pairs(broken, errors="ignore").sources == ["caf"]


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"a.de": "a\nb\nc\n", "a.en": "1\n2\n"}, {}, r"same number of lines\. Received: 3 lines in .*a\.de and 2 in"),
        ({"a.txt": "a\tb\nc\td\n", "b.txt": "e\tf\n"}, {}, "use the format tsv. Received: 2 lines .* and 1 in"),
        ({"a.tsv": "a\tb\nc d\n"}, {}, r"a\.tsv, line 2: expected a source and a target with a tab.*'c d'"),
        ({"a.txt": "a\nb\n"}, {}, r"a\.txt, line 1: expected a source and a target with a tab"),
        ({"a.tsv": "source\ttarget\na\tb\nc\n"}, {}, "line 3: expected a source and a target"),
        ({"a.tsv": "a\tb\n"}, {"target_column": "3"}, "line 1: expected at least 3 columns.*Received: 2"),
        ({"a.tsv": "de\ten\na\tb\n"}, {"source_column": "fr"}, "expected a column 'fr'.*'de', 'en'"),
        ({"a.tsv": "german\tx\na\tb\n"}, {"source_column": "germn"}, "Did you mean 'german'"),
        ({"a.csv": "de\na\n"}, {}, "expected a column '2'.*Received: 'de'"),
        ({"a.csv": "de,en\na,b\n"}, {"target_column": "3"}, "expected a column '3'"),
        ({"a.csv": "de,en\na,b\nc\n"}, {}, "line 3: expected 2 cells"),
        ({"a.jsonl": '{"source": "a", "target": "b"}\n{\n'}, {}, "line 2: expected one JSON object"),
        ({"a.de": "", "a.en": "b\n"}, {}, r"a\.de: expected sentences\. Received: an empty file"),
        ({"a.tsv": ""}, {}, r"a\.tsv: expected sentences\. Received: an empty file"),
        ({"a.de": "\n\n", "a.en": "b\n\n"}, {}, r"at least one pair.*Received: none \(2 with an empty side\)"),
        ({"a.de": "a\n", "b.fr": "b\n", "c.en": "c\n"}, {}, "expected two aligned files, or more of two suffixes"),
        ({"a.de": "a\n"}, {"format": "aligned"}, "expected two aligned files"),
        ({"a.de": "a\n", "b.de": "a\n", "a.en": "c\n", "c.en": "c\n"}, {}, r"file of each name.*only .*(b\.de|c\.en)"),
        ({"a.de": "a\n", "a.en": "b\n"}, {"source_column": "fr", "target_column": "en"}, r"ends with '\.fr'"),
        ({"a.de": b"a\nb\xff\n", "a.en": "1\n2\n"}, {}, "offset 3 are not utf-8 text"),
        ({"a.tsv": b"a\tb\nc\x00\td\n"}, {}, "looks like a binary file.*offset 5"),
        ({"a.tsv.gz": gzip.compress(b"a\tb\n")[:-9]}, {}, "not a whole gzip file"),
    ],
)
def test_bad_data_is_named(
    tmp_path: Path, files: dict[str, str | bytes], options: dict[str, str], message: str
) -> None:
    paths = [written(tmp_path, content, name) for name, content in files.items()]
    with pytest.raises(DataError, match=message):
        read_pairs(paths, **options)


def test_invalid_utf8_is_an_encoding_error(tmp_path: Path) -> None:
    with pytest.raises(EncodingError, match=r"a\.tsv: the bytes at offset 4"):
        read_pairs(written(tmp_path, b"a\tb\n\xff\tc\n", "a.tsv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "format to be one of"),
        ({"header": "maybe"}, "header to be one of"),
        ({"errors": "raise"}, "errors to be one of"),
        ({"encoding": "utf-9"}, "text encoding"),
        ({"source_column": "1", "target_column": "1"}, "two columns"),
        ({"source_column": "de"}, "suffixes of both"),
        ({"source_column": "1", "target_column": "en"}, "suffixes of both"),
        ({"target_column": "3"}, "expected 1 or 2"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    paths = [written(tmp_path, "a\n", "a.de"), written(tmp_path, "b\n", "a.en")]
    with pytest.raises(ConfigError, match=message):
        read_pairs(paths, **options)


def test_no_path_at_all() -> None:
    with pytest.raises(ConfigError, match="at least one file of sentences"):
        read_pairs([])


def test_pairs_of_lists_and_series() -> None:
    pairs = pairs_from(pd.Series(["a ", "", "c\nd"]), (text for text in ("1", "2", "3")))
    assert (pairs.sources, pairs.targets, pairs.dropped_empty) == (["a", "c d"], ["1", "3"], 1)
    assert pairs_from(["a", ""]).sources == ["a", ""]
    for sources, targets, message in (
        (["a"], ["b", "c"], r"as many targets as sources, 1\. Received: 2"),
        ("text", ["b"], r"as a list of sentences\. Received: one str"),
        (["a", 3], ["b", "c"], r"index 1: expected a source that is a text\. Received: int"),
        ([], [], r"at least one pair of sentences\. Received: none"),
        ([], None, "at least one sentence"),
        ([""], ["b"], "1 with an empty side"),
    ):
        with pytest.raises(DataError, match=message):
            pairs_from(sources, targets)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.text("ab:"), st.text("ab:")), min_size=1, max_size=4))
def test_fingerprints_tell_pairs_apart(made: list[tuple[str, str]]) -> None:
    pairs = Pairs("p", [pair[0] for pair in made], [pair[1] for pair in made])
    assert Pairs("other name", list(pairs.sources), list(pairs.targets or [])).fingerprint() == pairs.fingerprint()
    assert pairs.swapped().swapped() == pairs
    others = [
        pairs.take(range(len(pairs) - 1)),
        Pairs("p", pairs.sources, None),
        Pairs("p", [*pairs.sources[:-1], pairs.sources[-1] + "a"], pairs.targets),
    ]
    if pairs.sources != pairs.targets:
        others.append(pairs.swapped())
    assert pairs.fingerprint() not in {other.fingerprint() for other in others}


def test_fingerprints_tell_where_a_sentence_ends() -> None:
    made = [
        Pairs("p", ["ab", "c"], ["d", "e"]),
        Pairs("p", ["a", "bc"], ["d", "e"]),
        Pairs("p", ["ab", "cd"], ["", "e"]),
    ]
    assert len({pairs.fingerprint() for pairs in made}) == 3


def test_taking_swapping_and_joining() -> None:
    pairs = pairs_from(SOURCES, TARGETS)
    some = pairs.take([2, 0])
    assert (some.sources, some.targets) == ([SOURCES[2], SOURCES[0]], [TARGETS[2], TARGETS[0]])
    assert pairs.swapped().targets == SOURCES
    assert joined([pairs, some]).sources == [*SOURCES, *some.sources]
    alone = Pairs("sources", ["a"], None)
    assert alone.take([0]).targets is None
    with pytest.raises(DataError, match="sources: expected sources with targets"):
        alone.swapped()
    with pytest.raises(DataError, match="expected targets in both or in neither"):
        joined([pairs, alone])


def test_a_carriage_return_shifts_no_lines(tmp_path: Path) -> None:
    source = written(tmp_path, b"one\rtwo\nthree\r\nfour\x0bfive\xe2\x80\xa8six\n", "a.en")
    target = written(tmp_path, "eins zwei\ndrei\nvier fünf sechs\n", "a.de")
    pairs = read_pairs([source, target])
    assert pairs.sources == ["one\rtwo", "three", "four\x0bfive\u2028six"]
    assert pairs.targets == ["eins zwei", "drei", "vier fünf sechs"]
    with pytest.raises(DataError, match=r"b\.en: .* Received: carriage returns"):
        read_pairs([written(tmp_path, b"one\rtwo\r", "b.en"), target])


def test_quoting_of_tables(tmp_path: Path) -> None:
    tsv = written(tmp_path, '"so\tja\n"no"\tnein\n', "a.tsv")
    assert read_pairs([tsv]).sources == ['"so', '"no"']
    with pytest.raises(DataError, match=r"a\.tsv, line 1: expected the quotation mark"):
        read_pairs([tsv], quoting="on")
    tsv = written(tmp_path, '"so ""he"""\tja\n\n"no"\tnein\n', "b.tsv")
    assert read_pairs([tsv], quoting="on").sources == ['so "he"', "no"]
    csv = written(tmp_path, 'source,target\n"so,ja\n', "a.csv")
    with pytest.raises(DataError, match=r"a\.csv, line 2: .*quoting=off"):
        read_pairs([csv])
    assert read_pairs([csv], quoting="off").sources == ['"so']
