"""Examples: texts or series with one label each, for sequence classification and regression. Does not import torch.

config   the options
base     the data class `Examples`
reading  reading files: detecting their format, joining several
readers  the forms by name
texts, table_file, series_table, ts_file, arrays   the functions that read each format
memory   examples from Python objects: lists, arrays, data frames
series   validation of a series, and missing values
parts    training, validation and test parts

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.examples.base import Examples
    from elman.data.examples.config import ExamplesConfig
    from elman.data.examples.in_memory import examples_from
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
        ".in_memory": ("examples_from",),
        ".parts": ("split_rows",),
        ".reading": ("read_examples",),
    },
)
