"""Expansion of input paths (files, folders, globs and "-") to a list of files."""

from __future__ import annotations

import glob
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, NamedTuple

from elman.cache import cache_folder
from elman.display import invisible
from elman.errors import ConfigError, DataError, StorageError
from elman.files import TEMPORARY_SUFFIX

__all__ = ["PICTURES", "InputFile", "find_files", "input_files", "is_new"]

# Suffixes of image files.
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


class InputFile(NamedTuple):
    """A file to read. `name` is its name in messages; a `spooled` file is a temporary copy that the reader removes."""

    path: Path
    name: str
    spooled: bool = False


def find_files(inputs: Sequence[str | os.PathLike[str]], *, pattern: str = "*") -> list[InputFile]:
    """Return the files that `inputs` refer to, each once, in the order given; folders and globs in sorted order.

    A folder is searched recursively for names that match `pattern`; hidden files and folders are skipped. "-" and named
    pipes are copied to a file in the cache folder, so that they can be read more than once. Raises DataError if an
    input matches no file, StorageError if it cannot be read, ConfigError if there are no inputs.
    """
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    if not inputs:
        raise ConfigError("expected at least one file, folder or glob to read. Received: none")
    found: list[InputFile] = []
    seen: set[str] = set()
    try:
        for item in inputs:
            for file in _expand(os.fspath(item), pattern):
                identity = os.path.realpath(file.path)
                if identity not in seen:
                    seen.add(identity)
                    found.append(file)
    except BaseException:
        for file in found:
            if file.spooled:
                file.path.unlink(missing_ok=True)
        raise
    return found


@contextmanager
def input_files(inputs: Sequence[str | os.PathLike[str]], *, pattern: str = "*") -> Iterator[list[InputFile]]:
    """Context manager of the files of `find_files`; temporary copies are removed at its end."""
    files = find_files(inputs, pattern=pattern)
    try:
        yield files
    finally:
        for file in files:
            if file.spooled:
                file.path.unlink(missing_ok=True)


def is_new(file: InputFile, seen: set[str], what: str = "") -> bool:
    """Return whether a file, or the part `what` of it, is not in `seen` yet, and add it.

    For callers that expand each input separately: an example that is read twice could be in both the training and the
    held-out data.
    """
    identity = f"{os.path.realpath(file.path)}\0{what}"
    new = identity not in seen
    seen.add(identity)
    return new


def _expand(item: str, pattern: str) -> Iterator[InputFile]:
    if item == "-":
        yield _spool(sys.stdin.buffer, "standard input")
        return
    path = Path(item).expanduser()
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        yield from _expand_glob(item)
        return
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {item!r}: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(mode):
        yield from _expand_folder(path, pattern)
    elif stat.S_ISFIFO(mode):
        with _open(path) as pipe:
            yield _spool(pipe, item)
    else:
        yield InputFile(path, item)


def _expand_glob(item: str) -> Iterator[InputFile]:
    if not glob.has_magic(item):
        raise DataError(f"there is no such file or folder. Received: {item}{invisible(item)}")
    names = sorted(name for name in glob.glob(os.path.expanduser(item), recursive=True) if os.path.isfile(name))
    if not names:
        raise DataError(
            f"expected at least one file that matches the glob; none does. Received: {item}{invisible(item)}"
        )
    for name in names:
        yield InputFile(Path(name), name)


def _expand_folder(folder: Path, pattern: str) -> Iterator[InputFile]:
    def refuse(error: OSError) -> None:
        raise StorageError(f"cannot read the folder {error.filename}: {error.strerror}") from error

    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and fnmatchcase(name, pattern) and os.path.isfile(os.path.join(parent, name))
        ]
    if not found:
        raise DataError(f"expected at least one file that matches {pattern!r} in the folder {folder}. Received: none")
    for path in sorted(found, key=lambda path: path.parts):
        yield InputFile(path, str(path))


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def _spool(stream: BinaryIO, name: str) -> InputFile:
    """Copy a stream, which can be read only once, to a temporary file."""
    path: Path | None = None
    try:
        descriptor, spooled = tempfile.mkstemp(prefix=".input.", suffix=TEMPORARY_SUFFIX, dir=cache_folder())
        path = Path(spooled)
        with os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
    except BaseException as error:
        if path is not None:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            raise StorageError(f"cannot keep a copy of {name}: {error.strerror or error}") from error
        raise
    return InputFile(path, name, spooled=True)
