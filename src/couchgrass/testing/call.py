"""One HTTP request to a server under test, sent exactly as it is written: no redirects, no added headers."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any, NamedTuple

TIMEOUT_S = 60.0


class Reply(NamedTuple):
    """`headers` are by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def call(
    base_url: str, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
) -> Reply:
    """Sends `body` as it is when it is bytes, else as JSON; signs in when `base_url` names a user."""
    parts = urllib.parse.urlsplit(base_url)
    sent = dict(headers or {})
    if parts.username is not None and "Authorization" not in sent:
        credentials = f"{parts.username}:{parts.password}"
        sent["Authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        names = [name.lower() for name, _ in answer.getheaders() if name.lower() != "set-cookie"]
        # A browser takes a CORS header that comes twice for none.
        assert len(names) == len(set(names)), f"a header comes twice: {sorted(names)}"
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, answer.read())
    finally:
        connection.close()
