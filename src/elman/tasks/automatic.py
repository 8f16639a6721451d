"""Preset `auto`: options that a run settles by its data where none was given.

A task names them in `automatic_options`, or in `automatic_reading` if they decide how the data is encoded. `choosing`
makes the options that were given known to the `Setup` that is made within the block.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from elman.options import AUTO, DefaultSize, Sections, fields_of, python_value
from elman.tasks.start import current_start

if TYPE_CHECKING:
    from elman.data.sources import Sources
    from elman.display import Progress

__all__ = ["AutomaticHooks", "AutomaticOptions", "Choices", "choosing", "current_choice"]

C = TypeVar("C", bound=Sections)

_current: ContextVar[AutomaticOptions | None] = ContextVar("elman_automatic_options", default=None)


@dataclass(frozen=True)
class Choices:
    """Options that suit the data, by name, and what in the data is the reason, such as "2,931 texts of 19 words"."""

    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    because: str = ""


@dataclass
class AutomaticOptions:
    """The options that a run has chosen by its data.

    given    names of the options that are not chosen, because they have a value of their own
    chosen   the chosen options by name
    refused  options that suit the data, but have another value: both, by name
    reasons  what in the data the choices were made by
    """

    given: frozenset[str]
    chosen: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def apply(self, config: C, choices: Choices) -> C:
        """Return the options with those of `choices` that were not given.

        Limits of a run are one option: where one was given, no other is chosen, and a chosen one replaces all.
        """
        owners = {name: section for section, kind in config.sections().items() for name in fields_of(kind)}
        budget, own = config.budget, dict(choices.options)
        if any(name in self.given for name in budget):
            own = {name: value for name, value in own.items() if name not in budget}
        elif any(name in own for name in budget):
            own |= {name: 0 for name in budget if name not in own}
        changes: dict[str, dict[str, Any]] = {}
        start = current_start()
        kept = self.given if start is None else self.given | set(start.options())
        for name, value in own.items():
            present = getattr(getattr(config, owners[name]), name)
            if name in kept or isinstance(present, DefaultSize):
                if name in self.given and python_value(present) != python_value(value):
                    self.refused[name] = (present, value)
            elif present != value:
                changes.setdefault(owners[name], {})[name] = value
        for name, value in own.items():
            # A limit that is switched off is not worth a word.
            if name in changes.get(owners[name], ()) and (value or name not in budget):
                self.chosen[name] = value
        if choices.because and choices.because not in self.reasons:
            self.reasons.append(choices.because)
        replaced = {name: dataclasses.replace(getattr(config, name), **values) for name, values in changes.items()}
        return dataclasses.replace(config, **replaced)  # type: ignore[type-var]

    def notes(self) -> list[str]:
        """Describe the chosen options as flags of the command line, and the given ones that suit the data less."""
        because = f" ({'; '.join(self.reasons)})" if self.reasons else ""
        notes = [f"chosen by the data: {as_flags(self.chosen)}{because}"] if self.chosen else []
        if self.refused:
            given = as_flags({name: value for name, (value, _) in self.refused.items()})
            suited = as_flags({name: value for name, (_, value) in self.refused.items()})
            notes.append(f"{given} is kept as given; by the data it would be {suited}{because}")
        return notes

    def to_json(self) -> dict[str, Any]:
        """Return the chosen options and their reasons as plain values."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in self.chosen.items()}
        return {"options": plain, "because": list(self.reasons)}


class AutomaticHooks:
    """Base class of `Setup`: the methods in which a task names the options that suit the data.

    Without them, the preset `auto` is the preset `base`.
    """

    resumed: bool
    start_facts: Mapping[str, Any]
    # What was chosen by the data; None with another preset than `auto`, and in a resumed run, which has it already.
    automatic: AutomaticOptions | None = None

    @classmethod
    def automatic_reading(cls, config: Any, sources: Sources, progress: Progress | None) -> Choices:
        """Return options that suit the files, of those that decide how they are read and encoded."""
        del config, sources, progress
        return Choices()

    def automatic_options(self, config: Any) -> Choices:
        """Return options that suit the data in `parts`."""
        del config
        return Choices()

    @classmethod
    def check_options(cls, config: Any) -> None:
        """Raise ConfigError for incompatible options."""

    @classmethod
    def choose_reading(cls, config: C, sources: Sources, progress: Progress | None) -> C:
        """Return the options with those that the files suggest, within `choosing`."""
        automatic = current_choice()
        return (
            config if automatic is None else automatic.apply(config, cls.automatic_reading(config, sources, progress))
        )

    def choose_options(self, config: Any) -> Any:
        """Return the options with those that the data suggests, within `choosing`."""
        self.automatic = None if self.resumed else current_choice()
        if self.automatic is None:
            return config
        config = self.automatic.apply(config, self.automatic_options(config))
        self.check_options(config)
        if self.automatic.chosen:
            self.start_facts = {**self.start_facts, "automatic": self.automatic.to_json()}
        return config


def as_flags(options: Mapping[str, Any]) -> str:
    """Return options as flags of the command line."""
    flags = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            listed = ",".join(map(str, value)) if isinstance(value, tuple | list) else f"{value}"
            flags.append(f"--{flag} {listed}")
    return " ".join(flags)


def current_choice() -> AutomaticOptions | None:
    """Return what a `Setup` that is made now chooses by its data, or None."""
    return _current.get()


@contextmanager
def choosing(preset: str, given: Collection[str]) -> Iterator[None]:
    """Context manager in which a `Setup` chooses the options that were not given, if the preset is `auto`."""
    token = _current.set(AutomaticOptions(frozenset(given)) if preset == AUTO else None)
    try:
        yield
    finally:
        _current.reset(token)
