"""StoredModule: a network whose tensors are saved in a model's folder. Does not read or write files."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

__all__ = ["StoredModule"]


class StoredModule(nn.Module):
    """Module that returns the tensors to save, and loads them."""

    @cached_property
    def size_at_first(self) -> int:
        """Number of elements of all parameters when this was first read."""
        return self.count_parameters()

    def count_parameters(self) -> int:
        """Return the number of elements of all parameters, frozen ones included."""
        return sum(parameter.numel() for parameter in self.parameters())

    def expected_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the name and shape of every tensor that a saved model must have."""
        return {name: tuple(tensor.shape) for name, tensor in self.stored().items()}

    def stored(self) -> dict[str, Tensor]:
        """Return the tensors to save: the `state_dict`, with tied tensors only once."""
        seen: set[int] = set()
        tensors: dict[str, Tensor] = {}
        for name, tensor in self.state_dict(keep_vars=True).items():
            if id(tensor) not in seen:
                seen.add(id(tensor))
                tensors[name] = tensor.detach()
        return tensors

    def load_stored(self, tensors: dict[str, Tensor]) -> None:
        """Copy the weights from the `stored()` tensors of another network with the same configuration."""
        own = self.stored()
        with torch.no_grad():
            for name, tensor in tensors.items():
                own[name].copy_(tensor)
