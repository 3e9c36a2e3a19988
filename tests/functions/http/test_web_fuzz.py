"""Any request and any result of an action: an answer below 500 that gives nothing away.

The pure rules are fuzzed for themselves: nothing is raised but errors of the family, and whatever an action
says, its answer's head is legal. Then whole requests.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.errors import BadRequest, CouchgrassError, NotFound
from couchgrass.functions.activation import Status
from couchgrass.functions.webaction import (
    RESERVED,
    Asked,
    Extension,
    Target,
    export,
    is_open_to,
    payload,
    target,
)
from couchgrass.functions.webaction_result import BODILESS, NOT_FORWARDED, project
from tests.functions.http.functions import DeveloperError, Namespace, ask

SECRET = "the-secret-that-stays-here"
EXAMPLES = 300

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
LEAKS = re.compile(rb"Traceback|\.py\b|site-packages|" + SECRET.encode())

KINDS = [
    "application/json", "application/hal+json", "application/x-www-form-urlencoded", "text/plain",
    "text/x-any", "image/png", "image/svg+xml", "multipart/form-data; boundary=x",
    "text/html; charset=utf-16", "a/b;charset", "", ";", "application/json;;;", "text/html, text/css", "x",
    "é/é", "application/json; charset=\x01",
]  # fmt: skip
NAMES = [
    "Content-Type", "content-type", "Content-Length", "Transfer-Encoding", "Set-Cookie", "Location",
    "Connection",
    "Access-Control-Allow-Origin", "X-Request-Id", "x", "", " ", "a b", "a\r\nb", "é", ":", "\x00",
]  # fmt: skip
TEXTS = [
    "",
    "null",
    "true",
    "YWJj",
    "YWI=",
    "{}",
    "a\r\nSet-Cookie: a=b",
    "a\nb",
    "\x00",
    "é",
    " ",
    "200",
    "٣",
    "+204",
]
MEMBERS = ["statusCode", "headers", "body", "html", "svg", "text", "error", "x", "__ow_body", "__ow_user", ""]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([200, 204, 304, 404, 100, 99, 600, 200.0, 0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([*TEXTS, *KINDS]),
    st.text(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*MEMBERS, *NAMES]), inner, max_size=4)
    ),
    max_leaves=10,
)
few_values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.just("x"), scalars)
results = st.one_of(
    values,
    st.fixed_dictionaries(
        {},
        optional={
            "statusCode": st.one_of(st.sampled_from([200, "404", 302, 204]), scalars),
            "headers": st.one_of(values, st.dictionaries(st.sampled_from(NAMES), values, max_size=4)),
            "body": values,
            "error": values,
        },
    ),
)
segments = st.one_of(
    st.sampled_from(
        [b"guest", b"pkg", b"act", b"act.json", b"act.html", b"act.svg", b"act.text", b"act.http", b"hidden",
         b"locked", b"raw", b"raw.json", b"default", b"_", b"..", b"%2e%2e", b"%", b"%ff", b"%00", b"",
         b"\xff", b".http", b"a b"]
    ),
    st.binary(max_size=6),
)  # fmt: skip
paths = st.one_of(
    st.lists(segments, max_size=6).map(b"/".join),
    st.tuples(st.sampled_from([b"guest/pkg/act", b"guest/pkg/raw", b"guest/pkg/locked"]), segments).map(
        b".".join
    ),
)
queries = st.one_of(
    st.just(b""),
    st.lists(
        st.sampled_from([b"a=b", b"__ow_path=x", b"fixed=1", b"%", b"%ff=%fe", b"=", b"+", b"a", b"\xff"])
    ).map(b"&".join),
    st.binary(max_size=12),
)
bodies = st.one_of(
    st.binary(max_size=20),
    values.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"[" * 5000, b'{"a":' * 900 + b"1" + b"}" * 900, b'{"a":"\xff"}', b"a=b&__ow_body=c", b"\xff"]
    ),
)
headers = st.dictionaries(
    st.sampled_from(
        [
            b"authorization",
            b"x-require-whisk-auth",
            b"access-control-request-headers",
            b"accept",
            b"x",
            b"cookie",
        ]
    ),
    st.one_of(
        st.sampled_from(
            [b"Basic", b"Basic ", b"basic !!!", b"Basic Z3Vlc3Q6", b"Bearer x", b"*/*", b"a\r\nb: c"]
        ),
        st.binary(max_size=10),
    ),
    max_size=4,
)
kinds = st.one_of(st.none(), st.sampled_from(KINDS), st.text(max_size=10))
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "COPY", "é"])


@settings(max_examples=EXAMPLES)
@given(path=st.one_of(paths, st.binary(max_size=30)))
def test_a_path_names_an_action_or_nothing(path: bytes) -> None:
    try:
        found = target(path)
    except NotFound:
        return
    assert isinstance(found, Target)
    assert not {"/", "..", ""} & {found.namespace, found.action}
    assert found.path == "" or (found.path.startswith("/") and found.path.isascii())


@settings(max_examples=EXAMPLES)
@given(
    annotations=st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("raw-http", "require-whisk-auth", "web-custom-options"), few_values)
    )
)
def test_only_false_and_no_annotation_let_everybody_in(annotations: dict[str, Any]) -> None:
    opened = export({"web-export": True, **annotations})
    wanted = annotations.get("require-whisk-auth", False)
    assert is_open_to(opened, has_key=False, secret=None) is (wanted is False)


@settings(max_examples=EXAMPLES)
@given(query=queries, body=bodies, kind=kinds, sent=headers, raw=st.booleans())
def test_parameters_are_json_and_the_callers_own_are_never_reserved(
    query: bytes, body: bytes, kind: str | None, sent: dict[bytes, bytes], raw: bool
) -> None:
    known = dict(sent) if kind is None else {**sent, b"content-type": kind.encode("latin-1", "replace")}
    asked = Asked("POST", "/rest", query, known)
    try:
        parameters = payload(asked, body, raw=raw, fixed=frozenset(("fixed",)))
    except BadRequest:
        return
    msgspec.json.encode(parameters)
    assert parameters["__ow_path"] == "/rest"
    assert parameters["__ow_method"] == "post"
    assert parameters["__ow_headers"].keys() == {name.decode() for name in known}
    assert "__ow_user" not in parameters
    assert "fixed" not in parameters
    if raw:
        assert parameters.keys() == RESERVED - {"__ow_user"}
        assert isinstance(parameters["__ow_body"], str)


@settings(max_examples=EXAMPLES)
@given(extension=st.sampled_from(Extension), status=st.sampled_from(Status), result=results)
def test_the_head_of_an_answer_is_legal_whatever_the_action_says(
    extension: Extension, status: Status, result: Any
) -> None:
    try:
        answer = project(extension, status, msgspec.Raw(json.dumps(result).encode()))
    except (BadRequest, NotFound):
        return
    assert 200 <= answer.status <= 599
    assert answer.status not in BODILESS or answer.body == b""
    names = [name for name, _ in answer.headers]
    assert names.count(b"content-type") == (1 if answer.body or extension is not Extension.HTTP else 0)
    assert not NOT_FORWARDED & set(names)
    for name, value in answer.headers:
        assert TOKEN.fullmatch(name)
        assert name == name.lower()
        assert not set(b"\r\n\x00\x7f") & set(value)


@settings(max_examples=EXAMPLES)
@given(extension=st.sampled_from(Extension), status=st.sampled_from(Status), result=st.binary(max_size=30))
def test_a_result_that_is_no_json_harms_nobody(extension: Extension, status: Status, result: bytes) -> None:
    try:
        project(extension, status, msgspec.Raw(result))
    except CouchgrassError as refused:
        assert refused.status in {400, 404}


def named(path: bytes) -> str:
    """The action that a path names; "" for none."""
    try:
        return target(path).action
    except NotFound:
        return ""


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    method=methods, path=paths, query=queries, body=bodies, kind=kinds, sent=headers, result=results,
    is_failing=st.booleans(), is_announced=st.booleans(),
)  # fmt: skip
def test_a_request_is_answered_below_500_and_nothing_leaks(
    method: str,
    path: bytes,
    query: bytes,
    body: bytes,
    kind: str | None,
    sent: dict[bytes, bytes],
    result: Any,
    is_failing: bool,
    is_announced: bool,
) -> None:
    def act(_: Any) -> Any:
        if is_failing:
            raise DeveloperError(SECRET)
        return result

    guest = Namespace()
    for name in ("act", "hidden", "raw"):
        guest.add(act, name, parameters={"fixed": SECRET}, final=True, raw_http=name == "raw",
                  web_export=name != "hidden")  # fmt: skip
    guest.add(act, "locked", require_whisk_auth=SECRET)
    told = {name.decode(): value.decode("latin-1") for name, value in sent.items()}
    if kind is not None:
        told["content-type"] = kind.encode("latin-1", "replace").decode("latin-1")
    got = asyncio.run(ask(guest, method, path + b"?" + query, body, told, announced=is_announced))
    assert 200 <= got.status < 500 or got.header("x-openwhisk-activation-id"), (
        "a failure, and not the action's"
    )
    said = json.dumps(result).encode()
    if not LEAKS.search(said) and not LEAKS.search(path + query + body + repr(told).encode()):
        assert not LEAKS.search(got.body)
        assert not LEAKS.search(repr(got.lines).encode())
    assert not any({"\r", "\n", "\x00"} & set(name + value) for name, value in got.lines)
    if named(path) in {"hidden", "locked"}:
        assert got.status in {200, 401, 404, 405}
        assert not guest.invoked
