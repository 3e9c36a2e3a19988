"""Answers as values."""

from __future__ import annotations

from couchgrass.docdb.http.response import JSON, Response, etag, json_response
from couchgrass.docdb.rev import Rev


def test_json_keeps_the_order_and_ends_its_line() -> None:
    answer = json_response({"z": 1, "a": [1.0, None, "é"]}, 201, (("location", "/x"),))
    assert answer == Response(201, '{"z":1,"a":[1.0,null,"é"]}\n'.encode(), (("location", "/x"),), JSON)


def test_an_answer_is_json_and_empty_unless_told() -> None:
    assert Response(304) == Response(304, b"", (), "application/json")


def test_an_etag_has_quotes() -> None:
    assert etag(Rev(1, "a")) == etag("1-a") == ("etag", '"1-a"')
