"""The project's pages as blocks of code, and functions that run them on small data."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from elman.cli import main

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/*.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What makes a snippet's run small. A snippet never gives these itself, or its own value is replaced.
TINY_FLAGS = {"--batch-size": "4", "--bptt": "12", "--embedding": "8", "--threads": "1", "--precision": "float32"}
TINY_OPTIONS = "max_steps=3, hidden_size=8, embedding=8, batch_size=4, bptt=12, threads=1"


# The same for other tasks, by their word on the command line and by their class in Python.
TINY_TAGGER = {"embedding": 8, "char_embedding": 4, "char_hidden": 4, "layers": 1, "hidden_size": 8, "threads": 1,
               "precision": "float32", "max_steps": 3}  # fmt: skip
TINY_FORECASTER = {"hidden_size": 6, "threads": 1, "max_steps": 3}
TINY_TRANSCRIBER = {"layers": 1, "hidden_size": 8, "mels": 8, "threads": 1, "precision": "float32", "max_steps": 3}
TINY_CAPTIONER = {"embedding": 8, "hidden_size": 8, "vector_size": 8, "batch_size": 16, "threads": 1, "max_steps": 3}
TINY_TRANSLATOR = {"hidden_size": 8, "embedding": 8, "threads": 1, "precision": "float32", "max_steps": 3}
TINY_CLASSIFIER = {
    "embedding": 8,
    "hidden_size": 8,
    "batch_size": 16,
    "threads": 1,
    "precision": "float32",
    "max_steps": 3,
}
TINY_FILLER = {"embedding": 8, "hidden_size": 8, "batch_size": 4, "bptt": 12, "threads": 1, "max_steps": 3}
TINY_EMBEDDINGS = {"embedding": 8, "threads": 1, "max_steps": 3}
TINY_TASKS: dict[str, dict[str, Any]] = {
    "classifier": TINY_CLASSIFIER,
    "tagger": TINY_TAGGER,
    "forecaster": TINY_FORECASTER,
    "captioner": TINY_CAPTIONER,
    "embeddings": TINY_EMBEDDINGS,
    "transcriber": TINY_TRANSCRIBER,
    "translator": TINY_TRANSLATOR,
    "filler": TINY_FILLER,
}


class Block(NamedTuple):
    """A fenced block: its language, its content, and the line at which it stands."""

    language: str
    content: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [Block(found[1], found[2], text.count("\n", 0, found.start()) + 1) for found in FENCE.finditer(text)]


def shell_lines(block: Block) -> list[str]:
    """The commands of a shell block, without their remarks; a backslash joins two lines."""
    commands = [
        shlex.join(shlex.split(line, comments=True)) for line in block.content.replace("\\\n", " ").splitlines()
    ]
    return [command for command in commands if command]


def small_command(words: list[str]) -> list[str]:
    """The words after `elman`, with a budget of a few steps where they train."""
    if words[:1] != ["train"]:
        return [str(min(int(word), 20)) if before == "--length" else word for before, word in pairs(words)]
    kept: list[str] = []
    for before, word in pairs(words):
        if word not in ("--max-seconds", "--max-epochs", "--hidden-size") and before not in (
            "--max-seconds",
            "--max-epochs",
            "--hidden-size",
        ):
            kept.append("5" if before == "--max-steps" else word)
    if words[1:2] and words[1] in TINY_TASKS:
        tiny = {flag_of(name): str(value) for name, value in TINY_TASKS[words[1]].items()}
        flags = [word for flag, value in tiny.items() if flag not in kept for word in (flag, value)]
        return [*kept, *flags, "--no-tune", *(["--overwrite"] if "-o" in words else [])]
    if words[1:2] != ["lm"]:
        return [*kept, "--no-tune"]
    steps = [] if "--max-steps" in words else ["--max-steps", "3"]
    tiny = [word for flag, value in TINY_FLAGS.items() for word in (flag, value)]
    again = ["--overwrite"] if "-o" in words else []
    return [*kept, *steps, *tiny, "--hidden-size", "8", "--no-tune", *again]


def flag_of(option: str) -> str:
    """The flag of an option."""
    return "--" + option.replace("_", "-")


def pairs(words: list[str]) -> list[tuple[str, str]]:
    """Every word with the one before it."""
    return list(zip(["", *words], words, strict=False))


def run_elman(words: list[str]) -> str:
    """What a command prints. Raises AssertionError, with what it said, unless it ends well."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code == 0, f"elman {shlex.join(words)} ended with {code}: {err.getvalue()[-600:]}"
    return out.getvalue()


def small_python(source: str) -> str:
    """A snippet with a few steps in place of its seconds."""
    for task, options in TINY_TASKS.items():
        tiny = ", ".join(f"{name}={value!r}" for name, value in options.items())
        source = re.sub(rf"(elman\.{task.title()}\([^()]*?)max_seconds=\d+", rf"\g<1>{tiny}", source)
    return re.sub(r"max_seconds=\d+", TINY_OPTIONS, source)


def run_python(source: str, names: dict[str, Any], where: str) -> str:
    """What a snippet prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(small_python(source), where, "exec"), names)
    return out.getvalue()


def shape_of(value: Any) -> Any:
    """The keys of a JSON document, all the way down; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape_of(item) for item in value[:1]]
    return None


def run_page(page: Path) -> int:
    """Run every block of a page in the current folder; returns how many ran.

    A `toml` block becomes the file options.toml. A `text` block right after a python block is what that one prints; a
    `json` block after a shell block has the keys of what its last command prints.
    """
    names: dict[str, Any] = {"__name__": "snippet"}
    printed, ran, before = "", 0, ""
    for block in blocks_of(page):
        where = f"{page.name}:{block.line}"
        if block.language == "sh":
            for line in shell_lines(block):
                words = shlex.split(line)
                if words[0] == "elman":
                    printed = run_elman(small_command(words[1:]))
                    ran += 1
        elif block.language == "python":
            printed = run_python(block.content, names, where)
            ran += 1
        elif block.language == "toml":
            Path("options.toml").write_text(block.content)
        elif block.language == "text" and before == "python":
            assert printed.rstrip() == block.content.rstrip(), (
                f"{where}: the page says\n{block.content}\nbut it prints\n{printed}"
            )
        elif block.language == "json":
            assert shape_of(json.loads(printed)) == shape_of(json.loads(block.content)), where
        before = block.language
    return ran
