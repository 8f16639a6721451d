"""Task: everything that the rest of elman knows of a task, as one value. Imports no torch.

A task is a package with a module `task` that holds its description in `TASK`. The command line, `elman.load`, the
names of `elman`, the model card and the contract tests read it; so can a server. What is heavy is named, as
`.module:name` relative to the package, and loaded when it is needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from elman.artifact.card import CardSnippet
from elman.errors import ConfigError

__all__ = ["DataArgument", "Endpoint", "Extra", "Task", "evaluate_endpoint", "score_endpoint"]


@dataclass(frozen=True, kw_only=True)
class DataArgument:
    """The data that a command takes.

    help     of the files
    name     what the help calls them
    several  whether more than one may be given
    noun     what messages call one of them
    usage    what short command lines in messages call the files; by default `name`
    valid, test  help of the options for held-out data; empty where there are no such options
    cache    help of the option that keeps what was read; empty where nothing is kept
    toml     an option as an example of what a TOML file may hold
    """

    help: str
    name: str = "data"
    several: bool = True
    noun: str = "file"
    usage: str = ""
    valid: str = "Data of its own for validation."
    test: str = "Data of its own for the last test."
    cache: str = ""
    toml: str = "such as `hidden = 300`"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Something that a trained model does: a command, and what a server offers.

    verb      its name
    summary   a line for lists
    help      the help of the command: what it does, without examples
    examples  command lines, without `elman`; whole where another program's output is piped into it
    data      what it reads
    options   `.module:Name` of a dataclass of options, each declared with `option()`
    answer    `.module:name` of the function that does it: from the model, the paths of data, the options and a
              `Conversation` to an `Answer`
    model_option  whether the model may also be named by `--model`

    Several tasks may share a verb: an option that two of them have is the same in both. The help of the command is that
    of the first task, which says what the verb does, followed by the sentences of the others.
    """

    verb: str
    summary: str
    help: str
    data: DataArgument
    options: str
    answer: str
    examples: tuple[str, ...] = ()
    model_option: bool = False


# The endpoints that most tasks have. Each says of itself: help, examples, options, answer.
evaluate_endpoint = partial(
    Endpoint,
    verb="evaluate",
    summary="Measure how good a model is on data that it has not seen.",
    data=DataArgument(help="Files, folders or globs; - for standard input."),
)
score_endpoint = partial(
    Endpoint,
    verb="score",
    summary="Tell how likely a model finds each line of a text, or each target of pairs.",
    data=DataArgument(name="files", help="A file whose lines to score, or files of pairs; - for standard input."),
)


@dataclass(frozen=True, kw_only=True)
class Extra:
    """Packages that a task needs and elman does not install by itself.

    name      of the extra: `pip install 'elman[name]'`
    packages  the modules that must be there
    """

    name: str
    packages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Task:
    """The description of a task.

    name       in elman.json
    package    where it is: `__package__` of the module with the description
    model      `.module:Name` of its class for people, a `TaskModel`
    config     `.module:Name` of its options, a subclass of `Sections`
    summary    a line for lists
    data       what it is trained on
    help       the help of `elman train`: what is read and learnt, without examples
    examples   command lines, without `elman`
    command    its name after `elman train`; by default `name`
    rank       where it stands in lists: those of a lower rank come first
    titles     of sections of options in the help; by default their names
    endpoints  what a trained model does
    card       what a model's card says
    files      what a run writes beside what every run writes, such as a picture
    extra      what has to be installed for it; None for nothing
    streams    whether a model takes its input piece by piece with a state that lives on
    view       the name of its view on a page; empty for none
    facts      `.module:name` of a function from an `Artifact` to what `elman info` adds; empty for nothing
    """

    name: str
    package: str
    model: str
    config: str
    summary: str
    data: DataArgument
    help: str
    examples: tuple[str, ...] = ()
    command: str = ""
    rank: int = 100
    titles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    endpoints: tuple[Endpoint, ...] = ()
    card: CardSnippet = field(default_factory=CardSnippet)
    files: tuple[str, ...] = ()
    extra: Extra | None = None
    streams: bool = False
    view: str = ""
    facts: str = ""

    @property
    def title(self) -> str:
        """The name as words."""
        return self.name.replace("-", " ")

    @property
    def train_command(self) -> str:
        """The word after `elman train`."""
        return self.command or self.name

    @property
    def class_name(self) -> str:
        """The name of the class for people, such as `Captioner`."""
        return self.model.partition(":")[2]

    def load(self, reference: str) -> Any:
        """What `.module:name` names. Raises ConfigError where there is no such thing."""
        module, _, name = reference.partition(":")
        try:
            return getattr(importlib.import_module(module, self.package), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"expected {reference} in {self.package}, for a {self.title}. Received: {type(error).__name__}: {error}"
            ) from error

    def model_class(self) -> Any:
        """The class for people. Raises ConfigError where what it needs is not installed."""
        self.check_installed()
        return self.load(self.model)

    def config_class(self) -> Any:
        """The class of the options."""
        return self.load(self.config)

    def endpoint(self, verb: str) -> Endpoint | None:
        """The endpoint of this name, or None."""
        return next((each for each in self.endpoints if each.verb == verb), None)

    def check_installed(self) -> None:
        """Raise ConfigError where a package of `extra` is not installed."""
        for package in self.extra.packages if self.extra else ():
            if not _is_installed(package):
                raise ConfigError(
                    f"expected the package {package} for a {self.title}: pip install 'elman[{self.extra.name}]'. "  # type: ignore[union-attr]
                    "Received: none"
                )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of what it lies in
        return False
