"""What all tests share."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Tests, and the programs that they start, keep compiled cells and tokens here and not in the user's own cache."""
    os.environ.setdefault("ELMAN_CACHE", str(config.rootpath / ".pytest_cache" / "elman"))
