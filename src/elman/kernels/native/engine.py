"""`Engine`: a stack of cells packed for generation and streaming, where one native call runs many time steps.

A time step reads a token, runs the cells, computes the logits of the next token, and may sample it. Rows (streams or
sessions) are independent: the results for a row do not depend on the other rows, on how the time steps are split into
calls, or on the number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ctypes import byref
from typing import Any, Protocol

import torch
from torch import Tensor

from elman.errors import ConfigError, DataError, KernelUnavailableError, ShapeError
from elman.kernels.native import library
from elman.kernels.native.engine_abi import Call, SamplingOptions, declare
from elman.kernels.native.engine_pack import WEIGHT_FORMATS, NetworkPacker, find_parts
from elman.kernels.native.engine_streams import TokenStreams, check_numbers
from elman.state import State, leaves, map_leaves

__all__ = ["WEIGHT_FORMATS", "Engine", "SamplingParameters", "why_not"]

# A thread with fewer rows than this costs more time than it saves.
_ROWS_A_THREAD = 8


class SamplingParameters(Protocol):
    """Protocol of the sampling options; `elman.decode.SamplingOptions` satisfies it."""

    @property
    def temperature(self) -> float:
        """Divisor of the logits; 0 selects the most likely token."""

    @property
    def top_k(self) -> int:
        """Sample among this many most likely tokens; 0 for all."""

    @property
    def top_p(self) -> float:
        """Sample among the most likely tokens whose probabilities add up to this."""

    @property
    def repetition_penalty(self) -> float:
        """Penalty of recent tokens; above 1 makes them less likely."""

    @property
    def banned(self) -> tuple[int, ...]:
        """Tokens that are never sampled."""


def why_not(cells: Sequence[Any], vocabulary_size: int) -> str | None:
    """Return None if an `Engine` can run `cells` (one per layer, in order), else the reason why not."""
    parts = find_parts(cells, vocabulary_size)
    return parts if isinstance(parts, str) else None


class Engine:
    """A packed network: token embeddings, a stack of cells and an output head.

    Args:
        cells: the layers' cells, in order; each takes the outputs of the previous one.
        embeddings_VE: row v is the input of the first cell for token id v.
        head_weight_VY, head_bias_V: from the last cell's output to the logits of every token.
        residual: add a layer's input to its output, wherever both have the same size.
        weights: "float32", or "bfloat16" or "int8" for less memory, more speed and less exact logits. With "int8",
            weights are quantised per row of a matrix, and activations per time step.

    The weights are copied, so later changes of `cells` have no effect.

    Raises KernelUnavailableError where `why_not` returns a reason, ConfigError for an unknown format, and ShapeError
    for sizes that do not match.
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
                f"expected layers of matching sizes, with embeddings and head for one vocabulary. Received: output "
                f"sizes {sizes}, input sizes {taken}, {len(embeddings_VE)} and {len(head_weight_VY)} tokens"
            )
        parts = find_parts(cells, len(embeddings_VE))
        if isinstance(parts, str):
            raise KernelUnavailableError(f"the engine cannot run these cells: {parts}")
        self.weights = weights
        self.vocabulary_size = len(embeddings_VE)
        self.state_size = sum(len(part.program.leaves) * part.cell.hidden_size for part in parts)
        self._library = library.load()
        declare(self._library)
        packing = NetworkPacker(self._library, weights)
        with torch.no_grad():
            self._network = packing.pack(parts, embeddings_VE, head_weight_VY, head_bias_V, residual=residual)
        self._memory = packing.memory
        self._workspaces = threading.local()

    def pack_state(self, state: State) -> Tensor:
        """Concatenate the leaves of the states of B rows to `states_BF`, in new memory."""
        return torch.cat([leaf.detach().float() for leaf in leaves(state)], dim=1).contiguous()

    def unpack_state(self, states_BF: Tensor, like: State) -> State:
        """Split `states_BF` into a state with the structure of `like`."""
        pieces = iter(states_BF.split([leaf.shape[1] for leaf in leaves(like)], dim=1))
        return map_leaves(lambda _: next(pieces).clone(), like)

    def draw(
        self, streams: TokenStreams, steps: int, sampling: SamplingParameters, lines_B: Tensor | None = None
    ) -> Tensor:
        """Generate `steps` tokens for each stream: `drawn_BT`, int64.

        Each step reads the stream's current token and samples the next one. Updates the streams in place: all of them,
        or only those at the distinct indices `lines_B` (int64), in that order. Where the logits contain NaN or
        infinity, or every token is banned, this and all later tokens of the row are -1.

        Raises DataError for a token outside the vocabulary, and ShapeError for tensors of a wrong shape or dtype.
        """
        if lines_B is not None:
            self._check_lines(lines_B, len(streams.tokens_B))
            part = streams.take(lines_B)
            drawn_BT = self.draw(part, steps, sampling)
            streams.put(lines_B, part)
            return drawn_BT
        B = len(streams.tokens_B)
        self._check_states(streams.states_BF, B)
        streams.check()
        self._check_tokens(streams.tokens_B, (B,))
        N = streams.history_BN.shape[1] if sampling.repetition_penalty != 1.0 else 0
        if N and B and int(streams.history_BN.max()) >= self.vocabulary_size:
            self._check_tokens(streams.history_BN, tuple(streams.history_BN.shape))
        banned = torch.tensor(sampling.banned, dtype=torch.int64, device="cpu")
        self._check_tokens(banned, (len(sampling.banned),))
        drawn_BT = torch.empty(B, max(steps, 0), dtype=torch.int64, device="cpu")
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
        self._run(call, streams.states_BF, None, B, steps)
        streams.positions_B += max(steps, 0)
        return drawn_BT

    def read(self, tokens_BT: Tensor, states_BF: Tensor, *, every_step: bool = False) -> Tensor:
        """Read tokens (int64) and return `logits_BV` after the last one, or `logits_BTV` after each.

        Updates `states_BF` in place. Raises DataError for a token outside the vocabulary, and ShapeError for tensors of
        a wrong shape or dtype.
        """
        if tokens_BT.dim() != 2 or not tokens_BT.shape[1]:
            raise ShapeError(f"expected tokens_BT with at least one time step. Received: {tuple(tokens_BT.shape)}")
        B, T = tokens_BT.shape
        self._check_states(states_BF, B)
        tokens_BT = tokens_BT.contiguous()
        self._check_tokens(tokens_BT, (B, T))
        shape = (B, T, self.vocabulary_size) if every_step else (B, self.vocabulary_size)
        logits = torch.empty(shape, dtype=torch.float32, device="cpu")
        call = Call(read=tokens_BT.data_ptr(), logits=logits.data_ptr(), every_step=every_step)
        self._run(call, states_BF, None, B, T)
        return logits

    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Return `logits_BV` and the state after one more token in each row. Raises the errors of `read`."""
        states_BF = self.pack_state(state)
        logits_BV = self.read(tokens_B[:, None], states_BF)
        return logits_BV, self.unpack_state(states_BF, state)

    def advance(self, sessions_NF: Tensor, lines_B: Tensor, tokens_B: Tensor) -> Tensor:
        """Read one more token in each of B independent sessions and return `logits_BV`.

        sessions_NF  float32, contiguous: a row of state for every session; those at `lines_B` are updated in place
        lines_B      int64, the distinct indices of the sessions
        tokens_B     int64, their tokens

        Raises the errors of `read`, and ShapeError for an index that is out of range or occurs twice.
        """
        B = len(tokens_B)
        self._check_states(sessions_NF, len(sessions_NF))
        check_numbers("lines_B", lines_B, (B,))
        self._check_lines(lines_B, len(sessions_NF))
        self._check_tokens(tokens_B, (B,))
        logits_BV = torch.empty(B, self.vocabulary_size, dtype=torch.float32, device="cpu")
        self._run(Call(read=tokens_B.data_ptr(), logits=logits_BV.data_ptr()), sessions_NF, lines_B, B, 1)
        return logits_BV

    def _run(self, call: Call, states_NF: Tensor, lines_B: Tensor | None, rows: int, steps: int) -> None:
        """Fill in the rest of a call and run it without holding the GIL."""
        if not rows or steps < 1:
            return
        threads = max(1, min(library.threads(), rows // _ROWS_A_THREAD))
        workspace = self._workspace(rows, threads)
        call.rows, call.steps, call.threads = rows, steps, threads
        call.states = states_NF.data_ptr()
        call.lines = None if lines_B is None else lines_B.data_ptr()
        call.workspace = -(-workspace.data_ptr() // 64) * 64
        self._library.elman_engine_run(byref(self._network), byref(call))

    def _workspace(self, rows: int, threads: int) -> Tensor:
        """Return working memory for a call; each thread reuses its last buffer, since new memory costs time."""
        held = getattr(self._workspaces, "held", None)
        if held is None or held[0] != (rows, threads):
            size = self._library.elman_engine_workspace(byref(self._network), rows, threads) + 64
            held = (rows, threads), torch.empty(size, dtype=torch.uint8, device="cpu")
            self._workspaces.held = held
        buffer: Tensor = held[1]
        return buffer

    def _check_states(self, states_BF: Tensor, rows: int) -> None:
        right = states_BF.dtype == torch.float32 and states_BF.device.type == "cpu" and states_BF.is_contiguous()
        if tuple(states_BF.shape) != (rows, self.state_size) or not right or states_BF.requires_grad:
            raise ShapeError(
                f"expected states of shape {(rows, self.state_size)}, contiguous float32 on the CPU without gradient. "
                f"Received: {tuple(states_BF.shape)}, {states_BF.dtype} on {states_BF.device}"
            )

    def _check_tokens(self, tokens: Tensor, shape: tuple[int, ...]) -> None:
        check_numbers("tokens", tokens, shape)
        if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= self.vocabulary_size):
            wrong = tokens[(tokens < 0) | (tokens >= self.vocabulary_size)]
            raise DataError(
                f"expected token ids from 0 to {self.vocabulary_size - 1}. Received: {int(wrong.reshape(-1)[0])}"
            )

    def _check_lines(self, lines_B: Tensor, lines: int) -> None:
        check_numbers("lines_B", lines_B, (len(lines_B),))
        B = len(lines_B)
        if B and (int(lines_B.min()) < 0 or int(lines_B.max()) >= lines or len(lines_B.unique()) != B):
            raise ShapeError(
                f"expected lines_B with distinct indices from 0 to {lines - 1}. Received: {lines_B.tolist()}"
            )
