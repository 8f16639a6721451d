"""Networks for the tests of the generation engine, and an independent judge: torch's reference loop."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from elman.cells import Cell
from elman.kernels.native import build, library
from elman.kernels.native.engine import Engine
from elman.kernels.native.engine_streams import TokenStreams
from elman.nn import Stack
from elman.state import State

needs_library = pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")


class Net(NamedTuple):
    """Embeddings, a stack that runs on the reference loop, and a head."""

    embeddings_VE: Tensor
    stack: Stack
    head: nn.Linear

    def double(self) -> Net:
        """The same in float64."""
        return Net(self.embeddings_VE.double(), copy.deepcopy(self.stack).double(), copy.deepcopy(self.head).double())

    def engine(self, weights: str = "float32") -> Engine:
        """The same, packed."""
        cells = [unrolls[0].cell for unrolls in self.stack.unrolls()]
        return Engine(
            cells,
            self.embeddings_VE,
            self.head.weight,
            self.head.bias,
            residual=self.stack.residual,
            weights=weights,
        )

    def logits(self, tokens_BT: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """`logits_BTV` and the last state, by torch."""
        with torch.no_grad():
            y_BTY, state = self.stack(self.embeddings_VE[tokens_BT], None, state)
            return self.head(y_BTY), state

    def zeros(self, rows: int) -> State:
        """The state before the first token."""
        return self.stack.initial_state(rows)


def net_of(
    cell: str | type[Cell] = "lstm",
    V: int = 13,
    E: int = 6,
    H: int = 9,
    *,
    layers: int = 2,
    seed: int = 0,
    **options: Any,
) -> Net:
    """A network with random weights and biases, lively enough that its states and scores differ from step to step."""
    torch.manual_seed(seed)
    stack = Stack(cell, E, H, layers=layers, kernel="reference", **options).eval()
    head = nn.Linear(stack.output_size, V)
    with torch.no_grad():
        for parameter in stack.parameters():
            if parameter.dim() == 1:
                parameter.normal_(0.0, 0.3)
        head.weight.normal_(0.0, 2.0 / H**0.5)
    return Net(torch.randn(V, E), stack, head)


def constant_scores(scores_V: Tensor) -> Engine:
    """An engine whose scores are always `scores_V`, whatever it reads."""
    net = net_of("elman", V=len(scores_V), E=1, H=1, layers=1)
    with torch.no_grad():
        net.head.weight.zero_()
        net.head.bias.copy_(scores_V)
    return net.engine()


def streams_of(engine: Engine, rows: int, seed: int = 0, **options: Any) -> TokenStreams:
    """Streams that begin with token 0 and a state of zeros."""
    zeros_B = torch.zeros(rows, dtype=torch.int64)
    return TokenStreams.start(torch.zeros(rows, engine.state_size), zeros_B, seed=seed, **options)


@pytest.fixture(params=build.instruction_sets())
def instruction_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every instruction set that this CPU has, forced."""
    monkeypatch.setenv("ELMAN_KERNELS", request.param)
    problem = library.why_not()
    if problem is not None:
        pytest.skip(problem)
    return str(request.param)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """These networks are too small for two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
