"""What a region says of itself, as wsk and wskdeploy read it."""

from __future__ import annotations

from couchgrass.testing.functions import Region, asking
from couchgrass.testing.server import ServerProcess


def test_the_root_tells_limits_and_kinds_to_everybody(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        about = (await region.ask("GET", "/", key=None)).json()
        assert about["api_paths"] == ["/api/v1"]
        assert about["limits"]["max_action_memory"] == 2048 * 1024 * 1024
        kinds = {each["kind"]: each for each in about["runtimes"]["nodejs"]}
        assert not kinds["nodejs:8"]["deprecated"]
        assert sum(each["default"] for each in kinds.values()) == 1

    asking(couch_server, work)


def test_the_api_tells_its_build(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        for path in ("/api/v1", "/api/v1/"):
            about = (await region.ask("GET", path, key=None)).json()
            assert about["api_version_path"] == "v1"
            assert about["build"] and about["buildno"]
        ping = await region.ask("GET", "/ping", key=None)
        assert (ping.status, ping.body) == (200, b"pong")

    asking(couch_server, work)


def test_a_namespace_has_limits(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        limits = await region.ask("GET", "/api/v1/namespaces/_/limits")
        assert (limits.status, limits.json()["invocationsPerMinute"] > 0) == (200, True)
        assert (await region.ask("GET", "/api/v1/namespaces/other/limits")).status == 403

    asking(couch_server, work)


def test_every_path_of_the_description_is_served(couch_server: ServerProcess) -> None:
    async def work(region: Region) -> None:
        reply = await region.ask("GET", "/api/v1/api-docs", key=None)
        described = reply.json()
        assert described["swagger"] == "2.0"
        assert len(described["paths"]) == 14
        for path, operations in described["paths"].items():
            segments = [
                {"{namespace}": "_", "{part}": "logs"}.get(
                    segment, segment.replace("{", "x").replace("}", "")
                )
                for segment in path.split("/")
            ]
            for method in operations:
                answer = await region.ask(method.upper(), "/api/v1" + "/".join(segments))
                assert answer.status in {200, 400, 404}, (method, path)
                assert b"could not be found" not in answer.body, path

    asking(couch_server, work)
