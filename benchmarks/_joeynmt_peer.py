"""JoeyNMT's recurrent translator, with its model, loss and search. Run it with the Python that has joeynmt.

A training step is JoeyNMT's loss under its autocast, normalised by tokens, then backward and Adam. The bookkeeping of
its trainer (counts converted to Python at each step, TensorBoard, data loader) is left out, and Adam is torch's fused
implementation unless `--optimizer own` selects the one that JoeyNMT builds. Both make it faster than JoeyNMT itself. It
has input feeding, its default. Sentences in a batch have similar lengths, unlike in JoeyNMT's own batches. Commands and
answers are those of _translator_peer.py.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
from types import SimpleNamespace
from typing import Any

import torch
from _translation_data import BEGIN, END, PAD, SPECIALS, UNKNOWN, Corpus
from _translator_peer import Batch, Peer, options, serve
from torch import Tensor


def network(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the model section of a JoeyNMT configuration."""
    embeddings = {"embedding_dim": arguments.embedding, "dropout": arguments.dropout}
    shared = {"type": "recurrent", "rnn_type": "gru", "num_layers": 1, "dropout": arguments.dropout}
    encoder = {**shared, "hidden_size": arguments.hidden // 2, "bidirectional": True, "embeddings": embeddings}
    decoder = {
        **shared,
        "hidden_size": arguments.hidden,
        "hidden_dropout": arguments.dropout,
        "attention": arguments.attention,
        "input_feeding": True,
        "init_hidden": "bridge",
        "embeddings": embeddings,
    }
    return {"encoder": encoder, "decoder": decoder}


class JoeyPeer(Peer):
    """JoeyNMT's recurrent model."""

    def __init__(self, arguments: argparse.Namespace, corpus: Corpus) -> None:
        from joeynmt.model import build_model
        from joeynmt.vocabulary import Vocabulary

        logging.disable(logging.INFO)
        special = dict(zip(("unk_token", "pad_token", "bos_token", "eos_token"), SPECIALS, strict=True))
        numbers = {"unk_id": UNKNOWN, "pad_id": PAD, "bos_id": BEGIN, "eos_id": END, "sep_id": None}
        words = [f"piece{number}" for number in range(len(SPECIALS), corpus.vocabulary)]
        vocabulary = Vocabulary(words, SimpleNamespace(**special, **numbers, sep_token=None, lang_tags=[]))
        self.model = build_model(network(arguments), vocabulary, vocabulary)
        self.model.loss_function = ("crossentropy", 0.0)
        self.optimizer = self._optimizer(arguments.optimizer)
        self.beam = arguments.beam
        enabled = arguments.precision == "bfloat16"
        self.autocast = {"device_type": "cpu", "dtype": torch.bfloat16, "enabled": enabled}

    def _optimizer(self, kind: str) -> torch.optim.Optimizer:
        from joeynmt.builders import build_optimizer

        if kind == "own":
            return build_optimizer({"optimizer": "adam", "learning_rate": 1e-3}, self.model.parameters())
        return torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=True)

    @staticmethod
    def _batch(source_BS: Tensor, lengths_B: Tensor, target_BT: Tensor | None) -> Any:
        from joeynmt.batch import Batch as JoeyBatch

        return JoeyBatch(
            src=source_BS,
            src_length=lengths_B,
            src_prompt_mask=None,
            trg=target_BT,
            trg_prompt_mask=None,
            indices=torch.arange(len(lengths_B)),
            device=torch.device("cpu"),
            pad_index=PAD,
            eos_index=END,
            is_train=target_BT is not None,
        )

    def step(self, batch: Batch) -> Tensor:
        joey = self._batch(batch["source"], batch["lengths"], batch["target"])
        with torch.autocast(**self.autocast):
            loss, *_ = self.model(return_type="loss", **vars(joey))
        joey.normalize(loss, "tokens").backward()
        self.optimizer.step()
        self.model.zero_grad()
        return loss.detach()

    def translate(self, source_BS: Tensor, lengths_B: Tensor) -> list[list[int]]:
        from joeynmt.search import search

        joey = self._batch(source_BS, lengths_B, None)
        # -1: at most 1.5 times as long as the longest source; alpha is its length penalty.
        longest, limits = -1, {}
        if self.length:
            longest, limits = self.length + 1, {"min_output_length": self.length}
        rows, _, _ = search(self.model, joey, longest, self.beam, 1.0, autocast=self.autocast, **limits)
        # With a fixed length, the token after it is the end; it is dropped.
        kept = [row[: self.length or None] for row in rows.tolist()]
        return [[token for token in row if token not in (PAD, BEGIN, END)] for row in kept]


if __name__ == "__main__":
    parser = options(__doc__ or "")
    parser.add_argument("--optimizer", choices=("fused", "own"), default="fused")
    serve(parser.parse_args(), f"joeynmt {importlib.metadata.version('joeynmt')}", JoeyPeer)
