"""The transcriber as people use it: learning, answers, files of every kind, and what it refuses."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import Tagger, Transcriber
from elman.errors import ArtifactError, ConfigError, DataError

from .small_transcribers import ONE_WAY, OPTIONS, RATE, spoken, tones, untrained, write_manifest, write_wave

LEARNING: dict[str, Any] = {"hidden_size": 24, "max_steps": 90, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def trained() -> Transcriber:
    """A transcriber that has learnt the tones."""
    model = Transcriber(**OPTIONS | LEARNING)
    return model.fit(*spoken(48), rate=RATE, valid=spoken(12, seed=7), progress=False, tune=False)


def test_it_learns(trained: Transcriber) -> None:
    sounds, texts = spoken(20, seed=3)
    figures = trained.evaluate(sounds, texts, rate=RATE)
    assert figures["cer"] < 0.1
    assert figures["texts"] == 20
    assert set(figures) == {"loss", "wer", "cer", "exact", "texts", "too_long"}
    assert set(trained.metrics["valid"]) == set(figures)
    assert figures["loss"] < 0.5


def test_the_answer_tells_when_what_is_said(trained: Transcriber) -> None:
    (answer,) = trained.transcripts([tones("acb")], rate=RATE)
    assert answer.text == "acb"
    assert "".join(piece.text for piece in answer.pieces) == "acb"
    assert answer.seconds == pytest.approx(0.48, abs=0.02)
    for number, piece in enumerate(answer.pieces):
        assert piece.start < piece.end
        # Each letter takes 0.16 s; the network may emit it a little earlier or later.
        assert abs((piece.start + piece.end) / 2 - (0.16 * number + 0.06)) < 0.12
    assert len(answer.readings) == 1
    (several,) = trained.transcripts([tones("acb")], rate=RATE, n_best=3)
    assert several.readings[0].text == several.text == "acb"
    assert len({each.text for each in several.readings}) == 3
    assert several.readings[0].log_probability > answer.readings[0].log_probability  # of all alignments, not of one


def test_it_is_the_same_from_files_and_from_a_folder(trained: Transcriber, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "data", count=4)
    sounds, texts = spoken(4)
    expected = trained.transcribe([(each * 32767).astype(np.int16) for each in sounds], rate=RATE)
    assert trained.transcribe([tmp_path / "data" / f"{number}.wav" for number in range(4)]) == expected
    assert trained.transcribe(manifest) == expected
    assert trained.evaluate(manifest)["texts"] == 4
    for number, text in enumerate(texts):
        (tmp_path / "data" / f"{number}.txt").write_text(f"{text}\n")
    manifest.unlink()
    assert trained.transcribe(tmp_path / "data") == expected
    assert trained.evaluate(tmp_path / "data")["texts"] == 4
    trained.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    assert loaded.transcribe(tmp_path / "data") == expected
    assert repr(loaded) == repr(trained)
    assert "Transcriber of sound, lstm 1x24 bidirectional" in repr(loaded)
    assert loaded.get_params()["hidden_size"] == 24


def test_two_channels_and_another_rate_are_reported(trained: Transcriber, tmp_path: Path) -> None:
    (plain,) = trained.transcribe([tones("abc")], rate=RATE)
    assert plain == "abc"
    write_wave(tmp_path / "stereo.wav", tones("abc"), channels=2)
    write_wave(tmp_path / "fast.wav", tones("abc", rate=44100), rate=44100)
    data = trained.read([tmp_path / "stereo.wav", tmp_path / "fast.wav"], labelled=False)
    assert data.notes == (
        "1 of 2 recordings have more than one channel (2); their mean is used",
        "1 of 2 recordings have another rate than 4,000 Hz (44,100); they are resampled",
    )
    assert trained.transcribe(data) == ["abc", "abc"]


def test_silence_and_a_single_sample(trained: Transcriber) -> None:
    silence, click = trained.transcripts([np.zeros(RATE, dtype=np.float32), np.ones(1, dtype=np.float32)], rate=RATE)
    assert all(math.isfinite(each.readings[0].score) for each in (silence, click))
    assert len(click.pieces) <= 1
    assert trained.transcribe([]) == []


def test_progress_is_reported_while_it_transcribes(trained: Transcriber, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, count=3)
    for answer in (trained.transcripts, trained.transcribe, trained.evaluate):
        captured: list[tuple[str, float]] = []
        answer(manifest, progress=lambda stage, share, captured=captured: captured.append((stage, share)))
        assert {stage for stage, _ in captured} >= {"reading", "transcribing"}
        assert captured[-1] == ("transcribing", 1.0)


def broken(folder: Path, what: str) -> Path:
    """A file that is no sound, or none any more."""
    path = write_wave(folder / f"{what}.wav", tones("abc"))
    content = path.read_bytes()
    if what == "truncated":
        path.write_bytes(content[:-500])
    elif what == "nothing":
        path.write_bytes(b"")
    elif what == "text":
        path.write_text("this is no sound, only a few words with the name of one")
    elif what == "no samples":
        write_wave(path, np.zeros(0, dtype=np.float32))
    elif what == "not finite":
        samples = np.array([0.0, math.nan, 0.0], dtype="<f4").tobytes()
        head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 3, 1, RATE, 4 * RATE,
                           4, 32, b"data", len(samples))  # fmt: skip
        path.write_bytes(head + samples)
    elif what == "missing":
        path.unlink()
    return path


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("truncated", "truncated.wav: expected .* bytes of samples, as its header says; the file is cut short"),
        ("nothing", "nothing.wav: expected a sound file. Received: an empty file"),
        ("text", "text.wav: expected a sound file"),
        ("no samples", "no samples.wav: expected a sound. Received: a file without samples"),
        ("not finite", "not finite.wav: expected finite samples. Received: nan at sample 1"),
        ("missing", "missing.wav"),
    ],
)
def test_files_that_are_no_sounds(what: str, said: str, trained: Transcriber, tmp_path: Path) -> None:
    path = broken(tmp_path, what)
    with pytest.raises(DataError, match=said):
        trained.transcribe(path)
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"path,text\n{path.name},abc\n")
    with pytest.raises(DataError, match=r"list.csv, line 2: "):
        trained.evaluate(manifest)


def test_a_recording_that_is_too_long_for_memory_is_refused() -> None:
    model = untrained(longest_seconds=0.5)
    with pytest.raises(DataError, match=r"the input, index 0: expected a sound of at most 0.5 seconds"):
        model.transcribe([tones("abcabc")], rate=RATE)


@pytest.mark.parametrize(
    ("sounds", "texts", "said"),
    [
        ([tones("a")], ["a", "b"], "expected a text for each of the 1 sequences of the training data. Received: 2"),
        ([tones("a")] * 2, ["a", 3], "index 1: expected a text. Received: int '3'"),
        ([], [], "expected at least one sound"),
        ([tones("a")], ["a"], "expected at least 2 recordings to hold some of them out"),
        ([np.zeros((2, 2, 2))] * 2, ["a", "b"], "index 0: expected samples, numbers of shape N"),
        (3, None, "expected sounds and texts, or paths of files. Received: int alone"),
        ([tones("a")], None, "expected sounds and texts, or paths of files. Received: list alone"),
    ],
)
def test_training_data_that_cannot_be(sounds: Any, texts: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Transcriber(**OPTIONS).fit(sounds, texts, rate=RATE, progress=False, tune=False)


def test_a_warning_names_texts_that_are_too_long(caplog: pytest.LogCaptureFixture) -> None:
    sounds, texts = spoken(6)
    sounds[2], texts[2] = tones("a"), "abc" * 20
    model = Transcriber(**OPTIONS | {"max_steps": 1, "held_out": 0.0})
    model.fit(sounds, texts, rate=RATE, progress=False, tune=False)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "1 of 6 texts need more steps than their recordings have: the training data, index 2" in record.message
    assert model.data["train_too_long"] == 1
    assert model.data["train_recordings"] == 6


def drawings(count: int, seed: int = 0) -> tuple[list[Any], list[str]]:
    """A pen that goes right for "a" and up for "b"."""
    draw = np.random.default_rng(seed)
    points, texts = [], []
    for _ in range(count):
        text = "".join(draw.choice(list("ab"), draw.integers(1, 4)))
        moves = [[5.0 * (sign == "a"), 5.0 * (sign == "b"), step == 5] for sign in text for step in range(6)]
        points.append(np.array(moves) + draw.normal(0, 0.1, (len(moves), 3)) * [1, 1, 0])
        texts.append(text)
    return points, texts


def test_strokes(tmp_path: Path) -> None:
    options = {"preset": "strokes", "stack_frames": 2, "stride": 1} | LEARNING
    model = Transcriber(**OPTIONS | options | {"max_steps": 150})
    model.fit(*drawings(40), valid=drawings(10, seed=2), progress=False, tune=False)
    points, texts = drawings(10, seed=5)
    assert model.evaluate(points, texts)["cer"] < 0.2
    answers = model.transcripts(points)
    assert answers[0].seconds is None
    assert all(piece.end <= len(points[0]) for piece in answers[0].pieces)
    lines = [
        json.dumps({"strokes": one.round(3).tolist(), "text": text}) for one, text in zip(points, texts, strict=True)
    ]
    (tmp_path / "drawings.jsonl").write_text("\n".join(lines) + "\n")
    assert model.evaluate(tmp_path / "drawings.jsonl")["texts"] == 10
    model.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").transcribe(tmp_path / "drawings.jsonl") == model.transcribe(points)
    with pytest.raises(DataError, match=r"index 0: expected one point at least, each of three numbers"):
        model.transcribe([tones("a")])


def test_a_model_of_strokes_hears_no_sound(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, count=2)
    model = untrained(kind="strokes", input="strokes")
    with pytest.raises(DataError):
        model.evaluate(manifest)
    data = untrained().read(manifest)
    with pytest.raises(DataError, match=r"expected strokes of 3 features. Received: sound of 8"):
        model.transcribe(data)
    np.save(tmp_path / "drawing.npy", np.zeros((3, 3)))
    with pytest.raises(DataError, match=r"expected either sounds or strokes. Received: both"):
        Transcriber(**OPTIONS).fit([manifest, tmp_path / "drawing.npy"], progress=False, tune=False)


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="expected loss_from and loss_to for tasks with a target at every step"):
        Transcriber(**OPTIONS, loss_from=2).fit(*spoken(4), rate=RATE, progress=False, tune=False)
    with pytest.raises(ConfigError, match=r"'beems'.*Did you mean 'beams'"):
        untrained().transcribe([tones("a")], beems=3)
    with pytest.raises(ConfigError, match="expected n_best of at most beams = 2"):
        untrained().transcribe([tones("a")], beams=2, n_best=3)
    with pytest.raises(ConfigError, match="data in files when training in a folder"):
        Transcriber(**OPTIONS).fit(*spoken(4), rate=RATE, folder="x", progress=False, tune=False)
    with pytest.raises(ConfigError, match="index 0: expected a rate from"):
        untrained().transcribe([tones("a")], rate=5)


def test_options_can_be_changed() -> None:
    model = Transcriber("streaming", hidden_size=12)
    assert model.get_params()["bidirectional"] is False
    assert model.set_params(hidden_size=13).get_params()["hidden_size"] == 13
    with pytest.raises(ConfigError):
        model.set_params(hidden_size=0)
    assert repr(model) == "<Transcriber lstm 2x13, not trained>"


@pytest.mark.parametrize("tokens", ["words", "subwords"])
def test_other_tokens(tokens: str, tmp_path: Path) -> None:
    sounds, texts = spoken(20)
    spaced = [" ".join(text) for text in texts]
    options = {"tokens": tokens, "vocabulary_size": 300, "max_steps": 2, **ONE_WAY}
    model = Transcriber(**OPTIONS | options).fit(sounds, spaced, rate=RATE, progress=False, tune=False)
    model.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    assert loaded.transcribe(sounds[:3], rate=RATE) == model.transcribe(sounds[:3], rate=RATE)
    assert loaded.vocabulary.unit == {"words": "word", "subwords": "token"}[tokens]


def test_models_of_other_tasks(tmp_path: Path) -> None:
    untrained().save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="expected a model of the task tagger"):
        Tagger.load(tmp_path / "model")
    described = json.loads((tmp_path / "model" / "elman.json").read_text())
    described["config"]["sound"]["mels"] = 9
    (tmp_path / "model" / "elman.json").write_text(json.dumps(described))
    with pytest.raises(ArtifactError, match=r"expected mels = 8, the features of the vocabulary. Received: 9"):
        elman.load(tmp_path / "model")


@pytest.mark.parametrize("search", [{}, {"beams": 4}, {"n_best": 5}], ids=str)
def test_the_unknown_token_is_never_said(search: dict[str, Any]) -> None:
    model = untrained(seed=1, **ONE_WAY)
    sound = tones("abcab")
    with torch.no_grad():
        model.network.head.bias[model.vocabulary.tokens.unknown_id] = 50.0
    (answer,) = model.transcripts([sound], rate=RATE, **search)
    assert not any("\ufffd" in each.text or "[UNK]" in each.text for each in answer.readings)
    # Its probability is not given to the others.
    assert answer.readings[0].log_probability < -100.0
    stream = model.stream()
    assert "\ufffd" not in stream.push(sound) + stream.finish()


def test_texts_in_another_encoding_are_noted_with_their_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    manifest = write_manifest(tmp_path / "data", count=12)
    lines = manifest.read_text(encoding="utf-8").splitlines()
    lines[3] += "\ufffd"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    Transcriber(**OPTIONS | {"max_steps": 1}).fit(manifest, valid=manifest, progress=False, tune=False)
    assert "1 of 12 texts have U+FFFD" in caplog.text
    assert "manifest.csv, line 4" in caplog.text


def test_several_texts_of_a_recording_are_different(monkeypatch: pytest.MonkeyPatch) -> None:
    model = untrained(seed=1)
    sound = tones("abcab")
    (plain,) = model.transcripts([sound], rate=RATE, beams=12, n_best=4)
    tokens = model.vocabulary.tokens
    # As if b and c were two tokens of one text.
    decode = type(tokens).decode_stream
    monkeypatch.setattr(
        type(tokens), "decode_stream", lambda self, ids: (each.replace("c", "b") for each in decode(self, ids))
    )
    (answer,) = model.transcripts([sound], rate=RATE, beams=12, n_best=4)
    texts = [each.text for each in answer.readings]
    assert len({each.text.replace("c", "b") for each in plain.readings}) < 4, "otherwise this proves nothing"
    assert len(set(texts)) == len(texts) == 4
    scores = [each.score for each in answer.readings]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == plain.readings[0].score
