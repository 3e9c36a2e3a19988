"""What an app needs, read from its env file's switches."""

from __future__ import annotations

import pytest

from couchgrass.deploy.envfile import Switches
from couchgrass.deploy.needs import Needs, account_name, environment, needs_of, warnings_of
from couchgrass.errors import BadRequest


def test_an_account_and_its_databases_are_made_unless_the_file_has_one() -> None:
    assert needs_of("Todo App", "guest", "", ("todos",), Switches()) == Needs(
        "Todo App", "guest", "todo-app", ("todos",)
    )
    given = needs_of("todo", "guest", "acme", ("todos",), Switches(provision=False))
    assert (given.account, given.databases, given.provision) == ("", (), False)


def test_sign_in_needs_a_tenant_that_can_be_made() -> None:
    assert needs_of("todo", "guest", "", (), Switches(sign_in=True)).tenant == "todo"
    with pytest.raises(BadRequest, match="API_APPID_TENANTID must be set"):
        needs_of("todo", "guest", "", (), Switches(provision=False, sign_in=True))


@pytest.mark.parametrize(("text", "name"), [("Todo App", "todo-app"), ("…", "app"), ("a" * 80, "a" * 63)])
def test_an_accounts_name_can_be_a_hosts(text: str, name: str) -> None:
    assert account_name(text) == name


def test_the_made_account_goes_before_the_files_and_a_given_url_before_ours() -> None:
    env = {"CLOUDANT_USERNAME": "old", "X": "1"}
    made = environment(env, username="todo", password="p", url="http://here")
    assert made == {
        "CLOUDANT_USERNAME": "todo",
        "CLOUDANT_PASSWORD": "p",
        "CLOUDANT_URL": "http://here",
        "X": "1",
    }
    given = environment({"CLOUDANT_URL": "http://there"}, username="", password="", url="http://here")
    assert given == {"CLOUDANT_URL": "http://there"}
    needs = needs_of("todo", "guest", "", (), Switches())
    assert "are not used" in warnings_of(needs, env)[0]
    assert warnings_of(needs, {}) == []
