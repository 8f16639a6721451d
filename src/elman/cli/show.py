"""`elman info` and `elman cells`: what this machine, a model and a cell are."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from elman import __version__
from elman.cli.output import aligned, plain, print_json, size_of
from elman.errors import ArtifactError, ConfigError, ElmanError
from elman.options import suggestion

__all__ = ["cells", "info"]

Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")]

_PACKAGES = ("torch", "numpy", "safetensors", "tokenizers", "cyclopts", "rich", "tensorboardX", "matplotlib")


def cells(
    name: Annotated[str | None, Parameter(help="One cell only.")] = None,
    /,
    *,
    json: Json = False,
) -> None:
    """List the recurrent cells with their equations.

    Examples:

        elman cells

        elman cells lstm
    """
    from elman.cells import available

    known = available()
    if name is not None and name not in known:
        raise ConfigError(f"expected a cell among {', '.join(known)}. Received: {name!r}.{suggestion(name, known)}")
    chosen = {each: cell for each, cell in known.items() if name in (None, each)}
    if json:
        print_json(
            [
                {"name": each, "summary": cell.summary, "equations": cell.equations.split("\n"), "paper": cell.paper}
                for each, cell in chosen.items()
            ]
        )
        return
    blocks = []
    for each, cell in chosen.items():
        equations = "\n".join(f"    {line}" for line in cell.equations.split("\n"))
        blocks.append(f"{each}: {cell.summary}\n{equations}\n    [{cell.paper}]")
    print("\n\n".join(blocks))


def info(
    model: Annotated[Path | None, Parameter(help="A model's folder; without it, this machine.")] = None,
    /,
    *,
    json: Json = False,
) -> None:
    """Tell about this machine, or about a model.

    For each cell it tells which kernel runs it, and why others cannot.

    Examples:

        elman info

        elman info model --json
    """
    facts = machine_facts() if model is None else model_facts(model)
    if json:
        print_json(facts)
    else:
        print("\n".join(outline(facts)))


def outline(facts: dict[str, Any], depth: int = 0) -> list[str]:
    """Nested facts as indented lines."""
    margin = "  " * depth
    single = {key: value for key, value in facts.items() if not isinstance(value, dict)}
    lines = []
    if single:
        rows = [(plain(key.replace("_", " ")), one_line(value)) for key, value in single.items()]
        lines = [margin + line for line in aligned(rows).split("\n")]
    for key, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{margin}{plain(key)}", *outline(value, depth + 1)]
    return lines


def one_line(value: Any) -> str:
    """A value for people, on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(one_line(item) for item in value) or "none"
    return "none" if value in (None, "") else plain(str(value))


def machine_facts() -> dict[str, Any]:
    """Versions, cores, the cache, and the kernel of every cell."""
    import torch

    from elman.cells import available, make
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
        "kernels": {name: kernel_facts(make(name, 1, 1)) for name in available()},
    }


def installed(name: str) -> str | None:
    """The version of a package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def cache_facts() -> dict[str, Any]:
    """Where the cache lies and how large it is."""
    from elman.data.cache import cache_folder

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
                continue  # another process has removed it meanwhile
    return {"folder": str(folder), "files": len(sizes), "size": size_of(sum(sizes))}


def kernel_facts(cell: Any, request: Any = None) -> dict[str, Any]:
    """Which kernel runs a cell, and why others do not."""
    from elman import kernels

    reasons = kernels.why_not(cell, request)
    facts: dict[str, Any] = {"runs on": kernels.choose(cell, request)}
    for name, reason in reasons.items():
        if name == facts["runs on"]:
            break
        facts[f"not on {name}"] = reason
    return facts


def model_facts(folder: Path) -> dict[str, Any]:
    """What a model's folder says about itself, and which kernel its cell takes."""
    from elman import artifact
    from elman.data import vocabulary_from_json

    described = artifact.read(folder)
    vocabulary = described.vocabulary
    tensors = artifact.check_header(described.weights)
    facts: dict[str, Any] = {
        "model": str(folder),
        "task": described.task,
        "elman": described.elman_version,
        "command": described.command,
        "parameters": sum(entry_size(entry.shape) for entry in tensors.values()),
        "size": size_of(described.weights.stat().st_size),
        "vocabulary": None if vocabulary is None else vocabulary_from_json(vocabulary).size,
        "metrics": described.metrics,
        "data": described.data,
        "config": described.config,
        "training": described.training,
    }
    network = described.config.get("network")
    if isinstance(network, dict):
        facts["kernel"] = network_kernel(network, folder)
    return facts


def entry_size(shape: tuple[int, ...]) -> int:
    """How many numbers a tensor of this shape has."""
    size = 1
    for length in shape:
        size *= length
    return size


def network_kernel(network: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The kernel that a model's cell takes here. Raises ArtifactError for a cell that cannot be made."""
    from elman.cells import make
    from elman.kernels import Request

    try:
        cell = make(network.get("cell", ""), 1, 1, **network.get("cell_options", {}))
        return kernel_facts(cell, Request(recurrent_mask=bool(network.get("recurrent_dropout"))))
    except (ConfigError, TypeError) as error:
        raise ArtifactError(f"{folder}/elman.json describes no network: {error}") from error
