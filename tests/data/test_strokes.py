"""Drawings from arrays, JSON lines, folders and memory; their scale."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elman.data.manifest import ManifestConfig
from elman.data.strokes import check_strokes, holds_strokes, read_strokes, stroke_scale, strokes_from
from elman.errors import DataError

CONFIG = ManifestConfig()
ONE = [[1, 2, 0], [-3, 4.5, 1]]
TWO = [[0, 1, 0], [5, 5, 0], [2, -2, 1]]


def lines(folder: Path, *rows: object, name: str = "d.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def arrays(folder: Path, name: str = "d.npz", **values: object) -> Path:
    np.savez(folder / name, **values)  # type: ignore[arg-type]
    return folder / name


def test_the_same_drawings_in_many_forms(tmp_path: Path) -> None:
    points, lengths, texts = np.array(ONE + TWO), np.array([2, 3]), np.array(["one", "two"])
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, drawing in (("a", ONE), ("b", TWO)):
        np.save(folder / f"{name}.npy", np.array(drawing))
    (folder / "a.txt").write_text("one\n")
    (folder / "b.txt").write_text("two")
    forms = [
        read_strokes(lines(tmp_path, {"strokes": ONE, "text": "one"}, "", {"text": " two ", "strokes": TWO}), CONFIG),
        read_strokes(arrays(tmp_path, points=points, lengths=lengths, texts=texts), CONFIG),
        read_strokes(
            arrays(tmp_path, "p.npz", x_points=points, x_lengths=lengths, x_texts=texts, y_points=points[:1]),
            ManifestConfig(part="x"),
        ),
        read_strokes([folder], CONFIG),
        read_strokes([folder / "a.npy", folder / "b.npy"], CONFIG),
        strokes_from([ONE, np.array(TWO)], ["one", "two"]),
    ]
    for found in forms:
        assert (found.kind, found.features, found.texts) == ("strokes", 3, ["one", "two"])
        assert found.lengths.tolist() == [2, 3]
        assert all(x_TF.dtype == np.float32 for x_TF in found.frames)
        np.testing.assert_array_equal(np.concatenate(list(found.frames)), points)
        assert found.fingerprint() == forms[0].fingerprint()
    assert forms[0].places == [f"{tmp_path / 'd.jsonl'}, line 1", f"{tmp_path / 'd.jsonl'}, line 3"]
    assert forms[1].places[1] == f"{tmp_path / 'd.npz'}, drawing 2"


def test_drawings_without_texts(tmp_path: Path) -> None:
    both = read_strokes(
        [lines(tmp_path, {"strokes": ONE}), arrays(tmp_path, points=np.array(TWO), lengths=np.array([3]))],
        CONFIG,
        labelled=False,
    )
    assert (both.texts, both.lengths.tolist()) == (None, [2, 3])
    assert both.name == f"{tmp_path / 'd.jsonl'}, {tmp_path / 'd.npz'}"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"strokes": ONE}, "line 2: expected a value in the column 'text'"),
        ({"strokes": ONE, "text": " "}, "line 2: expected a text. Received: an empty one"),
        ({"text": "x"}, "line 2: expected a value in the column 'strokes'"),
        ({"strokes": [], "text": "x"}, r"line 2: expected one point at least, .* shape \(0,\)"),
        ({"strokes": [[1, 2]], "text": "x"}, r"line 2: expected one point .* shape \(1, 2\)"),
        ({"strokes": [[1, 2, 0], [1, 2]], "text": "x"}, r"line 2: expected points of three numbers \(dx, dy, pen\)"),
        ({"strokes": [["1", "2", "0"]], "text": "x"}, "line 2: expected one point at least, each of three numbers"),
        ({"strokes": "here", "text": "x"}, r"line 2: expected strokes \[\[dx, dy, pen\], ...\]. Received: 'here'"),
        ('{"strokes": [[1, NaN, 0]], "text": "x"}', r"line 2, point 0: expected finite numbers. Received: \[1.0, nan"),
        ({"strokes": [[1, 2, 0], [1e40, 2, 0]], "text": "x"}, "line 2, point 1: expected finite numbers"),
        ({"strokes": [[1, 2, 0], [1, 2, 2]], "text": "x"}, r"line 2, point 1: expected a pen of 0 .* Received: 2"),
        ("[1]", "line 2: expected a JSON object"),
        ("{", "line 2: expected one JSON object a line"),
    ],
)
def test_lines_that_cannot_be_used(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_strokes(lines(tmp_path, {"strokes": ONE, "text": "one"}, row), CONFIG)


@pytest.mark.parametrize(
    ("values", "part", "message"),
    [
        ({"dots": ONE}, "", "expected arrays called points and lengths. Received: dots"),
        ({"points": ONE}, "", "expected lengths, whole numbers of 1 at least. Received: none"),
        ({"points": ONE, "lengths": [2.0]}, "", "expected lengths, .* Received: float64"),
        ({"points": ONE, "lengths": [2, 0]}, "", "expected lengths, whole numbers of 1 at least"),
        ({"points": ONE, "lengths": [3]}, "", "lengths with the sum 2, as there are points. Received: 3"),
        ({"points": [1, 2, 0], "lengths": [1]}, "", r"points of shape N x 3. Received: shape \(3,\)"),
        ({"points": ONE, "lengths": [2]}, "", "expected texts, a text for each of 1 drawings. Received: none"),
        ({"points": ONE, "lengths": [2], "texts": [7]}, "", r"expected texts, .* Received: int64 of shape \(1,\)"),
        ({"points": ONE, "lengths": [2], "texts": ["a", "b"]}, "", r"expected texts, .* of shape \(2,\)"),
        ({"points": ONE, "lengths": [2], "texts": [""]}, "", "drawing 1: expected a text. Received: an empty one"),
        ({"points": ONE, "lengths": [2], "texts": ["a"]}, "train", "expected a part among ''. Received: 'train'"),
        ({"a_points": ONE, "b_points": ONE}, "", "expected a part among 'a', 'b'. Received: ''"),
        ({"points": [[0, 0, 5]], "lengths": [1], "texts": ["a"]}, "", "drawing 1, point 0: expected a pen of 0"),
    ],
)
def test_arrays_that_cannot_be_used(tmp_path: Path, values: dict[str, object], part: str, message: str) -> None:
    path = arrays(tmp_path, **{name: np.array(value) for name, value in values.items()})
    with pytest.raises(DataError, match=message) as caught:
        read_strokes(path, ManifestConfig(part=part))
    assert str(caught.value).startswith(str(path))


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(ONE))
    with pytest.raises(DataError, match=r"a\.npy: expected its text in a.txt next to it"):
        read_strokes(tmp_path, CONFIG)
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects are not read"):
        read_strokes(tmp_path, CONFIG, labelled=False)
    (tmp_path / "a.npz").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(DataError, match=r"expected a whole .npz file"):
        read_strokes(tmp_path / "a.npz", CONFIG)
    (tmp_path / "a.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"of the kinds .npz, .npy and .jsonl. Received: .*a\.csv"):
        read_strokes(tmp_path / "a.csv", CONFIG)
    with pytest.raises(DataError, match=r"at least one file of drawings. Received: none"):
        read_strokes([], CONFIG)


@pytest.mark.parametrize(
    ("drawings", "texts", "message"),
    [
        ([], None, "expected at least one drawing in the drawings. Received: none"),
        ("x", None, "expected a list of drawings. Received: str"),
        ([ONE, [[1, 2, -1]]], None, "the drawings, index 1, point 0: expected a pen"),
        ([ONE], ["a", "b"], "expected a text for each of the 1 sequences of the drawings. Received: 2 texts"),
    ],
)
def test_drawings_of_a_program_that_cannot_be_used(drawings: object, texts: list[str] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        strokes_from(drawings, texts)  # type: ignore[arg-type]


def test_moves_are_scaled_by_one_number() -> None:
    draw = np.random.default_rng(0)
    drawings = [np.column_stack([draw.normal(3, 20, (n, 2)), draw.integers(0, 2, n)]) for n in (5, 50, 500)]
    frames = [check_strokes(each, "a") for each in drawings]
    scale = stroke_scale(iter(frames))
    together = np.concatenate(drawings)[:, :2]
    np.testing.assert_allclose(scale.deviation_F, [together.std(), together.std(), 1.0], rtol=1e-5)
    scaled = np.concatenate([scale(x_TF) for x_TF in frames])
    np.testing.assert_allclose(scaled[:, :2], together / together.std(), rtol=1e-4)
    np.testing.assert_array_equal(scaled[:, 2], np.concatenate(drawings)[:, 2])


@pytest.mark.parametrize("frames", [[], [np.zeros((4, 3), np.float32)]])
def test_a_pen_that_never_moves_has_no_scale(frames: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match="expected drawings in which the pen moves"):
        stroke_scale(frames)


def test_drawings_are_reported_from_lists_of_sounds(tmp_path: Path) -> None:
    assert holds_strokes(lines(tmp_path, "", {"text": "a", "strokes": ONE}))
    assert not holds_strokes(lines(tmp_path, {"path": "a.wav", "text": "strokes"}, name="s.jsonl"))
    assert not holds_strokes(lines(tmp_path, "3", name="n.jsonl"))
    assert not holds_strokes(lines(tmp_path, name="e.jsonl"))
    assert not holds_strokes(tmp_path / "none.jsonl")
    assert not holds_strokes("-")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.wav").touch()
    assert not holds_strokes(folder)
    np.save(folder / "a.npy", np.array(ONE))
    assert holds_strokes(folder)
    assert holds_strokes(folder / "a.npy")
    assert holds_strokes("x.npz")
    long = [[1.25, 2.5, 0]] * 20000  # the first line is longer than what is read at a time
    assert holds_strokes(lines(tmp_path, {"strokes": long, "text": "a"}, name="long.jsonl"))


def test_a_file_that_is_named_twice_is_learnt_once(tmp_path: Path) -> None:
    path = lines(tmp_path, {"strokes": ONE, "text": "one"})
    assert len(read_strokes([path, tmp_path / "*.jsonl"], CONFIG)) == 1
    assert len(read_strokes([path, path], CONFIG, labelled=False)) == 2


def test_a_part_by_its_name(tmp_path: Path) -> None:
    points, lengths, texts = np.array(ONE + TWO), np.array([2, 3]), np.array(["one", "two"])
    several = {"x_points": points, "x_lengths": lengths, "x_texts": texts, "y_points": TWO, "y_lengths": [3]}
    path = arrays(tmp_path, **several, y_texts=["last"])
    assert holds_strokes(f"{path}:y")
    found = read_strokes(f"{path}:y", ManifestConfig(part="x"))
    assert (found.texts, found.places, found.notes) == (["last"], [f"{path}:y, drawing 1"], ())
    # A part that an option selects is reported.
    usual = read_strokes([path], ManifestConfig(part="x"))
    assert usual.texts == ["one", "two"]
    assert usual.notes == (f"{path}: the part x is read; {path}:PART selects another",)
    assert read_strokes([f"{path}:x", f"{path}:y"], CONFIG).texts == ["one", "two", "last"]
    with pytest.raises(DataError, match=r"expected a part among 'x', 'y'\. Received: 'z'"):
        read_strokes(f"{path}:z", CONFIG)
    # A colon alone names no part.
    odd = arrays(tmp_path, "d.npz:y.npz", points=ONE, lengths=[2])
    assert read_strokes(odd, CONFIG, labelled=False).places == [f"{odd}, drawing 1"]


def test_omniglot(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("strokes/omniglot-stroke3.npz")
    found = read_strokes(path, ManifestConfig(part="test"), labelled=False)
    assert (len(found), int(found.lengths.sum())) == (1000, 31144)
    scale = stroke_scale(found.frames)
    assert np.concatenate([scale(x_TF) for x_TF in found.frames])[:, :2].std() == pytest.approx(1.0, rel=1e-5)
    with pytest.raises(DataError, match="expected a part among 'test', 'train', 'valid'"):
        read_strokes(path, CONFIG, labelled=False)
