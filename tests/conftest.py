"""Configuration of all tests: selection of slow tests, data sets, caches, and stubs for slow operations."""

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
    """Set a cache folder for the tests and the programs that they start, so that the user's cache is not used."""
    os.environ.setdefault("ELMAN_CACHE", str(config.rootpath / ".pytest_cache" / "elman"))
    gc.disable()  # collecting tests makes no garbage


def pytest_collection_finish() -> None:
    """Exclude the objects of modules and tests from later garbage collections."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect slow tests, unless --all or -m is given, or the test or its file is named."""
    if config.option.all or config.option.markexpr:
        return
    named = named_files(config.args, config.invocation_params.dir)
    left_out = [item for item in items if item.get_closest_marker("slow") and item.path not in named]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def named_files(arguments: Sequence[str], start: Path) -> set[Path]:
    """Return the files that the command line names directly or by one of their tests; folders do not count."""
    paths = {(start / argument.partition("::")[0]).resolve() for argument in arguments}
    return {path for path in paths if path.is_file()}


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a parameter whose value is not plain text by its argument, so that all workers give it the same id.

    (The output of `gzip` contains the time, and workers with different ids abort the whole run.)
    """
    plain = isinstance(val, bytes) and len(val) <= 60 and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in val)
    return argname if isinstance(val, bytes) and not plain else None


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return the path of a data set by its name, such as `images/mnist`; skip the test if it is missing."""

    def path_of(name: str) -> Path:
        path = data_sets.path_of(name)
        if path is None:
            pytest.skip(data_sets.absent(name))
        return path

    return path_of


@pytest.fixture(scope="session", autouse=True)
def nothing_waits_for_the_disk() -> Iterator[None]:
    """Replace fsync, since tests need not wait for the disk. Tests of lost writes replace it themselves."""

    def checked(descriptor: int) -> None:
        os.fstat(descriptor)  # a closed file is an error, as it is for fsync

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", checked)
        yield


@pytest.fixture(scope="session", autouse=True)
def runs_write_a_small_picture() -> Iterator[None]:
    """Replace the loss plot of runs in this process, which takes longer than most runs; see `pictures_of_runs`."""
    if "torch" not in sys.modules:  # no collected test trains in this process
        yield
        return
    from elman.files import write_bytes

    def write_picture(
        rows: Sequence[Mapping[str, object]], path: Path, *, unit: str, title: str, metrics: Sequence[str]
    ) -> None:
        assert all(row.keys() >= {"step", "train_loss", "valid_loss"} for row in rows)
        assert unit
        assert title
        assert not isinstance(metrics, str)
        write_bytes(path, PICTURE)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elman.tasks.run.draw_losses", write_picture)
        yield


@pytest.fixture
def pictures_of_runs(runs_write_a_small_picture: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make runs plot their losses."""
    from elman.plots.curves import draw_losses

    monkeypatch.setattr("elman.tasks.run.draw_losses", draw_losses)
