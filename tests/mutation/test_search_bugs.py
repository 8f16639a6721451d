"""Bugs planted into beam search and CTC decoding: each must make a check fail."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from elman.decode import beam, candidates, ctc_beam, search_history
from elman.kernels.native import library, top_tokens

from ..decode.all_alignments import Spelling, check_prefix_beam
from ..decode.test_candidates import check_all_extensions
from ..decode.test_lazy_logits import check_all_unwritten
from ..decode.toy_translator import check_beam
from ..nn.test_token_decoder import test_what_is_packed_serves_the_next_search_until_the_weights_change as check_packs
from .bug import ELMAN, Bug
from .test_planted_bugs import plant


def bug(what: str, module: ModuleType, function: str, old: str, new: str, check: Callable[[], Any]) -> Bug:
    # Neither cell nor kernel matters to these checks.
    return Bug(what, module, function, ((old, new),), lambda *_: check(), ELMAN)


def check_search() -> None:
    options = beam.BeamOptions(beams=3, n_best=3, length_penalty=0.8, coverage_penalty=0.4)
    for seed in range(4):
        check_beam(seed, 6, [3, 1, 4, 2], [6, 0, 3, 7], options)


def check_texts() -> None:
    for seed in range(4):
        options = ctc_beam.CtcBeamOptions(400, 8, language_weight=0.7, bonus=0.3)
        check_prefix_beam(seed, 5, 3, 1, options, Spelling(seed, 3, knows_end=True))


def check_least() -> None:
    options = beam.BeamOptions(beams=3, n_best=3)
    for seed in range(4):
        check_beam(seed, 6, [3, 1, 4], [6, 4, 7], options, min_length=4)


BUGS = [
    bug(
        "the state is not reordered",
        beam,
        "beam_search",
        "(first_B1[kept] + chosen.slots_BK)",
        "(first_B1[kept] + 0 * chosen.slots_BK)",
        check_search,
    ),
    bug(
        "the memory keeps the first sentences and not those that go on",
        beam,
        "beam_search",
        "take_rows(memory, kept)",
        "take_rows(memory, kept * 0)",
        check_search,
    ),
    bug(
        "the length penalty divides by too much",
        beam,
        "length_divisor",
        "((5.0 + length) / 6.0)",
        "(6.0 + length) / 6.0",
        check_search,
    ),
    bug(
        "coverage is rewarded where it is missing",
        beam,
        "_BeamState._add_finished",
        "scores_BK + self.options",
        "scores_BK - self.options",
        check_search,
    ),
    bug(
        "coverage counts the padding",
        beam,
        "_BeamState._add_finished",
        "missing_BKS.masked_fill(beyond_BS[:, None], 0.0)",
        "missing_BKS",
        check_search,
    ),
    bug(
        "coverage stays with the slot and not with the hypothesis",
        beam,
        "_BeamState.step",
        "coverage_BKS[kept[:, None], slots_BK]",
        "coverage_BKS[kept[:, None], 0 * slots_BK]",
        check_search,
    ),
    bug(
        "a sentence stops when its best score beats the shortest way on",
        beam,
        "_BeamState._done",
        "(self.limits_N[live_B] + 1).to(best_B)",
        "(0 * self.limits_N[live_B] + self.history.steps).to(best_B)",
        check_search,
    ),
    bug(
        "a sentence stops as soon as one hypothesis has ended",
        beam,
        "_BeamState._done",
        "self.ended.scores_NK[live_B, -1] >= reachable_B",
        "self.ended.scores_NK[live_B, 0] > -torch.inf",
        check_search,
    ),
    bug("a limit is one too long", beam, "_BeamState.step", "[live_B] < length", "[live_B] < length - 1", check_search),
    bug(
        "a hypothesis goes on after its end",
        beam,
        "_BeamState.step",
        "scores_BN.masked_fill(best.tokens_BN == self.end, -torch.inf)",
        "scores_BN",
        check_search,
    ),
    bug(
        "an output ends one token too early",
        beam,
        "_BeamState.step",
        "if length <= self.min_length",
        "if length < self.min_length",
        check_least,
    ),
    bug("every end is taken", beam, "_BeamState.step", "(ends_BK >= threshold_B1)", "(ends_BK <= 0.0)", check_search),
    bug(
        "the sum of exponentials is left out",
        candidates,
        "log_normaliser",
        "most_N - torch.cat(largest_probabilities).log()",
        "most_N",
        check_search,
    ),
    bug(
        "blocks are compared without what their hypotheses have",
        candidates,
        "best_extensions",
        ".amax(dim=3) + offsets_BK[:, :, None]",
        ".amax(dim=3)",
        check_all_extensions,
    ),
    bug(
        "the rest after the blocks is left out",
        candidates,
        "best_extensions",
        "rest_BKC.flatten(1)",
        "rest_BKC.flatten(1) - torch.inf",
        check_all_extensions,
    ),
    bug(
        "tokens are read off the wrong parents",
        search_history,
        "SearchHistory.hypotheses",
        "torch.where(on_NK, from_BK[place_N1, slot_NK], slots_NK)",
        "torch.where(on_NK, 0 * slot_NK, slots_NK)",
        check_search,
    ),
    bug(
        "the forced ends count as natural",
        search_history,
        "FinishedHypotheses.add",
        "(self.natural_NK, natural_BK)",
        "(self.natural_NK, ending_BK)",
        check_search,
    ),
    bug(
        "a token follows itself without a blank",
        ctc_beam,
        "_Prefixes.extend",
        "np.where(tried_C == last_K[:, None], self.blanks[:, None], both_K[:, None])",
        "both_K[:, None] + 0 * tried_C",
        check_texts,
    ),
    bug(
        "paths of the same text are not joined",
        ctc_beam,
        "_Prefixes._merge",
        "np.logaddexp(others_K[child], new_KC[parent, place])",
        "max(others_K[child], new_KC[parent, place])",
        check_texts,
    ),
    bug(
        "the language model's state is that of another text",
        ctc_beam,
        "_Model.update",
        "take_rows(self._output.state, from_N)",
        "take_rows(self._output.state, 0 * from_N)",
        check_texts,
    ),
    bug(
        "the end's probability is forgotten",
        ctc_beam,
        "_Prefixes.best",
        "self.language + self.model.ends()",
        "self.language",
        check_texts,
    ),
    bug(
        "a bonus is given for the token before",
        ctc_beam,
        "_Prefixes.best",
        "self.bonus * sizes",
        "self.bonus * (sizes - 1)",
        check_texts,
    ),
]


UNWRITTEN_BUGS = [
    bug(
        "unwritten scores have no normaliser",
        candidates,
        "_extend_lazy",
        "totals_BK.to(best.scores_NK.dtype).flatten() - normaliser_N",
        "totals_BK.to(best.scores_NK.dtype).flatten()",
        check_all_unwritten,
    ),
    bug(
        "unwritten scores are those of another hypothesis",
        candidates,
        "_extend_lazy",
        "top.indices // best.tokens_NK.shape[1]",
        "top.indices % K",
        check_all_unwritten,
    ),
    bug(
        "a banned token takes another's place",
        candidates,
        "_extend_lazy",
        "logits.best(count + banned, end)",
        "logits.best(count, end)",
        check_all_unwritten,
    ),
    bug(
        "weights that have changed are packed as they were",
        top_tokens,
        "PackedOutput.holds",
        "torch.equal(weight_VY[:V], self._memory.numbers(self._weights, (V, size)))",
        "True",
        lambda: check_packs("int8"),
    ),
]
NEEDS_LIBRARY = pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")


@pytest.mark.parametrize(
    "bug", [*BUGS, *(pytest.param(bug, marks=NEEDS_LIBRARY) for bug in UNWRITTEN_BUGS)], ids=lambda bug: bug.what
)
def test_a_planted_bug_in_a_search_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as planted:
        plant(bug, planted)
        with pytest.raises(AssertionError):
            bug.check(bug.case, bug.kernel)


def test_searches_without_a_bug_pass_their_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    for check in (check_search, check_all_extensions, check_texts):
        check()
    if library.why_not() is None:
        check_all_unwritten()
    for function in sorted({(bug.module.__name__, bug.function) for bug in BUGS}):
        first = next(bug for bug in BUGS if (bug.module.__name__, bug.function) == function)
        with monkeypatch.context() as planted:
            plant(first._replace(edits=()), planted)
            first.check(first.case, first.kernel)
