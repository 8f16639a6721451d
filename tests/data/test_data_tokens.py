"""Preparing a corpus: splits, the layout of end tokens, the cache, and texts too large or too small."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.cache import cache_folder
from elman.data import tokens as tokens_module
from elman.data.read import TextPiece, open_text
from elman.data.split import NEAR, cut_points, enough_held_out, sections
from elman.data.token_file import TokenFile, TokenWriter, smallest_dtype
from elman.data.tokens import Corpus, prepare
from elman.data.vocabulary import CharacterVocabulary, WordVocabulary
from elman.errors import ConfigError, DataError, StorageError

PROSE = "".join(f"Line {number} of the text, with some words in it.\n" for number in range(200))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def text(folder: Path, *contents: str, **options: Any) -> Any:
    paths = []
    for number, content in enumerate(contents):
        paths.append(folder / f"{len(list(folder.iterdir()))}-{number}.txt")
        paths[-1].write_text(content, encoding="utf-8", newline="")
    return open_text(paths, **options)


def ids(part: TokenFile | None) -> list[int]:
    return [] if part is None else part.read(0, len(part)).tolist()


def shown(corpus: Corpus) -> list[str]:
    """Each part as text, with end tokens as |."""
    return [
        "".join("|" if number == 1 else corpus.vocabulary.decode([number]) for number in ids(part))
        for part in (corpus.train, corpus.valid, corpus.test)
    ]


def test_characters_are_cut_exactly(tmp_path: Path) -> None:
    corpus = prepare(text(tmp_path, "abcdefghij" * 10), split=(0.8, 0.15, 0.05))
    assert shown(corpus) == ["|" + "abcdefghij" * 8, "abcdefghijabcde", "fghij"]
    assert corpus.valid is not None
    assert (corpus.train.characters, corpus.valid.characters) == (80, 15)
    assert (corpus.train.documents, corpus.valid.documents) == (1, 1)
    assert corpus.train.dtype == np.uint8
    assert corpus.scan.characters == 100


def test_several_documents(tmp_path: Path) -> None:
    lines = text(tmp_path, "abcd\nefgh\nijkl\nmnop\n", documents="lines")
    both = {"vocabulary": CharacterVocabulary("abcdefghijklmnop")}
    assert shown(prepare(lines, split=(0.5, 0.375, 0.125), **both)) == ["|abcd|efgh|", "|ijkl|mn", "op|"]
    assert shown(prepare(lines, split=(0.6, 0.2, 0.2), split_by="documents", **both)) == [
        "|abcd|efgh|ijkl|",
        "|mnop|",
        "",
    ]
    files = text(tmp_path, "ab", "cd", "ef")
    assert shown(prepare(files, split=(1, 0, 0), **both)) == ["|ab|cd|ef|", "", ""]
    train = prepare(lines, split=(0.5, 0.375, 0.125), **both).train
    assert (train.characters, train.documents, len(train)) == (8, 2, 11)
    words = text(tmp_path, "so it is\n", "is it so\n\nit is\n", documents="paragraphs")
    assert len(prepare(words, split=(1, 0, 0), vocabulary="words").train) == 8 + 3 + 1


def test_words_are_cut_at_line_ends(tmp_path: Path) -> None:
    for vocabulary in (WordVocabulary.learn([PROSE]), {"kind": "subwords", "size": 260}):
        corpus = prepare(text(tmp_path, PROSE), vocabulary=vocabulary, split=(0.5, 0.3, 0.2))
        parts = [corpus.vocabulary.decode(ids(part)) for part in (corpus.train, corpus.valid, corpus.test)]
        assert "".join(parts) == PROSE
        assert all(part.startswith("Line ") and part.endswith(".\n") for part in parts)
        sizes = [part.characters for part in (corpus.train, corpus.valid, corpus.test) if part is not None]
        assert sizes == [len(part) for part in parts]
        assert abs(sizes[0] / len(PROSE) - 0.5) < 0.01


def test_the_vocabulary_comes_from_the_training_part_only(tmp_path: Path) -> None:
    corpus = prepare(text(tmp_path, "a" * 80 + "b" * 10 + "c" * 10), split=(0.8, 0.1, 0.1))
    assert isinstance(corpus.vocabulary, CharacterVocabulary)
    assert corpus.vocabulary.characters == "a"
    assert ids(corpus.valid) == [0] * 10
    words = prepare(text(tmp_path, PROSE), vocabulary="words", split=(0.5, 0.25, 0.25)).vocabulary
    assert isinstance(words, WordVocabulary)
    assert "90" in words.words
    assert "190" not in words.words


def test_words_do_not_run_from_one_document_into_the_next(tmp_path: Path) -> None:
    lines = text(tmp_path, "one two\nthree\none four\n", documents="lines")
    corpus = prepare(lines, split=(1, 0, 0), vocabulary="words")
    assert isinstance(corpus.vocabulary, WordVocabulary)
    assert corpus.vocabulary.words == ["one", "four", "three", "two"]
    assert ids(corpus.train) == [1, 2, 5, 1, 4, 1, 2, 3, 1]
    parts = prepare(lines, split=(1, 0, 0), vocabulary={"kind": "subwords", "size": 300})
    shown_parts = [parts.vocabulary.token(number) for number in range(258, parts.vocabulary.size)]
    assert "one" in shown_parts
    assert not any("oth" in token or "eo" in token for token in shown_parts)
    assert shown(parts)[0] == "|one two|three|one four|"


def test_texts_given_for_parts(tmp_path: Path) -> None:
    main, valid, test = text(tmp_path, "ab" * 50), text(tmp_path, "ba"), text(tmp_path, "a", "b")
    assert shown(prepare(main, valid=valid, test=test)) == ["|" + "ab" * 50, "|ba", "|a|b|"]
    assert [len(part) for part in shown(prepare(main, valid=valid))] == [101, 3, 0], "nothing is cut"
    assert [len(part) for part in shown(prepare(main, valid=valid, split=(0.9, 0.05, 0.05)))] == [96, 3, 5]
    assert [len(part) for part in shown(prepare(main, test=test, split=(0.9, 0.1, 0)))] == [91, 10, 5]


def test_parts_that_are_too_short(tmp_path: Path) -> None:
    corpus = prepare(text(tmp_path, "ab" * 10), split=(0.9, 0.05, 0.05))
    assert (corpus.valid, corpus.test) == (None, None)
    assert len(prepare(text(tmp_path, "a"), split=(1, 0, 0)).train) == 2
    with pytest.raises(DataError, match=r"too short .* from 1 characters"):
        prepare(text(tmp_path, "a"), split=(0.4, 0.3, 0.3), vocabulary=CharacterVocabulary("a"))
    with pytest.raises(DataError, match="not one character"):
        prepare(text(tmp_path, ""))
    with pytest.raises(DataError, match="not one character"):
        prepare(text(tmp_path, "ab"), valid=text(tmp_path, ""))


@pytest.mark.parametrize("split", [(0.9, 0.05), (0.9, 0.2, 0.1), (1.1, -0.1, 0), (0, 0.5, 0.5), (float("nan"), 0, 1)])
def test_bad_splits(tmp_path: Path, split: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="three fractions"):
        prepare(text(tmp_path, "abc"), split=split)


def test_bad_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="split_by"):
        prepare(text(tmp_path, "abc"), split_by="chance")
    with pytest.raises(ConfigError, match="kind of a vocabulary"):
        prepare(text(tmp_path, "abc"), vocabulary="letters")
    with pytest.raises(ConfigError, match="plain values"):
        prepare(text(tmp_path, "abc"), vocabulary={"kind": "words", "lowercase": object()})


pieces = st.lists(st.tuples(st.text("ab \n", min_size=1, max_size=9), st.booleans()), min_size=1, max_size=8)


@given(pieces, st.floats(0.01, 1), st.floats(0, 1), st.sampled_from(["character", "line", "document"]))
def test_sections_are_the_text(parts: list[tuple[str, bool]], train: float, rest: float, border: str) -> None:
    given_pieces = [TextPiece(body, (0,) if new or at == 0 else ()) for at, (body, new) in enumerate(parts)]
    whole = "".join(body for body, _ in parts)
    cuts = cut_points((train, (1 - train) * rest, (1 - train) * (1 - rest)), len(whole))
    found = list(sections(given_pieces, cuts, border))
    assert "".join(section.piece.text for section in found) == whole
    assert [section.part for section in found] == sorted(section.part for section in found)
    assert sum(len(section.piece.starts) for section in found) == sum(len(piece.starts) for piece in given_pieces)
    assert all(section.piece.text for section in found)
    after = [*(section.piece.starts[:1] == (0,) for section in found[1:]), True]
    assert [section.ended for section in found] == after
    position = 0
    for before, section in zip([None, *found], found, strict=False):
        if before is not None and before.part < section.part:
            if border == "document":
                assert before.ended
            if border == "character":
                assert position in cuts
            assert position >= cuts[before.part]
        position += len(section.piece.text)


def test_a_line_end_that_is_far_away() -> None:
    body = "x" * 500 + " " + "y" * (3 * NEAR) + "\n"
    assert [s.piece.text[-1] for s in sections([TextPiece(body, (0,))], (400, len(body)), "line")] == ["x", "\n"]
    assert len(next(sections([TextPiece(body, (0,))], (600, len(body)), "line")).piece.text) == 600


def test_a_second_run_encodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for vocabulary in ("characters", "words", {"kind": "subwords", "size": 260}):
        first = prepare(text(tmp_path, PROSE), vocabulary=vocabulary)
        with monkeypatch.context() as patch:
            patch.setattr(tokens_module, "_tokens", None)
            patch.setattr(tokens_module, "learn_vocabulary", None)
            second = prepare(text(tmp_path, PROSE), vocabulary=vocabulary)
        assert second.fingerprint == first.fingerprint
        assert second.vocabulary.fingerprint() == first.vocabulary.fingerprint()
        assert shown(second) == shown(first)
    changed = prepare(text(tmp_path, PROSE + "x"), vocabulary=first.vocabulary)
    assert changed.fingerprint != first.fingerprint


def test_the_way_of_reading_and_splitting_is_part_of_the_key(tmp_path: Path) -> None:
    source, lines = text(tmp_path, PROSE), text(tmp_path, PROSE, documents="lines")
    made = [
        prepare(source),
        prepare(lines),
        prepare(source, split=(0.8, 0.1, 0.1)),
        prepare(lines, split_by="documents"),
        prepare(source, vocabulary={"kind": "characters", "lowercase": True}),
        prepare(source, valid=lines),
    ]
    assert len({corpus.fingerprint for corpus in made}) == len(made)


@pytest.mark.parametrize("damage", ["cut", "longer", "header", "empty", "other"])
def test_damaged_files_in_the_cache_are_made_again(tmp_path: Path, damage: str, own_cache: Path) -> None:
    first = prepare(text(tmp_path, PROSE))
    expected = shown(first)
    files = sorted(own_cache.glob("tokens/*.tokens"))
    assert len(files) == 3
    other = files[1].read_bytes()
    for path in files:
        content = path.read_bytes()
        path.write_bytes(
            {
                "cut": content[:-1],
                "longer": content + b"\0",
                "header": content[:20] + bytes([content[20] ^ 1]) + content[21:],
                "empty": b"",
                "other": other,
            }[damage]
        )
    for path in own_cache.glob("vocabularies/*.json"):
        path.write_text('{"kind": "characters"' if damage == "cut" else "{}")
    again = prepare(text(tmp_path, PROSE))
    assert shown(again) == expected
    assert again.fingerprint == first.fingerprint


def test_a_text_that_changes_while_it_is_read(tmp_path: Path, own_cache: Path) -> None:
    source = text(tmp_path, PROSE)

    def meddle(stage: str, share: float) -> None:
        if stage == "learning":
            source.files[0].path.write_text(PROSE + "more")

    with pytest.raises(DataError, match="changed while"):
        prepare(source, progress=meddle)
    assert not list(own_cache.glob("tokens/*"))


def test_progress_is_reported_in_order(tmp_path: Path) -> None:
    captured: list[tuple[str, float]] = []
    prepare(text(tmp_path, PROSE, block=100), progress=lambda *news: captured.append(news))
    stages = list(dict.fromkeys(stage for stage, _ in captured))
    assert stages == ["reading", "learning", "encoding"]
    for stage in stages:
        shares = [share for name, share in captured if name == stage]
        assert shares == sorted(shares)
        assert 0.85 < shares[-1] <= 1


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == tmp_path / "cache"
    assert cache_folder().is_dir()
    monkeypatch.delenv("ELMAN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "elman"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "elman"
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="cannot make the folder"):
        cache_folder()
    prepare(text(tmp_path, "abc"), cache=tmp_path / "third")
    assert list((tmp_path / "third" / "tokens").iterdir())


def test_old_temporaries_are_removed_from_the_cache(tmp_path: Path, own_cache: Path) -> None:
    prepare(text(tmp_path, "abc"))
    old, young = (own_cache / "tokens" / f".{name}.elman-part" for name in ("old", "young"))
    for path in (old, young):
        path.write_text("half")
    os.utime(old, (1, 1))
    prepare(text(tmp_path, "abcd"))
    assert [old.exists(), young.exists()] == [False, True]


@given(st.lists(st.integers(0, 70_000), max_size=50), st.data())
def test_token_files(tmp_path_factory: pytest.TempPathFactory, numbers: list[int], data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("tokens") / "file"
    with path.open("wb") as file:
        writer = TokenWriter(file, key="0f" * 32, dtype=smallest_dtype(max(numbers, default=0) + 1))
        for number in numbers:
            writer.append(np.array([number], dtype=np.int64))
        writer.finish()
    tokens = TokenFile(path, "0f" * 32)
    start = data.draw(st.integers(0, len(numbers)))
    stop = data.draw(st.integers(start, len(numbers)))
    found = tokens.read(start, stop)
    assert found.tolist() == numbers[start:stop]
    assert found.dtype == np.int64
    assert len(tokens) == len(numbers)
    for bad in ((-1, 0), (0, len(numbers) + 1), (1, 0)):
        with pytest.raises(ConfigError, match="Received: "):
            tokens.read(*bad)
    with pytest.raises(DataError, match="Received: another"):
        TokenFile(path, "1f" * 32)
    if numbers:
        os.truncate(path, path.stat().st_size - 1)
        with pytest.raises(DataError, match="cut short"):
            tokens.read(0, len(numbers))
    tokens.close()


@pytest.mark.parametrize(("size", "width"), [(256, 1), (257, 2), (65536, 2), (65537, 4)])
def test_the_smallest_type_that_fits(size: int, width: int) -> None:
    assert smallest_dtype(size).itemsize == width
    assert np.iinfo(smallest_dtype(size)).max >= size - 1


def test_a_real_text(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("text/tinyshakespeare.txt")
    corpus = prepare(open_text([path]), split=(0.9, 0.05, 0.05))
    assert corpus.scan[:4] == (1_115_394, 1_115_394, 1, 1)
    assert corpus.vocabulary.size == 65 + 2
    whole = path.read_text(encoding="utf-8")
    assert "".join(corpus.vocabulary.decode(ids(part)) for part in (corpus.train, corpus.valid, corpus.test)) == whole
    assert ids(corpus.train)[0] == 1
    assert [len(ids(part)) for part in (corpus.train, corpus.valid, corpus.test)] == [1_003_856, 55_769, 55_770]


LARGE = """
import resource, sys
from pathlib import Path
from elman.data import open_text, prepare
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
folder = Path(sys.argv[1])
prepare(open_text([folder / "small.txt"], documents="lines"), cache=folder)
before = peak()
corpus = prepare(open_text([folder / "large.txt"], documents="lines"), cache=folder)
for start in range(0, len(corpus.train) - 1000, 1000):
    corpus.train.read(start, start + 1000)
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_text(tmp_path: Path) -> None:
    line = b"A line of some length, so that there are not too many documents in the file. " * 8 + b"\n"
    (tmp_path / "small.txt").write_bytes(line * (4_000_000 // len(line)))
    (tmp_path / "large.txt").write_bytes(line * (100_000_000 // len(line)))
    ran = subprocess.run([sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, check=True, text=True)
    assert int(ran.stdout) < 30_000  # in kB, for 100 MB of text and as many of tokens


@pytest.mark.parametrize(
    ("usual", "characters", "valid", "test"),
    [
        ((0.99, 0.01, 0.0), 10_000_000, 0.01, 0.0),
        ((0.99, 0.01, 0.0), 1_000_000, 0.02, 0.0),
        ((0.99, 0.01, 0.0), 1000, 0.05, 0.0),
        ((0.99, 0.01, 0.0), 0, 0.05, 0.0),
        ((0.9, 0.05, 0.05), 1000, 0.05, 0.05),
        ((0.7, 0.29, 0.01), 1000, 0.29, 0.05),
    ],
)
def test_small_parts_of_a_short_text_are_larger(
    usual: tuple[float, float, float], characters: int, valid: float, test: float
) -> None:
    assert enough_held_out(usual, characters) == pytest.approx((1 - valid - test, valid, test))
