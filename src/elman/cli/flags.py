"""Command-line flags made from dataclasses of options, and options from TOML files.

Every flag is optional and None when not given, so that presets, files and flags can be combined.
"""

from __future__ import annotations

import dataclasses
import inspect
import tomllib
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter, Token

from elman.errors import ConfigError, StorageError
from elman.options import choices_of, fields_of, former_names, suggestion

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
    """Parse a whole number. Unlike the default converter, 1.7 is refused and not rounded."""
    del type_
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"expected a whole number. Received: {tokens[0].value!r}") from None


def _no_option(type_: Any, value: Any) -> None:
    """Refuse a mistyped option where a file is expected; a single - is standard input."""
    del type_
    words = value if isinstance(value, tuple) else (value,)
    for word in words:
        if str(word).startswith("-") and str(word) != "-":
            raise ValueError(f"expected a file. Received: the option {word}")


# Parameter of files and folders; without this, a single - would be read as an option.
INPUT = Parameter(allow_leading_hyphen=True, validator=_no_option)


def _parse_strings(type_: Any, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Parse comma-separated strings."""
    del type_
    return tuple(part for token in tokens for part in token.value.split(",") if part)


def _parse_floats(type_: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
    """Parse comma-separated numbers."""
    del type_
    text = ",".join(token.value for token in tokens)
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(
            f"expected numbers with commas between them, such as 0.9,0.05,0.05. Received: {text!r}"
        ) from None


def _parse_integers(type_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Parse comma-separated whole numbers."""
    del type_
    text = ",".join(token.value for token in tokens)
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise ValueError(
            f"expected whole numbers with commas between them, such as 1,2,4. Received: {text!r}"
        ) from None


def _parse_table(type_: Any, tokens: Sequence[Token]) -> dict[str, Any]:
    """Parse one or several NAME=VALUE. Values are read as TOML; one that is not valid TOML is a string."""
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


# Converters of lists by the type of their items.
_LISTS = MappingProxyType({str: _parse_strings, float: _parse_floats, int: _parse_integers})


def flags_of(section: type[Any], title: str, place: int, defaults: Any, hidden: Collection[str] = ()) -> Any:
    """Make a dataclass of flags, one for each option of `section`, each None when not given.

    title     the title of their group in the help
    place     the position of this group among the others
    defaults  a section whose values the help shows as defaults
    hidden    options that the help does not show
    """
    group = Group(title, sort_key=place)
    earlier = former_names(section)
    flags = [
        (each, flag_of(each, field, hint, getattr(defaults, name), group=group, negative=True, show=shown), None)
        for name, (field, hint) in fields_of(section).items()
        for each in (name, *(former for former, present in earlier.items() if present == name))
        for shown in (each == name and name not in hidden,)
    ]
    return flags_class(section.__name__, flags)


def flag_of(
    name: str,
    field: dataclasses.Field[Any],
    hint: Any,
    default: Any,
    *,
    group: Group | None,
    negative: bool,
    show: bool = True,
) -> Any:
    """Make the annotation of the flag of one option.

    group     the group in the help; None for the first one
    show      whether the help shows it; earlier names are hidden
    negative  whether a switch is None when not given, and can be turned off, as in `--no-tune`
    """
    settings: dict[str, Any] = {"help": field.metadata["help"], "show_default": _shown(default)}
    if not show:
        settings["show"] = False
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
        kind, settings["converter"] = list[str], _parse_table
        settings["metavar"] = "NAME=VALUE"
    elif typing.get_origin(hint) is list:
        several = typing.get_args(hint)[0] is Path or field.metadata["several"]
        settings |= {"consume_multiple": True} if several else {"allow_leading_hyphen": True}
    elif hint is bool and negative:
        settings["show_default"] = "on" if default else False
    elif hint is bool:
        # Not None by default: with None, completion and messages would treat it as an option with a value.
        settings |= {} if default else {"negative": "", "show_default": False}
        return Annotated[bool, Parameter(**settings)]
    elif hint is int:
        settings["converter"] = whole_number
    elif choices_of(field):
        shown = tuple(choice for choice in choices_of(field) if choice)
        kind = Literal[(*shown, *field.metadata["former_choices"])]
        if field.metadata["former_choices"]:
            settings |= {"show_choices": False, "help": f"{settings['help']} [choices: {', '.join(shown)}]"}
    return Annotated[kind | None, Parameter(**settings)]


def flags_class(name: str, flags: Sequence[tuple[str, Any, Any]]) -> Any:
    """Make a dataclass of flags, each given as name, annotation and default."""
    home = {"__module__": __name__}  # without a module, cyclopts treats it as a built-in class, which has no flags
    made = dataclasses.make_dataclass(f"{name}Flags", flags, frozen=True, kw_only=True, namespace=home)
    return Annotated[made, Parameter(name="*")]


def _shown(value: Any) -> str | bool:
    """Format a default for the help; False to show none."""
    if value in ("", {}, (), None):
        return False
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def command(
    name: str, parameters: Sequence[inspect.Parameter], doc: str, run: Callable[[dict[str, Any]], None]
) -> Callable[..., None]:
    """Make a function with these parameters that calls `run` with its arguments by name."""
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
    """Make the help of a command: a description, examples, and further text."""
    lines = [f"    {example}" if " | elman " in example else f"    elman {example}" for example in examples]
    shown = ["For example:", "\n".join(lines)] if lines else []
    return "\n\n".join([text, *shown, *([more] if more else [])])


def given(*flags: Any) -> dict[str, Any]:
    """Return the options that were given, by name."""
    return {
        name: value for part in flags if part is not None for name, value in vars(part).items() if value is not None
    }


def read_toml(path: Path, sections: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Read options from a TOML file, as a flat mapping: any option at the top, or in the table of its section.

    Raises ConfigError for a file that is not TOML, an unknown name, an option in the wrong table and an option that is
    given twice; StorageError when the file cannot be read.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected a TOML file in UTF-8. Received: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: expected TOML. Received: {error}") from error
    owners = {name: section for section, kind in sections.items() for name in (*fields_of(kind), *former_names(kind))}
    flat: dict[str, Any] = {}
    for key, value in content.items():
        table = {key: value}
        if key in sections:
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: expected [{key}] to be a table. Received: {value!r}")
            table = value
        for name, setting in table.items():
            if name not in owners:
                near = suggestion(name, [*(each for kind in sections.values() for each in fields_of(kind)), *sections])
                raise ConfigError(f"{path}: expected the name of an option. Received: {name!r}.{near}")
            if table is value and owners[name] != key and key in sections:
                raise ConfigError(f"{path}: expected {name} in the table [{owners[name]}]. Received: {name} in [{key}]")
            if name in flat:
                raise ConfigError(f"{path}: expected {name} once. Received: {name} twice")
            flat[name] = setting
    return flat
