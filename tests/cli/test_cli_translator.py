"""`elman train translator`, `translate`, `average`, and `evaluate` and `score` for translators."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import elman as library
from elman.cli import main

from ..tasks.small_translators import SOURCES, TARGETS

SIZES = ["--tokens", "words", "--min-count", "1", "--hidden-size", "6", "--embedding", "4", "--batch-size", "9"]
QUIET = ["--no-tune", "--no-tensorboard", "-q"]
FIXED = [*SIZES, "--preset", "base", "--precision", "float32", "--threads", "1", *QUIET]
TINY = [*FIXED, "--max-steps", "3"]


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pairs")
    for name, lines in (("train.de", SOURCES), ("train.en", TARGETS)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "train.de", folder / "train.en"


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory, pairs: tuple[Path, Path]) -> Path:
    folder = tmp_path_factory.mktemp("models") / "translator"
    longer = ["--max-steps", "40", "--learning-rate", "0.02", "--warmup-steps", "1", "--ema-decay", "0"]
    assert main(["train", "translator", *map(str, pairs), "-o", str(folder), *FIXED, *longer]) == 0
    return folder


@pytest.fixture(scope="session")
def answers(translator: Path) -> list[str]:
    return library.load(translator).translate(SOURCES)


def test_training_tells_its_figures(elman, pairs, tmp_path):
    words = ("train", "translator", *pairs, "--valid", *pairs, "--test", *pairs, "-o", tmp_path / "m", *TINY)
    facts = elman(*words, "--json").json()
    assert facts["steps"] == 3
    assert set(facts["test"]) >= {"loss", "perplexity", "accuracy", "bleu", "chrf", "exact"}
    said = elman(*words, "--overwrite")
    assert "BLEU" in said.out
    plan = elman("train", "translator", *pairs, "--dry-run", *TINY)
    assert "36 pairs" not in plan.out  # a part is held out
    assert "34 pairs" in plan.out
    assert "left out  nothing" in plan.out


def test_a_table_and_a_zip_of_pairs(elman, tmp_path, pairs):
    import zipfile

    table = tmp_path / "pairs.tsv"
    table.write_text("\n".join(f"{a}\t{b}" for a, b in zip(SOURCES, TARGETS, strict=True)) + "\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w") as archive:
        for path in pairs:
            archive.write(path, path.name)
    for name in ("pairs.tsv", "pairs.zip"):
        assert elman("train", "translator", tmp_path / name, "-o", tmp_path / f"{name}-m", *TINY).code == 0


def test_a_file_is_translated_in_order(elman, translator, pairs, answers, tmp_path):
    assert elman("translate", translator, pairs[0]).out.splitlines() == answers
    said = elman("translate", translator, pairs[0], "-o", tmp_path / "out.txt", "--batch-size", "5")
    assert (said.out, said.err) == ("", "")
    assert (tmp_path / "out.txt").read_text().splitlines() == answers


def test_sentences_by_text(elman, translator):
    said = elman("translate", translator, "--text", "die kuh rennt", "--text", "", "--text", "ein wal")
    assert len(said.out.split("\n")) == 4
    assert said.out.split("\n")[1] == ""
    assert "1 sentence is empty" in said.err
    assert "2 of 5 tokens are unknown: 'ein', 'wal'" in said.err
    assert elman("translate", translator, "--text", "ein wal", "-q").err == ""


def test_several_answers_with_scores(elman, translator):
    model = library.load(translator)
    lines = elman("translate", translator, "--text", "die kuh", "--n-best", "3", "--beams", "4").out.splitlines()
    found = model.translations("die kuh", n_best=3, beams=4)[0]
    assert lines == [f"1\t{each.score:.4f}\t{each.text}" for each in found]
    facts = elman("translate", translator, "--text", "die kuh", "--n-best", "3", "--beams", "4", "--json").json()
    assert facts["translations"] == [[each.to_json() for each in found]]


def test_every_flag_of_the_search_reaches_it(elman, translator):
    def said(*flags: str) -> str:
        return elman("translate", translator, "--text", "die kuh rennt heute", *flags).out

    model = library.load(translator)
    assert (
        said("--sample", "--seed", "3", "--temperature", "2").rstrip("\n")
        == (model.translate("die kuh rennt heute", sample=True, seed=3, temperature=2.0)[0])
    )
    assert len(said("--max-length", "1").split()) <= 1
    assert len(said("--min-length", "9", "--beams", "1").split()) >= 9
    assert said("--beams", "1").rstrip("\n") == model.translate("die kuh rennt heute", beams=1)[0]


class _Typed(io.RawIOBase):
    """Standard input in which each line comes alone, after the answer to the one before was written."""

    def __init__(self, lines: list[bytes], captured: list[str], said) -> None:
        self.lines, self.captured, self.said = lines, captured, said

    def read1(self, size: int) -> bytes:
        self.captured.append(self.said())
        return self.lines.pop(0) if self.lines else b""


def test_lines_of_standard_input_are_answered_as_they_come(translator, monkeypatch, answers):
    out, captured = io.StringIO(), []
    typed = _Typed(
        [f"{line}\n".encode() for line in SOURCES[:3]] + [b"\ndie", b" kuh"], captured, lambda: out.getvalue()
    )
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=typed))
    monkeypatch.setattr("sys.stdout", out)
    assert main(["translate", str(translator), "-", "-q"]) == 0
    lines = [*answers[:3], "", library.load(translator).translate("die kuh")[0]]
    assert out.getvalue().split("\n") == [*lines, ""]
    assert [len(each.splitlines()) for each in captured] == [0, 1, 2, 3, 4, 4]


def test_standard_input_as_json_is_one_document(elman, translator, monkeypatch):
    lines = SimpleNamespace(buffer=io.BytesIO("\n".join([*SOURCES[:2], "", "ein wal"]).encode()))
    monkeypatch.setattr("sys.stdin", lines)
    said = elman("translate", translator, "-", "--json")
    found = library.load(translator).translations([*SOURCES[:2], "", "ein wal"])
    assert said.json()["translations"] == [[each.to_json() for each in best] for best in found]
    assert "2 of " in said.err  # the unknown words are remarked on


def test_as_many_lines_are_written_as_read(elman, translator, monkeypatch, tmp_path):
    content = b"die kuh\rrennt\r\n\nein \xe2\x80\xa8hund\x0b\x1c\n\n"
    (tmp_path / "a.de").write_bytes(content)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    out = elman("translate", translator, tmp_path / "a.de").out
    assert elman("translate", translator, "-").out == out
    assert elman("translate", translator, tmp_path / "a.de", "-o", tmp_path / "a.out").code == 0
    assert (tmp_path / "a.out").read_bytes().decode() == out
    lines = ["die kuh\rrennt", "", "ein \u2028hund\x0b\x1c", ""]
    assert out.split("\n") == [*library.load(translator).translate(lines), ""]
    (tmp_path / "b.de").write_bytes(b"die kuh\rein hund\r")
    assert "b.de: expected lines that end with a line feed" in elman("translate", translator, tmp_path / "b.de").error()


def test_standard_input_that_is_no_text(elman, translator, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"die kuh\xff\n")))
    assert "standard input: the bytes at offset 7 are not utf-8" in elman("translate", translator, "-").error()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"die kuh\xff\n")))
    assert elman("translate", translator, "-", "--errors", "ignore").code == 0


def test_attention_is_drawn(elman, translator, tmp_path):
    one = elman("translate", translator, "--text", "die kuh rennt", "--attention", tmp_path / "a.png")
    assert one.code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    two = ("--text", "die kuh", "--text", "die katze")
    assert elman("translate", translator, *two, "--attention", tmp_path / "b.svg").code == 0
    assert sorted(path.name for path in tmp_path.glob("b*")) == ["b-1.svg", "b-2.svg"]
    empty = elman("translate", translator, "--text", "", "--attention", tmp_path / "d.png")
    assert "have no attention to plot" in empty.err
    assert not (tmp_path / "d.png").exists()
    many = [word for _ in range(21) for word in ("--text", "die kuh rennt")]
    said = elman("translate", translator, *many, "--attention", tmp_path / "c.png")
    assert "at most 20 sentences with --attention. Received: 21" in said.error()


def test_a_picture_that_cannot_be_is_reported_before_anything_is_translated(
    elman, translator, pairs, tmp_path, monkeypatch
):
    monkeypatch.setattr(library.Translator, "translations", lambda *_, **__: pytest.fail("translated"))
    said = elman("translate", translator, "--text", "die kuh", "--attention", tmp_path / "a.gif")
    assert said.error().endswith("a.gif")
    assert (
        "sentences with --attention"
        in elman("translate", translator, pairs[0], "--attention", tmp_path / "a.png").error()
    )


def test_unknown_words_are_replaced(elman, translator):
    model = library.load(translator)
    expected = model.translate("die giraffe springt", replace_unknown=True)
    said = elman("translate", translator, "--text", "die giraffe springt", "--replace-unknown")
    assert said.out.rstrip("\n") == expected[0]


def test_a_remark_counts_translations_with_unknown_tokens(elman, translator, tmp_path):
    model = library.load(translator)
    with torch.no_grad():
        model.network.head_bias_V[model.vocabulary.target.unknown_id] = 1e3
    model.save(tmp_path / "m")
    asked = (
        "translate",
        tmp_path / "m",
        "--text",
        "die kuh",
        "--text",
        "der hund",
        "--max-length",
        "2",
        "--beams",
        "1",
    )
    said = elman(*asked)
    assert said.out == "[UNK] [UNK]\n" * 2
    assert "2 of 2 translations have unknown tokens, written as [UNK]; --replace-unknown" in said.err
    assert "unknown tokens" not in elman(*asked, "--replace-unknown").err
    assert "unknown tokens" not in elman("translate", translator, "--text", "die kuh").err


def test_evaluate_tells_bleu_with_its_signature(elman, translator, pairs):
    facts = elman("evaluate", translator, *pairs, "--json", "--beams", "2").json()
    assert facts == pytest.approx(library.load(translator).evaluate(list(pairs), beams=2))
    assert facts["bleu_signature"].startswith("nrefs:1|")
    said = elman("evaluate", translator, *pairs, "--limit", "5")
    assert "BLEU signature" in said.out
    assert elman("evaluate", translator, *pairs, "--limit", "5", "--json").json()["pairs"] == 5


def test_several_models_together(elman, translator, pairs, tmp_path, answers):
    both = elman("translate", translator, pairs[0], "--ensemble", translator, translator)
    assert both.out.splitlines() == answers
    assert elman("evaluate", translator, *pairs, "--ensemble", translator, "--json").code == 0
    assert elman("average", translator, translator, "-o", tmp_path / "mean").code == 0
    assert elman("translate", tmp_path / "mean", pairs[0]).out.splitlines() == answers
    assert "Received: a model in" in elman("average", translator, translator, "-o", tmp_path / "mean").error()
    assert elman("average", translator, translator, "-o", tmp_path / "mean", "--overwrite").code == 0
    assert "at least two models" in elman("average", translator, "-o", tmp_path / "one").error()
    assert "elman average MODEL MODEL -o NEW" in elman("average", translator, translator).error()


def test_score_pairs(elman, translator, pairs):
    model = library.load(translator)
    found = model.score(SOURCES, TARGETS)
    facts = elman("score", translator, *pairs, "--json", "--per-token").json()["pairs"]
    assert [each["log_probability"] for each in facts] == [each.log_probability for each in found]
    assert [each["per_token"] for each in facts] == [
        [list(pair) for pair in zip(each.tokens, each.log_probs, strict=True)] for each in found
    ]
    ranked = elman("score", translator, *pairs, "--json", "--rank").json()["pairs"]
    assert [each["perplexity"] for each in ranked] == sorted(each.perplexity for each in found)
    said = elman("score", translator, "--text", "die kuh\tthe cow", "--per-token").out.splitlines()
    assert said[1].endswith("the cow")
    assert [line.split()[1] for line in said[2:]] == ["the", "cow", "[EOS]"]


def test_a_run_goes_on(elman, pairs, tmp_path):
    folder = tmp_path / "m"
    words = ("train", "translator", *pairs, "-o", folder, *FIXED)
    assert elman(*words, "--max-steps", "2").code == 0
    assert elman("train", "--resume", folder, "--max-steps", "4", *QUIET, "--json").json()["steps"] == 4


@pytest.mark.parametrize(
    ("files", "flags", "expected"),
    [
        ({"a.de": "x\ny\n", "a.en": "x\n"}, (), "2 lines in "),
        ({"a.tsv": "x\ty\nz\n"}, (), "line 2: expected a source and a target with a tab"),
        ({"a.tsv": "x\ty\n"}, ("--attention", "between", "--layers", "1"), "at least 2 layers"),
        ({"a.tsv": "x\ty\n"}, ("--cell", "gruu"), "gru"),
        ({"a.tsv": "x\ty\n"}, ("--encoder-cell", "gruu"), "gru"),
        ({"a.tsv": "x\ty\n"}, ("--tied", "all"), "shared=true, with tied=all"),
        ({}, (), "elman train translator PAIRS -o MODEL"),
    ],
)
def test_what_cannot_be_trained(elman, tmp_path, files, flags, expected):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    said = elman("train", "translator", *(tmp_path / name for name in files), "-o", tmp_path / "m", *TINY, *flags)
    assert said.code == 2
    assert expected in said.error()
    assert not (tmp_path / "m").exists()


def test_what_cannot_be_answered(elman, translator, pairs, model, tmp_path):
    turned = pairs[::-1]
    (tmp_path / "bad.txt").write_bytes(b"die kuh\n\xff\n")
    for words, expected in (
        (
            ("translate", translator),
            "expected sentences from files (- for standard input) or by --text. Received: neit",
        ),
        (("translate", translator, "f", "--text", "a"), "Received: both"),
        (("translate", model, "--text", "a"), "translator"),
        (("translate", translator, "--text", "a", "--ensemble", model), "translator"),
        (("translate", translator, pairs[1]), "in en by its name"),
        (("translate", translator, tmp_path / "none.txt"), "none.txt"),
        (("translate", translator, tmp_path / "bad.txt"), "the bytes at offset 8 are not utf-8"),
        (("translate", translator, "--text", "a", "--n-best", "9"), "n_best of at most beams = 5. Received: 9"),
        (("evaluate", translator, *turned), "files from en to de"),
        (("evaluate", translator, *pairs, "--picture", "p.png"), "expected no --picture for a translator"),
        (("evaluate", translator, *pairs, "--limit", "0"), "--limit of at least 1 pair. Received: 0"),
        (("evaluate", model, "x", "--beams", "3"), "expected no --beams for a language model. Received: 3"),
        (("score", translator, "--text", "die kuh"), "--text 1: expected a source, a tab and a target"),
        (("score", translator, *turned), "files from en to de"),
        (("score", model, "a", "b"), "one file of lines for a language model. Received: 2"),
        (("average", translator, model, "-o", tmp_path / "x"), "of one task to average"),
    ):
        said = elman(*words)
        assert said.code == 2, words
        assert expected in said.error(), words


def test_json_into_a_file(elman, translator, tmp_path):
    assert elman("translate", translator, "--text", "die kuh", "--json", "-o", tmp_path / "a.json").out == ""
    assert json.loads((tmp_path / "a.json").read_text())["translations"][0][0]["source"] == "die kuh"


def test_a_file_of_answers_needs_its_folder(elman, translator, tmp_path):
    said = elman("translate", translator, "--text", "a", "-o", tmp_path / "none" / "out.txt")
    assert said.code == 2
    assert f"expected an existing folder for {tmp_path}/none/out.txt" in said.error()


def test_an_evaluation_without_sacrebleu_says_so(elman, translator, pairs, monkeypatch):
    monkeypatch.setattr("elman.metrics.translation.has_bleu", lambda: False)
    said = elman("evaluate", translator, *pairs)
    assert "BLEU and chrF need sacrebleu" in said.err
    assert "BLEU" not in said.out
