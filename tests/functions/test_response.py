"""How activations end."""

from __future__ import annotations

from couchgrass import json
from couchgrass.functions.activation import Activation, Status
from couchgrass.functions.entity import Limits
from couchgrass.functions.response import failed, has_error, limits_annotation, memory_of, response_of

RUNNING = Activation("ns", "a", "me", "1" * 32, 0, "0.0.1", {})


def test_a_failure_is_an_object_with_an_error() -> None:
    response = failed(Status.DEVELOPER_ERROR, "why")
    assert response.value == {"error": "why"}
    assert has_error(response.value)


def test_only_an_object_has_an_error() -> None:
    assert not has_error(["error"])
    assert not has_error({"errors": 1})
    assert has_error({"error": None})


def test_a_record_without_a_status_did_not_end_well() -> None:
    assert response_of(RUNNING).status is Status.INTERNAL_ERROR


def test_memory_is_what_the_annotation_tells() -> None:
    record = Activation("ns", "a", "me", "1", 0, "0.0.1", {"limits": limits_annotation(Limits(memory=512))})
    assert memory_of(record) == 512
    assert memory_of(RUNNING) is None
    assert json.decode(response_of(RUNNING).result) == {}
