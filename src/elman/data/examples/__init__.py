"""Examples: whole texts or series, each with a label, for models that give one answer a sequence. Imports no torch.

config   how they are read, as options
base     what they are
reading  from paths: which form a file has, several files joined
readers  the forms by name
texts, table_file, series_table, ts_file, arrays   what reads them
memory   from Python objects: lists, arrays, data frames
series   what every series has to be, and what a missing value becomes
parts    the training, validation and test part

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.examples.base import Examples
    from elman.data.examples.config import ExamplesConfig
    from elman.data.examples.memory import examples_from
    from elman.data.examples.parts import split_rows
    from elman.data.examples.reading import read_examples

__all__ = [
    "Examples",
    "ExamplesConfig",
    "examples_from",
    "read_examples",
    "split_rows",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".base": ("Examples",),
        ".config": ("ExamplesConfig",),
        ".memory": ("examples_from",),
        ".parts": ("split_rows",),
        ".reading": ("read_examples",),
    },
)
