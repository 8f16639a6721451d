"""Likelihood of text under a network: totals over batches, and log-probabilities of the tokens of lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.vocabulary import UNKNOWN_ID, Vocabulary
from elman.decode.engine import TokenNetwork
from elman.kernels import threads_for
from elman.metrics.perplexity import perplexity
from elman.state import IGNORE_INDEX, Batch, State, reset_rows

__all__ = ["TextScore", "TokenCounts", "measure", "score_lines", "token_nats"]

# Approximate maximum number of logits in memory.
_MAX_LOGITS = 1 << 26


class TokenCounts(NamedTuple):
    """Sums over predicted tokens; `unknown` and `unknown_nats` are those of unknown ones."""

    nats: float
    tokens: int
    correct: int
    unknown: int = 0
    unknown_nats: float = 0.0

    @property
    def known(self) -> int:
        """Number of the tokens that are not unknown."""
        return self.tokens - self.unknown

    def metrics(self, characters: int = 0) -> dict[str, float]:
        """Return means per token and, if the number of characters is given, per character."""
        loss = self.nats / max(self.tokens, 1)
        metrics = {
            "loss": loss,
            "nats_per_token": loss,
            "bits_per_token": loss / math.log(2),
            "perplexity": perplexity(loss),
            "accuracy": self.correct / max(self.tokens, 1),
            "tokens": self.tokens,
            "unknown_share": self.unknown / max(self.tokens, 1),
            "perplexity_known": perplexity((self.nats - self.unknown_nats) / max(self.known, 1)),
        }
        if characters:
            metrics["nats_per_char"] = self.nats / characters
            metrics["bits_per_char"] = self.nats / characters / math.log(2)
        return metrics


def measure(model: TokenNetwork, batches: Iterable[Batch]) -> TokenCounts:
    """Run the network over `batches` with carried state and sum the losses."""
    nats, tokens, correct, unknown, unknown_nats = 0.0, 0, 0, 0, 0.0
    with torch.no_grad():
        for logits_BTV, targets_BT in _predictions(model, batches):
            flat, targets = logits_BTV.flatten(0, 1), targets_BT.flatten()
            nats += float(F.cross_entropy(flat, targets, ignore_index=IGNORE_INDEX, reduction="sum"))
            counted = targets != IGNORE_INDEX
            tokens += int(counted.sum())
            correct += int(((flat.argmax(-1) == targets) & counted).sum())
            lacking = targets == UNKNOWN_ID
            if bool(lacking.any()):
                unknown += int(lacking.sum())
                unknown_nats += float(F.cross_entropy(flat[lacking], targets[lacking], reduction="sum"))
    return TokenCounts(nats, tokens, correct, unknown, unknown_nats)


def token_nats(model: TokenNetwork, batches: Iterable[Batch]) -> npt.NDArray[np.float64]:
    """Return the loss of each predicted token of `batches`, which are those of an evaluation, in the text's order."""
    rows: list[list[npt.NDArray[np.float64]]] = []
    with torch.no_grad():
        for logits_BTV, targets_BT in _predictions(model, batches):
            nats_BT = F.cross_entropy(
                logits_BTV.transpose(1, 2), targets_BT, ignore_index=IGNORE_INDEX, reduction="none"
            )
            rows = rows or [[] for _ in targets_BT]
            counted_BT = (targets_BT != IGNORE_INDEX).cpu().numpy()
            for row, nats_T, counted_T in zip(rows, nats_BT.double().cpu().numpy(), counted_BT, strict=True):
                row.append(nats_T[counted_T])
    return np.concatenate([np.zeros(0), *(part for row in rows for part in row)])


def _predictions(model: TokenNetwork, batches: Iterable[Batch]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield float32 logits and targets of each batch, with carried state."""
    device = model.head.weight.device
    state: State | None = None
    for batch in batches:
        initial = model.initial_state(batch.inputs_BT.shape[0])
        state = initial if state is None else reset_rows(state, batch.reset_B, initial)
        logits_BTV, state = model(batch.inputs_BT.to(device), batch.lengths_B, state)
        yield logits_BTV.float(), batch.targets_BT.to(device)


@dataclass(frozen=True)
class TextScore:
    """The likelihood of one line.

    text             the line
    tokens           its tokens, for display
    log_probs        the natural logarithm of each token's probability, given those before it
    log_probability  their sum
    perplexity       exp(-mean of log_probs); 1 for an empty line
    nats_per_char    -log_probability over the number of characters; 0 for an empty line
    unknown          number of tokens that are not in the vocabulary
    """

    text: str
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]
    log_probability: float
    perplexity: float
    nats_per_char: float
    unknown: int


def score_lines(
    network: TokenNetwork,
    vocabulary: Vocabulary,
    lines: Sequence[str],
    start: Sequence[int],
    *,
    rows: int = 64,
    chunk: int = 512,
) -> Iterator[TextScore]:
    """Yield a `TextScore` for every line, in order; each line is scored separately, after the tokens `start`.

    Lines run in batches of `rows`, in chunks of at most `chunk` tokens with carried state (fewer for a large
    vocabulary), so that the length of a line does not affect the memory use.
    """
    chunk = max(1, min(chunk, _MAX_LOGITS // (rows * vocabulary.size)))
    for first in range(0, len(lines), rows):
        group = lines[first : first + rows]
        ids = [vocabulary.encode(line).tolist() for line in group]
        for line, values, numbers in zip(group, _log_probs(network, ids, start, chunk), ids, strict=True):
            yield _summary(line, values, numbers, vocabulary)


def _log_probs(
    network: TokenNetwork, ids: Sequence[Sequence[int]], start: Sequence[int], chunk: int
) -> list[list[float]]:
    device = network.head.weight.device
    full = [[*start, *row] for row in ids]
    width = max(len(row) for row in full)
    tokens_BT = torch.zeros(len(full), width, dtype=torch.int64)
    for place, row in enumerate(full):
        tokens_BT[place, : len(row)] = torch.tensor(row)
    lengths_B = torch.tensor([len(row) - 1 for row in full])
    state = network.initial_state(len(full))
    values = []
    with torch.no_grad(), threads_for(len(full), network):
        for begin in range(0, width - 1, chunk):
            inputs_BT = tokens_BT[:, begin : min(begin + chunk, width - 1)].to(device)
            targets_BT = tokens_BT[:, begin + 1 : begin + 1 + inputs_BT.shape[1]].to(device)
            chunk_lengths_B = (lengths_B - begin).clamp(0, inputs_BT.shape[1])
            logits_BTV, state = network(inputs_BT, chunk_lengths_B, state)
            log_probs_BTV = torch.log_softmax(logits_BTV.float(), dim=-1)
            values.append(log_probs_BTV.gather(2, targets_BT[..., None])[..., 0].cpu())
    log_probs_BT = torch.cat(values, dim=1) if values else torch.zeros(len(full), 0)
    skip = len(start) - 1
    return [log_probs_BT[place, skip : len(row) - 1].tolist() for place, row in enumerate(full)]


def _summary(line: str, log_probs: list[float], ids: list[int], vocabulary: Vocabulary) -> TextScore:
    total = math.fsum(log_probs)
    mean = total / len(log_probs) if log_probs else 0.0
    return TextScore(
        text=line,
        tokens=tuple(vocabulary.token(number) for number in ids),
        log_probs=tuple(log_probs),
        log_probability=total,
        perplexity=perplexity(-mean),
        nats_per_char=-total / len(line) if line else 0.0,
        unknown=sum(number == vocabulary.unknown_id for number in ids),
    )
