"""Series, images and texts in arrays: from NumPy and idx files, and from Python objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import checked, picked
from elman.data.binary import open_bytes, read_idx, read_npy, read_npz
from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.labels import label_file, matched, read_labels
from elman.data.examples.series import checked_series
from elman.data.image_arrays import channels_last
from elman.data.inputs import InputFile
from elman.data.labels import label_texts
from elman.data.suffixes import bare_suffix
from elman.data.values import precise
from elman.errors import DataError

__all__ = ["checked_text", "examples_of_array", "read_idx_file", "read_numpy_file"]

# Names of arrays in .npz files; the first name that is present is read.
_INPUTS = ("x", "X", "inputs", "series", "images", "texts", "data")
_LABELS = ("y", "Y", "labels", "targets")


def examples_of_array(
    values: npt.NDArray[Any],
    name: str,
    *,
    images: str = "rows",
    missing: str = "refuse",
    lengths: Sequence[int] | None = None,
    labels: list[str] | None = None,
    places: Sequence[str] | None = None,
) -> Examples:
    """Create `Examples` from an array.

    Args:
        values: texts of shape N; or numbers of shape N x T (series of one channel), N x T x I (series or images), or
            N x height x width x channels (images; those of torch's order are turned). In uint8 arrays of three or
            four dimensions, 0 to 255 becomes 0 to 1.
        name: name of the array in messages.
        images: whether the time steps of an image are its "rows", its "columns" or its "pixels".
        missing: as for `checked_series`.
        lengths: time steps of each series, if they are shorter than T.
        labels: the label of each example, as text.
        places: where each example comes from; by default its row, from 1.

    Examples that cannot be used are left out within `bad_rows_of`. Raises DataError for another dtype or shape, empty
    texts, and the series that `checked_series` refuses.
    """
    if places is None:
        places = [f"{name}, row {row}" for row in range(1, len(values) + 1)] if values.ndim else []
    if values.dtype.kind in "UT" and values.ndim == 1:
        texts, kept = checked(len(values), lambda row: checked_text(values[row], places[row]))
        return Examples("text", _some(texts, name), picked(labels, kept), picked(places, kept))
    if values.dtype.kind not in "biuf" or not 2 <= values.ndim <= 4:
        # scikit-learn's estimator checks look for the words of these hints.
        hint = "; Complex data not supported" if values.dtype.kind == "c" else ""
        if values.ndim == 1:
            hint += f"; Reshape your data to (1, {len(values)}) if it is one series"
        raise DataError(f"{name}: expected numbers with 2 dimensions (one series per row), 3 (series, steps, channels) "
                        f"or 4 (images with channels){hint}. "
                        f"Received: {values.dtype} of shape {values.shape}")  # fmt: skip
    values = channels_last(values)
    x_NTI: npt.NDArray[Any] = _sequences(values, images)
    if np.isfinite(x_NTI).all():
        x_NTI = precise(_sequences(values, images, None), x_NTI)
    if not x_NTI.size:
        raise DataError(f"{name}: expected series of at least one step; 0 feature(s) (shape={values.shape}) while a "
                        f"minimum of 1 is required. Received: an array of shape {values.shape}")  # fmt: skip
    whole = _some(list(x_NTI), name)
    if lengths is not None:
        whole = [x_TI[:length] for x_TI, length in zip(whole, lengths, strict=True)]
        return _listed(whole, places, missing, labels)
    if np.isfinite(x_NTI).all():
        return Examples("series", whole, labels, places, ("",) * x_NTI.shape[2])
    # Errors show values as they were given, so they are checked before any conversion.
    given = list(_sequences(values, images, values.dtype))
    series, kept = checked(len(given), lambda row: checked_series(given[row], places[row], missing=missing))
    if kept is None:
        return Examples("series", series, labels, places, ("",) * series[0].shape[1])
    # The others are read as if they were alone.
    return examples_of_array(
        values[kept], name, images=images, missing=missing, labels=picked(labels, kept), places=picked(places, kept)
    )


def _listed(series: list[npt.NDArray[Any]], places: Sequence[str], missing: str, labels: list[str] | None) -> Examples:
    found, kept = checked(len(series), lambda row: checked_series(series[row], places[row], missing=missing))
    return Examples("series", found, picked(labels, kept), picked(places, kept), ("",) * found[0].shape[1])


def checked_text(value: Any, place: str) -> str:
    """Return a text of data in memory. Raises DataError for an empty one, and for anything else."""
    if not isinstance(value, str):
        raise DataError(f"{place}: expected a text. Received: {type(value).__name__} {str(value)[:40]!r}")
    if not value.strip():
        raise DataError(f"{place}: expected a text. Received: an empty one")
    return str(value)


def _some(items: list[Any], name: str) -> list[Any]:
    if not items:
        raise DataError(f"{name}: expected at least one example. Received: none")
    return items


def _sequences(values: npt.NDArray[Any], images: str, dtype: Any = np.float32) -> npt.NDArray[Any]:
    """Return an array of series or images as `x_NTI`; without a `dtype`, a view of the numbers as they were given."""
    scaled = values.dtype == np.uint8 and values.ndim > 2
    if values.ndim == 2:
        values = values[:, :, None]
    else:
        if images == "columns":
            values = values.swapaxes(1, 2)
        # Images without a channel axis have one channel.
        channels = values.shape[3:] or (1,)
        steps = (values.shape[1] * values.shape[2],) if images == "pixels" else values.shape[1:2]
        inner = channels[0] if images == "pixels" else values.shape[2] * channels[0]
        values = values.reshape(len(values), *steps, inner)
    if dtype is None:
        return values
    with np.errstate(over="ignore"):
        x_NTI = np.array(values, dtype=dtype, order="C")
    return np.divide(x_NTI, np.float32(255), out=x_NTI) if scaled else x_NTI


def read_numpy_file(file: InputFile, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Read the examples in an `.npy` file, or in an `.npz` file with inputs and optional labels and lengths."""
    lengths: Sequence[int] | None = None
    labels: list[str] | None = None
    if bare_suffix(file.path) == ".npz":
        arrays = read_npz(file.path, file.name)
        name = f"{file.name}, array {_key(arrays, _INPUTS, file)!r}"
        values = arrays[_key(arrays, _INPUTS, file)]
        if "lengths" in arrays:
            lengths = _lengths(arrays["lengths"], values, file.name)
        key = next((key for key in _LABELS if key in arrays), None)
        if key is not None and not config.labels:
            if arrays[key].ndim != 1 or arrays[key].dtype.kind not in "biufU":
                raise DataError(f"{file.name}, array {key!r}: expected N labels, numbers or texts. "
                                f"Received: {arrays[key].dtype} of shape {arrays[key].shape}")  # fmt: skip
            labels = label_texts(arrays[key].tolist(), f"{file.name}, array {key!r}")
            labels = matched(labels, len(values), f"{file.name}, array {key!r}", name)
    else:
        name, values = file.name, read_npy(open_bytes(file.path, file.name))
    if labels is None:
        labels = _labels_beside(file, config, len(values) if values.ndim else 0, labelled)
    return examples_of_array(values, name, images=config.images, missing=config.missing, lengths=lengths, labels=labels)


def read_idx_file(file: InputFile, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Read the images or series in an idx file such as those of MNIST, with labels from the idx file next to it."""
    values = read_idx(open_bytes(file.path, file.name))
    labels = _labels_beside(file, config, len(values), labelled)
    return examples_of_array(values, file.name, images=config.images, missing=config.missing, labels=labels)


def _labels_beside(file: InputFile, config: ExamplesConfig, count: int, labelled: bool) -> list[str] | None:
    label_path = label_file(file.path, config)
    if label_path is not None:
        return matched(read_labels(label_path, config), count, str(label_path), file.name)
    if labelled:
        raise DataError(f"{file.name}: expected labels in a separate file, given with the option labels or found by "
                        "its name (x_images.npy, x_labels.npy). Received: none")  # fmt: skip
    return None


def _key(arrays: dict[str, Any], known: tuple[str, ...], file: InputFile) -> str:
    found = next((key for key in known if key in arrays), None)
    if found is None:
        raise DataError(f"{file.name}: expected an array with a name among {', '.join(known)}. "
                        f"Received: {', '.join(arrays) or 'no arrays'}")  # fmt: skip
    return found


def _lengths(lengths: npt.NDArray[Any], values: npt.NDArray[Any], name: str) -> list[int]:
    most = values.shape[1] if values.ndim > 1 else 0
    if lengths.dtype.kind not in "iu" or lengths.shape != values.shape[:1] or values.ndim > 3:
        raise DataError(f"{name}, array 'lengths': expected a whole number for each of the {len(values)} series. "
                        f"Received: {lengths.dtype} of shape {lengths.shape}")  # fmt: skip
    wrong = np.flatnonzero((lengths < 1) | (lengths > most))
    if len(wrong):
        raise DataError(f"{name}, array 'lengths', row {wrong[0] + 1}: expected a length from 1 to {most}. "
                        f"Received: {lengths[wrong[0]]}")  # fmt: skip
    return [int(length) for length in lengths]
