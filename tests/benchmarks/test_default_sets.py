"""The files of the data sets of `benchmarks/defaults.py`, made of stand-ins for the data."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from elman.data.examples import ExamplesConfig, read_examples

HELD_OUT = {
    "sst5", "snips-intents", "indoor-movement-1", "indoor-movement-2", "indoor-movement-3", "fsdd-series", "ewt-20",
    "snips-slots-20", "apple", "stocks", "tatoeba", "scan", "novel", "nottingham",
}  # fmt: skip


@pytest.fixture(scope="module")
def sets(benchmark_module: Callable[[str], ModuleType]) -> ModuleType:
    return benchmark_module("_default_sets")


@pytest.fixture
def made(
    sets: ModuleType, stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[Path, Any]]:
    """Prepare a set of the stand-ins; return its folder and its files."""
    monkeypatch.setenv("ELMAN_SHARED_DATA", str(stand_ins))
    for name, value in (("RECORDINGS", 6), ("TEST_RECORDINGS", 3), ("CAPTIONED", 8), ("CAPTIONED_TEST", 4)):
        monkeypatch.setattr(sets, name, value)
    return lambda name: (tmp_path / name, sets.prepare(sets.SETS[name], stand_ins, tmp_path / name))


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_the_held_out_sets_are_marked(sets: ModuleType) -> None:
    assert {name for name, each in sets.SETS.items() if each.held_out} == HELD_OUT
    assert {each.kind for each in sets.SETS.values()} == set(sets.KINDS)


def test_every_set_is_written(sets: ModuleType, made: Callable[[str], tuple[Path, Any]], stand_ins: Path) -> None:
    for name, each in sets.SETS.items():
        assert not sets.missing(stand_ins, each)
        folder, files = made(name)
        assert all((folder / path).exists() for path in (*files.train, *files.test)), name
        assert (files.step > 0) == (each.kind == "forecasting"), name


def test_a_set_whose_data_is_absent_is_missing(sets: ModuleType, tmp_path: Path) -> None:
    assert sets.missing(None, sets.SETS["sst2"])
    assert sets.missing(tmp_path, sets.SETS["sst2"])


def test_files_are_written_once_and_have_a_digest(
    sets: ModuleType, made: Callable[[str], tuple[Path, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, files = made("sst2")
    before = (folder / "train.csv").stat().st_mtime_ns
    assert made("sst2")[1] == files
    assert (folder / "train.csv").stat().st_mtime_ns == before
    monkeypatch.setattr(sets, "VERSION", sets.VERSION + 1)
    assert made("sst2")[1] == files
    assert (folder / "train.csv").stat().st_mtime_ns > before
    paths = [folder / "train.csv", folder / "test.csv"]
    assert sets.digest_of(paths, folder) == sets.digest_of(paths[::-1], folder) == files.digest
    paths[0].write_text("other")
    assert sets.digest_of(paths, folder) != files.digest


def test_texts(made: Callable[[str], tuple[Path, Any]]) -> None:
    for name in ("sst2", "sst5"):
        rows = table(made(name)[0] / "test.csv")
        assert rows[:2] == [["text", "label"], ["test film 0 , good", "0"]]
        assert len(rows) == 5
    rows = table(made("emotion")[0] / "train.csv")
    assert rows[2] == ["train film 1 , good\x85 #so", "joy"]
    assert len(rows) == 9
    assert table(made("snips-intents")[0] / "test.csv")[1] == ["play song 0", "PlayMusic"]


def test_a_tenth_of_each_class_is_for_the_test(made: Callable[[str], tuple[Path, Any]]) -> None:
    folder, _ = made("mr")
    assert table(folder / "test.csv")[1:] == [[f"{s} {n}", s] for s in ("neg", "pos") for n in (9, 19)]
    assert len(table(folder / "train.csv")) == 1 + 36
    folder, _ = made("names")
    train, test = table(folder / "train.csv")[1:], table(folder / "test.csv")[1:]
    assert test == [["Greek9", "Greek"], ["Irish9", "Irish"]]
    assert len(train) == 18  # a name that comes twice is one


def test_each_fold_has_every_environment_and_class(made: Callable[[str], tuple[Path, Any]]) -> None:
    tests = []
    for fold in (1, 2, 3):
        folder, _ = made(f"indoor-movement-{fold}")
        rows = {part: table(folder / f"{part}.csv")[1:] for part in ("train", "test")}
        numbers = {part: {int(row[0]) for row in found} for part, found in rows.items()}
        assert not numbers["train"] & numbers["test"]
        assert len(numbers["train"] | numbers["test"]) == 24
        # Six sequences for each of two environments and two classes.
        assert [sum(number % 4 == rest for number in numbers["test"]) for rest in range(4)] == [2, 2, 2, 2]
        tests.append(numbers["test"])
        examples = read_examples(folder / "test.csv", ExamplesConfig())
        assert {x.shape for x in examples.inputs} == {(3, 4)}
        assert set(examples.labels) == {"changes", "stays"}
    assert set.union(*tests) == set(range(1, 25))


def test_images_of_each_class(made: Callable[[str], tuple[Path, Any]]) -> None:
    folder, files = made("mnist-rows-100")
    examples = read_examples(folder / files.train[0], ExamplesConfig())
    assert {examples.labels.count(label) for label in set(examples.labels)} == {10}
    assert len(examples) == 100
    assert examples.inputs[0].shape == (28, 28)
    assert len(read_examples(folder / files.test[0], ExamplesConfig())) == 30


def test_spoken_digits_as_series(made: Callable[[str], tuple[Path, Any]]) -> None:
    folder, files = made("fsdd-series")
    train, test = (read_examples(folder / part[0], ExamplesConfig()) for part in (files.train, files.test))
    assert (len(train), len(test)) == (400, 50)
    assert test.inputs[0].shape == (1 + 400 // 160, 20)
    assert np.isfinite(test.inputs[0]).all()
    assert set(test.labels) == set(train.labels)
    assert test.labels[:5] == ["zero"] * 5


def test_shares_of_sentences(made: Callable[[str], tuple[Path, Any]]) -> None:
    for percent, count in ((5, 2), (20, 8), (100, 40)):
        folder, _ = made(f"ewt-{percent}")
        text = (folder / "train.conllu").read_text()
        assert text.count("NOUN") == text.count("\n\n") == count
        assert (folder / "test.conllu").read_text().count("NOUN") == 20
        folder, files = made(f"snips-slots-{percent}")
        for name in ("seq.in", "seq.out", "label"):
            assert len((folder / files.train[0] / name).read_text().splitlines()) == count
            assert len((folder / files.test[0] / name).read_text().splitlines()) == 20


@pytest.mark.parametrize(("name", "held"), [("airline", 36), ("sunspots", 300), ("etth1", 300), ("pollution", 300)])
def test_the_last_steps_of_a_series_are_not_for_training(
    made: Callable[[str], tuple[Path, Any]], name: str, held: int
) -> None:
    folder, files = made(name)
    train, whole = table(folder / "train.csv"), table(folder / "all.csv")
    assert train == whole[:-held]
    assert 12 + 24 * files.step == held


def test_days_that_a_table_lacks_are_filled(made: Callable[[str], tuple[Path, Any]]) -> None:
    rows = dict(table(made("temperatures")[0] / "all.csv")[1:])
    assert len(rows) == 400
    assert rows["2004-02-29"] == rows["2004-02-28"] == str(date(2004, 2, 28).toordinal())
    rows = dict(table(made("apple")[0] / "all.csv")[1:])
    assert rows["2004-03-02"] == rows["2004-03-01"] == "1"
    assert all(date.fromisoformat(day).weekday() < 5 for day in rows)


def test_missing_hours_and_long_tables(made: Callable[[str], tuple[Path, Any]]) -> None:
    rows = table(made("pollution")[0] / "all.csv")[1:]
    assert len(rows) == 698
    assert rows[0] == ["2010-01-01 02:00:00", "2"]
    assert [row[1] for row in rows[2:5]] == ["4", "4", "6"]
    folder, _ = made("stocks")
    assert table(folder / "all.csv")[:2] == [["unique_id", "ds", "y"], ["MSFT", "2000-01-01", "0.5"]]
    train = table(folder / "train.csv")[1:]
    assert [row[0] for row in train] == ["MSFT"] * 4 + ["IBM"] * 4


def test_a_series_that_is_too_short_is_refused(sets: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected series of more than 36 steps\. Received: 36"):
        sets.forecast_files(tmp_path, ("y",), [[(1,)] * 36], 1)


def test_pairs(made: Callable[[str], tuple[Path, Any]], sets: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = made("multi30k-2000")
    assert (folder / "train.de").read_text().replace("de", "en") == (folder / "train.en").read_text()
    folder, _ = made("tatoeba")
    assert (folder / "test.tsv").read_text(encoding="utf-8") == "Run 20!\tCours 20\xa0!\nRun 41!\tCours 41\xa0!\n"
    assert len((folder / "train.tsv").read_text(encoding="utf-8").splitlines()) == 40
    folder, _ = made("scan")
    assert (folder / "test.tsv").read_text() == "walk 0\tI_WALK I_WALK\nwalk 4\tI_WALK I_WALK\n"
    assert len((folder / "train.tsv").read_text().splitlines()) == 12


def test_rows_are_evenly_spaced(sets: ModuleType) -> None:
    assert sets.evenly(range(10), 3) == [0, 3, 6]
    assert sets.evenly(range(3), 5) == [0, 1, 2]
    assert sets.evenly(range(3), 0) == []
    assert sets.cut(range(5), 2) == ([0, 2, 4], [1, 3])


def test_running_text(made: Callable[[str], tuple[Path, Any]], stand_ins: Path) -> None:
    folder, _ = made("nietzsche")
    train, test = ((folder / f"{part}.txt").read_text() for part in ("train", "test"))
    assert train + test == (stand_ins / "text/nietzsche.txt").read_text()
    assert len(test) == 47
    folder, _ = made("nottingham")
    train, test = ((folder / f"{part}.txt").read_text() for part in ("train", "test"))
    assert test == "X: 10\nT:a 10\nK:D\nfed|\n\nX: 10\nT:b 10\nK:D\nfed|\n\n"
    assert train.count("X:") == 18


def test_recordings_and_captions(made: Callable[[str], tuple[Path, Any]]) -> None:
    import soundfile

    folder, _ = made("fsdd-words")
    rows = table(folder / "train.csv")
    assert rows[0] == ["path", "text"]
    assert len(rows) == 7
    samples, rate = soundfile.read(folder / rows[1][0])
    assert rate == 8000
    assert len(samples) >= 400 * len(rows[1][1].split())
    folder, files = made("mnist-captions")
    images, captions = np.load(folder / files.train[0]), (folder / files.train[1]).read_text().splitlines()
    assert images.shape == (8, 28, 84)
    assert len(captions) == 8
    assert {len(caption.split()) for caption in captions} == {3}
