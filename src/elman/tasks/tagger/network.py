"""`TaggerNetwork`: recurrent layers over words and characters, or frames, with logits of tags; and an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.moments import mean_and_deviation
from elman.data.tagged.encoded import WordInputs
from elman.data.tagged.vocabulary import UNKNOWN_ID, TaggerVocabulary
from elman.decode.ensembles import log_mean_probabilities
from elman.errors import ConfigError
from elman.nn import Pool, StoredModule
from elman.nn.characters import CharacterEncoder
from elman.nn.crf import CRF, mean_crf
from elman.nn.dropout import SequenceDropout, check_rate
from elman.nn.embed import Embedding
from elman.nn.ensemble import Ensemble, mean_of
from elman.nn.recurrent import make_stack
from elman.nn.tags import TagLogits, tag_crf
from elman.state import map_leaves
from elman.tasks.tagger.config import TaggerNetworkConfig

__all__ = ["TaggerEnsemble", "TaggerNetwork"]


class TaggerNetwork(StoredModule):
    """Word and character embeddings, or frames; a stack of recurrent layers; a linear output layer, optionally a CRF.

    Args:
        vocabulary: the words, characters and tags.
        config: the sizes and dropout rates.
        counts_V: number of occurrences of each word in the training set, for word dropout in training.
    """

    counts_V: Tensor
    mean_I: Tensor
    scale_I: Tensor

    def __init__(
        self, vocabulary: TaggerVocabulary, config: TaggerNetworkConfig, counts_V: Tensor | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self._drop = SequenceDropout(config.variational)
        check_rate("input_dropout", config.input_dropout)
        words = len(vocabulary.words) + 1
        self.register_buffer("counts_V", torch.zeros(words) if counts_V is None else counts_V, persistent=False)
        self.embed: Embedding | None = None
        # The attribute names weights in model files, so it keeps its first name.
        self.letters: CharacterEncoder | None = None
        size = vocabulary.features
        if size:
            # Statistics of the training frames; set by `standardise`, and saved with the weights.
            self.register_buffer("mean_I", torch.zeros(size))
            self.register_buffer("scale_I", torch.ones(size))
        else:
            if config.embedding:
                self.embed = Embedding(words, config.embedding)
                size += config.embedding
            if config.char_embedding:
                self.letters = CharacterEncoder(
                    len(vocabulary.characters) + 1,
                    embedding=config.char_embedding,
                    hidden_size=config.char_hidden,
                    cell=config.cell,
                    **config.cell_options,
                )
                size += self.letters.output_size
            if not size:
                raise ConfigError(
                    "expected embedding or char_embedding above 0. Received: embedding = char_embedding = 0"
                )
        self.stack = make_stack(config, size, bidirectional=config.bidirectional)
        self.head = nn.Linear(self.stack.output_size, len(vocabulary.tags))
        self.crf: CRF | None = None
        if config.head == "crf":
            self.crf = tag_crf(vocabulary.tags, vocabulary.scheme if config.constrained else None)
        self.intent_pool: Pool | None = None
        if config.intent:
            directions = 2 if config.bidirectional else 1
            self.intent_pool = Pool(config.intent_pool, self.stack.output_size, directions=directions)
            self.intent_head = nn.Linear(self.intent_pool.output_size, len(vocabulary.intents))

    def forward(self, inputs: WordInputs | Tensor, lengths_B: Tensor) -> TagLogits:
        """Return logits of the tags and of the sentence label. `inputs`: `WordInputs`, or frames `x_BTI`."""
        device = self.head.weight.device
        inputs = map_leaves(lambda leaf: leaf.to(device), inputs)
        x_BTI = (inputs - self.mean_I) / self.scale_I if isinstance(inputs, Tensor) else self._read(inputs)
        y_BTY, _ = self.stack(self._drop(x_BTI, self.config.input_dropout), lengths_B)
        y_BTY = self._drop(y_BTY, self.config.dropout)
        intents_BC = None if self.intent_pool is None else self.intent_head(self.intent_pool(y_BTY, lengths_B))
        return TagLogits(self.head(y_BTY), intents_BC)

    def standardise(self, frames: Sequence[npt.NDArray[np.float32]]) -> None:
        """Set the input scale so that the features of `frames` have mean 0 and deviation 1; constant ones become 0."""
        mean_I, deviation_I = mean_and_deviation(list(frames))
        self.mean_I.copy_(torch.from_numpy(mean_I))
        self.scale_I.copy_(torch.from_numpy(deviation_I))

    def _read(self, inputs: WordInputs) -> Tensor:
        """Concatenate the word embedding and the character-level embedding of each word."""
        parts = []
        if self.embed is not None:
            parts.append(self.embed(self._forget(inputs.words_BT)))
        if self.letters is not None:
            known_NF = self.letters(inputs.characters_NT, inputs.lengths_N)
            parts.append(F.embedding(inputs.distinct_BT, known_NF))
        return torch.cat(parts, dim=-1)

    def _forget(self, words_BT: Tensor) -> Tensor:
        """Apply word dropout, with higher rates for rarer words (Kiperwasser & Goldberg 2016)."""
        rate = self.config.word_dropout
        if not self.training or not rate:
            return words_BT
        forgotten_BT = torch.rand(words_BT.shape, device=words_BT.device) < rate / (rate + self.counts_V[words_BT])
        return words_BT.masked_fill(forgotten_BT, UNKNOWN_ID)


class TaggerEnsemble(Ensemble):
    """Taggers with the mean of their probabilities of tags, and of sentence labels.

    With a CRF, the mean is that of the scores of every path: of emissions, transitions, and starts and stops. It is the
    CRF whose probability of a path is proportional to the geometric mean of the members' probabilities.
    """

    def forward(self, inputs: WordInputs | Tensor, lengths_B: Tensor) -> TagLogits:
        """Return the logarithms of the mean probabilities, or with a CRF the mean emissions."""
        found: list[TagLogits] = [member(inputs, lengths_B) for member in self.members]
        emissions = [each.logits_BTV for each in found]
        intents = [each.intents_BC for each in found if each.intents_BC is not None]
        return TagLogits(
            log_mean_probabilities(emissions) if self.first.crf is None else mean_of(emissions),
            log_mean_probabilities(intents) if intents else None,
        )

    @property
    def crf(self) -> CRF | None:
        """The CRF with the mean scores of the members' transitions, starts and stops; None without a CRF."""
        if self.first.crf is None:
            return None
        members: Any = self.members
        return mean_crf([member.crf for member in members])

    @property
    def config(self) -> TaggerNetworkConfig:
        """The options of each member."""
        config: TaggerNetworkConfig = self.first.config
        return config
