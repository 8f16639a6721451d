"""PretrainedImageEncoder: a frozen torchvision image classifier without its last layer.

torchvision is imported on first use.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, DataError, ShapeError

__all__ = ["PretrainedImageEncoder"]

# Names of the classification layers in torchvision's models; the first one that a model has is removed.
_HEADS = ("fc", "classifier", "heads", "head")
# Mean and standard deviation of each channel (ImageNet) with which these models are trained.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PretrainedImageEncoder(nn.Module):
    """Frozen torchvision model without its classification layer.

    Args:
        name: name of the function in `torchvision.models` that builds the model, such as resnet18.
        height, width: size of the images.

    The initial weights are random; `read_weights` loads them from a file. Raises ConfigError if torchvision is not
    installed or has no such model, or if the model has no known classification layer.
    """

    mean_C: Tensor
    deviation_C: Tensor

    def __init__(self, name: str, height: int, width: int) -> None:
        super().__init__()
        self.name = name
        self.body = _without_head(name)
        self.body.requires_grad_(False)
        self.body.eval()
        self.register_buffer("mean_C", torch.tensor(_MEAN), persistent=False)
        self.register_buffer("deviation_C", torch.tensor(_DEVIATION), persistent=False)
        with torch.no_grad():
            features = self.body(torch.zeros(1, 3, height, width))
        if not isinstance(features, Tensor) or features.dim() != 2:
            raise ConfigError(f"expected a torchvision model with one feature vector per image. Received: {name}")
        self.output_size = int(features.shape[1])

    def train(self, mode: bool = True) -> PretrainedImageEncoder:
        """Set the mode of the module, but keep the torchvision model in evaluation mode."""
        super().train(mode)
        self.body.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features `v_BF` of images with values from 0 to 1.

        Raises ShapeError for images that do not have 3 channels.
        """
        if pixels.dim() != 4 or pixels.shape[-1] != 3:
            raise ShapeError(f"expected pixels of images with 3 channels. Received: {tuple(pixels.shape)}")
        with torch.no_grad():
            return self.body(((pixels - self.mean_C) / self.deviation_C).permute(0, 3, 1, 2))

    def read_weights(self, path: str | os.PathLike[str]) -> None:
        """Load the weights from a .safetensors file of the model's `state_dict`, without its classification layer.

        Raises DataError for a file that cannot be read, lacks a tensor, or has a tensor of another shape.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            found = load_file(path)
        except (OSError, SafetensorError) as error:
            raise DataError(f"expected weights in a .safetensors file. Received: {path}: {error}") from error
        for name, own in self.body.state_dict().items():
            # A counter that only training uses; many files lack it.
            if name.endswith("num_batches_tracked") and name not in found:
                continue
            if name not in found or found[name].shape != own.shape:
                received = f"one of {tuple(found[name].shape)}" if name in found else "none"
                raise DataError(f"{path}: expected a tensor {name} of shape {tuple(own.shape)}. Received: {received}")
            with torch.no_grad():
                own.copy_(found[name])


def _without_head(name: str) -> nn.Module:
    try:
        models: Any = importlib.import_module("torchvision.models")
    except ImportError as error:
        raise ConfigError(
            f"expected torchvision for the image encoder torchvision:{name}: install it, or compute the features "
            f"beforehand. Received: {error}"
        ) from error
    make = getattr(models, name, None) if name.isidentifier() and name == name.lower() else None
    if not callable(make):
        raise ConfigError(f"expected the name of a model in torchvision.models. Received: {name!r}")
    try:
        body = make(weights=None)
    except TypeError as error:
        raise ConfigError(f"expected the name of a model in torchvision.models. Received: {name!r}") from error
    head = next((head for head in _HEADS if isinstance(getattr(body, head, None), nn.Module)), None)
    if head is None:
        raise ConfigError(f"expected a model with a last layer named {', '.join(_HEADS)}. Received: {name}")
    setattr(body, head, nn.Identity())
    return body
