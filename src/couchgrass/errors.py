"""The one family of errors.

The domain raises these; the HTTP edge turns them once into CouchDB's answer
``{"error": ..., "reason": ...}`` with `status`; a client turns that answer back with `from_answer`.
`status` and `error` are CouchDB's own (its ``chttpd:error_info``).
"""

from __future__ import annotations


class CouchgrassError(Exception):
    """Base of the family. `reason` is shown to the caller, so it never holds a secret."""

    status = 500
    error = "internal_server_error"

    def __init__(self, reason: str = "", *, error: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        if error is not None:
            self.error = error


class BadRequest(CouchgrassError):
    status = 400
    error = "bad_request"


class QueryParseError(CouchgrassError):
    """A query option has the wrong form."""

    status = 400
    error = "query_parse_error"


class DocValidation(CouchgrassError):
    """A document breaks a rule of form, such as an unknown underscore field."""

    status = 400
    error = "doc_validation"


class IllegalDocId(CouchgrassError):
    status = 400
    error = "illegal_docid"


class IllegalDatabaseName(CouchgrassError):
    status = 400
    error = "illegal_database_name"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Name: '{name}'. Only lowercase characters (a-z), digits (0-9), and any of the "
            "characters _, $, (, ), +, -, and / are allowed. Must begin with a letter."
        )


class Unauthorized(CouchgrassError):
    status = 401
    error = "unauthorized"


class Forbidden(CouchgrassError):
    status = 403
    error = "forbidden"


class NotFound(CouchgrassError):
    status = 404
    error = "not_found"


class MethodNotAllowed(CouchgrassError):
    """`allowed` is the list of methods for the Allow header."""

    status = 405
    error = "method_not_allowed"

    def __init__(self, *allowed: str) -> None:
        super().__init__(f"Only {','.join(allowed)} allowed")
        self.allowed = allowed


class NotAcceptable(CouchgrassError):
    status = 406
    error = "not_acceptable"


class RequestTimeout(CouchgrassError):
    """The rest of the request did not come in time."""

    status = 408
    error = "timeout"


class Conflict(CouchgrassError):
    status = 409
    error = "conflict"

    def __init__(self, reason: str = "Document update conflict.", *, error: str | None = None) -> None:
        super().__init__(reason, error=error)


class FileExists(CouchgrassError):
    """The database is there already."""

    status = 412
    error = "file_exists"

    def __init__(self, reason: str = "The database could not be created, the file already exists.") -> None:
        super().__init__(reason)


class MissingStub(CouchgrassError):
    """An attachment stub names an attachment that the parent revision does not have."""

    status = 412
    error = "missing_stub"


class TooLarge(CouchgrassError):
    """A body, document or attachment is over its limit; `error` says which."""

    status = 413
    error = "too_large"


class BadContentType(CouchgrassError):
    status = 415
    error = "bad_content_type"


class RangeNotSatisfiable(CouchgrassError):
    status = 416
    error = "requested_range_not_satisfiable"


class TooManyRequests(CouchgrassError):
    """A quota is used up. Try again in a moment."""

    status = 429
    error = "too_many_requests"


class NotImplementedHere(CouchgrassError):
    """CouchDB has it, this version does not; the reason says so."""

    status = 501
    error = "not_implemented"


class PeerLost(CouchgrassError):
    """Another server does not answer, or not wholly, or can't do it now. What it did is unknown.

    `is_down`: nobody took the connection, so asking again at once is of no use.
    """

    status = 502
    error = "peer_lost"
    is_down = False

    def __init__(self, reason: str = "", *, error: str | None = None, is_down: bool = False) -> None:
        super().__init__(reason, error=error)
        self.is_down = is_down


class ServiceUnavailable(CouchgrassError):
    """The server can't do it now: it stops, or a queue is at its bound. Try again later."""

    status = 503
    error = "service unavailable"


class GatewayTimeout(CouchgrassError):
    """The server behind this one did not answer in time. What it did is unknown."""

    status = 504
    error = "gateway_timeout"


class StorageFull(CouchgrassError):
    """The disk refused the write; nothing of it was kept."""

    status = 507
    error = "insufficient_storage"


def from_answer(status: int, error: str, reason: str) -> CouchgrassError:
    """The error whose answer this is: what the HTTP edge of a server turned into status, error and reason.

    The class is the one with this status and error; for an error that is not ours the first one with this
    status; else CouchgrassError itself. Status, error and reason are the answer's.
    """
    kinds = [kind for kind in _family(CouchgrassError) if kind.status == status]
    named = [kind for kind in kinds if kind.error == error]
    kind = (named or kinds or [CouchgrassError])[0]
    told = kind.__new__(kind)
    # Past the class's own constructor, which may make the reason itself.
    CouchgrassError.__init__(told, reason, error=error)
    told.status = status
    if isinstance(told, MethodNotAllowed):
        told.allowed = ()
    return told


def _family(kind: type[CouchgrassError]) -> list[type[CouchgrassError]]:
    """All classes of the family, in the order in which they are written."""
    return [kind, *(below for child in kind.__subclasses__() for below in _family(child))]
