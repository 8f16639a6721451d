"""Series and images in NumPy and idx files: read as they were written, and never trusted with their sizes."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.data.examples import Examples, ExamplesConfig, examples_from, read_examples
from elman.errors import DataError, ElmanError

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (3, 4, 5), dtype=np.uint8)
LABELS = [7, 0, 7]


def read(path: Path, labelled: bool = True, **options: Any) -> Examples:
    return read_examples([path], ExamplesConfig(**options), labelled=labelled)


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def idx(values: np.ndarray, code: int) -> bytes:
    big = values.astype(values.dtype.newbyteorder(">")).tobytes()
    return bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + big


def stacked(examples: Examples) -> np.ndarray:
    assert examples.kind == "series"
    whole = np.stack([np.asarray(x) for x in examples.inputs])
    assert whole.dtype == np.float32
    return whole


def test_images_as_rows_columns_and_pixels(tmp_path: Path) -> None:
    (tmp_path / "t-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES, 8)))
    (tmp_path / "t-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.array(LABELS, np.uint8), 8)))
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "labels.npy", LABELS)
    scaled = IMAGES / np.float32(255)
    for name in ("t-images-idx3-ubyte.gz", "images.npy"):
        rows = read(tmp_path / name)
        assert rows.labels == ["7", "0", "7"]
        assert rows.places[2].endswith(f"{name}, row 3")
        assert rows.channels == ("",) * 5
        assert np.array_equal(stacked(rows), scaled)
        assert np.array_equal(stacked(read(tmp_path / name, images="columns")), scaled.swapaxes(1, 2))
        assert np.array_equal(stacked(read(tmp_path / name, images="pixels")), scaled.reshape(3, 20, 1))


def test_images_with_channels(tmp_path: Path) -> None:
    colour = DRAW.integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    np.savez(tmp_path / "c.npz", images=colour, labels=["a", "b"])
    scaled = colour / np.float32(255)
    assert np.array_equal(stacked(read(tmp_path / "c.npz")), scaled.reshape(2, 4, 15))
    columns = stacked(read(tmp_path / "c.npz", images="columns"))
    pixels = stacked(read(tmp_path / "c.npz", images="pixels"))
    for image, as_columns, as_pixels in zip(scaled, columns, pixels, strict=True):
        for column in range(5):
            assert np.array_equal(as_columns[column], image[:, column].ravel())
        assert np.array_equal(as_pixels, [image[row, column] for row in range(4) for column in range(5)])


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i2", "?", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_every_kind(tmp_path: Path, dtype: str, order: Any) -> None:
    values = np.asarray(DRAW.integers(0, 2, (4, 3, 2)), dtype=dtype, order=order)
    (tmp_path / "x.npy").write_bytes(npy(values))
    assert np.array_equal(stacked(read(tmp_path / "x.npy", labelled=False)), values.astype(np.float32))


@pytest.mark.parametrize(
    ("code", "dtype"), [(8, np.uint8), (9, np.int8), (0xB, np.int16), (0xC, np.int32), (0xD, np.float32), (0xE, float)]
)
def test_idx_files_of_every_type(tmp_path: Path, code: int, dtype: Any) -> None:
    values = DRAW.integers(0, 100, (3, 7)).astype(dtype)
    (tmp_path / "x.idx").write_bytes(idx(values, code))
    assert np.array_equal(stacked(read(tmp_path / "x.idx", labelled=False)), values[:, :, None].astype(np.float32))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("y.npy", npy(np.array([1.0, -0.5]))),
        ("y.npy.gz", gzip.compress(npy(np.array(["1", "-0.5"])), mtime=0)),
        ("y.csv", b"label,n\r\n1,x\r\n-0.5,z\r\n"),
        ("y.txt", b"\xef\xbb\xbf1\r\n-0.5\r\n"),
        ("y", b"1\n-0.5"),
    ],
)
def test_files_of_labels(tmp_path: Path, name: str, content: bytes) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / "x.npy", labels=name).labels == ["1", "-0.5"]
    assert read(tmp_path / "x.npy", labels=str(tmp_path / name)).labels == ["1", "-0.5"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("y.csv", b"label\n1,5\n-0,5\n"),
        ("y.csv", b"n;label\n1;1,5\n2;-0,5\n"),
        ("y.tsv", b"label\n1,5\n-0,5\n"),
        ("y.txt", b"1,5\n-0,5\n"),
    ],
)
def test_labels_in_a_file_may_have_decimal_commas(tmp_path: Path, name: str, content: bytes) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / "x.npy", labels=name, decimal=",").labels == ["1.5", "-0.5"]


@pytest.mark.parametrize(("x", "y"), [("x", "y"), ("X", "labels"), ("inputs", "targets")])
def test_npz_files(tmp_path: Path, x: str, y: str) -> None:
    values = DRAW.normal(size=(2, 4, 3)).astype(np.float32)
    np.savez_compressed(tmp_path / "d.npz", **{x: values, y: np.array([3, 4])}, other=np.ones(1))
    examples = read(tmp_path / "d.npz")
    assert np.array_equal(stacked(examples), values)
    assert examples.labels == ["3", "4"]


def test_lengths_in_npz_files_make_series_end_early(tmp_path: Path) -> None:
    values = DRAW.normal(size=(3, 4, 2)).astype(np.float32)
    values[0, 2:] = np.nan  # padding is not looked at
    np.savez(tmp_path / "d.npz", x=values, lengths=[2, 4, 1])
    series = read(tmp_path / "d.npz", labelled=False).inputs
    assert [len(x) for x in series] == [2, 4, 1]
    assert np.array_equal(np.asarray(series[1]), values[1])
    for lengths, message in (([2, 0, 1], "row 2: expected a length from 1 to 4"), ([1, 2], "each of the 3"),
                             ([1.0, 2.0, 3.0], "a whole number for each of the 3 series")):  # fmt: skip
        np.savez(tmp_path / "d.npz", x=values, lengths=lengths)
        with pytest.raises(DataError, match=message):
            read(tmp_path / "d.npz", labelled=False)


def test_texts_in_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", texts=np.array(["good", "bad one"]), y=["p", "n"])
    examples = read(tmp_path / "d.npz")
    assert (examples.kind, examples.inputs, examples.labels) == ("text", ["good", "bad one"], ["p", "n"])
    np.save(tmp_path / "d.npy", np.array(["good", " "]))
    with pytest.raises(DataError, match="row 2: expected a text"):
        read(tmp_path / "d.npy", labelled=False)


def test_missing_values_are_refused_or_interpolated(tmp_path: Path) -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    values[1, 1, 0] = np.nan
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(DataError, match=r"x\.npy, row 2, step 2, channel 1: .*Received: a missing value"):
        read(tmp_path / "x.npy", labelled=False)
    filled = stacked(read(tmp_path / "x.npy", labelled=False, missing="interpolate"))
    assert np.array_equal(filled, np.arange(12, dtype=np.float32).reshape(2, 3, 2))
    for bad in (np.inf, 1e39):
        values[1, 1, 0] = bad
        np.save(tmp_path / "x.npy", values)
        with pytest.raises(DataError, match=r"row 2, step 2, channel 1: .*Received: (inf|1e\+39)"):
            read(tmp_path / "x.npy", labelled=False, missing="interpolate")


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999, 9999999999), }"
OBJECTS = np.empty(2, dtype=object)
OBJECTS[:] = [np.ones(2), np.ones(3)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.npy", npy(np.ones((2, 3)))[:-1], r"the file is cut short. Received: 47"),
        ("x.npy", npy(np.ones((2, 3))) + b"!", "Received: 1 more bytes"),
        ("x.npy", npy(np.ones((2, 3)))[:20], "cut short"),
        ("x.npy", b"", "cut short"),
        ("x.npy", b"PK\x03\x04 not an array", "expected a NumPy file"),
        ("x.npy", header(HUGE), "cut short"),
        ("x.npy", header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3), }"), "numbers or texts"),
        ("x.npy", header("__import__('os')"), "header of a NumPy file"),
        ("x.npy", header("(" * 9000), "header of a NumPy file"),
        ("x.npy", npy(OBJECTS), "Python objects are not read"),
        ("x.npy", npy(np.ones(3)), r"Received: float64 of shape \(3,\)"),
        ("x.npy", npy(np.ones(())), r"of shape \(\)"),
        ("x.npy", npy(np.ones((2, 3), complex)), "Received: complex128"),
        ("x.npy", npy(np.zeros(2, [("a", "f4")])), "Received: "),
        ("x.npy", npy(np.ones((0, 3))), r"array of shape \(0, 3\)"),
        ("x.npy", npy(np.ones((2, 0, 3))), r"array of shape \(2, 0, 3\)"),
        ("x.npz", b"PK\x03\x04 no archive", r"a whole \.npz file"),
        ("x.npy.gz", gzip.compress(npy(np.ones((9, 99))), mtime=0)[:-20], "not a whole gzip file"),
        ("x.idx", b"\x01\x02\x08\x03", "magic number of an idx file, such as 00 00 08 03. Received: 01 02 08 03"),
        ("x.idx", b"\0\0\x07\x03", "magic number"),
        ("x.idx", b"\0\0\x08\0", "magic number"),
        ("x.idx", b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff1234", "cut short. Received: 4"),
        ("x.idx", idx(IMAGES, 8)[:-1], "cut short. Received: 59"),
        ("x.idx", idx(IMAGES, 8) + b"\0", "Received: 1 more bytes"),
    ],
)
def test_damaged_and_hostile_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            read(tmp_path / name, labelled=False)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_bad_npz_files_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", z=np.ones((2, 3)), w=np.ones(2))
    with pytest.raises(DataError, match=r"a name among x, X, .*Received: z, w"):
        read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.ones((2, 3)), y=OBJECTS)
    with pytest.raises(DataError, match=r"y\.npy: .*Python objects are not read"):
        read(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", x=np.ones((2, 3)), y=np.ones(5))
    with pytest.raises(DataError, match=r"each of the 2 examples in .*Received: 5 labels"):
        read(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", x=np.ones((2, 3)), y=np.ones((2, 2)))
    with pytest.raises(DataError, match=r"expected N labels.*shape \(2, 2\)"):
        read(tmp_path / "d.npz")
    np.savez(tmp_path / "e.npz", x=np.ones((2, 3)), y=np.array([1.0, np.nan]))
    with pytest.raises(DataError, match=r"array 'y', number 2: expected a label.*Received: nan"):
        read(tmp_path / "e.npz")
    with zipfile.ZipFile(tmp_path / "f.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header(HUGE) + bytes(1000))
    with pytest.raises(DataError, match=r"x\.npy: .*cut short"):
        read(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("y.npy", npy(np.arange(3)), r"y\.npy: expected a label for each of the 2 examples in .*x\.npy. Received: 3"),
        ("y.npy", npy(np.ones((2, 1))), r"an array of N labels.*shape \(2, 1\)"),
        ("y.npy", npy(OBJECTS), "Python objects"),
        ("y.txt", b"1\n\n2\n", "line 2: expected a label"),
        ("y.csv", b"class\n1\n2\n", "a column 'label'"),
    ],
)
def test_bad_files_of_labels_are_reported(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "x.npy", labels=name)
    with pytest.raises(DataError, match="expected labels in a separate file"):
        read(tmp_path / "x.npy")


@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.npy", npy(np.ones((2, 3)))),
        ("x.npz", npz(x=np.ones((2, 3)), y=np.arange(2))),
        ("x.idx", idx(IMAGES, 8)),
        ("x.ts", b"@classLabel true\n@data\n1,2:3,4:a\n5:6:b\n"),
    ],
    ids=["npy", "npz", "idx", "ts"],
)
def test_damage_is_reported_and_never_a_crash(tmp_path: Path, name: str, content: bytes) -> None:
    draw = np.random.default_rng(1)
    describe = []
    for _ in range(200):
        damaged = bytearray(content)
        for place in draw.integers(0, len(content), draw.integers(1, 4)):
            damaged[place] = draw.integers(0, 256) if draw.random() < 0.5 else ord("019(),:-?'\n"[draw.integers(11)])
        (tmp_path / name).write_bytes(damaged)
        try:
            read(tmp_path / name, labelled=False)
        except ElmanError as error:
            describe.append(str(error))
    assert describe
    assert all(name in message for message in describe)


def test_mnist_is_what_its_files_say(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("images/mnist")
    examples = read(folder / "t10k-images-idx3-ubyte.gz")
    raw = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    assert examples.labels == [str(label) for label in labels]
    assert np.array_equal(stacked(examples), np.frombuffer(raw, np.uint8).reshape(-1, 28, 28) / np.float32(255))


def test_images_in_torchs_order_of_axes_are_turned() -> None:
    pixels = np.random.default_rng(0).random((4, 8, 24, 3), dtype=np.float32)
    expected = stacked(examples_from(pixels))
    np.testing.assert_array_equal(stacked(examples_from(pixels.transpose(0, 3, 1, 2))), expected)
    assert expected.shape == (4, 8, 72)
    rgba = np.zeros((2, 3, 8, 4), dtype=np.float32)  # three rows of pixels with four channels
    assert stacked(examples_from(rgba)).shape == (2, 3, 32)
