"""What is served to the region's own processes is not there for anybody else."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from couchgrass.errors import CouchgrassError, NotFound
from couchgrass.exposition import CONTENT_TYPE, Family, Sample
from couchgrass.serving.asgi import Request
from couchgrass.serving.inner import METRICS, Inner, bearer, metrics_route, region_secret
from couchgrass.testing.asgi import receiving


def request(method: str, path: bytes, authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    scope: dict[str, Any] = {"method": method, "raw_path": path, "query_string": b"", "headers": headers}
    return Request(scope, receiving(b"", asyncio.Event()))


INNER = Inner(
    "s3cret", {("GET", METRICS): metrics_route(lambda: [Family("x", "gauge", "an x", [Sample(1)])])}
)


def test_who_has_the_secret_is_answered() -> None:
    answer = asyncio.run(INNER.answer(request("GET", METRICS, bearer("s3cret"))))
    assert (answer.status, answer.body) == (200, b"# HELP x an x\n# TYPE x gauge\nx 1\n")
    assert answer.headers == [(b"content-type", CONTENT_TYPE.encode())]


@pytest.mark.parametrize(
    ("method", "path", "authorization"),
    [
        ("GET", METRICS, None),
        ("GET", METRICS, bearer("other")),
        ("GET", METRICS, "Basic s3cret"),
        ("POST", METRICS, bearer("s3cret")),
        ("GET", METRICS + b"/", bearer("s3cret")),
    ],
)
def test_for_anybody_else_nothing_is_there(method: str, path: bytes, authorization: str | None) -> None:
    with pytest.raises(NotFound, match=r"^Not found\.$"):
        asyncio.run(INNER.answer(request(method, path, authorization)))


def test_the_secret_is_the_same_for_all_and_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "agent" / "secret"
    secret = region_secret(file)
    assert len(secret) > 30
    assert region_secret(file) == secret
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert [found.name for found in file.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("text", ["", "\n", "short\n"])
def test_a_file_without_a_secret_lets_nobody_in(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    with pytest.raises(CouchgrassError, match="holds no secret: remove it"):
        region_secret(file)
