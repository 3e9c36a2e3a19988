"""Web actions over HTTP: refusals, rights, CORS, what the action is told and what the caller gets."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from couchgrass.errors import ServiceUnavailable
from couchgrass.functions.http.web import NO_KEY, NOT_READY
from couchgrass.functions.throttle import Throttled
from couchgrass.functions.webaction import BODY_BYTES_MAX, METHODS, NOT_ALLOWED
from tests.functions.http.functions import (
    ACTIVATION_ID,
    GUEST,
    OTHER,
    DeveloperError,
    Got,
    Namespace,
    ask,
)

ACT = "guest/pkg/act"
NO_RESOURCE = "The requested resource does not exist."
CORS = ("access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers")


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(key.encode()).decode()


def echo(value: dict[str, Any]) -> dict[str, Any]:
    return {"told": value}


def asked(namespace: Namespace, method: str, target: str, body: bytes = b"", **headers: str) -> Got:
    """Headers have _ for -."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return asyncio.run(ask(namespace, method, target, body, sent))


@pytest.fixture
def guest() -> Namespace:
    namespace = Namespace()
    namespace.add(echo)
    return namespace


class TestWhatIsThere:
    @pytest.mark.parametrize(
        "target", ["", "a", "guest/pkg", "guest/pkg/none.json", "guest/default/act", "other/pkg/act"]
    )
    @pytest.mark.parametrize("method", METHODS)
    def test_an_unknown_action_is_not_found(self, guest: Namespace, method: str, target: str) -> None:
        assert asked(guest, method, target).status == 404
        assert not guest.invoked

    def test_an_action_that_is_not_exported_is_not_found(self, guest: Namespace) -> None:
        guest.add(echo, "hidden", web_export=False)
        assert asked(guest, "GET", "guest/pkg/hidden").refusal() == (404, NO_RESOURCE)

    def test_an_action_of_a_namespace_that_nobody_has_is_not_found(self, guest: Namespace) -> None:
        guest.keyless.add("guest")
        assert asked(guest, "GET", ACT).refusal() == (404, NO_RESOURCE)

    def test_an_unknown_method_is_refused(self, guest: Namespace) -> None:
        assert asked(guest, "PROPFIND", ACT).status == 405

    @pytest.mark.parametrize("method", [method for method in METHODS if method not in ("OPTIONS", "HEAD")])
    def test_every_method_invokes(self, guest: Namespace, method: str) -> None:
        got = asked(guest, method, ACT + ".json/rest?a=b")
        told = got.json()["told"]
        assert got.status == 200
        assert told == {"a": "b", "__ow_method": method.lower(), "__ow_headers": {}, "__ow_path": "/rest"}

    def test_head_invokes_and_has_no_body(self, guest: Namespace) -> None:
        got = asked(guest, "HEAD", ACT + ".json")
        assert (got.status, got.body) == (200, b"")
        assert int(got.header("content-length") or 0) > 0
        assert guest.invoked[0][1]["__ow_method"] == "head"

    def test_an_action_without_package_is_in_default(self, guest: Namespace) -> None:
        guest.add(echo, "bare", package="")
        assert asked(guest, "GET", "guest/default/bare.json").status == 200

    def test_the_answer_has_the_activations_id(self, guest: Namespace) -> None:
        assert asked(guest, "GET", ACT).header("x-openwhisk-activation-id") == ACTIVATION_ID


class TestRights:
    def test_the_owner_invokes_whoever_calls(self, guest: Namespace) -> None:
        asked(guest, "GET", ACT)
        asked(guest, "GET", ACT, Authorization=basic("other-uuid:other-secret"))
        assert [identity for identity, _ in guest.invoked] == [GUEST, GUEST]

    def test_a_valid_key_is_told_to_the_action(self, guest: Namespace) -> None:
        told = asked(guest, "GET", ACT + ".json", Authorization=basic("other-uuid:other-secret")).json()[
            "told"
        ]
        assert told["__ow_user"] == OTHER.namespace

    @pytest.mark.parametrize("header", ["Bearer x.y.z", "Basic bm86b25l", "Basic", "nonsense"])
    def test_no_valid_key_is_nobody(self, guest: Namespace, header: str) -> None:
        told = asked(guest, "GET", ACT + ".json", Authorization=header).json()["told"]
        assert "__ow_user" not in told
        assert told["__ow_headers"]["authorization"] == header

    def test_an_action_may_want_a_key(self, guest: Namespace) -> None:
        guest.add(echo, require_whisk_auth=True)
        got = asked(guest, "GET", ACT)
        assert got.refusal() == (401, NO_KEY)
        assert got.header("access-control-allow-origin") == "*"
        assert got.header("www-authenticate") is None
        assert asked(guest, "GET", ACT, Authorization=basic("other-uuid:other-secret")).status == 204

    def test_an_action_may_want_a_secret(self, guest: Namespace) -> None:
        guest.add(echo, require_whisk_auth="open sesame")
        assert asked(guest, "GET", ACT, Authorization=basic("guest-uuid:guest-secret")).status == 401
        assert asked(guest, "GET", ACT, X_Require_Whisk_Auth="open").status == 401
        assert asked(guest, "GET", ACT, X_Require_Whisk_Auth="open sesame").status == 204


class TestCors:
    def test_every_answer_has_the_headers(self, guest: Namespace) -> None:
        for target in (ACT, ACT + ".json", ACT + ".text", ACT + "?__ow_user=x"):
            got = asked(guest, "GET", target, Access_Control_Request_Headers="x-custom")
            assert got.header(CORS[0]) == "*"
            assert got.header(CORS[1]) == "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH"
            assert got.header(CORS[2]) == "x-custom"

    def test_options_is_answered_without_the_action_and_without_a_key(self, guest: Namespace) -> None:
        guest.add(echo, require_whisk_auth=True)
        got = asked(guest, "OPTIONS", ACT, b"body")
        assert (got.status, got.body) == (200, b"")
        assert (
            got.header(CORS[2]) == "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent"
        )
        assert not guest.invoked

    def test_with_custom_options_the_action_says_all(self, guest: Namespace) -> None:
        def options(_: Any) -> Any:
            return {"headers": {"Access-Control-Allow-Methods": "OPTIONS, GET"}, "statusCode": 200}

        guest.add(options, web_custom_options=True, require_whisk_auth=True)
        got = asked(guest, "OPTIONS", ACT)
        assert [got.header(name) for name in CORS] == [None, "OPTIONS, GET", None]
        refused = asked(guest, "GET", ACT)
        assert refused.status == 401
        assert refused.header(CORS[0]) is None

    def test_the_actions_own_header_comes_once(self, guest: Namespace) -> None:
        guest.add(lambda _: {"headers": {"Access-Control-Allow-Origin": "https://a.example"}})
        got = asked(guest, "GET", ACT)
        assert got.header(CORS[0]) == "https://a.example"
        assert got.header(CORS[1]) is not None


class TestBodies:
    def test_json_form_and_bytes(self, guest: Namespace) -> None:
        told = asked(
            guest, "POST", ACT + ".json?a=1&b=2", b'{"b":3}', Content_Type="application/json"
        ).json()["told"]
        assert (told["a"], told["b"]) == ("1", 3)
        form = "application/x-www-form-urlencoded"
        assert asked(guest, "PUT", ACT + ".json", b"c=d", Content_Type=form).json()["told"]["c"] == "d"
        assert asked(guest, "POST", ACT + ".json", b"\xff").json()["told"]["__ow_body"] == "/w=="
        assert (
            asked(guest, "GET", ACT + ".json", b'{"b":3}', Content_Type="application/json").json()["told"][
                "b"
            ]
            == 3
        )

    def test_raw(self, guest: Namespace) -> None:
        guest.add(echo, raw_http=True)
        told = asked(guest, "POST", ACT + ".json?__ow_path=x", b"text", Content_Type="text/plain").json()[
            "told"
        ]
        assert (told["__ow_query"], told["__ow_body"], told["__ow_path"]) == ("__ow_path=x", "text", "")

    @pytest.mark.parametrize("extra", [0, 1])
    def test_a_body_is_bounded(self, guest: Namespace, extra: int) -> None:
        got = asked(guest, "POST", ACT, b"x" * (BODY_BYTES_MAX + extra), Content_Type="text/plain")
        if extra:
            size = BODY_BYTES_MAX + extra
            assert got.refusal() == (413, f"Request larger than allowed: {size} > {BODY_BYTES_MAX} bytes.")
        assert len(guest.invoked) == 1 - extra

    @pytest.mark.parametrize("length", ["99999999999", "9" * 5000])
    def test_a_body_that_is_announced_too_large_is_not_read(self, guest: Namespace, length: str) -> None:
        got = asked(guest, "POST", ACT, Content_Length=length)
        assert got.status == 413
        assert not guest.invoked

    def test_a_chunked_body_is_bounded(self, guest: Namespace) -> None:
        headers = {"transfer-encoding": "chunked"}
        got = asyncio.run(ask(guest, "POST", ACT, b"x" * (BODY_BYTES_MAX + 1), headers, announced=False))
        assert got.refusal() == (413, f"Request larger than allowed: over {BODY_BYTES_MAX} bytes.")

    def test_bad_json_is_refused(self, guest: Namespace) -> None:
        got = asked(guest, "POST", ACT, b"{", Content_Type="application/json")
        assert got.refusal() == (400, "The request content was malformed: it is not JSON.")

    def test_bound_parameters_are_under_the_callers_unless_they_are_final(self, guest: Namespace) -> None:
        guest.add(echo, parameters={"x": "X", "empty": None})
        assert asked(guest, "GET", ACT + ".json?x=1").json()["told"]["x"] == "1"
        guest.add(echo, parameters={"x": "X", "empty": None}, final=True)
        assert asked(guest, "GET", ACT + ".json?x=1").refusal() == (400, NOT_ALLOWED)
        assert asked(guest, "GET", ACT + ".json?empty=1").json()["told"] == {
            "x": "X", "empty": "1", "__ow_method": "get", "__ow_headers": {}, "__ow_path": "",
        }  # fmt: skip


class TestResults:
    def test_the_action_says_status_headers_and_body(self, guest: Namespace) -> None:
        guest.add(lambda _: {"statusCode": 201, "headers": {"Set-Cookie": ["a=b", "c=d"]}, "body": {"id": 1}})
        got = asked(guest, "POST", ACT)
        assert (got.status, got.body, got.all("set-cookie")) == (201, b'{"id":1}', ["a=b", "c=d"])
        assert got.header("content-type") == "application/json"

    def test_an_application_error_is_an_answer(self, guest: Namespace) -> None:
        guest.add(lambda _: {"error": {"statusCode": 404, "body": "gone"}})
        got = asked(guest, "GET", ACT)
        assert (got.status, got.body) == (404, b"gone")

    def test_a_failure_says_nothing_but_its_activation(self, guest: Namespace) -> None:
        def fails(_: Any) -> Any:
            raise DeveloperError("secret")

        guest.add(fails)
        got = asked(guest, "GET", ACT)
        assert got.refusal() == (400, "There was an error processing your request.")
        assert got.header("x-openwhisk-activation-id") == ACTIVATION_ID
        assert got.header("x-couchgrass-failure") == "action"

    def test_an_answer_can_not_say_that_it_is_none(self, guest: Namespace) -> None:
        guest.add(lambda _: {"statusCode": 400, "body": "x", "headers": {"X-Couchgrass-Failure": "time"}})
        got = asked(guest, "GET", ACT)
        assert got.status == 400 and got.header("x-couchgrass-failure") is None

    def test_a_result_that_does_not_fit_keeps_its_activations_id(self, guest: Namespace) -> None:
        guest.add(lambda _: {"body": "x", "headers": {"X": "a\r\nb"}})
        got = asked(guest, "GET", ACT)
        assert got.refusal() == (400, "Response is not valid 'message/http'.")
        assert got.header("x-openwhisk-activation-id") == ACTIVATION_ID
        assert got.header("x-couchgrass-failure") == "action"

    def test_what_takes_too_long_is_accepted(self, guest: Namespace) -> None:
        async def never(_: Any) -> Any:
            await asyncio.Event().wait()

        guest.add(never)
        guest.wait_s = 0.0
        got = asked(guest, "GET", ACT)
        assert got.refusal() == (202, NOT_READY)
        assert got.header("x-couchgrass-failure") == "time"
        assert got.header("x-openwhisk-activation-id") == ACTIVATION_ID

    @pytest.mark.parametrize("error", [Throttled("Too many.", retry_after_s=7), ServiceUnavailable("Full.")])
    def test_a_refused_run_is_told_with_cors(self, guest: Namespace, error: Any) -> None:
        guest.error = error
        got = asked(guest, "GET", ACT)
        assert got.refusal() == (error.status, error.reason)
        assert got.header("access-control-allow-origin") == "*"
        assert got.header("retry-after") == ("7" if error.status == 429 else None)
