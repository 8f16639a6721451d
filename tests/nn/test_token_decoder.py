"""The output side of networks that write: with the output product packed or not, a search finds the same."""

from __future__ import annotations

import copy

import pytest
import torch

import elman
from elman.decode.lazy_logits import LazyLogits
from elman.decode.search import Advance
from elman.errors import ConfigError
from elman.kernels.native import library
from elman.kernels.native.top_tokens import LOGIT_PRECISIONS, PackedOutput
from elman.nn.token_decoder import PackedOutputCache, TokenDecoderNetwork

from ..tasks.small_translators import SOURCES, trained


@pytest.fixture(scope="module")
def model() -> elman.Translator:
    return trained(max_steps=40)


@pytest.mark.parametrize("tied", ["target", "none"])
@pytest.mark.parametrize("search", [{"beams": 1}, {"beams": 4, "n_best": 3}, {"sample": True, "n_best": 2, "seed": 3}])
def test_translations_are_those_of_written_scores(
    tied: str, search: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained(max_steps=40, tied=tied)
    given = SOURCES[:7]
    packed = {name: model.translations(given, precision=name, **search) for name in ("float32", "auto")}
    monkeypatch.setenv("ELMAN_KERNELS", "reference")
    expected = model.translations(given, precision="float32", **search)
    for found in packed.values():
        for each, others in zip(found, expected, strict=True):
            assert [one.text for one in each] == [one.text for one in others]
            for one, other in zip(each, others, strict=True):
                assert one.log_probability == pytest.approx(other.log_probability, abs=2e-3)


@pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")
@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
def test_the_step_of_a_search_packs_the_product(model: elman.Translator, logit_precision: str) -> None:
    network = model.network
    sources_BS = torch.tensor([[4, 5, 1], [6, 1, 0]])
    with torch.no_grad():
        state, memory = network.encode(sources_BS, torch.tensor([3, 2]))
        tokens_BK = torch.full((2, 1), network.bos_id)
        quiet, aloud = (
            network.packed_advance(logit_precision)(tokens_BK, state, memory),
            network.advance(tokens_BK, state, memory),
        )
    assert isinstance(quiet.logits_BKV, LazyLogits)
    assert isinstance(aloud.logits_BKV, torch.Tensor)
    assert quiet.logits_BKV.shape == tuple(aloud.logits_BKV.shape)
    torch.testing.assert_close(quiet.logits_BKV.written(), aloud.logits_BKV)


def test_where_nothing_can_be_packed_the_scores_are_written(
    model: elman.Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELMAN_KERNELS", "reference")
    assert model.network.packed_advance("int8") == model.network.advance


def test_a_scan_that_there_is_not(model: elman.Translator) -> None:
    with pytest.raises(ConfigError, match=r"expected a logit precision among float32, int8. Received: 'int4'"):
        model.network.packed_advance("int4")


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scans of all products that are packed from now on."""
    found: list[str] = []
    packed_advance = TokenDecoderNetwork.packed_advance

    def noted(
        network: TokenDecoderNetwork, logit_precision: str, output_cache: PackedOutputCache | None = None
    ) -> Advance:
        found.append(logit_precision)
        return packed_advance(network, logit_precision, output_cache)

    monkeypatch.setattr(TokenDecoderNetwork, "packed_advance", noted)
    return found


def test_draws_pack_nothing(model: elman.Translator, scans: list[str]) -> None:
    model.translate(SOURCES[:2], sample=True)
    assert scans == []
    model.translate(SOURCES[:2])
    assert len(scans) == 1


def test_training_in_float32_translates_its_validation_exactly(scans: list[str]) -> None:
    trained(precision="float32")
    assert set(scans) == {"float32"}


@pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")
@pytest.mark.parametrize("logit_precision", LOGIT_PRECISIONS)
def test_what_is_packed_serves_the_next_search_until_the_weights_change(logit_precision: str) -> None:
    generator = torch.Generator().manual_seed(0)
    weight_VR, bias_V = torch.randn(30, 5, generator=generator), torch.randn(29, generator=generator)
    output_cache = PackedOutputCache()
    packed = output_cache.of(weight_VR, bias_V, logit_precision)
    assert output_cache.of(weight_VR, bias_V, logit_precision) is packed
    assert output_cache.of(weight_VR.clone(), bias_V.clone(), logit_precision) is packed
    other = next(name for name in LOGIT_PRECISIONS if name != logit_precision)
    for change in (
        lambda: output_cache.of(weight_VR, bias_V, other),
        lambda: output_cache.of(weight_VR, bias_V[:28], logit_precision),
        lambda: output_cache.of(weight_VR[:, :4], bias_V, logit_precision),
        lambda: output_cache.of(weight_VR.index_fill(1, torch.tensor([2]), 0.5), bias_V, logit_precision),
        lambda: output_cache.of(weight_VR, bias_V + 1e-3, logit_precision),
    ):
        before = output_cache.of(weight_VR, bias_V, logit_precision)
        assert change() is not before
    weight_VR.data[3, 1] += 1e-3  # such a change bears no number of a version
    x_NR = torch.randn(4, 5, generator=generator)
    again, fresh = (
        output_cache.of(weight_VR, bias_V, logit_precision),
        PackedOutput(weight_VR, bias_V, logit_precision),
    )
    assert all(map(torch.equal, again.best(x_NR, 3, 0), fresh.best(x_NR, 3, 0)))
    assert copy.deepcopy(output_cache)._last is None


def test_a_translator_that_learns_on_forgets_what_was_packed() -> None:
    model = trained(max_steps=2)
    before = model.translations(SOURCES[:5])
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(1.5)
    found, expected = model.translations(SOURCES[:5]), copy.deepcopy(model).translations(SOURCES[:5])
    assert [each[0].log_probability for each in found] == [each[0].log_probability for each in expected]
    assert [each[0].log_probability for each in found] != [each[0].log_probability for each in before]
