"""A node's settings, statistics and versions, asked of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from couchgrass.docdb.http.settings_file import read_sections
from couchgrass.exposition import Family, Sample
from couchgrass.testing.asgi import ADMIN, Asked, asking
from couchgrass.testing.call import Reply, call
from couchgrass.testing.in_process import Served, served, until
from couchgrass.testing.server import ServerProcess, running

NODE = "/_node/couchgrass@127.0.0.1"
CONFIG = "/_node/_local/_config"
QUICK = "[chttpd_auth]\niterations = 10\n[vendor]\ncity = London\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose settings these tests change, each its own keys."""
    folder = tmp_path_factory.mktemp("node")
    config = folder / "couchgrass.ini"
    config.write_text(QUICK)
    with running(folder / "data", config=config) as server:
        yield server


def admin(server: ServerProcess, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(server.auth_url, method, path, body, headers=named)


def saved(server: ServerProcess) -> Any:
    return read_sections(server.data / "settings.ini")


def test_both_names_of_the_node_mean_it(server: ServerProcess) -> None:
    assert admin(server, "GET", "/_node/_local").json() == {"name": "couchgrass@127.0.0.1"}
    assert admin(server, "GET", NODE + "/_config/vendor").json() == {"city": "London"}
    assert admin(server, "GET", CONFIG + "/vendor").json() == {"city": "London"}


def test_a_node_that_is_not_there_is_named(server: ServerProcess) -> None:
    reply = admin(server, "GET", "/_node/other@host/_config")
    assert (reply.status, reply.json()["reason"]) == (404, "no such node: other@host")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_node", 400),
        ("GET", "/_node/_local/_unknown", 404),
        ("GET", "/_node/_local/_config/a/b/c", 404),
        ("GET", "/_node/_local/_config/no_section/no_key", 404),
        ("DELETE", "/_node/_local/_config/no_section/no_key", 404),
        ("POST", "/_node/_local/_config", 405),
        ("PUT", "/_node/_local/_config/vendor", 405),
        ("GET", "/_node/_local/_config/_reload", 405),
        ("POST", "/_node/_local/_stats", 405),
        ("POST", "/_node/_local/_restart", 501),
    ],
)
def test_what_is_not_there_or_not_allowed_is_refused(
    server: ServerProcess, method: str, path: str, status: int
) -> None:
    assert admin(server, method, path).status == status


def test_a_refused_method_is_told_which_ones_are_allowed(server: ServerProcess) -> None:
    reply = admin(server, "POST", CONFIG + "/vendor/city")
    assert (reply.status, reply.headers["allow"]) == (405, "DELETE,GET,HEAD,PUT")


def test_a_section_that_is_not_there_is_empty(server: ServerProcess) -> None:
    assert admin(server, "GET", CONFIG + "/no_section").json() == {}


def test_a_setting_is_put_read_and_deleted_and_the_old_value_answered(server: ServerProcess) -> None:
    path = CONFIG + "/notes/k1"
    assert admin(server, "PUT", path, "one").json() == ""
    assert admin(server, "PUT", path, "two").json() == "one"
    assert admin(server, "GET", path).json() == "two"
    assert saved(server)["notes"]["k1"] == "two"
    assert admin(server, "GET", CONFIG).json()["notes"]["k1"] == "two"
    assert admin(server, "DELETE", path).json() == "two"
    assert admin(server, "GET", path).json() == {"error": "not_found", "reason": "unknown_config_value"}
    assert "k1" not in saved(server).get("notes", {})


def test_names_in_the_path_are_percent_encoded(server: ServerProcess) -> None:
    path = CONFIG + "/note%20s/k%2Fey"
    assert admin(server, "PUT", path, "v").status == 200
    assert admin(server, "GET", CONFIG + "/note%20s").json() == {"k/ey": "v"}
    assert admin(server, "DELETE", path).status == 200


def test_what_is_not_persisted_counts_until_the_next_reload(server: ServerProcess) -> None:
    path = CONFIG + "/notes/k2"
    assert admin(server, "PUT", path, "kept").status == 200
    assert admin(server, "PUT", path, "fleeting", X_Couch_Persist="false").json() == "kept"
    assert admin(server, "GET", path).json() == "fleeting"
    assert saved(server)["notes"]["k2"] == "kept"
    assert admin(server, "POST", CONFIG + "/_reload").json() == {"ok": True}
    assert admin(server, "GET", path).json() == "kept"


def test_settings_outlive_the_server_and_a_reload_reads_what_was_edited(tmp_path: Path) -> None:
    config = tmp_path / "couchgrass.ini"
    config.write_text(QUICK)
    with running(tmp_path / "data", config=config) as server:
        assert admin(server, "PUT", CONFIG + "/uuids/max_count", "7").status == 200
        server.stop()
        server.start()
        assert admin(server, "GET", "/_uuids?count=8").status == 400
        config.write_text(QUICK.replace("London", "Dallas"))
        assert admin(server, "POST", CONFIG + "/_reload").status == 200
        assert admin(server, "GET", "/").json()["vendor"]["city"] == "Dallas"
        config.write_text("nonsense\n")
        refused = admin(server, "POST", CONFIG + "/_reload")
        assert (refused.status, refused.json()["error"]) == (400, "bad_request")
        assert "couchgrass.ini:1" in refused.json()["reason"]
        assert admin(server, "GET", "/").json()["vendor"]["city"] == "Dallas"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "Missing request body"),
        (b"{", 400, "invalid UTF-8 JSON"),
        (b"5", 400, "a JSON string expected"),
        (b'{"a":1}', 400, "a JSON string expected"),
    ],
)
def test_a_body_that_is_no_json_string_is_refused(
    server: ServerProcess, body: bytes, status: int, reason: str
) -> None:
    reply = admin(server, "PUT", CONFIG + "/notes/k3", body)
    assert (reply.status, reply.json()["reason"]) == (status, reason)
    assert admin(server, "GET", CONFIG + "/notes/k3").status == 404


def test_a_value_that_the_setting_cannot_take_changes_nothing(server: ServerProcess) -> None:
    reply = admin(server, "PUT", CONFIG + "/uuids/max_count", "many")
    assert (reply.status, reply.json()["error"]) == (400, "bad_request")
    assert admin(server, "GET", "/_uuids?count=3").status == 200


def test_sections_that_could_run_programs_are_closed(server: ServerProcess) -> None:
    assert admin(server, "PUT", CONFIG + "/query_servers/sh", "sh").status == 403
    assert admin(server, "DELETE", CONFIG + "/query_servers/sh").status == 403


def test_a_clients_double_slash_old_section_and_missing_content_type_are_understood(
    server: ServerProcess,
) -> None:
    """As ``add-cors-to-couchdb`` does it, all five at once."""
    wanted = {
        "httpd/enable_cors": b'"true"',
        "cors/origins": b'"*"',
        "cors/credentials": b'"true"',
        "cors/methods": b'"GET, PUT, POST, HEAD, DELETE"',
        "cors/headers": b'"accept, authorization, content-type, origin, referer, x-csrf-token"',
    }
    with ThreadPoolExecutor(5) as threads:
        replies = threads.map(
            lambda one: admin(server, "PUT", f"{NODE}//_config/{one[0]}", one[1]), wanted.items()
        )
        assert [reply.status for reply in replies] == [200] * 5
    origin = {"Origin": "https://todo.example"}
    allowed = call(server.url, "GET", "/", headers=origin).headers
    assert allowed["access-control-allow-origin"] == "https://todo.example"
    assert saved(server)["cors"].keys() == {"origins", "credentials", "methods", "headers"}


def test_changes_at_the_same_time_lose_none(server: ServerProcess) -> None:
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda n: admin(server, "PUT", f"{CONFIG}/crowd/k{n}", str(n)), range(24)))
    assert {reply.status for reply in replies} == {200}
    assert saved(server)["crowd"] == {f"k{n}": str(n) for n in range(24)}
    assert admin(server, "GET", CONFIG + "/crowd").json() == saved(server)["crowd"]


def test_an_admins_password_is_kept_hashed_and_lets_the_admin_in(server: ServerProcess) -> None:
    assert admin(server, "PUT", CONFIG + "/admins/anna", "s3cret").json() == ""
    assert saved(server)["admins"]["anna"].startswith("-pbkdf2:sha256-")
    assert b"s3cret" not in (server.data / "settings.ini").read_bytes()
    anna = server.url.replace("http://", "http://anna:s3cret@")
    assert call(anna, "GET", CONFIG + "/vendor").status == 200
    assert admin(server, "DELETE", CONFIG + "/admins/anna").json().startswith("-pbkdf2:sha256-")
    assert call(anna, "GET", CONFIG + "/vendor").status == 401


@pytest.mark.parametrize("path", ["", "/_local", "/_local/_config", "/_local/_stats", "/_local/_prometheus"])
def test_strangers_are_told_nothing(server: ServerProcess, path: str) -> None:
    assert call(server.url, "GET", "/_node" + path).status == 401


def test_statistics_can_be_asked_for_by_their_path(server: ServerProcess) -> None:
    everything = admin(server, "GET", NODE + "/_stats").json()
    assert everything["couchdb"]["httpd"]["requests"]["value"] >= 0
    one = admin(server, "GET", NODE + "/_stats/couchdb/httpd/requests").json()
    assert one["type"] == "counter"
    assert admin(server, "GET", NODE + "/_stats/couchdb/nothing/such").json() is None


def test_answers_are_counted_and_timed(server: ServerProcess) -> None:
    """An answer is counted once it is sent, so that the next one may not show it yet."""
    path = NODE + "/_stats/couchdb"
    before = admin(server, "GET", path).json()["httpd"]["requests"]["value"]
    shown = (admin(server, "GET", path).json() for _ in range(100))
    after = next(stats for stats in shown if stats["httpd"]["requests"]["value"] > before)
    assert after["request_time"]["value"]["max"] > 0
    assert after["httpd_status_codes"]["200"]["value"] > 0


def test_prometheus_text_has_the_server_and_its_process(server: ServerProcess) -> None:
    reply = admin(server, "GET", NODE + "/_prometheus")
    text = reply.body.decode()
    assert reply.headers["content-type"] == "text/plain; version=2.0"
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(samples["couchdb_httpd_requests_total"]) >= 0
    assert float(samples["process_resident_memory_bytes"]) > 1_000_000
    assert float(samples["couchdb_database_count"]) >= 2


def test_system_tells_of_memory_and_uptime(server: ServerProcess) -> None:
    system = admin(server, "GET", NODE + "/_system").json()
    assert system["uptime"] >= 0
    assert system["memory"]["processes"] > 1_000_000


def test_versions_name_what_the_server_is_built_of(server: ServerProcess) -> None:
    versions = admin(server, "GET", NODE + "/_versions").json()
    assert versions["collation_driver"]["name"] == "libicu"
    assert versions["python"]["version"].startswith("3.")
    assert "sha256" in versions["python"]["supported_hashes"]
    assert versions["sqlite"]["version"].startswith("3.")


VIEW = {"views": {"all": {"map": "function (doc) { emit(doc._id, null); }"}}}


def counters(server: Served) -> dict[str, int]:
    """All plain counters and, of the histograms, how many values they took."""
    stats = server.server.stats
    plain = {name: getattr(stats, name) for name in dir(stats) if type(getattr(stats, name)) is int}
    timed = ("bulk_docs", "dbinfo", "db_open_time", "fsync_time")
    return plain | {name: getattr(stats, name).count for name in timed}


async def use_all_that_counts(server: Served) -> None:
    await server.json("PUT", "/db")
    first = await server.json("PUT", "/db/a", {"v": 1})
    await server.json("PUT", "/db/a", {"v": 2, "_rev": first["rev"]})
    await server.json("PUT", "/db/_local/x", {})
    docs = [{"_id": "a"}, {"_id": "b"}, {"_id": "c"}]
    _, made, _ = await server.json("POST", "/db/_bulk_docs", {"docs": docs})
    await server.json("POST", "/db/_purge", {"b": [made["rev"]], "none": [made["rev"]]})
    await server.json("PUT", "/db/_design/d", VIEW)
    await server.json("GET", "/db/_design/d/_view/all")
    await server.json("POST", "/db/_design/d/_view/all/queries", {"queries": [{}, {"limit": 1}]})
    await server.json("GET", "/db")


def test_what_requests_do_is_counted(tmp_path: Path) -> None:
    expected = {
        "db_open_time": 1,
        "dbinfo": 1,
        "database_writes": 5,
        "database_purges": 1,
        "document_inserts": 4,  # a, b, c and the design document, but not a's second revision
        "document_writes": 5,  # nor the conflict in _bulk_docs
        "local_document_writes": 1,
        "commits": 6,
        "fsyncs": 6,
        "fsync_time": 6,
        "bulk_requests": 1,
        "bulk_docs": 1,
        "purge_requests": 1,
        "document_purges_total": 2,
        "document_purges_success": 2,
        "document_purges_failure": 0,
        "view_reads": 3,
        "password_hashing_slow": 0,
        "password_hashing_fast": 10,
    }

    async def work() -> None:
        async with served(tmp_path / "data") as server:
            await server.json("GET", "/")  # the password is known from here on
            before = counters(server)
            assert before["password_hashing_slow"] == 1
            await use_all_that_counts(server)
            after = counters(server)
            assert {name: after[name] - before[name] for name in expected} == expected
            assert server.server.stats.bulk_docs.total == 3

    asyncio.run(work())


def test_a_client_that_hangs_up_is_counted(tmp_path: Path) -> None:
    async def work() -> None:
        async with served(tmp_path / "data") as server:
            await server.json("PUT", "/db")
            async with server.session.get(server.url + "/db/_changes?feed=continuous") as answer:
                assert answer.status == 200
                await until(lambda: server.server.stats.clients_requesting_changes == 1)
                answer.close()
            await until(lambda: server.server.stats.aborted_requests == 1)

    asyncio.run(work())


def test_metrics_of_others_are_in_prometheus_answer(tmp_path: Path) -> None:
    async def work(server: Asked) -> None:
        lag = Family("couchgrass_lag_seconds", "gauge", "how far behind", [Sample(3, {"link": "a"})])
        server.server.metric_sources.append(lambda: [lag])
        reply = await server.ask("GET", "/_node/_local/_prometheus", user=ADMIN)
        assert reply.body.endswith(b'\ncouchgrass_lag_seconds{link="a"} 3\n')

    asking(tmp_path / "data", work)
