"""Recomputation: the activations of one segment of time steps are in memory at a time.

A segment runs forward without being recorded. Only its inputs are kept: a piece of the sequences, and the state before
it. The backward pass runs it again, recorded, and at once through it (gradient checkpointing, Chen et al. 2016; for
recurrent networks Gruslys et al. 2016). The second run draws the same random numbers as the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.kernels import Lookup
from elman.kernels.recording import is_recorded
from elman.nn.dropout import SharedMasks
from elman.state import Batch, State, leaves, rebuilt

__all__ = [
    "Recomputed",
    "check_recompute",
    "is_recomputing",
    "lengths_in",
    "loss_in_segments",
    "recomputes",
    "run_segments",
    "token_segments",
]

# Runs a piece of the sequences from a state: inputs, lengths, state.
Run = Callable[[Any, Tensor | None, State], tuple[Tensor, State]]
# The sum of the losses of a batch from a state, the number of its targets, and the state after it.
Loss = Callable[[Batch, State], tuple[Tensor, int, State]]


_recomputing: ContextVar[bool] = ContextVar("recomputing", default=False)


def is_recomputing() -> bool:
    """Whether a segment runs for the second time, so that side effects of the first run are not repeated."""
    return _recomputing.get()


def check_recompute(steps: int) -> int:
    """Return `steps`. Raises ConfigError unless it is a whole number from 0."""
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise ConfigError(f"expected recompute to be a number of time steps, or 0 for none. Received: {steps!r}")
    return steps


def recomputes(module: nn.Module, steps: int, length: int) -> bool:
    """Whether `length` time steps run in segments of `steps`: in training, where a gradient is required."""
    return 0 < steps < length and module.training and torch.is_grad_enabled() and not is_recorded()


def _cut(x: Tensor | Lookup, sizes: list[int]) -> list[Any]:
    """Return `x`, or the tokens of a `Lookup`, in pieces of so many time steps."""
    if isinstance(x, Lookup):
        return [Lookup(tokens_BT, x.features_VI) for tokens_BT in x.tokens_BT.split(sizes, dim=1)]
    # The gradient of `split` is one concatenation; that of a slice would be as long as the whole for every piece.
    return list(x.split(sizes, dim=1))


def _sizes(length: int, steps: int, multiple: int) -> list[int]:
    """Return the sizes of the pieces: a multiple of `multiple`, and the last one not below it."""
    steps = -(-steps // multiple) * multiple
    sizes = [steps] * (length // steps)
    rest = length % steps
    if rest >= multiple or not sizes:
        return [*sizes, rest]
    sizes[-1] += rest
    return sizes


def lengths_in(lengths_B: Tensor | None, begin: int, steps: int) -> Tensor | None:
    """Return how many of the `steps` time steps from `begin` on are within each row's length."""
    return None if lengths_B is None else (lengths_B - begin).clamp(0, steps)


def run_segments(
    module: nn.Module,
    run: Run,
    x: Tensor | Lookup,
    lengths_B: Tensor | None,
    state: State,
    *,
    steps: int,
    reverse: bool = False,
    multiple: int = 1,
) -> tuple[Tensor, State]:
    """Return what `run(x, lengths_B, state)` returns, with the activations of `steps` time steps in memory at a time.

    module    has all parameters that `run` reads
    reverse   whether `run` reads each row from its end
    multiple  a segment has a multiple of so many time steps
    """
    sizes = _sizes((x.tokens_BT if isinstance(x, Lookup) else x).shape[1], steps, multiple)
    pieces, begin = [], 0
    for piece, size in zip(_cut(x, sizes), sizes, strict=True):
        pieces.append((piece, lengths_in(lengths_B, begin, size)))
        begin += size
    calls, outputs = Recomputed(module), []
    for piece, piece_lengths_B in reversed(pieces) if reverse else pieces:
        y_BTY, state = calls(run, piece, piece_lengths_B, state)
        outputs.append(y_BTY)
    return torch.cat(outputs[::-1] if reverse else outputs, dim=1), state


def token_segments(batch: Batch, steps: int) -> list[Batch]:
    """Return a batch with inputs and targets at every time step in pieces of `steps` time steps."""
    pieces = zip(batch.inputs_BT.split(steps, dim=1), batch.targets_BT.split(steps, dim=1), strict=True)
    return [
        Batch(inputs, targets, lengths_in(batch.lengths_B, place * steps, targets.shape[1]))
        for place, (inputs, targets) in enumerate(pieces)
    ]


def loss_in_segments(
    module: nn.Module, loss: Loss, segments: Sequence[Batch], state: State
) -> tuple[Tensor, int, State]:
    """Return the sum of the losses of consecutive pieces, the number of targets, and the state after the last piece.

    The activations of one piece are in memory at a time: those of all layers, of the output layer and of the loss.
    `module` has all parameters that `loss` reads.
    """
    calls = Recomputed(module)
    totals, count = [], 0
    for segment in segments:
        one = _SegmentLoss(loss, segment)
        total, state = calls(one, state)
        totals.append(total)
        count += one.count
    return torch.stack(totals).sum(), count, state


class _SegmentLoss:
    """The loss of one piece as a function of the state before it; `count` is the number of its targets."""

    def __init__(self, loss: Loss, segment: Batch) -> None:
        self.loss = loss
        self.segment = segment
        self.count = 0

    def __call__(self, state: State) -> tuple[Tensor, State]:
        total, self.count, state = self.loss(self.segment, state)
        return total, state


class Recomputed:
    """Calls of functions of one module, such as the segments of one batch, whose activations are computed again.

    Masks that are drawn once for all time steps are the same in all calls.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.masks = SharedMasks()

    def __call__(self, run: Callable[..., Any], *arguments: Any) -> Any:
        """Return `run(*arguments)`, a nested tuple of tensors; the arguments are nested tuples of tensors, or None."""
        parameters = _parameters(self.module)
        call = _Call(self, run, arguments, parameters)
        tensors = leaves(call.present)
        outputs = _Segment.apply(call, len(tensors), *tensors, *parameters)  # type: ignore[no-untyped-call]
        return rebuilt(call.result, iter(outputs))


class _Call:
    """One call: the structure of its arguments and of its result, and the conditions under which it runs again."""

    def __init__(
        self, owner: Recomputed, run: Callable[..., Any], arguments: Sequence[Any], parameters: list[nn.Parameter]
    ) -> None:
        self.owner = owner
        self.run = run
        self.absent = [argument is None for argument in arguments]
        self.present = tuple(argument for argument in arguments if argument is not None)
        self.parameters = parameters
        self.versions = [parameter._version for parameter in parameters]
        self.known_masks = len(owner.masks)
        self.device = parameters[0].device if parameters else torch.device("cpu")
        kind = self.device.type
        self.autocast = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        self.random = torch.get_rng_state()
        self.random_cuda = torch.cuda.get_rng_state(self.device) if kind == "cuda" else None
        self.result: Any = ()

    def make(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Run with other tensors in place of those of the arguments; return those of the result."""
        remaining = iter(rebuilt(self.present, iter(tensors)))
        arguments = [None if absent else next(remaining) for absent in self.absent]
        # Autocast would cache weights that are cast without being recorded, and use these where they must be.
        cast = (
            nullcontext()
            if self.autocast is None
            else torch.autocast(self.device.type, self.autocast, cache_enabled=False)
        )
        with cast, self.owner.masks.shared(self.known_masks):
            result = self.run(*arguments)
        found = leaves(result)
        self.result = rebuilt(result, iter([_NONE] * len(found)))
        return found

    @contextmanager
    def again(self) -> Iterator[None]:
        """Context manager of the second run: recorded, with the random numbers of the first."""
        self._check_parameters()
        devices = [] if self.random_cuda is None else [self.device]
        token = _recomputing.set(True)
        try:
            with torch.random.fork_rng(devices), torch.enable_grad():
                torch.set_rng_state(self.random)
                if self.random_cuda is not None:
                    torch.cuda.set_rng_state(self.random_cuda, self.device)
                yield
        finally:
            _recomputing.reset(token)

    def _check_parameters(self) -> None:
        present = _parameters(self.owner.module)
        same = [id(each) for each in present] == [id(each) for each in self.parameters]
        if not same or [each._version for each in present] != self.versions:
            raise ConfigError(
                "expected the parameters of the forward pass unchanged in the backward pass, which recompute needs; "
                f"set it to 0, as inside functional_call. Received: {'changed' if same else 'other'} parameters of "
                f"{type(self.owner.module).__name__}"
            )


# Placeholder in the structure of a result.
_NONE = torch.empty(0, device="cpu")


class _Segment(torch.autograd.Function):
    """A call for autograd: keeps its inputs only, and runs it again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, call: _Call, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Run without recording. `tensors` are `count` inputs, and then the parameters."""
        ctx.call, ctx.count = call, count
        ctx.set_materialize_grads(False)
        outputs = call.make(tensors[:count])
        # The parameters are not saved, since hooks on saved tensors would copy them for every segment.
        ctx.save_for_backward(*tensors[:count])
        call.present = rebuilt(call.present, iter([_NONE] * count))
        ctx.mark_non_differentiable(*(output for output in outputs if not output.is_floating_point()))
        given = {id(tensor) for tensor in tensors}
        return tuple(output.view_as(output) if id(output) in given else output for output in outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Run again, recorded, and return the gradients of inputs and parameters.

        Raises ConfigError where these would be differentiated again: they are not recorded.
        """
        call, count = ctx.call, ctx.count
        if torch.is_grad_enabled():
            raise ConfigError(
                "expected first derivatives only with recompute; set it to 0 for a gradient of gradients. "
                f"Received: create_graph=True for {type(call.owner.module).__name__}"
            )
        requested = ctx.needs_input_grad[2:]
        inputs = [
            tensor.detach().requires_grad_(wanted)
            for tensor, wanted in zip(ctx.saved_tensors, requested[:count], strict=True)
        ]
        with call.again():
            outputs = call.make(inputs)
        given = [grad if output.requires_grad else None for output, grad in zip(outputs, grads, strict=True)]
        ends = [output for output, grad in zip(outputs, given, strict=True) if grad is not None]
        every = [*inputs, *call.parameters]
        sources = [tensor for tensor, wanted in zip(every, requested, strict=True) if wanted]
        found: Iterator[Tensor | None] = iter([None] * len(sources))
        if ends and sources:
            present = [grad for grad in given if grad is not None]
            found = iter(torch.autograd.grad(ends, sources, present, allow_unused=True))
        return None, None, *(next(found) if wanted else None for wanted in requested)


def _parameters(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]
