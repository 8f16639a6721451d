"""Options as frozen dataclasses, shared by the Python API, TOML files and the command line.

Each field is declared with `option(default, help)`. A section is a dataclass of options; it can be built from a flat
mapping of names. `Sections` groups the sections of a model.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeVar

from elman.errors import ConfigError
from elman.former import warn_of_former_name
from elman.option_values import check_text, check_value, choices_of, python_value, suggestion

__all__ = [
    "AUTO",
    "DefaultSize",
    "Sections",
    "automatic_value",
    "check_text",
    "choices_of",
    "fields_of",
    "fill",
    "fill_flat",
    "flat_fields",
    "former_names",
    "option",
    "present_names",
    "python_value",
    "section",
    "suggestion",
    "to_json",
    "with_given",
]

T = TypeVar("T")

# The preset whose options are chosen by the data, from those of the preset `base`.
AUTO = "auto"


class DefaultSize(int):
    """A size that was not given, in place of which a run takes that of a file which another option names."""


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    local: bool = False,
    flag: str = "",
    free: bool = False,
    former: tuple[str, ...] = (),
    former_choices: Mapping[str, str] = MappingProxyType({}),
    automatic: Any = None,
    absent: Any = None,
    several: bool = False,
    follows: tuple[str, ...] = (),
) -> Any:
    """Declare a dataclass field with a default, a line of help and the allowed values.

    choices      the allowed values of a text option
    least, most  bounds of a number
    local        only meaningful with local files and a terminal; a server omits the option
    flag         a short name on the command line, such as `-o`
    free         on the command line, the value may begin with a hyphen
    former       earlier names of the option, which are still read
    former_choices  earlier names of choices, each with the present one
    automatic    the value that the default, None, stands for where nothing speaks against it
    absent       value for stored options without this one, if it is not the default: what earlier versions did
    several      on the command line, a list of texts may follow one flag: `--candidates a b`
    follows      options that name files: without a value of its own, a size is then a `DefaultSize`
    """
    metadata: dict[str, Any] = {"help": help, "choices": choices, "least": least, "most": most}
    metadata |= {"local": local, "flag": flag, "free": free, "former": former, "former_choices": former_choices}
    metadata |= {"automatic": automatic, "absent": absent, "several": several, "follows": follows}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@typing.dataclass_transform(frozen_default=True)
def section(cls: type[T]) -> type[T]:
    """Class decorator: a frozen dataclass of options, which accepts and has the earlier names of its options too."""
    made: Any = dataclasses.dataclass(frozen=True)(cls)
    init = made.__init__

    @functools.wraps(init)
    def create(self: Any, *positional: Any, **named: Any) -> None:
        if named.keys() - made.__dataclass_fields__.keys():
            named = present_names(named, (made,), made.__name__, warn=True)
        init(self, *positional, **named)

    def find(self: Any, name: str) -> Any:
        present = None if name.startswith("_") else former_names(type(self)).get(name)
        if present is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        warn_of_former_name(f"the option {name!r}", repr(present))
        return getattr(self, present)

    made.__init__, made.__getattr__ = create, find
    return typing.cast("type[T]", made)


def fields_of(section: type[Any]) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """Return the field and the type of every option of a section, by name."""
    hints = typing.get_type_hints(section)
    return {field.name: (field, hints[field.name]) for field in dataclasses.fields(section)}


def flat_fields(section: type[Any]) -> dict[str, tuple[dataclasses.Field[Any], Any, str]]:
    """Return field, type and nested section's name (empty if none) of every option of a section."""
    found: dict[str, tuple[dataclasses.Field[Any], Any, str]] = {}
    for name, (field, hint) in fields_of(section).items():
        if dataclasses.is_dataclass(hint):
            found |= {inner: (*both, name) for inner, both in fields_of(hint).items()}  # type: ignore[arg-type]
        else:
            found[name] = (field, hint, "")
    return found


def automatic_value(section: Any, name: str) -> Any:
    """Return the value that None stands for in an option of a section, as declared by `option(automatic=...)`."""
    return fields_of(type(section))[name][0].metadata["automatic"]


def former_names(section: type[Any]) -> dict[str, str]:
    """Return the present name of an option of a section by each of its earlier names."""
    fields = {field.name: field for field in dataclasses.fields(section)}
    # A class may have its own option with the earlier name of an inherited one.
    return {
        former: name
        for name, field in fields.items()
        for former in field.metadata.get("former", ())
        if former not in fields
    }


def present_names(
    values: Mapping[str, Any],
    sections: Iterable[type[Any]],
    where: str = "the options",
    *,
    warn: bool,
) -> dict[str, Any]:
    """Return `values` with the present names of options, and of choices, in place of earlier ones.

    Issues a FormerNameWarning for each earlier name if `warn`. Raises ConfigError for an option with a value under two
    names.
    """
    kinds = list(sections)
    fields = {field.name: field for kind in kinds for field in dataclasses.fields(kind)}
    present = {former: name for kind in kinds for former, name in former_names(kind).items()}
    found: dict[str, Any] = {}
    for former, value in values.items():
        name = present.get(former, former)
        if name in found or (name != former and name in values):
            other = next(other for other in values if other != former and present.get(other, other) == name)
            raise ConfigError(f"{where}: expected the option {name} once. Received: {former} and {other}")
        if name != former and warn:
            warn_of_former_name(f"the option {former!r}", repr(name))
        choices = fields[name].metadata.get("former_choices", {}) if name in fields else {}
        if isinstance(value, str) and value in choices:
            if warn:
                warn_of_former_name(f"the option {name}={value!r}", f"{name}={choices[value]!r}")
            value = choices[value]
        found[name] = value
    return found


def fill_flat(section: type[T], values: Mapping[str, Any], where: str = "the options") -> T:
    """Like `fill`, with the options of nested sections in the same flat mapping as the section's own."""
    known = flat_fields(section)
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {name: {} for _, _, name in known.values() if name}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(
                f"{where}: expected one of {', '.join(known)}. Received: {name!r}.{suggestion(name, known)}"
            )
        (inner[known[name][2]] if known[name][2] else own)[name] = value
    hints = fields_of(section)
    filled = {name: fill(hints[name][1], part, where) for name, part in inner.items()}
    return dataclasses.replace(fill(section, own, where), **filled)  # type: ignore[type-var]


def to_json(section: Any) -> dict[str, Any]:
    """Convert a section to plain JSON values."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in ((field.name, getattr(section, field.name)) for field in dataclasses.fields(section))
    }


def with_given(section: T, **values: Any) -> T:
    """Return `section` with the non-empty `values` replacing its own."""
    given = {name: value for name, value in values.items() if value}
    return dataclasses.replace(section, **given)  # type: ignore[type-var]


def fill(section: type[T], values: Mapping[str, Any], where: str = "the options") -> T:
    """Build a section from `values`, checking each; other options keep their defaults.

    Raises ConfigError for an unknown name, a wrong type, or a value that is not allowed.
    """
    known = fields_of(section)
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(
                f"{where}: expected one of {', '.join(known)}. Received: {name!r}.{suggestion(name, known)}"
            )
        field, hint = known[name]
        checked[name] = check_value(name, value, hint, field, where)
    return section(**checked)


def _last(layers: Iterable[Mapping[str, Any]], name: str, default: Any) -> Any:
    """Return the option's value in the last layer that has it."""
    for layer in layers:
        default = layer.get(name, default)
    return default


class Sections:
    """Base class for the options of a model: a frozen dataclass whose fields are sections.

    A subclass declares its sections, one of them `training`, as fields with `default_factory`, and its presets as flat
    mappings of options. If any option named in `budget` is given, all of them are dropped from the preset. `bound` maps
    an option to another one that it depends on: if the other is given a value different from the preset's, the
    preset's value of the first is dropped. `unused` has the options of shared sections that do nothing in this task,
    each with the sentence that refuses a value other than the default; the help of the command does not show them.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    budget: ClassVar[tuple[str, ...]] = ("max_steps", "max_epochs", "max_seconds")
    bound: ClassVar[Mapping[str, str]] = {"optimizer_options": "optimizer"}
    unused: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def sections(cls) -> dict[str, type[Any]]:
        """Return the section classes by name."""
        return {name: hint for name, (_, hint) in fields_of(cls).items()}

    @classmethod
    def preset_options(cls, name: str) -> Mapping[str, Any]:
        """Return the options of a preset; those of `auto`, before any is chosen, are those of `base`.

        Raises ConfigError for an unknown preset.
        """
        if name == AUTO and name not in cls.presets:
            name = "base"
        if name not in cls.presets:
            names = (AUTO, *cls.presets)
            raise ConfigError(
                f"expected a preset among {', '.join(names)}. Received: {name!r}.{suggestion(name, names)}"
            )
        return cls.presets[name]

    @classmethod
    def make(cls, preset: str = AUTO, *layers: Mapping[str, Any], where: str = "the options") -> Self:
        """Build the options from a preset, overridden by flat mappings; later mappings take precedence.

        Earlier names of options are read too, with a FormerNameWarning.

        Raises ConfigError for an unknown preset or option and for a value that is not allowed.
        """
        base = cls.preset_options(preset)
        layers = tuple(cls.present_names(layer, where) for layer in layers)
        flat = present_names(base, cls.sections().values(), where, warn=False)
        if any(layer.get(name) for layer in layers for name in cls.budget):
            flat = {name: value for name, value in flat.items() if name not in cls.budget}
        sections = cls.sections()
        owners = {name: section for section, kind in sections.items() for name in fields_of(kind)}
        for name, other in cls.bound.items():
            if name in flat:
                own = flat.get(other, fields_of(sections[owners[other]])[other][0].default)
                # Names of optimisers are case-insensitive.
                if str(_last(layers, other, own)).lower() != str(own).lower():
                    del flat[name]
        for layer in layers:
            flat.update(layer)
        given = {name for layer in layers for name in layer}
        for field in (field for kind in sections.values() for field in dataclasses.fields(kind)):
            if field.name not in given and any(flat.get(other) for other in field.metadata.get("follows", ())):
                flat[field.name] = DefaultSize(flat.get(field.name, field.default))
        unknown = [name for name in flat if name not in owners]
        if unknown:
            raise ConfigError(
                f"{where}: no option has this name. Received: {unknown[0]!r}.{suggestion(unknown[0], owners)}"
            )
        parts = {
            section: fill(kind, {name: value for name, value in flat.items() if owners[name] == section}, where)
            for section, kind in sections.items()
        }
        for section, name in ((parts[owners[name]], name) for name in cls.unused):
            field, value = fields_of(type(section))[name][0], getattr(section, name)
            own = field.default_factory() if callable(field.default_factory) else field.default
            if value not in (own, field.metadata["automatic"]):
                raise ConfigError(f"{where}: {cls.unused[name]}. Received: {name}={value}")
        return cls(**parts)

    @classmethod
    def present_names(cls, values: Mapping[str, Any], where: str = "the options") -> dict[str, Any]:
        """Return a flat mapping with the present names of options, with a FormerNameWarning for each earlier name."""
        return present_names(values, cls.sections().values(), where, warn=True)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Convert all options to plain values, by section."""
        return {section: to_json(getattr(self, section)) for section in self.sections()}

    def stored(self) -> dict[str, dict[str, Any]]:
        """Convert the options that define the model, all sections except `training`, to plain values."""
        return {section: values for section, values in self.to_json().items() if section != "training"}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> Self:
        """Rebuild the options from the output of `to_json`. Raises ConfigError for anything else."""
        sections = cls.sections()
        if set(values) != set(sections) or not all(isinstance(part, Mapping) for part in values.values()):
            raise ConfigError(f"{where}: expected the sections {', '.join(sections)}. Received: {sorted(values)}")
        return cls(
            **{
                name: fill(kind, _completed(kind, present_names(values[name], (kind,), where, warn=False)), where)
                for name, kind in sections.items()
            }
        )


def _completed(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored options of a section with the options that earlier versions did not have."""
    absent = {field.name: field.metadata.get("absent") for field in dataclasses.fields(kind)}
    return {**{name: value for name, value in absent.items() if value is not None}, **values}
