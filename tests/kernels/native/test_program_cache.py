"""Users' compiled cells in the cache folder: made once, shared by processes, and never loaded when they look wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elman.kernels.native import build, program_cache
from elman.kernels.native.program_cache import CompiledFile, compiled_program

LOWEST = build.instruction_sets()[-1]
SOURCE = 'extern "C" __attribute__((visibility("default"))) int answer() { return 42; }\n'

pytestmark = pytest.mark.skipif(isinstance(build.find_compiler(), build.BuildProblem), reason="no C++ compiler is here")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    compiler = program_cache._compiler  # which a test may replace
    compiler.cache_clear()
    yield
    # Later tests look for their own compiler.
    compiler.cache_clear()


def made(source: str = SOURCE, instruction_set: str = LOWEST) -> CompiledFile:
    result = compiled_program(source, instruction_set)
    assert isinstance(result, CompiledFile), result
    return result


def answer(found: CompiledFile) -> int:
    number: int = found.load().answer()
    return number


def test_a_source_is_compiled_once() -> None:
    first = made()
    assert first.compiled
    assert answer(first) == 42
    assert made()[:2] == (first.path, False)
    assert made(SOURCE + "// other\n").compiled


def test_other_instruction_sets_compilers_and_headers_make_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {made().path}
    paths |= {made(instruction_set=name).path for name in build.instruction_sets()}
    assert len(paths) == len(build.instruction_sets())
    monkeypatch.setattr(program_cache, "_headers_digest", lambda: "other")
    paths.add(made().path)
    compiler = build.find_compiler()
    assert isinstance(compiler, build.Compiler)
    monkeypatch.setattr(program_cache, "_compiler", lambda: compiler._replace(version="another version"))
    paths.add(made().path)
    assert len(paths) == len(build.instruction_sets()) + 2


def test_nobody_else_can_write_there(tmp_path: Path) -> None:
    path = made().path
    assert path.parent == tmp_path / "kernels"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    assert {file.suffix for file in path.parent.iterdir()} == {".so", ".sha256"}
    path.parent.chmod(0o777)
    assert not made().compiled
    assert path.parent.stat().st_mode & 0o777 == 0o700


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def lose_the_digest(path: Path) -> None:
    path.with_suffix(".sha256").unlink()


def open_to_others(path: Path) -> None:
    path.chmod(0o666)


def become_a_link(path: Path) -> None:
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def change_hands(path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give files away")
    os.chown(path, 12345, -1)


@pytest.mark.parametrize(
    "damage", [cut_short, flip_a_byte, lose_the_digest, open_to_others, become_a_link, change_hands]
)
def test_what_looks_wrong_is_compiled_again(damage: object) -> None:
    path = made().path
    assert not made().compiled
    damage(path)  # type: ignore[operator]
    again = made()
    assert again[:2] == (path, True)
    assert not path.is_symlink()
    assert path.stat().st_uid == os.geteuid()
    assert answer(again) == 42
    assert answer(made()) == 42
    assert not made().compiled


def test_what_a_killed_process_left_is_removed_after_a_day() -> None:
    folder = made().path.parent
    left = {age: folder / f".{age}.elman-part" for age in ("old", "young")}
    for path in left.values():
        path.mkdir()
        (path / "program.cpp").write_text(SOURCE)
    os.utime(left["old"], (0, 0))
    made(SOURCE + "// other\n")
    assert not left["old"].exists()
    assert left["young"].exists()


OTHER_SOURCE = SOURCE.replace("42", "666")


def test_what_was_checked_is_loaded_although_its_path_has_changed() -> None:
    found, other = made(), made(OTHER_SOURCE)
    checked = made()
    other.path.replace(found.path)
    assert answer(checked) == 42
    assert answer(other) == 666
    assert made().compiled, "the digest is that of another file"


def test_a_folder_that_others_could_replace_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_folder = tmp_path / "open"
    (open_folder / "cache").mkdir(parents=True)
    monkeypatch.setenv("ELMAN_CACHE", str(open_folder / "cache"))
    for mode, used in ((0o777, False), (0o1777, True), (0o757, False), (0o755, True), (0o700, True)):
        open_folder.chmod(mode)
        said = compiled_program(SOURCE, LOWEST)
        assert isinstance(said, CompiledFile) == used, f"{mode:o}: {said}"
        if isinstance(said, str):
            assert f"no other user can write to {open_folder}" in said
            assert said.endswith(f"Received: mode {mode:03o}")
    if not os.geteuid():
        os.chown(open_folder, 12345, -1)
        assert str(compiled_program(SOURCE, LOWEST)).endswith("Received: user 12345")


def test_a_group_with_other_members_counts_as_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "shared" / "cache"))
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o770)
    for private in (True, False):
        monkeypatch.setattr(program_cache, "_is_private", lambda _group, private=private: private)
        assert isinstance(compiled_program(SOURCE, LOWEST), CompiledFile) == private


def test_the_group_of_a_user_alone_is_private() -> None:
    grp, pwd = pytest.importorskip("grp"), pytest.importorskip("pwd")
    user = pwd.getpwuid(os.geteuid())
    own = grp.getgrgid(user.pw_gid)
    assert program_cache._is_private(user.pw_gid) == (own.gr_name == user.pw_name and set(own.gr_mem) <= {user.pw_name})
    with_members = [group.gr_gid for group in grp.getgrall() if set(group.gr_mem) - {user.pw_name, "root"}]
    assert not any(map(program_cache._is_private, with_members))
    unknown = next(number for number in range(60000, 2**16) if number not in {g.gr_gid for g in grp.getgrall()})
    assert not program_cache._is_private(unknown)


def test_a_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give folders away")
    (tmp_path / "kernels").mkdir()
    os.chown(tmp_path / "kernels", 12345, -1)
    said = compiled_program(SOURCE, LOWEST)
    assert isinstance(said, str)
    assert said.endswith("Received: a folder of user 12345")
    assert list((tmp_path / "kernels").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "kernels").write_text("in the way")
    said = compiled_program(SOURCE, LOWEST)
    assert isinstance(said, str)
    assert said.startswith("its compiled equations cannot be kept: cannot use the folder")


def test_no_compiler_and_a_compiler_that_fails_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    said = compiled_program("int f() { return nowhere; }\n", LOWEST)
    assert isinstance(said, str)
    assert said.startswith("its equations cannot be compiled: the C++ compiler failed: ")
    assert "program.cpp:1" in said
    assert "nowhere" in said
    assert "\n" not in said
    monkeypatch.setenv("ELMAN_CXX", "no-such-compiler")
    program_cache._compiler.cache_clear()
    assert compiled_program(SOURCE, LOWEST) == (
        "its equations cannot be compiled: the C++ compiler 'no-such-compiler', which ELMAN_CXX names, was not found"
    )


@pytest.mark.slow
def test_processes_that_compile_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    script = f"""
import sys
from elman.kernels.native.program_cache import compiled_program
print("ready", flush=True)
sys.stdin.readline()
made = compiled_program({SOURCE!r}, {LOWEST!r})
print(made.load().answer())
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    said = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        said.append(worker.communicate(timeout=60)[0])
        assert worker.returncode == 0
    assert said == ["42\n"] * 2
    assert not made().compiled
    assert len(list((tmp_path / "kernels").iterdir())) == 2
