"""Check the words of the project: excluded words, the ends of error messages, and the letters of tensor shapes.

`./dev lint` runs this script. It prints `FILE:LINE: what is wrong` for each finding, and exits with 1 if there is any.

- Prose must not have the words of `EXCLUDED`. Prose is: docstrings and comments of Python files, comments of C++ files,
  Markdown outside code, and in `src` also all texts with a space in them, such as messages and help.
- A message of an error that says what was expected ends with what was received: `. Received: ...`.
- Suffixes of tensor names have letters of the legend in `src/elman/state.py`, at most four.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LEGEND = Path("src/elman/state.py")
ERRORS = Path("src/elman/errors.py")
MOST_LETTERS = 16
LONGEST_SUFFIX = 4

# Words and phrases, and what to write instead.
EXCLUDED = {
    r"tells?|told|telling": "say, show, report, give, or distinguish",
    r"anew|afresh": "again, or new",
    r"besides?": "next to, with, in addition to, or as well as",
    r"nobody": "a direct statement",
    r"knows? nothing": "nothing, or the rule itself, such as: Does not import torch.",
    r"rooms?|houses?|store?ys": "space, package, or layer",
    r"hears?|heard|hearing": "receive, or handle",
    r"upon|hence|thus|thereof|whence|whilst|lest|shall|ought": "present-day English",
    r"(?<=,) for (?:it|they|he|she|we|you|there|nobody|then|else|only|otherwise)": "because, or a new sentence",
}
# Texts that are data and no prose.
ALLOWED = ("Once upon",)

_WORDS = {re.compile(rf"(?<![\w`-])(?:{words})(?![\w`-])", re.IGNORECASE): hint for words, hint in EXCLUDED.items()}
# `X` is the name that estimators of other libraries give their inputs.
_SHAPED = re.compile(r"_?[a-z][a-z0-9_]*_(?!X$)([A-Z](?:[a-z]?[A-Z0-9])*[a-z]?|[0-9]*[A-Z][A-Z0-9]*)")
# From Python 3.12 on, the texts in an f-string are tokens of their own.
_TEXTS = (tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))


class Finding(NamedTuple):
    """Something that is wrong, and where."""

    path: Path
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.problem}"


def excluded_words(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line, counted from 0, and the problem of every excluded word in `text`."""
    for allowed in ALLOWED:
        text = text.replace(allowed, "")
    for pattern, hint in _WORDS.items():
        for found in pattern.finditer(text):
            yield text.count("\n", 0, found.start()), f"{found[0].strip(', ')!r} is excluded; write {hint}"


def _docstrings(tree: ast.AST) -> set[tuple[int, int]]:
    """Return the positions of all docstrings, as line and column."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        (node.body[0].value.lineno, node.body[0].value.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, kinds)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
        and isinstance(node.body[0].value.value, str)
    }


def _text_of(node: ast.AST) -> str:
    """Return the constant parts of a text, with {} for the others."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text_of(part) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text_of(node.left) + _text_of(node.right)
    return "{}"


def unfinished_errors(tree: ast.AST, errors: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the errors that say what was expected and not what was received."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
            continue
        message = _text_of(node.args[0])
        if node.func.id in errors and "expected" in message and "Received: " not in message:
            yield node.lineno, "an error that says what was expected ends with '. Received: ...'"


def legend(text: str) -> set[str]:
    """Return the shape letters that the docstring of the legend explains."""
    docstring = ast.get_docstring(ast.parse(text)) or ""
    return set(re.findall(r"(?:^|  )([A-Z])  \w", docstring, re.MULTILINE))


def wrong_shapes(text: str, letters: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the names of tensors whose suffix is no shape of the legend."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        found = _SHAPED.fullmatch(token.string) if token.type == tokenize.NAME else None
        if found is None or found[1].isdigit():
            continue
        unknown = sorted(set(found[1]) - letters - set("0123456789"))
        if unknown:
            yield token.start[0], f"{token.string}: {', '.join(unknown)} is not in the legend of {LEGEND}"
        elif len(re.sub("[0-9]", "", found[1])) > LONGEST_SUFFIX:
            yield token.start[0], f"{token.string}: expected at most {LONGEST_SUFFIX} shape letters"


def error_names(text: str) -> set[str]:
    """Return the names of the classes in the module of errors."""
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}


def check_python(path: Path, text: str, letters: set[str], errors: set[str]) -> Iterator[Finding]:
    """Check a Python file; texts that are no docstrings, errors and shapes only where it is part of the library."""
    tree = ast.parse(text)
    docstrings, library = _docstrings(tree), path.is_relative_to("src")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        prose = token.type == tokenize.COMMENT or token.start in docstrings
        prose |= token.type in _TEXTS and library and " " in token.string
        if prose:
            for line, problem in excluded_words(token.string):
                yield Finding(path, token.start[0] + line, problem)
    if library:
        for line, problem in (*unfinished_errors(tree, errors), *wrong_shapes(text, letters)):
            yield Finding(path, line, problem)


def check_cpp(path: Path, text: str) -> Iterator[Finding]:
    """Check the comments of a C++ file."""
    for comment in re.finditer(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', text, flags=re.DOTALL):
        if comment[0].startswith("/"):
            first = text.count("\n", 0, comment.start()) + 1
            for line, problem in excluded_words(comment[0]):
                yield Finding(path, first + line, problem)


def check_markdown(path: Path, text: str) -> Iterator[Finding]:
    """Check a page, without its code."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", lambda code: re.sub(r"[^\n]", " ", code[0]), text, flags=re.DOTALL)
    for line, problem in excluded_words(prose):
        yield Finding(path, line + 1, problem)


def check(root: Path) -> list[Finding]:
    """Check all files of a checkout."""
    letters = legend((root / LEGEND).read_text(encoding="utf-8"))
    errors = error_names((root / ERRORS).read_text(encoding="utf-8"))
    findings: list[Finding] = []
    if not letters or len(letters) > MOST_LETTERS:
        findings.append(Finding(LEGEND, 1, f"expected 1 to {MOST_LETTERS} shape letters. Received: {len(letters)}"))
    python = [root / "dev", root / "setup.py"]
    for folder in ("src", "tests", "benchmarks", "docs", "examples", "tools"):
        python += sorted((root / folder).rglob("*.py"))
    for path in python:
        findings += check_python(path.relative_to(root), path.read_text(encoding="utf-8"), letters, errors)
    for suffix in ("*.h", "*.cpp"):
        for path in sorted((root / "src").rglob(suffix)):
            findings += check_cpp(path.relative_to(root), path.read_text(encoding="utf-8"))
    for path in [*sorted(root.glob("*.md")), *sorted((root / "docs").glob("*.md"))]:
        findings += check_markdown(path.relative_to(root), path.read_text(encoding="utf-8"))
    return findings


if __name__ == "__main__":
    found = check(ROOT)
    for each in found:
        print(each)
    sys.exit(1 if found else 0)
