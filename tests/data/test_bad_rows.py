"""Rows that cannot be used: left out with a remark, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman.data.bad_rows import BadRows, bad_rows_of, collect, picked, usable
from elman.data.captioned.config import CaptionDataConfig
from elman.data.captioned.read import read_captioned
from elman.data.examples import ExamplesConfig, read_examples
from elman.data.pairs.config import PairsConfig
from elman.data.pairs.parts import read_part as read_pairs_part
from elman.data.sound import read_recordings
from elman.data.tagged.config import TaggedDataConfig
from elman.data.tagged.read import read_part as read_tagged_part
from elman.data.transcripts.config import TranscriptsConfig
from elman.errors import DataError


class Section:
    def __init__(self, bad_rows: str) -> None:
        self.bad_rows = bad_rows


def problem(row: int) -> DataError:
    return DataError(f"a.csv, line {row + 2}: expected a text. Received: an empty cell")


def test_auto_leaves_out_one_in_a_hundred_and_says_where() -> None:
    with bad_rows_of(Section("auto")) as bad:
        assert usable(300, {}) is None
        assert usable(300, {row: problem(row) for row in (7, 3)}) == [row for row in range(300) if row not in (3, 7)]
        with pytest.raises(DataError, match=r"^a\.csv, line 5: expected a text"):
            usable(300, {row: problem(row) for row in (9, 3, 4, 5)})
    assert bad.remarks == [
        "2 of 300 rows cannot be used and are left out: a.csv, line 5, line 9 (expected a text); "
        "bad_rows=error refuses such data"
    ]


def test_skip_leaves_out_any_but_not_all() -> None:
    with bad_rows_of(Section("skip")) as bad:
        assert usable(8, {row: problem(row) for row in range(7)}) == [7]
        with pytest.raises(DataError, match="line 2"):
            usable(8, {row: problem(row) for row in range(8)})
    assert "7 of 8 rows" in bad.remarks[0]
    assert "line 6, ... (" in bad.remarks[0], "five places are named"


@pytest.mark.parametrize("section", [Section("error"), None])
def test_error_stops_at_the_first(section: Section | None) -> None:
    with bad_rows_of(section) as bad:
        with pytest.raises(DataError, match="line 5"):
            usable(1000, {9: problem(9), 3: problem(3)})
        with pytest.raises(DataError, match="line 3"):
            collect({}, 1, problem(1))
    assert not bad.remarks


def test_nothing_is_left_out_of_predictions() -> None:
    with pytest.raises(DataError, match="line 5"):
        usable(1000, {3: problem(3)})
    found: dict[int, DataError] = {}
    with bad_rows_of(Section("auto")):
        collect(found, 1, problem(1))
        collect(found, 1, problem(2))
    assert str(found[1]) == str(problem(1))
    assert picked("abc", [2, 0]) == ["c", "a"]
    assert picked("abc", None) == "abc"


def lines(count: int, good: str, bad: dict[int, str], head: str = "", end: str = "\n") -> str:
    return head + "".join(bad.get(row, good).format(row=row) + end for row in range(count))


def read(section: Any, path: Path, how: Callable[[], Any]) -> tuple[Any, list[str]]:
    with bad_rows_of(section) as bad:
        found = how()
    return found, bad.remarks


CSV = {50: '"",good', 90: "a film {row},", 120: "one, two, three", 130: "only"}


@pytest.mark.parametrize("mode", ["auto", "skip"])
def test_a_table_of_texts_loses_its_bad_rows_only(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text(lines(600, "a film {row},good", CSV, "text,label\n"), "utf-8")
    config = ExamplesConfig(bad_rows=mode)
    found, remarks = read(config, path, lambda: read_examples(path, config))
    texts = found.inputs
    assert len(found) == 596
    assert texts == [f"a film {row}" for row in range(600) if row not in CSV]
    assert set(found.labels) == {"good"}
    assert found.places[-1].endswith("line 601")
    assert [remark.split(" cannot")[0] for remark in remarks] == ["2 of 600 rows", "2 of 598 rows"]
    assert "line 122, " in remarks[0]
    assert "line 52, " in remarks[1]
    with pytest.raises(DataError, match="line 122: expected 2 cells"):
        read(ExamplesConfig(bad_rows="error"), path, lambda: read_examples(path, config))


def test_lines_of_label_and_text(tmp_path: Path) -> None:
    path = tmp_path / "reviews.txt"
    path.write_text(lines(300, "good\ta film {row}", {5: "", 9: "no tab", 17: "good\t "}), "utf-8")
    config = ExamplesConfig()
    found, remarks = read(config, path, lambda: read_examples(path, config))
    assert found.inputs == [f"a film {row}" for row in range(300) if row not in (5, 9, 17)]
    assert [place.rpartition(" ")[2] for place in found.places[4:7]] == ["5", "7", "8"]
    assert len(remarks) == 2


def test_a_row_of_a_series_is_never_left_out(tmp_path: Path) -> None:
    path = tmp_path / "series.csv"
    rows = {40: "s2,1.0,2.0,x,9"}
    path.write_text(lines(300, "s{row},1.0,2.0,x", rows, "series,a,b,label\n"), "utf-8")
    config = ExamplesConfig(bad_rows="skip")
    with pytest.raises(DataError, match="line 42: expected 4 cells"):
        read(config, path, lambda: read_examples(path, config))


def test_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(lines(300, "source {row}\ttarget {row}", {5: "no tab"}), "utf-8")
    config = PairsConfig()
    found, remarks = read(config, path, lambda: read_pairs_part([str(path)], config))
    assert len(found) == 299
    assert found.targets[5] == "target 6"
    assert "line 6 (expected a source and a target with a tab between them)" in remarks[0]


def test_sentences(tmp_path: Path) -> None:
    path = tmp_path / "sentences.txt"
    rows = {5: "the DT\ncat\n", 250: "the DT\ncat NN x\n"}
    path.write_text(lines(300, "the DT\ncat NN\n", rows), "utf-8")
    config = TaggedDataConfig()
    found, remarks = read(config, path, lambda: read_tagged_part([str(path)], config))
    assert len(found) == 298
    assert {len(sentence) for sentence in found.words} == {2}
    assert "2 of 300 rows" in remarks[0]
    assert "line 17" in remarks[0]


def test_sentences_in_conllu(tmp_path: Path) -> None:
    path = tmp_path / "sentences.conllu"
    word = "1\tcat\t_\t{tag}\t_\t_\t_\t_\t_\t_\n"
    path.write_text(lines(300, word.format(tag="NOUN"), {7: word.format(tag=""), 9: "1\tcat\n"}), "utf-8")
    config = TaggedDataConfig()
    found, remarks = read(config, path, lambda: read_tagged_part([str(path)], config))
    assert len(found) == 298
    assert "2 of 300 rows" in remarks[0]


def test_sentences_in_three_files(tmp_path: Path) -> None:
    (tmp_path / "seq.in").write_text(lines(300, "the cat", {5: "the"}), "utf-8")
    (tmp_path / "seq.out").write_text(lines(300, "O B-x", {}), "utf-8")
    (tmp_path / "label").write_text(lines(300, "ask", {7: ""}), "utf-8")
    config = TaggedDataConfig()
    found, remarks = read(config, tmp_path, lambda: read_tagged_part([str(tmp_path)], config))
    assert len(found) == len(found.tags) == len(found.intents) == 298
    assert "2 of 300 rows" in remarks[0]


def test_captioned_vectors(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text(lines(400, "1.5,2,a cat", {5: "1.5,2,", 7: "x,2,a cat", 9: "1,2"}, "a,b,caption\n"), "utf-8")
    config = CaptionDataConfig()
    found, remarks = read(config, path, lambda: read_captioned(path, config))
    assert len(found) == len(found.captions) == 397
    assert [remark.split(" cannot")[0] for remark in remarks] == ["1 of 400 rows", "2 of 399 rows"]


def test_the_mode_is_one_of_three() -> None:
    assert BadRows("skip").mode == "skip"
    assert ExamplesConfig().bad_rows == "auto"


def test_recordings_of_a_manifest(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", [0.0, 0.1] * 400, 8000)
    path = tmp_path / "sounds.csv"
    path.write_text(lines(300, "a.wav,one", {5: "a.wav,", 7: ",two", 9: "b.wav,three"}, "path,text\n"), "utf-8")
    config = TranscriptsConfig()
    found, remarks = read(config, path, lambda: read_recordings(path, config))
    assert len(found) == len(found.texts) == len(found.infos) == 297
    assert set(found.texts) == {"one"}
    assert "3 of 300 rows" in remarks[0]
    with pytest.raises(DataError, match="line 9: expected the path"):
        read_recordings(path, config)


def test_image_files_that_cannot_be_read(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    for row in range(298):
        (tmp_path / f"{row}.png").write_bytes((tmp_path / "a.png").read_bytes())
    rows = {0: "missing.png,a cat", 7: "broken.png,a cat"}
    path = tmp_path / "captions.csv"
    path.write_text(
        lines(300, "{row}.png,picture {row}", rows | {298: "1.png,more", 299: "2.png,more"}, "image,caption\n")
    )
    config = CaptionDataConfig()
    found, remarks = read(config, path, lambda: read_captioned(path, config))
    assert len(found) == len(found.captions) == len(found.places) == 296
    assert found.captions[0] == ["picture 1", "more"]
    assert "2 of 298 rows cannot be used" in remarks[0]
    assert "missing.png" in remarks[0]
    with pytest.raises(DataError, match="no such file"):
        read_captioned(path, config)
