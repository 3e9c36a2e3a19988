"""The actions of ``/whisk.system/cloudant``: single requests to a CouchDB. Each function is one action.

The account is told by `host`, `username` and `password`, or by a `url` with all of them in it. `params`,
where it is taken, holds further query options. What the server refuses becomes the result's `error`.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

Args = dict[str, Any]

ASK_S = 50
ANSWER_BYTES_MAX = 8 * 1024 * 1024


class Refused(Exception):
    """What was asked can't be; the value becomes the result's `error`."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error))
        self.error = error


def read(args: Args) -> Any:
    """A document."""
    return _tried(lambda: _ask(args, "GET", _name(args), _doc_id(args), query=_params(args)))


read_document = read


def write(args: Args) -> Any:
    """Writes a document; with `overwrite` over whatever revision there is."""
    return _tried(lambda: _write(args))


def _write(args: Args) -> Any:
    name, doc = _name(args), _object(args, "doc")
    if doc.get("_id") and str(args.get("overwrite")).strip().lower() == "true":
        try:
            doc["_rev"] = _ask(args, "GET", name, doc["_id"])["_rev"]
        except Refused as refused:
            if not isinstance(refused.error, dict) or refused.error.get("statusCode") != 404:
                raise
    return _ask(args, "POST", name, body=doc)


def create_document(args: Args) -> Any:
    """Writes a document that is new."""
    return _tried(lambda: _ask(args, "POST", _name(args), body=_object(args, "doc"), query=_params(args)))


def update_document(args: Args) -> Any:
    """Writes a document over the revision that it names."""

    def update() -> Any:
        doc = _object(args, "doc")
        if not doc.get("_id") or not doc.get("_rev"):
            raise Refused("doc and doc._rev are required.")
        return _ask(args, "POST", _name(args), body=doc, query=_params(args))

    return _tried(update)


def delete_document(args: Args) -> Any:
    """Deletes the revision `docrev` of a document."""

    def delete() -> Any:
        query = {"rev": _needed(args, "docrev")}
        return _ask(args, "DELETE", _name(args), _doc_id(args), query=query)

    return _tried(delete)


def list_documents(args: Args) -> Any:
    """A database's documents."""
    return _tried(lambda: _ask(args, "GET", _name(args), "_all_docs", query=_params(args)))


def list_design_documents(args: Args) -> Any:
    """A database's design documents, whole with `includedocs`."""
    query = {"startkey": '"_design/"', "endkey": '"_design0"'}
    if args.get("includedocs"):
        query["include_docs"] = "true"
    return _tried(lambda: _ask(args, "GET", _name(args), "_all_docs", query=query))


def manage_bulk_documents(args: Args) -> Any:
    """Writes and deletes several documents: `docs` is the body of ``_bulk_docs``."""
    return _tried(
        lambda: {"results": _ask(args, "POST", _name(args), "_bulk_docs", body=_object(args, "docs"))}
    )


def exec_query_find(args: Args) -> Any:
    """The documents that `query` finds."""
    return _tried(lambda: _ask(args, "POST", _name(args), "_find", body=_object(args, "query")))


def exec_query_view(args: Args) -> Any:
    """The rows of view `viewname` of design document `docid`."""

    def view() -> Any:
        where = (
            "_design/" + _needed(args, "docid").removeprefix("_design/"),
            "_view",
            _needed(args, "viewname"),
        )
        return _ask(args, "GET", _name(args), *where, query=_params(args))

    return _tried(view)


def create_query_index(args: Args) -> Any:
    """Makes an index for queries."""
    return _tried(lambda: _ask(args, "POST", _name(args), "_index", body=_object(args, "index")))


def list_query_indexes(args: Args) -> Any:
    """The indexes for queries."""
    return _tried(lambda: _ask(args, "GET", _name(args), "_index"))


def read_changes_feed(args: Args) -> Any:
    """A database's changes up to now."""
    return _tried(lambda: _ask(args, "GET", _name(args), "_changes", query=_params(args)))


def read_database(args: Args) -> Any:
    """What there is to know of a database."""
    return _tried(lambda: _ask(args, "GET", _name(args)))


def create_database(args: Args) -> Any:
    """Makes a database."""
    return _tried(lambda: _ask(args, "PUT", _name(args)))


def delete_database(args: Args) -> Any:
    """Deletes a database with all that is in it."""
    return _tried(lambda: _ask(args, "DELETE", _name(args)))


def list_all_databases(args: Args) -> Any:
    """The names of all databases."""
    return _tried(lambda: {"all_databases": _ask(args, "GET", "_all_dbs")})


def _tried(ask: Any) -> Any:
    try:
        return ask()
    except Refused as refused:
        return {"error": refused.error}


def _needed(args: Args, name: str) -> str:
    if not args.get(name):
        raise Refused(f"{name} is required.")
    return str(args[name])


def _name(args: Args) -> str:
    return _needed(args, "dbname")


def _doc_id(args: Args) -> str:
    return _needed(args, "docid" if args.get("docid") or not args.get("id") else "id")


def _object(args: Args, name: str) -> Any:
    """A parameter that is an object, or the JSON text of one."""
    value = args.get(name)
    if not value:
        raise Refused(f"{name} is required.")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise Refused(f"{name} field cannot be parsed. Ensure it is valid JSON.") from None
    if not isinstance(value, dict):
        raise Refused(f"{name} field should be an object or a JSON string.")
    return dict(value)


def _params(args: Args) -> dict[str, str]:
    given = _object(args, "params") if args.get("params") else {}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}


def _account(args: Args) -> tuple[str, str, str]:
    """(base URL, user, password)."""
    if args.get("url"):
        url = urlsplit(str(args["url"]))
        base = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
        return base, unquote(url.username or ""), unquote(url.password or "")
    for name in ("host", "username", "password"):
        if not args.get(name):
            raise Refused(f"cloudant account {name} is required.")
    return f"https://{args['host']}", str(args["username"]), str(args["password"])


def _ask(args: Args, method: str, *path: str, query: dict[str, str] | None = None, body: Any = None) -> Any:
    """The JSON of the answer."""
    base, user, password = _account(args)
    if not base.startswith(("http://", "https://")):
        raise Refused("the url parameter is not valid")
    # The slash of a design document's or a local document's id stays one.
    segments = [
        quote(segment, safe="/" if segment.startswith(("_design/", "_local/")) else "") for segment in path
    ]
    url = "/".join([base.rstrip("/"), *segments]) + (f"?{urlencode(query)}" if query else "")
    request = urllib.request.Request(url, method=method)  # noqa: S310
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    request.add_header("authorization", f"Basic {credentials}")
    request.add_header("accept", "application/json")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=ASK_S) as answer:  # noqa: S310
            return json.loads(answer.read(ANSWER_BYTES_MAX + 1))
    except urllib.error.HTTPError as refused:
        with refused:
            raise Refused(_refusal(refused.code, refused.read(ANSWER_BYTES_MAX))) from None
    except ValueError:
        raise Refused("the answer is no JSON, or too large") from None
    except OSError as failed:
        raise Refused(f"the server does not answer: {failed}") from None


def _refusal(status: int, text: bytes) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    return {"statusCode": status, "error": told.get("error", ""), "reason": told.get("reason", "")}
