"""NgramBag: what the short runs of tokens in a text say on their own, as scores beside a network's.

Knows nothing about words: tokens are numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elman.errors import ConfigError

__all__ = ["NgramBag", "ngram_keys"]

Ints = npt.NDArray[np.int64]


class NgramBag(nn.Module):
    """Scores `logits_BC`: the sum of a learnt row for every different n-gram that a text has, of 1 to n tokens.

    Only n-grams that training has seen count, each once a text. The rows start at naive Bayes log-ratios, as in the
    NBSVM of Wang & Manning (2012), and are trained along with everything else.

    Args:
        longest: n, the most tokens of an n-gram.
        tokens: V.
        count: N, the number of different n-grams.
        outputs: C.

    Raises ConfigError where V is so large that n-grams cannot be numbered by int64.
    """

    keys: Tensor

    def __init__(self, longest: int, *, tokens: int, count: int, outputs: int) -> None:
        super().__init__()
        if longest < 1 or (tokens + 1) ** longest >= 2**63:
            raise ConfigError(f"expected n-grams that int64 can number. Received: {longest} of {tokens} tokens")
        self.longest = longest
        self.tokens = tokens
        self.register_buffer("keys", torch.zeros(count, dtype=torch.int64))
        self.weight = nn.Parameter(torch.zeros(count, outputs))

    def start(self, keys: Ints, texts: Sequence[Ints], classes: Ints, scale: float) -> None:
        """Number the n-grams by `keys` (sorted) and start their rows at `scale` times their log-ratios.

        texts    the tokens of each training text
        classes  the class of each

        With c(f, k) the number of texts of class k that have n-gram f, a row starts at log((c + 1) / sum over f of
        (c + 1)), less its mean over the classes.
        """
        outputs = self.weight.shape[1]
        counts_NC = np.ones((len(keys), outputs))
        for text, number in zip(texts, classes, strict=True):
            counts_NC[np.searchsorted(keys, np.unique(ngram_keys(text, self.longest, self.tokens))), number] += 1
        ratios_NC = np.log(counts_NC / counts_NC.sum(0))
        ratios_NC -= ratios_NC.mean(1, keepdims=True)
        self.keys.copy_(torch.from_numpy(keys))
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(scale * ratios_NC))

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Scores `logits_BC` of int64 tokens; those past a row's length do not count."""
        places_BK, known_BK = self._find(tokens_BT, lengths_B)
        places_BK, order_BK = places_BK.sort(dim=1)
        known_BK = known_BK.gather(1, order_BK)
        # What is not known has place N, behind all others. Of those in a row that are the same the first counts.
        known_BK[:, 1:] &= places_BK[:, 1:] != places_BK[:, :-1]
        rows_BKC = self.weight[places_BK.clamp(max=len(self.keys) - 1)]
        return (rows_BKC * known_BK[..., None].to(rows_BKC.dtype)).sum(1)

    def share(self, tokens_BT: Tensor, lengths_B: Tensor | None, outputs_B: Tensor) -> Tensor:
        """How much each token adds to score `outputs_B` of its row, `share_BT`: n-grams split theirs among their
        tokens, and those that a text has several times among their places."""
        places_BK, known_BK = self._find(tokens_BT, lengths_B)
        share_BT = torch.zeros(tokens_BT.shape, device=tokens_BT.device)
        steps = tokens_BT.shape[1]
        for row, output in enumerate(outputs_B.tolist()):
            _, which, times = torch.unique(places_BK[row], return_inverse=True, return_counts=True)
            value_K = self.weight.detach()[places_BK[row].clamp(max=len(self.keys) - 1), output] / times[which]
            value_K = torch.where(known_BK[row], value_K, 0.0)
            begin = 0
            for size in range(1, min(self.longest, steps) + 1):
                part = value_K[begin : begin + steps - size + 1] / size
                for offset in range(size):
                    share_BT[row, offset : offset + len(part)] += part
                begin += steps - size + 1
        return share_BT

    def _find(self, tokens_BT: Tensor, lengths_B: Tensor | None) -> tuple[Tensor, Tensor]:
        """Of the n-grams of every row, by size and then by first step: places in `keys`, and whether they are there."""
        steps = tokens_BT.shape[1]
        lengths = torch.full((len(tokens_BT),), steps) if lengths_B is None else lengths_B
        lengths = lengths.to(tokens_BT.device)
        keys, real = [], []
        key = torch.zeros_like(tokens_BT)
        for size in range(1, min(self.longest, steps) + 1):
            key = key[:, : steps - size + 1] * (self.tokens + 1) + tokens_BT[:, size - 1 :] + 1
            ends = torch.arange(size, steps + 1, device=tokens_BT.device)
            keys.append(key)
            real.append(ends[None] <= lengths[:, None])
        keys_BK, real_BK = torch.cat(keys, 1), torch.cat(real, 1)
        if not len(self.keys):
            return torch.zeros_like(keys_BK), torch.zeros_like(real_BK)
        places_BK = torch.searchsorted(self.keys, keys_BK)
        known_BK = real_BK & (self.keys[places_BK.clamp(max=len(self.keys) - 1)] == keys_BK)
        return places_BK.masked_fill(~known_BK, len(self.keys)), known_BK


def ngram_keys(text: Ints, longest: int, tokens: int) -> Ints:
    """A number for every n-gram of 1 to `longest` tokens in `text`: equal ones have the same, others another."""
    found, key = [], np.zeros(len(text), dtype=np.int64)
    for size in range(1, min(longest, len(text)) + 1):
        key = key[: len(text) - size + 1] * (tokens + 1) + text[size - 1 :] + 1
        found.append(key)
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
