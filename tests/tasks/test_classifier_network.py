"""A classifier's network, its bag of n-grams, and its loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from elman.data.examples.targets import class_weights_of
from elman.data.rows import SequenceRows
from elman.data.vocabulary import UNKNOWN_ID
from elman.nn.attribution import predict_outputs, step_weights
from elman.nn.bag import NgramBag, count_grams, learn_bag
from elman.state import Batch
from elman.tasks.classifier.config import ClassifierNetworkConfig
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.objectives import ClassObjective, RegressionObjective

from .labelled import fitted, texts

TOKENS = [[2, 3, 2, 3, 4], [3, 0, 2], [4], [2, 2, 2, 2], [5, 4, 3, 2, 3]]
TRUTH = np.array([0, 1, 1, 0, 2])


def rows_of(tokens: list[list[int]]) -> SequenceRows:
    return SequenceRows([np.array(row) for row in tokens], np.zeros(len(tokens), np.int64))


def network(**options: Any) -> ClassifierNetwork:
    torch.manual_seed(0)
    sizes = {name: options.pop(name) for name in ("tokens", "channels", "grams") if name in options}
    return ClassifierNetwork(
        ClassifierNetworkConfig(hidden_size=5, embedding=4, **options), outputs=3, **sizes or {"tokens": 6}
    )


def grams(row: list[int], order: int) -> list[tuple[int, ...]]:
    """Every n-gram without an unknown token, at every place where it occurs."""
    every = [tuple(row[start : start + n]) for n in range(1, order + 1) for start in range(len(row) - n + 1)]
    return [gram for gram in every if UNKNOWN_ID not in gram]


def weights_by_hand(order: int) -> dict[tuple[int, ...], np.ndarray]:
    """Naive Bayes log-ratios, one n-gram at a time."""
    known = {gram for row in TOKENS for gram in grams(row, order)}
    counts = {gram: np.ones(3) for gram in known}
    for row, label in zip(TOKENS, TRUTH, strict=True):
        for gram in set(grams(row, order)):
            counts[gram][label] += 1
    total = sum(counts.values())
    logs = {gram: np.log(count / total) for gram, count in counts.items()}
    return {gram: log - log.mean() for gram, log in logs.items()}


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_bag_adds_naive_bayes_weights_of_each_gram_once(order: int) -> None:
    learnt = count_grams(rows_of(TOKENS), order)
    keys, ratios = learnt.keys_K, learn_bag(learnt, TRUTH, 3)
    by_hand = weights_by_hand(order)
    assert len(keys) == len(by_hand)
    assert (np.diff(keys) > 0).all()
    bag = NgramBag(len(keys), 3, order)
    bag.start(keys, ratios)
    held_out = [[2, 3, 4, 4], [5], [0, 0], [3, 2, 5, 3, 2, 3, 4], *TOKENS]
    batch = rows_of(held_out).batch(np.arange(len(held_out)))
    found = bag(batch.inputs_BT, batch.lengths_B).detach()
    expected = [sum((by_hand[g] for g in set(grams(row, order)) if g in by_hand), np.zeros(3)) for row in held_out]
    np.testing.assert_allclose(found, np.array(expected), atol=1e-5)
    shares = bag.shares(batch.inputs_BT, batch.lengths_B)
    np.testing.assert_allclose(shares.sum(dim=1), np.array(expected), atol=1e-5)
    real = torch.arange(shares.shape[1]) < batch.lengths_B[:, None]
    assert (shares[~real] == 0).all()


def test_a_gram_s_weight_is_shared_by_the_steps_that_it_covers() -> None:
    keys = count_grams(rows_of([[2, 3]]), 2).keys_K
    bag = NgramBag(3, 2, 2)
    unigrams_and_one_bigram = np.array([[float(key), 0.0] for key in keys])
    place = int(np.flatnonzero(~np.isin(keys, [2, 3]))[0])
    unigrams_and_one_bigram[place] = [10.0, 0.0]
    bag.start(keys, unigrams_and_one_bigram)
    shares = bag.shares(torch.tensor([[2, 3, 2, 3]]), None)[0, :, 0]
    # The bigram occurs twice: 10 / 2 places / 2 steps; each word occurs twice.
    np.testing.assert_allclose(shares, [1 + 2.5, 1.5 + 2.5, 1 + 2.5, 1.5 + 2.5], atol=1e-6)


def test_a_bag_without_classes_begins_with_nothing_and_learns() -> None:
    learnt = count_grams(rows_of(TOKENS), 2)
    assert not learn_bag(learnt, None, 1).any()
    X, y = texts()
    model = fitted(X, [float(label == "pos") for label in y], kind="regression", bag=1, max_steps=60)
    assert model.network.bag.weight.abs().max() > 0.1
    assert len(learnt.keys_K) == len(weights_by_hand(2))


def test_a_bag_alone_decides_where_the_network_knows_nothing() -> None:
    X, y = texts(200)
    plain, started = (fitted(X, y, bag=2, bag_start=start, max_steps=1, learning_rate=1e-6) for start in (0.0, 1.0))
    held = texts(100, seed=4)
    assert started.score(*held) > 0.95
    assert plain.score(*held) < 0.9
    decisive = started.explain(["the film was good a"])[0]
    assert int(np.argmax(decisive.weights)) == 3


def test_padding_does_not_matter_to_tokens_or_series() -> None:
    net = network(tokens=6, grams=4, bag=2).eval()
    tokens = torch.tensor([[2, 3, 4], [5, 0, 0]])
    lengths = torch.tensor([3, 1])
    with torch.no_grad():
        expected = net(tokens, lengths)
        tokens[1, 1:] = 5
        torch.testing.assert_close(net(tokens, lengths), expected)
        torch.testing.assert_close(net(tokens[1:, :1], None), expected[1:])
        of_series = network(channels=2).eval()
        x_BTI = torch.randn(2, 4, 2)
        convolved = network(channels=2, input_kernel=5, stride=2).eval()
        for net in (of_series, convolved):
            x_BTI[1, 2:] = 0.5
            expected = net(x_BTI, torch.tensor([4, 2]))
            x_BTI[1, 2:] = math.nan
            torch.testing.assert_close(net(x_BTI, torch.tensor([4, 2])), expected)
            torch.testing.assert_close(net(x_BTI[1:, :2], None), expected[1:])


@pytest.mark.parametrize(
    "options", [{"word_dropout": 0.5}, {"input_dropout": 0.5}, {"embedding_dropout": 0.5}, {"output_dropout": 0.5},
                {"noise": 0.5, "channels": 2}, {"scale_jitter": 0.5, "channels": 2}, {"time_warp": 0.5, "channels": 2},
                {"crop": 0.9, "channels": 2}, {"input_dropout": 0.5, "channels": 2},
                {"variational": True, "input_dropout": 0.5}], ids=str,
)  # fmt: skip
def test_dropout_and_augmentation_act_in_training_only(options: dict[str, Any]) -> None:
    inputs = torch.randn(2, 5, 2) if "channels" in options else torch.tensor([[2, 3, 4, 5, 2], [3, 3, 4, 4, 5]])
    net = network(**options)
    with torch.no_grad():
        assert not torch.equal(net.train()(inputs, None), net(inputs, None))
        assert torch.equal(net.eval()(inputs, None), net(inputs, None))
        plain = network(**{name: value for name, value in options.items() if name == "channels"}).eval()
        assert torch.equal(net(inputs, None), plain(inputs, None))


def test_word_dropout_reads_unknown_words() -> None:
    net = network(word_dropout=0.999999).train()
    tokens = torch.tensor([[2, 3, 4]])
    with torch.no_grad():
        torch.testing.assert_close(net(tokens, None), network().eval()(torch.full_like(tokens, UNKNOWN_ID), None))


def test_embedding_dropout_has_one_mask_for_all_tokens_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(embedding_dropout=0.5).train()
    seen = []
    monkeypatch.setattr(net, "from_features", lambda x_BTI, _: seen.append(x_BTI) or torch.zeros(2, 3))
    net(torch.tensor([[2, 3, 4], [5, 4, 3]]), None)
    dropped = seen[0] == 0
    assert (dropped == dropped[:, :1]).all()
    assert dropped.any()
    assert not dropped.all()


def test_losses_are_torch_s_own() -> None:
    net = network(channels=2, bidirectional=False).eval()
    x_BTI, targets = torch.randn(4, 3, 2), torch.tensor([0, 2, 1, 1])
    weights = np.array([1.0, 2.0, 0.5])
    objective = ClassObjective(net, None, class_weights=weights, label_smoothing=0.2)
    total, count, state = objective.loss(Batch(x_BTI, targets), ())
    expected = F.cross_entropy(net(x_BTI, None), targets, weight=torch.tensor(weights).float(), label_smoothing=0.2,
                               reduction="sum")  # fmt: skip
    torch.testing.assert_close(total, expected)
    assert (count, state, objective.evaluate()) == (4, (), {})
    scores = torch.tensor([0.1, 0.2, 0.3, 0.4])
    total, count, _ = RegressionObjective(net, None, deviation=2.0).loss(Batch(x_BTI, scores), ())
    torch.testing.assert_close(total, ((net(x_BTI, None)[:, 0] - scores) ** 2).sum())


def test_balanced_weights_by_hand() -> None:
    truth = np.array([0, 0, 0, 2])
    weights = class_weights_of(truth, 3)
    np.testing.assert_allclose(weights, [4 / 6, 0, 2])
    assert weights[truth].mean() == pytest.approx(1)


def test_what_is_kept_is_right_most_often_and_then_likeliest() -> None:
    net = network(channels=1).eval()
    rows, truth = SequenceRows([np.ones((2, 1), np.float32)] * 3), np.array([0, 1, 1])
    figures = ClassObjective(net, (rows, truth)).evaluate()
    logits = predict_outputs(net, rows)
    error = float((logits.argmax(axis=1) != truth).mean())
    assert figures["selection"] == pytest.approx(error + 1e-3 * figures["loss"])
    balanced = ClassObjective(net, (rows, truth), class_weights=np.array([3.0, 0.0, 0.0])).evaluate()
    assert balanced["selection"] == pytest.approx(float(logits[0].argmax() != 0) + 1e-3 * figures["loss"])
    assert ClassObjective(net, (rows, truth)).evaluate(limit=1)["accuracy"] in (0.0, 1.0)


def test_outputs_stand_in_the_order_of_the_rows() -> None:
    net = network(channels=1).eval()
    draw = np.random.default_rng(0)
    X = [draw.normal(size=(length, 1)).astype(np.float32) for length in (3, 9, 1, 5)]
    together = predict_outputs(net, SequenceRows(X))
    for row, x_TI in enumerate(X):
        with torch.no_grad():
            np.testing.assert_allclose(together[row], net(torch.tensor(x_TI)[None], None)[0], atol=1e-6)


def test_weights_of_steps_add_up_for_a_network_that_is_linear() -> None:
    net = network(cell="mingru", channels=2, bidirectional=False, pool="mean").eval()
    rows = SequenceRows([np.full((3, 2), 1e-3, np.float32)])
    (weights,) = step_weights(net, rows, np.array([1]))
    with torch.no_grad():
        logits = net(torch.full((1, 3, 2), 1e-3), None) - net(torch.zeros(1, 3, 2), None)
    assert weights.sum() == pytest.approx(float(logits[0, 1] - logits.mean()), rel=0.05)


def test_recurrent_layers_read_every_nth_output_of_the_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(channels=2, input_kernel=4, stride=3, bidirectional=False).eval()
    assert not network(channels=2).convolution
    read = []
    forward = net.stack.forward
    monkeypatch.setattr(net.stack, "forward", lambda *inputs: read.append(inputs) or forward(*inputs))
    net(torch.randn(3, 10, 2), torch.tensor([10, 9, 1]))
    ((y_BSF, lengths_B),) = read
    assert y_BSF.shape == (3, 4, 5)
    assert lengths_B.tolist() == [4, 3, 1]


def test_every_step_has_a_weight_in_spite_of_a_stride() -> None:
    net = network(channels=2, input_kernel=4, stride=3).eval()
    rows = SequenceRows([np.random.default_rng(0).normal(size=(length, 2)).astype(np.float32) for length in (10, 3)])
    long, short = step_weights(net, rows, np.array([1, 0]))
    assert long.shape == (10, 2)
    assert short.shape == (3, 2)
    assert (long != 0).all()


@pytest.mark.parametrize("weights", [None, np.array([0.5, 2.0, 1.0])])
def test_the_best_weights_are_those_with_the_lowest_loss_where_it_is_monitored(weights: Any) -> None:
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, -1.0], [1.0, 0.5, 0.0], [0.0, 0.0, 4.0]], dtype=torch.float64)
    truth = torch.tensor([0, 1, 1, 2])
    held = (rows_of(TOKENS), TRUTH)
    by_loss = ClassObjective(network(), held, class_weights=weights, by_loss=True)
    by_accuracy = ClassObjective(network(), held, class_weights=weights)
    weight = None if weights is None else torch.from_numpy(weights)
    expected = F.cross_entropy(logits, truth, weight=weight)
    assert by_loss.figures(logits.numpy(), truth.numpy())["selection"] == pytest.approx(float(expected), rel=1e-12)
    assert by_accuracy.figures(logits.numpy(), truth.numpy())["selection"] < 0.5
    weighted = by_loss.figures(logits.numpy(), truth.numpy(), np.array([1.0, 0.0, 1.0, 0.0]))["selection"]
    kept = F.cross_entropy(logits[[0, 2]], truth[[0, 2]], weight=weight)
    assert weighted == pytest.approx(float(kept), rel=1e-12)


def test_a_run_keeps_the_weights_of_the_monitored_metric() -> None:
    X, y = texts(80)
    noisy = [label if row % 4 else ("neg" if label == "pos" else "pos") for row, label in enumerate(y)]
    options = {"max_steps": 60, "evaluate_every": 1, "learning_rate": 0.05, "patience": 0}
    loss, accuracy = (fitted(X, noisy, monitor=name, **options).metrics["valid"] for name in ("loss", "accuracy"))
    assert loss["loss"] < accuracy["loss"]
    assert loss["accuracy"] <= accuracy["accuracy"]
