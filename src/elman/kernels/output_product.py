"""The output product of a search: the tokens with the largest logits and the softmax normaliser.

`PackedOutput` of the native engine computes both without storing the logits of the whole vocabulary; `why_not` returns
the reason why it cannot pack some weights.
"""

from __future__ import annotations

from elman.former import former_attributes
from elman.kernels.native.top_tokens import (
    LOGIT_PRECISIONS,
    PackedOutput,
    TopTokens,
    check_logit_precision,
    fastest_logit_precision,
    logit_precision_for,
    why_not,
)

__all__ = [
    "LOGIT_PRECISIONS",
    "PackedOutput",
    "TopTokens",
    "check_logit_precision",
    "fastest_logit_precision",
    "logit_precision_for",
    "why_not",
]

__getattr__ = former_attributes(
    __name__,
    {
        "Best": "TopTokens",
        "SCANS": "LOGIT_PRECISIONS",
        "check_scan": "check_logit_precision",
        "quickest_scan": "fastest_logit_precision",
        "scan_for": "logit_precision_for",
    },
)
