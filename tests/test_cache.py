"""The cache folder: its limit, which removes what was not used for the longest time, and emptying it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from elman.cache import cache_folder, cache_limit, cached_files, clear_cache, limit_cache, mark_used
from elman.cli import main
from elman.data.tokens import prepare
from elman.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    monkeypatch.delenv("ELMAN_CACHE_LIMIT", raising=False)
    return cache_folder()


def put(folder: Path, name: str, size: int, hours: float) -> Path:
    """A file that was last used so many hours ago."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - 3600 * hours,) * 2)
    return path


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("", 10 * 10**9),
        ("0", 0),
        ("1000", 1000),
        ("500MB", 500 * 10**6),
        ("1.5 gb", 1500 * 10**6),
        (" 2TB ", 2 * 10**12),
    ],
)
def test_a_limit(text: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE_LIMIT", text)
    assert cache_limit() == limit


@pytest.mark.parametrize("text", ["much", "-1", "5 apples", "GB", "nan", "1e300", "inf"])
def test_what_is_no_limit(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE_LIMIT", text)
    with pytest.raises(ConfigError, match=r"expected ELMAN_CACHE_LIMIT to be a number of bytes.*Received: "):
        cache_limit()


def test_the_oldest_files_are_removed_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = put(folder, "tokens/a.tokens", 400, 50)
    used = put(folder, "tokens/b.tokens", 400, 60)
    middle = put(folder, "kernels/c.so", 400, 40)
    young = put(folder, "vocabularies/d.json", 400, 0.5)
    others = [put(folder, name, 10_000, 99) for name in ("mine.txt", "tokens/notes.txt", "photos/a.tokens")]
    mark_used(used)
    for limit, left in (("1600", 4), ("1000", 2), ("1", 2)):
        monkeypatch.setenv("ELMAN_CACHE_LIMIT", limit)
        limit_cache(folder)
        assert len([*cached_files(folder)]) == left, limit
    assert not old.exists()
    assert not middle.exists()
    assert used.exists()
    assert young.exists(), "it was used in the last hour"
    assert all(path.exists() for path in others), "files of others are not touched"


def test_without_a_limit_everything_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(folder, "tokens/a.tokens", 400, 5000)
    monkeypatch.setenv("ELMAN_CACHE_LIMIT", "0")
    limit_cache(folder)
    assert path.exists()


def test_clearing(folder: Path) -> None:
    put(folder, "tokens/a.tokens", 400, 0)
    put(folder, "kernels/a.sha256", 4, 0)
    other = put(folder, "mine.txt", 10, 0)
    assert sum(file.size for file in clear_cache(folder)) == 404
    assert [*cached_files(folder)] == []
    assert other.exists()


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "tokens/a.tokens", 3000, 2)
    assert main(["cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(folder),
        "limit_bytes": 10 * 10**9,
        "kept": {"tokens": {"files": 1, "bytes": 3000}},
    }
    assert main(["cache"]) == 0
    assert "1 files, 3.0 kB" in capsys.readouterr().out
    assert main(["cache", "--clear"]) == 0
    assert "removed" in capsys.readouterr().out
    assert [*cached_files(folder)] == []
    monkeypatch.setenv("ELMAN_CACHE_LIMIT", "much")
    assert main(["cache"]) == 2


def test_texts_keep_to_the_limit(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elman.data.read import open_text

    def encode(number: int) -> None:
        path = tmp_path / f"{number}.txt"
        path.write_text(f"text {number} " * 300, encoding="utf-8")
        with open_text([str(path)]) as source:
            assert len(prepare(source, cache=folder).train) > 1000

    encode(1)
    first = {file.path for file in cached_files(folder)}
    for path in first:
        os.utime(path, (time.time() - 7200,) * 2)
    encode(1)
    assert all(time.time() - file.used < 60 for file in cached_files(folder) if file.kind == "tokens")
    for path in first:
        os.utime(path, (time.time() - 7200,) * 2)
    monkeypatch.setenv("ELMAN_CACHE_LIMIT", "3kB")
    encode(2)
    kept = [*cached_files(folder)]
    assert sum(file.size for file in kept) <= 3000
    assert first - {file.path for file in kept}, "the oldest are removed"
    assert {file.path for file in kept} - first, "those of this text are kept"
