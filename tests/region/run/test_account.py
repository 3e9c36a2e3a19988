"""The accounts: made once, kept in files of the owner's, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from couchgrass.region.config import Dashboard, Database, Functions, Gateway, Region
from couchgrass.region.places import ACCOUNT
from couchgrass.region.restart import Phase
from couchgrass.region.run.account import (
    Access,
    AccessRefused,
    Account,
    api_host,
    dashboard_url,
    database_access,
    database_url,
    gateway_url,
    peer_access,
    read_account,
    served_at,
    write_account,
)
from couchgrass.region.run.state_file import Hold, RegionState, Seen, write_state


def test_an_account_never_shows_its_password() -> None:
    assert "secret" not in repr([Account("me", "secret")])


@pytest.mark.parametrize("text", ['{"name": "a", "password": "p"}', '{"username": "a", "password": "p"}'])
def test_credentials_are_read_in_both_forms(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    assert read_account(tmp_path / "c.json") == Account("a", "p")


@pytest.mark.parametrize("text", ["hidden", '{"password": "hidden"}', '{"name": "a"}', None])
def test_a_bad_file_is_named_and_not_shown(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "c.json").write_text(text)
    with pytest.raises(AccessRefused) as refused:
        read_account(tmp_path / "c.json")
    assert "c.json" in refused.value.reason
    assert "hidden" not in refused.value.reason


def test_another_database_is_used_with_its_own_credentials(tmp_path: Path) -> None:
    write_account(tmp_path / "c.json", Account("a", "p"))
    region = Region(database=Database(url="https://c.example", credentials=str(tmp_path / "c.json")))
    access = database_access(region)
    assert (access.url, access.account) == ("https://c.example", Account("a", "p"))


def test_the_embedded_database_is_at_its_port_once_it_ran(tmp_path: Path) -> None:
    region = Region(data=str(tmp_path), database=Database(host="::1", port=5))
    with pytest.raises(AccessRefused, match="never ran"):
        database_access(region)
    write_account(tmp_path / ACCOUNT, Account("a", "p"))
    assert database_access(region).url == "http://[::1]:5"


@pytest.mark.parametrize(
    ("functions", "url"),
    [
        (Functions(), "http://127.0.0.1:3233"),
        (Functions(host="0.0.0.0"), "http://127.0.0.1:3233"),
        (Functions(host="::1", port=5), "http://[::1]:5"),
        (Functions(public_url="https://f.example/"), "https://f.example"),
    ],
)
def test_clients_are_told_a_whole_url(tmp_path: Path, functions: Functions, url: str) -> None:
    assert api_host(Region(data=str(tmp_path), functions=functions)) == url


def test_where_a_process_on_any_free_port_is_only_a_region_that_runs_knows(tmp_path: Path) -> None:
    region = Region(data=str(tmp_path), functions=Functions(port=0), gateway=Gateway(host="::", port=0))
    for url, name in ((api_host, "functions"), (gateway_url, "gateway")):
        with pytest.raises(AccessRefused, match=rf"\[{name}\] has port 0, and no region runs"):
            url(region)
    hold = Hold(tmp_path)
    try:
        seen = {
            "functions": Seen(Phase.READY, 1.0, url="http://127.0.0.1:47"),
            "gateway": Seen(Phase.STARTING, 1.0),
        }
        write_state(tmp_path, RegionState("local", "f", 1, 1.0, "", seen))
        assert (served_at(region, "functions"), served_at(region, "gateway")) == ("http://127.0.0.1:47", "")
        seen["gateway"] = Seen(Phase.READY, 1.0, url="http://[::]:48")
        write_state(tmp_path, RegionState("local", "f", 1, 1.0, "", seen))
        assert gateway_url(region) == "http://[::1]:48"
    finally:
        hold.close()


def test_what_runs_elsewhere_is_at_its_url(tmp_path: Path) -> None:
    region = Region(
        data=str(tmp_path),
        functions=Functions(url="https://whisk.example"),
        gateway=Gateway(url="https://api.example"),
    )
    assert (served_at(region, "functions"), served_at(region, "gateway")) == (
        "https://whisk.example",
        "https://api.example",
    )
    assert (api_host(region), gateway_url(region)) == ("https://whisk.example", "https://api.example")
    assert served_at(region, "agent") == "http://127.0.0.1:3235"


def test_a_dashboard_is_where_a_browser_reaches_it(tmp_path: Path) -> None:
    region = Region(data=str(tmp_path), dashboard=Dashboard(host="0.0.0.0", port=7))
    assert dashboard_url(region) == "http://127.0.0.1:7"
    assert dashboard_url(Region(data=str(tmp_path), dashboard=Dashboard(port=0))) == ""
    public = Dashboard(public_url="https://d.example")
    assert dashboard_url(Region(data=str(tmp_path), dashboard=public)) == "https://d.example"


def test_the_databases_url_is_known_without_its_account(tmp_path: Path) -> None:
    assert database_url(Region(data=str(tmp_path))) == "http://127.0.0.1:5984"
    assert database_url(Region(data=str(tmp_path), database=Database(port=0))) == ""
    assert database_url(Region(database=Database(url="https://c.example"))) == "https://c.example"


def test_a_peer_on_this_machine_is_reached_with_what_its_first_start_made(tmp_path: Path) -> None:
    region = Region(name="dallas", data=str(tmp_path), database=Database(host="0.0.0.0", port=5))
    with pytest.raises(AccessRefused, match=r"dallas: no account .*functions.json is not there.*public_url"):
        peer_access(region)
    write_account(tmp_path / ACCOUNT, Account("a", "p"))
    assert peer_access(region) == Access("http://127.0.0.1:5", Account("a", "p"))


def test_a_peer_on_a_free_port_is_found_while_it_runs(tmp_path: Path) -> None:
    region = Region(name="dallas", data=str(tmp_path), database=Database(port=0))
    write_account(tmp_path / ACCOUNT, Account("a", "p"))
    with pytest.raises(AccessRefused, match="dallas: its database has port 0"):
        peer_access(region)
    hold = Hold(tmp_path)
    try:
        write_state(tmp_path, RegionState("dallas", "f", 1, 1.0, "http://127.0.0.1:47", {}))
        assert peer_access(region).url == "http://127.0.0.1:47"
    finally:
        hold.close()


def test_a_peer_elsewhere_is_reached_at_its_public_url_with_its_credentials(tmp_path: Path) -> None:
    write_account(tmp_path / "c.json", Account("a", "p"))
    credentials = str(tmp_path / "c.json")
    public = Database(public_url="https://d.example", credentials=credentials)
    region = Region(name="dallas", data=str(tmp_path / "none"), database=public)
    assert peer_access(region) == Access("https://d.example", Account("a", "p"))
    other = Region(database=Database(url="https://c.example", credentials=credentials))
    assert peer_access(other) == Access("https://c.example", Account("a", "p"))
    bare = Region(
        name="dallas", data=str(tmp_path / "none"), database=Database(public_url="https://d.example")
    )
    with pytest.raises(AccessRefused, match=r"dallas: no account for its database at https://d.example"):
        peer_access(bare)
