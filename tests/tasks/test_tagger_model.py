"""The tagger as people use it: it learns, answers, is saved and loaded, and refuses what it cannot use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import Tagger
from elman.data.tagged import tagged_from
from elman.data.tagged.encoded import EncodedSequences
from elman.data.tagged.vocabulary import TaggerVocabulary, unseen_answers
from elman.errors import ArtifactError, ConfigError, DataError
from elman.state import IGNORE_INDEX
from elman.tasks.tagger.setup import TagObjective, answers

from .small_taggers import OPTIONS, sentences, trained, write_triples

LONGER = {"max_steps": 120}


@pytest.fixture(scope="module", params=["crf", "softmax"])
def learnt(request: pytest.FixtureRequest) -> Tagger:
    torch.set_num_threads(1)
    return trained(**LONGER, head=request.param, intent=True)


def test_it_learns_what_can_be_learnt(learnt: Tagger) -> None:
    words, tags, intents = sentences(30, seed=1)
    figures = learnt.evaluate(words, tags, intents=intents)
    assert figures["accuracy"] > 0.98
    assert figures["f1"] > 0.95
    assert figures["intent_accuracy"] == figures["exact"] / figures["sentences"] == 1.0
    assert learnt.predict(words) == learnt.predict([" ".join(each) for each in words])
    assert learnt.predict_intents(words) == intents
    assert learnt.score(words, tags) == figures["f1"]
    assert learnt.metrics["valid"]["f1"] > 0.9


def test_words_never_seen_are_read_by_their_letters_and_do_no_harm(learnt: Tagger) -> None:
    (answer,) = learnt.tag("go to paris zyx\u4e2d")
    assert len(answer.tags) == 4
    assert answer.words[-1] == "zyx\u4e2d"
    assert answer.tags[2] == "B-to"
    assert all(0.0 < each <= 1.0 for each in answer.probabilities)
    assert answer.intent == "Go"
    assert answer.spans[0].type == "to"


def test_a_sentence_is_answered_the_same_in_any_company(learnt: Tagger) -> None:
    words, _, _ = sentences(12, seed=2)
    together = learnt.tag(words)
    for sentence, answer in zip(words, together, strict=True):
        (alone,) = learnt.tag([sentence])
        assert alone.tags == answer.tags
        assert alone.probabilities == pytest.approx(answer.probabilities, abs=1e-5)
        assert alone.intent_probability == pytest.approx(answer.intent_probability, abs=1e-5)
    assert learnt.tag([]) == []


def test_progress_goes_from_batch_to_batch_to_the_end(learnt: Tagger) -> None:
    words, tags, intents = sentences(150, seed=7)  # of which at most 64 are in a batch
    calls: list[tuple[str, float]] = []

    def listen(stage: str, share: float) -> None:
        calls.append((stage, share))

    for ask in (
        lambda: learnt.tag(words, progress=listen),
        lambda: learnt.predict_intents(words, progress=listen),
        lambda: learnt.evaluate(words, tags, intents=intents, progress=listen),
        lambda: learnt.report(words, tags, progress=listen),
    ):
        calls.clear()
        ask()
        assert {stage for stage, _ in calls} == {"tagging"}
        shares = [share for _, share in calls]
        assert len(shares) >= 3
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_saved_and_loaded_it_is_the_same(learnt: Tagger, tmp_path: Path) -> None:
    words, _, _ = sentences(5, seed=3)
    learnt.save(tmp_path / "model")
    again = elman.load(tmp_path / "model")
    assert isinstance(again, Tagger)
    assert again.tag(words) == learnt.tag(words)
    assert again.vocabulary == learnt.vocabulary
    assert again.get_params() == learnt.get_params()
    assert "token-classification" in (tmp_path / "model" / "README.md").read_text()


def test_the_crf_never_breaks_the_notation() -> None:
    model = trained(head="crf", max_steps=1)
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 3)
    words = [["now"] * 30] * 5
    for tags in model.predict(words):
        for before, after in zip(["O", *tags], tags, strict=False):
            assert not after.startswith("I-") or before[1:] == after[1:]
    free = trained(head="crf", max_steps=1, constrained=False)
    assert bool(free.network.crf.steps_VV.all())
    assert not bool(model.network.crf.steps_VV.all())


def test_the_loss_is_the_sum_of_the_nats() -> None:
    """Of a batch with both kinds of answer, by torch's own cross-entropy row by row."""
    model = trained(max_steps=2, intent=True, intent_weight=0.5)
    words, tags, intents = sentences(6, seed=4)
    tags[0][0], intents[1] = "never seen", "never seen"
    data = EncodedSequences(tagged_from(words, tags, intents=intents), model.vocabulary)
    batch = data.batch(np.arange(6))
    scores = model.network(batch.inputs_BT, batch.lengths_B)
    total, count, _ = TagObjective(model.network, model.vocabulary).loss(batch, ())
    expected = 0.0
    for row, each in enumerate(tags):
        for t, tag in enumerate(each):
            if tag in model.vocabulary.tags:
                log_probs = scores.logits_BTV[row, t].log_softmax(-1)
                expected -= float(log_probs[model.vocabulary.tags.index(tag)].detach())
        if intents[row] in model.vocabulary.intents:
            log_probs = scores.intents_BC[row].log_softmax(-1)
            expected -= 0.5 * float(log_probs[model.vocabulary.intents.index(intents[row])].detach())
    assert float(total.detach()) == pytest.approx(expected, rel=1e-5)
    assert count == sum(len(each) for each in tags) - 1


def test_a_crf_leaves_sentences_out_that_it_cannot_have() -> None:
    model = trained(max_steps=2, head="crf")
    words = [["go", "to", "paris"], ["go", "to", "paris"], ["go", "to", "oslo"]]
    tags = [["O", "O", "B-to"], ["O", "O", "never seen"], ["O", "O", "I-to"]]
    data = EncodedSequences(tagged_from(words, tags), model.vocabulary)
    batch = data.batch(np.arange(3))
    likelihood = TagObjective(model.network, model.vocabulary)
    total, count, _ = likelihood.loss(batch, ())
    alone, three, _ = likelihood.loss(data.batch(np.arange(1)), ())
    assert count == three == 3
    assert float(total.detach()) == pytest.approx(float(alone.detach()), rel=1e-5)


def test_tags_never_seen_count_as_wrong_and_are_reported(learnt: Tagger) -> None:
    data = tagged_from([["go", "to", "paris"]], [["O", "O", "B-new"]], intents=["Swim"])
    assert learnt.evaluate(data)["accuracy"] == pytest.approx(2 / 3)
    said = unseen_answers(learnt.vocabulary, data)
    assert said is not None
    assert "1 tag not seen in training, and counted as wrong: 'B-new'" in said
    assert "1 sentence label not seen" in said
    assert unseen_answers(learnt.vocabulary, tagged_from(["go"], [["O"]])) is None


def test_word_dropout_forgets_rare_words_more_often() -> None:
    model = trained(max_steps=1, word_dropout=2.0)
    network = model.network.train()
    network.counts_V[:] = 100.0
    network.counts_V[1] = 1.0
    torch.manual_seed(0)
    words_BT = torch.ones(1, 3000, dtype=torch.int64)
    assert float((network._forget(words_BT) == 0).float().mean()) == pytest.approx(2 / 3, abs=0.03)
    assert float((network._forget(words_BT * 2) == 0).float().mean()) == pytest.approx(2 / 102, abs=0.01)
    assert torch.equal(network.eval()._forget(words_BT), words_BT)


def test_training_counts_words_as_they_are_looked_up() -> None:
    data = tagged_from(["The the 12 99 a", "a"], [["X"] * 5, ["Y"]])
    config = Tagger(**OPTIONS).config.data
    vocabulary = TaggerVocabulary.learn(data, config, intent=False)
    assert set(vocabulary.words) == {"the", "00", "a"}
    counts_V = EncodedSequences(data, vocabulary).word_counts(4)
    assert {word: int(counts_V[number]) for number, word in enumerate(vocabulary.words, 1)} == {
        "the": 2,
        "00": 2,
        "a": 2,
    }
    assert vocabulary.tag_ids(["X", "?"]).tolist() == [0, IGNORE_INDEX]


@pytest.mark.parametrize(
    "options",
    [
        {"lowercase": False, "digits": False, "min_count": 2},
        {"char_embedding": 0},
        {"embedding": 0},
        {"bidirectional": False, "cell": "gru", "intent": True, "intent_pool": "mean-max"},
        {"dropout": 0.3, "input_dropout": 0.3, "variational": False, "residual": True, "layers": 2},
        {"held_out": 0.0},
        {"ema_decay": 0.9, "schedule": "constant"},
    ],
    ids=str,
)
def test_every_option_makes_a_tagger(options: dict[str, Any]) -> None:
    model = trained(**options)
    words, tags, _ = sentences(3)
    assert [len(each) for each in model.predict(words)] == [len(each) for each in tags]


def test_a_label_for_every_frame(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    frames = [draw.normal(1e4, [3.0, 100.0], (length, 2)).astype(np.float32) for length in draw.integers(3, 12, 40)]
    labels = [[int(value > 1e4) for value in each[:, 0]] for each in frames]
    model = Tagger(**OPTIONS | LONGER).fit(frames, labels, progress=False, tune=False)
    assert model.evaluate(frames, labels)["accuracy"] > 0.9
    (answer,) = model.tag([frames[0]])
    assert answer.words == [str(t) for t in range(len(frames[0]))]
    model.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").predict(frames) == model.predict(frames)
    with pytest.raises(DataError, match=r"expected frames of 2 features. Received: words"):
        model.predict(["some words"])
    with pytest.raises(DataError, match=r"expected frames of 2 features. Received: frames of 3 features"):
        model.predict([np.zeros((4, 3))])


def test_frames_are_standardised_by_the_training_data() -> None:
    frames = [np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 5.0]])]
    labels = [["a", "b"], ["a"]]
    options = OPTIONS | {"held_out": 0.0, "max_steps": 1}
    network = Tagger(**options).fit(frames, labels, progress=False, tune=False).network
    assert network.mean_I.tolist() == [3.0, 5.0]
    assert network.scale_I.tolist() == pytest.approx([np.std([1.0, 3.0, 5.0]), 1.0])
    plain = Tagger(**options, standardise=False).fit(frames, labels, progress=False, tune=False).network
    assert plain.mean_I.tolist() == [0.0, 0.0]
    assert plain.scale_I.tolist() == [1.0, 1.0]


def test_words_where_frames_came(learnt: Tagger) -> None:
    with pytest.raises(DataError, match=r"expected words. Received: frames of 3 features"):
        learnt.predict([np.zeros((4, 3))])


def test_answers_do_not_depend_on_the_order(learnt: Tagger) -> None:
    words, _, _ = sentences(9, seed=5)
    one = answers(learnt.network, EncodedSequences(tagged_from(words), learnt.vocabulary))
    other = answers(learnt.network, EncodedSequences(tagged_from(words[::-1]), learnt.vocabulary))
    assert [each.tags for each in one] == [each.tags for each in other[::-1]]


def fit(model: Tagger, *data: Any, **more: Any) -> Tagger:
    return model.fit(*data, progress=False, tune=False, **more)


def test_what_cannot_be_learnt_is_refused() -> None:
    words, tags, intents = sentences(6)
    with pytest.raises(DataError, match=r"expected at least two different tags. Received: O"):
        fit(Tagger(**OPTIONS), words, [["O"] * len(each) for each in words])
    with pytest.raises(DataError, match=r"expected a label of every sentence with intent=true. Received: none"):
        fit(Tagger(**OPTIONS, intent=True), words, tags)
    with pytest.raises(DataError, match=r"expected at least two different intents. Received: 'Go'"):
        fit(Tagger(**OPTIONS, intent=True), words, tags, intents=["Go"] * 6)
    with pytest.raises(DataError, match="expected at least 2 sequences to hold some of them out"):
        fit(Tagger(**OPTIONS), words[:1], tags[:1])
    with pytest.raises(DataError, match=r"valid: expected a label of every sentence"):
        fit(Tagger(**OPTIONS, intent=True), words, tags, intents=intents, valid=(words, tags))
    with pytest.raises(DataError, match=r"expected sentences and tags, or paths of files. Received: list alone"):
        fit(Tagger(**OPTIONS), [["a", "b"]])
    with pytest.raises(ConfigError, match="expected tags with intents, or both in files"):
        fit(Tagger(**OPTIONS), words, intents=intents)
    with pytest.raises(ConfigError, match="expected data in files when training in a folder"):
        fit(Tagger(**OPTIONS), words, tags, folder="model")
    many = [[str(number) for number in range(start, start + 100)] for start in range(0, 2100, 100)]
    with pytest.raises(ConfigError, match=r"expected at most 2000 tags for a CRF; head=softmax takes more"):
        fit(Tagger(**OPTIONS, head="crf", held_out=0.0), many, many)
    with pytest.raises(ConfigError, match="expected embedding or char_embedding above 0"):
        fit(Tagger(**OPTIONS | {"embedding": 0, "char_embedding": 0}), words, tags)
    with pytest.raises(ConfigError, match="expected loss_from and loss_to for tasks with a target at every step"):
        fit(Tagger(**OPTIONS, loss_from=1), words, tags)
    with pytest.raises(ConfigError, match="expected pool to be one of"):
        fit(Tagger(**OPTIONS, intent=True, intent_pool="best"), words, tags, intents=intents)


def test_an_untrained_tagger_says_so() -> None:
    for call in (lambda: Tagger().predict(["a"]), lambda: Tagger().network, lambda: Tagger().save("x")):
        with pytest.raises(ConfigError, match="expected a model that is trained"):
            call()
    with pytest.raises(ConfigError, match="expected a tagger that was trained with intent=true"):
        trained(max_steps=1).predict_intents(["a"])


def test_parameters_as_in_scikit_learn() -> None:
    model = Tagger("small", hidden_size=7)
    assert model.get_params()["hidden_size"] == 7
    assert Tagger(**model.get_params()).config == model.config
    assert model.set_params(hidden_size=9, head="crf") is model
    assert (model.config.network.hidden_size, model.config.network.head) == (9, "crf")
    assert model.config.network.layers == Tagger("small").config.network.layers
    with pytest.raises(ConfigError, match=r"Received: 'hiden'. Did you mean 'hidden_size'\?"):
        model.set_params(hiden=3)
    assert "not trained" in repr(model)
    model = trained(max_steps=1)
    with pytest.raises(ConfigError, match="Did you mean 'hidden_size'"):
        model.set_params(hiden=3)
    assert model.predict([["go"]])  # as before
    model.set_params(hidden_size=9)
    with pytest.raises(ConfigError, match="expected a model that is trained"):
        model.save("x")  # its weights would not fit to its options


def test_tags_of_no_notation_in_held_out_data() -> None:
    words, tags, _ = sentences()
    strange = ([["go", "to", "rome"]], [["O", "_", "NN"]])
    model = fit(Tagger(**OPTIONS), words, tags, valid=strange)
    assert model.metrics["valid"]["tokens"] == 3
    assert model.evaluate(*strange)["recall"] == 0.0
    assert {each.name for each in model.report(*strange).tags} >= {"NN", "_"}


@pytest.mark.parametrize("rate", [1.0, 1.5, 99.0])
def test_a_rate_of_dropout_that_leaves_nothing_is_refused(rate: float) -> None:
    words, tags, _ = sentences()
    for name in ("input_dropout", "dropout"):
        with pytest.raises(ConfigError, match=rf"expected {name} from 0 up to, but not including, 1"):
            fit(Tagger(**OPTIONS | {name: rate}), words, tags)


def test_held_out_files_and_held_out_lists(tmp_path: Path) -> None:
    train = write_triples(tmp_path / "train")
    valid = write_triples(tmp_path / "valid", 10, seed=1)
    model = fit(Tagger(**OPTIONS, intent=True), train, valid=valid, test=[valid], folder=tmp_path / "model")
    assert model.metrics["test"]["tokens"] == model.metrics["valid"]["tokens"]
    assert model.data["train_sequences"] == 40
    assert model.data["valid_sequences"] == 10
    words, tags, intents = sentences(10, seed=1)
    same = fit(
        Tagger(**OPTIONS, intent=True),
        *sentences()[:2],
        intents=sentences()[2],
        valid=(words, tags, intents),
        test=(words, tags, intents),
    )
    assert same.metrics["valid"] == pytest.approx(model.metrics["valid"])
    assert same.data["fingerprint"] == model.data["fingerprint"]


@pytest.mark.parametrize(
    "change",
    [
        {"tags": ["O"]},
        {"tags": ["O", "O", "B-to"]},
        {"words": [1]},
        {"letters": ["ab"]},
        {"features": 2},
        {"letters": [], "features": 0},
        {"scheme": "xyz"},
        {"scheme": "iobes", "tags": ["NOUN", "VERB"]},
        {"intents": ["a"]},
        {"kind": "words"},
        {"lowercase": 1},
        {"more": 1},
    ],
    ids=str,
)
def test_a_vocabulary_that_was_tampered_with_is_refused(change: dict[str, Any]) -> None:
    good = trained(max_steps=1).vocabulary.to_json()
    assert TaggerVocabulary.from_json(good).to_json() == good
    with pytest.raises(ArtifactError):
        TaggerVocabulary.from_json({**good, **change})


def test_a_folder_whose_parts_contradict_each_other(tmp_path: Path) -> None:
    trained(max_steps=1).save(tmp_path / "model")
    described = tmp_path / "model" / "elman.json"
    described.write_text(described.read_text().replace('"intent": false', '"intent": true'))
    with pytest.raises(ArtifactError, match="expected sentence labels if and only if intent is true"):
        elman.load(tmp_path / "model")
