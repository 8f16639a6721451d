"""Evaluating and scoring equal a plain loop over the text, one token at a time."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from elman import LanguageModel
from elman.data.corpus import prepare_corpus
from elman.data.sources import Sources
from elman.data.stream import sequential
from elman.errors import ConfigError, DataError
from elman.metrics.likelihood import measure

from .small import TEXT, one_by_one, trained

LINES = TEXT.splitlines()[0].split("; ")


def log_probs_by_hand(model: LanguageModel, tokens: list[int]) -> list[float]:
    rows = one_by_one(model.network, tokens[:-1], model.vocabulary.end_id)
    return [float(row[target]) for row, target in zip(rows, tokens[1:], strict=True)]


KINDS: dict[str, dict[str, Any]] = {
    "characters": {},
    "documents": {"documents": "lines"},
    "words": {"tokens": "words"},
    "subwords": {"tokens": "subwords", "vocabulary_size": 280},
    "learnt start": {"learn_initial_state": True, "documents": "lines"},
    "GRU": {"cell": "gru"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_evaluating_equals_a_loop_over_the_text(kind: str, tmp_path: Path) -> None:
    model = trained(tmp_path, **KINDS[kind])
    text = "the captain saw the whale\nand the sea\nand the ship\n"
    path = tmp_path / "other.txt"
    path.write_text(text, encoding="utf-8")
    figures = model.evaluate(path)
    vocabulary = model.vocabulary
    end = vocabulary.end_id
    if KINDS[kind].get("documents") == "lines":
        tokens = [end]
        for line in text.splitlines(keepends=True):
            tokens += [*vocabulary.encode(line.removesuffix("\n")).tolist(), end]
        characters = len(text.replace("\n", ""))
    else:
        tokens = [end, *vocabulary.encode(text).tolist()]
        characters = len(text)
    values = log_probs_by_hand(model, tokens)
    nats = -math.fsum(values)
    rows = one_by_one(model.network, tokens[:-1], end)
    correct = sum(int(row.argmax()) == target for row, target in zip(rows, tokens[1:], strict=True))
    assert figures["tokens"] == len(tokens) - 1
    assert figures["loss"] == pytest.approx(nats / len(values), rel=1e-5)
    assert figures["nats_per_token"] == figures["loss"]
    assert figures["bits_per_token"] == pytest.approx(nats / len(values) / math.log(2), rel=1e-5)
    assert figures["perplexity"] == pytest.approx(math.exp(nats / len(values)), rel=1e-4)
    assert figures["accuracy"] == pytest.approx(correct / len(values))
    assert figures["nats_per_char"] == pytest.approx(nats / characters, rel=1e-5)
    assert figures["bits_per_char"] == pytest.approx(nats / characters / math.log(2), rel=1e-5)


def test_unknown_tokens_are_counted_and_left_out_of_the_perplexity(tmp_path: Path) -> None:
    model = trained(tmp_path, tokens="words")
    path = tmp_path / "other.txt"
    path.write_text("the purple whale saw the submarine and the sea\n", encoding="utf-8")
    tokens = [model.vocabulary.end_id, *model.vocabulary.encode(path.read_text("utf-8")).tolist()]
    values = log_probs_by_hand(model, tokens)
    known = [value for value, token in zip(values, tokens[1:], strict=True) if token]
    assert (len(values), len(known)) == (10, 8)
    figures = model.evaluate(path)
    assert figures["unknown_share"] == pytest.approx(0.2)
    assert figures["perplexity_known"] == pytest.approx(math.exp(-math.fsum(known) / 8), rel=1e-5)
    assert figures["perplexity"] == pytest.approx(math.exp(-math.fsum(values) / 10), rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("kind", ["documents", "learnt start"])
def test_a_lane_starts_again_at_each_of_its_documents(kind: str, batch_size: int, tmp_path: Path) -> None:
    model = trained(tmp_path, **KINDS[kind])
    path = tmp_path / "other.txt"
    path.write_text("the captain saw the whale\nand the sea\nand the ship\n", encoding="utf-8")
    options = dataclasses.replace(model.config.text, split=(1.0, 0.0, 0.0))
    text = prepare_corpus(Sources([path]), options, vocabulary=model.vocabulary).train
    batches = sequential(text, batch_size=batch_size, length=4, end_id=model.vocabulary.end_id, burn_in=100)
    tally = measure(model.network, batches)
    values = log_probs_by_hand(model, text.read(0, len(text)).tolist())
    assert tally.tokens == len(values)
    assert tally.nats == pytest.approx(-math.fsum(values), rel=1e-6)


@pytest.mark.parametrize("kind", ["characters", "words", "subwords"])
def test_a_limit_takes_the_first_tokens_and_counts_their_characters(kind: str, tmp_path: Path) -> None:
    model = trained(tmp_path, **KINDS[kind])
    path = tmp_path / "other.txt"
    path.write_text("the whale and the ship saw the captain", encoding="utf-8")
    tokens = [model.vocabulary.end_id, *model.vocabulary.encode("the whale and the ship saw the captain").tolist()][:5]
    nats = -math.fsum(log_probs_by_hand(model, tokens))
    figures = model.evaluate(path, limit=5)
    assert figures["tokens"] == 4
    assert figures["loss"] == pytest.approx(nats / 4, rel=1e-5)
    assert figures["nats_per_char"] == pytest.approx(nats / len(model.vocabulary.decode(tokens)), rel=1e-5)


def test_many_lanes_of_an_evaluation_come_near_the_loop(tmp_path: Path) -> None:
    """A long text is cut into lanes that each warm up first, so the figures are near, not equal."""
    model = trained(tmp_path, max_steps=60)
    path = tmp_path / "long.txt"
    path.write_text(TEXT * 3, encoding="utf-8")
    values = log_probs_by_hand(model, [model.vocabulary.end_id, *model.vocabulary.encode(TEXT * 3).tolist()])
    assert model.evaluate(path)["loss"] == pytest.approx(-math.fsum(values) / len(values), rel=2e-3)


@pytest.mark.parametrize(
    ("content", "limit", "error"), [("", None, DataError), ("abc", 1, ConfigError), ("abc", 0, ConfigError)]
)
def test_a_text_that_is_too_short_is_refused(content: str, limit: int | None, error: type, tmp_path: Path) -> None:
    model = trained(tmp_path)
    path = tmp_path / "short.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(error, match=r"at least|not one character"):
        model.evaluate(path, limit=limit)


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_equals_a_loop_over_the_line(kind: str, tmp_path: Path) -> None:
    model = trained(tmp_path, **KINDS[kind])
    (score,) = model.score("the whale saw the ship")
    start = model.context_start()
    ids = model.vocabulary.encode("the whale saw the ship").tolist()
    values = log_probs_by_hand(model, [*start, *ids])[len(start) - 1 :]
    assert score.log_probs == pytest.approx(values, rel=1e-4, abs=1e-5)
    assert len(score.tokens) == len(ids)
    assert score.log_probability == pytest.approx(math.fsum(values), rel=1e-5)
    assert score.perplexity == pytest.approx(math.exp(-math.fsum(values) / len(ids)), rel=1e-4)
    assert score.nats_per_char == pytest.approx(-math.fsum(values) / 22, rel=1e-5)
    assert score.unknown == 0


def test_a_line_scores_alone_as_among_others(tmp_path: Path) -> None:
    model = trained(tmp_path)
    lines = ["the whale", "", "t", "the ship sailed on and on, and the sea was wide", *(["saw it"] * 70)]
    together = model.score(lines)
    assert [score.text for score in together] == lines
    for line, score in zip(lines[:6], together, strict=False):
        (alone,) = model.score([line])
        assert score.log_probs == pytest.approx(alone.log_probs, rel=1e-4, abs=1e-5)
        assert score.tokens == alone.tokens


def test_an_empty_line_is_certain_and_nothing_gives_nothing(tmp_path: Path) -> None:
    model = trained(tmp_path)
    (score,) = model.score("")
    assert (score.tokens, score.log_probs, score.log_probability) == ((), (), 0.0)
    assert (score.perplexity, score.nats_per_char) == (1.0, 0.0)
    assert model.score([]) == []


def test_a_long_line_is_scored_in_chunks_with_its_state_carried(tmp_path: Path) -> None:
    model = trained(tmp_path)
    line = (TEXT.replace("\n", " ") * 2)[:1300]
    (score,) = model.score(line)
    start = model.context_start()
    values = log_probs_by_hand(model, [*start, *model.vocabulary.encode(line).tolist()])[len(start) - 1 :]
    assert len(score.log_probs) == 1300
    assert score.log_probs == pytest.approx(values, rel=1e-3, abs=1e-4)


def test_unknown_characters_are_counted_and_named(tmp_path: Path) -> None:
    model = trained(tmp_path)
    (score,) = model.score("the ☃ whale ☃")
    assert score.unknown == 2
    assert model.unknown_in("the ☃ whale ☃") == "2 characters of the prompt are unknown: '☃' (2 times)"
    assert model.unknown_in("the whale") is None


def test_probabilities_sum_to_one(tmp_path: Path) -> None:
    model = trained(tmp_path)
    rows = one_by_one(model.network, [1, 5, 6])
    torch.testing.assert_close(rows.exp().sum(1), torch.ones(3, dtype=torch.float64))
