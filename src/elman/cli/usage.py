"""Messages for command lines that cannot be parsed, in the form of all other messages."""

from __future__ import annotations

import shlex
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Literal

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from elman.cli import train
from elman.options import suggestion

__all__ = ["usage_message"]

MakeApp = Callable[[Sequence[str]], App]

_KINDS = {float: "a number", int: "a whole number", bool: "true or false"}


def usage_message(error: CycloptsError, words: Sequence[str], make_app: MakeApp) -> str:
    """Return the message for the command line `words`; `make_app` makes the program for it."""
    special = train.explain(error, words)
    if special is not None:
        return special
    chain = " ".join(["elman", *(error.command_chain or ())])
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return f"expected a value for {error.keyword or error.argument.name}; see {chain} --help. Received: none"
    if isinstance(error, UnusedCliTokensError | ValidationError | UnknownOptionError):
        unknown = _unknown_option(error, words, make_app, chain)
        if unknown is not None:
            return unknown
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        return _unknown_command(error.unused_tokens[0], make_app(words))
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"expected nothing more after {chain}. Received: {error.unused_tokens[0]!r}"
    if isinstance(error, RepeatArgumentError):
        return f"expected {error.token.keyword} once. Received: {error.token.keyword} again"
    if isinstance(error, CoercionError) and error.token is not None:
        return _wrong_value(error, error.token.keyword or _name_of(error))
    if isinstance(error, ValidationError) and ". Received: " in error.exception_message:
        return error.exception_message
    return f"expected a command line as in {chain} --help: {str(error).rstrip('.')}. Received: {shlex.join(words)}"


def _name_of(error: CycloptsError) -> str:
    """Return the name of the argument of an error, as the help shows it."""
    return "the argument" if error.argument is None else error.argument.name.lstrip("-").upper()


def _wrong_value(error: CoercionError, name: str) -> str:
    """Return the message for a value that is not of the option's type, or not among its choices."""
    value = "" if error.token is None else error.token.value
    if error.msg is not None:
        said = str(error.msg)
        return f"{name}: {said}" if ". Received: " in said else f"{name}: {said.rstrip('.')}. Received: {value!r}"
    target: Any = error.target_type
    if typing.get_origin(target) in (types.UnionType, typing.Union):
        target = next(arm for arm in typing.get_args(target) if arm is not type(None))
    if typing.get_origin(target) is Literal:
        choices = [str(choice) for choice in typing.get_args(target)]
        return f"expected {name} among {', '.join(choices)}. Received: {value!r}.{suggestion(value, choices)}"
    return f"expected {name} to be {_KINDS.get(target, 'another value')}. Received: {value!r}"


def _unknown_command(word: str, app: App) -> str:
    """Return the message for a word that is not a command."""
    known = [name for name in app if not name.startswith("-") and app[name].show]
    return f"expected a command among {', '.join(known)}. Received: {word!r}.{suggestion(word, known)}"


def _unknown_option(error: CycloptsError, words: Sequence[str], make_app: MakeApp, chain: str) -> str | None:
    """Return the message for the first word that looks like an option but is not one of this command."""
    app = make_app(words)
    for name in error.command_chain or ():
        app = app[name]
    arguments = app.assemble_argument_collection()
    known = [name for argument in arguments for name in argument.names]
    shown = [name for argument in arguments if argument.parameter.show is not False for name in argument.names]
    takes_value = {name for argument in arguments if argument.token_count()[0] for name in argument.names}
    before = ""
    for word in words:
        name = word.partition("=")[0]
        if name == "--":
            break
        if name.startswith("-") and name != "-" and name not in known and before not in takes_value:
            return f"expected an option of {chain}, see {chain} --help. Received: {name}.{suggestion(name, shown)}"
        before = name
    return None
