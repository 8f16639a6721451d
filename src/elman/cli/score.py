"""`elman score`: how likely a model finds given texts. Imports torch only when a model is opened."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT
from elman.errors import ArtifactError, ConfigError

__all__ = ["ScoreFlags", "score"]

# Of each task that scores, the function: its arguments are the model's folder, the files, and the flags.
_SCORE = MappingProxyType(
    {
        "language-model": "elman.cli.language_model:score_lines",
        "translator": "elman.cli.translator_figures:score_pairs",
        "captioner": "elman.cli.captioner:score_captions",
    }
)


@dataclass(frozen=True, kw_only=True)
class ScoreFlags:
    """What scoring is told."""

    text: Annotated[
        list[str] | None,
        Parameter(
            allow_leading_hyphen=True,
            help="A line to score (translators: a source, a tab, and a target); may be given several times.",
        ),
    ] = None
    rank: Annotated[
        bool, Parameter(negative="", show_default=False, help="Sort the lines, likeliest by token first.")
    ] = False
    per_token: Annotated[
        bool, Parameter(negative="", show_default=False, help="Show the log-probability of every token too.")
    ] = False
    encoding: Annotated[str | None, Parameter(help="The text's encoding, if it is not that of the model's texts.")] = (
        None
    )
    errors: Annotated[
        Literal["strict", "replace", "ignore"] | None, Parameter(help="What to do with bytes that are not text.")
    ] = None
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")] = False


_Flags: TypeAlias = Annotated[ScoreFlags | None, Parameter(name="*")]


def score(
    model: Annotated[Path, Parameter(help="The model's folder.")],
    /,
    *files: Annotated[
        str, INPUT, Parameter(help="A file whose lines to score, or files of pairs; - for standard input.")
    ],
    flags: _Flags = None,
) -> None:
    """Tell how likely each line of a text is, or each target given its source: log-probability and perplexity by token.

    A language model scores every line on its own, with nats a character too; empty lines are left out. A translator
    scores pairs, from files as it reads them in training.

    For example:

        elman score model lines.txt --rank
        elman score model --text "To be, or not to be" --text "To bee, ore knot" --per-token
        cat lines.txt | elman score model - --json
        elman score translator test.de test.en --rank
    """
    flags = flags or ScoreFlags()
    if bool(files) == (flags.text is not None):
        received = "both" if files else "neither"
        raise ConfigError(
            f"expected lines to score, from a file (- for standard input) or by --text. Received: {received}"
        )
    from elman import artifact

    task = artifact.read(model).task
    if task not in _SCORE:
        raise ArtifactError(f"{model}: expected a task among {', '.join(_SCORE)}. Received: {task!r}")
    module, name = _SCORE[task].split(":")
    getattr(importlib.import_module(module), name)(model, files, flags)
