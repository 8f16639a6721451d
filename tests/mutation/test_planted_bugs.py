"""The contract's checks are themselves tested: each planted bug must make one of them fail.

A bug is planted by changing a line of a function's source and putting the changed function in the real one's place.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

import pytest

from ..contract import checks
from .bug import Bug
from .cell_bugs import CELL_BUGS
from .running_bugs import RUNNING_BUGS

BUGS = CELL_BUGS + RUNNING_BUGS


def plant(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the changed function in the place of the real one until the test ends."""
    *owners, name = bug.function.split(".")
    owner: Any = bug.module
    for part in owners:
        owner = getattr(owner, part)
    source = textwrap.dedent(inspect.getsource(vars(owner)[name]))
    for old, new in bug.edits:
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {bug.function}"
        source = source.replace(old, new)
    # Inside a function whose argument is __class__, super() works as it does inside the class.
    wrapped = f"def _make(__class__):\n{textwrap.indent(source, '    ')}\n    return {name}\n"
    namespace: dict[str, Any] = {}
    code = compile("from __future__ import annotations\n" + wrapped, f"<{bug.what}>", "exec")
    exec(code, vars(bug.module) | {"__name__": bug.module.__name__}, namespace)
    made = namespace["_make"](owner)
    # The changed function sees its module as it is, not the copy of its names above.
    rebound = type(made)(made.__code__, vars(bug.module), name, made.__defaults__, made.__closure__)
    rebound.__kwdefaults__ = made.__kwdefaults__
    monkeypatch.setattr(owner, name, rebound)


def check_caught(planted: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check fails with the bug, and passes before and after."""
    planted.check(planted.case, planted.kernel)
    with monkeypatch.context() as patch:
        plant(planted, patch)
        with pytest.raises(AssertionError):
            planted.check(planted.case, planted.kernel)
    planted.check(planted.case, planted.kernel)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_planted_bug_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    check_caught(bug, monkeypatch)


def test_planting_a_function_unchanged_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a bug could be 'caught' by the way it is planted."""
    for bug in BUGS:
        with monkeypatch.context() as planted:
            plant(bug._replace(edits=()), planted)
            bug.check(bug.case, bug.kernel)


def test_the_bugs_reach_every_backend_and_cell() -> None:
    assert {bug.kernel for bug in BUGS} >= {"reference", "torch", "scan"}
    assert {bug.case.cell for bug in BUGS} >= {"elman", "lstm", "gru", "gru-reset-before", "mingru"}


def test_every_check_has_a_bug_that_it_catches() -> None:
    """Those that have none here are said by name."""
    without = {check.__name__ for check in checks.CHECKS} - {bug.check.__name__ for bug in BUGS}
    assert without == {"check_saved", "check_lower_precision", "check_any_order", "check_stepping"}
