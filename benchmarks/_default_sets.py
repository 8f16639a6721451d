"""The data sets of `defaults.py`: each is written as the files that a person would have, with a separate test part.

A set is written by a function of the folder of all data and of a folder for its files. Official test parts are kept;
other sets have a fixed cut, which depends on no seed. Nothing here depends on the task's options.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import captioning
import numpy as np
import transcribing

__all__ = ["HORIZON", "KINDS", "ORIGINS", "SETS", "DataSet", "Files", "digest_of", "missing", "prepare"]

KINDS = ("texts", "series", "tagging", "forecasting", "pairs", "running text", "transcribing", "captioning")
# A change of the files that a function writes needs another number here.
VERSION = 1
# Forecasts: the default horizon of a forecaster, and the number of origins in the test part.
HORIZON, ORIGINS = 12, 25
# Images of digits: of the test part, and with captions.
TEST_IMAGES, CAPTIONED, CAPTIONED_TEST = 2000, 6000, 1000
RECORDINGS, TEST_RECORDINGS = 2000, 300
TATOEBA = 21_000

Rows = Iterable[Sequence[Any]]


class Files(NamedTuple):
    """The files of a prepared set, relative to its folder.

    train  arguments of `elman train`
    test   arguments of `--test`; for a forecaster the whole series, which `elman backtest` reads
    step   forecaster: time steps between the origins of a backtest
    digest of the contents of all files
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    step: int = 0
    digest: str = ""


class DataSet(NamedTuple):
    """A data set.

    needs     its path in the folder of all data
    held_out  whether no default may be chosen on it
    """

    kind: str
    task: str
    needs: str
    write: Callable[[Path, Path], Files]
    held_out: bool = False


def missing(data: Path | None, chosen: DataSet) -> bool:
    """Return whether the data of a set is absent."""
    return data is None or not (data / chosen.needs).exists()


def prepare(chosen: DataSet, data: Path, folder: Path) -> Files:
    """Write the files of a set to `folder`, unless they are there."""
    stamp = folder / "prepared.json"
    if stamp.exists():
        found = json.loads(stamp.read_text())
        if found.pop("version") == VERSION:
            return Files(**{**found, "train": tuple(found["train"]), "test": tuple(found["test"])})
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = chosen.write(data, folder)
    files = files._replace(digest=digest_of([path for path in folder.rglob("*") if path.is_file()], folder))
    stamp.write_text(json.dumps({"version": VERSION, **files._asdict()}))
    return files


def digest_of(paths: Iterable[Path], folder: Path) -> str:
    """Return a digest of the names and contents of files, which does not depend on their order."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def evenly(rows: Sequence[Any], count: int) -> list[Any]:
    """Return `count` evenly spaced rows, or all if they are fewer."""
    return list(rows) if count >= len(rows) else [rows[place * len(rows) // count] for place in range(count)]


def cut(rows: Sequence[Any], every: int = 10) -> tuple[list[Any], list[Any]]:
    """Return the rows for training, and each `every`-th one for the test."""
    test = rows[every - 1 :: every]
    return [row for place, row in enumerate(rows) if place % every != every - 1], list(test)


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file, which may be gzipped; only line feeds end them."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def table(path: Path, columns: Sequence[str], rows: Rows) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def labelled(folder: Path, train: Rows, test: Rows) -> Files:
    """Write texts with labels."""
    for name, rows in (("train.csv", train), ("test.csv", test)):
        table(folder / name, ("text", "label"), rows)
    return Files(("train.csv",), ("test.csv",))


# --- texts --------------------------------------------------------------------------------------------------------


def sst2(data: Path, folder: Path) -> Files:
    parts = [lines_of(data / f"classification/sst2/{part}.tsv") for part in ("train", "test")]
    return labelled(folder, *([line.rsplit("\t", 1) for line in lines] for lines in parts))


def sst5(data: Path, folder: Path) -> Files:
    parts = [lines_of(data / f"classification/sst5/stsa.fine.{part}") for part in ("train", "test")]
    return labelled(folder, *([line.split(" ", 1)[::-1] for line in lines] for lines in parts))


def mr(data: Path, folder: Path) -> Files:
    sides = {side: lines_of(data / f"classification/mr/rt-polarity.{side}") for side in ("neg", "pos")}
    parts = [cut([(line, side) for line in lines]) for side, lines in sides.items()]
    return labelled(folder, *(first + second for first, second in zip(*parts, strict=True)))


def emotion(data: Path, folder: Path) -> Files:
    source = data / "classification/tweeteval-emotion"
    names = dict(line.split("\t") for line in lines_of(source / "mapping.txt"))
    found = []
    for part in ("train", "test"):
        labels = [names[label] for label in lines_of(source / f"{part}_labels.txt")]
        found.append(list(zip(lines_of(source / f"{part}_text.txt"), labels, strict=True)))
    return labelled(folder, *found)


def names(data: Path, folder: Path) -> Files:
    train, test = [], []
    for path in sorted((data / "classification/names").glob("*.txt")):
        found = list(dict.fromkeys(name.strip() for name in lines_of(path) if name.strip()))
        for rows, part in zip((train, test), cut(found), strict=True):
            rows += [(name, path.stem) for name in part]
    return labelled(folder, train, test)


def snips_intents(data: Path, folder: Path) -> Files:
    parts = [data / "tagging/snips" / part for part in ("train", "test")]
    return labelled(folder, *(zip(lines_of(part / "seq.in"), lines_of(part / "label"), strict=True) for part in parts))


# --- series -------------------------------------------------------------------------------------------------------


def archive(name: str, data: Path, folder: Path) -> Files:
    """Copy a set of the UEA and UCR archives."""
    for part in ("TRAIN", "TEST"):
        shutil.copyfile(data / f"series-classification/{name}/{name}_{part}.ts", folder / f"{part.lower()}.ts")
    return Files(("train.ts",), ("test.ts",))


def indoor(fold: int, data: Path, folder: Path) -> Files:
    """Write a fold of three: each environment and class has a third of its sequences in the test part."""
    with zipfile.ZipFile(data / "series-classification/IndoorMovement/IndoorMovement.zip") as opened:

        def rows(name: str) -> list[list[str]]:
            text = opened.read(name).decode().splitlines()[1:]
            return [[cell.strip() for cell in line.split(",")] for line in text if line.strip()]

        places = dict(rows("groups/MovementAAL_DatasetGroup.csv"))
        labels = dict(rows("dataset/MovementAAL_target.csv"))
        groups: dict[tuple[str, str], list[str]] = {}
        for number, label in labels.items():
            groups.setdefault((places[number], label), []).append(number)
        held = {number for group in groups.values() for number in group[fold::3]}
        written: dict[str, list[list[Any]]] = {"train.csv": [], "test.csv": []}
        for number, label in labels.items():
            for step, values in enumerate(rows(f"dataset/MovementAAL_RSS_{number}.csv")):
                part = "test.csv" if number in held else "train.csv"
                written[part].append([number, step, *values, "changes" if label == "1" else "stays"])
    for name, found in written.items():
        table(folder / name, ("series", "time", "anchor 1", "anchor 2", "anchor 3", "anchor 4", "label"), found)
    return Files(("train.csv",), ("test.csv",))


def mnist(count: int, data: Path, folder: Path) -> Files:
    """Write images, whose rows are time steps; each class has the same number of training images."""
    del data
    pixels, classes = captioning.digits("train")
    each = count // 10
    rows = np.concatenate([np.flatnonzero(classes == digit)[:each] for digit in range(10)])
    parts = {"train": (pixels[rows], classes[rows])}
    pixels, classes = captioning.digits("t10k")
    parts["test"] = (pixels[:TEST_IMAGES], classes[:TEST_IMAGES])
    for name, (images, labels) in parts.items():
        np.save(folder / f"{name}-images.npy", images)
        np.save(folder / f"{name}-labels.npy", labels)
    return Files(("train-images.npy",), ("test-images.npy",))


def spoken_series(data: Path, folder: Path) -> Files:
    """Write the log-mel features of single spoken digits, 50 frames a second."""
    del data
    from elman.data.sound.config import SoundConfig
    from elman.data.sound.features import LogMel

    features = LogMel(SoundConfig(sample_rate=transcribing.RATE, hop_ms=20.0, mels=20))
    clips = transcribing.read_clips()
    for name in ("train", "test"):
        held = name == "test"
        chosen = [key for key in sorted(clips) if (key[2] in transcribing.PARTS["test"]) == held]
        series = [features(clips[key]) for key in chosen]
        x_NTI = np.zeros((len(series), max(map(len, series)), series[0].shape[1]), dtype=np.float32)
        for row, values in zip(x_NTI, series, strict=True):
            row[: len(values)] = values
        words = np.array([transcribing.WORDS[key[0]] for key in chosen])
        np.savez(folder / f"{name}.npz", x=x_NTI, y=words, lengths=np.array([len(each) for each in series]))
    return Files(("train.npz",), ("test.npz",))


# --- tagging ------------------------------------------------------------------------------------------------------


def ewt(percent: int, data: Path, folder: Path) -> Files:
    """Write an evenly spaced share of the sentences for training."""
    for part in ("train", "test"):
        text = "\n".join(lines_of(data / f"tagging/ud-english-ewt/en_ewt-ud-{part}.conllu"))
        blocks = [block for block in text.strip().split("\n\n") if block.strip()]
        kept = evenly(blocks, len(blocks) * percent // 100) if part == "train" else blocks
        (folder / f"{part}.conllu").write_text("\n\n".join(kept) + "\n\n", encoding="utf-8")
    return Files(("train.conllu",), ("test.conllu",))


def snips(percent: int, data: Path, folder: Path) -> Files:
    """Write an evenly spaced share of the sentences for training: words and their slots."""
    for part in ("train", "test"):
        (folder / part).mkdir()
        for name in ("seq.in", "seq.out", "label"):
            lines = lines_of(data / "tagging/snips" / part / name)
            kept = evenly(lines, len(lines) * percent // 100) if part == "train" else lines
            (folder / part / name).write_text("\n".join(kept) + "\n", encoding="utf-8")
    return Files(("train",), ("test",))


# --- forecasting --------------------------------------------------------------------------------------------------


def forecast_files(folder: Path, columns: Sequence[str], series: Sequence[Sequence[Any]], step: int) -> Files:
    """Write the rows of each series: without the steps of the backtest, and all."""
    held = HORIZON + step * (ORIGINS - 1)
    short = [len(rows) for rows in series if len(rows) <= held]
    if short:
        raise ValueError(f"expected series of more than {held} steps. Received: {short[0]}")
    table(folder / "train.csv", columns, [row for rows in series for row in rows[:-held]])
    table(folder / "all.csv", columns, [row for rows in series for row in rows])
    return Files(("train.csv",), ("all.csv",), step)


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns and the rows of a CSV file."""
    header, *rows = csv.reader(lines_of(path))
    return header, [row for row in rows if row]


def whole_table(name: str, step: int, data: Path, folder: Path) -> Files:
    """Write all columns of a table without gaps."""
    header, rows = read_table(data / "timeseries" / name)
    return forecast_files(folder, header, [rows], step)


def daily(name: str, column: str, weekends: bool, step: int, data: Path, folder: Path) -> Files:
    """Write a column by date; a day that is not in the table has the value of the day before."""
    header, rows = read_table(data / "timeseries" / name)
    values = {date.fromisoformat(row[header.index("Date")]): row[header.index(column)] for row in rows}
    day, filled = min(values), []
    while day <= max(values):
        if weekends or day.weekday() < 5:
            filled.append((day.isoformat(), values.get(day, filled[-1][1] if filled else "")))
        day += timedelta(days=1)
    return forecast_files(folder, ("date", column), [filled], step)


def pollution(data: Path, folder: Path) -> Files:
    """Write the hourly concentration; a missing one has the value of the hour before, those at the beginning are left
    out."""
    header, rows = read_table(data / "timeseries/pollution.csv")
    filled: list[tuple[str, str]] = []
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        value = cells["pm2.5"] if cells["pm2.5"] != "NA" else filled[-1][1] if filled else None
        if value is not None:
            hour = datetime(*(int(cells[name]) for name in ("year", "month", "day", "hour")))
            filled.append((hour.isoformat(" "), value))
    return forecast_files(folder, ("date", "pm2.5"), [filled], HORIZON)


def stocks(data: Path, folder: Path) -> Files:
    """Write the monthly prices of several shares in the long layout."""
    _, rows = read_table(data / "timeseries/stocks.csv")
    series: dict[str, list[tuple[str, str, str]]] = {}
    for symbol, month, price in rows:
        day = datetime.strptime(month, "%b %d %Y").date().isoformat()
        series.setdefault(symbol, []).append((symbol, day, price))
    return forecast_files(folder, ("unique_id", "ds", "y"), list(series.values()), 1)


# --- pairs --------------------------------------------------------------------------------------------------------


def multi30k(count: int, data: Path, folder: Path) -> Files:
    """Write `count` evenly spaced pairs of sentences as two aligned files."""
    for part, name in (("train", "train"), ("test", "test_2016_flickr")):
        for side in ("de", "en"):
            lines = lines_of(data / f"translation/multi30k/{name}.{side}.gz")
            kept = evenly(lines, count) if part == "train" else lines
            (folder / f"{part}.{side}").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return Files(("train.de", "train.en"), ("test.de", "test.en"))


def pair_files(folder: Path, train: Rows, test: Rows) -> Files:
    """Write lines of source, tab, target."""
    for name, rows in (("train.tsv", train), ("test.tsv", test)):
        (folder / name).write_text("".join(f"{row[0]}\t{row[1]}\n" for row in rows), encoding="utf-8")
    return Files(("train.tsv",), ("test.tsv",))


def tatoeba(data: Path, folder: Path) -> Files:
    """Write an evenly spaced cut of the sentences, each source once; each 21st is for the test."""
    with zipfile.ZipFile(data / "translation/tatoeba/fra-eng.zip") as opened:
        lines = opened.read("fra.txt").decode("utf-8").splitlines()
    pairs: dict[str, str] = {}
    for line in lines:
        source, target, *_ = line.split("\t")
        pairs.setdefault(source.strip(), target.strip())
    return pair_files(folder, *cut(evenly(list(pairs.items()), TATOEBA), 21))


def scan(data: Path, folder: Path) -> Files:
    """Write commands and their actions, with an evenly spaced quarter of the test part."""
    parts = []
    for part in ("train", "test"):
        lines = lines_of(data / f"scan/tasks_{part}_simple.txt.gz")
        parts.append([line.removeprefix("IN: ").split(" OUT: ") for line in lines if line.strip()])
    return pair_files(folder, parts[0], evenly(parts[1], len(parts[1]) // 4))


# --- running text, sound and images -------------------------------------------------------------------------------


def text(name: str, data: Path, folder: Path) -> Files:
    """Write the first nine tenths of a text, and the last tenth for the test."""
    whole = "\n".join(lines_of(data / "text" / name)) + "\n"
    border = len(whole) * 9 // 10
    (folder / "train.txt").write_text(whole[:border], encoding="utf-8")
    (folder / "test.txt").write_text(whole[border:], encoding="utf-8")
    return Files(("train.txt",), ("test.txt",))


def tunes(data: Path, folder: Path) -> Files:
    """Write tunes in ABC notation; each tenth one is for the test."""
    whole = "\n".join("\n".join(lines_of(path)) for path in sorted((data / "music/nottingham-abc").glob("*.abc")))
    found = [f"X:{tune.rstrip()}\n\n" for tune in f"\n{whole}".split("\nX:")[1:]]
    for part, kept in zip(("train", "test"), cut(found), strict=True):
        (folder / f"{part}.txt").write_text("".join(kept), encoding="utf-8")
    return Files(("train.txt",), ("test.txt",))


def spoken_words(data: Path, folder: Path) -> Files:
    """Write recordings of one to five spoken digits with a manifest of their texts."""
    del data
    import soundfile

    clips = transcribing.read_clips()
    for part, count in (("train", RECORDINGS), ("test", TEST_RECORDINGS)):
        (folder / part).mkdir()
        sounds, texts = transcribing.sequences(clips, part, count, 0)
        paths = [f"{part}/{number}.wav" for number in range(count)]
        for path, samples in zip(paths, sounds, strict=True):
            soundfile.write(folder / path, samples, transcribing.RATE, subtype="PCM_16")
        table(folder / f"{part}.csv", ("path", "text"), zip(paths, texts, strict=True))
    return Files(("train.csv",), ("test.csv",))


def captioned_digits(data: Path, folder: Path) -> Files:
    """Write images of three digits, and a text file with their captions."""
    del data
    draw = np.random.default_rng(0)
    for part, source, count in (("train", "train", CAPTIONED), ("test", "t10k", CAPTIONED_TEST)):
        pixels, classes = captioning.digits(source)
        images, captions = captioning.pictures(pixels, classes, draw.integers(0, len(pixels), (count, 3)))
        np.save(folder / f"{part}.npy", images)
        (folder / f"{part}.txt").write_text("\n".join(captions) + "\n", encoding="utf-8")
    return Files(("train.npy", "train.txt"), ("test.npy", "test.txt"))


def _tagged(name: str, needs: str, write: Callable[..., Files]) -> dict[str, DataSet]:
    """Return sets of 5, 20 and 100 % of the training part, of which the second is held out."""
    return {
        f"{name}-{percent}": DataSet("tagging", "tagger", needs, partial(write, percent), percent == 20)
        for percent in (5, 20, 100)
    }


def _forecast(needs: str, write: Callable[..., Files], held_out: bool = False) -> DataSet:
    return DataSet("forecasting", "forecaster", f"timeseries/{needs}", write, held_out)


def _labelled(kind: str, needs: str, write: Callable[..., Files], held_out: bool = False) -> DataSet:
    return DataSet(kind, "classifier", needs, write, held_out)


def _text(needs: str, write: Callable[..., Files], held_out: bool = False) -> DataSet:
    return DataSet("running text", "lm", needs, write, held_out)


def _pairs(needs: str, write: Callable[..., Files], held_out: bool = False) -> DataSet:
    return DataSet("pairs", "translator", needs, write, held_out)


_ARCHIVE = "series-classification"
_NOVEL = "british_fiction/Dickens_Hard.txt"

SETS: dict[str, DataSet] = {
    "sst2": _labelled("texts", "classification/sst2", sst2),
    "sst5": _labelled("texts", "classification/sst5", sst5, True),
    "mr": _labelled("texts", "classification/mr", mr),
    "emotion": _labelled("texts", "classification/tweeteval-emotion", emotion),
    "names": _labelled("texts", "classification/names", names),
    "snips-intents": _labelled("texts", "tagging/snips", snips_intents, True),
    "japanese-vowels": _labelled("series", f"{_ARCHIVE}/JapaneseVowels", partial(archive, "JapaneseVowels")),
    "gunpoint": _labelled("series", f"{_ARCHIVE}/GunPoint", partial(archive, "GunPoint")),
    **{
        f"indoor-movement-{fold + 1}": _labelled("series", f"{_ARCHIVE}/IndoorMovement", partial(indoor, fold), True)
        for fold in range(3)
    },
    "mnist-rows-100": _labelled("series", "images/mnist", partial(mnist, 100)),
    "mnist-rows-1000": _labelled("series", "images/mnist", partial(mnist, 1000)),
    "fsdd-series": _labelled("series", "audio/fsdd-recordings.tar.gz", spoken_series, True),
    **_tagged("ewt", "tagging/ud-english-ewt", ewt),
    **_tagged("snips-slots", "tagging/snips", snips),
    "airline": _forecast("airline-passengers.csv", partial(whole_table, "airline-passengers.csv", 1)),
    "sunspots": _forecast("monthly-sunspots.csv", partial(whole_table, "monthly-sunspots.csv", HORIZON)),
    "temperatures": _forecast(
        "daily-min-temperatures.csv", partial(daily, "daily-min-temperatures.csv", "Temp", True, HORIZON)
    ),
    "etth1": _forecast("ETTh1.csv", partial(whole_table, "ETTh1.csv", HORIZON)),
    "pollution": _forecast("pollution.csv", pollution),
    "apple": _forecast(
        "finance-charts-apple.csv", partial(daily, "finance-charts-apple.csv", "AAPL.Close", False, 6), True
    ),
    "stocks": _forecast("stocks.csv", stocks, True),
    "multi30k-2000": _pairs("translation/multi30k", partial(multi30k, 2000)),
    "multi30k-29000": _pairs("translation/multi30k", partial(multi30k, 29_000)),
    "tatoeba": _pairs("translation/tatoeba/fra-eng.zip", tatoeba, True),
    "scan": _pairs("scan/tasks_train_simple.txt.gz", scan, True),
    "tiny-shakespeare": _text("text/tinyshakespeare.txt", partial(text, "tinyshakespeare.txt")),
    "nietzsche": _text("text/nietzsche.txt", partial(text, "nietzsche.txt")),
    "novel": _text(f"text/{_NOVEL}", partial(text, _NOVEL), True),
    "nottingham": _text("music/nottingham-abc", tunes, True),
    "fsdd-words": DataSet("transcribing", "transcriber", "audio/fsdd-recordings.tar.gz", spoken_words),
    "mnist-captions": DataSet("captioning", "captioner", "images/mnist", captioned_digits),
}
