"""Options as flags and from TOML files. What an option is called, means and takes stands in its dataclass alone.

Every flag is optional here and None when not given, so that a preset, then a file, then flags can take rank. Knows
nothing about what any option means.
"""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter, Token

from elman.errors import ConfigError, StorageError
from elman.options import choices_of, fields_of, suggestion

__all__ = [
    "INPUT",
    "command",
    "flag_of",
    "flags_class",
    "flags_of",
    "given",
    "help_text",
    "read_toml",
    "whole_number",
]


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
    flags = [
        (name, flag_of(name, field, hint, getattr(defaults, name), group=group, negative=True), None)
        for name, (field, hint) in fields_of(section).items()
    ]
    return flags_class(section.__name__, flags)


def flag_of(
    name: str, field: dataclasses.Field[Any], hint: Any, default: Any, *, group: Group | None, negative: bool
) -> Any:
    """The annotation of the flag of one option.

    group     its part of the help; None for the first one
    negative  whether a switch is None where it is not given, and can be turned off, as in `--no-tune`
    """
    settings: dict[str, Any] = {"help": field.metadata["help"], "show_default": _shown(default)}
    if group is not None:
        settings["group"] = group
    elif isinstance(default, float):
        settings["show_default"] = str(default)
    if field.metadata["flag"]:
        settings["name"] = [f"--{name.replace('_', '-')}", field.metadata["flag"]]
    if field.metadata["free"]:
        settings["allow_leading_hyphen"] = True
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
    kind: Any = hint
    if typing.get_origin(hint) is tuple:
        listed = _LISTS[typing.get_args(hint)[0]]
        kind, settings["converter"], settings["n_tokens"] = tuple, listed, 1
        settings["metavar"] = "A,B,C"
    elif typing.get_origin(hint) is dict:
        kind, settings["converter"] = list[str], _table
        settings["metavar"] = "NAME=VALUE"
    elif typing.get_origin(hint) is list:
        several = typing.get_args(hint)[0] is Path
        settings |= {"consume_multiple": True} if several else {"allow_leading_hyphen": True}
    elif hint is bool and negative:
        settings["show_default"] = "on" if default else False
    elif hint is bool:
        # Not None where it is not given: with None, completion and messages would take it for an option with a value.
        settings |= {} if default else {"negative": "", "show_default": False}
        return Annotated[bool, Parameter(**settings)]
    elif hint is int:
        settings["converter"] = whole_number
    elif choices_of(field):
        kind = Literal[tuple(choice for choice in choices_of(field) if choice)]
    return Annotated[kind | None, Parameter(**settings)]


def flags_class(name: str, flags: Sequence[tuple[str, Any, Any]]) -> Any:
    """A dataclass of flags: of each its name, its annotation, and what it is where it is not given."""
    home = {"__module__": __name__}  # else it passes for a class of Python's own, which takes no flags
    made = dataclasses.make_dataclass(f"{name}Flags", flags, frozen=True, kw_only=True, namespace=home)
    return Annotated[made, Parameter(name="*")]


def _shown(value: Any) -> str | bool:
    """A default as the help shows it; False to show none."""
    if value in ("", {}, (), None):
        return False
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def command(
    name: str, parameters: Sequence[inspect.Parameter], doc: str, run: Callable[[dict[str, Any]], None]
) -> Callable[..., None]:
    """A function of these parameters that calls `run` with its arguments by name."""
    signature = inspect.Signature(parameters)

    def function(*positional: Any, **named: Any) -> None:
        bound = signature.bind(*positional, **named)
        bound.apply_defaults()
        run(dict(bound.arguments))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__signature__ = signature  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    return function


def help_text(text: str, examples: Sequence[str], more: str = "") -> str:
    """The help of a command: what it does, examples of it, and more."""
    lines = [f"    {example}" if " | elman " in example else f"    elman {example}" for example in examples]
    shown = ["For example:", "\n".join(lines)] if lines else []
    return "\n\n".join([text, *shown, *([more] if more else [])])


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
