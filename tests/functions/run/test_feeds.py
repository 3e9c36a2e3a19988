"""What a feed's action answers."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import BadRequest, Conflict, Forbidden, NotFound, ServiceUnavailable
from couchgrass.functions.feed import Position
from couchgrass.functions.run.feeds import FeedDocuments, zone
from couchgrass.functions.run.sources import Sources
from couchgrass.testing.server import ServerProcess
from tests.functions.run.feeding_site import START_S, feed_site
from tests.functions.run.inmemory import awaited

NOW = int(START_S * 1000)


@awaited
async def _life(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.server.ask("DELETE", path(db_name))  # a region's first feed makes the database
        made = await site.ask("alarm", "CREATE", cron="*/5 * * * *", trigger_payload={"a": 1})
        assert made == {"status": "success"}
        with pytest.raises(Conflict, match="error creating alarm trigger"):
            await site.ask("alarm", "CREATE", cron="* * * * *")
        told = await site.ask("alarm", "READ")
        assert told["config"] == {
            "name": "t",
            "namespace": "me",
            "payload": {"a": 1},
            "cron": "*/5 * * * *",
        }
        assert told["status"]["active"] is True
        await site.ask("alarm", "PAUSE")
        assert (await site.ask("alarm", "READ"))["status"]["active"] is False
        await site.ask("alarm", "UNPAUSE")
        await site.ask("alarm", "UPDATE", cron="0 * * * *", trigger_payload="x")
        told = await site.ask("alarm", "READ")
        assert told["config"]["cron"] == "0 * * * *"
        assert told["config"]["payload"] == {"payload": "x"}
        assert told["status"]["active"] is True
        assert await site.ask("alarm", "DELETE") == {"status": "success"}
        with pytest.raises(NotFound, match="could not find trigger /me/t in the database"):
            await site.ask("alarm", "READ")
        with pytest.raises(NotFound):
            await site.ask("alarm", "DELETE")


def test_a_feed_is_made_read_changed_paused_and_deleted(couch_server: ServerProcess, db_name: str) -> None:
    _life(couch_server, db_name)


@awaited
async def _refused(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
            (BadRequest, "no authKey parameter", {"authKey": None}),
            (BadRequest, "no trigger name", {"triggerName": None}),
            (Forbidden, "authentication request failed", {"authKey": "no:body"}),
            (Forbidden, "authentication request failed", {"triggerName": "/other/t"}),
            (NotFound, "authentication request failed", {"triggerName": "/me/none"}),
            (BadRequest, "missing the cron parameter", {}),
        ]
        for kind, text, told in cases:
            with pytest.raises(kind, match=text):
                await site.ask("alarm", "CREATE", **told)
        with pytest.raises(BadRequest, match="unsupported lifecycleEvent"):
            await site.ask("alarm", "SING")


def test_what_is_not_right_is_refused(couch_server: ServerProcess, db_name: str) -> None:
    _refused(couch_server, db_name)


@awaited
async def _changes(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        login: dict[str, Any] = {"url": process.auth_url, "authKey": None}
        with pytest.raises(BadRequest, match=f"error connecting to database {db_name}-none"):
            await site.ask("changes", "CREATE", dbname=f"{db_name}-none", **login)
        await site.ask("changes", "CREATE", dbname=db_name, **login)
        told = await site.ask("changes", "READ", authKey=None)
        assert told["config"]["dbname"] == db_name
        assert told["config"]["since"] != "now"
        assert process.password not in str(told)
        with pytest.raises(NotFound):
            await site.ask("alarm", "READ")
        with pytest.raises(BadRequest, match="At least one of filter"):
            await site.ask("changes", "UPDATE")
        await site.ask("changes", "UPDATE", filter="a/b")
        await site.ask("changes", "PAUSE")
        with pytest.raises(BadRequest, match="cannot be updated because it is disabled"):
            await site.ask("changes", "UPDATE", filter="a/c")


def test_a_feed_of_changes_begins_where_its_database_is(couch_server: ServerProcess, db_name: str) -> None:
    _changes(couch_server, db_name)


@awaited
async def _iam(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        for host in ("h.example", "acme.cloudant.com"):
            with pytest.raises(BadRequest, match="iamApiKey can't be used"):
                await site.ask("changes", "CREATE", dbname=db_name, host=host, iamApiKey="k")


def test_a_feed_needs_a_user_of_the_database(couch_server: ServerProcess, db_name: str) -> None:
    _iam(couch_server, db_name)


@awaited
async def _again(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site:
        await site.ask("interval", "CREATE", minutes=1)
        feed = await site.documents.feed("me/t")
        assert feed is not None
        await site.documents.put_position(feed, Position(feed.created, last=NOW, fired=7))
        assert (await site.documents.position(feed)).fired == 7
        # The feed's document goes without its position, as when a process dies in between.
        await site.documents.delete("feed/me/t")
        site.clock._now += 1
        await site.ask("interval", "CREATE", minutes=1)
        feed = await site.documents.feed("me/t")
        assert feed is not None
        assert (await site.documents.position(feed)).fired == 0
        await site.ask("interval", "DELETE")
        rows = await site.server.ask("GET", path(db_name, "_all_docs"))
        assert rows["rows"] == []


def test_a_feed_that_is_made_anew_begins_anew(couch_server: ServerProcess, db_name: str) -> None:
    _again(couch_server, db_name)


@pytest.mark.parametrize("name", ["", "Europe", "../etc", "Mars/Here", "\0"])
def test_what_is_no_time_zone_is_told(name: str) -> None:
    with pytest.raises(KeyError):
        zone(name)
    assert zone("Europe/Berlin").key == "Europe/Berlin"


@awaited
async def _away(process: ServerProcess, db_name: str) -> None:
    async with feed_site(process, db_name) as site, aiohttp.ClientSession() as session:
        nowhere = "http://127.0.0.1:1"  # where nobody may listen
        site.feeds._latest = Sources(nowhere, session)
        login: dict[str, Any] = {"host": "acme.cloudant.com", "username": "a", "password": "b", "dbname": "d"}
        with pytest.raises(BadRequest, match="error connecting to database d: The database of this region"):
            await site.ask("changes", "CREATE", **login)
        async with CouchServer(nowhere) as server:
            site.feeds._documents = FeedDocuments(server)
            for event in ("CREATE", "READ", "DELETE"):
                with pytest.raises(ServiceUnavailable) as away:
                    await site.ask("alarm", event, cron="* * * * *")
                assert "127.0.0.1" not in away.value.reason


def test_a_database_that_is_away_is_not_told_where_it_is(couch_server: ServerProcess, db_name: str) -> None:
    _away(couch_server, db_name)
