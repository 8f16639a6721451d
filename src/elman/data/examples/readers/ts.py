"""Reader of series in `.ts` files."""

from __future__ import annotations

from elman.data.readers import Reader

READER = Reader("ts", "elman.data.examples.ts_file:read_ts", suffixes=(".ts",), rank=5)
