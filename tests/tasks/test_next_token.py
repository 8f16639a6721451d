"""The distribution of the next token: against plain float64 forward passes, in pieces, with candidates."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman import Captioner, LanguageModel, Translator
from elman.decode.next_token import NextTokens
from elman.errors import ConfigError, DataError

from . import small, small_captioners, small_translators

SHARPER = {"max_steps": 60, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def lm(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("next")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        return small.trained(folder, **SHARPER, layers=2, learn_initial_state=True)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("words")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        return small.trained(folder, tokens="words", **SHARPER)


@pytest.fixture(scope="module")
def subwords(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("subwords")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        return small.trained(folder, tokens="subwords", vocabulary_size=300, **SHARPER)


@pytest.fixture(
    scope="module", params=["bahdanau", *(pytest.param(x, marks=pytest.mark.slow) for x in ("luong", "none"))]
)
def translator(request: pytest.FixtureRequest) -> Translator:
    return small_translators.trained(attention=request.param, reverse_source=request.param == "none", **SHARPER)


@pytest.fixture(scope="module")
def captioner() -> Captioner:
    return small_captioners.trained(*small_captioners.bars(), attention="luong", **SHARPER)


def plain_lm(model: LanguageModel, ids: list[int]) -> np.ndarray:
    """Log-probabilities after each of `ids`, in float64."""
    return small.one_by_one(copy.deepcopy(model.network).double(), ids).numpy()


def assert_same(found: NextTokens, expected_V: np.ndarray) -> None:
    np.testing.assert_allclose(found.log_probs_V, expected_V, atol=2e-5)
    assert found.log_probs_V.dtype == np.float64
    assert abs(found.probabilities.sum() - 1.0) < 1e-12
    best = sorted(range(len(expected_V)), key=lambda number: -expected_V[number])[: len(found)]
    assert [each.ids for each in found] == [(number,) for number in best]
    assert [each.probability for each in found] == pytest.approx(np.exp(expected_V[best]), abs=1e-5)


@pytest.mark.parametrize("prompt", ["", "hel", "the white whale swam " * 60])
def test_a_language_model_by_hand(lm: LanguageModel, prompt: str) -> None:
    ids = lm.context_start() + lm.vocabulary.encode(prompt).tolist()
    found = lm.next(prompt, top=5)
    assert len(found) == 5
    assert_same(found, plain_lm(lm, ids)[-1])
    everything = lm.next(prompt, top=10_000)
    assert len(everything) == lm.vocabulary.size
    assert math.fsum(each.probability for each in everything) == pytest.approx(1.0, abs=1e-12)


def test_the_most_likely_token_is_the_one_that_is_generated(lm: LanguageModel) -> None:
    assert lm.next("the white wh").found[0].text == lm.generate("the white wh", length=1, temperature=0)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("cuts", [(3,), (0, 1, 9), (17,)])
def test_a_prompt_in_pieces_is_the_whole_prompt(tmp_path: Path, cell: str, cuts: tuple[int, ...]) -> None:
    model, prompt = small.trained(tmp_path, cell=cell), "the white whale swam"
    state = None
    for start, end in zip((0, *cuts), (*cuts, len(prompt)), strict=True):
        found = model.next(prompt[start:end], state=state)
        state = found.state
    np.testing.assert_allclose(found.log_probs_V, model.next(prompt).log_probs_V, atol=1e-6)
    np.testing.assert_array_equal(model.next("", state=state).log_probs_V, found.log_probs_V)


def test_candidates_of_several_tokens_have_the_probability_of_all_of_them(lm: LanguageModel) -> None:
    prompt, candidates = "the white", [" ", " whale", "z", " sea; the captain"]
    known = lm.vocabulary
    candidates = [each for each in candidates if known.unknown_id not in known.encode(each)]
    found = lm.next(prompt, candidates=candidates)
    assert [each.text for each in found] == candidates
    for each in found:
        ids = lm.context_start() + known.encode(prompt + each.text).tolist()
        rows = plain_lm(lm, ids[:-1])
        count = len(each.text)
        expected = sum(rows[place - 1][ids[place]] for place in range(len(ids) - count, len(ids)))
        assert each.log_probability == pytest.approx(expected, abs=1e-4)
        assert len(each.ids) == len(each.tokens) == count
    one = lm.next(prompt, top=10_000)
    assert found.found[0].probability == next(each.probability for each in one if each.text == " ")
    assert math.fsum(each.probability for each in found) < 1.0  # they are not scaled to each other


def test_candidates_of_words_do_not_join_the_prompt(words: LanguageModel) -> None:
    (found,) = words.next("the white", candidates=["whale"])
    assert found.tokens == ("whale",)
    ids = words.context_start() + words.vocabulary.encode("the white").tolist()
    assert found.log_probability == pytest.approx(plain_lm(words, ids)[-1][found.ids[0]], abs=1e-5)
    assert words.next("the white", candidates=["whale swam"]).found[0].tokens == ("whale", "swam")


@pytest.mark.parametrize(("prompt", "candidate"), [("the white ", "whale"), ("the white", " whale"), ("", "the")])
def test_candidates_of_subwords_are_cut_as_the_whole_text_is(
    subwords: LanguageModel, prompt: str, candidate: str
) -> None:
    vocabulary = subwords.vocabulary
    (found,) = subwords.next(prompt, candidates=[candidate])
    whole = vocabulary.encode(prompt + candidate).tolist()
    assert [*vocabulary.encode_start(prompt).tolist(), *found.ids] == whole
    rows = plain_lm(subwords, subwords.context_start() + whole)
    first = len(subwords.context_start()) + len(whole) - len(found.ids)
    expected = sum(rows[first + place - 1][number] for place, number in enumerate(found.ids))
    assert found.log_probability == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("pieces", [("the ", "whale"), ("the", " ", "", "whale"), ("the ", " whale ", "and")])
def test_a_space_between_prompts_belongs_to_the_next_word(subwords: LanguageModel, pieces: tuple[str, ...]) -> None:
    state = None
    for piece in pieces[:-1]:
        state = subwords.next(piece, state=state).state
    whole = subwords.next("".join(pieces))
    np.testing.assert_allclose(subwords.next(pieces[-1], state=state).log_probs_V, whole.log_probs_V, atol=1e-5)
    (found,) = subwords.next("", candidates=[pieces[-1]], state=state)
    (expected,) = subwords.next("".join(pieces[:-1]), candidates=[pieces[-1]])
    assert found.ids == expected.ids


def test_a_candidate_within_a_subword_is_cut_by_itself(subwords: LanguageModel) -> None:
    (found,) = subwords.next("the whal", candidates=["e"])
    assert subwords.vocabulary.decode(found.ids) == "e"


def test_bad_requests_are_refused(lm: LanguageModel, words: LanguageModel) -> None:
    with pytest.raises(DataError, match="known characters"):
        lm.next("the", candidates=["e", "%"])
    for wrong in (0, -1, True, 2.0):
        with pytest.raises(ConfigError, match="expected top to be a whole number from 1"):
            lm.next("the", top=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="either top or candidates"):
        lm.next("the", top=2, candidates=["e"])
    for wrong in ([], [""], "the", ["e", 3]):
        with pytest.raises(ConfigError, match="expected candidates"):
            lm.next("the", candidates=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"expected state to be that of an earlier answer.*Received: tuple"):
        lm.next("the", state=())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected a state of this model"):
        lm.next("the", state=words.next("the").state)
    with pytest.raises(ConfigError, match="trained"):
        LanguageModel().next("the")


def test_a_broken_network_is_reported(lm: LanguageModel) -> None:
    broken = copy.deepcopy(lm)
    with torch.no_grad():
        broken.network.head.bias[3] = torch.nan
    with pytest.raises(DataError, match="finite logits"):
        broken.next("the")


def test_an_answer_prints_as_a_table(lm: LanguageModel) -> None:
    lines = str(lm.next("the white wh", top=2)).splitlines()
    assert lines[0].split() == ["probability", "token", "id"]
    assert lines[1].split()[1] == lm.next("the white wh").found[0].tokens[0]


def test_evaluation_mode_is_used_and_restored(lm: LanguageModel) -> None:
    model = copy.deepcopy(lm)
    model.network.dropout = 0.9
    model.network.train()
    np.testing.assert_allclose(model.next("the").log_probs_V, lm.next("the").log_probs_V)
    assert model.network.training


def plain_translation(model: Translator, source: str, prefix: str, network: Any = None) -> np.ndarray:
    """Log-probabilities after the beginning of a translation, by a whole forward pass in float64."""
    network = copy.deepcopy(model.network if network is None else network).double().eval()
    ids = model.vocabulary.encode_sources([source])[0].tolist()
    ids = ids[::-1] if model.config.data.reverse_source else ids
    sources_BS = torch.tensor([[*ids, model.vocabulary.source.end_id]])
    written = torch.tensor([[model.vocabulary.bos_id, *model.vocabulary.encode_targets([prefix])[0].tolist()]])
    with torch.no_grad():
        logits_BTV = network(sources_BS, torch.tensor([sources_BS.shape[1]]), written)
    return torch.log_softmax(logits_BTV[0], dim=-1).numpy()


@pytest.mark.parametrize("prefix", ["", "the cat"])
def test_a_translator_by_hand(translator: Translator, prefix: str) -> None:
    source = "die katze schläft heute"
    assert_same(translator.next(source, prefix, top=4), plain_translation(translator, source, prefix)[-1])
    (found,) = translator.next(source, prefix, candidates=["cat sleeps"])
    rows = plain_translation(translator, source, f"{prefix} cat sleeps")
    expected = rows[-3][found.ids[0]] + rows[-2][found.ids[1]]
    assert found.log_probability == pytest.approx(expected, abs=1e-4)
    assert found.tokens == ("cat", "sleeps")


def test_a_translator_of_characters_keeps_the_space_of_a_prefix() -> None:
    model = small_translators.trained(tokens="characters")
    with_space = model.next("die katze", "the ", candidates=["c"])
    assert with_space.found[0].log_probability == pytest.approx(
        model.next("die katze", "the", candidates=[" c"]).found[0].log_probability
        - model.next("die katze", "the", candidates=[" "]).found[0].log_probability,
        abs=1e-5,
    )


def test_a_translator_of_subwords_begins_with_a_word() -> None:
    model = small_translators.trained(tokens="subwords", vocabulary_size=280)
    target = model.vocabulary.target
    (found,) = model.next("die katze", candidates=["the"])
    assert list(found.ids) == model.vocabulary.encode_targets(["the"])[0].tolist()
    (found,) = model.next("die katze", "the ", candidates=["cat"])
    assert [*model.vocabulary.encode_target_start("the "), *found.ids] == target.encode(" the cat").tolist()


def test_a_translator_needs_a_source(translator: Translator) -> None:
    for wrong in ("", "  ", None):
        with pytest.raises(DataError, match="expected a source that is a text and not empty"):
            translator.next(wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="known words"):
        translator.next("die katze", candidates=["unheard"])


def test_a_captioner_by_hand(captioner: Captioner) -> None:
    pixels, _ = small_captioners.bars()
    text = captioner.vocabulary.text
    ids = text.encode("bar left").tolist()
    network = copy.deepcopy(captioner.network).double().eval()
    with torch.no_grad():
        r_BTY = network(torch.from_numpy(pixels[3:4, ..., None]), torch.tensor([[captioner.vocabulary.bos_id, *ids]]))
        expected = torch.log_softmax(network.logits(r_BTY)[0], dim=-1).numpy()
    assert_same(captioner.next(pixels[3], "bar left", top=3), expected[-1])
    assert_same(captioner.next(pixels[3], top=3), expected[0])
    (found,) = captioner.next(pixels[3], candidates=["bar left"])
    assert found.log_probability == pytest.approx(sum(expected[t][number] for t, number in enumerate(ids)), abs=1e-4)
    # The probability of a whole caption is that of its tokens and of the end.
    end = captioner.next(pixels[3], "bar left").log_probs_V[text.end_id]
    scored = captioner.score(pixels[3:4], ["bar left"])[0][0]
    assert captioner.next(pixels[3], candidates=["bar left"]).found[0].log_probability + end == pytest.approx(
        scored, abs=1e-4
    )


def test_a_captioner_takes_one_item(captioner: Captioner, tmp_path: Path) -> None:
    pixels, _ = small_captioners.bars()
    np.save(tmp_path / "two.npy", pixels[:2])
    np.save(tmp_path / "one.npy", pixels[:1])
    with pytest.raises(DataError, match=r"expected one item. Received: 2"):
        captioner.next(tmp_path / "two.npy")
    with pytest.raises(DataError):
        captioner.next(pixels[:2])
    one = captioner.next(tmp_path / "one.npy")
    np.testing.assert_allclose(one.log_probs_V, captioner.next(pixels[0]).log_probs_V)


def test_members_are_averaged_by_probability(tmp_path: Path) -> None:
    lm = small.trained(tmp_path, members=2)
    ids = lm.context_start() + lm.vocabulary.encode("the wh").tolist()
    parts = [np.exp(small.one_by_one(copy.deepcopy(member).double(), ids)[-1].numpy()) for member in lm.network.members]
    np.testing.assert_allclose(lm.next("the wh").probabilities, np.mean(parts, axis=0), atol=1e-5)
    state = lm.next("the ").state
    np.testing.assert_allclose(lm.next("wh", state=state).probabilities, lm.next("the wh").probabilities, atol=1e-6)
    translator = small_translators.trained(members=2)
    networks = translator.network.members
    parts = [np.exp(plain_translation(translator, "die katze", "the", each))[-1] for each in networks]
    found = translator.next("die katze", "the").probabilities
    np.testing.assert_allclose(found, np.mean(parts, axis=0), atol=1e-5)
    items, captions = small_captioners.vectors()
    captioner = small_captioners.trained(items, captions, members=2)
    (caption,) = captioner.next(items[0], candidates=["bar left"])
    end = captioner.next(items[0], "bar left").log_probs_V[captioner.vocabulary.text.end_id]
    assert caption.log_probability + end == pytest.approx(captioner.score(items[:1], ["bar left"])[0][0], abs=1e-4)
