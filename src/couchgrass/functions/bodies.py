"""The parts that the bodies of PUT have in common, from JSON to values.

An unknown member is passed over and a null is as good as absent, as upstream. What has the wrong type is a
400 that begins as upstream's do. Parts that are not given are None: what that means depends on the entity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from couchgrass import json
from couchgrass.errors import BadRequest
from couchgrass.functions.entity import Parameter
from couchgrass.functions.limits import PARAMETERS_BYTES_MAX, check_bytes

MALFORMED: Final = "The request content was malformed:\n"

VERSION_PART_MAX: Final = 2**31 - 1
"""Each number of a version is a signed 32 bit one."""


DEPTH_SPARE: Final = 100
"""How much deeper a value may still lie without harm: in a document in an answer, and deeper in the stack."""


class Parts(msgspec.Struct, frozen=True):
    """What every entity has; None: not given."""

    parameters: tuple[Parameter, ...] | None = None
    annotations: Mapping[str, Any] | None = None
    version: str | None = None
    publish: bool | None = None


@contextmanager
def reading() -> Iterator[None]:
    """Inside of it a ValueError about the body is a 400, and so is a value that is nested too deeply."""
    try:
        yield
    except ValueError as wrong:
        raise BadRequest(MALFORMED + str(wrong)) from wrong
    except RecursionError:
        raise BadRequest(MALFORMED + "it is nested too deeply") from None


def members(body: Any) -> dict[str, Any]:
    """The members of a body that are given. Raises ValueError when it is no object."""
    if not isinstance(body, dict):
        raise ValueError("Object expected")
    return {name: value for name, value in body.items() if value is not None}


def read_parts(given: Mapping[str, Any]) -> Parts:
    """Raises ValueError for the wrong form, TooLarge."""
    parameters = read_parameters(given["parameters"]) if "parameters" in given else None
    annotations = read_parameters(given["annotations"]) if "annotations" in given else None
    for field, listed in (("parameters", parameters), ("annotations", annotations)):
        check_bytes(field, parameters_bytes(listed or ()), PARAMETERS_BYTES_MAX)
    publish = given.get("publish")
    if publish is not None and not isinstance(publish, bool):
        raise ValueError("'publish' must be a boolean")
    return Parts(
        parameters=parameters,
        annotations=None if annotations is None else {one.key: one.value for one in annotations},
        version=read_version(given["version"]) if "version" in given else None,
        publish=publish,
    )


def read_parameters(value: Any) -> tuple[Parameter, ...]:
    """A list of {key, value, init?}. Of a key that is there twice, the last counts. Raises ValueError.

    A value that some other platform has encrypted is refused: nobody here could read it.
    """
    if not isinstance(value, list):
        raise ValueError("parameters malformed!")
    found: dict[str, Parameter] = {}
    for row in value:
        if not isinstance(row, dict) or "value" not in row:
            raise ValueError("parameters malformed!")
        key, init = row.get("key"), row.get("init", False)
        if not isinstance(key, str) or not isinstance(init, bool) or row.get("encryption") is not None:
            raise ValueError("parameters malformed!")
        found[key] = Parameter(key, row["value"], init)
    return tuple(found.values())


def parameters_bytes(parameters: tuple[Parameter, ...]) -> int:
    """How large they are: keys, and values as JSON text. Raises RecursionError for too deep a value."""
    return sum(len(one.key.encode()) + _value_bytes(one.value) for one in parameters)


def _value_bytes(value: Any) -> int:
    spare = DEPTH_SPARE if isinstance(value, dict | list) else 0
    for _ in range(spare):
        value = [value]
    return len(json.encode(value)) - 2 * spare


def read_version(value: Any) -> str:
    """ "1", "1.0" and "1.0.0" are 1.0.0. Raises ValueError."""
    numbers = [0, 0, 0]
    if isinstance(value, str):
        for place, text in enumerate(value.rstrip(".").split(".")[:3]):
            if not (text.isascii() and text.isdigit() and len(text) <= 10):
                numbers = [0, 0, 0]
                break
            numbers[place] = int(text)
    if not any(numbers) or max(numbers) > VERSION_PART_MAX:
        raise ValueError("semantic version malformed")
    return ".".join(str(number) for number in numbers)


def next_version(version: str) -> str:
    """The version after it: its last number is one more."""
    lead, _, patch = version.rpartition(".")
    return f"{lead}.{int(patch) + 1}"
