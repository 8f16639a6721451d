"""Readers of tables of texts, tables of series, and rows of numbers with one series each."""

from __future__ import annotations

from elman.data.readers import Reader
from elman.data.suffixes import TABLES

TEXTS = Reader("table", "elman.data.examples.table_file:read_table_file", suffixes=tuple(TABLES), rank=1)
SERIES = Reader("series-table", "elman.data.examples.table_file:read_series_table", rank=4)
ROWS = Reader("series-rows", "elman.data.examples.table_file:read_series_rows", rank=8)
