"""`elman cells`: the recurrent cells, their equations and their options. Imports torch only when it runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from elman.cli.output import plain, print_json, remark
from elman.errors import ConfigError
from elman.options import suggestion

if TYPE_CHECKING:
    from elman.cells import Cell

__all__ = ["cells", "check_cell"]

# Arguments of cells that are not for users to choose as options of a cell.
_SETTLED = frozenset({"gate_names", "output_size", "learn_initial_state", "device", "dtype"})


def cells(
    name: Annotated[str | None, Parameter(help="One cell only.")] = None,
    /,
    *,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")] = False,
) -> None:
    """List the recurrent cells with their equations and options.

    For example:

        elman cells
        elman cells lstm
    """
    from elman.cells import available, cell_class, unusable

    known = available() if name is None else {name: cell_class(name)}
    for sentence in unusable() if name is None else ():
        remark(plain(sentence))
    if json:
        print_json(
            [
                {
                    "name": each,
                    "summary": cell.summary,
                    "equations": cell.equations.split("\n"),
                    "options": options_of(cell),
                    "paper": cell.paper,
                }
                for each, cell in known.items()
            ]
        )
        return
    blocks = []
    for each, cell in known.items():
        equations = "\n".join(f"    {line}" for line in cell.equations.split("\n"))
        options = ", ".join(f"{option}={toml(value)}" for option, value in options_of(cell).items())
        blocks.append(f"{each}: {cell.summary}\n{equations}\n    options: {options}\n    {cell.paper}")
    print("\n\n".join(blocks))


def options_of(cell: type[Cell]) -> dict[str, Any]:
    """The options of a cell and their defaults: the keywords of its class and of those that it stands on."""
    from elman.cells import Cell

    options: dict[str, Any] = {}
    for kind in cell.__mro__:
        if issubclass(kind, Cell):
            for name, parameter in inspect.signature(kind).parameters.items():
                if parameter.kind is parameter.KEYWORD_ONLY and name not in _SETTLED:
                    options.setdefault(name, parameter.default)
    return options


def toml(value: Any) -> str:
    """A default as it would stand in a TOML file, but texts without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_cell(name: str, options: Mapping[str, Any]) -> None:
    """Raise ConfigError for a cell that does not exist or an option that it does not have."""
    from elman.cells import cell_class

    known = options_of(cell_class(name))
    for option in options:
        if option not in known:
            raise ConfigError(
                f"expected options of {name} among {', '.join(known)}. Received: {option!r}.{suggestion(option, known)}"
            )
