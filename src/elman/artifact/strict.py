"""Reading of JSON and files from untrusted sources: only plain, small content is accepted."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from elman.errors import ArtifactError, ConfigError

__all__ = ["open_plain_file", "read_small_file", "shown", "strict_json", "to_json"]

MAX_DEPTH = 100
MAX_CONTAINERS = 1_000_000

# An escaped half of a surrogate pair: the only way in which valid UTF-8 can encode text that is not Unicode.
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def shown(value: object, limit: int = 80) -> str:
    """Format `value` for an error message: one short line without control characters."""
    # Cut before repr as well: repr of a long hostile string is four times as long.
    text = repr(value[:limit] if isinstance(value, str) else value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def strict_json(content: bytes, where: str | os.PathLike[str], max_containers: int = MAX_CONTAINERS) -> Any:
    """Parse the JSON text `content`; `where` names it in errors.

    Raises ArtifactError for bytes that are not UTF-8, anything that is not strict JSON (NaN, Infinity), numbers beyond
    float64, integers of thousands of digits, duplicate keys, nesting deeper than 100, more than `max_containers` lists
    and objects, and unpaired surrogates.
    """

    def refuse(problem: str) -> NoReturn:
        raise ArtifactError(f"{where} is broken: {problem}")

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            refuse(f"expected every key once. Received: the key {shown(twice)} twice")
        return result

    def constant(literal: str) -> NoReturn:
        refuse(f"expected finite numbers. Received: {literal}")

    containers = content.count(b"{") + content.count(b"[")
    if containers > max_containers:
        refuse(f"expected at most {max_containers} lists and objects. Received: about {containers}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ArtifactError(
            f"{where} is broken: expected UTF-8. Received: byte 0x{content[error.start]:02x} at offset {error.start}"
        ) from error
    try:
        value = json.loads(text, object_pairs_hook=unique_keys, parse_constant=constant)
    except RecursionError as error:
        raise ArtifactError(f"{where} is broken: expected at most {MAX_DEPTH} levels. Received: far more") from error
    except json.JSONDecodeError as error:
        received = shown(text[error.pos : error.pos + 20]) if error.pos < len(text) else "the end of the file"
        raise ArtifactError(
            f"{where} is broken: expected JSON ({error.msg}) at line {error.lineno}, column {error.colno}. "
            f"Received: {received}"
        ) from error
    except ValueError as error:  # Python's own limit on the digits of an integer
        raise ArtifactError(f"{where} is broken: expected shorter integers. Received: {error}") from error
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if math.inf in level or -math.inf in level:
            refuse("expected numbers that fit float64. Received: a larger one")
        level = [node for node in level if isinstance(node, (dict, list))]
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
    if level:
        refuse(f"expected at most {MAX_DEPTH} levels. Received: more")
    if _SURROGATE_ESCAPE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            refuse("expected Unicode text. Received: half of a surrogate pair")
    return value


def to_json(value: Any, what: str) -> bytes:
    """Convert `value` to indented JSON in UTF-8, ending with a line feed, that `strict_json` accepts.

    Raises ConfigError for values that JSON does not have, such as NaN or a tensor; `what` names `value` in the error.
    """
    try:
        content = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).encode("utf-8") + b"\n"
        strict_json(content, what)
    except (TypeError, ValueError, RecursionError, ArtifactError) as error:
        raise ConfigError(f"expected plain JSON values for {what}. Received: {error}") from error
    return content


def open_plain_file(path: Path) -> BinaryIO:
    """Open the regular file `path` for reading. Raises ArtifactError for anything else; never blocks on a pipe."""
    # O_NONBLOCK: opening a named pipe would wait for a writer. O_BINARY exists only on Windows.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise ArtifactError(f"expected an ordinary file at {path}. Received: a folder, device or pipe")


def read_small_file(path: Path, limit: int) -> bytes:
    """Read the regular file `path` of at most `limit` bytes. Raises ArtifactError for anything else."""
    with open_plain_file(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise ArtifactError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > limit:
        raise ArtifactError(f"expected at most {limit} bytes in {path}. Received: more")
    return content
