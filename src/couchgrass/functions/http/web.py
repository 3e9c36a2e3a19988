"""Web actions over HTTP: ``/api/v1/web/NAMESPACE/PACKAGE/ACTION[.EXTENSION][/REST]``, open to everybody.

The order of what can go wrong is OpenWhisk's: method (405), no such action or none for the web (404), size
(413), then OPTIONS is answered unless the action wants it, the caller's right (401), body (400), parameters
(400), the namespace's quota (429), the run. The owner of the namespace in the path is who invokes.

What goes wrong before the action is known is raised, for the server's edge; all later answers are made here,
because they carry the action's CORS headers and the activation's id.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Protocol, TypeVar

from couchgrass import json
from couchgrass.errors import (
    BadRequest,
    CouchgrassError,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unauthorized,
)
from couchgrass.functions.activation import Activation
from couchgrass.functions.entity import Action, Identity
from couchgrass.functions.throttle import Throttled
from couchgrass.functions.webaction import (
    BODY_BYTES_MAX,
    METHODS,
    NO_RESOURCE,
    SECRET_HEADER,
    Asked,
    Export,
    Target,
    export,
    is_open_to,
    payload,
    target,
)
from couchgrass.functions.webaction_cors import Header, cors_headers, with_cors
from couchgrass.functions.webaction_result import FAILED, project
from couchgrass.serving.asgi import Answer, Request

PREFIX: Final = b"/api/v1/web/"

WAIT_MS: Final = 60_000
"""How long an answer waits for the action; then it is a 202. OpenWhisk's own."""

NOT_READY: Final = "Response not yet ready."
NO_KEY: Final = "The resource requires authentication, which was not supplied with the request"

_ACTIVATION_ID: Final = b"x-openwhisk-activation-id"

FAILURE: Final = b"x-couchgrass-failure"
"""Says that an answer is not the action's own: ``action``, it failed or what it answered can't be sent;
``time``, it was not ready. OpenWhisk's statuses for these (400, 202) do not tell; the gateway must."""
_JSON_TYPE: Final[Header] = (b"content-type", b"application/json")
_LENGTH_DIGITS_MAX: Final = 18
_BODILESS_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))


class Resolution(Protocol):
    """An action found by its name, through a binding perhaps. `fixed`: keys that no caller may give."""

    @property
    def action(self) -> Action: ...
    @property
    def fixed(self) -> frozenset[str]: ...


class Invocation(Protocol):
    """`activation` is None when it did not end in time."""

    @property
    def activation_id(self) -> str: ...
    @property
    def activation(self) -> Activation | None: ...


R = TypeVar("R", bound=Resolution)


class Invokes(Protocol[R]):
    """The part of the controller that web actions need."""

    def resolve(self, namespace: str, package: str, name: str) -> R:
        """Raises NotFound."""
        ...

    async def invoke(
        self,
        identity: Identity,
        resolved: R,
        payload: Any,
        *,
        blocking: bool,
        timeout_ms: int,
        transaction_id: str,
    ) -> Invocation:
        """Raises TooManyRequests, ServiceUnavailable."""
        ...


class Identifies(Protocol):
    """The part of the subjects that web actions need."""

    def identify(self, authorization: str | None) -> Identity | None:
        """Who has this Authorization header."""
        ...

    def owner(self, namespace: str) -> Identity:
        """Whose this namespace is. Raises NotFound."""
        ...


class WebActions(Generic[R]):
    """Serves what is below PREFIX."""

    def __init__(self, controller: Invokes[R], subjects: Identifies) -> None:
        self._controller = controller
        self._subjects = subjects

    async def answer(self, request: Request, transaction_id: str) -> Answer:
        """The answer to a request. Raises NotFound, MethodNotAllowed."""
        if request.method not in METHODS:
            raise MethodNotAllowed(*METHODS)
        wanted = target(request.raw_path.removeprefix(PREFIX))
        resolved = self._controller.resolve(wanted.namespace, wanted.package, wanted.action)
        opened = export(resolved.action.annotations)
        owner = self._owner(wanted.namespace)
        try:
            answer = await self._answered(request, wanted, opened, resolved, owner, transaction_id)
        except CouchgrassError as error:
            await request.drain()
            answer = refused(error, transaction_id)
        if not opened.custom_options:
            cors = cors_headers(request.headers.get(b"access-control-request-headers"))
            answer.headers = with_cors(cors, answer.headers)
        return answer

    def _owner(self, namespace: str) -> Identity:
        try:
            return self._subjects.owner(namespace)
        except NotFound:  # whose text is not for everybody
            raise NotFound(NO_RESOURCE) from None

    async def _answered(
        self,
        request: Request,
        wanted: Target,
        opened: Export,
        resolved: R,
        owner: Identity,
        transaction_id: str,
    ) -> Answer:
        _refuse_large(request)
        is_preflight = request.method == "OPTIONS"
        if is_preflight and not opened.custom_options:
            await request.drain()
            return Answer(200)
        caller = self._subjects.identify(_basic(request))
        secret = request.headers.get(SECRET_HEADER)
        if not is_preflight and not is_open_to(opened, has_key=caller is not None, secret=secret):
            raise Unauthorized(NO_KEY)
        asked = Asked(
            method=request.method,
            path=wanted.path,
            query=request.query_string,
            headers=request.headers,
            user=None if caller is None else caller.namespace,
        )
        parameters = payload(asked, await _body(request), raw=opened.raw, fixed=resolved.fixed)
        invoked = await self._controller.invoke(
            owner,
            resolved,
            parameters,
            blocking=True,
            timeout_ms=WAIT_MS,
            transaction_id=transaction_id,
        )
        answer = _shown(wanted, invoked, transaction_id)
        answer.headers.append((_ACTIVATION_ID, invoked.activation_id.encode()))
        return answer


def refused(error: CouchgrassError, transaction_id: str) -> Answer:
    """The answer that says what is wrong, as every answer of the REST API does."""
    answer = _said(error.status, error.reason or FAILED, transaction_id)
    if isinstance(error, Throttled):
        answer.headers.append((b"retry-after", b"%d" % error.retry_after_s))
    return answer


def _said(status: int, text: str, transaction_id: str) -> Answer:
    return Answer(status, json.encode({"error": text, "code": transaction_id}), [_JSON_TYPE])


def _shown(wanted: Target, invoked: Invocation, transaction_id: str) -> Answer:
    """The action's own answer, or what there is instead of it."""
    activation = invoked.activation
    if activation is None or activation.status is None:
        answer = _said(202, NOT_READY, transaction_id)
        answer.headers.append((FAILURE, b"time"))
        return answer
    try:
        projected = project(wanted.extension, activation.status, activation.result)
    except NotFound as error:
        return refused(error, transaction_id)
    except BadRequest as error:
        answer = refused(error, transaction_id)
        answer.headers.append((FAILURE, b"action"))
        return answer
    return Answer(projected.status, projected.body, projected.headers)


def _basic(request: Request) -> str | None:
    """The Authorization header when it is a key's; a token of another kind is the action's own matter."""
    found = request.headers.get(b"authorization")
    return found.decode("latin-1") if found is not None and found[:6].lower() == b"basic " else None


def _refuse_large(request: Request) -> None:
    length = request.headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > _LENGTH_DIGITS_MAX or int(length) > BODY_BYTES_MAX):
        raise TooLarge(f"Request larger than allowed: {length.decode()} > {BODY_BYTES_MAX} bytes.")


async def _body(request: Request) -> bytes:
    """The whole body. Nothing is waited for where HTTP/1 says that there is none."""
    headers = request.headers
    if (
        request.method in _BODILESS_METHODS
        and b"content-length" not in headers
        and b"transfer-encoding" not in headers
        and str(request.scope.get("http_version", "")).startswith("1")
    ):
        return b""
    try:
        return await request.body(BODY_BYTES_MAX)
    except TooLarge:
        raise TooLarge(f"Request larger than allowed: over {BODY_BYTES_MAX} bytes.") from None
