"""What the four actions share: the database, the todo's form, and its URL. Standard library only."""

import base64
import http.client
import json
from urllib.parse import quote, unquote, urlsplit

JSON_HEADERS = {"content-type": "application/json"}
FIELDS = ("title", "completed", "order")

_connections = {}


class Refused(Exception):
    """The database said no."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Database:
    """The caller's database: `todos`, or for somebody who is signed in one of their own."""

    def __init__(self, params):
        self._url = urlsplit(params["url"])
        login = f"{params['username']}:{params['password']}".encode()
        self._headers = {**JSON_HEADERS, "authorization": "Basic " + base64.b64encode(login).decode()}
        self._name = _database_name(params)

    def ask(self, method, path="", body=None):
        """The answer of the database, which is made when it is missing."""
        try:
            return self._once(method, path, body)
        except Refused as refused:
            if refused.reason != "Database does not exist.":
                raise
        try:
            self._once("PUT", "", None)
        except Refused as refused:
            if refused.status != 412:  # somebody else has just made it
                raise
        return self._once(method, path, body)

    def _once(self, method, path, body):
        text = None if body is None else json.dumps(body)
        where = f"{self._url.path.rstrip('/')}/{self._name}{path}"
        for attempt in (1, 2):
            wire = _connections.get(self._url.netloc) or self._connect()
            try:
                wire.request(method, where, text, self._headers)
                answer = wire.getresponse()
                found = json.loads(answer.read())
                break
            except (http.client.HTTPException, OSError):
                # A connection that was kept since the last invocation may have been closed meanwhile.
                wire.close()
                _connections.pop(self._url.netloc, None)
                if attempt == 2:
                    raise
        if answer.status >= 400:
            raise Refused(answer.status, found.get("reason", "refused"))
        return found

    def _connect(self):
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        wire = _connections[self._url.netloc] = kind(self._url.hostname, self._url.port, timeout=20)
        return wire

    def all(self):
        return [row["doc"] for row in self.ask("GET", "/_all_docs?include_docs=true&conflicts=true")["rows"]]

    def one(self, doc_id):
        return self.ask("GET", f"/{quote(doc_id, safe='')}?conflicts=true")

    def versions(self, doc_id):
        """All that the todo is at once, when two regions changed it: the winner first."""
        winner = self.one(doc_id)
        where = "/" + quote(doc_id, safe="")
        return [winner, *(self.ask("GET", f"{where}?rev={rev}") for rev in winner.pop("_conflicts", []))]

    def settle(self, doc, others):
        """Writes the document, then deletes its other versions. The same choice in two regions is the same
        write, so they agree."""
        self.ask("PUT", "/" + quote(doc["_id"], safe=""), doc)
        self.delete([{"_id": doc["_id"], "_rev": rev} for rev in others])

    def delete(self, docs):
        """Deletes documents with all their versions: of one alone another would take its place."""
        gone = [
            {"_id": doc["_id"], "_rev": rev, "_deleted": True}
            for doc in docs
            for rev in (doc["_rev"], *doc.get("_conflicts", []))
        ]
        for row in self.ask("POST", "/_bulk_docs", {"docs": gone}) if gone else []:
            if row.get("error"):
                raise Refused(409, row.get("reason", "conflict"))


def _database_name(params):
    """The gateway has verified the token before."""
    authorization = params.get("__ow_headers", {}).get("authorization", "")
    if not authorization.startswith("Bearer "):
        return "todos"
    payload = authorization.removeprefix("Bearer ").split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return "todos_" + claims["sub"].lower()


def path_of(params):
    """What stands behind the API's path: (id, what is asked of it); ("", "") is the collection."""
    asked = params.get("__ow_path", "").replace(params["base_path"], "", 1).strip("/")
    doc_id, _, rest = asked.partition("/")
    return unquote(doc_id), rest


def id_of(params):
    """The id in the path, "" for the collection."""
    return path_of(params)[0]


def shown(params, doc):
    """A todo as the API shows it, under the URL by which it was asked for."""
    asked = params.get("__ow_headers", {}).get("x-forwarded-url", "").partition("?")[0]
    base = asked[: asked.find(params["base_path"]) + len(params["base_path"])]
    todo = {"id": doc["_id"], "url": f"{base}/{doc['_id']}"}
    if doc.get("_conflicts"):
        todo["versions"] = 1 + len(doc["_conflicts"])
    return {**todo, **{name: doc[name] for name in FIELDS if name in doc}}


def answer(status, body):
    return {"statusCode": status, "headers": JSON_HEADERS, "body": body}


def refusal(status, reason):
    return {"error": answer(status, {"error": reason})}
