"""What ensembles of each task answer: the plain mean, in float64, of what their members answer as single networks."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import elman
from elman import Classifier, LanguageModel, Transcriber
from elman.cli import main
from elman.data.captioned.encoded import EncodedCaptions
from elman.data.tagged import tagged_from
from elman.data.tagged.encoded import EncodedSequences
from elman.errors import KernelUnavailableError
from elman.metrics.likelihood import token_nats
from elman.state import Batch

from . import small_captioners, small_taggers, small_transcribers, small_translators

Doubles = npt.NDArray[np.float64]
TINY: dict[str, Any] = {
    "hidden_size": 6,
    "embedding": 4,
    "members": 2,
    "max_steps": 12,
    "learning_rate": 0.03,
    "warmup_steps": 0,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
}
TEXT = "the cat sat on the mat; the dog sat on the log.\n" * 20
REVIEWS = [f"a {word} play" for word in ("fine", "warm", "bright", "cold", "dull", "grey")] * 4
LABELS = (["good"] * 3 + ["bad"] * 3) * 4


def alone(model: Any) -> list[Any]:
    """The members of a model, as models of single networks."""
    found = []
    for member in model.network.members:
        single = copy.copy(model)
        single._network = member
        network = dataclasses.replace(model.config.network, members=1)
        single.config = dataclasses.replace(model.config, network=network)
        found.append(single)
    return found


def mean_log(values: Any) -> Doubles:
    """The logarithm of the mean, over the first axis, of what `values` are the logarithms of."""
    found: Doubles = np.log(np.exp(np.asarray(values, np.float64)).mean(axis=0))
    return found


def log_softmax(logits: torch.Tensor) -> Doubles:
    found: Doubles = logits.detach().double().log_softmax(dim=-1).numpy()
    return found


@pytest.fixture(scope="module")
def language_model() -> LanguageModel:
    return LanguageModel(batch_size=4, bptt=10, **TINY).fit(string=TEXT, progress=False, tune=False)


def test_a_language_model_has_the_mean_probability_of_each_token(language_model: LanguageModel) -> None:
    singles, lines = alone(language_model), ["the cat", "a dog sat"]
    for number, score in enumerate(language_model.score(lines)):
        expected = mean_log([single.score(lines)[number].log_probs for single in singles])
        np.testing.assert_allclose(score.log_probs, expected, atol=1e-5)
    # A text in two pieces, with the members' states carried from one to the next.
    tokens_BT = torch.from_numpy(language_model.vocabulary.encode("the dog sat on the mat").astype(np.int64))[None]
    pieces = [(tokens_BT[:, :9], tokens_BT[:, 1:10]), (tokens_BT[:, 9:-1], tokens_BT[:, 10:])]
    batches = [Batch(inputs_BT, targets_BT) for inputs_BT, targets_BT in pieces]
    expected = mean_log([-token_nats(single.network, batches) for single in singles])
    np.testing.assert_allclose(-token_nats(language_model.network, batches), expected, atol=1e-5)


def test_a_language_model_generates_the_likeliest_token_of_the_mean(language_model: LanguageModel) -> None:
    singles, text = alone(language_model), language_model.generate("the ", length=6, temperature=0.0)
    known = [token for token in set(TEXT) if token != "\n"]
    for place, letter in enumerate(text):
        lines = ["the " + text[:place] + other for other in [letter, *known]]
        last = mean_log([[score.log_probs[-1] for score in single.score(lines)] for single in singles])
        assert last[0] >= last.max() - 1e-5
    assert language_model.generate("the ", seed=3) == language_model.generate("the ", seed=3)


def test_an_ensemble_has_no_weights_in_other_formats(language_model: LanguageModel, tmp_path: Path) -> None:
    for weights in ("int8", "bfloat16"):
        with pytest.raises(KernelUnavailableError, match="an ensemble of 2 members"):
            language_model.generate(weights=weights)
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    with pytest.raises(KernelUnavailableError, match="an ensemble of 2 members"):
        language_model.compare_weights(path)


@pytest.mark.parametrize("options", [{}, {"bag": 2}])
def test_a_classifier_has_the_mean_probability_of_each_class(options: dict[str, Any]) -> None:
    model = Classifier(**TINY, **options).fit(REVIEWS, LABELS, progress=False, tune=False)
    model._vocabulary = dataclasses.replace(model.vocabulary, temperature=1.0)
    texts = ["a warm play", "a dull and grey play", "plain"]
    singles = alone(model)
    if options:
        assert all(single.network.bag is not None for single in singles)
    expected = np.mean([single.predict_proba(texts) for single in singles], axis=0)
    np.testing.assert_allclose(model.predict_proba(texts), expected, atol=1e-6)
    assert model.predict(texts).tolist() == [str(model.classes_[best]) for best in expected.argmax(axis=1)]
    parts = zip(*(single.explain(texts, label="good") for single in singles), strict=True)
    for found, each in zip(model.explain(texts, label="good"), parts, strict=True):
        np.testing.assert_allclose(found.weights, np.mean([one.weights for one in each], axis=0), atol=1e-6)
        assert found.pieces == each[0].pieces


def test_a_temperature_is_that_of_the_mean_probabilities() -> None:
    model = Classifier(**TINY).fit(REVIEWS, LABELS, progress=False, tune=False)
    model._vocabulary = dataclasses.replace(model.vocabulary, temperature=1.0)
    plain = model.predict_proba(REVIEWS[:6])
    model._vocabulary = dataclasses.replace(model.vocabulary, temperature=2.0)
    softer = np.sqrt(plain) / np.sqrt(plain).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(REVIEWS[:6]), softer, atol=1e-6)


def test_a_regression_has_the_mean_number_and_series_the_mean_saliency() -> None:
    draw = np.random.default_rng(0)
    series = [draw.normal(size=(7, 2)) for _ in range(24)]
    numbers = [float(each.sum()) for each in series]
    model = Classifier(kind="regression", **TINY).fit(series, numbers, progress=False, tune=False)
    singles = alone(model)
    expected = np.mean([single.predict(series) for single in singles], axis=0)
    np.testing.assert_allclose(model.predict(series), expected, rtol=1e-5)
    weights = np.mean([[each.weights for each in single.explain(series)] for single in singles], axis=0)
    np.testing.assert_allclose([each.weights for each in model.explain(series)], weights, atol=1e-6)


def tagger_logits(model: Any, words: list[list[str]]) -> list[Doubles]:
    """The logits of tags by each member: for each of one sentence's steps."""
    data = EncodedSequences(tagged_from(words), model.vocabulary)
    batch = data.batch(np.arange(1))
    with torch.no_grad():
        outputs = [member(batch.inputs_BT, batch.lengths_B) for member in model.network.eval().members]
    return [output.logits_BTV[0].double().numpy() for output in outputs]


def test_a_tagger_has_the_mean_probability_of_each_tag_and_label() -> None:
    model = small_taggers.trained(members=2, intent=True, head="softmax")
    sentence = ["walk", "from", "rome", "now"]
    (found,) = model.tag([sentence])
    mean_TV = np.exp(mean_log([log_softmax(torch.from_numpy(each)) for each in tagger_logits(model, [sentence])]))
    assert found.tags == [model.vocabulary.tags[best] for best in mean_TV.argmax(axis=1)]
    np.testing.assert_allclose(found.probabilities, mean_TV.max(axis=1), atol=1e-6)
    singles = [single.tag([sentence])[0] for single in alone(model)]
    same = [each.intent_probability for each in singles if each.intent == found.intent]
    if len(same) == len(singles):
        assert found.intent_probability == pytest.approx(np.mean(same), abs=1e-6)


def test_a_tagger_with_a_crf_has_the_path_with_the_best_mean_score() -> None:
    """Over every path, in a sentence short enough for that."""
    model = small_taggers.trained(members=2, head="crf", constrained=False, learning_rate=0.2)
    sentence = ["fly", "to", "oslo"]
    emissions = tagger_logits(model, [sentence])
    paths = list(itertools.product(range(len(model.vocabulary.tags)), repeat=len(sentence)))
    scores = np.zeros(len(paths))
    for emitted_TV, member in zip(emissions, model.network.members, strict=True):
        steps, start, stop = (
            getattr(member.crf, name).detach().double().numpy() for name in ("transitions", "start", "stop")
        )
        assert np.abs(steps).max() > 0.01
        for number, path in enumerate(paths):
            emitted = sum(emitted_TV[place, tag] for place, tag in enumerate(path))
            moved = sum(steps[one, other] for one, other in itertools.pairwise(path))
            scores[number] += 0.5 * (emitted + moved + start[path[0]] + stop[path[-1]])
    best = paths[int(scores.argmax())]
    weights = np.exp(scores - scores.max())
    marginals = [
        weights[[path[place] == tag for path in paths]].sum() / weights.sum() for place, tag in enumerate(best)
    ]
    (found,) = model.tag([sentence])
    assert found.tags == [model.vocabulary.tags[tag] for tag in best]
    np.testing.assert_allclose(found.probabilities, marginals, atol=1e-6)
    # The loss of an evaluation is that of the same distribution.
    loss = model.evaluate([sentence], [found.tags])["loss"]
    assert loss == pytest.approx(np.log(weights.sum()) / len(sentence), abs=1e-5)


def test_a_translator_searches_with_the_mean_as_an_ensemble_of_folders_does() -> None:
    model = small_translators.trained(members=2)
    first, second = alone(model)
    sources, targets = ["die katze schläft", "der hund", "hund frisst"], ["the cat", "dogs eat", "the cow runs"]
    together = first.translations(sources, ensemble=[second], n_best=2, attention=True)
    for found, expected in zip(model.translations(sources, n_best=2, attention=True), together, strict=True):
        assert [each.text for each in found] == [each.text for each in expected]
        np.testing.assert_allclose([e.score for e in found], [e.score for e in expected], atol=1e-5)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.attention, other.attention, atol=1e-5)
    for number, score in enumerate(model.score(sources, targets)):
        scores = [single.score(sources, targets)[number].log_probs for single in (first, second)]
        np.testing.assert_allclose(score.log_probs, mean_log(scores), atol=1e-5)
    language = LanguageModel(tokens="words", min_count=1, **TINY).fit(
        string="\n".join(small_translators.TARGETS) + "\n", progress=False, tune=False
    )
    fused = [
        each.translations(sources, lm=language, lm_weight=0.5, **how)
        for each, how in ((model, {}), (first, {"ensemble": [second]}))
    ]
    assert [[each.text for each in best] for best in fused[0]] == [[each.text for each in best] for best in fused[1]]
    # A model of two members counts as one model among others, whatever the number of their members.
    third = small_translators.trained(seed=8)
    for number, score in enumerate(model.score(sources, targets, ensemble=[third])):
        scores = [each.score(sources, targets)[number].log_probs for each in (model, third)]
        np.testing.assert_allclose(score.log_probs, mean_log(scores), atol=1e-5)
    assert model.translate(sources, ensemble=[third], sample=True, seed=4)


def test_a_captioner_has_the_mean_probability_of_each_token(tmp_path: Path) -> None:
    items, captions = small_captioners.bars()
    model = small_captioners.trained(items, captions, members=2, attention="luong", max_steps=20)
    data = EncodedCaptions(model._known(items[:5], captions[:5], captioned=True), model.vocabulary)
    expected = []
    for row in range(5):
        batch = data.batch(np.array([row]))
        with torch.no_grad():
            logits = [
                member.logits(member(batch.inputs_BT.items, batch.inputs_BT.tokens_BT))[0]
                for member in model.network.eval().members
            ]
        tokens_TV = mean_log([log_softmax(each) for each in logits])
        expected.append(tokens_TV[np.arange(len(tokens_TV)), batch.targets_BT[0].numpy()].sum())
    np.testing.assert_allclose(np.concatenate(model.score(items[:5], captions[:5])), expected, atol=1e-4)
    best = [found[0] for found in model.captions(items[:5], attention=True, min_length=1)]
    scored = np.concatenate(model.score(items[:5], [each.text for each in best]))
    finished = [each.finished for each in best]
    np.testing.assert_allclose(
        [each.log_probability for each, done in zip(best, finished, strict=True) if done], scored[finished], atol=1e-4
    )
    for each in best:
        assert each.attention is not None
        np.testing.assert_allclose(np.asarray(each.attention).sum(axis=1), 1.0, atol=1e-5)
    model.save(tmp_path / "m")
    np.save(tmp_path / "items.npy", items[:1])
    picture = tmp_path / "a.png"
    assert main(["caption", str(tmp_path / "m"), str(tmp_path / "items.npy"), "--attention", str(picture)]) == 0
    assert picture.stat().st_size > 1000


def test_a_transcriber_has_the_mean_log_probability_of_each_symbol() -> None:
    sounds, texts = small_transcribers.spoken(16)
    options = small_transcribers.OPTIONS | small_transcribers.ONE_WAY | {"members": 2, "max_steps": 25}
    model = Transcriber(**options).fit(sounds, texts, progress=False, tune=False)
    frames = torch.randn(2, 30, model.network.features)
    lengths_B = torch.tensor([30, 21])
    with torch.no_grad():
        found = model.network.eval()(frames, lengths_B)
        members = [member(frames, lengths_B) for member in model.network.members]
    assert found.lengths_B.tolist() == members[0].lengths_B.tolist()
    expected = np.mean([log_softmax(each.logits_BTV) for each in members], axis=0)
    for row, length in enumerate(found.lengths_B.tolist()):
        np.testing.assert_allclose(found.logits_BTV[row, :length], expected[row, :length], atol=1e-5)
    for sound in sounds[:3]:
        stream = model.stream()
        pieces = [stream.push(piece) for piece in np.array_split(sound, 5)]
        assert "".join([*pieces, stream.finish()]) == model.transcribe([sound])[0]


def test_a_run_of_transcribers_warns_that_the_mean_may_be_worse(caplog: pytest.LogCaptureFixture) -> None:
    sounds, texts = small_transcribers.spoken(8)
    for members in (1, 2):
        caplog.clear()
        options = small_transcribers.OPTIONS | {"members": members, "max_steps": 1}
        Transcriber(**options).fit(sounds, texts, progress=False, tune=False)
        assert ("more errors than each member" in caplog.text) == (members > 1)


def test_a_transcriber_takes_an_ensemble_as_language_model() -> None:
    sounds, _ = small_transcribers.spoken(4)
    lm = LanguageModel(batch_size=4, bptt=10, **TINY).fit(string="abc cab bca " * 40, progress=False, tune=False)
    model = Transcriber(**small_transcribers.OPTIONS).fit(*small_transcribers.spoken(16), progress=False, tune=False)
    assert len(model.transcribe(sounds, lm=lm, lm_weight=0.5)) == 4


def test_the_summary_of_a_run_names_the_members(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    flags = ["--members", "3", "--hidden-size", "4", "--embedding", "2", "--max-steps", "3", "--no-tune"]
    assert main(["train", "lm", str(path), "-o", str(tmp_path / "m"), *flags, "--no-tensorboard"]) == 0
    captured = capfd.readouterr()
    assert "3 members of lstm 1x4" in captured.out + captured.err
    assert len(elman.load(tmp_path / "m").network.members) == 3
    assert main(["train", "lm", str(path), "--dry-run", *flags]) == 0
    assert "3 members" in capfd.readouterr().out
