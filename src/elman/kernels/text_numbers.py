"""Parsing of many numbers in text by the native engine: see `native/text_numbers.py`."""

from __future__ import annotations

from elman.kernels.native.text_numbers import parse_numbers

__all__ = ["parse_numbers"]
