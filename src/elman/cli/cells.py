"""`elman cells`: the recurrent cells with their equations and options."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from elman.cli.output import print_json, remark
from elman.display import plain

__all__ = ["cells"]


def cells(
    name: Annotated[str | None, Parameter(help="Show only this cell.")] = None,
    /,
    *,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")] = False,
) -> None:
    """List the recurrent cells with their equations and options.

    For example:

        elman cells
        elman cells lstm
    """
    from elman.cells import available, cell_class, unusable
    from elman.nn.recurrent import options_of

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


def toml(value: Any) -> str:
    """Format a default as in a TOML file, but strings without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)
