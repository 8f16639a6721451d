"""The command line: verb first, `elman train lm book.txt -o model`, then `elman generate model`.

app             the commands, and how a command ends: results, one-line errors, exit codes
flags           options from their dataclasses to flags, and from a TOML file
train, dry_run  train, resume, dry runs
language_model  generate, score, evaluate
cells, show     cells, info
model_folder    opening a model's folder, and what may be written to
output          JSON, tables and progress for people

Importing this imports no torch; a command does so when it has to.
"""

from __future__ import annotations

from elman.cli.app import main

__all__ = ["main"]
