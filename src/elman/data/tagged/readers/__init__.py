"""Readers of tagged sentences and frames; every module of this package defines one or more `Reader` objects.

A reader is called with an `InputFile` and the `ReadOptions`; a reader with `whole`, with a `Path` and the options. It
returns a `TaggedDataset`, or None for a file that is read together with another one.
"""

from __future__ import annotations

from collections.abc import Mapping

from elman.data.readers import Reader, readers_in

__all__ = ["known"]


def known() -> Mapping[str, Reader]:
    """Return every reader by the name of its format."""
    return readers_in(__name__)
