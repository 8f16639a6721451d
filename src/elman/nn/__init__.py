"""Unrolled layers: a cell over time, layers of it, and drop-in twins of torch's RNN, GRU and LSTM.

Knows nothing about tokens, files or training.
"""

from __future__ import annotations

from elman.nn.attention import Attention
from elman.nn.characters import CharacterWords
from elman.nn.crf import CRF
from elman.nn.cross_entropy import linear_cross_entropy
from elman.nn.decoder import Decoder, StartState
from elman.nn.dilated import DilatedStack
from elman.nn.distributions import make_head
from elman.nn.dropout import sequence_dropout
from elman.nn.embed import OneHot, embed_tokens
from elman.nn.forecast_head import ForecastHead
from elman.nn.pool import Pool
from elman.nn.spec_augment import spec_augment
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
    "CharacterWords",
    "Decoder",
    "DilatedStack",
    "ForecastHead",
    "OneHot",
    "Pool",
    "Stack",
    "StartState",
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
