"""What outcomes mean, with OpenWhisk's texts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from couchgrass.functions.activation import Status
from couchgrass.functions.response import Response
from couchgrass.functions.run.response import of_init, of_run
from couchgrass.functions.runtimes.cell import End, Outcome

DEVELOPER = Status.DEVELOPER_ERROR
INVALID = "The action did not produce a valid JSON or JSON Array response"


def done(body: bytes, status: int = 200) -> Outcome:
    return Outcome(End.DONE, status, body)


def said(response: Response | None) -> tuple[Status, Any]:
    assert response is not None
    result = json.loads(bytes(response.result))
    return response.status, result["error"] if isinstance(result, dict) and "error" in result else result


@pytest.mark.parametrize(
    ("outcome", "status", "result"),
    [
        (done(b'{"a":1}'), Status.SUCCESS, {"a": 1}),
        (done(b"{}"), Status.SUCCESS, {}),
        (done(b"[1,2]"), Status.SUCCESS, [1, 2]),
        (done(b' \n[{"error":1}]'), Status.SUCCESS, [{"error": 1}]),
        (done(b' {"error":null}'), Status.APPLICATION_ERROR, None),
        (done(b'{"a":1,"error":{"statusCode":404}}'), Status.APPLICATION_ERROR, {"statusCode": 404}),
        (done(b'{"error":"own"}', 502), DEVELOPER, "own"),
        (done(b'{"a":1}', 502), DEVELOPER, INVALID + ': {"a":1}'),
        (done(b"[1]", 502), DEVELOPER, INVALID + ": [1]"),
        (done(b""), DEVELOPER, INVALID + "."),
        (done(b"7"), DEVELOPER, INVALID + ": 7"),
        (done(b'"text"'), DEVELOPER, INVALID + ': "text"'),
        (done(b"null"), DEVELOPER, INVALID + ": null"),
        (done(b'{"a":NaN}'), DEVELOPER, INVALID + ': {"a":NaN}'),
        (done(b'{"a":1}{'), DEVELOPER, INVALID + ': {"a":1}{'),
        (done(b'{"a":"\xff"}'), DEVELOPER, INVALID + ': {"a":"\ufffd"}'),
        (done(b"[" * 100_000), DEVELOPER, INVALID + ": " + "[" * 65_536),
        (
            Outcome(End.DIED),
            DEVELOPER,
            "The action did not produce a valid response and exited unexpectedly.",
        ),
        (Outcome(End.OUT_OF_MEMORY), DEVELOPER, "The action exhausted its memory and was aborted."),
        (Outcome(End.TIMED_OUT), DEVELOPER, "The action exceeded its time limits of 100 milliseconds."),
        (
            Outcome(End.TOO_LARGE, 200, b"{}", 2_000_000),
            Status.APPLICATION_ERROR,
            "The action produced a response that exceeded the allowed length: 2000000 > 1048576 bytes. "
            "The truncated response was: {}",
        ),
    ],
)
def test_the_outcome_of_a_run(outcome: Outcome, status: Status, result: Any) -> None:
    assert said(of_run(outcome, 100)) == (status, result)


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (done(b'{"error":"own"}', 502), "own"),
        (done(b'{"a":1}', 500), 'The action failed during initialization: {"a":1}'),
        (done(b"", 502), "The action failed during initialization."),
        (done(b"\xff", 502), "The action failed during initialization: \ufffd"),
        (Outcome(End.DIED), "The action did not initialize and exited unexpectedly."),
        (Outcome(End.OUT_OF_MEMORY), "The action exhausted its memory and was aborted."),
        (
            Outcome(End.TIMED_OUT),
            "The action exceeded its time limits of 100 milliseconds during initialization.",
        ),
        (
            Outcome(End.TOO_LARGE, 502, b"x", 2_000_000),
            "The action produced a response that exceeded the allowed length: 2000000 > 1048576 bytes. "
            "The truncated response was: x",
        ),
    ],
)
def test_an_init_that_fails_is_the_developers_error(outcome: Outcome, result: str) -> None:
    assert said(of_init(outcome, 100)) == (DEVELOPER, result)


def test_an_init_that_went_well_means_nothing() -> None:
    assert of_init(done(b'{"ok":true}'), 100) is None


def test_a_result_is_handed_on_as_it_is_written() -> None:
    body = b'{"n":1.0,"big":123456789012345678901234567890,"n":2}'
    assert bytes(of_run(done(body), 100).result) == body
