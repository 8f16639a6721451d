"""Options as flags and from TOML files. What an option is called, means and takes stands in its dataclass alone.

Every flag is optional here and None when not given, so that a preset, then a file, then flags can take rank. Knows
nothing about what any option means.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from cyclopts import App, Group, Parameter, Token

from elman.errors import ConfigError, StorageError
from elman.options import choices_of, fields_of, suggestion

__all__ = ["INPUT", "add_commands", "flags_of", "given", "read_toml", "whole_number"]


def whole_number(type_: Any, tokens: Sequence[Token]) -> int:
    """A whole number; unlike plain conversion, 1.7 is refused and not rounded."""
    del type_
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number. Received: {tokens[0].value!r}") from None


def _no_option(type_: Any, value: Any) -> None:
    """Refuse a mistyped option where a file is expected; a lone - stands for standard input."""
    del type_
    words = value if isinstance(value, tuple) else (value,)
    for word in words:
        if str(word).startswith("-") and str(word) != "-":
            raise ValueError(f"expected a file. Received: the option {word}")


# What files and folders are named by; without this, a lone - would pass for an option.
INPUT = Parameter(allow_leading_hyphen=True, validator=_no_option)


def _named(type_: Any, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Texts with commas between them."""
    del type_
    return tuple(part for token in tokens for part in token.value.split(",") if part)


def _listed(type_: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
    """Numbers with commas between them."""
    del type_
    text = ",".join(token.value for token in tokens)
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"expected numbers with commas between them, such as 0.9,0.05,0.05. Received: {text!r}"
        ) from None


def _counted(type_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Whole numbers with commas between them."""
    del type_
    text = ",".join(token.value for token in tokens)
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise ValueError(
            f"expected whole numbers with commas between them, such as 1,2,4. Received: {text!r}"
        ) from None


def _table(type_: Any, tokens: Sequence[Token]) -> dict[str, Any]:
    """NAME=VALUE, once or several times; a value is read as in TOML, and is a text if it is nothing else."""
    del type_
    table: dict[str, Any] = {}
    for token in tokens:
        name, equals, text = token.value.partition("=")
        if not name or not equals:
            raise ValueError(f"expected NAME=VALUE. Received: {token.value!r}")
        try:
            table[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            table[name] = text
    return table


# What reads a list of values of a type.
_LISTS = MappingProxyType({str: _named, float: _listed, int: _counted})


def flags_of(section: type[Any], title: str, place: int, defaults: Any) -> Any:
    """A dataclass of flags, one for each option of `section`, all None where not given.

    title     of their part of the help
    place     of this part among the others
    defaults  a section whose values the help shows as defaults
    """
    group = Group(title, sort_key=place)
    fields = []
    for name, (field, hint) in fields_of(section).items():
        settings: dict[str, Any] = {
            "help": field.metadata["help"],
            "group": group,
            "show_default": _shown(getattr(defaults, name)),
        }
        kind: Any = hint
        if typing.get_origin(hint) is tuple:
            listed = _LISTS[typing.get_args(hint)[0]]
            kind, settings["converter"], settings["n_tokens"] = tuple, listed, 1
            settings["metavar"] = "A,B,C"
        elif typing.get_origin(hint) is dict:
            kind, settings["converter"] = list[str], _table
            settings["metavar"] = "NAME=VALUE"
        elif hint is bool:
            settings["show_default"] = "on" if getattr(defaults, name) else False
        elif hint is int:
            settings["converter"] = whole_number
        elif choices_of(field):
            kind = Literal[tuple(choice for choice in choices_of(field) if choice)]
        fields.append((name, Annotated[kind | None, Parameter(**settings)], None))
    home = {"__module__": __name__}  # else it passes for a class of Python's own, which takes no flags
    flags = dataclasses.make_dataclass(f"{section.__name__}Flags", fields, frozen=True, kw_only=True, namespace=home)
    return Annotated[flags, Parameter(name="*")]


def _shown(value: Any) -> str | bool:
    """A default as the help shows it; False to show none."""
    if value in ("", {}, (), None):
        return False
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def add_commands(app: App, commands: Mapping[str, tuple[str, str]], words: Sequence[str]) -> None:
    """Commands by name: where each function is, and what the list of commands says of it.

    They are named, not imported: a command is loaded when the command line, `words`, calls for it, and then speaks for
    itself.
    """
    for name, (function, told) in commands.items():
        app.command(function, name=name, **({} if name in words else {"help": told}))


def given(*flags: Any) -> dict[str, Any]:
    """The options that were given, by name."""
    return {
        name: value for part in flags if part is not None for name, value in vars(part).items() if value is not None
    }


def read_toml(path: Path, sections: Mapping[str, type[Any]]) -> dict[str, Any]:
    """The options in a TOML file, flat by name: any option at the top, or in the table of its section.

    Raises ConfigError, naming the file, for what is not TOML, for unknown names, for an option in the wrong table and
    for one that stands there twice; StorageError when the file cannot be read.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected a TOML file in UTF-8. Received: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: expected TOML. Received: {error}") from error
    owners = {name: section for section, kind in sections.items() for name in fields_of(kind)}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        table = {key: value}
        if key in sections:
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: expected [{key}] to be a table. Received: {value!r}")
            table = value
        for name, setting in table.items():
            if name not in owners:
                near = suggestion(name, [*owners, *sections])
                raise ConfigError(f"{path}: expected the name of an option. Received: {name!r}.{near}")
            if table is value and owners[name] != key and key in sections:
                raise ConfigError(f"{path}: expected {name} in the table [{owners[name]}]. Received: it in [{key}]")
            if name in flat:
                raise ConfigError(f"{path}: expected {name} once. Received: it twice")
            flat[name] = setting
    return flat
