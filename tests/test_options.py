"""Options: one definition, checked one by one, whatever way they come in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import ConfigError
from elman.options import Sections, choices_of, fields_of, fill, option, suggestion, to_json, with_given


@dataclass(frozen=True)
class Kitchen:
    """Options of every type."""

    name: str = option("stove", "a text")
    heat: str = option("low", "a choice", choices=("low", "middle", "high"))
    plates: int = option(4, "a whole number", least=1, most=8)
    power: float = option(2.5, "a number", least=0.0)
    lit: bool = option(False, "a switch")
    shares: tuple[float, ...] = option((0.5, 0.5), "numbers")
    extra: dict[str, Any] = option({"a": 1}, "a table")
    timer: int | None = option(None, "maybe a number", least=2)


def test_defaults_stand_where_nothing_is_given() -> None:
    assert fill(Kitchen, {}) == Kitchen()
    assert fill(Kitchen, {"plates": 2}).plates == 2
    with pytest.raises(FrozenInstanceError):
        Kitchen().plates = 3  # type: ignore[misc]


def test_what_is_not_empty_takes_the_place_of_a_sections_own() -> None:
    own = Kitchen(name="oven", plates=2)
    assert with_given(own, name="", heat="high") == Kitchen(name="oven", heat="high", plates=2)
    assert with_given(own, name="grill", plates=0) == Kitchen(name="grill", plates=2)


def test_tables_are_not_shared() -> None:
    one = Kitchen()
    one.extra["b"] = 2
    assert Kitchen().extra == {"a": 1}


def test_whole_numbers_serve_as_numbers() -> None:
    power = fill(Kitchen, {"power": 3}).power
    assert power == 3.0
    assert type(power) is float
    assert fill(Kitchen, {"shares": [1, 0]}).shares == (1.0, 0.0)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16])
def test_numpys_values_become_pythons(dtype: type) -> None:
    given = {
        "plates": dtype(3),
        "power": np.float32(0.5),
        "lit": np.True_,
        "name": np.str_("oven"),
        "shares": np.array([0.25, 0.75]),
        "extra": {"b": dtype(2), "c": [np.float64(1.5)], "d": np.array([True])},
    }
    found = fill(Kitchen, given)
    assert found == Kitchen(
        "oven", plates=3, power=0.5, lit=True, shares=(0.25, 0.75), extra={"b": 2, "c": [1.5], "d": [True]}
    )
    assert json.loads(json.dumps(to_json(found))) == to_json(found)
    assert fill(Kitchen, {"power": dtype(3), "plates": np.array(4)}) == Kitchen(power=3.0)
    assert {type(value) for value in (found.plates, found.power, found.lit, found.name)} == {int, float, bool, str}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plates", np.float64(3)),
        ("plates", np.True_),
        ("plates", np.array([3])),
        ("lit", np.int64(1)),
        ("power", np.nan),
    ],
)
def test_numpys_values_of_other_types_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"expected {name} to be"):
        fill(Kitchen, {name: value})


def test_an_option_that_may_be_missing() -> None:
    assert fill(Kitchen, {"timer": None}).timer is None
    assert fill(Kitchen, {"timer": 5}).timer == 5
    with pytest.raises(ConfigError, match="expected timer to be at least 2"):
        fill(Kitchen, {"timer": 1})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"plate": 3}, "Received: 'plate'. Did you mean 'plates'?"),
        ({"zzz": 3}, "expected one of name, heat, plates, power, lit, shares, extra, timer. Received: 'zzz'."),
        ({"heat": "hihg"}, "expected heat among low, middle, high. Received: 'hihg'. Did you mean 'high'?"),
        ({"plates": "4"}, "expected plates to be a whole number. Received: '4'"),
        ({"plates": 4.0}, "expected plates to be a whole number. Received: 4.0"),
        ({"plates": True}, "expected plates to be a whole number. Received: True"),
        ({"timer": 2**63}, "expected timer to be a whole number within 64 bits. Received: 9223372036854775808"),
        ({"plates": None}, "expected plates to be a whole number. Received: None"),
        ({"plates": 0}, "expected plates to be at least 1. Received: 0"),
        ({"plates": 9}, "expected plates to be at most 8. Received: 9"),
        ({"power": "2"}, "expected power to be a number. Received: '2'"),
        ({"power": True}, "expected power to be a number. Received: True"),
        ({"power": math.nan}, "expected power to be a number. Received: nan"),
        ({"power": math.inf}, "expected power to be a number. Received: inf"),
        ({"power": 10**400}, "expected power to be a number. Received: "),
        ({"power": -0.1}, "expected power to be at least 0.0. Received: -0.1"),
        ({"lit": 1}, "expected lit to be true or false. Received: 1"),
        ({"name": 7}, "expected name to be a text. Received: 7"),
        ({"shares": "0.5"}, "expected shares to be a list of values. Received: '0.5'"),
        ({"shares": [0.5, "x"]}, "expected shares to be a number. Received: 'x'"),
        ({"extra": [1]}, "expected extra to be a table of options. Received: [1]"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fill(Kitchen, values, "kitchen.toml")
    assert str(caught.value).startswith("kitchen.toml: ")
    assert message in str(caught.value)


@given(
    st.builds(
        dict,
        name=st.text(),
        heat=st.sampled_from(["low", "middle", "high"]),
        plates=st.integers(1, 8),
        power=st.floats(0, 1e300),
        lit=st.booleans(),
        shares=st.lists(st.floats(allow_nan=False, allow_infinity=False)),
        extra=st.dictionaries(st.text(), st.integers()),
        timer=st.none() | st.integers(2, 2**63 - 1),
    )
)
def test_options_go_through_json_and_back(values: dict[str, Any]) -> None:
    kitchen = fill(Kitchen, values)
    assert fill(Kitchen, json.loads(json.dumps(to_json(kitchen)))) == kitchen


@given(st.dictionaries(st.sampled_from(sorted(fields_of(Kitchen))), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)))  # fmt: skip
def test_any_json_gives_options_or_a_config_error(values: dict[str, Any]) -> None:
    try:
        kitchen = fill(Kitchen, values)
    except ConfigError:
        return
    values.pop("extra", None)
    json.dumps(to_json(fill(Kitchen, values)), allow_nan=False)
    assert kitchen.heat in ("low", "middle", "high")
    assert 1 <= kitchen.plates <= 8


def test_fields_tell_their_types_and_choices() -> None:
    fields = fields_of(Kitchen)
    assert fields["plates"][1] is int
    assert choices_of(fields["heat"][0]) == ("low", "middle", "high")
    assert choices_of(fields["name"][0]) == ()


def test_a_suggestion_is_a_near_name_or_nothing() -> None:
    assert suggestion("lstn", ["lstm", "gru"]) == " Did you mean 'lstm'?"
    assert suggestion("transformer", ["lstm", "gru"]) == ""


@dataclass(frozen=True)
class Fire:
    optimizer: str = option("adamw", "what drives it")
    optimizer_options: dict[str, Any] = option({}, "what that takes")


@dataclass(frozen=True)
class Kitchens(Sections):
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"base": {"optimizer_options": {"betas": [0.9, 0.98]}}}

    training: Fire = field(default_factory=Fire)


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({}, {"betas": [0.9, 0.98]}),
        ({"optimizer": "adamw"}, {"betas": [0.9, 0.98]}),
        ({"optimizer": "AdamW"}, {"betas": [0.9, 0.98]}),
        ({"optimizer": "sgd"}, {}),
        ({"optimizer": "sgd", "optimizer_options": {"momentum": 0.9}}, {"momentum": 0.9}),
        ({"optimizer_options": {"eps": 1e-6}}, {"eps": 1e-6}),
    ],
)
def test_a_preset_s_options_of_an_optimizer_go_with_it(values: dict[str, Any], kept: dict[str, Any]) -> None:
    assert Kitchens.make("base", values).training.optimizer_options == kept


def test_the_last_layer_decides_whether_a_preset_s_options_go() -> None:
    there, gone = Kitchens.presets["base"]["optimizer_options"], {}
    for names, kept in ((("sgd", "adamw"), there), (("adamw", "sgd"), gone)):
        layers = [{"optimizer": name} for name in names]
        assert Kitchens.make("base", *layers).training.optimizer_options == kept


@dataclass(frozen=True)
class Recipes(Sections):
    """A model with an option that its first version did not have."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"base": {}}

    kitchen: NewKitchen = field(default_factory=lambda: NewKitchen())


@dataclass(frozen=True)
class NewKitchen:
    """Options of a later version."""

    heat: str = option("auto", "a choice", choices=("auto", "low"), absent="low")


def test_a_stored_model_without_an_option_behaves_as_before() -> None:
    assert Recipes.make().kitchen.heat == "auto"
    assert Recipes.from_json({"kitchen": {}}, "a model").kitchen.heat == "low"
    assert Recipes.from_json(Recipes.make().to_json(), "a model").kitchen.heat == "auto"


@dataclass(frozen=True)
class ColdKitchens(Kitchens):
    """Options of a shared section, of which this model has no use for some."""

    unused: ClassVar[Mapping[str, str]] = {"plates": "expected no plates: it is cold", "timer": "expected no timer"}

    kitchen: TimedKitchen = field(default_factory=lambda: TimedKitchen())


@dataclass(frozen=True)
class TimedKitchen:
    """A shared section."""

    plates: int = option(4, "a whole number")
    timer: int | None = option(None, "maybe a number", automatic=7)


def test_an_option_that_a_model_has_no_use_for_keeps_its_default() -> None:
    for values in ({"plates": 4}, {"timer": 7}, {"timer": None}):
        assert ColdKitchens.make("base", values).kitchen.plates == 4
    with pytest.raises(ConfigError, match=r"^a file: expected no plates: it is cold\. Received: plates=5$"):
        ColdKitchens.make("base", {"plates": 4}, {"plates": 5}, where="a file")
    with pytest.raises(ConfigError, match=r"expected no timer\. Received: timer=8"):
        ColdKitchens.make("base", {"timer": 8})
    # A model that an earlier version stored opens, since the option did nothing there either.
    stored = {"training": {}, "kitchen": {"plates": 5, "timer": 8}}
    assert ColdKitchens.from_json(stored, "a model").kitchen.timer == 8
