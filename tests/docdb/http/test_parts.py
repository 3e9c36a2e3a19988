"""Multipart bodies as they come over the wire: in pieces of any size, with text around the parts."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Callable, Iterator

import pytest

from couchgrass.testing.call import Reply
from couchgrass.testing.server import ServerProcess

Ask = Callable[..., Reply]

DOCUMENT = b'{"_attachments":{"a":{"follows":true},"b":{"follows":true}}}'
SECOND = bytes(range(256)) * 3000
BODY = b"".join(
    (
        b"a preamble\r\n--b0\r\nContent-Type: application/json\r\n\r\n",
        DOCUMENT,
        b"\r\n--b0\r\nX-Other: 1\r\n\r\n",
        b"\r\n-b0\r",
        b"\r\n--b0\r\n\r\n",
        SECOND,
        b"\r\n--b0--\r\nan epilogue\r\n--b0\r\n",
    )
)


@pytest.fixture
def connection(couch_server: ServerProcess) -> Iterator[http.client.HTTPConnection]:
    wire = http.client.HTTPConnection("127.0.0.1", couch_server.port, timeout=60)
    yield wire
    wire.close()


@pytest.mark.parametrize("size", [1, 2, 7, 64, 4096, len(BODY)])
def test_parts_come_out_whole_however_they_arrive(
    ask: Ask, couch_server: ServerProcess, db_name: str, connection: http.client.HTTPConnection, size: int
) -> None:
    body = BODY if size > 7 else BODY.replace(SECOND, SECOND[:1000])
    token = base64.b64encode(f"{couch_server.user}:{couch_server.password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "multipart/related; boundary=b0"}
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    connection.request("PUT", f"/{db_name}/doc", pieces, headers, encode_chunked=True)
    assert connection.getresponse().read().startswith(b'{"ok":true')

    connection.request("GET", f"/{db_name}/doc/a", headers=headers)
    assert connection.getresponse().read() == b"\r\n-b0\r"
    connection.request("GET", f"/{db_name}/doc/b", headers=headers)
    assert connection.getresponse().read() == (SECOND if size > 7 else SECOND[:1000])


@pytest.mark.parametrize(
    "content_type",
    ["multipart/related", "multipart/related; boundary=", 'multipart/related; boundary="' + "x" * 201 + '"'],
)
def test_a_content_type_without_a_usable_boundary_is_refused(ask: Ask, content_type: str) -> None:
    reply = ask("PUT", "/doc", b"--b0--", content_type=content_type)
    assert (reply.status, reply.json()["reason"]) == (400, "Content-Type has no usable boundary")


def test_a_first_part_past_the_limit_of_documents_is_too_large(ask: Ask) -> None:
    filler = b'{"a":"' + b"x" * 8_000_001 + b'"}'
    body = b"--b0\r\nContent-Type: application/json\r\n\r\n" + filler + b"\r\n--b0--"
    reply = ask("PUT", "/doc", body, content_type="multipart/related; boundary=b0")
    assert (reply.status, reply.json()["error"]) == (413, "document_too_large")
