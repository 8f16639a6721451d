"""Heads of forecasts, judged by scipy's distributions, by sums and by samples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.errors import ConfigError, ShapeError
from elman.nn import ForecastHead, make_head
from elman.nn.distributions import HEADS, NegativeBinomialHead
from elman.nn.quantile_functions import negative_binomial_cdf, negative_binomial_quantile, student_t_quantile
from elman.nn.quantile_head import QuantileHead

LEVELS = (0.001, 0.025, 0.1, 0.5, 0.75, 0.9, 0.999)
each_head = pytest.mark.parametrize("name", HEADS)
SPREAD = [name for name, head in HEADS.items() if head.spread]


def head_of(name: str, features: int = 5, outputs: int = 3) -> ForecastHead:
    torch.manual_seed(4)
    return make_head(name, features, outputs)


def oracle(name: str, parameters_OP: Tensor):
    """scipy's distribution, one more axis on the right."""
    columns = [column[..., None].double().numpy() for column in parameters_OP.unbind(-1)]
    if name == "gaussian":
        return scipy.stats.norm(*columns)
    if name == "student-t":
        location, scale, df = columns
        return scipy.stats.t(df, location, scale)
    mean, dispersion = columns
    return scipy.stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))


def parameters_of(name: str, spread: float = 3.0) -> tuple[ForecastHead, Tensor]:
    head = head_of(name)
    with torch.no_grad():
        return head, head(torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(1)) * spread)


@pytest.mark.parametrize("name", ["gaussian", "student-t", "negative-binomial"])
def test_losses_and_quantiles_are_scipys(name: str) -> None:
    head, parameters = parameters_of(name)
    judge = oracle(name, parameters)
    targets = torch.arange(4 * 7 * 3).reshape(4, 7, 3) % 11.0
    log_density = judge.logpmf if name == "negative-binomial" else judge.logpdf
    expected = -log_density(targets[..., None].numpy())[..., 0]
    np.testing.assert_allclose(head.loss(parameters, targets), expected, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(head.quantiles(parameters, LEVELS), judge.ppf(np.array(LEVELS)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(head.mean(parameters), judge.mean()[..., 0], rtol=1e-5)


@pytest.mark.parametrize("name", ["gaussian", "student-t", "negative-binomial"])
def test_samples_have_the_moments_of_their_distribution(name: str) -> None:
    head, _ = parameters_of(name)
    few = {
        "gaussian": [[3.0, 2.0], [-1.0, 0.1]],
        "student-t": [[3.0, 2.0, 9.0], [-1.0, 0.1, 30.0]],
        "negative-binomial": [[3.0, 0.4], [40.0, 0.05]],
    }[name]
    parameters = torch.tensor(few)
    drawn = head.sample(parameters.expand(200_000, *parameters.shape), torch.Generator().manual_seed(3)).double()
    judge = oracle(name, parameters)
    deviation = judge.std()[:, 0]
    np.testing.assert_allclose(drawn.mean(0), judge.mean()[:, 0], atol=5 * deviation.max() / 200_000**0.5)
    np.testing.assert_allclose(drawn.std(0), deviation, rtol=0.02)
    for level in (0.05, 0.9):
        # In a distribution of counts, more than `level` may lie at or below a quantile.
        at = judge.ppf(level)[:, 0]
        np.testing.assert_allclose((drawn.numpy() <= at).mean(0), judge.cdf(at[:, None])[:, 0], atol=0.005)


@pytest.mark.parametrize("name", ["gaussian", "student-t", "quantiles"])
@pytest.mark.parametrize("paths", [2, 7, 10])
def test_half_of_the_paths_mirror_the_others(name: str, paths: int) -> None:
    head, parameters = parameters_of(name)
    one = parameters.flatten(0, -2)[:3, None]
    rows = one.repeat_interleave(paths, 0)
    drawn = head.sample(rows, torch.Generator().manual_seed(3), paths=paths).unflatten(0, (3, paths))
    half = paths // 2
    first, second = drawn[:, :half], drawn[:, paths - half :]
    if name == "quantiles":  # reflected in probability
        levels = (torch.arange(1, 2000) / 2000).tolist()
        curve = head.quantiles(one, levels)
        below = [
            (curve <= each[..., None]).double().mean(-1) for each in (first.transpose(0, 1), second.transpose(0, 1))
        ]
        torch.testing.assert_close(below[0] + below[1], torch.ones_like(below[0]), atol=2e-3, rtol=0)
    else:
        centre = one[..., 0][:, None].expand_as(first)
        torch.testing.assert_close(first + second, 2 * centre, rtol=1e-4, atol=1e-4)
    assert len(set(drawn[:, : paths - half].flatten().tolist())) == 3 * (paths - half), "the others are independent"


@pytest.mark.parametrize("name", ["gaussian", "student-t"])
def test_mirrored_paths_have_the_moments_of_their_distribution(name: str) -> None:
    head, _ = parameters_of(name)
    parameters = torch.tensor([[3.0, 2.0, 9.0][: 2 + (name == "student-t")]])
    drawn = head.sample(parameters.expand(200_000, 1, -1), torch.Generator().manual_seed(3), paths=50).double()
    judge = oracle(name, parameters)
    np.testing.assert_allclose(drawn.mean(), 3.0, atol=1e-6)
    np.testing.assert_allclose(drawn.std(), judge.std()[0, 0], rtol=0.02)


@pytest.mark.parametrize("name", SPREAD)
def test_samples_follow_the_generator(name: str) -> None:
    head, parameters = parameters_of(name)
    first, second, third = (head.sample(parameters, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (4, 7, 3)
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_point_losses_against_numpy() -> None:
    values, targets = torch.randn(6, 2, 1) * 3, torch.randn(6, 2) * 3
    miss = (targets - values[..., 0]).abs().numpy()
    squared, absolute = make_head("point", 4, 2), make_head("point", 4, 2, loss="absolute")
    huber = make_head("point", 4, 2, loss="huber", delta=0.7)
    np.testing.assert_allclose(squared.loss(values, targets), miss**2, rtol=1e-5)
    np.testing.assert_allclose(absolute.loss(values, targets), miss, rtol=1e-5)
    expected = np.where(miss <= 0.7, miss**2 / 2, 0.7 * (miss - 0.35))
    np.testing.assert_allclose(huber.loss(values, targets), expected, rtol=1e-5)
    assert torch.equal(squared.mean(values), values[..., 0])


def test_a_point_has_no_distribution() -> None:
    head = head_of("point")
    for call in (lambda p: head.sample(p), lambda p: head.quantiles(p, [0.5])):
        with pytest.raises(ConfigError, match=r"quantiles, gaussian, student-t, negative-binomial.*Received: point$"):
            call(torch.zeros(2, 3, 1))
    assert not head.spread


class TestQuantiles:
    def test_the_loss_is_twice_the_mean_pinball_loss(self) -> None:
        head = make_head("quantiles", 4, 1, levels=(0.1, 0.5, 0.8))
        quantiles, target = torch.tensor([[[1.0, 2.0, 5.0]]]), torch.tensor([[4.0]])
        expected = 2 * (0.1 * 3 + 0.5 * 2 + 0.2 * 1) / 3
        assert float(head.loss(quantiles, target)) == pytest.approx(expected)

    def test_many_levels_give_the_continuous_ranked_probability_score(self) -> None:
        levels = tuple((np.arange(400) + 0.5) / 400)
        head = make_head("quantiles", 4, 1, levels=levels)
        exact = 0.7 * (2 * scipy.stats.norm.cdf(0.7) - 1) + 2 * scipy.stats.norm.pdf(0.7) - np.pi**-0.5
        quantiles = torch.tensor(scipy.stats.norm.ppf(levels), dtype=torch.float32)[None, None]
        assert float(head.loss(quantiles, torch.tensor([[0.7]]))) == pytest.approx(exact, rel=1e-3)

    @settings(max_examples=30, deadline=None)
    @given(st.integers(1, 9), st.floats(-1e4, 1e4), st.integers(0, 10**6))
    def test_they_never_cross(self, count: int, size: float, seed: int) -> None:
        head = make_head("quantiles", 3, 2, levels=tuple((np.arange(count) + 1) / (count + 1)))
        y = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)) * size
        assert bool((head(y).diff(dim=-1) >= 0).all())

    def test_at_its_own_levels_it_gives_its_parameters(self) -> None:
        head, parameters = parameters_of("quantiles")
        assert isinstance(head, QuantileHead)
        torch.testing.assert_close(head.quantiles(parameters, head.levels), parameters)

    def test_normal_quantiles_are_a_normal_distribution_everywhere(self) -> None:
        head = make_head("quantiles", 3, 1, levels=(0.2, 0.5, 0.7))
        parameters = torch.tensor(scipy.stats.norm(3, 2).ppf([0.2, 0.5, 0.7]))[None]
        expected = scipy.stats.norm(3, 2).ppf(LEVELS)
        np.testing.assert_allclose(head.quantiles(parameters, LEVELS)[0], expected, rtol=1e-6)
        assert float(head.mean(parameters)) == pytest.approx(3)

    @pytest.mark.parametrize("values", [(-3.0, 0.0, 1.0), (0.0, 0.5, 9.0), (1.0, 1.0, 1.0)])
    def test_mean_and_samples_are_those_of_the_interpolated_distribution(self, values: tuple[float, ...]) -> None:
        head = make_head("quantiles", 3, 1, levels=(0.1, 0.5, 0.8))
        parameters = torch.tensor(values)
        fine = (np.arange(20_000) + 0.5) / 20_000
        curve = head.quantiles(parameters[None], fine)[0].numpy()
        assert float(head.mean(parameters[None])) == pytest.approx(curve.mean(), abs=1e-3)
        drawn = head.sample(parameters.expand(100_000, 1, 3), torch.Generator().manual_seed(0))[:, 0].numpy()
        np.testing.assert_allclose(
            np.quantile(drawn, (0.05, 0.5, 0.95)), np.quantile(curve, (0.05, 0.5, 0.95)), atol=0.1
        )

    def test_one_level_is_one_number(self) -> None:
        head = make_head("quantiles", 3, 1, levels=(0.5,))
        parameters = torch.tensor([[[4.0]]])
        assert float(head.mean(parameters)) == float(head.sample(parameters)) == 4
        assert head.quantiles(parameters, (0.1, 0.9)).tolist() == [[[4.0, 4.0]]]


@each_head
@pytest.mark.parametrize("size", [0.0, 1e3, 1e6])
def test_extreme_inputs_have_finite_losses_and_gradients(name: str, size: float) -> None:
    head = head_of(name)
    y = (torch.randn(50, 5, generator=torch.Generator().manual_seed(2)) * size).requires_grad_()
    for target in (0.0, 1.0, 1e6):
        loss = head.loss(head(y), torch.full((50, 3), target))
        assert bool(torch.isfinite(loss).all())
        gradients = torch.autograd.grad(loss.sum(), [y, *head.parameters()])
        assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


@each_head
def test_gradients_agree_with_finite_differences(name: str) -> None:
    head = head_of(name).double()
    y = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(5), requires_grad=True)
    targets = torch.tensor([0.0, 3.0, 7.0], dtype=torch.float64).expand(4, 3)
    assert torch.autograd.gradcheck(lambda y: head.loss(head(y), targets), (y,))


@each_head
def test_parameters_and_losses_stay_in_float32_under_autocast(name: str) -> None:
    head, y = head_of(name), torch.randn(6, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        parameters = head(y)
        loss = head.loss(parameters, torch.ones(6, 3, dtype=torch.bfloat16))
    assert parameters.dtype == loss.dtype == torch.float32
    assert parameters.shape == (6, 3, len(head.parameter_names))
    assert loss.shape == (6, 3)


@pytest.mark.parametrize("name", [name for name, head in HEADS.items() if head.domain == "real"])
def test_a_shift_moves_the_distribution(name: str) -> None:
    head, parameters = parameters_of(name)
    offset, targets = torch.randn(4, 7, 3), torch.randn(4, 7, 3)
    moved = head.shift(parameters, offset)
    torch.testing.assert_close(head.mean(moved), head.mean(parameters) + offset)
    torch.testing.assert_close(head.loss(moved, targets + offset), head.loss(parameters, targets), rtol=1e-3, atol=1e-4)


def test_counts_are_rescaled_and_not_shifted() -> None:
    head, parameters = parameters_of("negative-binomial")
    assert isinstance(head, NegativeBinomialHead)
    larger = head.rescale(parameters, torch.full((4, 7, 3), 10.0))
    torch.testing.assert_close(head.mean(larger), 10 * head.mean(parameters))
    assert torch.equal(larger[..., 1], parameters[..., 1])
    with pytest.raises(ConfigError, match=r"Received: negative-binomial, over counts$"):
        head.shift(parameters, torch.ones(4, 7, 3))


@pytest.mark.parametrize("name", ["gaussian", "student-t", "negative-binomial", "quantiles", "point"])
def test_a_head_learns_the_distribution_of_its_data(name: str) -> None:
    head = head_of(name, 1, 1)
    rng = np.random.default_rng(0)
    data = torch.tensor(rng.negative_binomial(4, 0.4, 4000) if head.domain == "counts" else rng.normal(5, 2, 4000))
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(300):
        loss = head.loss(head(torch.ones(1, 1)).expand(4000, 1, -1), data[:, None].float()).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        parameters = head(torch.ones(1, 1))
    assert float(head.mean(parameters)) == pytest.approx(float(data.double().mean()), abs=0.15)
    if head.spread:
        learnt = head.quantiles(parameters, (0.1, 0.9))[0, 0]
        np.testing.assert_allclose(learnt, np.quantile(data, (0.1, 0.9)), atol=0.5)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("gauss", {}, r"one of point, quantiles, gaussian, student-t, negative-binomial\. Received: gauss$"),
        ("point", {"loss": "cubic"}, r"squared, absolute, huber\. Received: cubic$"),
        ("point", {"loss": "huber", "delta": 0.0}, r"positive delta\. Received: 0\.0$"),
        ("gaussian", {"levels": (0.5,)}, r"head gaussian \(it has none\)\. Received: levels$"),
        ("quantiles", {"levels": (0.5, 0.1)}, r"rising order\. Received: \(0\.5, 0\.1\)$"),
        ("quantiles", {"levels": (0.5, 0.5)}, r"rising order\. Received"),
        ("quantiles", {"levels": ()}, r"at least one level"),
        ("quantiles", {"levels": (0.1, 1.0)}, r"between 0 and 1\. Received: \(0\.1, 1\.0\)$"),
    ],
)
def test_unusable_options(name: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_head(name, 4, 2, **options)


def test_unusable_sizes_and_levels() -> None:
    with pytest.raises(ConfigError, match=r"Received: features=4, outputs=0$"):
        make_head("gaussian", 4, 0)
    head = head_of("gaussian")
    with pytest.raises(ShapeError, match=r"5 features.*Received: \(2, 4\)$"):
        head(torch.zeros(2, 4))
    for level in (0.0, 1.0, float("nan")):
        with pytest.raises(ConfigError, match="between 0 and 1"):
            head.quantiles(torch.zeros(2, 3, 2), [level])


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-6, 1 - 1e-6), st.floats(2, 1e5))
def test_student_t_quantiles(p: float, df: float) -> None:
    found = float(student_t_quantile(torch.tensor(p).double(), torch.tensor(df).double()))
    assert found == pytest.approx(float(scipy.stats.t.ppf(float(torch.tensor(p)), df)), rel=1e-5, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-5, 1 - 1e-5), st.floats(1e-3, 1e4), st.floats(1e-4, 50))
def test_negative_binomial_quantiles_and_their_probabilities(p: float, mean: float, dispersion: float) -> None:
    arguments = [torch.tensor(value, dtype=torch.float64) for value in (mean, dispersion)]
    judge = scipy.stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))
    found = float(negative_binomial_quantile(torch.tensor(p, dtype=torch.float64), *arguments))
    # scipy's own answer may be off by one where the probability is met within rounding.
    assert judge.cdf(found) >= p - 1e-9
    assert found == 0 or judge.cdf(found - 1) < p + 1e-9
    for count in (-1.0, 0.0, found):
        below = float(negative_binomial_cdf(torch.tensor(count), *arguments))
        assert below == pytest.approx(judge.cdf(count), rel=1e-8, abs=1e-12)
