"""An activation as OpenWhisk's clients read it."""

from __future__ import annotations

import msgspec

from couchgrass import json
from couchgrass.functions import activation_form
from couchgrass.functions.activation import Activation, Status

ENDED = Activation(
    namespace="guest",
    name="hello",
    subject="guest",
    activation_id="a" * 32,
    start=1_000,
    version="0.0.3",
    annotations={"path": "guest/hello", "kind": "nodejs:20"},
    end=1_250,
    cause="b" * 32,
    status=Status.APPLICATION_ERROR,
    result=msgspec.Raw(b'{"error":"no"}'),
    logs=("2026-01-01T00:00:00.000000000Z stdout: hi",),
)
RUNNING = msgspec.structs.replace(
    ENDED, end=None, status=None, cause=None, result=msgspec.Raw(b"{}"), logs=()
)

ANNOTATIONS = [{"key": "path", "value": "guest/hello"}, {"key": "kind", "value": "nodejs:20"}]


def on_the_wire(value: object) -> object:
    return json.decode(json.encode(value))


def test_the_whole_record() -> None:
    assert on_the_wire(activation_form.record(ENDED)) == {
        "namespace": "guest",
        "name": "hello",
        "subject": "guest",
        "activationId": "a" * 32,
        "start": 1_000,
        "end": 1_250,
        "duration": 250,
        "cause": "b" * 32,
        "version": "0.0.3",
        "publish": False,
        "annotations": ANNOTATIONS,
        "logs": ["2026-01-01T00:00:00.000000000Z stdout: hi"],
        "response": {
            "result": {"error": "no"},
            "size": 14,
            "status": "application error",
            "success": False,
        },
    }


def test_the_record_in_the_answer_to_an_invocation_has_no_logs() -> None:
    assert on_the_wire(activation_form.record(ENDED, logs=False)) == {
        **activation_form.record(ENDED),
        "annotations": ANNOTATIONS,
        "logs": [],
        "response": {**activation_form.response(ENDED), "result": {"error": "no"}},
    }


def test_a_row_has_the_status_code_and_no_response() -> None:
    assert on_the_wire(activation_form.row(ENDED)) == {
        "namespace": "guest",
        "name": "hello",
        "activationId": "a" * 32,
        "start": 1_000,
        "end": 1_250,
        "duration": 250,
        "cause": "b" * 32,
        "version": "0.0.3",
        "publish": False,
        "annotations": ANNOTATIONS,
        "statusCode": 1,
    }


def test_one_that_runs_has_no_end_and_says_that_it_runs() -> None:
    assert activation_form.response(RUNNING)["status"] == "running"
    assert not activation_form.response(RUNNING)["success"]
    for form in (activation_form.record, activation_form.row):
        assert not {"end", "duration", "cause", "statusCode"} & form(RUNNING).keys()


def test_logs_and_result_stand_alone() -> None:
    assert on_the_wire(activation_form.logs(ENDED)) == {"logs": list(ENDED.logs)}
    success = msgspec.structs.replace(ENDED, status=Status.SUCCESS, result=msgspec.Raw(b"[1]"))
    assert on_the_wire(activation_form.response(success)) == {
        "result": [1],
        "size": 3,
        "status": "success",
        "success": True,
    }
