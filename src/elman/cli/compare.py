"""`elman compare`: models of one task side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from elman.cli.flags import whole_number
from elman.cli.model_folder import check_answer_file
from elman.cli.output import StageProgress, print_json, remark

__all__ = ["compare"]


def compare(
    *models: Annotated[Path, Parameter(help="The folders of the models; the others are compared with the first one.")],
    data: Annotated[
        list[Path] | None,
        Parameter(consume_multiple=True, help="Files to compare the models on, with a test of each difference."),
    ] = None,
    limit: Annotated[
        int | None,
        Parameter(
            converter=whole_number,
            help="Use only the first N items of the data: sequences, tokens or, for models with different tokens, "
            "characters; forecasters: the last N steps.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, Parameter(help="Plot the losses of all runs to this PNG or SVG file.", show_default=False)
    ] = None,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")] = False,
    quiet: Annotated[
        bool, Parameter(name=["--quiet", "-q"], negative="", show_default=False, help="Show no progress or remarks.")
    ] = False,
) -> None:
    """Compare models of one task: the options that differ, sizes, times and figures.

    With `--data`, all models are evaluated on the same data. A sentence says whether each is better than the first one,
    not better within the error, or worse, by paired tests. Language models with different tokens are compared by bits
    per character.

    For example:

        elman compare model-gru model-lstm --plot curves.png
        elman compare model-gru model-lstm --data test.csv --json
    """
    check_answer_file(plot)
    from elman.errors import ConfigError
    from elman.plots.picture import check_suffix
    from elman.tasks import side_by_side

    if plot is not None:
        check_suffix(plot)
    if limit is not None and data is None:
        raise ConfigError(f"expected --limit with --data. Received: --limit {limit} alone")
    with StageProgress(quiet=quiet) as progress:
        found = side_by_side.compare(models, data=data, limit=limit, progress=progress)
    if plot is not None:
        found.plot(plot)
        if not quiet:
            remark(f"plotted: {plot}")
    if json:
        print_json(found.to_json())
        return
    width = None
    if sys.stdout.isatty():
        from rich.console import Console

        width = Console().width
    print(found.to_text(width))
