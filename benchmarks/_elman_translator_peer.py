"""elman's translator as a peer of translation_speed.py, on the same batches as the others.

It has elman's network, loss, optimizer and search. As with the other peers, reading files and joining words are left
out. Commands and answers are those of _translator_peer.py.
"""

from __future__ import annotations

import argparse

import torch
from _translation_data import BEGIN, END, PAD, UNKNOWN, Corpus
from _translator_peer import Batch, Peer, options, serve
from torch import Tensor

import elman
from elman.decode.search_config import SearchConfig
from elman.decode.text_output import find
from elman.kernels.output_product import logit_precision_for
from elman.tasks.translator.config import TranslatorNetworkConfig
from elman.tasks.translator.network import TranslatorNetwork
from elman.train.config import TrainConfig
from elman.train.optim import make_optimizer

# Bias of the end token where it is not allowed. It is finite, so that hypotheses still end at the length limit.
NEVER = -1e3


class ElmanPeer(Peer):
    """GRU encoder and decoder of one layer each, untied output product, and the same dropout as the peers."""

    def __init__(self, arguments: argparse.Namespace, corpus: Corpus) -> None:
        config = TranslatorNetworkConfig(
            cell="gru",
            layers=1,
            hidden_size=arguments.hidden_size,
            encoder_hidden_size=arguments.hidden_size // 2,
            embedding=arguments.embedding,
            tied="none",
            attention=arguments.attention,
            input_feeding=arguments.feeding,
            dropout=arguments.dropout,
            input_dropout=arguments.dropout,
            variational=False,
            label_smoothing=0.0,
        )
        self.model: TranslatorNetwork = TranslatorNetwork(corpus.vocabulary, corpus.vocabulary, config)
        self.optimizer = make_optimizer(self.model.parameters(), TrainConfig(optimizer="adam", learning_rate=1e-3))
        # A sentence is finished when as many hypotheses as beams have ended, as in JoeyNMT.
        self.search = SearchConfig(beams=arguments.beam, stop="enough")
        self.bfloat16 = arguments.precision == "bfloat16"

    def write_exactly(self, length: int) -> None:
        super().write_exactly(length)
        with torch.no_grad():
            self.model.head_bias_V[END] = NEVER

    def begin_translating(self) -> None:
        self.advance = self.model.packed_advance(logit_precision_for("bfloat16" if self.bfloat16 else "float32"))

    def step(self, batch: Batch) -> Tensor:
        wanted_BT = batch["target"][:, 1:]
        given_BT = batch["target"][:, :-1].clone()
        given_BT[:, 0] = self.model.bos_id
        there_BT = wanted_BT != PAD
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            r_NR = self.model.read(batch["source"], batch["lengths"], given_BT)[there_BT]
            loss = self.model.nats(r_NR, wanted_BT[there_BT])
        (loss / len(r_NR)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss.detach()

    @torch.inference_mode()
    def translate(self, source_BS: Tensor, lengths_B: Tensor) -> list[list[int]]:
        rows = len(lengths_B)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            state, memory = self.model.encode(source_BS, lengths_B)
            found = find(
                self.advance,
                state,
                memory,
                rows=rows,
                start=self.model.bos_id,
                end=END,
                limits_B=[self.length or int(1.5 * source_BS.shape[1])] * rows,
                search=self.search,
                banned=(UNKNOWN, PAD, BEGIN),
                lengths_B=lengths_B,
            )
        return [list(hypotheses[0].tokens) for hypotheses in found]


if __name__ == "__main__":
    parser = options(__doc__ or "")
    parser.add_argument("--feeding", action="store_true", help="input feeding, as in JoeyNMT")
    serve(parser.parse_args(), f"elman {elman.__version__}", ElmanPeer)
