"""`TranslatorNetwork`: a recurrent encoder-decoder; and an ensemble of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.nn.decoder import Bridge, Decoder, DecoderMemory, DecoderState, check_copied, copied_state
from elman.nn.dropout import SequenceDropout
from elman.nn.embed import Embedding
from elman.nn.recurrent import make_stack
from elman.nn.token_decoder import TokenDecoderNetwork
from elman.nn.token_ensemble import TokenEnsemble
from elman.state import leaves
from elman.tasks.translator.config import TranslatorNetworkConfig

__all__ = ["TranslatorEnsemble", "TranslatorNetwork"]


class TranslatorNetwork(TokenDecoderNetwork):
    """Source and target embeddings, an encoder, a decoder, and a linear output layer.

    The decoder's first input is the start token `bos_id`, with id `target_size`, which is never generated.

    Args:
        source_size, target_size: vocabulary sizes V of source and target.
        config: sizes, attention and dropout rates.

    Raises ConfigError for incompatible options.
    """

    def __init__(self, source_size: int, target_size: int, config: TranslatorNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self._drop = SequenceDropout(config.variational)
        self.label_smoothing = config.label_smoothing
        self.source_embed = Embedding(source_size, config.embedding)
        self.target_embed = Embedding(target_size + 1, config.embedding)
        for embed in (self.source_embed, self.target_embed):
            nn.init.normal_(embed.weight, std=config.embedding**-0.5)
        if config.tied == "all":
            if source_size != target_size:
                raise ConfigError(
                    f"expected one vocabulary for both sides (shared) with tied=all. Received: {source_size} and "
                    f"{target_size} tokens"
                )
            # The extra row for `bos_id` is unused by sources.
            self.source_embed.weight = self.target_embed.weight
        self.encoder = make_stack(_encoder_options(config), config.embedding, bidirectional=config.bidirectional)
        state_size = sum(leaf.shape[1] for leaf in leaves(self.encoder.initial_state(1)))
        self.decoder = Decoder(
            lambda size, layers: make_stack(dataclasses.replace(config, layers=layers), size),
            config.embedding,
            layers=config.layers,
            attention=config.attention,
            score_function=config.attention_score,
            memory_size=self.encoder.output_size,
            vector_size=state_size * config.context_every_step,
            answer_size=config.hidden_size if config.tied == "none" else config.embedding,
            feeding=config.input_feeding,
            dropout=config.dropout,
            variational=config.variational,
            output_layer=config.output_layer,
        )
        self.start: Bridge | None = None
        if config.bridge == "dense":
            self.start = Bridge(state_size, self.decoder)
        elif config.bridge == "copy":
            check_copied(self.encoder.initial_state(1), self.decoder)
        self.head_bias_V = nn.Parameter(torch.zeros(target_size))
        self.head = None
        if config.tied == "none":
            self.head = nn.Linear(config.hidden_size, target_size, bias=False)

    def encode(self, sources_BS: Tensor, lengths_B: Tensor) -> tuple[DecoderState, DecoderMemory]:
        """Return the decoder's initial state, and its memory."""
        x_BSE = self._drop(self.source_embed(sources_BS), self.config.input_dropout)
        y_BSF, last = self.encoder(x_BSE, lengths_B)
        y_BSF = self._drop(y_BSF, self.config.dropout)
        summary_BF = torch.cat(leaves(last), dim=-1)
        memory = self.decoder.prepare_memory(y_BSF, lengths_B, summary_BF if self.config.context_every_step else None)
        if self.start is not None:
            return self.start(summary_BF, self.decoder), memory
        if self.config.bridge == "copy":
            return copied_state(last, self.decoder, sources_BS.shape[0]), memory
        return self.decoder.initial_state(sources_BS.shape[0]), memory

    def forward(self, sources_BS: Tensor, source_lengths_B: Tensor, targets_BT: Tensor) -> Tensor:
        """Return `logits_BTV` of every next target token; `targets_BT` starts with `bos_id`."""
        return self.logits(self.read(sources_BS, source_lengths_B, targets_BT))

    def read(self, sources_BS: Tensor, source_lengths_B: Tensor, targets_BT: Tensor) -> Tensor:
        """Return the decoder outputs `r_BTY`, which `logits` turns into logits."""
        state, memory = self.encode(sources_BS, source_lengths_B)
        return self.decoder(self._embed(targets_BT), state, memory).r_BTY

    def read_sampled(self, sources_BS: Tensor, source_lengths_B: Tensor, targets_BT: Tensor, rate: float) -> Tensor:
        """Like `read`, but with probability `rate` an input after the first is the decoder's most likely token."""
        return self.sampled(targets_BT, *self.encode(sources_BS, source_lengths_B), rate, self._embed)

    @property
    def target_embedding(self) -> Embedding:
        """The target embedding."""
        return self.target_embed

    def _embed(self, targets_BT: Tensor) -> Tensor:
        return self._drop(self.target_embed(targets_BT), self.config.input_dropout)


class TranslatorEnsemble(TokenEnsemble):
    """Encoder-decoders with the mean of their probabilities of every next target token."""

    def read(self, sources_BS: Tensor, source_lengths_B: Tensor, targets_BT: Tensor) -> Tensor:
        """Return the joined decoder outputs `r_BTY`, which `logits` turns into logits."""
        members: Any = self.members
        return self.joined([member.read(sources_BS, source_lengths_B, targets_BT) for member in members])

    @property
    def config(self) -> TranslatorNetworkConfig:
        """The options of each member."""
        config: TranslatorNetworkConfig = self.first.config
        return config


def _encoder_options(config: TranslatorNetworkConfig) -> TranslatorNetworkConfig:
    """Return the options of the encoder layers."""
    hidden_size = config.encoder_hidden_size or (
        max(1, config.hidden_size // 2) if config.bidirectional else config.hidden_size
    )
    other = bool(config.encoder_cell) and config.encoder_cell != config.cell
    return dataclasses.replace(
        config,
        cell=config.encoder_cell or config.cell,
        cell_options=config.encoder_cell_options if other or config.encoder_cell_options else config.cell_options,
        layers=config.encoder_layers or config.layers,
        hidden_size=hidden_size,
    )
