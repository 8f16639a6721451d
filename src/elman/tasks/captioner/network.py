"""`CaptionerNetwork`: encodes an item as a vector and a feature map, from which a decoder generates the caption."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor, nn

from elman.data.captioned.vocabulary import ItemSpec
from elman.data.moments import mean_and_deviation
from elman.errors import ConfigError
from elman.nn.decoder import Bridge, Decoder, DecoderMemory, DecoderState
from elman.nn.dropout import SequenceDropout, check_rate
from elman.nn.embed import Embedding
from elman.nn.images import ImageEncoder
from elman.nn.pretrained_images import PretrainedImageEncoder
from elman.nn.recurrent import make_stack
from elman.nn.token_decoder import TokenDecoderNetwork
from elman.nn.token_ensemble import TokenEnsemble
from elman.tasks.captioner.config import CaptionerNetworkConfig

__all__ = ["TORCHVISION", "CaptionerEnsemble", "CaptionerNetwork"]

TORCHVISION = "torchvision:"
# Number of values per chunk when mean and deviation are computed.
_PART = 1 << 22


class CaptionerNetwork(TokenDecoderNetwork):
    """Convolutions for images, a projection to a vector, and a recurrent decoder, with optional attention.

    The vector initialises the decoder, or is an input of every step, or both; or it is the first input, before the
    caption (Vinyals et al. 2015). With attention, the memory is the feature map plus a learnt position embedding (Xu et
    al. 2015). The start token `bos_id` has id `tokens` and is never generated.

    Args:
        item: kind and shape of the items.
        tokens: vocabulary size V.
        config: sizes, attention and dropout rates.

    Raises ConfigError for incompatible options.
    """

    mean_C: Tensor
    deviation_C: Tensor

    def __init__(self, item: ItemSpec, tokens: int, config: CaptionerNetworkConfig) -> None:
        super().__init__()
        _check(item, config)
        self.config = config
        self._drop = SequenceDropout(config.variational)
        self.item = item
        self.label_smoothing = config.label_smoothing
        # Statistics of the training data; set by `standardise`, and saved with the weights.
        self.register_buffer("mean_C", torch.zeros(item.shape[-1]))
        self.register_buffer("deviation_C", torch.ones(item.shape[-1]))
        self.images: ImageEncoder | None = None
        self.pretrained: PretrainedImageEncoder | None = None
        shape = item.shape
        if config.image_encoder:
            self.pretrained = PretrainedImageEncoder(config.image_encoder.removeprefix(TORCHVISION), *shape[:2])
            shape = (self.pretrained.output_size,)
        elif item.kind == "images":
            self.images = ImageEncoder(shape[2], config.channels)
            shape = (*self.images.map_size(*shape[:2]), self.images.output_size)
        # Spatial shape of the map; () for a vector.
        self.places = shape[:-1]
        self.to_vector: nn.Linear | None = None
        size = math.prod(shape)
        self._first = config.vector == "first"
        vector_size = config.embedding if self._first else config.vector_size
        if vector_size:
            self.to_vector = nn.Linear(size, vector_size)
            size = vector_size
        attends = config.attention != "none"
        if attends:
            self.place_SF = nn.Parameter(torch.randn(math.prod(self.places), shape[-1]) * 0.1)
        self.embed = Embedding(tokens + 1, config.embedding)
        nn.init.normal_(self.embed.weight, std=config.embedding**-0.5)
        self.decoder = Decoder(
            lambda inputs, layers: make_stack(dataclasses.replace(config, layers=layers), inputs),
            config.embedding,
            layers=config.layers,
            attention=config.attention,
            score_function=config.attention_score,
            memory_size=shape[-1] * attends,
            vector_size=size * (config.vector in ("steps", "both")),
            answer_size=config.embedding if config.tied else config.hidden_size,
            feeding=config.input_feeding,
            dropout=config.dropout,
            variational=config.variational,
            output_layer=config.output_layer,
        )
        self.start = Bridge(size, self.decoder) if config.vector in ("start", "both") else None
        self.head_bias_V = nn.Parameter(torch.zeros(tokens))
        self.head = None if config.tied else nn.Linear(config.hidden_size, tokens, bias=False)

    def encode(self, items: Tensor) -> tuple[DecoderState, DecoderMemory]:
        """Return the decoder's initial state and memory for a batch of items, unscaled as in the data."""
        rows, rate = items.shape[0], self.config.vector_dropout
        seen_BSF = self._see(items).flatten(1, -2)
        vector_BF = seen_BSF.flatten(1)
        if self.to_vector is not None:
            vector_BF = self.to_vector(vector_BF)
            vector_BF = vector_BF if self._first else torch.relu(vector_BF)
        vector_BF = self._drop(vector_BF[:, None], rate)[:, 0]
        entering_BF = vector_BF if self.decoder.vector_size else vector_BF[:, :0]
        if self.config.attention == "none":
            memory = self.decoder.prepare_memory(vector_BF=entering_BF)
        else:
            values_BSF = self._drop(seen_BSF + self.place_SF, rate)
            lengths_B = torch.full((rows,), values_BSF.shape[1], device=items.device)
            memory = self.decoder.prepare_memory(values_BSF, lengths_B, entering_BF)
        if self._first:
            return self.decoder.step(vector_BF[:, None], self.decoder.initial_state(rows), memory).state, memory
        if self.start is None:
            return self.decoder.initial_state(rows), memory
        return self.start(vector_BF, self.decoder), memory

    def forward(self, items: Tensor, tokens_BT: Tensor) -> Tensor:
        """Return the decoder outputs `r_BTY`, which `logits` turns into logits; `tokens_BT` start with `bos_id`."""
        state, memory = self.encode(items)
        x_BTE = self._drop(self.embed(tokens_BT), self.config.input_dropout)
        return self.decoder(x_BTE, state, memory).r_BTY

    @property
    def target_embedding(self) -> Embedding:
        """The token embedding."""
        return self.embed

    def standardise(self, items: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
        """Set the input scale so that the features of `items` have mean 0 and deviation 1; constant ones become 0."""
        values = items.reshape(-1, items.shape[-1])
        part = max(1, _PART // values.shape[1])
        parts = [values[start : start + part] for start in range(0, len(values), part)]
        mean_C, deviation_C = mean_and_deviation(parts, unit=255.0 if self.item.whole else 1.0)
        self.mean_C.copy_(torch.from_numpy(mean_C))
        self.deviation_C.copy_(torch.from_numpy(deviation_C))

    def _see(self, items: Tensor) -> Tensor:
        """Return the feature map, batch x places x features; a vector has one place."""
        x = items.float() / 255.0 if self.item.whole else items.to(self.mean_C.dtype)
        if self.pretrained is not None:
            return self.pretrained(x)[:, None]
        x = (x - self.mean_C) / self.deviation_C
        if self.images is not None:
            return self.images(x)
        return x[:, None] if self.item.kind == "vectors" else x


class CaptionerEnsemble(TokenEnsemble):
    """Captioners with the mean of their probabilities of every next token."""

    def forward(self, items: Tensor, tokens_BT: Tensor) -> Tensor:
        """Return the joined decoder outputs `r_BTY`, which `logits` turns into logits."""
        return self.joined([member(items, tokens_BT) for member in self.members])

    @property
    def places(self) -> tuple[int, ...]:
        """Spatial shape of the feature map; () for a vector."""
        places: tuple[int, ...] = self.first.places
        return places

    @property
    def images(self) -> ImageEncoder | None:
        """The convolutions of the first member; those of the others have the same shape."""
        images: ImageEncoder | None = self.first.images
        return images


def _check(item: ItemSpec, config: CaptionerNetworkConfig) -> None:
    """Raise ConfigError for options that are incompatible with the items or with each other."""
    for name in ("dropout", "input_dropout", "vector_dropout"):
        check_rate(name, getattr(config, name))
    encoder = config.image_encoder
    if encoder and not encoder.startswith(TORCHVISION):
        raise ConfigError(f"expected image_encoder torchvision:NAME, or none. Received: {encoder!r}")
    if encoder and item.kind != "images":
        raise ConfigError(f"expected images for image_encoder={encoder}. Received: {item.describe()}")
    if config.image_weights and not encoder:
        raise ConfigError(f"expected image_encoder with image_weights. Received: {config.image_weights!r} alone")
    if config.attention != "none" and (item.kind == "vectors" or encoder):
        what = f"image_encoder={encoder}" if encoder else item.describe()
        raise ConfigError(
            f"expected images without image_encoder or maps for attention={config.attention}. "
            f"Received: {what}, which has no map"
        )
    if not config.vector_size and config.vector != "first" and item.kind != "vectors" and not encoder:
        raise ConfigError(f"expected vector_size of at least 1 for {item.describe()}. Received: 0")
