"""Weights of time steps: colours and marks in the terminal, and pictures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from elman.errors import ConfigError, DataError, ShapeError
from elman.plots.saliency import coloured, draw_series_weights, draw_token_weights, strongest_steps

TOKENS = ["a", "dull", "but", "wonderful", "film"]
WEIGHTS = [0.02, -0.5, 0.2, 1.0, -0.99]


def test_marks_tell_sign_and_strength() -> None:
    text = coloured(TOKENS, WEIGHTS, colour=False)
    assert text == "a dull[--] but[+] wonderful[+++] film[---]"


def test_only_relations_of_weights_matter() -> None:
    for factor in (1e-30, 1e30):
        assert coloured(TOKENS, np.array(WEIGHTS) * factor) == coloured(TOKENS, WEIGHTS)


def test_colours_tell_sign_and_strength() -> None:
    text = coloured(TOKENS, WEIGHTS)
    found = re.findall(r"\x1b\[38;5;16;48;5;(\d+)m(\w+)\x1b\[0m", text)
    assert found == [("216", "dull"), ("195", "but"), ("111", "wonderful"), ("209", "film")]
    assert text.startswith("a ")
    assert re.sub(r"\x1b\[[\d;]*m", "", text) == " ".join(TOKENS)


def test_letters_are_joined_without_gaps() -> None:
    assert coloured("abc", [0, 1, 0], colour=False, joiner="") == "ab[+++]c"


def test_weights_of_zero_leave_the_text_as_it_is() -> None:
    assert coloured(TOKENS, [0] * 5) == " ".join(TOKENS)
    assert coloured([], []) == ""


def test_tokens_cannot_steer_the_terminal() -> None:
    assert coloured(["\x1b[2J", "x\ny"], [1, 0], colour=False) == "\\x1b[2J[+++] x\\ny"


def colours_in(path: Path) -> np.ndarray:
    from matplotlib.image import imread

    return (imread(path)[..., :3] * 255).round().astype(int)


def share_of(picture: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(picture - colour).max(-1) <= 2).sum())


RED, BLUE = (0xF4, 0x86, 0x6F), (0x6E, 0xA8, 0xDC)


@pytest.mark.parametrize(("weight", "present", "absent"), [(1.0, BLUE, RED), (-1.0, RED, BLUE)])
def test_tokens_as_a_picture(weight: float, present: tuple[int, ...], absent: tuple[int, ...], tmp_path: Path) -> None:
    draw_token_weights(["w" * 40, "$x$", "中", "z"], [weight, 0, 0, 0], tmp_path / "a.png", "costs $5 or $6")
    picture = colours_in(tmp_path / "a.png")
    # The legend has a little of both.
    assert share_of(picture, present) > 10 * max(share_of(picture, absent), 1)


def test_lines_are_broken_and_long_texts_are_cut(tmp_path: Path) -> None:
    heights = []
    for count in (1, 40, 10_000):
        draw_token_weights(["token"] * count, np.arange(count), tmp_path / "a.png", joiner="" if count == 1 else " ")
        heights.append(colours_in(tmp_path / "a.png").shape[0])
    assert heights == sorted(set(heights))
    assert heights[-1] < 4000
    draw_token_weights(["x" * 10_000], [1.0], tmp_path / "a.svg")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


@pytest.mark.parametrize(
    ("steps", "channels"),
    [(1, 1), (60, 6), *(pytest.param(*size, marks=pytest.mark.slow) for size in ((30, 1), (28, 28), (5, 100)))],
)
def test_series_as_a_picture(steps: int, channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=(2, steps, channels))
    values[0, 0] = np.nan
    draw_series_weights(values, weights, [f"$c_{i}" for i in range(channels)], tmp_path / "a.png", "walking $")
    draw_series_weights(values, -weights, [""] * channels, tmp_path / "b.png", "walking $")
    one, other = colours_in(tmp_path / "a.png"), colours_in(tmp_path / "b.png")
    assert share_of(one, RED) + share_of(one, BLUE) > 50
    assert one.shape[1] == other.shape[1]
    assert not np.array_equal(one, other)


def test_unusable_input(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"each of 5 tokens\. Received: shape \(1,\)$"):
        coloured(TOKENS, [1.0])
    with pytest.raises(DataError, match=r"expected finite weights\. Received: inf$"):
        coloured(["a"], [float("inf")])
    with pytest.raises(ShapeError, match=r"Received: \(3, 2\), \(3, 1\) and 2 names$"):
        draw_series_weights(np.ones((3, 2)), np.ones((3, 1)), ["a", "b"], tmp_path / "a.png")
    with pytest.raises(ShapeError, match=r"and 1 names$"):
        draw_series_weights(np.ones((3, 2)), np.ones((3, 2)), ["a"], tmp_path / "a.png")
    for draw in (
        lambda path: draw_token_weights(["a"], [1.0], path),
        lambda path: draw_series_weights(np.ones((3, 1)), np.ones((3, 1)), ["a"], path),
    ):
        with pytest.raises(ConfigError, match=r"end in \.png or \.svg\. Received: .*a\.pdf$"):
            draw(tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_the_strongest_steps_stand_in_their_order() -> None:
    weights = np.array([0.1, -3.0, 0.0, 2.5])
    assert strongest_steps(weights, most=2) == "2 (-3), 4 (+2.5)"
    assert strongest_steps(weights) == "1 (+0.1), 2 (-3), 3 (+0), 4 (+2.5)"
