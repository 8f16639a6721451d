"""Verdicts: figures from sums, paired tests against scipy, and what is called better."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from elman.errors import ShapeError
from elman.metrics.translation import bleu_counts
from elman.metrics.verdict import BLEU, F1, error_rate, mean_of, ratio, rmse_of, verdict_of

ACCURACY = ratio("accuracy", "accuracy")


def hits(*values: float) -> np.ndarray:
    """Counts of examples that are right (1) or wrong (0)."""
    return np.stack([np.array(values, dtype=float), np.ones(len(values))], axis=1)


def judged(network: np.ndarray, rule: np.ndarray, figure=ACCURACY, **how):
    return verdict_of(figure, network, {"rule": rule}, part="test", noun="examples", **how)


def test_figures_of_sums() -> None:
    sums = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert ACCURACY.of(sums).tolist() == [0.75, 0.0]
    assert rmse_of().of(np.array([16.0, 4.0])) == 2.0
    assert F1.of(np.array([2.0, 3.0, 5.0])) == 0.5
    assert [figure.higher for figure in (ACCURACY, BLEU, F1, error_rate("cer", "CER"), mean_of("loss", "loss"))] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("words", [3, 40])
def test_bleu_is_sacrebleus(words: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    generator = np.random.default_rng(words)
    known = [" ".join(generator.choice(list("abcdefg"), size=words)) for _ in range(20)]
    given = [" ".join(generator.choice(list("abcdefg"), size=words - 1)) for _ in range(20)]
    counts = bleu_counts(given, known)
    right = sacrebleu.BLEU(force=True, effective_order=True).corpus_score(given, [known]).score
    assert BLEU.of(counts.sum(0)) == pytest.approx(right, rel=1e-9)
    assert BLEU.of(bleu_counts(known, known).sum(0)) == pytest.approx(100.0)
    assert BLEU.of(bleu_counts(["x"] * 20, known).sum(0)) == 0.0


@pytest.mark.parametrize(("network", "rule"), [(8, 1), (5, 3), (9, 0), (2, 2), (1, 0)])
def test_the_test_of_hits_is_mcnemars_exact_one(network: int, rule: int) -> None:
    """On the items that only one of them has right."""
    one = hits(*[1] * network, *[0] * rule, *[1] * 30)
    other = hits(*[0] * network, *[1] * rule, *[1] * 30)
    assert judged(one, other).chance == pytest.approx(stats.binomtest(network, network + rule).pvalue)


def test_the_test_of_means_is_scipys() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.normal(0.0, 1.0, 9), generator.normal(0.8, 1.0, 9)
    found = judged(np.stack([one, np.ones(9)], 1), np.stack([other, np.ones(9)], 1), mean_of("loss", "loss"))
    right = stats.permutation_test(
        (one, other), lambda a, b: a.mean() - b.mean(), permutation_type="samples", n_resamples=np.inf
    )
    assert found.chance == pytest.approx(right.pvalue)


def test_the_interval_is_that_of_the_paired_bootstrap() -> None:
    generator = np.random.default_rng(1)
    one, other = generator.normal(1.0, 1.0, 400), generator.normal(1.2, 1.0, 400)
    found = judged(np.stack([one, np.ones(400)], 1), np.stack([other, np.ones(400)], 1), mean_of("loss", "loss"))
    given = {"method": "percentile", "n_resamples": 5000, "random_state": 1}
    right = stats.bootstrap((one - other,), np.mean, **given).confidence_interval
    assert found.low == pytest.approx(right.low, abs=0.02)
    assert found.high == pytest.approx(right.high, abs=0.02)


def test_what_is_better_even_and_worse() -> None:
    right, wrong, half = hits(*[1] * 200), hits(*[0] * 200), hits(*[1, 0] * 100)
    assert judged(right, half).outcome == "better"
    assert judged(half, right, advice="Try X.").outcome == "worse"
    assert judged(half, half).outcome == "even"
    # 0.5 points on 200 examples.
    nearly = half.copy()
    nearly[1, 0] = 1.0
    assert judged(nearly, half).outcome == "even"
    # Three examples show nothing, even if all are right.
    assert judged(right[:3], wrong[:3]).outcome == "even"
    assert [judged(right[:count], wrong[:count]).outcome for count in (5, 6)] == ["even", "better"]
    assert judged(right[:1], wrong[:1]).sentence == (
        "Network and best simple rule (rule): accuracy 100.00% against 0.00%. "
        "1 test example is too few to say which is better."
    )
    assert judged(right[:5], wrong[:5]).sentence.endswith("5 test examples are too few to say which is better.")


def test_a_lower_error_is_better() -> None:
    low, high = hits(*[1] * 10, *[0] * 190), hits(*[1] * 100, *[0] * 100)
    found = judged(low, high, error_rate("cer", "CER"))
    assert found.outcome == "better"
    assert "by 45.00 points: CER 5.00% against 50.00% (95 % interval +" in found.sentence
    assert judged(high, low, error_rate("cer", "CER")).outcome == "worse"


def test_equal_rules_are_rarely_called_different() -> None:
    generator = np.random.default_rng(2)
    outcomes = [
        judged(hits(*generator.integers(0, 2, 100)), hits(*generator.integers(0, 2, 100))).outcome for _ in range(200)
    ]
    assert 0.0 <= outcomes.count("better") / 200 <= 0.06
    assert 0.0 <= outcomes.count("worse") / 200 <= 0.06


def test_many_items_are_summed_in_blocks() -> None:
    generator = np.random.default_rng(3)
    one, other = hits(*generator.random(30_000) < 0.82), hits(*generator.random(30_000) < 0.80)
    found = judged(one, other)
    assert found.outcome == "better"
    assert found.items == 30_000
    error = np.sqrt((0.82 * 0.18 + 0.80 * 0.20) / 30_000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_where_both_tests_disagree_the_sentence_has_the_p_value() -> None:
    """Seven items, all of them in favour of the network but one: the bootstrap finds a difference, the other not."""
    network, rule = hits(1, 1, 1, 1, 1, 1, 1), hits(0, 0, 0, 1, 1, 0, 1)
    found = judged(network, rule)
    assert found.low > 0
    assert found.chance == pytest.approx(2 / 2**4)  # four differences with two signs each, all of them alike
    assert found.outcome == "even"
    assert f"{100 * found.high:+.3g}, but p = 0.12), on 7 test examples" in found.sentence
    assert "but p" not in judged(network, hits(0, 0, 0, 0, 0, 0, 0)).sentence


def test_sentences_and_tables() -> None:
    half, right = hits(*[1, 0] * 100), hits(*[1] * 200)
    found = verdict_of(
        ACCURACY,
        half,
        {"the commonest class": hits(*[0] * 200), "naive Bayes": right},
        part="validation",
        noun="examples",
        sampled={"naive Bayes": 1000},
        advice="Use that rule.",
    )
    assert found.best == "naive Bayes"
    assert found.sentence == (
        "The network is worse than a simple rule (naive Bayes, fitted on 1,000 of the training data) by 50.00 points: "
        "accuracy 50.00% against 100.00% "
        f"(95 % interval {100 * found.low:+.3g} to {100 * found.high:+.3g}), on 200 validation examples. Use that rule."
    )
    assert found.table() == [
        ("network", "50.00%"),
        ("naive Bayes", "100.00%"),
        ("the commonest class", "0.00%"),
    ]
    assert "fitted on 1,000 of the training data" in found.to_text()
    assert found.to_json()["outcome"] == "worse"
    assert "not better than the best simple rule (rule) within the error" in judged(half, half).sentence


def test_counts_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"expected counts of shape \(3, 2\) of rule. Received: \(2, 2\)"):
        judged(hits(1, 1, 1), hits(1, 1))
    with pytest.raises(ShapeError, match="expected a rule and an item to compare"):
        judged(hits()[:0].reshape(0, 2), hits()[:0].reshape(0, 2))
