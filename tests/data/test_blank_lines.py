"""Empty lines keep their place among the answers."""

from __future__ import annotations

from elman.data.blank_lines import answer_lines, is_blank


def test_answer_k_belongs_to_line_k() -> None:
    asked: list[list[int]] = []

    def answer(rows: list[int]) -> list[str]:
        asked.append(rows)
        return [f"answer {row}" for row in rows]

    lines = ["", "a", " \u00a0\t", "b\r", ""]
    assert answer_lines(lines, answer, lambda row: f"empty {row}") == [
        "empty 0", "answer 1", "empty 2", "answer 3", "empty 4",
    ]  # fmt: skip
    assert answer_lines(["", " "], answer, str) == ["0", "1"]
    assert answer_lines([["a"], []], answer, str) == ["answer 0", "1"]
    assert asked == [[1, 3], [0]]
    assert is_blank([])
    assert not is_blank([""])
