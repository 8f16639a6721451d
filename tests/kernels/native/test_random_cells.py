"""Cells written at random: the engine gives what the reference loop gives, after every change, or refuses the cell."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

from elman import kernels
from elman.errors import KernelUnavailableError
from elman.kernels.native import equations, read_values, trace, tracer
from elman.kernels.native.trace import program_of

from .layers import needs_library
from .layers import random as numbers
from .list_engine import list_engine
from .random_cells import EXPRESSIBLE, HIDDEN, INPUTS, REFUSED, RandomCell, random_cell

__all__ = ["list_engine"]

B, T = 4, 5


def results(cell: Any, kernel: str, dice: random.Random) -> list[Tensor]:
    """Outputs, last state and all gradients of one run, with lengths, a mask and the direction as the dice say."""
    x_BTI = numbers(B, T, INPUTS, seed=dice.randrange(1000)).requires_grad_()
    start = numbers(B, HIDDEN, seed=dice.randrange(1000)).requires_grad_()
    lengths_B = torch.tensor([dice.randint(0, T) for _ in range(B)]) if dice.random() < 0.5 else None
    mask_BH = (numbers(B, HIDDEN, seed=3) > 0).double() * 1.5 if dice.random() < 0.3 else None
    state = type(cell.initial_state(B))(start)
    options: dict[str, Any] = {"recurrent_mask_BH": mask_BH, "reverse": dice.random() < 0.3}
    torch.manual_seed(1)  # for cells that draw numbers
    y, last = kernels.run(cell, x_BTI, lengths_B, state, kernel=kernel, **options)
    loss = (y * numbers(*y.shape, seed=5)).sum() + last[0].square().sum()
    if not loss.requires_grad:
        return [y, *last]
    given = [x_BTI, start, *cell.parameters()]
    return [y, *last, *torch.autograd.grad(loss, given, allow_unused=True, materialize_grads=True)]


def agrees(cell: Any, seed: int) -> bool:
    """Whether the engine runs the cell, with the values and gradients of the loop; False for a refusal."""
    expected = results(copy.deepcopy(cell), "reference", random.Random(seed))
    before = copy.deepcopy(cell)
    noise = torch.get_rng_state()
    refused = isinstance(program_of(cell), str)
    assert torch.equal(torch.get_rng_state(), noise), "asking draws random numbers"
    found: list[Tensor] = []
    if refused:
        with pytest.raises(KernelUnavailableError, match="cannot run"):
            results(cell, "native", random.Random(seed))
    else:
        found = results(cell, "native", random.Random(seed))
    for name, value in before.state_dict().items():
        assert torch.equal(value, cell.state_dict()[name]), f"asking or running changes {name}"
        assert type(cell.state_dict()[name]) is Tensor
    assert cell.steps == before.steps, "asking changes an attribute"
    if refused:
        return False
    for got, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
    return True


def check(seeds: Iterable[int], features: list[str] | None = None) -> None:
    """Check the cells of these seeds, each after every change."""
    for seed in seeds:
        made = random_cell(seed, features)
        try:
            runs(made, seed)
            for change in made.changes():
                change()
                runs(made, seed)
        except (AssertionError, RuntimeError) as error:
            text = made.text[made.text.index("    def update") :]
            raise AssertionError(f"cell {seed}, {made.features}: {error}\n{text}") from error


def runs(made: RandomCell, seed: int) -> None:
    """Check that the engine runs a cell as it is, or refuses it where it must."""
    refused = made.refused or any(map(equations.has_hooks, made.cell.children()))
    ran = agrees(made.cell, seed)
    assert ran != refused, "is run although its equations cannot be traced" if ran else f"{program_of(made.cell)}"


@pytest.mark.usefixtures("list_engine")
def test_fifty_cells() -> None:
    check(range(50))


@pytest.mark.slow
@pytest.mark.usefixtures("list_engine")
@pytest.mark.parametrize("start", range(50, 2050, 200))
def test_two_thousand_cells(start: int) -> None:
    check(range(start, start + 200))


@pytest.mark.usefixtures("list_engine")
@pytest.mark.parametrize("feature", [*EXPRESSIBLE, *REFUSED])
def test_each_feature(feature: str) -> None:
    check(range(2), [feature])


@needs_library
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 60))])
def test_compiled_cells(seed: int) -> None:
    """The same with the compiled engine, and any number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1 + seed % 2)
    try:
        check([seed])
    finally:
        torch.set_num_threads(threads)


def _nothing(*_: object) -> tuple[()]:
    return ()


def _own_only(kind: type[Any], name: str) -> Any:
    return vars(kind).get(name, read_values._ABSENT)


def _only_cells(self: Any, kind: type[Any]) -> None:
    if issubclass(kind, torch.nn.Module):
        _FOLLOW_CLASS(self, kind)


def _follow_no_helpers(self: Any, value: Any) -> None:
    if getattr(value, "__name__", "") == "update":
        _FOLLOW(self, value)


_FOLLOW_CLASS = read_values.ReadValues._follow_class
_FOLLOW = read_values.ReadValues._follow


def _without_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (equations, trace):
        monkeypatch.setattr(module, "has_hooks", lambda module: False)


def _follow_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = tracer.Tracer.__torch_function__

    def follow(self: Any, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.gradients = torch.is_grad_enabled()
        return handle(self, function, types, args, kwargs)

    monkeypatch.setattr(tracer.Tracer, "__torch_function__", follow)


PLANTED: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "the number of rows is not varied": ("rows", lambda m: m.setattr(equations, "OTHER_ROWS", equations.ROWS)),
    "globals are not read": ("global", lambda m: m.setattr(read_values.ReadValues, "now", lambda self: ())),
    "helpers are not followed": ("helper", lambda m: m.setattr(read_values.ReadValues, "_follow", _follow_no_helpers)),
    "functions in containers are not followed": (
        "function in a global",
        lambda m: m.setattr(read_values, "_parts", lambda value, depth=4: iter([value])),
    ),
    "classes outside the cell's are not read": (
        "class as a namespace",
        lambda m: m.setattr(read_values.ReadValues, "_follow_class", _only_cells),
    ),
    "base classes are not read": ("class attribute", lambda m: m.setattr(read_values, "_static", _own_only)),
    "arrays are compared by identity": (
        "array",
        lambda m: m.setattr(read_values.np, "ndarray", type("Nothing", (), {})),
    ),
    "attributes of the cell are not compared": ("own attribute", lambda m: m.setattr(trace, "content_of", _nothing)),
    "ties are not part of a program's key": ("tied parameters", lambda m: m.setattr(trace, "_ties_of", _nothing)),
    "the cell itself is traced": ("buffer that is set", lambda m: m.setattr(equations, "_copy", lambda cell: cell)),
    "hooks are not looked for": ("module", _without_hooks),
    "a gradient is not cut": (
        "no_grad",
        lambda m: m.setattr(tracer.Tracer, "_cut_gradient", lambda self, result: result),
    ),
    "traces are not compared": ("is_grad_enabled", lambda m: m.setattr(equations, "_equal", lambda one, other: True)),
    "questions of gradients are answered": (
        "requires_grad",
        lambda m: m.setattr(tracer, "QUESTIONS", tracer.QUESTIONS | {Tensor.requires_grad.__get__}),
    ),
    "is_meta is answered": (
        "is_meta",
        lambda m: m.setattr(tracer, "QUESTIONS", tracer.QUESTIONS | {Tensor.is_meta.__get__}),
    ),
    "custom functions are followed": ("autograd.Function", _follow_functions),
}


@pytest.mark.usefixtures("list_engine")
@pytest.mark.parametrize("planted", PLANTED)
def test_planted_bugs_are_caught(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that is put back is found by the cells that have its feature."""
    feature, plant = PLANTED[planted]
    check(range(3), [feature])
    for cache in (trace._shared, trace._read, trace._traced):
        cache.clear()
    plant(monkeypatch)
    try:
        with pytest.raises(AssertionError, match=r"cell \d"):
            check(range(3), [feature])
    finally:
        for cache in (trace._shared, trace._read, trace._traced):
            cache.clear()
