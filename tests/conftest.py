"""What all tests share: which of them run, where their data and caches lie, and stand-ins for what only costs time."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from . import shared_data as data_sets

# A PNG of one pixel.
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the slow tests, too")


def pytest_configure(config: pytest.Config) -> None:
    """Tests, and the programs that they start, keep compiled cells and tokens here and not in the user's own cache."""
    os.environ.setdefault("ELMAN_CACHE", str(config.rootpath / ".pytest_cache" / "elman"))
    gc.disable()  # until all tests are collected: nothing of what that makes is garbage


def pytest_collection_finish() -> None:
    """Collections of garbage need not look at a million objects of modules and tests again and again."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests, unless --all or -m is given; a file or a test that is named runs whole."""
    if config.option.all or config.option.markexpr:
        return
    named = named_files(config.args, config.invocation_params.dir)
    left_out = [item for item in items if item.get_closest_marker("slow") and item.path not in named]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def named_files(arguments: Sequence[str], start: Path) -> set[Path]:
    """The files that the command line names, as such or by a test in them; a folder names none."""
    paths = {(start / argument.partition("::")[0]).resolve() for argument in arguments}
    return {path for path in paths if path.is_file()}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A content that is not plain text is named by its argument: workers that collect at different times agree on it.

    (What `gzip` writes bears the time, and a worker whose names differ from another's ends the whole run.)
    """
    plain = isinstance(val, bytes) and len(val) <= 60 and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in val)
    return argname if isinstance(val, bytes) and not plain else None


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """The path of a data set by its name, such as `images/mnist`; skips the test where the data set is absent."""

    def path_of(name: str) -> Path:
        path = data_sets.path_of(name)
        if path is None:
            pytest.skip(data_sets.absent(name))
        return path

    return path_of


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk() -> Iterator[None]:
    """No test cuts the power, so none waits until a disk has written. Those of lost writes put their own in place."""

    def checked(descriptor: int) -> None:
        os.fstat(descriptor)  # a closed file is an error, as it is for fsync

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", checked)
        yield


@pytest.fixture(scope="session", autouse=True)
def runs_write_a_small_picture() -> Iterator[None]:
    """Drawing the losses takes longer than most runs here. `pictures_of_runs` draws them; other processes do, too."""
    if "torch" not in sys.modules:  # no collected test trains, or each does so in other processes
        yield
        return
    from elman.files import write_bytes

    def write_picture(rows: Sequence[Mapping[str, object]], path: Path, *, unit: str, title: str) -> None:
        assert all(row.keys() >= {"step", "train_loss", "valid_loss"} for row in rows)
        assert unit
        assert title
        write_bytes(path, PICTURE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elman.tasks.run.draw_losses", write_picture)
        yield


@pytest.fixture
def pictures_of_runs(runs_write_a_small_picture: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw their losses."""
    from elman.plots.curves import draw_losses

    monkeypatch.setattr("elman.tasks.run.draw_losses", draw_losses)
