"""The parts of a network by depth: the embedding, the recurrent layers from the input on, and the head."""

from __future__ import annotations

import re
from typing import NamedTuple

from torch import nn

from elman.nn.characters import CharacterEncoder
from elman.nn.dilated import DilatedStack
from elman.nn.images import ImageEncoder
from elman.nn.input_convolution import InputConvolution
from elman.nn.pretrained_images import PretrainedImageEncoder
from elman.nn.stack import Stack

__all__ = ["EMBEDDING", "HEAD", "Part", "parts_of_network"]

EMBEDDING, HEAD = "embedding", "head"
# Modules that turn an input into vectors, which the recurrent layers read.
_INPUTS = (nn.Embedding, CharacterEncoder, ImageEncoder, InputConvolution, PretrainedImageEncoder)


class Part(NamedTuple):
    """A part of a network.

    name   "embedding", the number of a recurrent layer as text, or "head"
    depth  0 for the embedding, the number of a layer, and one more than the last layer for the head
    """

    name: str
    depth: int


def parts_of_network(network: nn.Module) -> dict[str, Part]:
    """Return the part of every parameter of a network, by the parameter's name.

    Layers are numbered from the input, those of a decoder after those of its encoder. Copies of the same layers, such
    as the members of an ensemble, have the same numbers. All that is neither embedding nor layer is the head.
    """
    depths, last = _depths_of_modules(network)
    found = {}
    for name, _ in network.named_parameters():
        depth = next((depth for prefix, depth in depths.items() if name.startswith(prefix)), last + 1)
        found[name] = Part({0: EMBEDDING, last + 1: HEAD}.get(depth, str(depth)), depth)
    return found


def _depths_of_modules(network: nn.Module) -> tuple[dict[str, int], int]:
    """Return the depth of the modules that are no part of the head, by the prefix of their names, and the last one."""
    depths: dict[str, int] = {}
    first: dict[str, int] = {}
    last = 0
    for name, module in network.named_modules():
        prefix = f"{name}." if name else ""
        if any(prefix.startswith(known) for known in depths):
            continue
        if isinstance(module, _INPUTS):
            depths[prefix] = 0
        elif isinstance(module, Stack | DilatedStack):
            copies = re.sub(r"\d+", "*", name)
            begin = first.setdefault(copies, last)
            depths |= {f"{prefix}layers.{layer}.": begin + layer + 1 for layer in range(len(module.layers))}
            last = max(last, begin + len(module.layers))
    return depths, last
