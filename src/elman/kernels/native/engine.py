"""Engine: a stack of cells, packed for generation and streaming, where one native call makes many steps.

A step goes from a token through the cells to the scores of the next token, and to a drawn one. Rows (streams, sessions)
are independent: what comes out for a row does not depend on the rows beside it, on how steps are cut into calls, or on
threads. Knows nothing about text or tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ctypes import byref
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from elman.errors import ConfigError, DataError, KernelUnavailable, ShapeError
from elman.kernels.native import library
from elman.kernels.native.engine_abi import Call, SamplingOptions, declare
from elman.kernels.native.engine_pack import WEIGHT_FORMATS, Packing, find_parts
from elman.types import State, leaves, map_leaves

__all__ = ["WEIGHT_FORMATS", "Draws", "Engine", "Streams", "why_not"]

# Fewer rows than these are faster on one thread.
_ROWS_A_THREAD = 8


class Draws(Protocol):
    """How tokens are drawn; `elman.decode.Sampling` has these."""

    @property
    def temperature(self) -> float:
        """Scores are divided by it; 0 takes the likeliest."""

    @property
    def top_k(self) -> int:
        """Draw among so many; 0 for all."""

    @property
    def top_p(self) -> float:
        """Draw among the likeliest that hold this probability."""

    @property
    def repetition_penalty(self) -> float:
        """Above 1 makes recent tokens less likely."""

    @property
    def repetition_window(self) -> int:
        """How many tokens are recent."""

    @property
    def banned(self) -> tuple[int, ...]:
        """Tokens that are never drawn."""


def why_not(cells: Sequence[Any], vocabulary_size: int) -> str | None:
    """None when an engine can be made of `cells` (the layers' cells, in order), else a sentence why not."""
    parts = find_parts(cells, vocabulary_size)
    return parts if isinstance(parts, str) else None


@dataclass
class Streams:
    """Rows whose text goes on: what `Engine.draw` needs to know of each, and moves on. All in memory of its own.

    states_BS     float32, a line for each row, as from `Engine.pack_state`
    tokens_B      int64, the token that is read next
    seeds_B, numbers_B  int64: a row's draws depend on these two and on how many tokens it drew before
    positions_B   int64, how many those are
    history_BN    int64, the last N tokens in any order, -1 where there is none; N is 0 without a repetition penalty
    places_B      int64, which of them the next token takes the place of
    """

    states_BS: Tensor
    tokens_B: Tensor
    seeds_B: Tensor
    numbers_B: Tensor
    positions_B: Tensor
    history_BN: Tensor
    places_B: Tensor


class Engine:
    """A network of stacked cells between a table of tokens and a head, ready to run.

    Args:
        cells: the layers' cells, in order; each takes the outputs of the one before.
        embeddings_VE: what token number v becomes for the first cell.
        head_weight_VY, head_bias_V: from the last cell's output to the scores of every token.
        residual: add a layer's input to its output, wherever both have the same size.
        weights: "float32", or "bfloat16" or "int8" for less memory, more speed and rougher scores. With "int8",
            weights have a unit for each row of a matrix, and activations one for each step.

    The weights are copied: what happens to `cells` later does not matter.

    Raises KernelUnavailable when `why_not` has an objection, ConfigError for an unknown format, ShapeError for
    sizes that do not fit.
    """

    def __init__(
        self,
        cells: Sequence[Any],
        embeddings_VE: Tensor,
        head_weight_VY: Tensor,
        head_bias_V: Tensor | None,
        *,
        residual: bool = False,
        weights: str = "float32",
    ) -> None:
        if weights not in WEIGHT_FORMATS:
            raise ConfigError(f"expected weights among {', '.join(WEIGHT_FORMATS)}. Received: {weights!r}")
        sizes = [embeddings_VE.shape[1], *(cell.output_size for cell in cells)]
        taken = [*(cell.input_size for cell in cells), head_weight_VY.shape[1]]
        if not cells or sizes != taken or len(embeddings_VE) != len(head_weight_VY):
            raise ShapeError(
                f"expected layers that fit each other between tables of one vocabulary. Received: outputs of {sizes}, "
                f"inputs of {taken}, {len(embeddings_VE)} and {len(head_weight_VY)} tokens"
            )
        parts = find_parts(cells, len(embeddings_VE))
        if isinstance(parts, str):
            raise KernelUnavailable(f"the engine cannot run these cells: {parts}")
        self.weights = weights
        self.vocabulary_size = len(embeddings_VE)
        self.state_size = sum(len(part.program.leaves) * part.cell.hidden_size for part in parts)
        self._library = library.load()
        declare(self._library)
        packing = Packing(self._library, weights)
        with torch.no_grad():
            self._network = packing.pack(parts, embeddings_VE, head_weight_VY, head_bias_V, residual=residual)
        self._memory = packing.memory
        self._workspaces = threading.local()

    def pack_state(self, state: State) -> Tensor:
        """The states of B rows as lines of numbers, `states_BS`, in memory of their own."""
        return torch.cat([leaf.detach().float() for leaf in leaves(state)], dim=1).contiguous()

    def unpack_state(self, states_BS: Tensor, like: State) -> State:
        """The state that `states_BS` stands for, in the structure of `like`."""
        pieces = iter(states_BS.split([leaf.shape[1] for leaf in leaves(like)], dim=1))
        return map_leaves(lambda _: next(pieces).clone(), like)

    def start(
        self,
        states_BS: Tensor,
        tokens_B: Tensor,
        *,
        seed: int,
        numbers_B: Tensor | None = None,
        recent_BN: Tensor | None = None,
        window: int = 0,
    ) -> Streams:
        """Streams at their beginning.

        states_BS   as from `pack_state`, before `tokens_B`
        tokens_B    int64, the tokens that are read first
        seed        from 0 to 2**63 - 1, and `numbers_B` (0, 1, 2, ... when None): what a row draws depends on the two
        recent_BN   int64, the tokens up to and with `tokens_B`, oldest first, for a repetition penalty
        window      how many tokens a repetition penalty is for; 0 when there is none
        """
        B = len(tokens_B)
        history_BN = torch.full((B, window), -1, dtype=torch.int64)
        known = 0
        if recent_BN is not None and window:
            known = min(window, recent_BN.shape[1])
            history_BN[:, :known] = recent_BN[:, recent_BN.shape[1] - known :]
        return Streams(
            states_BS=states_BS.clone(),
            tokens_B=tokens_B.clone(),
            seeds_B=torch.full((B,), seed, dtype=torch.int64),
            numbers_B=torch.arange(B) if numbers_B is None else numbers_B.clone(),
            positions_B=torch.zeros(B, dtype=torch.int64),
            history_BN=history_BN,
            places_B=torch.full((B,), known % window if window else 0, dtype=torch.int64),
        )

    def draw(self, streams: Streams, steps: int, sampling: Draws) -> Tensor:
        """Read each stream's token, draw the next one, and so on: `drawn_BT`, int64. `streams` moves on.

        Where a row's scores are no basis for a draw (NaN or infinity among them, or every token banned), -1 stands
        from there on. Raises DataError for a token that the vocabulary does not have, ShapeError for what does not fit.
        """
        B = len(streams.tokens_B)
        self._check_states(streams.states_BS, B)
        self._check_tokens(streams.tokens_B, (B,))
        self._check_tokens(torch.tensor(sampling.banned, dtype=torch.int64), (len(sampling.banned),))
        penalised = sampling.repetition_penalty != 1.0
        N = streams.history_BN.shape[1] if penalised else 0
        for name in ("seeds_B", "numbers_B", "positions_B", "places_B"):
            _check_numbers(name, getattr(streams, name), (B,))
        _check_numbers("history_BN", streams.history_BN, (B, streams.history_BN.shape[1]))
        if N and B and (int(streams.places_B.min()) < 0 or int(streams.places_B.max()) >= N):
            raise ShapeError(f"expected places_B from 0 to {N - 1}. Received: {streams.places_B.tolist()}")
        if N and int(streams.history_BN.max()) >= self.vocabulary_size:
            self._check_tokens(streams.history_BN, tuple(streams.history_BN.shape))
        drawn_BT = torch.empty(B, steps, dtype=torch.int64)
        banned = torch.tensor(sorted(set(sampling.banned)), dtype=torch.int64)
        call = Call(
            tokens=streams.tokens_B.data_ptr(),
            drawn=drawn_BT.data_ptr(),
            sampling=SamplingOptions(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                penalty=sampling.repetition_penalty if N else 1.0,
                top_k=min(sampling.top_k, 2**62),
                banned_count=len(banned),
                banned=banned.data_ptr(),
                window=N,
            ),
            seeds=streams.seeds_B.data_ptr(),
            streams=streams.numbers_B.data_ptr(),
            positions=streams.positions_B.data_ptr(),
            history=streams.history_BN.data_ptr(),
            places=streams.places_B.data_ptr(),
        )
        self._run(call, streams.states_BS, None, B, steps)
        streams.positions_B += steps
        return drawn_BT

    def read(self, tokens_BT: Tensor, states_BS: Tensor, *, every_step: bool = False) -> Tensor:
        """Read tokens (int64): `logits_BV` after the last one, or `logits_BTV` after each. `states_BS` moves on.

        Raises DataError for a token that the vocabulary does not have, ShapeError for what does not fit.
        """
        if tokens_BT.dim() != 2 or not tokens_BT.shape[1]:
            raise ShapeError(f"expected tokens_BT with at least one time step. Received: {tuple(tokens_BT.shape)}")
        B, T = tokens_BT.shape
        self._check_states(states_BS, B)
        self._check_tokens(tokens_BT, (B, T))
        tokens_BT = tokens_BT.contiguous()
        logits = torch.empty(B, T, self.vocabulary_size) if every_step else torch.empty(B, self.vocabulary_size)
        call = Call(read=tokens_BT.data_ptr(), logits=logits.data_ptr(), every_step=every_step)
        self._run(call, states_BS, None, B, T)
        return logits

    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Scores `logits_BV` after one more token in each row, and the state after it. Raises as `read`."""
        states_BS = self.pack_state(state)
        logits_BV = self.read(tokens_B[:, None], states_BS)
        return logits_BV, self.unpack_state(states_BS, state)

    def advance(self, sessions_NS: Tensor, lines_B: Tensor, tokens_B: Tensor) -> Tensor:
        """One more token in each of B independent sessions: `logits_BV`.

        sessions_NS  float32, contiguous: a line of state for every session; those of `lines_B` move on in place
        lines_B      int64, which sessions; none twice
        tokens_B     int64, their tokens

        Raises DataError and ShapeError as `read`, and ShapeError for a line that is not there or comes twice.
        """
        B = len(tokens_B)
        self._check_states(sessions_NS, len(sessions_NS))
        _check_numbers("lines_B", lines_B, (B,))
        self._check_tokens(tokens_B, (B,))
        if B and (int(lines_B.min()) < 0 or int(lines_B.max()) >= len(sessions_NS) or len(lines_B.unique()) != B):
            raise ShapeError(
                f"expected lines_B with numbers from 0 to {len(sessions_NS) - 1}, none twice. "
                f"Received: {lines_B.tolist()}"
            )
        logits_BV = torch.empty(B, self.vocabulary_size)
        tokens_B, lines_B = tokens_B.contiguous(), lines_B.contiguous()
        self._run(Call(read=tokens_B.data_ptr(), logits=logits_BV.data_ptr()), sessions_NS, lines_B, B, 1)
        return logits_BV

    def _run(self, call: Call, states_NS: Tensor, lines_B: Tensor | None, rows: int, steps: int) -> None:
        """Complete a call and make it; the GIL is free meanwhile."""
        if not rows or not steps:
            return
        threads = max(1, min(library.threads(), rows // _ROWS_A_THREAD))
        workspace = self._workspace(rows, threads)
        call.rows, call.steps, call.threads = rows, steps, threads
        call.states = states_NS.data_ptr()
        call.lines = None if lines_B is None else lines_B.data_ptr()
        call.workspace = -(-workspace.data_ptr() // 64) * 64
        self._library.elman_engine_run(byref(self._network), byref(call))

    def _workspace(self, rows: int, threads: int) -> Tensor:
        """Memory for a call; a thread keeps the last one, since fresh memory costs time."""
        held = getattr(self._workspaces, "held", None)
        if held is None or held[0] != (rows, threads):
            size = self._library.elman_engine_workspace(byref(self._network), rows, threads) + 64
            held = (rows, threads), torch.empty(size, dtype=torch.uint8)
            self._workspaces.held = held
        buffer: Tensor = held[1]
        return buffer

    def _check_states(self, states_BS: Tensor, rows: int) -> None:
        right = states_BS.dtype == torch.float32 and states_BS.is_contiguous() and not states_BS.requires_grad
        if tuple(states_BS.shape) != (rows, self.state_size) or not right:
            raise ShapeError(
                f"expected states of shape {(rows, self.state_size)}, contiguous float32 without gradient. "
                f"Received: {tuple(states_BS.shape)}, {states_BS.dtype}"
            )

    def _check_tokens(self, tokens: Tensor, shape: tuple[int, ...]) -> None:
        _check_numbers("tokens", tokens, shape, contiguous=False)
        if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= self.vocabulary_size):
            wrong = tokens[(tokens < 0) | (tokens >= self.vocabulary_size)]
            raise DataError(
                f"expected token numbers from 0 to {self.vocabulary_size - 1}. Received: {int(wrong.reshape(-1)[0])}"
            )


def _check_numbers(name: str, numbers: Tensor, shape: tuple[int, ...], *, contiguous: bool = True) -> None:
    """Raise ShapeError unless `numbers` is int64 of `shape`."""
    if numbers.dtype != torch.int64 or tuple(numbers.shape) != shape or (contiguous and not numbers.is_contiguous()):
        raise ShapeError(
            f"expected {name} of shape {shape} and torch.int64. Received: {tuple(numbers.shape)}, {numbers.dtype}"
        )
