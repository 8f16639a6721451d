"""The output product of a search: the tokens with the largest logits and the softmax normaliser.

`PackedOutput` of the native engine computes both without storing the logits of the whole vocabulary; `why_not` returns
the reason why it cannot pack some weights.
"""

from __future__ import annotations

from elman.kernels.native.best import SCANS, Best, PackedOutput, check_scan, quickest_scan, scan_for, why_not

__all__ = ["SCANS", "Best", "PackedOutput", "check_scan", "quickest_scan", "scan_for", "why_not"]
