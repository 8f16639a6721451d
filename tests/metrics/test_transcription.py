"""Error rates of texts are edits over what is true."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.metrics.transcription import figures_of


def edits(one: list[str], other: list[str]) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@given(st.lists(st.tuples(*[st.lists(st.sampled_from(["a", "bb", "c"]), min_size=1, max_size=5)] * 2), min_size=1))
@settings(deadline=None, max_examples=40)
def test_error_rates_are_edits_over_what_is_true(pairs: list[tuple[list[str], list[str]]]) -> None:
    truth, given_texts = [" ".join(one) for one, _ in pairs], [" ".join(other) for _, other in pairs]
    rates = figures_of(truth, given_texts)
    assert rates["wer"] == pytest.approx(sum(edits(*pair) for pair in pairs) / sum(len(one) for one, _ in pairs))
    letters = [(list(one), list(other)) for one, other in zip(truth, given_texts, strict=True)]
    assert rates["cer"] == pytest.approx(sum(edits(*pair) for pair in letters) / sum(map(len, truth)))
    assert rates["exact"] == pytest.approx(sum(one == other for one, other in pairs) / len(pairs))
