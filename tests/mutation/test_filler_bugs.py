"""Bugs planted into the filler, its segments and its simple rule: each must make a check fail."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from elman.baselines import two_sided
from elman.data import segments
from elman.tasks.filler import network

from ..baselines import test_two_sided as rule
from ..data import test_segments as cut
from ..tasks import test_filler_network as blind
from .bug import ELMAN, Bug
from .test_planted_bugs import check_caught


def bug(what: str, module: ModuleType, function: str, old: str, new: str, check: Callable[[], Any]) -> Bug:
    # Neither cell nor kernel matters to these checks.
    return Bug(what, module, function, ((old, new),), lambda *_: check(), ELMAN)


def sees_nothing_of_itself() -> None:
    torch.set_num_threads(1)
    blind.test_a_word_changes_every_distribution_but_its_own("gru", blind.LENGTHS, {})


def is_made_of_its_parts() -> None:
    torch.set_num_threads(1)
    blind.test_logits_are_those_of_the_parts()


def the_words_alone() -> None:
    with tempfile.TemporaryDirectory() as place:
        cut.test_targets_are_the_words_and_their_context_is_only_read(Path(place))


def documents() -> None:
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "document_ranges", segments.document_ranges)
        cut.test_documents_are_what_is_between_end_tokens(cut.text_of(3, 0, 12, 1), Path(place))


def counted() -> None:
    rule.test_every_probability_is_that_of_dictionaries()


BUGS = [
    bug(
        "the forward layers have read the word",
        network,
        "FillerNetwork.between",
        "F.pad(before_BTY[:, :-1], (0, 0, 1, 0))",
        "before_BTY",
        sees_nothing_of_itself,
    ),
    bug(
        "the backward layers have read the word",
        network,
        "FillerNetwork.between",
        "F.pad(after_BTY[:, 1:], (0, 0, 0, 1))",
        "after_BTY",
        sees_nothing_of_itself,
    ),
    bug(
        "the padding is reversed with the text",
        network,
        "FillerNetwork.between",
        "reverse_rows(tokens_BT[..., None], lengths_B)",
        "reverse_rows(tokens_BT[..., None], None)",
        is_made_of_its_parts,
    ),
    bug(
        "the backward layers read forward",
        network,
        "FillerNetwork.between",
        "reversed_BT = reverse_rows(tokens_BT[..., None], lengths_B)[..., 0]",
        "reversed_BT = tokens_BT",
        is_made_of_its_parts,
    ),
    bug(
        "words of the context are predicted too",
        segments,
        "_batch",
        "places_BT < stops[:, None]",
        "places_BT < ends[:, None]",
        the_words_alone,
    ),
    bug(
        "documents keep their end tokens", segments, "document_ranges", "ends + 1", "ends", documents
    ),
    bug("the right neighbour is the left one", two_sided, "_neighbours", "text_T[2:]", "text_T[:-2]", counted),
    bug("words after are read as words before", two_sided, "TwoSidedNGrams._count", "fit(text_T[::-1]", "fit(text_T",
        counted),
    bug("one bigram counts twice", two_sided, "TwoSidedNGrams._parts", "before_T + after_T[::-1]", "2 * before_T",
        counted),
]  # fmt: skip


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_planted_bug_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(bug, monkeypatch)
