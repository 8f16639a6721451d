"""The output product of a search: the best tokens of a large vocabulary and the normaliser, without all scores.

`PackedOutput` is the native engine's; `why_not` says in a sentence why it cannot take some weights. Knows nothing about
searches.
"""

from __future__ import annotations

from elman.kernels.native.best import SCANS, Best, PackedOutput, check_scan, quickest_scan, scan_for, why_not

__all__ = ["SCANS", "Best", "PackedOutput", "check_scan", "quickest_scan", "scan_for", "why_not"]
