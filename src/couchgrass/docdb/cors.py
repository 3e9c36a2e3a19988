"""Cross-origin requests: which headers let a browser page of another origin use the API.

Pure. The rules are those of CouchDB's ``chttpd_cors``:

- CORS is off unless ``[chttpd] enable_cors`` is true, and then no origin is accepted until ``[cors] origins``
  lists it (compared case by case; ``*`` accepts every origin and echoes it).
- A section ``[cors:HOST]`` replaces single keys of ``[cors]`` for requests whose Host is HOST, port aside.
- A preflight (OPTIONS with Origin and Access-Control-Request-Method) that asks for nothing beyond the policy
  is answered 204 before anybody is authenticated. Any other OPTIONS is an ordinary request, which the
  endpoints refuse with 405: a refused preflight shows no more than that.
- Beyond CouchDB, answers carry ``Vary: Origin`` while CORS is on, since they differ by origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

Headers = tuple[tuple[str, str], ...]

ALLOW_HEADERS = (
    "accept",
    "accept-language",
    "authorization",
    "content-length",
    "content-range",
    "content-type",
    "destination",
    "expires",
    "if-match",
    "last-modified",
    "origin",
    "pragma",
    "x-couch-full-commit",
    "x-couch-id",
    "x-couch-persist",
    "x-couchdb-www-authenticate",
    "x-http-method-override",
    "x-requested-with",
    "x-couchdb-vhost-path",
)
ALLOW_METHODS = ("CONNECT", "COPY", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE")
EXPOSED_HEADERS = (
    "accept-ranges",
    "etag",
    "server",
    "x-couch-request-id",
    "x-couch-update-newrev",
    "x-couchdb-body-time",
)
MAX_AGE_S = 600

_SIMPLE_HEADERS = frozenset(
    ("cache-control", "content-language", "content-type", "expires", "last-modified", "pragma")
)
_VARY = ("Vary", "Origin")


class CorsPolicy(msgspec.Struct, frozen=True):
    """What one host accepts. Header names are in lower case, methods and origins as configured."""

    origins: tuple[str, ...] = ()
    credentials: bool = False
    headers: tuple[str, ...] = ALLOW_HEADERS
    methods: tuple[str, ...] = ALLOW_METHODS
    exposed_headers: tuple[str, ...] = EXPOSED_HEADERS
    max_age: int = MAX_AGE_S

    def accepts(self, origin: str) -> bool:
        return "*" in self.origins or origin in self.origins

    def origin_headers(self, origin: str) -> Headers:
        allow = ("Access-Control-Allow-Origin", origin)
        if self.credentials and origin != "*":
            return (allow, ("Access-Control-Allow-Credentials", "true"))
        return (allow,)


class Cors(msgspec.Struct, frozen=True):
    """The policies of a server: one for every host, and those of the hosts that have their own."""

    enabled: bool = False
    policy: CorsPolicy = CorsPolicy()
    hosts: Mapping[str, CorsPolicy] = {}

    def policy_for(self, host: str) -> CorsPolicy:
        """The policy for a request's Host, which may carry a port."""
        if not self.hosts:
            return self.policy
        return self.hosts.get(bare_host(host), self.policy)


def bare_host(host: str) -> str:
    """A Host without scheme and port, as section names ``cors:HOST`` have it."""
    return host.rpartition("://")[2].partition(":")[0]


def preflight(cors: Cors, *, method: str, headers: Mapping[str, str], host: str) -> Headers | None:
    """The headers of the 204 that answers a preflight; None when the request is not one, or is refused.

    `headers` are the request's, names in lower case; `host` is what the Host (or X-Forwarded-Host) says.
    """
    if not cors.enabled or method != "OPTIONS":
        return None
    origin, wanted = headers.get("origin"), headers.get("access-control-request-method")
    if origin is None or wanted is None:
        return None
    policy = cors.policy_for(host)
    if not policy.accepts(origin) or wanted not in policy.methods:
        return None
    asked = headers.get("access-control-request-headers", "")
    if any(name.strip().lower() not in policy.headers for name in asked.split(",") if name.strip()):
        return None
    return (
        *policy.origin_headers(origin),
        ("Access-Control-Max-Age", str(policy.max_age)),
        ("Access-Control-Allow-Methods", ", ".join(policy.methods)),
        ("Access-Control-Allow-Headers", asked),
        _VARY,
    )


def answer_headers(cors: Cors, *, origin: str | None, host: str, sent: Iterable[str]) -> Headers:
    """The headers to add to an answer that is not a preflight's.

    `origin` is the request's Origin; `sent` names the answer's other headers, of which the browser-safe ones
    are exposed along with CouchDB's own.
    """
    if not cors.enabled:
        return ()
    if origin is None:
        return (_VARY,)
    policy = cors.policy_for(host)
    if not policy.accepts(origin):
        return (_VARY,)
    simple = [name for name in map(str.lower, sent) if name in _SIMPLE_HEADERS and name != "content-type"]
    exposed = ", ".join(("content-type", *simple, *policy.exposed_headers))
    return (*policy.origin_headers(origin), ("Access-Control-Expose-Headers", exposed), _VARY)
