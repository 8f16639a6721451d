"""`Ensemble`: independent networks that are trained in one run and saved in one folder, and whose results are averaged.

A member is a network that a task would train alone. A task's subclass has the interface of a member, with results that
are averaged over the members, so that the functions of the task work with both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.nn.stored import StoredModule
from elman.state import State

__all__ = ["Ensemble", "check_members", "mean_of", "members_of"]

N = TypeVar("N", bound=StoredModule)
T = TypeVar("T")


class Ensemble(StoredModule):
    """Independent networks of one kind. The state is the tuple of the members' states.

    Raises ConfigError without members.
    """

    def __init__(self, members: Sequence[StoredModule]) -> None:
        super().__init__()
        if not members:
            raise ConfigError("expected at least one member of an ensemble. Received: none")
        self.members = nn.ModuleList(members)

    @classmethod
    def of(cls, members: int, make: Callable[[], N], **options: Any) -> N:
        """Return a single network for `members` = 1, else an ensemble of so many, which is made with `options`.

        The first member is the network that would be trained alone: it is made first. The result has the type of a
        network because an ensemble has its interface.
        """
        if members == 1:
            return make()
        return cast("N", cls([make() for _ in range(members)], **options))

    @property
    def first(self) -> Any:
        """The first member, for what all members have in common."""
        return self.members[0]

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device

    @property
    def head(self) -> Any:
        """The output layer of the first member, for its size and device."""
        return self.first.head

    def initial_state(self, batch_size: int) -> State:
        """Return the initial states of all members."""
        members: Any = self.members
        return tuple(member.initial_state(batch_size) for member in members)


def members_of(network: T) -> list[T]:
    """Return the members of an ensemble, or a list of the network itself."""
    return list(cast("Any", network.members)) if isinstance(network, Ensemble) else [network]


def mean_of(tensors: Sequence[Tensor]) -> Tensor:
    """Return the mean of tensors of one shape, in float32 or wider."""
    stacked = torch.stack(list(tensors))
    return stacked.to(torch.promote_types(stacked.dtype, torch.float32)).mean(dim=0)


def check_members(config: Any, network: Any, title: str) -> None:
    """Raise ConfigError unless the network has as many members as its options say; `title` names its task.

    A task that derives its options from those of another might make a single network whatever they say.
    """
    members = getattr(getattr(config, "network", None), "members", None)
    made = len(getattr(network, "members", (network,)))
    if members not in (None, made):
        raise ConfigError(f"expected members={made} for a {title}, which makes no other number. Received: {members}")
