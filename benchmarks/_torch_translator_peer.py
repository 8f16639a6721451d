"""A translator in plain torch: bidirectional GRU encoder, attention, GRU decoder, and a vectorised beam search.

Luong's attention follows the decoder, so teacher forcing is one call of nn.GRU over the whole target and two batched
products; there is no input feeding. Bahdanau's attention precedes each step of the decoder, so training loops over
time; the input projection of the words is computed for all steps at once. Only positions that hold a word are projected
onto the vocabulary. Commands and answers are those of _translator_peer.py.
"""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from _translation_data import BEGIN, END, PAD, UNKNOWN, Corpus
from _translator_peer import Batch, Peer, options, serve
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Memory(NamedTuple):
    """Cross-attention memory: one row per sentence, S source positions."""

    values_BSH: Tensor
    keys_BSH: Tensor
    # 0 at words, minus infinity past a sentence's end.
    mask_B1S: Tensor

    def rows(self, chosen: Tensor) -> Memory:
        """Select sentences."""
        return Memory(*(each[chosen] for each in self))


class Translator(nn.Module):
    """Encoder and decoder with Luong's (2015, "general") or Bahdanau's (2014, additive) attention."""

    def __init__(self, vocabulary: int, embedding: int, hidden: int, attention: str, dropout: float) -> None:
        super().__init__()
        self.additive = attention == "bahdanau"
        self.source_words = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.target_words = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.encoder = nn.GRU(embedding, hidden // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(hidden, hidden)
        self.keys = nn.Linear(hidden, hidden, bias=False)
        if self.additive:
            self.query = nn.Linear(hidden, hidden)
            self.energy = nn.Linear(hidden, 1, bias=False)
            self.word_gates = nn.Linear(embedding, 3 * hidden)
            self.context_gates = nn.Linear(hidden, 3 * hidden, bias=False)
            self.state_gates = nn.Linear(hidden, 3 * hidden)
        else:
            self.decoder = nn.GRU(embedding, hidden, batch_first=True)
        self.combine = nn.Linear(2 * hidden, hidden)
        self.head = nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(dropout)

    def encode(self, source_BS: Tensor, lengths_B: Tensor) -> tuple[Tensor, Memory]:
        """Return the decoder's initial state, B x H, and the memory."""
        words = pack_padded_sequence(self.dropout(self.source_words(source_BS)), lengths_B, batch_first=True)
        y, last_2BH = self.encoder(words)
        values_BSH, _ = pad_packed_sequence(y, batch_first=True)
        h_BH = torch.tanh(self.bridge(torch.cat((last_2BH[0], last_2BH[1]), dim=1)))
        mask_B1S = torch.zeros(source_BS.shape).masked_fill(source_BS == PAD, -math.inf)[:, None]
        return h_BH, Memory(values_BSH, self.keys(values_BSH), mask_B1S)

    def attend(self, query_BQH: Tensor, memory: Memory) -> Tensor:
        """Return the context vectors of Q queries, B x Q x H."""
        if self.additive:
            together_BQSH = torch.tanh(self.query(query_BQH)[:, :, None] + memory.keys_BSH[:, None])
            energies_BQS = self.energy(together_BQSH)[..., 0]
        else:
            energies_BQS = query_BQH @ memory.keys_BSH.transpose(1, 2)
        return torch.softmax(energies_BQS + memory.mask_B1S, dim=-1).to(memory.values_BSH.dtype) @ memory.values_BSH

    def cell(self, gates_NG: Tensor, context_NH: Tensor, h_NH: Tensor) -> Tensor:
        """Compute a step of the decoder with Bahdanau's attention."""
        x_r, x_z, x_n = (gates_NG + self.context_gates(context_NH)).chunk(3, dim=-1)
        h_r, h_z, h_n = self.state_gates(h_NH).chunk(3, dim=-1)
        z = torch.sigmoid(x_z + h_z)
        n = torch.tanh(torch.addcmul(x_n, torch.sigmoid(x_r + h_r), h_n))
        return torch.lerp(n, h_NH.to(n.dtype), z)

    def teach(self, target_BT: Tensor, h_BH: Tensor, memory: Memory) -> Tensor:
        """Return the inputs of the head with teacher forcing, B x T x H."""
        words_BTE = self.dropout(self.target_words(target_BT))
        if not self.additive:
            y_BTH, _ = self.decoder(words_BTE, h_BH[None])
            return self.vectors(y_BTH, self.attend(y_BTH, memory))
        states, contexts = [], []
        for gates_BG in self.word_gates(words_BTE).unbind(1):
            context_BH = self.attend(h_BH[:, None], memory)[:, 0]
            h_BH = self.cell(gates_BG, context_BH, h_BH)
            states.append(h_BH)
            contexts.append(context_BH)
        return self.vectors(torch.stack(states, dim=1), torch.stack(contexts, dim=1))

    def advance(self, tokens_BK: Tensor, h_BKH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Advance K hypotheses per sentence by one token; return logits, B x K x V, and states."""
        words_BKE = self.target_words(tokens_BK)
        if self.additive:
            context_BKH = self.attend(h_BKH, memory)
            h_BKH = self.cell(self.word_gates(words_BKE), context_BKH, h_BKH)
        else:
            _, h_1NH = self.decoder(words_BKE.flatten(0, 1)[:, None], h_BKH.flatten(0, 1)[None])
            h_BKH = h_1NH[0].view(h_BKH.shape)
            context_BKH = self.attend(h_BKH, memory)
        return self.head(self.vectors(h_BKH, context_BKH)), h_BKH

    def vectors(self, y_BTH: Tensor, context_BTH: Tensor) -> Tensor:
        """Combine outputs and contexts into the inputs of the head."""
        return self.dropout(torch.tanh(self.combine(torch.cat((y_BTH, context_BTH), dim=-1))))


class Candidates(NamedTuple):
    """The K best finished hypotheses of each sentence, best first; missing ones score minus infinity."""

    scores_BK: Tensor
    tokens_BKT: Tensor

    def add(self, scores_BJ: Tensor, tokens_BJT: Tensor) -> Candidates:
        """Return the K best of these hypotheses and others."""
        scores_BK, at_BK = torch.cat((self.scores_BK, scores_BJ), dim=1).topk(self.scores_BK.shape[1])
        tokens = torch.cat((self.tokens_BKT, tokens_BJT), dim=1)
        return Candidates(scores_BK, tokens.gather(1, at_BK[..., None].expand(-1, -1, tokens.shape[2])))


def beam_search(
    model: Translator, h_BH: Tensor, memory: Memory, beam: int, longest: int, shortest: int = 0
) -> list[list[int]]:
    """Return the best hypothesis of each sentence by its mean log-probability.

    The search of a sentence stops after `beam` finished hypotheses or `longest` steps. The end token is not allowed in
    the first `shortest` steps.
    """
    sentences = h_BH.shape[0]
    found: list[list[int]] = [[] for _ in range(sentences)]
    numbers = torch.arange(sentences)
    # One hypothesis per sentence at first, so that the beam does not hold copies of it.
    h_BKH, scores_BK = h_BH[:, None], torch.zeros(sentences, 1)
    tokens_BKT = torch.full((sentences, 1, longest + 1), PAD)
    tokens_BKT[:, :, 0] = BEGIN
    empty_BKT = torch.full((sentences, beam, longest + 1), PAD)
    finished = Candidates(torch.full((sentences, beam), -math.inf), empty_BKT)
    for length in range(1, longest + 1):
        logits_BKV, h_BKH = model.advance(tokens_BKT[..., length - 1], h_BKH, memory)
        logits_BKV[..., [UNKNOWN, PAD, BEGIN] + [END] * (length <= shortest)] = -math.inf
        wanted = 2 * beam
        best_BKJ, words_BKJ = logits_BKV.topk(wanted)
        total_BK = scores_BK - torch.logsumexp(logits_BKV.float(), dim=-1)
        scores_BJ, at_BJ = (total_BK[..., None] + best_BKJ).flatten(1).topk(wanted)
        from_BJ = at_BJ.div(wanted, rounding_mode="floor")
        words_BJ = words_BKJ.flatten(1).gather(1, at_BJ)
        tokens_BJT = tokens_BKT.gather(1, from_BJ[..., None].expand(-1, -1, longest + 1))
        tokens_BJT[..., length] = words_BJ
        # A hypothesis ends if its end token is among the K best; at the last step all end.
        ends_BJ = words_BJ == END
        ending_BJ = ends_BJ if length < longest else torch.ones_like(ends_BJ)
        ended_BK = (scores_BJ / length).masked_fill(~ending_BJ, -math.inf)[:, :beam]
        finished = finished.add(ended_BK, tokens_BJT[:, :beam])
        scores_BK, kept_BK = scores_BJ.masked_fill(ends_BJ, -math.inf).topk(beam)
        tokens_BKT = tokens_BJT.gather(1, kept_BK[..., None].expand(-1, -1, longest + 1))
        from_BK = from_BJ.gather(1, kept_BK)
        h_BKH = h_BKH.gather(1, from_BK[..., None].expand(-1, -1, h_BKH.shape[2]))
        done_B = finished.scores_BK[:, -1] > -math.inf
        if length == longest:
            done_B = torch.ones_like(done_B)
        if not done_B.any():
            continue
        for number, row in zip(numbers[done_B].tolist(), finished.tokens_BKT[done_B, 0].tolist(), strict=True):
            found[number] = [token for token in row if token not in (PAD, BEGIN, END)]
        if done_B.all():
            break
        left = (~done_B).nonzero()[:, 0]
        memory, numbers = memory.rows(left), numbers[left]
        h_BKH, scores_BK, tokens_BKT = h_BKH[left], scores_BK[left], tokens_BKT[left]
        finished = Candidates(*(each[left] for each in finished))
    return found


class TorchPeer(Peer):
    """The translator with fused Adam, and autocast for bfloat16."""

    def __init__(self, arguments: argparse.Namespace, corpus: Corpus) -> None:
        sizes = (corpus.vocabulary, arguments.embedding, arguments.hidden)
        self.model: Translator = Translator(*sizes, arguments.attention, arguments.dropout)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)
        self.beam = arguments.beam
        self.bfloat16 = arguments.precision == "bfloat16"

    def step(self, batch: Batch) -> Tensor:
        target_BT = batch["target"]
        wanted_BT = target_BT[:, 1:]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            h_BH, memory = self.model.encode(batch["source"], batch["lengths"])
            vectors_BTH = self.model.teach(target_BT[:, :-1], h_BH, memory)
            there_BT = wanted_BT != PAD
            logits_NV = self.model.head(vectors_BTH[there_BT])
        loss = F.cross_entropy(logits_NV.float(), wanted_BT[there_BT], reduction="sum")
        (loss / logits_NV.shape[0]).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    @torch.no_grad()
    def translate(self, source_BS: Tensor, lengths_B: Tensor) -> list[list[int]]:
        longest = self.length + 1 if self.length else int(1.5 * source_BS.shape[1])
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            h_BH, memory = self.model.encode(source_BS, lengths_B)
            found = beam_search(self.model, h_BH, memory, self.beam, longest, self.length)
        # With a fixed length, the token after it is the end; it is dropped.
        return [each[: self.length or None] for each in found]


if __name__ == "__main__":
    serve(options(__doc__ or "").parse_args(), "torch", TorchPeer)
