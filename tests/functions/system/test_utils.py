"""The actions of whisk.system/utils."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from couchgrass.functions.system import utils


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("echo", {"a": [1]}, {"a": [1]}),
        ("cat", {"lines": [4, "b", True, None]}, {"lines": [4, "b", True, None], "payload": "4\nb\ntrue\n"}),
        ("cat", {}, {"lines": [], "payload": ""}),
        ("sort", {"lines": [4, 2, 3]}, {"lines": [2, 3, 4], "length": 3}),
        ("sort", {"lines": [10, 9, "b", "B"]}, {"lines": [10, 9, "B", "b"], "length": 4}),
        ("head", {"lines": [4, 2, 3], "num": 2}, {"lines": [4, 2], "num": 2}),
        ("head", {"lines": [4, 2, 3]}, {"lines": [4], "num": 1}),
        ("split", {"payload": "one,two", "separator": ","}, {"lines": ["one", "two"], "payload": "one,two"}),
        ("split", {"payload": "a\r\nb\nc"}, {"lines": ["a", "b", "c"], "payload": "a\r\nb\nc"}),
        ("smash", {"a": 1, "$fieldName": "p"}, {"p": {"a": 1}}),
        ("smash", {"a": 1}, {"error": "Expected an argument '$fieldName' of type 'string'."}),
    ],
)
def test_an_action_does_what_it_is_known_for(name: str, given: dict[str, Any], expected: Any) -> None:
    assert getattr(utils, name)(given) == expected


def test_the_date_is_that_of_now_in_utc() -> None:
    text = utils.date({})["date"]
    assert text.endswith("Z")
    assert abs((datetime.now().astimezone() - datetime.fromisoformat(text)).total_seconds()) < 60


def test_where_it_runs_is_told_by_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("__OW_NAMESPACE", "guest")
    monkeypatch.setenv("__OW_API_HOST", "http://h")
    assert utils.namespace({}) == {"namespace": "guest"}
    assert utils.hosturl({"path": "a"}) == {"url": "http://h/api/v1/namespaces/guest/actions/a"}
    assert utils.hosturl({"path": "a", "web": True}) == {"url": "http://h/api/v1/web/guest/default/a.json"}
    assert utils.hosturl({"path": "t", "trigger": True}) == {
        "url": "http://h/api/v1/namespaces/guest/triggers/t"
    }
    assert "error" in utils.hosturl({"web": True, "trigger": True})
    assert "error" in utils.hosturl({"web": True, "ext": ".exe"})
    assert "error" in utils.hosturl({"path": "a/b", "trigger": True})
