"""Readers of labelled texts and series: a module defines one `Reader` or several, and nothing else names it.

A reader is called with an `InputFile`, the `ExamplesConfig` and `labelled=`, whether each example must have a label;
one that reads paths as a whole, with the paths as texts and the config. It returns `Examples`.
"""

from __future__ import annotations

from collections.abc import Mapping

from elman.data.readers import Reader, readers_in

__all__ = ["known"]


def known() -> Mapping[str, Reader]:
    """Every reader by the name of its form."""
    return readers_in(__name__)
