"""`Task`: the description of a task for the command line, `elman.load` and the model card. Does not import torch.

A task is a package whose module `task` has its description in `TASK`. Objects that are slow to import are referenced
by `.module:name`, relative to the package, and loaded when needed.
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

__all__ = ["DataArgument", "Endpoint", "Extra", "Task", "evaluate_endpoint", "score_endpoint", "text_argument"]


@dataclass(frozen=True, kw_only=True)
class DataArgument:
    """The data argument of a command.

    help     help text of the argument
    name     name of the argument in the help
    several  whether several files may be given
    noun     name of one file in messages
    usage    name of the files in short command lines in messages; by default `name`
    valid, test  help texts of the options for held-out data; empty for no such options
    cache    help text of the option for the cache folder; empty for no such option
    toml     an example of an option in a TOML file
    """

    help: str
    name: str = "data"
    several: bool = True
    noun: str = "file"
    usage: str = ""
    valid: str = "Separate validation data."
    test: str = "Test data, evaluated once after training."
    cache: str = ""
    toml: str = "such as `hidden_size = 300`"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An operation of a trained model: a command, which a server can offer too.

    verb      name of the command
    summary   one line for lists of commands
    help      help text of the command, without examples
    examples  command lines, without `elman`; complete ones if they have a pipe
    data      the data argument
    options   `.module:Name` of a dataclass of options, each declared with `option()`
    answer    `.module:name` of a function that takes the model, the paths of the data, the options and
              `EndpointCallbacks`, and returns an `Answer`
    model_option  whether the model may also be given by `--model`

    Several tasks may share a verb. Options of the same name must then be identical. The help of the command joins the
    help of the first task, which says what the verb does, and those of the others.
    """

    verb: str
    summary: str
    help: str
    data: DataArgument
    options: str
    answer: str
    examples: tuple[str, ...] = ()
    model_option: bool = False


# The data of tasks that learn from running text; each task adds `toml`.
text_argument = partial(
    DataArgument,
    help="Files, folders or globs; - for standard input. `.gz` files are decompressed.",
    name="text",
    noun="text",
    valid="Separate validation texts.",
    test="Test texts, evaluated once after training.",
    cache="Folder for the cache of encoded texts.",
)
# Endpoints that most tasks have; each task adds help, examples, options and answer.
evaluate_endpoint = partial(
    Endpoint,
    verb="evaluate",
    summary="Evaluate a model on held-out data.",
    data=DataArgument(help="Files, folders or globs; - for standard input."),
)
score_endpoint = partial(
    Endpoint,
    verb="score",
    summary="Compute the log-probability of each line, or of each target given its source.",
    data=DataArgument(name="files", help="A file of lines, or files of pairs; - for standard input."),
)


@dataclass(frozen=True, kw_only=True)
class Extra:
    """Optional packages that a task needs.

    name      name of the extra: `pip install 'elman[name]'`
    packages  the modules that must be installed
    """

    name: str
    packages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Task:
    """The description of a task.

    name       name of the task in elman.json
    package    `__package__` of the module with the description
    model      `.module:Name` of the model class, a `TaskModel`
    config     `.module:Name` of the options, a subclass of `Sections`
    summary    one line for lists of tasks
    data       the training data
    help       help text of `elman train`, without examples
    examples   command lines, without `elman`
    command    name after `elman train`; by default `name`
    rank       sort key in lists of tasks
    titles     titles of sections of options in the help; by default their names
    endpoints  the operations of a trained model
    card       usage examples of the model card
    files      files that a run writes in addition to those of every run
    extra      optional packages that the task needs, or None
    streams    whether a model can process its input in chunks, with a persistent state
    reads_files  whether a file may stand for a model: the class has `from_file(path, progress=..., **reading)`
    view       name of the task's view on a web page; empty for none
    facts      `.module:name` of a function from an `Artifact` to further rows of `elman info`; empty for none
    paired     `.module:name` of a function from several models and a `Request` to `PairedItems`, their counts of the
               items of a data set (`tasks/paired.py`); empty if models are not compared on data
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
    reads_files: bool = False
    view: str = ""
    facts: str = ""
    paired: str = ""

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("-", " ")

    @property
    def train_command(self) -> str:
        """The word after `elman train`."""
        return self.command or self.name

    @property
    def class_name(self) -> str:
        """The name of the model class, such as `Captioner`."""
        return self.model.partition(":")[2]

    def load(self, reference: str) -> Any:
        """Return the object `.module:name`. Raises ConfigError if it cannot be imported."""
        module, _, name = reference.partition(":")
        try:
            return getattr(importlib.import_module(module, self.package), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"expected {reference} in {self.package}, for a {self.title}. Received: {type(error).__name__}: {error}"
            ) from error

    def model_class(self) -> Any:
        """Return the model class. Raises ConfigError if a required package is not installed."""
        self.check_installed()
        return self.load(self.model)

    def config_class(self) -> Any:
        """Return the class of the options."""
        return self.load(self.config)

    def endpoint(self, verb: str) -> Endpoint | None:
        """Return the endpoint of this name, or None."""
        return next((each for each in self.endpoints if each.verb == verb), None)

    def check_installed(self) -> None:
        """Raise ConfigError if a package of `extra` is not installed."""
        for package in self.extra.packages if self.extra else ():
            if not _is_installed(package):
                raise ConfigError(
                    f"expected the package {package} for a {self.title}: pip install 'elman[{self.extra.name}]'. "  # type: ignore[union-attr]
                    "Received: none"
                )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False
