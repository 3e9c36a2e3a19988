"""What is mounted on the server's paths: who gets there, what it is given, and when it is ended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.access import Right
from couchgrass.docdb.mount import Call, MountPoint, Told
from couchgrass.errors import Conflict, MethodNotAllowed
from couchgrass.testing.asgi import ADMIN, Asked, Credentials, asking, refusal

ANNA: Credentials = ("anna", "a")


class Recorder:
    """A mount that remembers its calls and answers each with what it was given."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    async def run(self, call: Call) -> Told:
        self.calls.append(call)
        given = {"path": call.path, "body": call.body, "query": dict(call.query), "name": call.ctx.name}
        return Told(202, given, (("x-seen", call.method),))


def mounted(server: Asked, name: str, right: Right | None = Right.SERVER_ADMIN) -> Recorder:
    recorder = Recorder()
    server.server.mounts[name] = MountPoint(recorder.run, right)
    return recorder


def test_a_call_has_the_path_decoded_segment_by_segment_the_options_and_the_user(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        recorder = mounted(server, "_scheduler")
        target = "/_scheduler/docs/other%2F_replicator/doc%2Fid?limit=3&limit=4&states="
        reply = await server.ask("GET", target, user=ADMIN, x_more="yes")
        assert reply.status == 202 and reply.headers["x-seen"] == "GET"
        assert reply.json() == {
            "path": ["docs", "other/_replicator", "doc/id"],
            "body": None,
            "query": {"limit": "4", "states": ""},
            "name": ADMIN[0],
        }
        assert recorder.calls[0].headers["x-more"] == "yes"

    asking(tmp_path / "data", work)


def test_head_comes_as_get_and_is_answered_without_a_body(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        recorder = mounted(server, "_scheduler")
        reply = await server.ask("HEAD", "/_scheduler/jobs", user=ADMIN)
        assert (reply.status, reply.body, recorder.calls[0].method) == (202, b"", "GET")

    asking(tmp_path / "data", work)


@pytest.mark.parametrize(
    ("body", "given"), [({"source": "a"}, {"source": "a"}), ([1], [1]), (b"null", None), (b"", None)]
)
def test_a_body_comes_decoded(tmp_path: Path, body: Any, given: Any) -> None:
    async def work(server: Asked) -> None:
        mounted(server, "_replicate")
        json_type = {"content_type": "application/json"}
        reply = await server.ask("POST", "/_replicate", body, user=ADMIN, **json_type)
        assert reply.json()["body"] == given

    asking(tmp_path / "data", work)


def test_a_body_that_is_no_json_or_not_declared_as_such_never_reaches_the_mount(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        recorder = mounted(server, "_replicate")
        json_type, form = {"content_type": "application/json"}, {"content_type": "text/plain"}
        assert (await server.ask("POST", "/_replicate", b"{", user=ADMIN, **json_type)).status == 400
        assert (await server.ask("POST", "/_replicate", b"{}", user=ADMIN, **form)).status == 415
        assert recorder.calls == []

    asking(tmp_path / "data", work)


def test_replicate_is_for_who_is_signed_in_and_the_scheduler_for_server_admins(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        mounted(server, "_replicate")
        mounted(server, "_scheduler")
        await server.add_user(ANNA)
        statuses = []
        for who in (None, ANNA, ADMIN):
            for method, target in (
                ("POST", "/_replicate"),
                ("POST", "/_replicate/below"),
                ("GET", "/_scheduler/jobs"),
                ("GET", "/_scheduler/docs/_replicator/doc"),
            ):
                body: Any = {} if method == "POST" else None
                statuses.append((await server.ask(method, target, body, user=who)).status)
        assert statuses == [401] * 4 + [202, 401, 401, 401] + [202] * 4

    asking(tmp_path / "data", work)


def test_what_a_mount_raises_is_the_answer_as_everywhere(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        async def refuse(call: Call) -> Told:
            raise MethodNotAllowed("POST") if call.method == "DELETE" else Conflict("taken")

        async def break_down(_: Call) -> Told:
            raise KeyError("a bug")

        server.server.mounts["_replicate"] = MountPoint(refuse)
        assert refusal(await server.ask("POST", "/_replicate", {}, user=ADMIN)) == (409, "conflict", "taken")
        reply = await server.ask("DELETE", "/_replicate", user=ADMIN)
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
        server.server.mounts["_replicate"] = MountPoint(break_down)
        assert (await server.ask("POST", "/_replicate", {}, user=ADMIN)).status == 500

    asking(tmp_path / "data", work)


def test_a_call_whose_client_hangs_up_is_cancelled(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def wait(_: Call) -> Told:
            began.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()
            raise AssertionError("nothing ends this but a cancellation")

        server.server.mounts["_replicate"] = MountPoint(wait)
        aborted = server.server.stats.aborted_requests
        async with server.streaming("POST", "/_replicate", {}, user=ADMIN):
            await began.wait()
            assert not ended.is_set()
        assert ended.is_set()
        assert server.server.stats.aborted_requests == aborted + 1

    asking(tmp_path / "data", work)


def test_a_call_that_others_end_is_answered_503(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        async def cancelled(_: Call) -> Told:
            raise asyncio.CancelledError

        server.server.mounts["_replicate"] = MountPoint(cancelled)
        assert (await server.ask("POST", "/_replicate", {}, user=ADMIN)).status == 503

    asking(tmp_path / "data", work)


def test_where_nothing_is_mounted_a_replication_is_not_implemented(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        mounted(server, "_scheduler")
        assert (await server.ask("POST", "/_replicate", {}, user=ADMIN)).status == 501
        assert (await server.ask("GET", "/_scheduler/jobs", user=ADMIN)).status == 202

    asking(tmp_path / "data", work)
