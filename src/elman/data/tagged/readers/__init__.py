"""Readers of tagged sentences and frames: a module defines one `Reader` or several, and nothing else names it.

A reader is called with an `InputFile` and the `ReadOptions`; one that reads a path as a whole, with the `Path` and the
options. It returns `Tagged`, or None for a file that only belongs to another one.
"""

from __future__ import annotations

from collections.abc import Mapping

from elman.data.readers import Reader, readers_in

__all__ = ["known"]


def known() -> Mapping[str, Reader]:
    """Every reader by the name of its format."""
    return readers_in(__name__)
