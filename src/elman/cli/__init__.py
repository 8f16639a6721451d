"""The command line, such as `elman train lm book.txt -o model` and `elman generate model`.

app                    the program with all commands, one-line errors, exit codes
flags                  flags from dataclasses of options, and options from a TOML file
train                  `train TASK` and `train --resume`
training, dry_run      code shared by all training commands; sizes and estimated time of a run
verbs                  a command for each verb of trained models, made from the tasks' endpoints
average, cells, show   `average`, `cells`, `info`
model_folder           checks of output folders and files
output                 JSON, remarks and progress bars

Importing this package does not import torch; commands import it when they need it.
"""

from __future__ import annotations

from elman.cli.app import main

__all__ = ["main"]
