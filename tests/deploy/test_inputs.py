"""Values of inputs: types, zero values, what goes before what."""

from __future__ import annotations

from typing import Any

import pytest

from couchgrass.deploy import wanted
from tests.deploy.reading import app_of, refused

ENV = {"WHO": "Sam", "WHERE": "Shire", "EMPTY": ""}


def app(
    inputs: str, *, package: str = "{}", project: str = "{}", env: dict[str, str] = ENV, **more: Any
) -> wanted.App:
    text = (
        f"project:\n  name: p\n  inputs: {project}\n  packages:\n    a:\n      inputs: {package}\n"
        f"      actions:\n        b:\n          function: b.js\n          inputs:{inputs}\n"
    )
    return app_of(text, env, **more)


def value(given: str, **more: Any) -> Any:
    """What the action's input x is."""
    return app(f"\n            x: {given}", **more).actions[0].parameters.get("x", "MISSING")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("foo", "foo"),
        ("123", 123),
        ("3.14", 3.14),
        ("yes", True),
        ("'123'", "123"),
        ("", ""),
        ("string", ""),
        ("integer", 0),
        ("float", 0.0),
        ("boolean", False),
        ("json", {}),
        ("int", "int"),
        ("[1, $WHO]", [1, "$WHO"]),
        ("{}", {}),
        (
            "{name: $WHO, in: {at: '${WHERE}', kept: '$${WHERE}'}}",
            {"name": "Sam", "in": {"at": "Shire", "kept": "${WHERE}"}},
        ),
        ("$WHO", "Sam"),
        ("the ${WHERE}!", "the Shire!"),
        ("$${WHO}", "${WHO}"),
        ("$EMPTY", ""),
        ("{value: foo}", "foo"),
        ("{value: 123}", 123),
        ("{type: string}", ""),
        ("{type: integer}", 0),
        ("{type: float}", 0.0),
        ("{type: boolean}", False),
        ("{type: json}", {}),
        ("{type: slice}", "MISSING"),
        ("{type: string, default: bar}", "bar"),
        ("{type: int, default: -1}", -1),
        ("{type: float, default: 2}", 2),
        ("{type: string, value: foo, default: bar}", "foo"),
        ("{type: string, value: '$WHO'}", "Sam"),
        ("{type: string, default: '$WHO'}", "Sam"),
        ("{type: json, value: '{\"a\": [1]}'}", {"a": [1]}),
        ("{type: json, value: {a: '${WHO}'}}", {"a": "Sam"}),
        ("{type: json, value: [1]}", [1]),
        ("{type: boolean, value: false, required: true}", False),
        ("{type: integer, value: 0, required: true}", 0),
    ],
)
def test_an_input_has_the_value_that_is_written(given: str, found: Any) -> None:
    parameter = value(given, strict=True)
    assert (parameter, type(parameter)) == (found, type(found))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{type: json, value: '{'}", "x: is declared as json and its text is no JSON"),
        ("{type: string, required: true}", "inputs that are required have no value: x"),
        ("{type: integer, required: true}", "inputs that are required have no value: x"),
        ("{type: string, required: true, value: $NOT}", "inputs that are required have no value: x"),
    ],
)
def test_an_input_without_a_good_value_is_refused(given: str, told: str) -> None:
    text = f"{{packages: {{a: {{actions: {{b: {{function: b.js, inputs: {{\n  x: {given}}}}}}}}}}}}}"
    assert refused(text) == f"manifest.yaml:2: {told}"


def test_all_inputs_without_a_value_are_told_at_once() -> None:
    text = "packages: {a: {actions: {b: {function: b.js, inputs: {x: {required: yes}, y: {required: yes}}}}}}"
    assert refused(text).endswith("no value: x, y")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{type: string, value: 1}", "x: is declared as string and its value is not"),
        ("{type: integer, value: $WHO}", "x: is declared as integer and its value is not"),
        ("{type: string, vaule: 1}", "x: taken as JSON, since vaule is no key of a declaration"),
        ("$NOT", "NOT is not set in the environment: it is taken as empty text"),
        ("{a: $NOT}", "NOT is not set in the environment: it is taken as empty text"),
    ],
)
def test_what_is_probably_not_meant_is_told_and_with_strictness_refused(given: str, told: str) -> None:
    text = f"{{packages: {{a: {{actions: {{b: {{function: b.js, inputs: {{x: {given}}}}}}}}}}}}}"
    assert app_of(text, ENV).warnings == (f"manifest.yaml:1: {told}",)
    assert refused(text, ENV, strict=True) == f"manifest.yaml:1: {told}"


def test_a_value_of_another_type_is_sent_as_it_is() -> None:
    assert value("{type: string, value: 1}") == 1
    assert value("{type: integer, value: $WHO}") == "$WHO"


def test_an_action_looks_up_what_is_not_set_in_its_package_then_its_project() -> None:
    more = {"package": "{NAME: Frodo}", "project": "{NAME: Bilbo, HOME: Bag End}", "strict": True}
    assert value("$NAME", **more) == "Frodo"
    assert value("$HOME", **more) == "Bag End"
    assert value("${HOME}", **more) == "Bag End"
    assert value("{value: $HOME, required: true}", **more) == "Bag End"


def test_the_environment_goes_before_inputs_of_the_package() -> None:
    assert value("$WHO", package="{WHO: Frodo}") == "Sam"


def test_an_input_of_a_package_is_looked_up_by_its_own_name_then_in_the_project() -> None:
    found = app(
        " {}",
        package="{WHO: string, place: {type: string, value: $HOME}, WHERE: {required: true}}",
        project="{HOME: Bag End}",
        strict=True,
    )
    assert found.packages[0].parameters == {"WHO": "Sam", "place": "Bag End", "WHERE": "Shire"}


def test_a_package_keeps_its_own_inputs_and_not_those_of_its_project() -> None:
    found = app(" {}", package="{a: 1, HOME: here}", project="{HOME: Bag End, OTHER: x}")
    assert found.packages[0].parameters == {"a": 1, "HOME": "here"}


def test_a_package_without_a_required_input_is_refused() -> None:
    assert "no value: KEY" in refused("packages: {a: {inputs: {KEY: {type: string, required: true}}}}")


def test_what_the_user_gives_goes_before_the_deployment_file_and_that_before_the_manifest() -> None:
    own = "inputs: {one: D, two: D}, actions: {b: {inputs: {x: D, y: D, z: D}}}"
    over = f"project: {{name: p, packages: {{a: {{{own}}}}}}}"
    found = app(
        " {x: M, y: M, w: M}",
        package="{one: M, two: M, three: M}",
        over=over,
        params={"x": "$WHO", "two": {"a": "${WHERE}"}, "z": 7},
    )
    assert found.packages[0].parameters == {"one": "D", "two": {"a": "Shire"}, "three": "M"}
    assert found.actions[0].parameters == {"x": "Sam", "y": "D", "w": "M", "z": 7}
    assert found.warnings == ()


def test_a_required_input_may_come_from_the_deployment_file_or_from_the_user() -> None:
    given = " {x: {type: string, required: true}}"
    over = "project: {name: p, packages: {a: {actions: {b: {inputs: {x: D}}}}}}"
    assert app(given, over=over).actions[0].parameters == {"x": "D"}
    assert app(given, params={"x": "U"}).actions[0].parameters == {"x": "U"}


def test_a_value_from_the_user_that_nothing_asks_for_is_told() -> None:
    assert app(" {}", params={"nope": 1}).warnings == (
        "manifest.yaml:1: there is no input nope to give a value to",
    )
