"""The actions of whisk.system/samples."""

from __future__ import annotations

import pytest

from couchgrass.functions.system import samples
from couchgrass.testing.server import ServerProcess


def test_somebody_is_greeted() -> None:
    assert samples.greeting({}) == {"payload": "Hello, stranger from somewhere!"}
    assert samples.greeting({"name": "Cat", "place": "Rome"}) == {"payload": "Hello, Cat from Rome!"}


def test_hello_is_said_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert samples.helloWorld({"payload": "Cat"}) == {}
    assert capsys.readouterr().out == "hello Cat!\n"


def test_words_are_counted() -> None:
    assert samples.wordCount({"payload": "Five fuzzy felines"}) == {"count": 3}
    assert "error" in samples.wordCount({})


def test_a_url_is_fetched(couch_server: ServerProcess) -> None:
    assert "couchdb" in samples.curl({"payload": couch_server.url})["msg"]
    assert samples.curl({"payload": "file:///etc/hostname"}) == {"msg": "only http and https are asked"}
    assert "refused" in samples.curl({"payload": "http://127.0.0.1:9"})["msg"]
