"""Items with captions: tables, arrays, image files, what a program holds, and what is refused."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from elman.data.captioned import CaptionDataConfig, CaptionDataset, captioned_from, join, made, read_captioned
from elman.data.captioned.images import check_size
from elman.errors import ConfigError, DataError, EncodingError

CONFIG = CaptionDataConfig()


def config(**options: Any) -> CaptionDataConfig:
    return CaptionDataConfig(**options)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def write_image(path: Path, height: int = 4, width: int = 6, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_a_table_of_vectors(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "caption,x,y\na cat,1,2.5\n a dog ,-3,4e2\n")
    found = read_captioned(path, CONFIG)
    assert found.kind == "vectors"
    assert found.items.dtype == np.float32
    assert found.items.tolist() == [[1, 2.5], [-3, 400]]
    assert found.captions == [["a cat"], ["a dog"]]
    assert found.names == ("x", "y")
    assert found.places == [f"{path}, line 2", f"{path}, line 3"]
    bare = read_captioned(path, CONFIG, captioned=False)
    assert bare.captions is None
    assert bare.items.tolist() == found.items.tolist()


def test_columns_by_name_and_several_captions(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "id\tx\tone\ttwo\n7\t1\ta cat\t\n8\t2\ta dog\tthe dog\n")
    found = read_captioned(path, config(caption_columns=("one", "two"), feature_columns=("x",)))
    assert found.items.tolist() == [[1], [2]]
    assert found.captions == [["a cat"], ["a dog", "the dog"]]
    lines = [{"x": 1, "caption": ["a", "b"]}, {"x": 2, "caption": "[c"}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert read_captioned(path, CONFIG).captions == [["a", "b"], ["[c"]]


def test_arrays_and_the_file_of_their_captions(tmp_path: Path) -> None:
    items = np.arange(12, dtype=np.float64).reshape(3, 4)
    np.save(tmp_path / "a.npy", items)
    texts = write(tmp_path / "a.txt", "one\ntwo\tzwei\nthree\n")
    found = read_captioned([tmp_path / "a.npy", texts], CONFIG)
    assert found.captions == [["one"], ["two", "zwei"], ["three"]]
    assert np.array_equal(found.items, items.astype(np.float32))
    captions = np.array([["one", ""], ["two", "zwei"], ["three", ""]])
    np.savez(tmp_path / "b.npz", features=items, captions=captions)
    inside = read_captioned(tmp_path / "b.npz", CONFIG)
    assert inside.captions == found.captions
    assert inside.fingerprint() == found.fingerprint()
    both = read_captioned([tmp_path / "a.npy", texts, tmp_path / "b.npz"], CONFIG)
    assert len(both) == both.texts - 2 == 6
    assert both.places[0] == f"{tmp_path}/a.npy, item 1"


def test_a_file_that_is_named_twice_is_learnt_once(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", "x,caption\n1,one\n2,two\n")
    assert len(read_captioned([table, str(tmp_path / "*.csv")], CONFIG)) == 2
    assert len(read_captioned([table, table], CONFIG, captioned=False)) == 4
    np.save(tmp_path / "a.npy", np.ones((1, 3)))
    one, other = write(tmp_path / "one.txt", "one\n"), write(tmp_path / "other.txt", "other\n")
    array = tmp_path / "a.npy"
    assert read_captioned([array, one, array, other, array, one], CONFIG).captions == [["one"], ["other"]]


def test_images_in_arrays_and_idx(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 5), dtype=np.uint8)
    content = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 3, 5) + pixels.tobytes()
    (tmp_path / "x-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    texts = write(tmp_path / "x.txt", "a\nb\n")
    found = read_captioned([tmp_path / "x-images-idx3-ubyte.gz", texts], CONFIG)
    assert found.kind == "images"
    assert found.items.shape == (2, 3, 5, 1)
    assert found.items.dtype == np.uint8
    assert np.array_equal(found.items[..., 0], pixels)
    maps = captioned_from(pixels.astype(float), ["a", "b"], config(items="maps"))
    assert (maps.kind, maps.items.shape) == ("maps", (2, 3, 5))


def test_image_files_of_a_table_rows_of_one_image_together(tmp_path: Path) -> None:
    one, two = write_image(tmp_path / "one.png"), write_image(tmp_path / "two.png", seed=1)
    rows = "image,caption\none.png,first\ntwo.png,second\none.png,again\n"
    write(tmp_path / "captions.csv", rows)
    for path in (tmp_path / "captions.csv", tmp_path):
        found = read_captioned(path, CONFIG)
        assert found.captions == [["first", "again"], ["second"]]
        assert np.array_equal(found.items, np.stack([one, two]))
    (tmp_path / "captions.csv").unlink()
    bare = read_captioned([tmp_path], CONFIG, captioned=False)
    assert np.array_equal(bare.items, found.items)
    assert bare.places == [str(tmp_path / "one.png"), str(tmp_path / "two.png")]
    grey = read_captioned([tmp_path], config(color="grey"), captioned=False).items
    assert np.array_equal(grey[0, ..., 0], np.asarray(Image.open(tmp_path / "one.png").convert("L")))


def test_images_are_brought_to_one_size_where_that_is_asked(tmp_path: Path) -> None:
    write_image(tmp_path / "one.png", 4, 6)
    write_image(tmp_path / "two.jpg", 9, 7)
    found = read_captioned([tmp_path], config(image_size=(5, 8)), captioned=False)
    assert found.items.shape == (2, 5, 8, 3)
    with pytest.raises(DataError, match=r"two\.jpg: expected an image of 4 x 6 pixels.*image_size.*Received: 9 x 7"):
        read_captioned([tmp_path], CONFIG, captioned=False)
    for size in ((5,), (0, 4), (5, 10**6)):
        with pytest.raises(ConfigError, match="image_size"):
            check_size(size)


def test_a_frame_with_a_column_of_texts_is_refused_by_its_name() -> None:
    frame = pd.DataFrame({"warm": [1.0, 2.0], "caption": ["hot", "cold"]})
    with pytest.raises(DataError, match=r"index 0: expected a number in the column 'caption'\. Received: 'hot'"):
        captioned_from(frame, None, CaptionDataConfig())


def test_pictures_and_other_objects_in_memory(tmp_path: Path) -> None:
    pixels = write_image(tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as picture:
        found = captioned_from([picture, picture.rotate(180)], ["a", "b"], CONFIG)
    assert np.array_equal(found.items[1], pixels[::-1, ::-1])
    vectors = np.eye(3)
    frame = pd.DataFrame(vectors, columns=["p", "q", "r"])
    for items in (vectors, torch.eye(3), list(vectors), vectors.tolist(), frame):
        made_of = captioned_from(items, ["a", ["b", "c"], "d"], CONFIG)
        assert np.array_equal(made_of.items, vectors)
        assert made_of.captions == [["a"], ["b", "c"], ["d"]]
    assert made_of.names == ("p", "q", "r")
    turned = made_of.named(("r", "p", "q"))
    assert turned.items[0].tolist() == [0, 1, 0]
    with pytest.raises(DataError, match=r"missing: 's'; unknown: 'r'"):
        made_of.named(("p", "q", "s"))


def test_an_image_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    pixels = write_image(tmp_path / "plain.png")
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    found = read_captioned([tmp_path / "turned.png"], CONFIG, captioned=False).items[0]
    assert np.array_equal(found, pixels[::-1, ::-1])


def test_fingerprints_tell_data_apart() -> None:
    base = captioned_from(np.eye(2), ["a", "b"], CONFIG)
    others = [
        captioned_from(np.eye(2) * 2, ["a", "b"], CONFIG),
        captioned_from(np.eye(2), ["a", "c"], CONFIG),
        captioned_from(np.eye(2), ["a", ["b", "c"]], CONFIG),
        base.take([1, 0]),
        captioned_from(np.eye(2), None, CONFIG),
    ]
    assert len({each.fingerprint() for each in [base, *others]}) == 6
    assert base.take([0, 1]).fingerprint() == base.fingerprint()


NUMBERS = np.ones((2, 3))
REFUSED: list[tuple[Any, Any, dict[str, Any], str]] = [
    (NUMBERS, ["a"], {}, r"captions: expected captions for each of the 2 items in items\. Received: 1"),
    (NUMBERS, ["a", "b", "c"], {}, "Received: 3"),
    (NUMBERS, ["a", " "], {}, r"captions, index 1: expected a caption\. Received: an empty text"),
    (NUMBERS, ["a", []], {}, "index 1: expected at least one caption"),
    (NUMBERS, ["a", 3], {}, "index 1: expected one text or several. Received: '3'"),
    (NUMBERS, "ab", {}, "expected a list of texts. Received: str"),
    (NUMBERS, ["a", "b" * 200_000], {}, "at most 100,000 characters"),
    (np.array([[1.0, np.nan]]), ["a"], {}, "items, index 0, number 2: expected a finite number.*Received: nan"),
    (np.array([[1.0], [1e39]]), ["a", "b"], {}, r"index 1, number 1.*Received: 1e\+39"),
    (np.ones((2, 0)), ["a", "b"], {}, r"shape N x features\. Received: \(2, 0\)"),
    (np.ones(3), ["a"] * 3, {}, r"Received: \(3,\)"),
    (np.ones((0, 3)), [], {}, "expected at least one item"),
    (np.ones((2, 3), dtype=complex), ["a", "b"], {}, "expected numbers. Received: complex128"),
    (np.array([["a", "b"]]), ["a"], {}, "expected numbers. Received: <U1"),
    (np.ones((2, 4, 4), dtype=np.int64), ["a", "b"], {}, "expected pixels as uint8.*Received: int64"),
    (np.ones((2, 4, 4), dtype=bool), ["a", "b"], {}, "expected pixels as uint8.*Received: bool"),
    (np.ones((2, 4, 4)), ["a", "b"], {"items": "vectors"}, r"expected vectors.*Received: \(2, 4, 4\)"),
    (NUMBERS, ["a", "b"], {"items": "maps"}, "expected maps"),
    ([np.ones((4, 4)), np.ones((4, 5))], ["a", "b"], {}, r"index 1: expected items of one shape.*Received: \(4, 5\)"),
    ({"a": 1}, ["a"], {}, "expected an array.*Received: dict"),
    (5, ["a"], {}, "Received: int"),
]


@pytest.mark.parametrize(("items", "captions", "options", "message"), REFUSED)
def test_what_a_program_holds_wrongly(items: Any, captions: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        captioned_from(items, captions, config(**options))


TABLES = [
    (
        "x,y\n1,2\n",
        {},
        r"expected a column 'caption' \(the option caption_columns names them\)",
    ),
    ("caption,x\n,1\n", {}, "line 2: expected a caption. Received: none"),
    ("caption,x\na,\n", {}, "line 2: expected a number in the column 'x'. Received: an empty cell"),
    ("caption,x\na,nan\n", {}, "line 2: expected a number in the column 'x'. Received: 'nan'"),
    ("caption,x\na,one\n", {}, "line 2: expected a number.*Received: 'one'"),
    ("caption\na\n", {}, "expected columns of numbers, or of image files, 'image'"),
    (
        "caption,x\na,1\n",
        {"feature_columns": ("z",)},
        r"expected a column 'z' \(the option feature_columns names them\)",
    ),
    ("caption,image\na,none.png\n", {}, "expected an image file. Received: no such file .*line 2"),
    ("caption,image\na,\n", {}, "line 2: expected the name of an image file. Received: an empty cell"),
]


@pytest.mark.parametrize(("text", "options", "message"), TABLES)
def test_tables_that_cannot_be_used(text: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_captioned(write(tmp_path / "a.csv", text), config(**options))


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", NUMBERS)
    np.savez(tmp_path / "a.npz", odd=NUMBERS)
    np.savez(tmp_path / "numbers.npz", x=NUMBERS, captions=NUMBERS)
    three = write(tmp_path / "three.txt", "a\nb\nc\n")
    gap = write(tmp_path / "gap.txt", "a\n\n")
    (tmp_path / "latin.txt").write_bytes("a\nköt\n".encode("latin-1"))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-5])
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.md").write_text("x")
    cases: list[tuple[Any, str]] = [
        ([tmp_path / "a.npy", three], r"three\.txt: expected captions for each of the 2 items.*Received: 3"),
        ([tmp_path / "a.npy", gap], r"gap\.txt, line 2: expected a caption"),
        ([tmp_path / "a.npy"], r"a\.npy: expected a text file of captions after it"),
        ([tmp_path / "a.npz"], r"expected an array with a name among x.*Received: odd"),
        ([tmp_path / "numbers.npz"], r"array 'captions': expected an array of texts"),
        ([three], r"three\.txt: expected a table, an array, or images before a file of captions"),
        ([tmp_path / "cut.npy", three], "the file is cut short"),
        ([tmp_path / "empty"], r"expected images, or one of captions\.csv"),
        ([tmp_path / "none.npy"], "there is no such file"),
    ]
    for paths, message in cases:
        with pytest.raises(DataError, match=message):
            read_captioned(paths, CONFIG)
    with pytest.raises(EncodingError):
        read_captioned([tmp_path / "a.npy", tmp_path / "latin.txt"], CONFIG)
    with pytest.raises(ConfigError):
        read_captioned([], CONFIG)


def test_images_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "whole.png", 40, 40)
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "junk.png").write_bytes(b"not an image")
    (tmp_path / "nothing.jpg").write_bytes(b"")
    Image.fromarray(np.ones((4, 4), dtype=np.uint16)).save(tmp_path / "deep.png")
    for name in ("cut.png", "junk.png", "nothing.jpg"):
        with pytest.raises(DataError, match=rf"{name}: expected a whole image \(damaged or cut short\?\)"):
            read_captioned([tmp_path / name], CONFIG, captioned=False)
    with pytest.raises(DataError, match=r"of 8 bits per channel\. Received: one of the mode I;16"):
        read_captioned([tmp_path / "deep.png"], CONFIG, captioned=False)
    with pytest.raises(DataError, match="expected captions of images in a table"):
        read_captioned([tmp_path / "whole.png"], CONFIG)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match="expected an image of fewer pixels"):
        read_captioned([tmp_path / "whole.png"], CONFIG, captioned=False)


def test_sources_that_are_not_alike_are_not_joined() -> None:
    one = captioned_from(np.ones((1, 2)), ["a"], CONFIG)
    for other in (
        captioned_from(np.ones((1, 3)), ["a"], CONFIG),
        captioned_from(np.ones((1, 2, 2)), ["a"], CONFIG),
        captioned_from(np.ones((1, 2)), None, CONFIG),
    ):
        with pytest.raises(DataError, match=r"expected .*, as in items"):
            join([one, other])
    named = made(np.array([[1.0, 2.0]]), "n", names=("p", "q"))
    swapped = made(np.array([[4.0, 3.0]]), "s", names=("q", "p"))
    assert join([named, swapped]).items.tolist() == [[1, 2], [3, 4]]
    assert isinstance(join([one]), CaptionDataset)


def test_images_in_torchs_order_of_axes_are_turned() -> None:
    pixels = np.random.default_rng(0).random((4, 8, 24, 3), dtype=np.float32)
    for form in (pixels, torch.from_numpy(pixels).permute(0, 3, 1, 2), list(pixels.transpose(0, 3, 1, 2))):
        np.testing.assert_array_equal(captioned_from(form, None, CONFIG).items, pixels)
    grey = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 24), dtype=np.uint8)
    assert captioned_from(grey, None, CONFIG).items.shape == (4, 8, 24, 1)
    maps = captioned_from(grey.astype(np.float32), None, config(items="maps"))
    assert maps.items.shape == (4, 1, 8, 24)  # not images
