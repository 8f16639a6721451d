"""StoredModule: a network whose tensors a model's folder keeps. Knows nothing about files."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["StoredModule"]


class StoredModule(nn.Module):
    """A module that tells which tensors are to be stored, and takes them back."""

    def count_parameters(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.numel() for parameter in self.parameters())

    def expected_shapes(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of every tensor that the model's file must hold."""
        return {name: tuple(tensor.shape) for name, tensor in self.stored().items()}

    def stored(self) -> dict[str, Tensor]:
        """The tensors to store: the state_dict, tied ones once."""
        seen: set[int] = set()
        tensors: dict[str, Tensor] = {}
        for name, tensor in self.state_dict(keep_vars=True).items():
            if id(tensor) not in seen:
                seen.add(id(tensor))
                tensors[name] = tensor.detach()
        return tensors

    def load_stored(self, tensors: dict[str, Tensor]) -> None:
        """Take the weights from `stored()` of another network of the same configuration."""
        own = self.stored()
        with torch.no_grad():
            for name, tensor in tensors.items():
                own[name].copy_(tensor)
