"""Neural network layers: unrolled cells, stacks of layers, decoders, output heads, and torch-compatible RNN, GRU, LSTM.

The names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.nn.attention import Attention
    from elman.nn.characters import CharacterEncoder
    from elman.nn.crf import CRF
    from elman.nn.cross_entropy import linear_cross_entropy
    from elman.nn.decoder import Bridge, Decoder
    from elman.nn.dilated import DilatedStack
    from elman.nn.distributions import make_head
    from elman.nn.dropout import sequence_dropout
    from elman.nn.embed import OneHot, embed_tokens
    from elman.nn.feature_masks import spec_augment
    from elman.nn.forecast_head import ForecastHead
    from elman.nn.pool import Pool
    from elman.nn.stack import Stack
    from elman.nn.stored import StoredModule
    from elman.nn.torch_compatible import GRU, LSTM, RNN
    from elman.nn.unroll import Trace, Unroll, reverse_rows

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "Attention",
    "Bridge",
    "CharacterEncoder",
    "Decoder",
    "DilatedStack",
    "ForecastHead",
    "OneHot",
    "Pool",
    "Stack",
    "StoredModule",
    "Trace",
    "Unroll",
    "embed_tokens",
    "linear_cross_entropy",
    "make_head",
    "reverse_rows",
    "sequence_dropout",
    "spec_augment",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".attention": ("Attention",),
        ".characters": ("CharacterEncoder",),
        ".crf": ("CRF",),
        ".cross_entropy": ("linear_cross_entropy",),
        ".decoder": (
            "Decoder",
            "Bridge",
        ),
        ".dilated": ("DilatedStack",),
        ".distributions": ("make_head",),
        ".dropout": ("sequence_dropout",),
        ".embed": (
            "OneHot",
            "embed_tokens",
        ),
        ".forecast_head": ("ForecastHead",),
        ".pool": ("Pool",),
        ".feature_masks": ("spec_augment",),
        ".stack": ("Stack",),
        ".stored": ("StoredModule",),
        ".torch_compatible": (
            "GRU",
            "LSTM",
            "RNN",
        ),
        ".unroll": (
            "Trace",
            "Unroll",
            "reverse_rows",
        ),
    },
    former={"CharacterWords": "CharacterEncoder", "StartState": "Bridge"},
)
