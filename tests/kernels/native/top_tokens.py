"""A judge of the best tokens of an output product: float64, with a full sort."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.kernels.native.top_tokens import PackedOutput, TopTokens


def product_of(V: int, size: int, rows: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, biases and inputs, with scores of some units."""
    generator = torch.Generator().manual_seed(seed)
    weight_VR = torch.randn(V, size, generator=generator) * (2.0 / size**0.5)
    bias_V = torch.randn(V, generator=generator)
    return weight_VR, bias_V, torch.tanh(torch.randn(rows, size, generator=generator))


def check_best(
    weight_VR: Tensor, bias_V: Tensor, x_NR: Tensor, logit_precision: str, count: int = 7, wanted: int = 0
) -> TopTokens:
    """What is found is what a sort of all scores in float64 finds, up to the errors of `logit_precision`."""
    V = len(bias_V)
    found = PackedOutput(weight_VR, bias_V, logit_precision).best(x_NR, count, wanted)
    exact_NV = x_NR.double() @ weight_VR[:V].double().T + bias_V.double()
    top = exact_NV.topk(min(count, V), dim=1)
    usual = (x_NR @ weight_VR[:V].T + bias_V - exact_NV).nan_to_num(0.0).abs().max()
    # Rounding errors are those of the terms: a single score may be small because its terms cancel.
    terms_NV = x_NR.double().abs() @ weight_VR[:V].double().abs().T + bias_V.nan_to_num(0.0, 0.0, 0.0).double().abs()
    size = float(exact_NV[exact_NV > -torch.inf].abs().max())
    error = 4.0 * max(float(usual), 3e-7 * size, 3e-8 * float(terms_NV.max()))
    assert found.scores_NK.shape == found.tokens_NK.shape == top.values.shape
    there = top.values > -torch.inf
    assert torch.equal(found.scores_NK > -torch.inf, there)
    scores_NC = found.scores_NK.masked_fill(~there, 0.0)
    assert float((scores_NC - top.values.masked_fill(~there, 0.0)).abs().max()) <= error, "the best scores"
    own_NC = exact_NV.gather(1, found.tokens_NK).masked_fill(~there, 0.0)
    assert float((scores_NC - own_NC).abs().max()) <= error, "a score is not that of its token"
    given = [row[keep].tolist() for row, keep in zip(found.tokens_NK, there, strict=True)]
    assert all(len(set(tokens)) == len(tokens) for tokens in given), "a token is given twice"
    assert bool((found.scores_NK[:, 1:] <= found.scores_NK[:, :-1]).all()), "best first"
    gap = (found.wanted_N - exact_NV[:, wanted]).nan_to_num(0.0, 0.0, 0.0).abs().max()
    assert float(gap) <= error, "the wanted token's score"
    # With int8 only the share of tokens whose logits are not recomputed can be wrong.
    rough = 0.02 if logit_precision == "int8" and count + 8 < V else 0.0
    assert float((found.normaliser_N - exact_NV.logsumexp(dim=1)).abs().max()) <= error + 2e-6 + rough, "the normaliser"
    return found
