"""`ClassifierNetwork`: recurrent layers over tokens or series, pooling, and a linear layer; and an ensemble of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elman.data.examples.word_characters import TextInputs
from elman.data.vocabulary import UNKNOWN_ID
from elman.decode.ensembles import log_mean_probabilities
from elman.nn import Pool, StoredModule, embed_tokens, sequence_dropout
from elman.nn.bag import NgramBag
from elman.nn.dropout import SequenceDropout, check_rate
from elman.nn.ensemble import Ensemble, mean_of
from elman.nn.input_convolution import InputConvolution
from elman.nn.recurrent import make_stack
from elman.nn.series_augmentation import SeriesAugmentation
from elman.tasks.classifier.config import ClassifierNetworkConfig
from elman.tasks.classifier.linear_series import NETWORK_SHARE, SeriesLinear

__all__ = ["ClassifierEnsemble", "ClassifierNetwork"]

# Rare words keep their initial embedding, which must be small. In small vocabularies no token is rare.
_EMBEDDING_DEVIATION, _FEW_TOKENS, _DEVIATION_OF_FEW = 0.05, 1000, 0.5


class ClassifierNetwork(StoredModule):
    """Embedding or series, a stack of recurrent layers, pooling over time, and a linear layer.

    Args:
        config: the sizes and dropout rates.
        outputs: number of classes C; 1 for a regression.
        tokens: vocabulary size V for texts; 0 for series.
        channels: input features I of series; 0 for texts.
        grams: number of n-grams in the bag; 0 for no bag.

    Raises ConfigError for invalid options.
    """

    def __init__(
        self, config: ClassifierNetworkConfig, *, outputs: int, tokens: int = 0, channels: int = 0, grams: int = 0
    ) -> None:
        super().__init__()
        self.input_dropout = check_rate("input_dropout", config.input_dropout)
        self.word_dropout = check_rate("word_dropout", config.word_dropout)
        self.embedding_dropout = check_rate("embedding_dropout", config.embedding_dropout)
        self.output_dropout = check_rate("output_dropout", config.output_dropout)
        self.augment = SeriesAugmentation.of(config)
        self._drop = SequenceDropout(config.variational)
        features = channels
        if tokens:
            self.embed, features = embed_tokens(tokens, config.embedding)
            if config.embedding:
                deviation = _DEVIATION_OF_FEW if tokens <= _FEW_TOKENS else _EMBEDDING_DEVIATION
                nn.init.normal_(self.embed.get_parameter("weight"), std=deviation)
        self.convolution = None
        if channels and config.input_kernel:
            self.convolution = InputConvolution(
                channels, config.hidden_size, config.input_kernel, stride=config.stride, causal=not config.bidirectional
            )
            features = self.convolution.output_size
        self.stack = make_stack(config, features, bidirectional=config.bidirectional)
        self.pool = Pool(config.pool, self.stack.output_size, directions=2 if config.bidirectional else 1)
        self.head = nn.Linear(self.pool.output_size, outputs)
        self.bag = NgramBag(grams, outputs, config.bag, fixed=config.bag_leave_one_out) if grams else None
        self.linear = SeriesLinear(config.linear, channels, outputs) if channels and config.linear != "none" else None
        self.reads_tokens = tokens > 0

    def forward(self, inputs: Tensor | TextInputs, lengths_B: Tensor | None, own_B: Tensor | None = None) -> Tensor:
        """Return `logits_BC` from int64 `tokens_BT`, `TextInputs` or float `x_BTI`.

        `own_B` has the classes of training texts, for a bag that leaves out the text itself.
        """
        tokens_BT = inputs if isinstance(inputs, Tensor) else inputs.tokens_BT
        if not self.reads_tokens:
            inputs = tokens_BT
            if self.training:
                inputs, lengths_B = self.augment(inputs, lengths_B)
                return self.from_features(self._drop(inputs, self.input_dropout), lengths_B)
            logits_BC = self.from_features(inputs, lengths_B)
            if self.linear is None:
                return logits_BC
            share = NETWORK_SHARE if self.head.out_features > 1 else 1.0
            return share * logits_BC + self.linear(inputs, lengths_B)
        if self.training and self.word_dropout:
            unread_BT = torch.rand(tokens_BT.shape, device=tokens_BT.device) < self.word_dropout
            tokens_BT = tokens_BT.masked_fill(unread_BT, UNKNOWN_ID)
        if self.training and (self.input_dropout or self.embedding_dropout):
            x_BTE = sequence_dropout(self.embed(tokens_BT), self.embedding_dropout, variational=True, training=True)
            logits_BC = self.from_features(self._drop(x_BTE, self.input_dropout), lengths_B)
        else:
            y_BTY, _ = self.stack(self.embed.lookup(tokens_BT), lengths_B)
            logits_BC = self._classify(y_BTY, lengths_B)
        return logits_BC if self.bag is None else logits_BC + self.bag(inputs, lengths_B, own_B)

    def features(self, inputs: Tensor | TextInputs) -> Tensor:
        """Return the input `x_BTI` of the first layer: embedded tokens, or the series."""
        tokens_BT = inputs if isinstance(inputs, Tensor) else inputs.tokens_BT
        return self.embed(tokens_BT) if self.reads_tokens else tokens_BT

    def from_features(self, x_BTI: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Return `logits_BC` from the input of the first layer, without the bag of n-grams and linear models."""
        if self.convolution is not None:
            x_BTI, lengths_B = self.convolution(x_BTI, lengths_B)
        y_BTY, _ = self.stack(x_BTI, lengths_B)
        return self._classify(y_BTY, lengths_B)

    def _classify(self, y_BTY: Tensor, lengths_B: Tensor | None) -> Tensor:
        pooled_BF = self.pool(y_BTY, lengths_B)
        return self.head(nn.functional.dropout(pooled_BF, self.output_dropout, self.training))


class ClassifierEnsemble(Ensemble):
    """Classifiers with the mean of their probabilities, or with the mean of their numbers for a regression."""

    def __init__(self, members: Sequence[StoredModule], *, regression: bool) -> None:
        super().__init__(members)
        self.regression = regression

    def forward(self, inputs: Tensor | TextInputs, lengths_B: Tensor | None) -> Tensor:
        """Return `logits_BC`, the logarithms of the mean probabilities, or the mean of the numbers."""
        outputs = [member(inputs, lengths_B) for member in self.members]
        return mean_of(outputs) if self.regression else log_mean_probabilities(outputs)
