"""Text that a model generates: greedy by hand, seeds, samples, stops, streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import LanguageModel, load
from elman.decode import generation
from elman.decode.generation import read_prompt
from elman.errors import ConfigError
from elman.state import leaves

from .small import trained


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("model")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        return trained(folder, max_steps=80)


def greedy_by_hand(model: LanguageModel, prompt: str, length: int) -> str:
    return model.vocabulary.decode(tokens_by_hand(model, prompt, length))


def tokens_by_hand(model: LanguageModel, prompt: str, length: int) -> list[int]:
    tokens = model.context_start() + model.vocabulary.encode(prompt).tolist()
    state = model.network.initial_state(1)
    drawn: list[int] = []
    with torch.no_grad():
        for token in tokens:
            logits, state = model.network.step(torch.tensor([token]), state)
        while len(drawn) < length:
            logits[0, model.vocabulary.unknown_id] = -torch.inf
            drawn.append(int(logits.argmax()))
            if drawn[-1] == model.vocabulary.end_id:
                break
            logits, state = model.network.step(torch.tensor([drawn[-1]]), state)
    return drawn


@pytest.mark.parametrize("prompt", ["", "t", "the white whale " * 3])
def test_temperature_zero_and_top_one_equal_stepping_by_hand(model: LanguageModel, prompt: str) -> None:
    expected = greedy_by_hand(model, prompt, 40)
    assert len(expected) == 40
    assert model.generate(prompt, length=40, temperature=0) == expected
    assert model.generate(prompt, length=40, top_k=1) == expected
    assert model.generate(prompt, length=40, top_p=1e-9) == expected


def test_a_prompt_of_any_length_is_read_to_its_beginning(model: LanguageModel) -> None:
    prompt = model.vocabulary.encode("the wide sea; " * 90).tolist()
    assert len(prompt) > 1024
    with torch.no_grad():
        scores, state = read_prompt(model.network, prompt, rows=2)
        whole, last = model.network(torch.tensor([prompt]), None, model.network.initial_state(1))
    torch.testing.assert_close(scores, whole[:, -1].expand(2, -1), rtol=1e-4, atol=1e-6)
    for leaf, other in zip(leaves(state), leaves(last), strict=True):
        torch.testing.assert_close(leaf, other.expand(2, -1), rtol=1e-4, atol=1e-6)


def test_a_seed_gives_the_same_text(model: LanguageModel) -> None:
    one = model.generate("the", length=60, seed=3)
    torch.manual_seed(77)
    assert model.generate("the", length=60, seed=3) == one
    assert model.generate("the", length=60, seed=4) != one


def test_samples_are_several_texts(model: LanguageModel) -> None:
    texts = model.generate("the", length=30, samples=4, seed=1)
    assert len(texts) == 4
    assert len(set(texts)) == 4
    alike = model.generate("the", length=30, samples=3, temperature=0)
    assert alike == [greedy_by_hand(model, "the", 30)] * 3


def test_pieces_of_a_stream_join_to_the_text(model: LanguageModel) -> None:
    options: dict[str, Any] = {"length": 50, "seed": 2, "samples": 3, "stop": ["sea", "w"]}
    joined = ["", "", ""]
    for number, piece in model.stream("the ", **options):
        assert piece
        joined[number] += piece
    assert joined == model.generate("the ", **options)


@pytest.mark.parametrize("stop", ["w", "wh", "e w", ["zzz", "e w"], ["e wh", "e w"]])
def test_a_text_ends_before_a_stop_string(model: LanguageModel, stop: str | list[str]) -> None:
    stops = [stop] if isinstance(stop, str) else stop
    # A stop must come up for this to be a test; which seed brings it depends on who draws.
    seed, text = next(
        (seed, text)
        for seed in range(50)
        if any(one in (text := model.generate("", length=150, seed=seed)) for one in stops)
    )
    places = [text.find(one) for one in stops]
    assert model.generate("", length=150, seed=seed, stop=stop) == text[: min(place for place in places if place >= 0)]


def test_what_only_begins_like_a_stop_is_not_lost(model: LanguageModel) -> None:
    text = model.generate("", length=60, seed=5)
    assert model.generate("", length=60, seed=5, stop=[text[-3:] + "☃", "t☃", text + "☃"]) == text


def test_words_have_their_spaces_after_a_prompt_too(tmp_path: Path) -> None:
    word_model = trained(tmp_path, tokens="words")
    prompt = "the white"
    text = word_model.generate(prompt, length=6, temperature=0)
    tokens = word_model.vocabulary.encode(prompt + text).tolist()
    assert len(tokens) == 2 + 6, "prompt and text, put together, are the words that were drawn"
    assert text.startswith(" ")


@pytest.mark.parametrize("kind", ["words", "subwords"])
def test_a_prompt_may_end_with_a_space(kind: str, tmp_path: Path) -> None:
    size = {"vocabulary_size": 280} if kind == "subwords" else {}
    other = trained(tmp_path, tokens=kind, max_steps=40, **size)
    without = other.generate("the white", length=6, temperature=0)
    assert without.startswith(" ")
    assert other.generate("the white ", length=6, temperature=0) == without[1:]
    assert other.generate("the white ", length=6, seed=3, samples=2) == [
        text.removeprefix(" ") for text in other.generate("the white", length=6, seed=3, samples=2)
    ]


def test_the_start_of_a_sample_is_never_part_of_it(tmp_path: Path) -> None:
    text = "the dogs' bone and the dogs' tail, the cat says 'so' and runs.\n" * 12
    other = trained(tmp_path, text=text, tokens="words", max_steps=60)
    for prompt in ("the dogs'", "the cat says '", "the dogs' bone and"):
        made = other.generate(prompt, length=8, temperature=0)
        tokens = other.vocabulary.encode(prompt).tolist()
        whole = other.vocabulary.decode([*tokens, *tokens_by_hand(other, prompt, 8)])
        assert made
        assert "".join((prompt + made).split()) == "".join(whole.split())


@pytest.mark.parametrize("kind", ["words", "subwords"])
def test_other_tokens_generate_and_stop_too(kind: str, tmp_path: Path) -> None:
    size = {"vocabulary_size": 280} if kind == "subwords" else {}
    other = trained(tmp_path, tokens=kind, max_steps=40, **size)
    text = other.generate("the ", length=25, seed=1)
    assert "".join(piece for _, piece in other.stream("the ", length=25, seed=1)) == text
    assert text == other.generate("the ", length=25, seed=1, stop=["☃"])
    middle = text[len(text) // 2 :][:3]
    assert other.generate("the ", length=25, seed=1, stop=middle) == text[: text.find(middle)]
    assert "[UNK]" not in text


def test_the_unknown_token_is_never_drawn(model: LanguageModel) -> None:
    with torch.no_grad():
        before = model.network.head.bias.clone()
        model.network.head.bias[model.vocabulary.unknown_id] = 50.0
        try:
            assert "�" not in model.generate("the ☃", length=50)
            assert "�" not in model.generate("the ☃", length=50, temperature=0)
        finally:
            model.network.head.bias.copy_(before)


def test_a_penalty_makes_texts_less_repetitive(model: LanguageModel) -> None:
    plain = model.generate("", length=120, temperature=0)
    varied = model.generate("", length=120, temperature=0, repetition_penalty=4.0)
    assert len(set(varied)) > len(set(plain))


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("options", [{"temperature": 0}, {"seed": 3}, {"repetition_penalty": 2.0, "top_k": 5}], ids=str)
def test_a_text_does_not_end_before_the_minimum_length(
    model: LanguageModel, native: bool, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not native:
        monkeypatch.setattr(generation, "engine_of", lambda *_: "not in this test")
    end, before = model.vocabulary.end_id, model.network.head.bias.detach().clone()
    free = model.generate("the", length=30, **options)
    with torch.no_grad():
        try:
            model.network.head.bias[end] = 1e3
            assert model.generate("the", length=30, **options) == ""
            texts = model.generate("the", length=30, min_length=11, samples=3, **options)
            assert [len(text) for text in texts] == [11] * 3
            assert len(model.generate("the", length=11, min_length=11, **options)) == 11
            stop = texts[0][4:6]
            stopped = model.generate("the", length=30, min_length=11, samples=3, stop=stop, **options)
            assert stopped[0] == texts[0][: texts[0].index(stop)]
        finally:
            model.network.head.bias.copy_(before)
    # The bias of the end changes no other choice.
    if options == {"temperature": 0}:
        assert texts[0] == free[:11]


def test_nothing_is_drawn_for_a_length_of_nothing(model: LanguageModel) -> None:
    assert model.generate("the", length=0) == ""
    assert model.generate("the", length=0, samples=2) == ["", ""]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": -1}, "expected length to be a whole number from 0. Received: -1"),
        ({"length": 2.5}, "expected length to be a whole number from 0. Received: 2.5"),
        ({"min_length": -1}, "expected min_length to be a whole number from 0. Received: -1"),
        ({"length": 5, "min_length": 6}, "expected min_length of at most length = 5. Received: 6"),
        ({"samples": 0}, "expected samples to be a whole number from 1. Received: 0"),
        ({"samples": "2"}, "expected samples to be a whole number from 1. Received: '2'"),
        ({"temperature": -1.0}, "expected temperature to be 0 or more. Received: -1.0"),
        ({"top_p": 0.0}, "expected top_p above 0 and at most 1. Received: 0.0"),
        ({"stop": ["a", ""]}, "expected stop strings of at least one character. Received: an empty one"),
        ({"seed": -1}, "expected seed to be a whole number from 0 to 2**63 - 1. Received: -1"),
    ],
)
def test_values_that_cannot_be_used_are_refused(model: LanguageModel, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model.generate("the", **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.generate("a"),
        lambda model: model.score("a"),
        lambda model: model.save("nowhere"),
        lambda model: model.context_start(),
    ],
)
def test_a_model_that_is_not_trained_says_so(use: Callable[[LanguageModel], Any]) -> None:
    with pytest.raises(ConfigError, match="expected a model that is trained"):
        use(LanguageModel())


@pytest.mark.parametrize("tokenizer", ["regex", "whitespace"])
def test_the_unknown_word_of_a_corpus_is_never_drawn(tokenizer: str, tmp_path: Path) -> None:
    text = "the <unk> whale <unk> swam <unk> <unk> on\n" * 40
    model = trained(tmp_path, text, tokens="words", tokenizer=tokenizer, max_steps=20)
    (scored,) = model.score(["the <unk> whale"])
    assert scored.tokens == ("the", "[UNK]", "whale")
    assert scored.unknown == 1
    assert scored.log_probs[1] > -1.9, "it is learnt"
    for seed in range(3):
        drawn = str(model.generate("the", length=60, seed=seed))
        assert not any(sign in drawn for sign in ("unk", "UNK", "<"))


def test_both_forms_of_a_letter_are_noted_and_made_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = "caf\u00e9 noir, cafe\u0301 creme\n" * 40
    trained(tmp_path, text)
    assert "1 letter of the training texts is in two Unicode forms" in caplog.text
    assert "unicode_form=nfc" in caplog.text
    caplog.clear()
    model = trained(tmp_path, text, unicode_form="nfc")
    assert "Unicode" not in caplog.text
    one, other = model.score(["caf\u00e9", "cafe\u0301"])
    assert one.tokens == other.tokens
    assert model.data["characters"] == 40 * len("caf\u00e9 noir, caf\u00e9 creme\n")
    model.save(tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.vocabulary.unicode_form == "nfc"
    assert again.score("cafe\u0301")[0].log_probs == pytest.approx(one.log_probs, rel=1e-5)
    (tmp_path / "new.txt").write_text("cafe\u0301\n" * 20, encoding="utf-8")
    assert again.evaluate(tmp_path / "new.txt")["tokens"] == 20 * 5
