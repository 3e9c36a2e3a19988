"""A small server that plays Apache CouchDB where a link depends on it.

It refuses local names in ``_replicator`` documents, has no API keys, no lag and no dead letters, and takes
a user for a member, for an admin or for neither by the database's ``_security``. Its jobs copy documents at
once, between the servers of one `Cluster`, with the rights of the keys in them: a job whose keys are not
right crashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import web

from couchgrass.docdb.access import Right, UserCtx, parse_security, rights
from couchgrass.docdb.selector import compile_selector

ADMIN = ("boss", "boss's secret")
CLOSED = {"members": {"roles": ["_admin"]}, "admins": {"roles": ["_admin"]}}
Docs = dict[str, dict[str, Any]]


def is_there(doc: dict[str, Any]) -> bool:
    return not doc.get("_deleted")


def is_local(name: str) -> bool:
    return name.startswith("_local/")


class Refused(Exception):
    def __init__(self, status: int, error: str, reason: str = "") -> None:
        self.answer = web.json_response({"error": error, "reason": reason}, status=status)
        super().__init__(error)


class Apache:
    """One server. `writes` counts the documents, security objects and databases that were written."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.url = ""
        self.writes = 0
        self.dbs: dict[str, Docs] = {}
        self.security: dict[str, Any] = {}
        self.stuck = False
        self.down = False
        self.has_scheduler = True
        self.refuses_jobs = False

    @property
    def auth_url(self) -> str:
        return self.url.replace("://", f"://{ADMIN[0]}:{ADMIN[1].replace(' ', '%20')}@")

    def create(self, db: str) -> None:
        self.dbs[db], self.security[db] = {}, CLOSED
        self.writes += 1

    def who(self, name: str, password: str) -> UserCtx:
        if (name, password) == ADMIN:
            return UserCtx(name, ("_admin",))
        user = self.dbs.get("_users", {}).get(f"org.couchdb.user:{name}", {})
        if user.get("_deleted") or user.get("password") != password:
            raise Refused(401, "unauthorized", "Name or password is incorrect.")
        return UserCtx(name)

    def check(self, ctx: UserCtx, db: str, right: Right) -> None:
        if not rights(ctx, parse_security(self.security[db])) & right:
            raise Refused(403, "forbidden", "You are not allowed to access this db.")

    def live(self, db: str, doc_id: str) -> dict[str, Any]:
        doc = self.dbs[db].get(doc_id)
        if doc is None or doc.get("_deleted"):
            raise Refused(404, "not_found", "missing")
        return doc

    def put(self, db: str, doc_id: str, body: dict[str, Any]) -> str:
        current = self.dbs[db].get(doc_id)
        rev = None if current is None or current.get("_deleted") else current["_rev"]
        if body.get("_rev") != rev:
            raise Refused(409, "conflict", "Document update conflict.")
        if db == "_replicator" and self.refuses_jobs:
            raise Refused(403, "forbidden", "not here")
        is_job = db == "_replicator" and not is_local(doc_id) and is_there(body)
        if is_job and isinstance(body["target"], str):
            raise Refused(403, "forbidden", "local_endpoints_not_supported")
        generation = int(current["_rev"].partition("-")[0]) + 1 if current else 1
        digest = hashlib.md5(json.dumps([current and current["_rev"], body]).encode()).hexdigest()
        self.dbs[db][doc_id] = {**body, "_id": doc_id, "_rev": f"{generation}-{digest}"}
        self.writes += 1
        self.cluster.copy()
        return str(self.dbs[db][doc_id]["_rev"])

    def jobs(self) -> Docs:
        jobs = self.dbs.get("_replicator", {})
        return {name: doc for name, doc in jobs.items() if is_there(doc) and not is_local(name)}

    def row(self, name: str) -> dict[str, Any]:
        doc = self.jobs().get(name)
        if doc is None or not self.has_scheduler:
            raise Refused(404, "not_found", "missing")
        try:
            self.cluster.ends(doc)
            state, info = "running", dict[str, Any]({"changes_pending": 0, "doc_write_failures": 0})
        except Refused as refused:
            state, info = "crashing", {"error": str(refused)}
        if self.stuck:
            state, info = "pending", {}
        ends = {end: doc[end]["url"] + "/" for end in ("source", "target")}
        return {"database": "_replicator", "doc_id": name, "id": f"id{name}+continuous", "state": state,
                "info": info, **ends}  # fmt: skip

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.down and request.transport is not None:
            request.transport.abort()
        try:
            body = await request.json() if request.can_read_body else None
            segments = [unquote(part) for part in request.rel_url.raw_path.strip("/").split("/")]
            pair = base64.b64decode(request.headers.get("authorization", "Basic Og==")[6:]).decode()
            ctx = UserCtx() if pair == ":" else self.who(*pair.split(":", 1))
            return web.json_response(self.answer(request, segments, ctx, body))
        except Refused as refused:
            return refused.answer

    def answer(self, request: web.Request, segments: list[str], ctx: UserCtx, body: Any) -> Any:
        match request.method, segments:
            case "GET", [""]:
                vendor = {"name": "The Apache Software Foundation"}
                return {"couchdb": "Welcome", "version": "3.5.0", "uuid": self.url, "vendor": vendor}
            case "GET", ["_session"]:
                return {"ok": True, "userCtx": {"name": ctx.name, "roles": ctx.roles}}
            case "GET", ["_all_dbs"]:
                return sorted(self.dbs)
            case "GET", ["_scheduler", "docs", "_replicator", name]:
                return self.row(name)
            case "GET", ["_scheduler", "docs"]:
                skip, limit = int(request.query["skip"]), int(request.query["limit"])
                names = list(self.jobs())[skip : skip + limit]
                return {"total_rows": len(self.jobs()), "docs": [self.row(name) for name in names]}
            case "GET", ["_scheduler", "jobs"]:
                return {"total_rows": 0, "offset": 0, "jobs": []}
            case "PUT", [db]:
                if db in self.dbs:
                    raise Refused(412, "file_exists", "The database could not be created.")
                self.create(db)
                return {"ok": True}
            case _, [db, *_] if db not in self.dbs:
                raise Refused(404, "not_found", "Database does not exist.")
            case "GET", [db, "_security"]:
                return self.security[db]
            case "PUT", [db, "_security"]:
                self.security[db], self.writes = body, self.writes + 1
                return {"ok": True}
            case "GET", [db, "_all_docs" | "_local_docs" as listed]:
                first, last = (json.loads(request.query[key]) for key in ("startkey", "endkey"))
                names = [name for name in sorted(self.dbs[db]) if is_there(self.dbs[db][name])]
                wanted = [name for name in names if is_local(name) is (listed == "_local_docs")]
                rows = [{"id": name, "doc": self.dbs[db][name]} for name in wanted if first <= name <= last]
                return {"rows": rows}
            case method, [db, *names]:
                doc_id = "/".join(names)
                self.check(ctx, db, Right.READ if method == "GET" else Right.WRITE)
                if method == "GET":
                    return self.live(db, doc_id)
                if method == "DELETE":
                    body = {"_deleted": True, "_rev": request.query["rev"]}
                return {"ok": True, "id": doc_id, "rev": self.put(db, doc_id, body)}
        raise Refused(405, "method_not_allowed")


class Cluster:
    """Servers that reach each other."""

    def __init__(self) -> None:
        self.servers: list[Apache] = []

    def ends(self, job: dict[str, Any]) -> tuple[Apache, str, Apache, str]:
        """The two ends of a job, if its keys may do there what they must."""
        found: list[Any] = []
        for end, right in (("source", Right.READ | Right.REPLICATE), ("target", Right.WRITE)):
            url, basic = job[end]["url"], job[end]["auth"]["basic"]
            base, _, db = url.rpartition("/")
            server = next(one for one in self.servers if one.url == base)
            server.check(server.who(basic["username"], basic["password"]), unquote(db), Right(right & -right))
            found += [server, unquote(db)]
        return found[0], found[1], found[2], found[3]

    def copy(self) -> None:
        """Every job copies what is newer; that ends, since a copy is never newer than its original."""
        for job in [job for server in self.servers if not server.stuck for job in server.jobs().values()]:
            try:
                source, source_db, target, target_db = self.ends(job)
            except Refused:
                continue
            accepts = compile_selector(job.get("selector", {}))
            for name, doc in source.dbs[source_db].items():
                there = target.dbs[target_db].get(name, {"_rev": "0-"})
                newer = int(doc["_rev"].partition("-")[0]) > int(there["_rev"].partition("-")[0])
                if newer and accepts(doc) and not is_local(name):
                    target.dbs[target_db][name] = doc


@asynccontextmanager
async def apaches(count: int) -> AsyncIterator[list[Apache]]:
    """Servers on free ports of loopback, in this event loop."""
    cluster, runners = Cluster(), []
    try:
        for _ in range(count):
            server, app = Apache(cluster), web.Application()
            app.router.add_route("*", "/{rest:.*}", server.serve)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            runners.append(runner)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            assert urlsplit(server.url).port
            cluster.servers.append(server)
        yield cluster.servers
    finally:
        for runner in runners:
            await runner.cleanup()
