"""Rounds of passages: never text that was trained on, and alike in everything but the writer."""

from __future__ import annotations

import copy
import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import LanguageModel
from elman.baselines.ngrams import InterpolatedNGrams
from elman.data.corpus import prepare_corpus
from elman.data.sources import Sources
from elman.errors import ConfigError, DataError
from elman.tasks.language_model.guess_rounds import GuessRound, GuessRounds

from . import small

NOUNS = ("whale", "ship", "captain", "sailor", "storm", "harbour", "island")
VERBS = ("saw", "met", "left", "feared", "sought")


def text_of(seed: int, sentences: int = 400) -> str:
    """Sentences that hardly ever repeat, three a line."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(sentences):
        first, second = draw.choice(NOUNS, 2)
        made.append(f"The {first} {draw.choice(VERBS)} the {second} {draw.integers(100)} times.")
        made.append("\n" if number % 3 == 2 else " ")
    return "".join(made)


TEXT = text_of(0)
KINDS: dict[str, dict[str, Any]] = {
    "characters": {},
    "words": {"tokens": "words", "min_count": 2},
    "subwords": {"tokens": "subwords", "vocabulary_size": 300},
}


def trained(folder: Path, **options: Any) -> LanguageModel:
    return small.trained(folder, TEXT, max_steps=30, **options)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ELMAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Path]:
    folder = tmp_path_factory.mktemp("guess")
    return trained(folder, **KINDS[request.param]), folder / "text.txt"


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> tuple[LanguageModel, Path]:
    folder = tmp_path_factory.mktemp("guess")
    return trained(folder), folder / "text.txt"


def test_a_person_wrote_text_that_was_held_out(kind: tuple[LanguageModel, Path]) -> None:
    model, path = kind
    made = model.guess_rounds(path, rounds=4, length=50, seed=1)
    corpus = prepare_corpus(Sources([path]), model.config.text, vocabulary=model.vocabulary)
    assert corpus.test is not None
    test, train = (model.vocabulary.decode(part.read(0, len(part)).tolist()) for part in (corpus.test, corpus.train))
    assert len(made) == 4
    assert made.source == "the test part of the training text"
    assert made.remarks == ()
    for each in made:
        human, machine = each.passages[each.human - 1], each.passages[2 - each.human]
        assert " ".join(human.split()) in " ".join(test.split())
        assert human not in train
        for passage in (human, machine):
            assert 20 < len(passage) <= 50
            assert passage == passage.strip()
            assert "[UNK]" not in passage
            assert "\ufffd" not in passage


def test_wrapped_lines_are_joined_on_both_sides(tmp_path: Path) -> None:
    text = "\n\n".join(textwrap.fill(" ".join(text_of(seed, 12).split()), 70) for seed in range(40))
    model = small.trained(tmp_path, text.lower(), max_steps=60)
    made = model.guess_rounds(tmp_path / "text.txt", rounds=6, length=150, seed=1)
    shown = [each.passages[side] for each in made for side in (0, 1)]
    assert len(max(shown, key=len)) > 100
    for passage in shown:
        assert "\n" not in passage.replace("\n\n", "")
    joined = " ".join(text.lower().split())
    for each in made:
        assert " ".join(each.passages[each.human - 1].split()) in joined


def test_rounds_depend_on_the_seed_alone(lm: tuple[LanguageModel, Path]) -> None:
    model, path = lm
    made = model.guess_rounds(path, rounds=6, length=40, seed=3)
    assert made == model.guess_rounds(path, rounds=6, length=40, seed=3)
    assert made != model.guess_rounds(path, rounds=6, length=40, seed=4)
    assert {each.human for each in made} == {1, 2}
    cold = model.guess_rounds(path, rounds=1, length=40, seed=3, temperature=0.0)
    assert cold[0].passages != made[0].passages


def test_nats_by_hand(lm: tuple[LanguageModel, Path]) -> None:
    model, path = lm
    corpus = prepare_corpus(Sources([path]), model.config.text, vocabulary=model.vocabulary)
    assert corpus.test is not None
    test = corpus.test.read(0, len(corpus.test)).tolist()
    counted = InterpolatedNGrams("kneser-ney").fit(corpus.train.read(0, len(corpus.train)), model.vocabulary.size, 6)
    (each,) = model.guess_rounds(path, rounds=1, length=60, seed=2)
    place = model.vocabulary.decode(test).index(each.passages[each.human - 1])
    before = test[max(0, place - 256) : place]
    network = copy.deepcopy(model.network).double()
    for passage, nats, others in zip(each.passages, each.nats_per_char, each.ngram_nats_per_char or (), strict=True):
        ids = [*model.context_start(), *before, *model.vocabulary.encode(passage).tolist()]
        rows = small.one_by_one(network, ids[:-1])
        values = [float(rows[at - 1][ids[at]]) for at in range(len(ids) - len(passage), len(ids))]
        assert nats == pytest.approx(-math.fsum(values) / len(passage), abs=1e-5)
        expected = -counted.log_probabilities(ids)[-len(passage) :].sum() / len(passage)
        assert others == pytest.approx(expected)
    ratios = [a - b for a, b in zip(each.nats_per_char, each.ngram_nats_per_char or (), strict=True)]
    assert each.by_likelihood == 1 + ratios.index(max(ratios))


def test_scores() -> None:
    rounds = tuple(GuessRound(("a", "b"), 1 + n % 2, (1.0, 2.0), (0.0, 0.0)) for n in range(4))
    made = GuessRounds(rounds, "a text", "word")
    assert made.score([1, 2, 2]).to_json()["right"] == 2
    assert (made.likelihood_score().right, made.likelihood_score().total) == (2, 4)
    assert made.likelihood_score(1).right == 0
    assert GuessRound(("a", "b"), 1, (1.0, 2.0), (0.0, 1.5)).by_likelihood == 1
    assert GuessRound(("a", "b"), 1, (1.0, 2.0)).by_likelihood == 2


def test_another_text(lm: tuple[LanguageModel, Path], tmp_path: Path) -> None:
    model, _ = lm
    other = tmp_path / "other.txt"
    other.write_text(text_of(1, 60), encoding="utf-8")
    made = model.guess_rounds(other, rounds=3, length=40)
    assert made.source == "the text"
    assert "not known" in made.remarks[0]  # a model in memory does not know its files
    assert all(each.ngram_nats_per_char is None for each in made)
    for each in made:
        assert each.passages[each.human - 1] in other.read_text(encoding="utf-8")


def test_a_folder_knows_the_training_text(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    options = small.OPTIONS | {"max_steps": 3}
    LanguageModel(**options).fit(path, folder=tmp_path / "model", progress=False, tune=False)
    model = elman.load(tmp_path / "model")
    assert model.guess_rounds(rounds=2, length=40) == model.guess_rounds(path, rounds=2, length=40)
    # The same text in another file, with more behind it: what was trained on is left out.
    longer = tmp_path / "longer.txt"
    longer.write_text(TEXT + text_of(5, 60), encoding="utf-8")
    made = model.guess_rounds(longer, rounds=3, length=40)
    assert made.remarks == ()
    assert made[0].ngram_nats_per_char is not None
    trained_on = TEXT[: round(0.9 * len(TEXT))]
    assert not any(each.passages[each.human - 1] in trained_on for each in made)
    # Nothing but what was trained on.
    part = tmp_path / "part.txt"
    part.write_text(TEXT[:3000], encoding="utf-8")
    with pytest.raises(DataError, match=r"not trained on.*Received: 0 in the text, without .* that the training text"):
        model.guess_rounds(part, rounds=3, length=40)
    # The training file has changed, so that its parts are not known.
    path.write_text(TEXT + "More.\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"a file of this name was trained on.*have changed.*Received: text.txt"):
        model.guess_rounds(path, rounds=2, length=40)
    with pytest.raises(ConfigError, match=r"expected a text: .*have changed"):
        model.guess_rounds(rounds=2, length=40)
    path.unlink()
    assert "cannot be read" in model.guess_rounds(longer, rounds=2, length=40).remarks[0]


def test_a_file_of_several(tmp_path: Path) -> None:
    """Of a run on two files with a test text, no passage is from the file that is asked for, which was trained on."""
    names = ("one", "two", "test")
    for seed, name in enumerate(names):
        (tmp_path / f"{name}.txt").write_text(text_of(seed + 10, 90), encoding="utf-8")
    one, two, test = (tmp_path / f"{name}.txt" for name in names)
    options = small.OPTIONS | {"max_steps": 3}
    LanguageModel(**options).fit([one, two], test=test, folder=tmp_path / "model", progress=False, tune=False)
    made = elman.load(tmp_path / "model").guess_rounds(one, rounds=3, length=40)
    assert made.source == "the test part of the training text"
    for each in made:
        assert each.passages[each.human - 1] in test.read_text(encoding="utf-8")


def test_a_text_without_held_out_part_is_refused(tmp_path: Path) -> None:
    model = trained(tmp_path, split=(1.0, 0.0, 0.0))
    with pytest.raises(DataError, match="trained on all of this one"):
        model.guess_rounds(tmp_path / "text.txt")


def test_a_model_that_started_from_another_one(lm: tuple[LanguageModel, Path], tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    model = LanguageModel(max_steps=2, threads=1, precision="float32")
    model.fit(path, start_from=lm[0], progress=False, tune=False)
    assert "started from another one" in model.guess_rounds(path, rounds=1, length=30).remarks[0]


def test_wrong_requests_are_refused(lm: tuple[LanguageModel, Path], tmp_path: Path) -> None:
    model, path = lm
    for options in ({"rounds": 0}, {"rounds": True}, {"length": 19}, {"seed": -1}, {"temperature": -1.0}):
        with pytest.raises(ConfigError, match="Received"):
            model.guess_rounds(path, **options)
    with pytest.raises(ConfigError, match=r"expected a file of text.*Received: -"):
        model.guess_rounds("-")
    with pytest.raises(ConfigError, match="expected a text: elman guess MODEL --text BOOK"):
        model.guess_rounds()
    short = tmp_path / "short.txt"
    short.write_text("The whale met the ship. The ship met the storm.\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"two passages, 2 x 40 characters.*Received: 48 characters"):
        model.guess_rounds(short, length=40)
    with pytest.raises(DataError, match=r"expected 50 passages of 200 characters.*--rounds makes fewer"):
        model.guess_rounds(path, rounds=50)
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.network.head.bias[:] = torch.nan
    with pytest.raises(DataError, match="finite logits"):
        broken.guess_rounds(path, rounds=1, length=40)
