"""Static features of series: numbers, and categories as one-hot vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ArtifactError, DataError
from elman.options import suggestion

__all__ = ["check_encoder", "encode_static", "learn_encoder", "static_names"]

Floats = npt.NDArray[np.float64]
Column = Sequence[str] | Floats


def learn_encoder(columns: Mapping[str, Column]) -> list[dict[str, Any]]:
    """Return the encoding of each column as plain JSON values: numbers are kept, texts are categories."""
    return [
        {"name": name, "kind": "number"}
        if isinstance(values, np.ndarray)
        else {"name": name, "kind": "category", "values": sorted(set(values))}
        for name, values in columns.items()
    ]


def static_names(encoder: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the names of the features: the name of the column, or column=category."""
    names: list[str] = []
    for column in encoder:
        name = column["name"]
        names += [name] if column["kind"] == "number" else [f"{name}={value}" for value in column["values"]]
    return tuple(names)


def encode_static(
    columns: Mapping[str, Column], encoder: Sequence[Mapping[str, Any]], where: Callable[[int], str], series: int
) -> Floats:
    """Return the features of N series, [N, C]. `where` returns the location of the first row of a series.

    Raises DataError for a category that the encoder does not have.
    """
    parts = [np.empty((series, 0))]
    for column in encoder:
        values = columns[column["name"]]
        if column["kind"] == "number":
            parts.append(np.asarray(values, dtype=np.float64)[:, None])
            continue
        known = {value: place for place, value in enumerate(column["values"])}
        hot = np.zeros((series, len(known)))
        for row, value in enumerate(values):
            if value not in known:
                raise DataError(
                    f"{where(row)}: expected one of the {len(known)} known categories in the column "
                    f"{column['name']!r}. Received: {value!r}.{suggestion(str(value), known)}"
                )
            hot[row, known[value]] = 1
        parts.append(hot)
    return np.concatenate(parts, axis=1)


def check_encoder(values: Any) -> list[dict[str, Any]]:
    """Check an encoder from a file. Raises ArtifactError for values that `learn_encoder` does not return."""
    if isinstance(values, list) and all(map(_good, values)):
        return [dict(column) for column in values]
    raise ArtifactError(f"expected columns with a name and categories. Received: {str(values)[:80]}")


def _good(column: Any) -> bool:
    if not isinstance(column, dict) or not isinstance(column.get("name"), str):
        return False
    if column.get("kind") == "number":
        return set(column) == {"name", "kind"}
    values = column.get("values")
    return (
        column.get("kind") == "category"
        and set(column) == {"name", "kind", "values"}
        and isinstance(values, list)
        and all(isinstance(value, str) for value in values)
        and len(set(values)) == len(values)
    )
