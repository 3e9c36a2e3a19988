"""Keys of namespaces: made, known everywhere, worth nothing once removed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from couchgrass import json
from couchgrass.couch.auth import basic
from couchgrass.couch.server import CouchServer, path
from couchgrass.errors import BadRequest, Conflict, NotFound, ServiceUnavailable
from couchgrass.functions.entity import Identity
from couchgrass.functions.store.subjects import Subjects
from couchgrass.testing.server import ServerProcess, running
from tests.functions.store.shelf import asked, until
from tests.functions.store.test_entities import Fixed


async def opened(couch: CouchServer, db: str, folder: Path, start_s: float = 60.0) -> Subjects:
    return await Subjects.open(
        couch,
        database=db,
        cache=folder,
        secret_file=folder / "region.secret",
        clock=Fixed(),
        start_s=start_s,
    )


def header(apikey: str) -> str:
    uuid, _, secret = apikey.partition(":")
    return basic(uuid, secret)


def test_a_key_is_known_at_once_and_elsewhere_soon_and_gone_at_once(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()

    async def work(couch: CouchServer) -> None:
        one = await opened(couch, db_name, tmp_path / "a")
        two = await opened(couch, db_name, tmp_path / "b")
        key = await one.create("team")
        who = Identity("team", "team", key.uuid)
        assert one.identify(header(key.apikey)) == who and one.owner("team") == who
        await until(lambda: two.identify(header(key.apikey)) == who)
        assert [subject.namespace for subject in two.list()] == ["team"]
        other = await two.create("another")
        await until(lambda: [subject.namespace for subject in one.list()] == ["another", "team"])
        for wrong in (
            None,
            "",
            "Bearer x",
            header(key.apikey + "x"),
            header(f"{other.uuid}:{key.apikey[37:]}"),
        ):
            assert one.identify(wrong) is None
        await one.delete("team")
        assert one.identify(header(key.apikey)) is None
        await until(lambda: two.identify(header(key.apikey)) is None)
        await one.close()
        await two.close()

    asked(couch_server, work)


def test_the_database_never_sees_a_secret(couch_server: ServerProcess, db_name: str, tmp_path: Path) -> None:
    async def work(couch: CouchServer) -> None:
        subjects = await opened(couch, db_name, tmp_path)
        key = await subjects.create("team")
        stored = json.encode(await couch.ask("GET", path(db_name, "team"))).decode()
        for secret in (key.apikey, subjects.internal_key("team")):
            assert secret.partition(":")[2] not in stored
        await subjects.close()

    asked(couch_server, work)


def test_an_internal_key_is_the_regions_own_and_goes_with_the_namespace(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()

    async def work(couch: CouchServer) -> None:
        subjects = await opened(couch, db_name, tmp_path)
        key = await subjects.create("team")
        inner = subjects.internal_key("team")
        assert inner != key.apikey and inner.startswith(f"{key.uuid}:")
        assert subjects.identify(header(inner)) == subjects.identify(header(key.apikey)) is not None
        assert (tmp_path / "region.secret").stat().st_mode & 0o777 == 0o600
        again = await opened(couch, db_name, tmp_path)
        assert again.internal_key("team") == inner
        another_region = await opened(couch, db_name, tmp_path / "other")
        assert another_region.identify(header(inner)) is None
        await subjects.delete("team")
        assert subjects.identify(header(inner)) is None
        with pytest.raises(NotFound):
            subjects.internal_key("team")
        for one in (subjects, again, another_region):
            await one.close()

    asked(couch_server, work)


def test_a_namespace_has_one_key_and_a_name(
    couch_server: ServerProcess, db_name: str, tmp_path: Path
) -> None:
    async def work(couch: CouchServer) -> None:
        subjects = await opened(couch, db_name, tmp_path)
        await subjects.create("team")
        with pytest.raises(Conflict, match="The namespace team has a key already"):
            await subjects.create("team")
        for wrong in ("_", "_x", "a/b", ""):
            with pytest.raises(BadRequest):
                await subjects.create(wrong)
        await subjects.delete("team")
        with pytest.raises(NotFound, match="There is no namespace team"):
            await subjects.delete("team")
        await subjects.create("team")
        await subjects.close()

    asked(couch_server, work)


def test_keys_count_while_the_database_is_away_and_none_can_be_made(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:

        async def work(couch: CouchServer) -> None:
            subjects = await opened(couch, "subjects", tmp_path)
            key = await subjects.create("team")
            server.kill()
            await until(lambda: not subjects.is_live)
            assert subjects.identify(header(key.apikey)) is not None
            with pytest.raises(ServiceUnavailable):
                await subjects.create("other")
            await subjects.close()
            subjects = await opened(couch, "subjects", tmp_path, start_s=0.1)
            assert subjects.identify(header(key.apikey)) is not None
            await asyncio.to_thread(server.start)
            await until(lambda: subjects.is_live)
            await subjects.create("other")
            await subjects.close()

        asked(server, work)
