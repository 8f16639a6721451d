"""Counts of texts against their references, for the comparison with simple rules."""

from __future__ import annotations

import pytest

from elman.tasks import text_rules
from elman.tasks.text_rules import text_figure

APART, COMPOSED = "cafe\u0301 noir", "caf\u00e9 noir"


@pytest.mark.parametrize("bleu", [True, False])
def test_texts_and_references_are_compared_in_one_form(bleu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not bleu:
        monkeypatch.setattr(text_rules, "has_bleu", lambda: False)
    for references in ([APART, COMPOSED], [["noir", APART], [COMPOSED]]):
        _, kept = text_figure(references)
        _, formed = text_figure(references, unicode_form="nfc")
        assert kept([COMPOSED, APART]).tolist() != kept([APART, COMPOSED]).tolist()
        assert formed([COMPOSED, APART]).tolist() == kept([APART, COMPOSED]).tolist()
