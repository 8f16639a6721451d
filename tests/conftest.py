"""What all tests share."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Tests, and the programs that they start, keep compiled cells and tokens here and not in the user's own cache."""
    os.environ.setdefault("ELMAN_CACHE", str(config.rootpath / ".pytest_cache" / "elman"))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A content that is not plain text is named by its argument: workers that collect at different times agree on it.

    (What `gzip` writes bears the time, and a worker whose names differ from another's ends the whole run.)
    """
    plain = isinstance(val, bytes) and len(val) <= 60 and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in val)
    return argname if isinstance(val, bytes) and not plain else None
