"""`elman train transcriber`, `elman transcribe`, and `elman evaluate` for transcribers."""

from __future__ import annotations

import io
import json
import math
import struct
import wave
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman.cli import main

RATE = 4000
SIZES = ["--hidden-size", "8", "--layers", "1", "--sample-rate", str(RATE), "--mels", "6", "--batch-size", "4"]
QUIET = ["--no-tune", "--no-tensorboard", "-q"]
TINY = [*SIZES, "--max-steps", "3", "--precision", "float32", "--threads", "1", *QUIET]
TEXTS = ["ab", "ba", "a", "b", "aab", "bb", "abab", "ba b"]


def pcm(text: str) -> bytes:
    """Samples of 16 bits in which every letter is a tone."""
    return b"".join(
        struct.pack("<h", round(12000 * math.sin(2 * math.pi * (300 + 400 * (sign == "b")) * sample / RATE)))
        for sign in text
        for sample in range(600)
    )


def write(path: Path, text: str, *, rate: int = RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm(text))
    return path


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of eight sounds."""
    folder = tmp_path_factory.mktemp("sounds")
    for number, text in enumerate(TEXTS):
        write(folder / f"{number}.wav", text)
    path = folder / "manifest.csv"
    path.write_text("".join(["path,text\n", *(f"{number}.wav,{text}\n" for number, text in enumerate(TEXTS))]))
    return path


@pytest.fixture(scope="session")
def transcriber(tmp_path_factory: pytest.TempPathFactory, sounds: Path) -> Path:
    folder = tmp_path_factory.mktemp("models") / "transcriber"
    assert main(["train", "transcriber", str(sounds), "-o", str(folder), *TINY]) == 0
    return folder


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory, sounds: Path) -> Path:
    """A model that can transcribe a stream."""
    folder = tmp_path_factory.mktemp("models") / "live"
    assert main(["train", "transcriber", str(sounds), "-o", str(folder), "--preset", "streaming", *TINY]) == 0
    return folder


def test_training_tells_its_figures(elman, sounds, tmp_path):
    words = ("train", "transcriber", sounds, "--valid", sounds, "--test", sounds, "-o", tmp_path / "m", *TINY)
    facts = elman(*words, "--json").json()
    assert facts["steps"] == 3
    assert {"loss", "wer", "cer", "exact", "texts", "too_long"} <= set(facts["valid"])
    assert facts["test"] == facts["valid"]
    assert "WER" in elman(*words, "--overwrite").out
    assert "transcriber" in elman("info", tmp_path / "m").out
    assert "elman transcribe MODEL FILE" in (tmp_path / "m" / "README.md").read_text()


def test_a_dry_run_tells_sizes(elman, sounds):
    said = elman("train", "transcriber", sounds, "--dry-run", *TINY)
    assert said.code == 0, said.err
    assert "recordings" in said.out
    assert "chars a second" in said.out


def test_texts_too_long_and_other_rates_are_reported(elman, sounds, tmp_path):
    write(tmp_path / "long.wav", "a")
    write(tmp_path / "fast.wav", "abab", rate=2 * RATE, channels=2)
    rows = [f"{sounds.parent / '0.wav'},ab", f"{sounds.parent / '1.wav'},ba", "fast.wav,a", f"long.wav,{'ab' * 20}"]
    (tmp_path / "list.csv").write_text("\n".join(["path,text", *rows]) + "\n")
    said = elman("train", "transcriber", tmp_path / "list.csv", "-o", tmp_path / "m", "--held-out", "0", *TINY)
    assert said.code == 0, said.err
    for reported in (
        "1 of 4 recordings have more than one channel (2)",
        "1 of 4 recordings have another rate than 4,000 Hz (8,000)",
        "1 of 4 texts need more steps than their recordings have: ",
        "list.csv, line 5: long.wav (8 steps); they are left out of training",
    ):
        assert reported in said.err
    said = elman("evaluate", tmp_path / "m", tmp_path / "list.csv")
    assert "1 of 4 texts need more steps than their recordings have: the loss is without them" in said.err
    assert "too long" in said.out


def test_a_text_a_line(elman, transcriber, sounds, tmp_path):
    folder = sounds.parent
    one = elman("transcribe", transcriber, folder / "0.wav")
    assert one.code == 0, one.err
    assert one.out.count("\n") == 1
    assert "\t" not in one.out
    two = elman("transcribe", transcriber, folder / "0.wav", folder / "1.wav").out.splitlines()
    assert [line.split("\t")[0] for line in two] == [str(folder / "0.wav"), str(folder / "1.wav")]
    assert two[0].split("\t")[1] == one.out.rstrip("\n")
    assert elman("transcribe", transcriber, sounds, "-o", tmp_path / "all.txt").out == ""
    assert len((tmp_path / "all.txt").read_text().splitlines()) == 8
    several = elman("transcribe", transcriber, folder / "0.wav", "--n-best", "2", "--beams", "4").out.splitlines()
    assert len(several) == 2
    assert several[1].startswith("\t-")


def test_json_is_one_document(elman, transcriber, sounds, tmp_path):
    words = ("transcribe", transcriber, sounds.parent / "4.wav", "--json", "--n-best", "3")
    (answer,) = elman(*words).json()["transcripts"]
    assert answer["seconds"] == pytest.approx(0.45, abs=0.02)
    assert len(answer["readings"]) == 3
    assert "".join(piece["text"] for piece in answer["pieces"]) == answer["text"] == answer["readings"][0]["text"]
    assert elman(*words, "-o", tmp_path / "a.json").out == ""
    assert json.loads((tmp_path / "a.json").read_text())["transcripts"] == [answer]


def test_times_of_words(elman, transcriber, sounds):
    said = elman("transcribe", transcriber, sounds.parent / "4.wav", "--times", "--insertion-bonus", "6")
    assert said.code == 0, said.err
    assert said.out.startswith("[0.")


def test_a_language_model_beside(elman, transcriber, sounds, model, tmp_path):
    words = ("transcribe", transcriber, sounds.parent / "4.wav", "--lm", model, "--json")
    assert "without 'b'" in elman(*words).error()
    (tmp_path / "ab.txt").write_text("ab ba\nabab b a\n" * 60)
    quick = ["--max-steps", "3", "--hidden-size", "8", "--embedding", "4", "--batch-size", "4", "--chunk", "8", *QUIET]
    assert elman("train", "lm", tmp_path / "ab.txt", "-o", tmp_path / "lm", *quick).code == 0
    words = ("transcribe", transcriber, sounds.parent / "4.wav", "--lm", tmp_path / "lm", "--json", "--lm-weight", "2")
    best = elman(*words).json()["transcripts"][0]["readings"][0]
    assert best["language"] < 0
    assert best["score"] == pytest.approx(best["log_probability"] + 2 * best["language"])
    usual = elman("evaluate", transcriber, sounds, "--json").json()
    heavy = elman("evaluate", transcriber, sounds, "--json", "--lm", tmp_path / "lm", "--lm-weight", "9").json()
    assert heavy["loss"] == usual["loss"]
    assert "without 'b'" in elman("evaluate", transcriber, sounds, "--lm", model).error()
    assert (
        "lm_weight with a language model (--lm) only"
        in elman("evaluate", transcriber, sounds, "--lm-weight", "9").error()
    )
    assert elman("evaluate", transcriber, sounds, "--json", "--beams", "4").json()["loss"] == usual["loss"]


def test_streams_have_the_text_of_the_whole(elman, live, sounds, monkeypatch):
    file = sounds.parent / "6.wav"
    whole = elman("transcribe", live, file).out
    for chunk in ("1", "37.5", "1000"):
        assert elman("transcribe", live, file, "--stream", "--chunk-ms", chunk).out == whole
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(pcm("abab"))))
    assert elman("transcribe", live, "-", "--stream", "--rate", RATE).out == whole
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(pcm("abab")[:-1])))
    said = elman("transcribe", live, "-", "--stream")
    assert said.code == 2
    assert "expected raw PCM, two bytes per sample. Received: half a sample at the end" in said.err
    # The text of the whole recording was printed.
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(pcm("abab")[:-2])))
    assert elman("transcribe", live, "-", "--stream").out == said.out
    assert said.out.endswith("\n")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    assert "expected a sound. Received: no samples" in elman("transcribe", live, "-", "--stream").err


def test_a_stream_of_another_rate_is_reported(elman, live, tmp_path):
    said = elman("transcribe", live, write(tmp_path / "a.wav", "ab", rate=2 * RATE, channels=2), "--stream")
    assert said.code == 0, said.err
    assert "has 2 channels; their mean is used" in said.err
    assert "has 8,000 samples per second; it is resampled to 4,000" in said.err


def test_evaluation(elman, transcriber, sounds):
    said = elman("evaluate", transcriber, sounds)
    assert said.code == 0, said.err
    for word in ("loss", "wer", "cer", "exact"):
        assert word in said.out
    assert elman("evaluate", transcriber, sounds, "--json", "--limit", "2").json()["texts"] == 2


def test_strokes(elman, tmp_path):
    rows = [{"strokes": [[n, 1, 0], [1, n, 0], [2, 2, 1], [1, 0, 0]], "text": "ab"[: 1 + n % 2]} for n in range(6)]
    (tmp_path / "pen.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    words = ["--preset", "strokes", "--stack-frames", "1", "--stride", "1", *TINY]
    assert elman("train", "transcriber", tmp_path / "pen.jsonl", "-o", tmp_path / "m", *words).code == 0
    assert len(elman("transcribe", tmp_path / "m", tmp_path / "pen.jsonl").out.splitlines()) == 6
    assert "expected a model of sound for --stream" in elman("transcribe", tmp_path / "m", "x", "--stream").error()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["transcribe", "MODEL"], "expected sounds: elman transcribe MODEL FILE. Received: none"),
        (["transcribe", "MODEL", "none.wav"], "there is no such file or folder. Received: none.wav"),
        (["transcribe", "MODEL", "a.wav", "--rate", "8000"], "expected --rate for raw PCM with --stream only"),
        (["transcribe", "MODEL", "a.wav", "--lm-weight", "1"], "expected lm_weight with a language model (--lm) only"),
        (["transcribe", "MODEL", "a.wav", "--beams", "2", "--n-best", "3"], "expected n_best of at most beams = 2"),
        (["transcribe", "MODEL", "a.wav", "--stream"], "expected a unidirectional model"),
        (["transcribe", "LIVE", "a.wav", "--stream", "--json"], "expected no --json with --stream"),
        (["transcribe", "LIVE", "a.wav", "--stream", "--lm", "m"], "expected no --lm with --stream"),
        (["transcribe", "LIVE", "a.wav", "--stream", "--beams", "3"], "expected no --beams with --stream"),
        (["transcribe", "LIVE", "a.wav", "--stream", "--chunk-ms", "0"], "expected --chunk-ms above 0"),
        (
            ["transcribe", "LIVE", "a.wav", "--stream", "--rate", "8000"],
            "expected --rate for raw PCM on standard input",
        ),
        (["transcribe", "LIVE", "-", "--stream", "--rate", "0"], "expected --rate of at least 1 sample"),
        (["transcribe", "LIVE", "-", "--stream", "--rate", "12"], "expected a rate from 1,000 to 1,000,000"),
        (["evaluate", "MODEL", "a.wav"], "a.wav: expected its text in a.txt next to it"),
        (["evaluate", "MODEL", "a.wav", "--limit", "0"], "expected --limit of at least 1 recording"),
        (["evaluate", "MODEL", "a.wav", "--picture", "a.png"], "expected no --picture for a transcriber"),
        (["evaluate", "MODEL", "a.wav", "--ensemble", "m"], "expected no --ensemble for a transcriber"),
        (["train", "transcriber"], "expected at least one file to train on"),
        (["train", "transcriber", "x"], "expected a folder for the model: elman train transcriber MANIFEST -o MODEL"),
        (["train", "transcriber", "x", "-o", "m", "--cell", "lstn"], "Did you mean 'lstm'"),
        (["train", "transcriber", "x", "-o", "m", "--hop-ms", "50"], "expected hop_ms of at least one sample"),
        (
            ["train", "transcriber", "x", "-o", "m", "--stack-frames", "1"],
            "expected stack_frames of at least stride = 2",
        ),
        (["train", "transcriber", "x", "-o", "m", "--loss-from", "2"], "expected loss_from and loss_to for tasks"),
        (["train", "transcriber", "bad.csv", "-o", "m"], "bad.csv, line 3: "),
        (["train", "transcriber", "empty.csv", "-o", "m"], "empty.csv, line 2: expected a text"),
        (["train", "transcriber", "odd.csv", "-o", "m"], "expected a column 'path' (named by path_column)"),
    ],
)
def test_commands_that_cannot_work(words, said, elman, transcriber, live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.wav", "ab")
    (tmp_path / "bad.csv").write_text("path,text\na.wav,ab\ngone.wav,ab\n")
    (tmp_path / "empty.csv").write_text("path,text\na.wav,\n")
    (tmp_path / "odd.csv").write_text("file,words\na.wav,ab\n")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(pcm("a"))))
    folders = {"MODEL": str(transcriber), "LIVE": str(live)}
    result = elman(*[folders.get(word, word) for word in words])
    assert result.code == 2
    assert said in result.error()


def test_a_model_of_another_task(elman, model, transcriber):
    assert "expected no --lm-weight for a language model" in elman("evaluate", model, "x", "--lm-weight", "1").error()
    assert "expected a model of the task transcriber" in elman("transcribe", model, "a.wav").error()
    assert "expected a model of the task language-model" in elman("generate", transcriber).error()
    assert (
        "expected a model of the task language-model"
        in elman("transcribe", transcriber, "a.wav", "--lm", transcriber).error()
    )
