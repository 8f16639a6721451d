"""The command line: verb first, `elman train lm book.txt -o model`, then `elman generate model`.

app             the commands, and how a command ends: results, one-line errors, exit codes
flags           options from their dataclasses to flags, and from a TOML file
train           train TASK, resume
training        what all training commands share      (dry_run: what a run would be)
verbs           a command for each verb of trained models, made from the tasks' endpoints
average, cells, show     average, cells, info
model_folder    opening a model's folder, and what may be written to
output          JSON, tables and progress for people

Importing this imports no torch; a command does so when it has to.
"""

from __future__ import annotations

from elman.cli.app import main

__all__ = ["main"]
