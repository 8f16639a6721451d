"""`take_weights`: the weights of a trained model as the start of another network, and the list of what was taken."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import torch
from torch import Tensor

from elman.errors import ConfigError
from elman.nn.parts import parts_of_network
from elman.options import fields_of
from elman.tasks.start import StartModel

__all__ = ["Entries", "Started", "take_weights"]

# For each dimension of a tensor: what its places stand for, such as tokens; None if they have no meaning of their own.
Entries: TypeAlias = tuple[Sequence[Hashable] | None, ...]

# The part of buffers, such as scales of the input.
_BUFFERS = "buffers"
# Options that change the equations, also where all shapes stay the same.
_CELLS = ("cell", "cell_options", "encoder_cell", "encoder_cell_options", "residual", "normalise")
_LISTED = 8
# The beginning of the names of the tensors of a member of an `Ensemble`.
_MEMBER = re.compile(r"members\.\d+\.")


@dataclass(frozen=True)
class Started:
    """What a run took from the model that it started from.

    name    the path of the model's folder, or the name of its class
    task    the name of its task
    digest  the digest of its weights
    rows    for each part of the network: its name, tensors, numbers taken, and numbers that are new
    left    how many numbers of the model were not taken
    """

    name: str
    task: str
    digest: str
    rows: tuple[tuple[str, int, int, int], ...]
    left: int

    def to_json(self) -> dict[str, Any]:
        """Return the facts for elman.json."""
        columns = ("part", "tensors", "taken", "new")
        return {
            "model": self.name,
            "task": self.task,
            "weights_digest": self.digest,
            "left": self.left,
            "parts": [dict(zip(columns, row, strict=True)) for row in self.rows],
        }

    def table(self) -> str:
        """Return a table for people."""
        head = ("part", "tensors", "weights taken", "new")
        cells = [head, *((row[0], *(f"{number:,}" for number in row[1:])) for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
            for row in cells
        ]
        head_line = (
            f"started from the {self.task.replace('-', ' ')} {self.name} (digest {self.digest[:12]}); "
            f"{self.left:,} of its weights are left out"
        )
        return "\n".join([head_line, *(f"  {line}" for line in lines)])


def take_weights(setup: Any, source: StartModel) -> Started:
    """Copy the weights of `source` into the network of a setup. What has no counterpart stays as it is.

    Raises ConfigError if tensors that should be taken differ, with the options that make them differ.
    """
    _check(setup, source)
    own = setup.network.stored()
    entries, their_entries = _entries(setup, setup.config), source.setup.entries_of(source.config, source.vocabulary)
    taken: dict[str, int] = {}
    used: dict[int, int] = {}
    for name, there in _their_names(setup, source, own).items():
        other = source.tensors.get(there)
        match = None if other is None else _match(own[name], other, _of(entries, name), _of(their_entries, there))
        if match is not None:
            taken[name] = _copy(own[name], *match)
            # Several members may take the same.
            used[id(other)] = max(taken[name], used.get(id(other), 0))
    total = sum(one.numel() for one in {id(one): one for one in source.tensors.values()}.values())
    return Started(
        source.name, source.task, source.digest, _rows(setup.network, own, taken), total - sum(used.values())
    )


def _rows(network: Any, own: Mapping[str, Tensor], taken: Mapping[str, int]) -> tuple[tuple[str, int, int, int], ...]:
    """Return a row for each part of a network, from the input on."""
    parts = parts_of_network(network)
    order = {part.name: part.depth for part in parts.values()} | {_BUFFERS: len(parts) + 1}
    rows = {name: [0, 0, 0] for name in sorted(order, key=order.__getitem__)}
    for name, tensor in own.items():
        row = rows[parts[name].name if name in parts else _BUFFERS]
        numbers = taken.get(name, 0)
        row[0], row[1], row[2] = row[0] + 1, row[1] + numbers, row[2] + tensor.numel() - numbers
    return tuple((_title(name), row[0], row[1], row[2]) for name, row in rows.items() if row[0])


def _title(part: str) -> str:
    return f"layer {part}" if part.isdecimal() else part


def _entries(setup: Any, config: Any) -> Mapping[str, Entries]:
    found: Mapping[str, Entries] = setup.entries_of(config, setup.vocabulary)
    return found


def _of(entries: Mapping[str, Entries], name: str) -> Entries:
    base = _split(name)[1]
    return next((found for pattern, found in entries.items() if fnmatchcase(base, pattern)), ())


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _their_names(setup: Any, source: StartModel, names: Iterable[str]) -> dict[str, str]:
    """Return the name that each tensor of a network has in the source, without those that are new on purpose.

    A member of an ensemble takes from the member of the same number; from a single network of another task, every
    member takes the same, since the rest of it is its own.
    """
    new = setup.start_new + (() if setup.keeps_scales else setup.start_scaling)
    found = {}
    for name in names:
        member, base = _split(name)
        if source.task != setup.task and not any(_split(each)[0] for each in source.tensors):
            member = ""
        for there, here in _prefixes(setup, source).items():
            if base.startswith(here) and not _any(new, base):
                found[name] = member + there + base.removeprefix(here)
    return found


def _split(name: str) -> tuple[str, str]:
    """Return the beginning of a name that says the member of an ensemble, and the rest."""
    found = _MEMBER.match(name)
    return ("", name) if found is None else (found[0], name[found.end() :])


def _match(
    own: Tensor, source: Tensor, entries: Entries, their_entries: Entries
) -> tuple[Tensor, list[tuple[list[int], list[int]] | None]] | None:
    """Return a tensor to take, and for each dimension the places here and there that correspond; None for all.

    Returns None if the shapes do not allow it.
    """
    if own.dim() != source.dim():
        return None
    places: list[tuple[list[int], list[int]] | None] = []
    for dim in range(own.dim()):
        here, there = (_at(each, dim, one.shape[dim]) for each, one in ((entries, own), (their_entries, source)))
        if here is None or there is None or here == there:
            if own.shape[dim] != source.shape[dim]:
                return None
            places.append(None)
            continue
        index = {entry: place for place, entry in reversed(list(enumerate(there)))}
        both = [(place, index[entry]) for place, entry in enumerate(here) if entry in index]
        places.append(([place for place, _ in both], [place for _, place in both]))
    return source, places


def _at(entries: Entries, dim: int, size: int) -> Sequence[Hashable] | None:
    """Return what the places of a dimension stand for; None if that is unknown."""
    found = entries[dim] if dim < len(entries) else None
    return found if found is not None and len(found) == size else None


def _copy(own: Tensor, source: Tensor, places: Sequence[tuple[list[int], list[int]] | None]) -> int:
    """Copy the places of a tensor that correspond to those of another, and return how many numbers were copied."""
    part, index = source, []
    for dim, pair in enumerate(places):
        here = torch.arange(own.shape[dim]) if pair is None else torch.tensor(pair[0], dtype=torch.int64)
        if pair is not None:
            part = part.index_select(dim, torch.tensor(pair[1], dtype=torch.int64))
        index.append(here)
    with torch.no_grad():
        if all(pair is None for pair in places):
            own.copy_(source)
        else:
            own.copy_(own.cpu().index_put(torch.meshgrid(*index, indexing="ij"), part.to(own.dtype)))
    return part.numel()


def _check(setup: Any, source: StartModel) -> None:
    """Raise ConfigError if tensors that should be taken differ, or if the cell is another one."""
    differing = _differing(setup, source, setup.config)
    taken = source.options()
    changed = {name: value for name, value in taken.items() if _value(setup.config, name) != value}
    cells = [name for name in changed if name in _CELLS]
    if not differing and not cells:
        return
    reasons = [*cells]
    for name, value in changed.items():
        if name not in cells and _differing(setup, source, _with(setup.config, name, value)) != differing:
            reasons.append(name)
    options = ", ".join(f"{name}={_value(setup.config, name)} (there {taken[name]})" for name in reasons or changed)
    listed = [f"{name} {here} (there {there})" for name, (here, there) in list(differing.items())[:_LISTED]]
    if len(differing) > _LISTED:
        listed.append(f"and {len(differing) - _LISTED} more")
    tensors = "; ".join(listed) or "the same shapes with another meaning"
    raise ConfigError(
        f"expected the tensors of the model {source.name} to start from"
        + (f"; leave out the options that make others: {options}" if options else "")
        + f". Received: {tensors}"
    )


def _value(config: Any, name: str) -> Any:
    """Return the value of an option of any section."""
    section = next(part for part in vars(config).values() if name in fields_of(type(part)))
    return getattr(section, name)


def _with(config: Any, name: str, value: Any) -> Any:
    """Return the options with another value of one of them."""
    section, part = next((key, part) for key, part in vars(config).items() if name in fields_of(type(part)))
    return replace(config, **{section: replace(part, **{name: value})})


def _differing(setup: Any, source: StartModel, config: Any) -> dict[str, tuple[Any, Any]]:
    """Return the shapes, here with these options and in the source, of tensors that should be taken but differ."""
    try:
        with torch.device("meta"):
            network = setup.make_network(config, setup.vocabulary)
    except (ConfigError, RuntimeError, ValueError):
        return dict.fromkeys(source.tensors, ("none", "none"))
    state = network.state_dict(keep_vars=True)
    names = _their_names(setup, source, state)
    entries, their_entries = _entries(setup, config), source.setup.entries_of(source.config, source.vocabulary)
    found: dict[str, tuple[Any, Any]] = {}
    sources: dict[int, Tensor] = {}
    for name, there in names.items():
        own, other = state[name], source.tensors.get(there)
        if other is None:
            if not _any(setup.start_optional, _split(name)[1]):
                found[name] = (tuple(own.shape), "none")
        elif sources.setdefault(id(own), other) is not other:
            found[name] = ("tied to another tensor", tuple(other.shape))
        elif _match(own, other, _of(entries, name), _of(their_entries, there)) is None:
            found[name] = (tuple(own.shape), tuple(other.shape))
    return found | _only_there(setup, source, set(names.values()))


def _only_there(setup: Any, source: StartModel, known: set[str]) -> dict[str, tuple[Any, Any]]:
    """Return the shapes of tensors of the source that should be taken but have no counterpart."""
    skipped = setup.start_new + setup.start_optional + (() if setup.keeps_scales else setup.start_scaling)
    found = {}
    for there, here in _prefixes(setup, source).items():
        for name, tensor in source.tensors.items():
            member, base = _split(name)
            own = here + base.removeprefix(there)
            if base.startswith(there) and name not in known and not _any(skipped, own):
                found[member + own] = ("none", tuple(tensor.shape))
    return found


def _prefixes(setup: Any, source: StartModel) -> Mapping[str, str]:
    return {"": ""} if source.task == setup.task else setup.starts_from[source.task]
