"""A kind of vocabularies is one new module: it is found by its name, learnt, written, read again, and a choice."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman.data import prepare
from elman.data.pairs import PairVocabulary, pairs_from
from elman.data.pairs.config import PairsConfig
from elman.data.read import open_text
from elman.data.vocabulary import kinds, learn_vocabulary, token_kinds, vocabulary_class, vocabulary_from_json
from elman.data.vocabulary.options import vocabulary_options
from elman.errors import ArtifactError, ConfigError

# Lines as tokens.
SOURCE = """
from collections import Counter
from types import MappingProxyType
import numpy as np
from elman.data.vocabulary.base import Vocabulary

class LineVocabulary(Vocabulary):
    kind = "toylines"
    unit = "line"
    option_names = MappingProxyType({"vocabulary_size": "most", "min_count": "min_count"})

    def __init__(self, lines):
        self.lines = lines

    @classmethod
    def learn(cls, pieces, *, most=100, min_count=1):
        counts = Counter(line for piece in pieces for line in piece.splitlines())
        return cls([line for line, count in counts.most_common(most - 2) if count >= min_count])

    @classmethod
    def from_json(cls, content):
        return cls(content["lines"])

    @property
    def size(self):
        return 2 + len(self.lines)

    def encode(self, text):
        known = {line: number for number, line in enumerate(self.lines, 2)}
        return np.array([known.get(line, 0) for line in text.splitlines()], dtype=np.int64)

    def decode_stream(self, ids):
        for number in ids:
            yield "" if number == 1 else self.lines[self.check_number(number) - 2] if number else "?"

    def token(self, number):
        return (["[UNK]", "[EOS]"] + self.lines)[self.check_number(number)]

    def count_unknown(self, text):
        return dict(Counter(line for line in text.splitlines() if line not in self.lines))

    def to_json(self):
        return {"kind": self.kind, "lines": self.lines}
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "toylines.py").write_text(SOURCE)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(folder)])
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path / "cache"))
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop(f"{kinds.__name__}.toylines", None)
    if hasattr(kinds, "toylines"):
        del kinds.toylines


def test_the_default_kind_is_the_first_choice() -> None:
    assert token_kinds() == ("characters", "words", "subwords")
    assert token_kinds("words") == ("words", "characters", "subwords")
    assert token_kinds("subwords") == ("subwords", "words", "characters")


def test_a_new_kind_is_learnt_written_and_read_again(toy: Path) -> None:
    vocabulary = learn_vocabulary({"kind": "toylines", "most": 4}, ["a b\nc\na b\n", "d\nc\na b\n"])
    assert [vocabulary.token(number) for number in range(vocabulary.size)] == ["[UNK]", "[EOS]", "a b", "c"]
    again = vocabulary_from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert type(again) is type(vocabulary) is vocabulary_class("toylines")
    assert again.encode("c\nd\na b\n").tolist() == [3, 0, 2]
    assert again.fingerprint() == vocabulary.fingerprint()
    assert token_kinds("words") == ("words", "characters", "subwords", "toylines")


def test_a_new_kind_takes_options_of_tasks_and_serves_them(toy: Path, tmp_path: Path) -> None:
    config = SimpleNamespace(tokens="toylines", vocabulary_size=3, min_count=2, lowercase=True, numbers=True)
    assert vocabulary_options(config) == {"kind": "toylines", "most": 3, "min_count": 2}
    config.vocabulary_size = 0
    assert vocabulary_options(config) == {"kind": "toylines", "min_count": 2}
    (tmp_path / "text.txt").write_text("one\ntwo\none\ntwo\nthree\n" * 30)
    for _ in range(2):  # learnt, then found in the cache
        with open_text([tmp_path / "text.txt"]) as source:
            corpus = prepare(source, vocabulary="toylines", split=(0.8, 0.1, 0.1))
        assert corpus.vocabulary.kind == "toylines"
        assert corpus.train.read(0, 4).tolist() == [1, 2, 3, 2]
    pairs = PairVocabulary.learn(pairs_from(["a", "b"], ["x", "y"]), PairsConfig(tokens="toylines", min_count=1))
    assert [ids.tolist() for ids in PairVocabulary.from_json(pairs.to_json()).encode_targets(["y", "z"])] == [[3], [0]]


def test_a_new_kind_is_a_choice_of_every_option_of_tokens(toy: Path) -> None:
    script = """
import sys
import elman.data.vocabulary.kinds as kinds
kinds.__path__.append(sys.argv[1])
from elman.data.captioned.config import CaptionTextConfig
from elman.data.examples.config import InputConfig
from elman.data.pairs.config import PairsConfig
from elman.data.text_config import TextConfig
from elman.data.transcripts.config import TranscriptsConfig
from elman.options import choices_of, fields_of
for section in (CaptionTextConfig, InputConfig, PairsConfig, TextConfig, TranscriptsConfig):
    print(*choices_of(fields_of(section)["tokens"][0]))
print(choices_of(fields_of(PairsConfig)["target_tokens"][0]))
print(*sorted({"numpy", "torch", "tokenizers"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script, str(toy)], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "words characters subwords toylines",
        "words characters subwords toylines",
        "subwords words characters toylines",
        "characters words subwords toylines",
        "characters words subwords toylines",
        "('', 'subwords', 'words', 'characters', 'toylines')",
        "",
    ], done.stderr


def test_an_unknown_kind_and_a_module_without_its_class_are_refused(toy: Path) -> None:
    with pytest.raises(ConfigError, match=r"one of characters, words, subwords, toylines\. Received: 'lines'"):
        learn_vocabulary("lines", ["a"])
    with pytest.raises(ArtifactError, match=r"kind characters, words, subwords, toylines\. Received: 'lines'"):
        vocabulary_from_json({"kind": "lines"})
    (toy / "toylines.py").write_text(SOURCE.replace('kind = "toylines"', 'kind = "lines"'))
    with pytest.raises(ConfigError, match=r"kind 'toylines' in .*\.toylines\. Received: none"):
        learn_vocabulary("toylines", ["a"])
