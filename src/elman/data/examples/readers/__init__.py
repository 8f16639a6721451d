"""Readers of labelled texts and series; every module of this package defines one or more `Reader` objects.

A reader is called with an `InputFile`, the `ExamplesConfig` and `labelled=`, whether each example must have a label.
A reader with `whole` is called with all paths, as strings, and the config. Both return `Examples`.
"""

from __future__ import annotations

from collections.abc import Mapping

from elman.data.readers import Reader, readers_in

__all__ = ["known"]


def known() -> Mapping[str, Reader]:
    """Return every reader by the name of its form."""
    return readers_in(__name__)
