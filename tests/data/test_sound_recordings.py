"""Recordings from manifests, folders, files and memory; their features."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from elman.data.manifest import ManifestConfig
from elman.data.sound.config import SoundConfig
from elman.data.sound.features import LogMel
from elman.data.sound.read import read_sound
from elman.data.sound.reading import read_recordings
from elman.data.sound.recordings import features_of, recordings_from
from elman.data.transcripts import LazyFrames
from elman.errors import ConfigError, DataError, EncodingError

CONFIG = ManifestConfig()
EIGHT = SoundConfig(sample_rate=8000, mels=20)


def noise(number: int, seconds: float = 0.2, rate: int = 8000) -> np.ndarray:
    return np.random.default_rng(number).normal(size=round(seconds * rate)).astype(np.float32) * 0.1


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A folder with sounds of several kinds: `a` and `b` plain, `stereo`, and `cd` at 44.1 kHz."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    soundfile.write(folder / "a.wav", noise(1), 8000)
    soundfile.write(folder / "b.flac", noise(2, 0.31), 8000)
    soundfile.write(folder / "cd.wav", noise(3, rate=44100), 44100)
    soundfile.write(folder / "stereo.wav", noise(4, 0.4).reshape(-1, 2), 8000)
    return folder


def manifest(folder: Path, content: str | bytes, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", "path,text\nsounds/a.wav,one\nsounds/b.flac, two words \n"),
        ("list.csv", "\ufefftext;path\r\none;sounds/a.wav\r\ntwo words;sounds/b.flac\r\n"),
        ("list.tsv", "path\ttext\nsounds/a.wav\tone\n\nsounds/b.flac\ttwo words\n"),
        ("list.jsonl", '{"path": "sounds/a.wav", "text": "one"}\n{"path": "sounds/b.flac", "text": "two words"}\n'),
    ],
)
def test_the_same_manifest_in_many_forms(
    tmp_path: Path, sounds: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    del sounds
    path = manifest(tmp_path, content, name)
    monkeypatch.chdir(tmp_path.parent)  # paths are relative to the manifest, not to the current folder
    found = read_recordings(path, CONFIG)
    assert found.texts == ["one", "two words"]
    assert [info.frames for info in found.infos] == [1600, 2480]
    assert found.seconds == pytest.approx(0.51)
    np.testing.assert_allclose(found.samples(1, 8000), noise(2, 0.31), atol=2**-15)
    line = 4 if "\n\n" in content else 2 if name == "list.jsonl" else 3
    assert found.places[1] == f"{path}, line {line}: sounds/b.flac"


def test_a_lone_quotation_mark_in_a_manifest(tmp_path: Path, sounds: Path) -> None:
    del sounds
    content = 'path\ttext\nsounds/a.wav\tone\nsounds/a.wav\t"one, he said\n'
    path = manifest(tmp_path, content, "list.tsv")
    assert read_recordings(path, CONFIG).texts == ["one", '"one, he said']
    path = manifest(tmp_path, 'path,text\nsounds/a.wav,"one\nsounds/a.wav,he said\n')
    with pytest.raises(DataError, match=r"list\.csv, line 2: expected the quotation mark .*quoting=off"):
        read_recordings(path, CONFIG)
    assert read_recordings(path, ManifestConfig(quoting="off")).texts == ['"one', "he said"]


def test_absolute_paths_and_other_columns(tmp_path: Path, sounds: Path) -> None:
    other = tmp_path / "elsewhere"
    other.mkdir()
    path = manifest(other, f"wav,said\n{sounds / 'a.wav'},one\n../sounds/b.flac,two\n")
    found = read_recordings(path, ManifestConfig(path_column="wav", text_column="said"))
    assert found.texts == ["one", "two"]


def test_a_manifest_on_standard_input(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sounds)
    with (sounds / "in.csv").open("w+") as file:
        file.write("path,text\na.wav,one\n")
        file.seek(0)
        monkeypatch.setattr("sys.stdin", file)
        found = read_recordings("-", CONFIG)
    assert found.places == ["standard input, line 2: a.wav"]
    assert found.texts == ["one"]


def test_a_folder_with_texts_beside_the_sounds(sounds: Path) -> None:
    for name, text in (("a", "one"), ("b", "\ufefftwo\r\nwords\n"), ("cd", "three"), ("stereo", "four")):
        (sounds / f"{name}.txt").write_text(text, encoding="utf-8", newline="")
    found = read_recordings([sounds], CONFIG)
    assert found.texts == ["one", "two words", "three", "four"]
    assert [Path(place).name for place in found.places] == ["a.wav", "b.flac", "cd.wav", "stereo.wav"]
    alone = read_recordings([sounds / "b.flac", sounds / "a.wav"], CONFIG)
    assert alone.texts == ["two words", "one"]


def test_a_file_that_is_named_twice_is_learnt_once(tmp_path: Path, sounds: Path) -> None:
    path = manifest(tmp_path, "path,text\nsounds/a.wav,one\nsounds/a.wav,two\n")
    assert read_recordings([path, tmp_path / "list.*"], CONFIG).texts == ["one", "two"]
    (sounds / "a.txt").write_text("one")
    assert len(read_recordings([sounds / "a.wav", sounds / "a.wav"], CONFIG)) == 1
    assert len(read_recordings([sounds / "a.wav", sounds / "a.wav"], CONFIG, labelled=False)) == 2


def test_sounds_to_be_transcribed_need_no_texts(tmp_path: Path, sounds: Path) -> None:
    assert read_recordings([sounds], CONFIG, labelled=False).texts is None
    path = manifest(tmp_path, "path\nsounds/a.wav\n")
    assert read_recordings([path, sounds / "b.flac"], CONFIG, labelled=False).texts is None


def test_what_is_done_to_sounds_is_reported_once(sounds: Path) -> None:
    found = read_recordings([sounds], CONFIG, labelled=False)
    stereo = "1 of 4 recordings have more than one channel (2); their mean is used"
    rate = "1 of 4 recordings have another rate than 8,000 Hz (44,100); they are resampled"
    assert found.notes(8000) == (stereo, rate)
    assert features_of(found, EIGHT).notes == (stereo, rate)
    assert found.take([0, 1]).notes(8000) == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,text\na.wav,one\nnone.wav,two\n", r"line 3: none.wav: expected a sound file. Received: no file of this"),
        ("path,text\na.wav,one\n,two\n", "line 3: expected the path of a sound file. Received: ''"),
        ("path,text\na.wav,one\nb.flac,  \n", "line 3: expected a text. Received: an empty one"),
        ("path,text\n", "expected rows below the names"),
        ("file,text\na.wav,one\n", r"expected a column 'path' \(named by path_column\). Received: .* 'file', 'text'"),
        ("path,words\na.wav,one\n", r"expected a column 'text' \(named by text_column\)"),
        ("path,text\na.wav\n", "line 2: expected 2 cells"),
        ("path,text\nlist.csv,one\n", r"line 2: list.csv: expected a sound file \(WAV, FLAC or Ogg\)"),
        ("path,text\ncut.wav,one\n", "line 2: cut.wav: expected .* cut short"),
        ("path,text\ncd.wav,one\nlong.wav,one\n", "line 3: long.wav: expected a sound of at most 2 seconds"),
    ],
)
def test_manifests_that_cannot_be_used(sounds: Path, content: str, message: str) -> None:
    (sounds / "cut.wav").write_bytes((sounds / "a.wav").read_bytes()[:-7])
    soundfile.write(sounds / "long.wav", np.zeros(8000 * 3), 8000)
    with pytest.raises(DataError, match=message) as caught:
        read_recordings(manifest(sounds, content), CONFIG, longest_seconds=2.0)
    assert str(sounds / "list.csv") in str(caught.value)


def test_a_null_in_json_names_its_line(sounds: Path) -> None:
    path = manifest(sounds, '{"path": "a.wav", "text": "one"}\n{"path": "b.flac", "text": null}\n', "list.jsonl")
    with pytest.raises(DataError, match=r"list.jsonl, line 2: expected a value in the column 'text'. Received: none"):
        read_recordings(path, CONFIG)


def test_a_sound_of_another_kind_is_taken_for_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.MP3").write_bytes(b"ID3\0")
    with pytest.raises(DataError, match=r"a\.MP3: expected a sound file \(\.wav, .* or a manifest\. Received: .*\.MP3"):
        read_recordings(tmp_path / "a.MP3", CONFIG, labelled=False)


def test_texts_that_are_not_utf8(sounds: Path) -> None:
    path = manifest(sounds, "path,text\na.wav,grün\n".encode("latin-1"))
    with pytest.raises(EncodingError, match="offset"):
        read_recordings(path, CONFIG)
    assert read_recordings(path, ManifestConfig(encoding="latin-1")).texts == ["grün"]
    (sounds / "a.txt").write_bytes(b"gr\xfcn")
    with pytest.raises(EncodingError, match=r"a\.txt: the bytes at offset 2"):
        read_recordings(sounds / "a.wav", CONFIG)


def test_folders_that_cannot_be_used(tmp_path: Path, sounds: Path) -> None:
    (sounds / "a.txt").write_text("one")
    with pytest.raises(DataError, match=r"b\.flac: expected its text in b.txt next to it. Received: no such file"):
        read_recordings(sounds, CONFIG)
    (sounds / "a.txt").write_text(" \n")
    with pytest.raises(DataError, match=r"a\.txt: expected a text. Received: an empty file"):
        read_recordings(sounds, CONFIG)
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.md").write_text("x")
    with pytest.raises(DataError, match=r"expected sound files \(.wav, .* Received: 1 other files"):
        read_recordings(other, CONFIG)


def test_recordings_of_a_program(sounds: Path) -> None:
    samples = noise(1)
    items = [
        (samples, 8000),
        samples,
        sounds / "a.wav",
        str(sounds / "stereo.wav"),
        (np.int16([1, 2, 3]), np.int64(8000)),
    ]
    found = recordings_from(items, ["a", " b ", "c", "d", "e"], rate=8000)
    assert found.texts == ["a", "b", "c", "d", "e"]
    np.testing.assert_array_equal(found.samples(0, 8000), samples)
    np.testing.assert_allclose(found.samples(2, 8000), samples, atol=2**-15)
    assert len(found.samples(0, 16000)) == 3200
    assert found.infos[3].channels == 2
    assert found.digests[0] == found.digests[1]


@pytest.mark.parametrize(
    ("items", "texts", "error", "message"),
    [
        ([], None, DataError, "expected at least one sound in the recordings. Received: none"),
        ("a.wav", None, DataError, "expected a list of sounds. Received: str"),
        (
            noise(1),
            None,
            DataError,
            r"expected a list of sounds, such as \[samples\]\. Received: \S+ numbers",
        ),
        ([noise(1)], None, ConfigError, "index 0: expected the sample rate of the samples"),
        ([(noise(1), 8000), ([np.inf], 8000)], None, DataError, "index 1: expected finite samples"),
        ([(noise(1), 8000)], ["a", "b"], DataError, "expected a text for each of the 1 sequences .* Received: 2 texts"),
        ([(noise(1), 8000)], [3], DataError, "index 0: expected a text. Received: int '3'"),
        ([(noise(1), 8000)], [" "], DataError, "index 0: expected a text. Received: an empty one"),
        (["none.wav"], None, DataError, "index 0: none.wav: expected a sound file"),
    ],
)
def test_recordings_of_a_program_that_cannot_be_used(
    items: object, texts: list[str] | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        recordings_from(items, texts)  # type: ignore[arg-type]


def test_features_kept_and_computed_are_the_same(sounds: Path) -> None:
    found = read_recordings([sounds], CONFIG, labelled=False)
    shares: list[float] = []
    kept = features_of(found, EIGHT, progress=lambda what, share: shares.append(share))
    computed = features_of(found, EIGHT, max_bytes=0)
    assert isinstance(kept.frames, list)
    assert isinstance(computed.frames, LazyFrames)
    assert shares == [0.25, 0.5, 0.75, 1.0]
    assert kept.lengths.tolist() == [len(x_TF) for x_TF in kept.frames] == computed.lengths.tolist()
    log_mel = LogMel(EIGHT)
    rows = [3, 1, 1]
    for own, other, row in zip(kept.take(rows).frames, computed.take(rows).frames, rows, strict=True):
        expected = log_mel(found.samples(row, 8000))
        np.testing.assert_array_equal(own, expected)
        np.testing.assert_array_equal(other, expected)
    assert kept.features == 20
    assert kept.fingerprint() == computed.fingerprint()


def test_computed_features_are_computed_when_asked(sounds: Path) -> None:
    found = read_recordings([sounds], CONFIG, labelled=False)
    computed = features_of(found, EIGHT, max_bytes=0)
    soundfile.write(sounds / "a.wav", noise(1, 0.3), 8000)
    computed.frames[1]
    with pytest.raises(DataError, match=r"a\.wav: expected a file that has not changed since its header was read"):
        computed.frames[0]


def test_the_fingerprint_is_of_contents(tmp_path: Path, sounds: Path) -> None:
    rows = "path,text\na.wav,one\nb.flac,two\n"
    before = features_of(read_recordings(manifest(sounds, rows), CONFIG), EIGHT)
    moved = shutil.copytree(sounds, tmp_path / "moved")
    assert features_of(read_recordings(moved / "list.csv", CONFIG), EIGHT).fingerprint() == before.fingerprint()
    other_text = manifest(sounds, rows.replace("two", "too"), "other.csv")
    assert features_of(read_recordings(other_text, CONFIG), EIGHT).fingerprint() != before.fingerprint()
    assert before.take([1, 0]).fingerprint() != before.fingerprint()
    more = features_of(read_recordings(sounds / "list.csv", CONFIG), SoundConfig(sample_rate=8000, mels=21))
    assert more.fingerprint() != before.fingerprint()
    samples = noise(1)
    samples[7] += 1e-3
    soundfile.write(sounds / "a.wav", samples, 8000)
    assert features_of(read_recordings(sounds / "list.csv", CONFIG), EIGHT).fingerprint() != before.fingerprint()


def test_spoken_digits(tmp_path: Path, shared_data: Callable[[str], Path]) -> None:
    with tarfile.open(shared_data("audio/fsdd-recordings.tar.gz")) as archive:
        some = [member for member in archive if member.name.endswith("_0.wav")]
        archive.extractall(tmp_path, some, filter="data")
    rows = [{"path": member.name, "text": Path(member.name).name[0]} for member in some]
    path = manifest(tmp_path, "\n".join(map(json.dumps, rows)), "list.jsonl")
    found = features_of(read_recordings(path, CONFIG), EIGHT)
    assert len(found) == 60
    assert sorted(set(found.texts or ())) == list("0123456789")
    assert found.notes == ()
    assert [len(x_TF) for x_TF in found.frames] == found.lengths.tolist()
    assert all(np.isfinite(x_TF).all() for x_TF in found.frames)
    own = LogMel(EIGHT)(read_sound(tmp_path / rows[5]["path"], 8000).samples)
    np.testing.assert_array_equal(found.frames[5], own)


def test_samples_and_their_rate_may_come_in_either_order() -> None:
    samples = noise(1)
    found = recordings_from([(samples, 8000), (8000, samples), (np.int64(8000), np.int16([1, 2, 3]))])
    np.testing.assert_array_equal(found.samples(0, 8000), found.samples(1, 8000))
    assert [info.rate for info in found.infos] == [8000] * 3
    with pytest.raises(DataError, match="index 0: expected samples"):
        recordings_from([(8000, 16000)])


def test_manifests_of_other_programs(sounds: Path) -> None:
    nemo = '{"audio_filepath": "a.wav", "duration": 0.2, "text": "one"}\n' * 2
    (sounds / "clips").mkdir()
    (sounds / "clips" / "b.wav").write_bytes((sounds / "a.wav").read_bytes())
    texts = {
        "nemo.json": nemo,
        "nemo.manifest": "\n" + nemo,
        "common_voice.tsv": "client_id\tpath\tsentence\n1\ta.wav\tone\n2\tb.wav\tone\n",
        "deepspeech.csv": "wav_filename,wav_filesize,transcript\na.wav,1,one\na.wav,1,one\n",
        "folder.csv": "file_name,transcription\na.wav,one\na.wav,one\n",
    }
    for name, text in texts.items():
        found = read_recordings(manifest(sounds, text, name), CONFIG)
        assert found.texts == ["one", "one"], name
        assert len(found.samples(1, 8000)) == len(found.samples(0, 8000))


def test_the_delimiter_and_the_columns_of_a_manifest_are_options(sounds: Path) -> None:
    path = manifest(sounds, "path|said, then|sentence|transcript\na.wav|no|yes|maybe\n", "bars.csv")
    config = dataclasses.replace(CONFIG, delimiter="|")
    assert read_recordings(path, dataclasses.replace(config, text_column="sentence")).texts == ["yes"]
    with pytest.raises(DataError, match="expected a column 'text' \\(named by text_column\\)"):
        read_recordings(path, config)  # two columns could be meant
    with pytest.raises(ConfigError, match="expected a delimiter of one character"):
        read_recordings(path, dataclasses.replace(CONFIG, delimiter="||"))
    tabs = manifest(sounds, "path\ttext\na.wav\tone, two\n", "tabs.txt")
    assert read_recordings(tabs, dataclasses.replace(CONFIG, delimiter="\\t")).texts == ["one, two"]
