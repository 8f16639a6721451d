"""The modules of the benchmarks, which are scripts outside the package, and small stand-ins for the data sets."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import tarfile
import wave
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def benchmark_module() -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the benchmarks by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        yield importlib.import_module


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def idx(values: np.ndarray) -> bytes:
    """Return an array of bytes in the format of MNIST."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return gzip.compress(bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes())


def sound(seed: int) -> bytes:
    samples = np.random.default_rng(seed).integers(-3000, 3000, 400 + 40 * seed % 200, dtype=np.int16)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def texts(root: Path) -> None:
    for part, count in (("train", 8), ("test", 4)):
        lines = [(f"{part} film {number} , good", number % 2) for number in range(count)]
        write(root / f"classification/sst2/{part}.tsv", "".join(f"{text}\t{label}\n" for text, label in lines))
        write(root / f"classification/sst5/stsa.fine.{part}", "".join(f"{label} {text}\n" for text, label in lines))
        emotion = root / "classification/tweeteval-emotion"
        # A tweet may have characters that other readers take for line ends.
        write(emotion / f"{part}_text.txt", "".join(f"{text}\x85 #so\n" for text, _ in lines))
        write(emotion / f"{part}_labels.txt", "".join(f"{label}\n" for _, label in lines))
        snips = root / "tagging/snips" / part
        # 40 sentences, of which 5 % are two.
        write(snips / "seq.in", "".join(f"play song {number}\n" for number in range(5 * count)))
        write(snips / "seq.out", "O O B-song\n" * 5 * count)
        write(snips / "label", "PlayMusic\n" * 5 * count)
        rows = [f"# text\n1\tword{number}\tword\tNOUN\tNN\t_\t0\troot\t_\t_\n\n" for number in range(5 * count)]
        write(root / f"tagging/ud-english-ewt/en_ewt-ud-{part}.conllu", "".join(rows))
    write(root / "classification/tweeteval-emotion/mapping.txt", "0\tanger\n1\tjoy\n")
    for side in ("neg", "pos"):
        write(root / f"classification/mr/rt-polarity.{side}", "".join(f"{side} {n}\n" for n in range(20)))
    for language in ("Irish", "Greek"):
        listed = [f"{language}{number}" for number in range(10)]
        write(root / f"classification/names/{language}.txt", "\n".join([*listed, listed[0], "", ""]))


def series(root: Path) -> None:
    for name in ("JapaneseVowels", "GunPoint"):
        for part in ("TRAIN", "TEST"):
            write(root / f"series-classification/{name}/{name}_{part}.ts", f"@data\n1,2,{part}\n")
    path = root / "series-classification/IndoorMovement/IndoorMovement.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as opened:
        numbers = range(1, 25)
        rows = {number: (1 + number % 2, 1 if number % 4 < 2 else -1) for number in numbers}
        groups = "".join(f" {number},{place}\n" for number, (place, _) in rows.items())
        labels = "".join(f" {number}, {label}\n" for number, (_, label) in rows.items())
        opened.writestr("groups/MovementAAL_DatasetGroup.csv", f"#sequence_ID, dataset_ID\n{groups}")
        opened.writestr("dataset/MovementAAL_target.csv", f"#sequence_ID, class_label\n{labels}")
        for number in numbers:
            steps = "".join(f"0.{number},{step},-1, 1\n" for step in range(3))
            opened.writestr(f"dataset/MovementAAL_RSS_{number}.csv", f"#a, b, c, d\n{steps}")
    generator = np.random.default_rng(0)
    for part, count in (("train", 150), ("t10k", 30)):
        folder = root / "images/mnist"
        folder.mkdir(parents=True, exist_ok=True)
        images = generator.integers(0, 256, (count, 28, 28))
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(np.arange(count) % 10))
    (root / "audio").mkdir()
    with tarfile.open(root / "audio/fsdd-recordings.tar.gz", "w:gz") as archive:
        for digit in range(10):
            for number in (0, 1, 2, 3, 4, *range(10, 50)):
                info = tarfile.TarInfo(f"recordings/{digit}_ann_{number}.wav")
                content = sound(digit + number)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def tables(root: Path) -> None:
    folder = root / "timeseries"
    months = [f"{1900 + number // 12}-{number % 12 + 1:02}" for number in range(400)]
    write(folder / "airline-passengers.csv", "".join(f'"{m}",{n}\n' for n, m in enumerate(["Month", *months])))
    write(folder / "monthly-sunspots.csv", "Month,Sunspots\n" + "".join(f"{m},{n}\n" for n, m in enumerate(months)))
    days = [date(2004, 2, 27) + timedelta(days=number) for number in range(400)]
    kept = [day for day in days if (day.month, day.day) != (2, 29)]
    write(folder / "daily-min-temperatures.csv", "Date,Temp\n" + "".join(f"{d},{d.toordinal()}\n" for d in kept))
    work = [day for day in days if day.weekday() < 5 and day != date(2004, 3, 2)]
    write(
        folder / "finance-charts-apple.csv", "Date,AAPL.Open,AAPL.Close\n" + "".join(f"{d},0,{d.day}\n" for d in work)
    )
    write(folder / "ETTh1.csv", "date,HUFL,OT\n" + "".join(f"2016-07-01 {n},{n},{-n}\n" for n in range(310)))
    columns = "No,year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir\n"
    hours = [f"{n},2010,1,{1 + n // 24},{n % 24},{'NA' if n in (0, 1, 5) else n},1,1,1,NW,1,0,0\n" for n in range(700)]
    write(folder / "pollution.csv", columns + "".join(hours))
    first = date(2000, 1, 1)
    shares = [(name, year) for name in ("MSFT", "IBM") for year in range(40)]
    rows = "".join(
        f"{name},{first.replace(month=1 + n % 12, year=2000 + n // 12):%b %-d %Y},{n}.5\n" for name, n in shares
    )
    write(folder / "stocks.csv", f"symbol,date,price\n{rows}")


def pairs(root: Path) -> None:
    for part, count in (("train", 30), ("test_2016_flickr", 5)):
        for side in ("de", "en"):
            write(root / f"translation/multi30k/{part}.{side}.gz", "".join(f"{side} {n}\n" for n in range(count)))
    path = root / "translation/tatoeba/fra-eng.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as opened:
        lines = [f"Run {number}!\tCours {number}\xa0!\nRun {number}!\tCourez !\n" for number in range(42)]
        opened.writestr("fra.txt", "".join(lines))
    for part, count in (("train", 12), ("test", 8)):
        lines = [f"IN: walk {number} OUT: I_WALK I_WALK\n" for number in range(count)]
        write(root / f"scan/tasks_{part}_simple.txt.gz", "".join(lines))


def running_text(root: Path) -> None:
    for name in ("tinyshakespeare.txt", "nietzsche.txt", "british_fiction/Dickens_Hard.txt"):
        write(root / "text" / name, "It was a dark and stormy night; the rain fell.\n" * 10)
    books = ["".join(f"X: {n}\nT:{book} {n}\nK:D\nfed|\n\n\n" for n in range(1, 11)) for book in "ab"]
    for book, content in zip("ab", books, strict=True):
        write(root / f"music/nottingham-abc/{book}.abc", content)


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a folder like that of the shared data, with a few rows of every set."""
    root = tmp_path_factory.mktemp("data")
    for make in (texts, series, tables, pairs, running_text):
        make(root)
    return root


@pytest.fixture
def rows_of() -> Callable[[Path], list[dict[str, object]]]:
    """Read a file of JSON lines."""
    return lambda path: [json.loads(line) for line in path.read_text().splitlines()]
