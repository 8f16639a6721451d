"""The data sets are found however the checkout was made, and a test without them says what it needs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .shared_data import VARIABLE, folder_of_data, repository_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of data next to a folder for checkouts."""
    folder = tmp_path / "here" / "shared" / "data"
    folder.mkdir(parents=True)
    return folder


def git(folder: Path, *words: str) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(data: Path) -> Path:
    folder = data.parents[1] / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    git(folder, "commit", "-q", "--allow-empty", "-m", "first")
    return folder


@pytest.mark.parametrize("place", ["here/elman", "here/a/b/elman", "here"])
def test_data_beside_or_above_the_checkout(tmp_path: Path, data: Path, place: str) -> None:
    assert folder_of_data(tmp_path / place, {}) == data


def test_the_nearest_data_are_taken(data: Path) -> None:
    nearer = data.parents[1] / "inner" / "shared" / "data"
    nearer.mkdir(parents=True)
    assert folder_of_data(data.parents[1] / "inner" / "elman", {}) == nearer


def test_a_worktree_and_a_clone_elsewhere(tmp_path: Path, data: Path, checkout: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    git(checkout, "worktree", "add", "-q", str(tmp_path / "elsewhere" / "tree"))
    git(tmp_path, "clone", "-q", str(checkout), "elsewhere/clone")
    assert repository_of(tmp_path / "elsewhere" / "tree") == checkout / ".git"
    for name in ("tree", "clone"):
        assert folder_of_data(tmp_path / "elsewhere" / name, {}, tmp_path) == data


def test_the_variable_goes_before_everything_else(tmp_path: Path, data: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    root = data.parents[1] / "elman"
    assert folder_of_data(root, {VARIABLE: str(other)}) == other
    assert folder_of_data(root, {VARIABLE: str(tmp_path / "absent")}) is None
    assert folder_of_data(root, {VARIABLE: ""}) == data


def test_no_data_and_what_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere\n")
    assert repository_of(tmp_path) is None
    assert repository_of(tmp_path / "absent") is None
    assert folder_of_data(tmp_path, {VARIABLE: str(tmp_path / "absent")}) is None


def test_a_test_gets_the_path_or_is_skipped_with_the_reason(
    shared_data: Callable[[str], Path], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(data))
    (data / "numbers.csv").touch()
    assert shared_data("numbers.csv") == data / "numbers.csv"
    with pytest.raises(pytest.skip.Exception, match=rf"needs the data set absent\.csv .*{VARIABLE}"):
        shared_data("absent.csv")
