"""`elman info`: information about this machine or a model."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from elman import __version__
from elman.cli.output import print_json
from elman.display import aligned, plain, size_of
from elman.errors import ArtifactError, ConfigError, ElmanError, KernelUnavailableError
from elman.tasks import registry

if TYPE_CHECKING:
    from elman.artifact import Artifact

__all__ = ["info"]

Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")]

# Only the beginning of a longer list or text is shown; JSON has all of it.
_MAX_ITEMS, _MAX_CHARACTERS = 10, 300
# The keys of the fact of a cell that names its kernel.
_KERNEL = {"kernel", "why_not"}

# Facts of a task that are in JSON only: whether it reads input in chunks, and the name of its view on a page.
_FOR_PROGRAMS = ("streams", "view")

_PACKAGES = ("torch", "numpy", "safetensors", "tokenizers", "cyclopts", "rich", "tensorboardX", "matplotlib")


def info(
    model: Annotated[Path | None, Parameter(help="The folder of a model; if not given, this machine is shown.")] = None,
    /,
    *,
    json: Json = False,
) -> None:
    """Show information about this machine or a model.

    For each cell it shows which kernel runs it, and why the other kernels cannot.

    For example:

        elman info
        elman info model --json
    """
    facts = machine_facts() if model is None else model_facts(model)
    if json:
        print_json(facts)
    else:
        print("\n".join(outline(for_people(facts))))


def for_people(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts without those of a task that only programs use, such as servers."""
    tasks = facts.get("tasks")
    if tasks is None:
        return facts
    shown = {
        name: {key: value for key, value in task.items() if key not in _FOR_PROGRAMS} for name, task in tasks.items()
    }
    return {**facts, "tasks": shown}


def outline(facts: dict[str, Any], depth: int = 0) -> list[str]:
    """Format nested facts as indented lines."""
    margin = "  " * depth
    single = {key: value for key, value in facts.items() if not is_table(value)}
    lines = []
    if single:
        rows = [(plain(key.replace("_", " ")), one_line(value)) for key, value in single.items()]
        lines = [margin + line for line in aligned(rows).split("\n")]
    for key, value in facts.items():
        if is_table(value) and value:
            lines += [f"{margin}{plain(key.replace('_', ' '))}", *outline(value, depth + 1)]
    return lines


def is_table(value: Any) -> bool:
    """Whether a fact is shown on several lines."""
    return isinstance(value, dict) and set(value) != _KERNEL


def one_line(value: Any) -> str:
    """Format a value on one line."""
    if isinstance(value, dict) and set(value) != _KERNEL:  # an item of a list, such as a part of a network
        return ", ".join(f"{name.replace('_', ' ')} {one_line(each)}" for name, each in value.items())
    if isinstance(value, dict):
        objections = [f"not {name}: {reason}" for name, reason in value["why_not"].items()]
        return "; ".join([value["kernel"] or "none", *objections])
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        more = len(value) - _MAX_ITEMS
        shown = [one_line(item) for item in value[:_MAX_ITEMS]] + ([f"and {more:,} more"] if more > 0 else [])
        return ("; " if any(isinstance(item, dict) for item in value) else ", ").join(shown) or "none"
    text = plain(str(value))
    return "none" if value in (None, "") else text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + " ..."


def machine_facts() -> dict[str, Any]:
    """Return versions, cores, cache, native engine, tasks, and the kernel of every cell."""
    import torch

    from elman.cells import available
    from elman.kernels import native_status
    from elman.train.tuning import has_bfloat16, usable_cores

    return {
        "elman": __version__,
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in _PACKAGES},
        "machine": {
            "cores": usable_cores(),
            "bfloat16": has_bfloat16(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "cache": cache_facts(),
        "native_engine": native_status(),
        "tasks": tasks_facts(),
        "kernels": {name: cell_facts(name) for name in available()},
    }


def tasks_facts() -> dict[str, Any]:
    """Return class, verbs and streaming support of every task, including those of other packages."""
    from elman.tasks import registry

    facts: dict[str, Any] = {}
    for name, task in {**registry.built_in(), **registry.extensions()}.items():
        if isinstance(task, str):
            facts[name] = {"problem": task}
            continue
        verbs = [endpoint.verb for endpoint in task.endpoints]
        facts[name] = {"class": task.class_name, "verbs": verbs, "streams": task.streams, "view": task.view}
    return facts


def installed(name: str) -> str | None:
    """Return the version of a package, or None if it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def cache_facts() -> dict[str, Any]:
    """Return the path and the size of the cache."""
    from elman.cache import cache_folder

    try:
        folder = cache_folder()
    except ElmanError as error:
        return {"problem": str(error)}
    sizes = []
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(os.lstat(os.path.join(parent, name)).st_size)
            except OSError:
                continue  # removed by another process
    return {"folder": str(folder), "files": len(sizes), "size": size_of(sum(sizes))}


def cell_facts(name: str) -> dict[str, Any]:
    """Return the kernel of a cell with its default options, or under `problem` why it cannot be made."""
    from elman.cells import make

    try:
        return kernel_facts(make(name, 1, 1))
    except Exception as error:  # the code of an installed cell may raise anything
        return {"problem": f"{type(error).__name__}: {error}"}


def kernel_facts(cell: Any, request: Any = None) -> dict[str, Any]:
    """Return the kernel of a cell, or None if the forced kernel cannot run it, and why other kernels cannot."""
    from elman import kernels

    try:
        chosen = kernels.choose(cell, request)
    except KernelUnavailableError:
        chosen = None  # `why_not` has the reason
    reasons = kernels.why_not(cell, request)
    return {"kernel": chosen, "why_not": {name: reason for name, reason in reasons.items() if reason is not None}}


def model_facts(folder: Path) -> dict[str, Any]:
    """Return the description of a model's folder, and the kernel of its cell."""
    from elman import artifact

    described = artifact.read(folder)
    tensors = artifact.check_header(described.weights)
    facts: dict[str, Any] = {
        "model": str(folder),
        "task": described.task,
        "elman": described.elman_version,
        "command": described.command,
        "parameters": sum(entry_size(entry.shape) for entry in tensors.values()),
        "size": size_of(described.weights.stat().st_size),
        **task_facts(described),
        "metrics": described.metrics,
        "data": described.data,
        "config": described.config,
        "training": described.training,
    }
    network = described.config.get("network")
    if isinstance(network, dict) and "cell" in network:
        facts["runs_on"] = network_kernel(network, folder)
    return facts


def task_facts(described: Artifact) -> dict[str, Any]:
    """Return the facts that the task adds, such as the vocabulary size; empty if the task is not installed."""
    try:
        task = registry.find(described.task)
    except ConfigError:
        return {}
    facts: dict[str, Any] = task.load(task.facts)(described) if task.facts else {}
    return facts


def entry_size(shape: tuple[int, ...]) -> int:
    """Return the number of elements of a tensor of this shape."""
    size = 1
    for length in shape:
        size *= length
    return size


def network_kernel(network: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the kernel of a model's cell on this machine. Raises ArtifactError for a cell that cannot be made."""
    from elman.cells import make
    from elman.kernels import KernelRequest

    try:
        cell = make(network.get("cell", ""), 1, 1, **network.get("cell_options", {}))
        return kernel_facts(cell, KernelRequest(recurrent_mask=bool(network.get("recurrent_dropout"))))
    except (ConfigError, TypeError) as error:
        raise ArtifactError(f"{folder}/elman.json is broken: expected a valid network. Received: {error}") from error
