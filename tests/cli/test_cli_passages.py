"""A language model of a column of a table, and what it generates next to what really follows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from elman.cli import main

from .conftest import TINY, Elman

DOCUMENTS = [
    f"the {animal} sat on the {place} and saw the {other} run over the {place} to the river"
    for animal in ("cat", "dog", "owl")
    for place in ("mat", "log")
    for other in ("hen", "fox")
]
HELD = ["the cat sat on the log", "the owl sat on the mat and saw the zebra run over the mat to the river"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("passages")
    for name, rows in (("train", DOCUMENTS * 4), ("held", HELD)):
        (place / f"{name}.csv").write_text("title,abstract\n" + "".join(f"x,{row}\n" for row in rows), encoding="utf-8")
    command = ["train", "lm", place / "train.csv", "-o", place / "model", "--text-column", "abstract", *TINY]
    assert main([*map(str, command), "--tokens", "words", "--max-steps", "8", "--split", "0.8,0.1,0.1", "-q"]) == 0
    return place


def test_what_follows_is_beside_what_is_generated(folder: Path, elman: Elman) -> None:
    words = ("generate", folder / "model", "--passage", folder / "held.csv", "--prompt-length", 4, "--seed", 3)
    facts = elman(*words, "--document", 2, "--json").json()
    assert facts["prompt"] == "the owl sat on"
    assert facts["followed"] == "the mat and saw the zebra run over the mat to the river"
    assert (facts["document"], facts["followed_tokens"], len(facts["texts"])) == (2, 13, 1)
    assert len(facts["texts"][0].split()) <= 13
    said = elman(*words, "--document", 2, "--length", 5)
    assert "prompt, from document 2:\n  the owl sat on\n\n  generated" in said.out
    assert said.out.splitlines()[4].rstrip().endswith("  the mat and saw the")
    assert elman(*words, "--document", 2, "--length", 5, "--samples", 2).out.count("what follows") == 2
    # Only the second document is long enough for a prompt of eight words.
    assert elman(*words[:5], 8, "--json").json()["document"] == 2
    assert "unknown" in elman(*words[:5], 11, "--json").err


@pytest.mark.parametrize("columns", [40, 64, 80, 200])
def test_both_texts_fit_into_the_terminal(
    columns: int, folder: Path, elman: Elman, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    path = tmp_path / "wrapped.csv"
    text = " ".join(DOCUMENTS * 2)
    path.write_text('abstract\n"' + textwrap.fill(text, 60) + '"\n', encoding="utf-8")
    words = ("generate", folder / "model", "--passage", path, "--prompt-length", 4, "--length", 40, "--seed", 3)
    lines = elman(*words).out.splitlines()
    assert max(map(len, lines)) <= columns
    head = next(number for number, line in enumerate(lines) if "what follows" in line)
    if columns == 40:
        followed = lines[head + 1 :]
    else:
        at = lines[head].index("what follows")
        followed = [line[at:] for line in lines[head + 1 :]]
    # 38 words and two line ends. Lines of the file are joined, so that none is a stub.
    assert " ".join(followed).split() == text.split()[4:42]
    width = min(48, (columns - 4) // 2) if columns > 40 else 38
    assert all(len(line) >= width - 8 for line in followed[:3])


def test_a_passage_in_another_encoding(folder: Path, elman: Elman, tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("the cat sat on the caf\xe9 and the dog".encode("latin-1"))
    words = ("generate", folder / "model", "--prompt-length", 4, "--length", 4, "--json")
    assert elman(*words, "--passage", path, "--encoding", "latin-1").json()["followed"] == "the caf\xe9 and the"
    assert elman(*words, "--passage", path, "--errors", "ignore").json()["followed"] == "the caf and the"
    assert (
        "sat on the caf\xe9"
        in elman(*words[:2], path, "--encoding", "latin-1", "--length", 4, "--json").json()["prompt"]
    )


def test_a_table_that_is_read_as_plain_text(folder: Path, elman: Elman, tmp_path: Path) -> None:
    words = ("train", "lm", folder / "train.csv", "-o", tmp_path / "model", *TINY, "--dry-run")
    assert "train.csv is read as plain text" in elman(*words).err
    assert "plain text" not in elman(*words, "--text-column", "abstract").err


def test_lines_without_tokens_are_not_scored(folder: Path, elman: Elman, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("the cat\n   \n\nthe dog\n", encoding="utf-8")
    found = elman("score", folder / "model", path, "--rank", "--json").json()["lines"]
    assert sorted(each["line"] for each in found) == [1, 4]
    assert "no line to score" in elman("score", folder / "model", "--text", "  ").err


def test_unknown_characters_of_a_word_that_is_begun(model: Path, folder: Path, elman: Elman) -> None:
    assert "unknown: '\u4e16'" in elman("suggest", model, "a \u4e16").err
    said = elman("suggest", folder / "model", "the \u4e16").err  # of a vocabulary of words, none begins so
    assert "unknown" not in said
    assert "no word was found" in said


def test_it_is_evaluated_on_tables_and_texts(folder: Path, elman: Elman, tmp_path: Path) -> None:
    table = elman("evaluate", folder / "model", folder / "held.csv", "--json").json()
    # The words and the ends of two documents; the first token is not predicted.
    assert table["tokens"] == sum(len(row.split()) for row in HELD) + 2
    assert table["unknown_share"] == pytest.approx(1 / table["tokens"])
    shown = elman("evaluate", folder / "model", folder / "held.csv").out
    assert "perplexity known" in shown
    assert "unknown share" in shown
    text = tmp_path / "text.txt"
    text.write_text(HELD[0], encoding="utf-8")
    assert elman("evaluate", folder / "model", text, "--json").json()["tokens"] == 6
    said = elman("evaluate", folder / "model", folder / "held.csv", "--text-column", "subject")
    assert "expected a column 'subject'" in said.error()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--passage", "held.csv", "--prompt", "the"), "by --passage. Received: several"),
        (("--document", "2"), "expected --passage with --document. Received: none"),
        (("--passage", "held.csv", "--document", "3"), "expected document from 1 to 2. Received: 3"),
        (
            ("--passage", "held.csv", "--prompt-length", "99"),
            "more than prompt_length=99 words. Received: shorter text",
        ),
        (("--passage", "no.csv"), "no.csv"),
    ],
)
def test_passages_that_cannot_be(folder: Path, elman: Elman, words: tuple[str, ...], message: str) -> None:
    said = elman("generate", folder / "model", *[folder / word if word.endswith("csv") else word for word in words])
    assert said.code == 2
    assert message in said.error()
