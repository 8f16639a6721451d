"""The model card: README.md of a model's folder, for people and for model hubs.

Takes plain values and returns text. Of an absolute path only the last part is shown, so that the card contains no
folders of the machine that it was written on.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["CardSnippet", "model_card"]


class CardSnippet(NamedTuple):
    """The part of a model card that depends on the task.

    pipeline  the name of the task on model hubs, if they have one
    shell     a command that uses the model; MODEL is the path of its folder
    python    a line of Python that uses `model`
    """

    pipeline: str = ""
    shell: str = "elman info MODEL"
    python: str = ""


# Only the beginning of a longer list, such as the files of a folder, is shown; elman.json has all of it.
_MAX_ITEMS = 10

# An absolute path: on Unix, in a home folder, on a drive or on a network share.
_ABSOLUTE_PATH = re.compile(r"(?:file://)?(?:/|~[^/\\]*[/\\]|[A-Za-z]:[/\\]|\\\\).*", re.DOTALL)


def model_card(
    *,
    task: str,
    config: Mapping[str, Any],
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
    data: Mapping[str, Any],
    command: str,
    version: str,
    snippet: CardSnippet | None = None,
) -> str:
    """Return README.md as Markdown with YAML front matter. The values are those of elman.json.

    Nested values become rows with dotted keys; a list of objects, such as the files of `data`, becomes a table.
    """
    snippet = snippet or CardSnippet()
    kind = task.replace("-", " ")
    cell = _cell_name(config)
    title = kind.capitalize() + (f" ({_code(cell)})" if isinstance(cell, str) else "")
    front = ["---", "library_name: elman", "tags:", "- recurrent-neural-network", f"- {task}"]
    if snippet.pipeline and data.get("kind") != "series":
        front.append(f"pipeline_tag: {snippet.pipeline}")
    front.append("---")
    parts = [
        "\n".join(front),
        f"# {title}",
        f"A recurrent network for the task {_code(task)}, trained with elman {version}. "
        "The weights are in `weights.safetensors`; what the model is made of is in `elman.json`. "
        "Opening this folder with elman runs no code from it.",
        _section("Metrics", metrics),
        _section("Configuration", config),
        _section("Training", training),
        _section("Data", data),
    ]
    if command:
        parts.append("## How it was made\n\n" + _fenced(_without_folders(command), "sh"))
    imports = ["import pathlib", "", "import elman"] if "pathlib" in snippet.python else ["import elman"]
    python = [*imports, "", 'model = elman.load("MODEL")', *([snippet.python] if snippet.python else [])]
    parts.append(
        "## How to use it\n\nWith MODEL for the path of this folder:\n\n"
        + _fenced(snippet.shell, "sh")
        + "\n\n"
        + _fenced("\n".join(python), "python")
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell_name(config: Mapping[str, Any]) -> Any:
    """Return the option `cell` of the options or of one of their sections; None if there is none."""
    sections = [config, *(section for section in config.values() if isinstance(section, Mapping))]
    return next((section["cell"] for section in sections if "cell" in section), None)


def _section(title: str, values: Mapping[str, Any]) -> str:
    rows: list[tuple[str, str]] = []
    tables: list[str] = []
    _collect("", values, rows, tables)
    blocks = [_table(("name", "value"), rows)] if rows else []
    return "\n\n".join([f"## {title}", *blocks, *tables]) if blocks or tables else ""


def _collect(prefix: str, values: Mapping[str, Any], rows: list[tuple[str, str]], tables: list[str]) -> None:
    """Sort `values` into rows of one table and separate tables."""
    for key, value in values.items():
        name = f"{prefix}{_base_name(str(key))}"
        if isinstance(value, Mapping):
            _collect(f"{name}.", value, rows, tables)
        elif isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
            columns = list(dict.fromkeys(str(column) for item in value for column in item))
            lines = [[_cell(item.get(column, "")) for column in columns] for item in value]
            tables.append(f"{_code(name)}:\n\n" + _table([_code(column) for column in columns], lines))
        else:
            rows.append((_code(name), _cell(value)))


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    """Format a table cell: numbers as plain text, all else as code, so that no text is read as Markdown."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value)
    if value is None or value == "":
        return "–"
    if isinstance(value, list | tuple):
        more = len(value) - _MAX_ITEMS
        shown = [_cell(item) for item in value[:_MAX_ITEMS]] + ([f"and {more:,} more"] if more > 0 else [])
        return ", ".join(shown) or "–"
    return _code(_base_name(str(value)))


def _base_name(text: str) -> str:
    """Return the last part of `text` if it is an absolute path, otherwise `text`."""
    if not _ABSOLUTE_PATH.fullmatch(text):
        return text
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1] or text


def _without_folders(command: str) -> str:
    """Reduce absolute paths in a command line, alone or after `option=`, to their last part."""
    try:
        words = shlex.split(command)
    except ValueError:  # unbalanced quotes: split at spaces
        words = command.replace("'", " ").replace('"', " ").split()
    cut = []
    for word in words:
        option, equals, value = _base_name(word).partition("=")
        cut.append(option + equals + _base_name(value))
    return shlex.join(cut)


def _code(text: str) -> str:
    """Format `text` as inline code on one line that is safe in a table."""
    return "`" + " ".join(text.replace("`", "'").split()).replace("|", "\\|") + "`"


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
