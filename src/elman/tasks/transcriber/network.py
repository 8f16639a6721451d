"""`TranscriberNetwork`: recurrent layers over stacked frames, with logits of tokens and the blank; and an ensemble."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elman.data.strokes import stroke_scale
from elman.data.transcripts import frame_scale
from elman.data.transcripts.encoded import steps_after_stacking
from elman.decode.ctc import CtcLogits
from elman.errors import ConfigError
from elman.kernels import clear_padding
from elman.nn import StoredModule
from elman.nn.dropout import SequenceDropout, check_rate
from elman.nn.ensemble import Ensemble, mean_of
from elman.nn.feature_masks import spec_augment
from elman.nn.recurrent import make_stack
from elman.state import State
from elman.tasks.transcriber.config import TranscriberNetworkConfig

__all__ = ["TranscriberEnsemble", "TranscriberNetwork"]


class TranscriberNetwork(StoredModule):
    """Normalised frames, stacked and subsampled; recurrent layers; a linear output layer.

    A time step reads `stack_frames` frames, and time steps are `stride` frames apart; with the input projection of the
    first layer this is a convolution over time. A unidirectional network looks ahead `stack_frames - 1` frames.

    Args:
        features: number of features F of a frame.
        size: number of tokens V, including the blank.
        config: the sizes and dropout rates.

    Raises ConfigError for incompatible options.
    """

    mean_F: Tensor
    deviation_F: Tensor

    def __init__(self, features: int, size: int, config: TranscriberNetworkConfig) -> None:
        super().__init__()
        if config.stack_frames < config.stride:
            raise ConfigError(
                f"expected stack_frames of at least stride = {config.stride}, so that no frame is skipped. "
                f"Received: {config.stack_frames}"
            )
        self.config = config
        self._drop = SequenceDropout(config.variational)
        self.features = features
        check_rate("input_dropout", config.input_dropout)
        # Statistics of the training frames with normalise=global; set by `fit_normalizer`, and saved with the weights.
        self.register_buffer("mean_F", torch.zeros(features))
        self.register_buffer("deviation_F", torch.ones(features))
        self.stack = make_stack(config, features * config.stack_frames, bidirectional=config.bidirectional)
        self.head = nn.Linear(self.stack.output_size, size)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.head.weight.device

    def fit_normalizer(self, frames: Iterable[npt.NDArray[np.float32]], kind: str) -> None:
        """Set the input scale so that `frames` have mean 0 and deviation 1; pen strokes are not centred."""
        scale = stroke_scale(frames) if kind == "strokes" else frame_scale(frames)
        self.mean_F.copy_(torch.from_numpy(scale.mean_F))
        self.deviation_F.copy_(torch.from_numpy(scale.deviation_F))

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state."""
        return self.stack.initial_state(batch_size)

    def forward(self, x_BTF: Tensor, lengths_B: Tensor) -> CtcLogits:
        """Return the logits of every time step of whole recordings; `lengths_B` is the number of frames of each."""
        config = self.config
        x_BTF = clear_padding(self.scaled(x_BTF), lengths_B.to(x_BTF.device))
        if self.training and (config.time_masks or config.frequency_masks):
            x_BTF = spec_augment(
                x_BTF,
                lengths_B,
                torch.default_generator,
                time_masks=config.time_masks,
                time_width=config.time_width,
                frequency_masks=config.frequency_masks,
                frequency_width=config.frequency_width,
            )
        steps_B = torch.as_tensor(steps_after_stacking(lengths_B, config.stride))
        steps = -(-x_BTF.shape[1] // config.stride)
        missing = (steps - 1) * config.stride + config.stack_frames - x_BTF.shape[1]
        if steps and missing > 0:
            x_BTF = nn.functional.pad(x_BTF, (0, 0, 0, missing))
        x_BTI = self._drop(self.stacked(x_BTF), config.input_dropout)
        y_BTY, _ = self.stack(x_BTI, steps_B)
        return CtcLogits(self.head(self._drop(y_BTY, config.dropout)), steps_B)

    def advance(self, x_BTI: Tensor, state: State) -> tuple[Tensor, State]:
        """Return `logits_BTV` of further time steps, from inputs made by `stacked`, and the state after them.

        For unidirectional networks. The logits equal those of `forward`, however the input is divided into chunks.
        """
        y_BTY, state = self.stack(x_BTI, None, state)
        return self.head(y_BTY), state

    def scaled(self, x_BTF: Tensor) -> Tensor:
        """Return the normalised frames."""
        return (x_BTF - self.mean_F) / self.deviation_F

    def stacked(self, x_BTF: Tensor) -> Tensor:
        """Return the input of each complete time step, `B x steps x (stack_frames * F)`."""
        config = self.config
        if x_BTF.shape[1] < config.stack_frames:
            return x_BTF.new_zeros(x_BTF.shape[0], 0, config.stack_frames * self.features)
        windows_BTFN = x_BTF.unfold(1, config.stack_frames, config.stride)
        return windows_BTFN.transpose(2, 3).flatten(2)


class TranscriberEnsemble(Ensemble):
    """Transcribers with the mean of their log-probabilities at every time step, as logits.

    All members read frames on the scale of the first one, which is that of the training set.
    """

    def forward(self, x_BTF: Tensor, lengths_B: Tensor) -> CtcLogits:
        """Return the mean log-probabilities of every time step of whole recordings."""
        found: list[CtcLogits] = [member(x_BTF, lengths_B) for member in self.members]
        return CtcLogits(_mean([each.logits_BTV for each in found]), found[0].lengths_B)

    def advance(self, x_BTI: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the mean log-probabilities of further time steps, and the members' states after them."""
        members: Any = self.members
        found = [member.advance(x_BTI, each) for member, each in zip(members, state, strict=True)]
        return _mean([logits_BTV for logits_BTV, _ in found]), tuple(after for _, after in found)

    @property
    def config(self) -> TranscriberNetworkConfig:
        """The options of each member."""
        config: TranscriberNetworkConfig = self.first.config
        return config

    @property
    def features(self) -> int:
        """The number of features F of a frame."""
        features: int = self.first.features
        return features

    def scaled(self, x_BTF: Tensor) -> Tensor:
        """Return the normalised frames."""
        scaled_BTF: Tensor = self.first.scaled(x_BTF)
        return scaled_BTF

    def stacked(self, x_BTF: Tensor) -> Tensor:
        """Return the input of each complete time step."""
        stacked_BTI: Tensor = self.first.stacked(x_BTF)
        return stacked_BTI


def _mean(logits: list[Tensor]) -> Tensor:
    return mean_of([torch.log_softmax(each.float(), dim=-1) for each in logits])
