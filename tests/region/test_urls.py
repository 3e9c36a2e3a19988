"""What listens everywhere is reached by loopback of the same family."""

from __future__ import annotations

import pytest

from couchgrass.region.urls import reached_at


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:5984"),
        ("::", "http://[::1]:5984"),
        ("::1", "http://[::1]:5984"),
        ("10.0.2.5", "http://10.0.2.5:5984"),
        ("localhost", "http://localhost:5984"),
    ],
)
def test_a_host_that_is_listened_on_has_a_url(host: str, url: str) -> None:
    assert reached_at(host, 5984) == url
    assert reached_at(host, 5984, "https") == url.replace("http", "https")
