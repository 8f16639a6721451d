"""`elman average`: the mean of the weights of several models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from elman.cli.model_folder import check_output, clear_output
from elman.cli.output import remark
from elman.errors import ConfigError

__all__ = ["average"]


def average(
    *models: Annotated[Path, Parameter(help="The folders of the models.")],
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="The folder of the new model.")] = None,
    overwrite: Annotated[
        bool, Parameter(negative="", show_default=False, help="Replace the model in the output folder.")
    ] = False,
) -> None:
    """Make a model from the mean of the weights of several models with the same task, options and vocabulary.

    The models should have similar weights, such as copies of one run's folder at several times. The new model has no
    metrics; `elman evaluate` measures it.

    For example:

        elman average run-10 run-20 run-30 -o averaged
    """
    if output is None:
        raise ConfigError("expected a folder for the new model: elman average MODEL MODEL -o NEW. Received: none")
    check_output(output, overwrite)
    from elman.tasks.average import average_folders

    made = average_folders(models)
    if overwrite:
        clear_output(output)
    made.save(output)
    remark(f"the mean of {len(models)} models is in {output}")
