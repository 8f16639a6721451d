"""A reader is one new module: it is found, chosen by a suffix and by its name, and a choice of the options."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elman.data.examples import ExamplesConfig, read_examples
from elman.data.examples import readers as example_readers
from elman.data.readers import Reader, reader_of, readers_in
from elman.data.tagged import plain_format_of, read_tagged
from elman.data.tagged import readers as tagged_readers
from elman.errors import ConfigError

# Words with their label or tag, a slash between them.
EXAMPLES = """
from elman.data.readers import Reader

def _read(file, config, *, labelled):
    from elman.data.examples.base import Examples

    cells = [line.split("/") for line in file.path.read_text(config.encoding).split()]
    return Examples("text", [text for text, _ in cells], [label for _, label in cells], [file.name] * len(cells))

READER = Reader("slashes", _read, suffixes=(".slash",))
"""
TAGGED = """
from pathlib import Path
from elman.data.readers import Reader

def _tagged(name, lines):
    from elman.data.tagged import TaggedDataset

    rows = [[cell.split("/") for cell in line.split()] for line in lines]
    words, tags = ([[cell[side] for cell in row] for row in rows] for side in (0, 1))
    return TaggedDataset(name, words, None, tags, None, [name] * len(rows))

def _read(file, options):
    return _tagged(file.name, options.lines(file.path, file.name))

def _read_folder(folder, options):
    return _tagged(str(folder), options.lines(folder / "all.slash", str(folder)))

def _holds(folder):
    return (folder / "all.slash").is_file()

READERS = FILE, FOLDER = (
    Reader("slashes", _read, suffixes=(".slash",)),
    Reader("slash-folder", _read_folder, accepts=_holds, whole=True),
)
"""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module for either package of readers, which finds it there."""
    packages = {example_readers: EXAMPLES, tagged_readers: TAGGED}
    for package, source in packages.items():
        folder = tmp_path / package.__name__
        folder.mkdir()
        (folder / "toy_slashes.py").write_text(source)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    importlib.invalidate_caches()
    readers_in.cache_clear()
    yield tmp_path
    readers_in.cache_clear()
    for package in packages:
        sys.modules.pop(f"{package.__name__}.toy_slashes", None)
        if hasattr(package, "toy_slashes"):
            del package.toy_slashes


def test_a_new_reader_of_examples_is_chosen_by_suffix_and_by_name(toys: Path) -> None:
    for name, form in (("a.slash", "auto"), ("a.SLASH", "auto"), ("a.txt", "slashes")):
        (toys / name).write_text("good/1\nbad/0\n")
        examples = read_examples(toys / name, ExamplesConfig(format=form))
        assert (examples.inputs, examples.labels) == (["good", "bad"], ["1", "0"])
    (toys / "b.txt").write_text("1\tgood\n")
    assert read_examples(toys / "b.txt", ExamplesConfig()).inputs == ["good"]
    assert [*example_readers.known()] == [
        *("table", "lines", "folder", "series-table", "ts", "numpy", "idx", "series-rows", "slashes")
    ]


def test_a_new_reader_of_tagged_sentences_is_chosen_by_suffix_and_by_name(toys: Path) -> None:
    (toys / "folder").mkdir()
    choices = {"a.slash": ("auto", "slashes"), "a.txt": ("slashes",), "folder": ("auto", "slash-folder")}
    for name, formats in choices.items():
        place = toys / name
        (place / "all.slash" if place.is_dir() else place).write_text("the/D cat/N\nsleeps/V\n")
        for format in formats:
            found = read_tagged([place], format=format)
            assert (found.words, found.tags) == ([["the", "cat"], ["sleeps"]], [["D", "N"], ["V"]])
    assert plain_format_of(str(toys / "a.slash")) == "slashes"
    assert plain_format_of(str(toys / "folder")) == "slash-folder"
    assert plain_format_of(str(toys / "a.txt")) == "plain"


def test_a_new_reader_is_a_choice_of_the_options(toys: Path) -> None:
    script = f"""
import importlib, sys
for name in ({example_readers.__name__!r}, {tagged_readers.__name__!r}):
    importlib.import_module(name).__path__.append(f"{{sys.argv[1]}}/{{name}}")
from elman.data.examples.config import ExamplesConfig
from elman.data.tagged.config import TaggedDataConfig
from elman.options import choices_of, fields_of
from elman.tasks.tagger.endpoints import TagOptions
for section, name in ((ExamplesConfig, "format"), (TaggedDataConfig, "format"), (TagOptions, "format")):
    print(*choices_of(fields_of(section)[name][0]))
print(*sorted({{"numpy", "torch"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script, str(toys)], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "auto table lines folder series-table ts numpy idx series-rows slashes",
        "auto conllu columns triples frames slash-folder slashes",
        "auto plain conllu columns triples frames slash-folder slashes",
        "",
    ], done.stderr


def test_two_readers_of_one_name_are_refused(toys: Path) -> None:
    (toys / example_readers.__name__ / "toy_slashes.py").write_text(EXAMPLES.replace('"slashes"', '"ts"'))
    with pytest.raises(ConfigError, match=r"different names .* Received: 'ts', again in toy_slashes$"):
        example_readers.known()


def test_an_unknown_form_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\tgood\n")
    with pytest.raises(ConfigError, match=r"format among auto, table, .* Received: 'line'\. Did you mean 'lines'\?"):
        read_examples(tmp_path / "a.txt", ExamplesConfig(format="line"))


@pytest.mark.parametrize("package", [example_readers, tagged_readers], ids=lambda package: package.__name__)
def test_every_reader_has_a_function_that_reads(package: object) -> None:
    known: dict[str, Reader] = package.known()  # type: ignore[attr-defined]
    assert all(callable(reader.read) for reader in known.values())


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "table"),
        ("a.NDJSON.gz", "table"),
        ("train-idx3.csv", "table"),
        ("train-images-idx3-ubyte.gz", "idx"),
        ("x.idx", "idx"),
        ("x.idx3.npy", "idx"),
        ("x.npy", "numpy"),
        ("x.NPZ", "numpy"),
        ("x.ts.gz", "ts"),
        ("x.txt", None),
        ("x", None),
    ],
)
def test_one_reader_of_examples_takes_a_name(name: str, form: str | None) -> None:
    known = example_readers.known()
    found = reader_of(known, Path(name))
    assert (found and found.name) == form
    assert sum(reader.takes(Path(name)) for reader in known.values()) == (form is not None)
