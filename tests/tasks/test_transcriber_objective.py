"""The transcriber's loss beside all alignments written down, texts that are too long, and error rates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman import Transcriber
from elman.data.transcripts import Transcripts
from elman.errors import ConfigError, DataError
from elman.metrics import transcription as figures
from elman.metrics.transcription import error_rates, figures_of
from elman.tasks.transcriber.batches import Encoded, Targets, needed_steps
from elman.tasks.transcriber.network import Scores
from elman.tasks.transcriber.objective import CTCLikelihood, batch_loss, measure
from elman.tasks.transcriber.parts import Parts, given_part
from elman.tasks.transcriber.run import notes_on, transcriber_job
from elman.tasks.transcriber.vocabulary import BLANK, TranscriberVocabulary
from elman.types import Batch

from .small_transcribers import OPTIONS, RATE, spoken, tones, untrained


def collapsed(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != BLANK)


def by_hand(log_probs_TV: torch.Tensor, text: tuple[int, ...]) -> float:
    """The negative logarithm of the sum over every path whose text this is."""
    T, V = log_probs_TV.shape
    paths = (path for path in itertools.product(range(V), repeat=T) if collapsed(path) == text)
    sums = [sum(float(log_probs_TV[t, symbol]) for t, symbol in enumerate(path)) for path in paths]
    return -math.log(math.fsum(map(math.exp, sums))) if sums else math.inf


def batch_of(texts: list[tuple[int, ...]]) -> Batch:
    tokens = torch.tensor([token for text in texts for token in text], dtype=torch.int64)
    lengths_B = torch.tensor([len(text) for text in texts])
    return Batch(torch.zeros(len(texts), 1), Targets(tokens, lengths_B))  # type: ignore[arg-type]


def test_the_loss_is_the_sum_over_all_alignments() -> None:
    texts = [(2,), (2, 3), (2, 2), (3, 0, 2), (), (3, 3, 3)]
    steps = [4, 5, 3, 4, 3, 4]
    logits_BTV = torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0)) * 2.0
    nats_B, counts_B = batch_loss(Scores(logits_BTV, torch.tensor(steps)), batch_of(texts))
    log_probs_BTV = logits_BTV.double().log_softmax(-1)
    expected = [by_hand(log_probs_BTV[row, : steps[row]], text) for row, text in enumerate(texts)]
    np.testing.assert_allclose(nats_B.numpy(), expected, rtol=1e-5)
    assert counts_B.tolist() == [1, 2, 2, 3, 1, 3]
    assert math.isinf(expected[5])  # three alike need five steps


def test_padding_past_a_rows_steps_does_not_matter() -> None:
    logits_BTV = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    scores, batch = Scores(logits_BTV, torch.tensor([6, 3])), batch_of([(2, 3), (3,)])
    nats_B, _ = batch_loss(scores, batch)
    other_BTV = logits_BTV.clone()
    other_BTV[1, 3:] = 50.0
    torch.testing.assert_close(batch_loss(scores._replace(logits_BTV=other_BTV), batch)[0], nats_B)


@given(st.lists(st.sampled_from([0, 2, 3]), max_size=4))
@settings(deadline=None, max_examples=30)
def test_the_fewest_steps_are_those_of_the_shortest_alignment(text: list[int]) -> None:
    shortest = next(
        T for T in range(9) if any(collapsed(path) == tuple(text) for path in itertools.product(range(4), repeat=T))
    )
    assert needed_steps(np.array(text, dtype=np.int64)) == shortest


def part(texts: list[str], seconds: list[float], name: str = "here") -> Transcripts:
    sounds = [np.sin(np.arange(round(RATE * each))).astype(np.float32) * 0.3 for each in seconds]
    return given_part(sounds, texts, untrained().config.sound, kind="sound", rate=RATE, name=name)


def test_a_text_that_is_too_long_is_named_and_left_out() -> None:
    # 0.1 s are 11 frames, 6 steps: enough for six letters, and for three that are alike, which need five.
    train = part(["abcabc", "aaa", "aaaa", "abcabca", "ab"], [0.1, 0.1, 0.1, 0.1, 0.5], "train")
    valid = part(["aaaaaaa", "b"], [0.1, 0.3], "valid")
    config = untrained().config
    parts = Parts(train, valid, None)
    job = transcriber_job(config, parts)
    assert job.data["train_too_long"] == 2
    assert ("left out", "2 recordings: their texts are too long for their steps") in job.outline
    assert len(job.stream.lengths) == 3
    first, second = notes_on(parts, job.config, TranscriberVocabulary.from_json(job.vocabulary))
    assert first == (
        "2 of 5 texts need more steps than their recordings have: train, number 2 (6 steps), train, number 3 "
        "(6 steps); they are left out of training"
    )
    assert second.startswith("1 of 2 texts need more steps than their recordings have: valid, number 0 (6 steps)")
    assert second.endswith("counted in the error rates of the valid part only")
    found = job.objective.evaluate()
    assert found["too_long"] == 1
    assert found["texts"] == 2
    assert math.isfinite(found["loss"])
    for _ in range(3):
        total, count, _ = job.objective.loss(job.stream.next_batch(), ())
        assert torch.isfinite(total)
        assert count == 11


def test_only_texts_that_are_too_long() -> None:
    train = part(["abcabcabc", "aaaaa"], [0.1, 0.1], "train")
    with pytest.raises(DataError, match=r"train: expected a recording with as many steps.*2 of 2 texts need more"):
        transcriber_job(untrained().config, Parts(train, None, None))
    model = untrained()
    encoded = Encoded(train, model.vocabulary, model.config.network)
    found, _ = measure(model.network, model.vocabulary, encoded)
    assert math.isinf(found["loss"])
    assert found["too_long"] == 2
    chosen = CTCLikelihood(model.network, model.vocabulary, encoded).evaluate()
    assert chosen["selection"] == found["cer"]


def test_a_limit_takes_some_of_the_recordings() -> None:
    sounds, texts = spoken(20)
    model = untrained()
    data = given_part(sounds, texts, model.config.sound, kind="sound", rate=RATE, name="here")
    encoded = Encoded(data, model.vocabulary, model.config.network)
    tokens = sum(map(len, texts))
    assert measure(model.network, model.vocabulary, encoded, tokens // 2)[0]["texts"] == 10 - (tokens % 2)
    assert measure(model.network, model.vocabulary, encoded, 1)[0]["texts"] == 1
    assert measure(model.network, model.vocabulary, encoded)[0]["texts"] == 20


def test_the_likelier_of_two_that_err_alike_is_kept() -> None:
    model = untrained()
    sounds, texts = spoken(4)
    data = given_part(sounds, texts, model.config.sound, kind="sound", rate=RATE, name="here")
    found = CTCLikelihood(
        model.network, model.vocabulary, Encoded(data, model.vocabulary, model.config.network)
    ).evaluate()
    assert found["selection"] == pytest.approx(found["cer"] + 1e-6 * found["loss"], abs=1e-12)
    assert CTCLikelihood(model.network, model.vocabulary).evaluate() == {}


def edits(one: list[str], other: list[str]) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(["a", "bb", "c"]), min_size=1, max_size=5)] * 2), min_size=1))
@settings(deadline=None, max_examples=40)
def test_error_rates_are_edits_over_what_is_true(pairs: list[tuple[list[str], list[str]]]) -> None:
    truth, given_texts = [" ".join(one) for one, _ in pairs], [" ".join(other) for _, other in pairs]
    rates = figures_of(truth, given_texts)
    assert rates["wer"] == pytest.approx(sum(edits(*pair) for pair in pairs) / sum(len(one) for one, _ in pairs))
    letters = [(list(one), list(other)) for one, other in zip(truth, given_texts, strict=True)]
    assert rates["cer"] == pytest.approx(sum(edits(*pair) for pair in letters) / sum(map(len, truth)))
    assert rates["exact"] == pytest.approx(sum(one == other for one, other in pairs) / len(pairs))


def test_no_texts_and_no_jiwer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert error_rates([], []) == {"wer": 0.0, "cer": 0.0}

    def missing(name: str) -> None:
        raise ImportError(f"no module {name}")

    monkeypatch.setattr(figures.importlib, "import_module", missing)
    with pytest.raises(ConfigError, match=r"expected jiwer to be installed: pip install 'elman\[sound\]'"):
        Transcriber(**OPTIONS).fit([tones("a")] * 3, ["a"] * 3, rate=RATE, progress=False, tune=False)


def test_capital_letters_where_all_is_made_small() -> None:
    model = untrained(text="abc", lowercase=True)
    vocabulary = TranscriberVocabulary.learn(part(["Abc", "C"], [0.5, 0.5]), model.config.data)
    assert vocabulary.lowercase
    assert vocabulary.tokens.encode("ABC").tolist() == [2, 3, 4]
    encoded = Encoded(part(["AB"], [0.5]), vocabulary, model.config.network)
    found, given_text = measure(model.network, vocabulary, encoded)
    assert found["cer"] == pytest.approx(edits(list("ab"), list(given_text[0].strip())) / 2)
