"""The tree of exceptions: drawn in its docstring, whole in its names, and of use to who catches."""

from __future__ import annotations

import re

import pytest

from elman import errors

CLASSES = {name: getattr(errors, name) for name in errors.__all__}


def test_the_drawing_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn: dict[str, str | None] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"^    ((?:[|` ]   )*)(?:[|`]-- )?([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4 + ("-- " in line[: found.start(2)])
            drawn[found[2]] = path[depth - 1] if depth else None
            path[depth:] = [found[2]]
    parents = {
        name: next((base.__name__ for base in kind.__bases__ if base.__name__ in CLASSES), None)
        for name, kind in CLASSES.items()
    }
    assert drawn == parents


def test_every_error_of_the_module_is_public_and_documented() -> None:
    defined = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert defined == set(errors.__all__)
    assert all(kind.__doc__ for kind in CLASSES.values())


@pytest.mark.parametrize(
    ("name", "also"),
    [("ConfigError", ValueError), ("ShapeError", ValueError), ("DataError", ValueError), ("StorageError", OSError)],
)
def test_pythons_own_kinds_catch_them_too(name: str, also: type[Exception]) -> None:
    with pytest.raises(also, match="what was wrong"):
        raise CLASSES[name]("what was wrong")


def test_exit_codes_tell_wrong_use_from_trouble_in_training() -> None:
    assert errors.ConfigError("").exit_code == 2
    assert errors.ArtifactError("").exit_code == 2
    assert errors.TrainingError("").exit_code == 1
    assert errors.OutOfMemoryError("").exit_code == 1
    assert errors.DivergenceError("", 7).exit_code == 1
    assert errors.DivergenceError("", 7).step == 7
    assert errors.TrainingInterrupted("", 130).exit_code == 130
    assert errors.TrainingInterrupted("", 143).exit_code == 143
