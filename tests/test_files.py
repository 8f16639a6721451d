"""Atomic files: whatever fails, the old file or the new one is there, whole, and nothing else."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from elman.errors import StorageError
from elman.files import TEMPORARY_SUFFIX, atomic_file, make_folder, remove_stale_temporaries, write_bytes, write_text

OLD = b"old" * 1000
NEW = b"new!" * 50_000


def only_whole(folder: Path, *allowed: bytes) -> None:
    """The folder holds `file` alone, with one of the contents that are allowed."""
    assert os.listdir(folder) == ["file"]
    assert (folder / "file").read_bytes() in allowed


def test_writes_and_replaces(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", OLD)
    only_whole(tmp_path, OLD)
    write_bytes(str(tmp_path / "file"), NEW)
    only_whole(tmp_path, NEW)
    write_text(tmp_path / "file", "Grüße\n")
    only_whole(tmp_path, "Grüße\n".encode())


def test_nothing_is_seen_before_the_block_ends(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", OLD)
    with atomic_file(tmp_path / "file") as file:
        file.write(NEW)
        file.flush()
        assert (tmp_path / "file").read_bytes() == OLD
    only_whole(tmp_path, NEW)


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), OSError(errno.EIO, "x"), StorageError("x")])
def test_an_error_in_the_block_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    write_bytes(tmp_path / "file", OLD)
    expected = StorageError if isinstance(error, OSError) else type(error)

    def interrupted() -> None:
        with atomic_file(tmp_path / "file") as file:
            file.write(NEW)
            raise error

    with pytest.raises(expected):
        interrupted()
    only_whole(tmp_path, OLD)


@pytest.mark.skipif(os.name == "nt", reason="no such modes on Windows")
def test_the_mode_is_that_of_a_plain_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", OLD)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_the_content_is_synced_before_the_name_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        info = os.fstat(descriptor)
        steps.append("folder" if stat.S_ISDIR(info.st_mode) else f"file of {info.st_size}")
        fsync(descriptor)

    def watched_replace(old: Any, new: Any) -> None:
        steps.append("replace")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    write_bytes(tmp_path / "file", NEW)
    assert steps == [f"file of {len(NEW)}", "replace", "folder"]


def test_a_full_disk_at_every_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = fail_at = 0

    def use() -> None:
        nonlocal count
        count += 1
        if count == fail_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    class Raw(io.FileIO):
        def write(self, content: Any) -> int:
            use()
            return super().write(content)

    def failing(genuine: Any) -> Any:
        return lambda *args, **kwargs: (use(), genuine(*args, **kwargs))[1]

    write_bytes(tmp_path / "file", OLD)
    monkeypatch.setattr(os, "fdopen", lambda descriptor, mode: io.BufferedWriter(Raw(descriptor, "wb")))
    for module, name in [(os, "fsync"), (os, "chmod"), (os, "replace"), (tempfile, "mkstemp")]:
        monkeypatch.setattr(module, name, failing(getattr(module, name)))

    messages = []
    for fail_at in range(1, 50):
        count = 0
        try:
            with atomic_file(tmp_path / "file") as file:
                for start in range(0, len(NEW), 50_000):
                    file.write(NEW[start : start + 50_000])
        except StorageError as error:
            messages.append(str(error))
            # The last of the nine is the sync of the folder, when the new file has its name already.
            only_whole(tmp_path, OLD if fail_at < 9 else NEW)
        else:
            break
    # mkstemp, four writes, fsync, chmod, replace, fsync of the folder
    assert messages == [f"cannot write {tmp_path / 'file'}: {os.strerror(errno.ENOSPC)}"] * 9
    only_whole(tmp_path, NEW)


def strace_works() -> bool:
    if not shutil.which("strace"):
        return False
    done = subprocess.run(["strace", "-o", os.devnull, "-e", "inject=write:error=ENOSPC:when=999", "true"], check=False)
    return done.returncode == 0


CODE = """
import sys
from elman.files import atomic_file
with atomic_file(sys.argv[1]) as file:
    for _ in range(4):
        file.write(b"new!" * 12_500)
"""


def under_strace(target: Path, fault: str) -> int:
    """Write NEW to `target` in a separate process with a fault of the system injected; its exit status."""
    command = ["strace", "-f", "-o", os.devnull, "-e", f"inject={fault}", sys.executable, "-c", CODE, str(target)]
    return subprocess.run(command, capture_output=True, check=False).returncode


FAULTS = [
    *((f"write:{{}}:when={k}") for k in range(1, 5)),
    "fsync:{}:when=1",
    "fsync:{}:when=2",
    "?chmod,?fchmodat:{}",
    "?rename,?renameat,?renameat2:{}",
]


@pytest.mark.skipif(not strace_works(), reason="strace is missing or not permitted here")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("effect", ["error=ENOSPC", "signal=SIGKILL"])
def test_faults_of_the_system(tmp_path: Path, fault: str, effect: str) -> None:
    write_bytes(tmp_path / "file", OLD)
    status = under_strace(tmp_path / "file", fault.format(effect))
    assert status == (1 if effect == "error=ENOSPC" else -9)
    if effect == "signal=SIGKILL":
        remove_stale_temporaries(tmp_path)
    # The second sync is that of the folder, when the new file has its name already.
    only_whole(tmp_path, NEW if fault == "fsync:{}:when=2" else OLD)


def test_stale_temporaries_are_counted_and_removed(tmp_path: Path) -> None:
    for name in (f".a.1{TEMPORARY_SUFFIX}", f".b.2{TEMPORARY_SUFFIX}"):
        (tmp_path / name).touch()
    for name in (".hidden", "a.txt", f"visible{TEMPORARY_SUFFIX}"):
        (tmp_path / name).touch()
    assert remove_stale_temporaries(tmp_path) == 2
    assert sorted(os.listdir(tmp_path)) == [".hidden", "a.txt", f"visible{TEMPORARY_SUFFIX}"]
    assert remove_stale_temporaries(tmp_path) == 0
    assert remove_stale_temporaries(tmp_path / "none") == 0


def test_targets_that_cannot_be_written(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", OLD)
    (tmp_path / "folder").mkdir()
    for target in (
        tmp_path / "none" / "file",
        tmp_path / "file" / "deeper",
        tmp_path / "folder",
        tmp_path / ("x" * 300),
    ):
        with pytest.raises(StorageError, match="cannot write"):
            write_bytes(target, NEW)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_bytes(pipe, b"all")
        assert os.read(reader, 10) == b"all"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_make_folder(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert make_folder(str(folder)) == folder
    write_bytes(tmp_path / "file", OLD)
    for path in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(StorageError, match="cannot make the folder"):
            make_folder(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match="ermission"):
            write_bytes(tmp_path / "file", NEW)
        with pytest.raises(StorageError, match="ermission"):
            make_folder(tmp_path / "folder")
    finally:
        tmp_path.chmod(0o700)
