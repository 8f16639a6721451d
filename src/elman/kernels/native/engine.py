"""Engine: a stack of cells, packed for generation and streaming, where one native call makes many steps.

A step goes from a token through the cells to the scores of the next token, and to a drawn one. Rows (streams, sessions)
are independent: what comes out for a row does not depend on the rows beside it, on how steps are cut into calls, or on
threads. Knows nothing about text or tasks.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ctypes import byref
from typing import Any, Protocol

import torch
from torch import Tensor

from elman.errors import ConfigError, DataError, KernelUnavailable, ShapeError
from elman.kernels.native import library
from elman.kernels.native.engine_abi import Call, SamplingOptions, declare
from elman.kernels.native.engine_pack import WEIGHT_FORMATS, Packing, find_parts
from elman.kernels.native.engine_streams import Streams, check_numbers
from elman.types import State, leaves, map_leaves

__all__ = ["WEIGHT_FORMATS", "Draws", "Engine", "why_not"]

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
    def banned(self) -> tuple[int, ...]:
        """Tokens that are never drawn."""


def why_not(cells: Sequence[Any], vocabulary_size: int) -> str | None:
    """None when an engine can be made of `cells` (the layers' cells, in order), else a sentence why not."""
    parts = find_parts(cells, vocabulary_size)
    return parts if isinstance(parts, str) else None


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

    def draw(self, streams: Streams, steps: int, sampling: Draws, lines_B: Tensor | None = None) -> Tensor:
        """Read each stream's token, draw the next one, and so on, `steps` times: `drawn_BT`, int64.

        The streams move on: all of them, or those that `lines_B` (int64, none twice) names, in its order. Where scores
        are no basis for a draw (NaN or infinity among them, or every token banned), -1 stands from there on.

        Raises DataError for a token that the vocabulary does not have, ShapeError for what does not fit.
        """
        if lines_B is not None:
            self._check_lines(lines_B, len(streams.tokens_B))
            part = streams.take(lines_B)
            drawn_BT = self.draw(part, steps, sampling)
            streams.put(lines_B, part)
            return drawn_BT
        B = len(streams.tokens_B)
        self._check_states(streams.states_BS, B)
        streams.check()
        self._check_tokens(streams.tokens_B, (B,))
        N = streams.history_BN.shape[1] if sampling.repetition_penalty != 1.0 else 0
        if N and B and int(streams.history_BN.max()) >= self.vocabulary_size:
            self._check_tokens(streams.history_BN, tuple(streams.history_BN.shape))
        banned = torch.tensor(sampling.banned, dtype=torch.int64)
        self._check_tokens(banned, (len(sampling.banned),))
        drawn_BT = torch.empty(B, max(steps, 0), dtype=torch.int64)
        call = Call(
            tokens=streams.tokens_B.data_ptr(),
            drawn=drawn_BT.data_ptr(),
            sampling=SamplingOptions(
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                penalty=sampling.repetition_penalty if N else 1.0,
                top_k=min(sampling.top_k, self.vocabulary_size),
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
        streams.positions_B += max(steps, 0)
        return drawn_BT

    def read(self, tokens_BT: Tensor, states_BS: Tensor, *, every_step: bool = False) -> Tensor:
        """Read tokens (int64): `logits_BV` after the last one, or `logits_BTV` after each. `states_BS` moves on.

        Raises DataError for a token that the vocabulary does not have, ShapeError for what does not fit.
        """
        if tokens_BT.dim() != 2 or not tokens_BT.shape[1]:
            raise ShapeError(f"expected tokens_BT with at least one time step. Received: {tuple(tokens_BT.shape)}")
        B, T = tokens_BT.shape
        self._check_states(states_BS, B)
        tokens_BT = tokens_BT.contiguous()
        self._check_tokens(tokens_BT, (B, T))
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
        check_numbers("lines_B", lines_B, (B,))
        self._check_lines(lines_B, len(sessions_NS))
        self._check_tokens(tokens_B, (B,))
        logits_BV = torch.empty(B, self.vocabulary_size)
        self._run(Call(read=tokens_B.data_ptr(), logits=logits_BV.data_ptr()), sessions_NS, lines_B, B, 1)
        return logits_BV

    def _run(self, call: Call, states_NS: Tensor, lines_B: Tensor | None, rows: int, steps: int) -> None:
        """Complete a call and make it; the GIL is free meanwhile."""
        if not rows or steps < 1:
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
        right = states_BS.dtype == torch.float32 and states_BS.device.type == "cpu" and states_BS.is_contiguous()
        if tuple(states_BS.shape) != (rows, self.state_size) or not right or states_BS.requires_grad:
            raise ShapeError(
                f"expected states of shape {(rows, self.state_size)}, contiguous float32 on the CPU without gradient. "
                f"Received: {tuple(states_BS.shape)}, {states_BS.dtype} on {states_BS.device}"
            )

    def _check_tokens(self, tokens: Tensor, shape: tuple[int, ...]) -> None:
        check_numbers("tokens", tokens, shape)
        if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= self.vocabulary_size):
            wrong = tokens[(tokens < 0) | (tokens >= self.vocabulary_size)]
            raise DataError(
                f"expected token numbers from 0 to {self.vocabulary_size - 1}. Received: {int(wrong.reshape(-1)[0])}"
            )

    def _check_lines(self, lines_B: Tensor, lines: int) -> None:
        check_numbers("lines_B", lines_B, (len(lines_B),))
        B = len(lines_B)
        if B and (int(lines_B.min()) < 0 or int(lines_B.max()) >= lines or len(lines_B.unique()) != B):
            raise ShapeError(
                f"expected lines_B with numbers from 0 to {lines - 1}, none twice. Received: {lines_B.tolist()}"
            )
