"""A swagger document to the `Api` that is served.

Where an operation leads is read from `x-ibm-configuration.assembly` (`operation-switch`, `invoke`,
`set-variable`), or from its `x-openwhisk` where there is no assembly. Of a target's URL only the path of the
web action counts: its host is whatever a client took it for. All else is the region's own.
Source: openwhisk-apigateway `management/lib/swagger.lua`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from couchgrass.errors import BadRequest
from couchgrass.gateway.api import METHODS, Api, Cors, Operation, Target, normal_base_path
from couchgrass.gateway.openapi import as_swagger
from couchgrass.gateway.ratelimit import read_limits
from couchgrass.gateway.routes import SEGMENTS_MAX, segments_of
from couchgrass.gateway.security import read_security

RESOURCES_MAX: Final = 2_000
REQUEST_PATH: Final = "$(request.path)"
_WEB: Final = "/api/v1/web/"
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_KNOWN_POLICIES: Final = frozenset({"invoke", "set-variable", "operation-switch"})
_RESERVED: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "x-forwarded-url"})


def compile_api(key: str, namespace: str, document: Mapping[str, Any]) -> Api:
    """The API of a swagger or OpenAPI 3 document. Raises BadRequest, which says what is wrong in it."""
    swagger = as_swagger(document)
    paths = swagger.get("paths")
    if not isinstance(paths, dict) or not isinstance(swagger.get("basePath"), str):
        raise BadRequest("An API needs a basePath and paths")
    if len(paths) > RESOURCES_MAX:
        raise BadRequest(f"An API has at most {RESOURCES_MAX} paths")
    config = _object(swagger.get("x-gateway-configuration", swagger.get("x-ibm-configuration")))
    steps = _Steps(_object(config.get("assembly")).get("execute"))
    base_path = normal_base_path(swagger["basePath"])
    resources = {
        path: dict(_operations(swagger, _object(item), steps, namespace))
        for path, item in paths.items()
        if not path.startswith("x-")
    }
    for path in resources:
        if not path.startswith("/"):
            raise BadRequest(f"The path '{path}' has to begin with /")
        if len(segments_of(base_path + path)) >= SEGMENTS_MAX:
            raise BadRequest("A path has too many segments")
    return Api(
        key=key,
        namespace=namespace,
        base_path=base_path,
        resources=resources,
        cors=_cors(config),
        limits=read_limits(swagger.get("x-gateway-rate-limit", swagger.get("x-ibm-rate-limit"))),
    )


def _cors(config: Mapping[str, Any]) -> Cors:
    match _object(config.get("cors")).get("enabled"):
        case True:
            return Cors.ENABLED
        case False:
            return Cors.DISABLED
        case _:
            return Cors.UNTOUCHED


def _operations(
    swagger: Mapping[str, Any], item: Mapping[str, Any], steps: _Steps, namespace: str
) -> Iterator[tuple[str, Operation]]:
    for name, given in item.items():
        verb = name.upper()
        if verb not in METHODS or not isinstance(given, dict):
            continue  # `parameters`, `summary`, x- members
        url, method, sets = steps.of(given.get("operationId"))
        yield (
            verb,
            Operation(
                target=_target(url, namespace) if url else _own_target(given.get("x-openwhisk"), namespace),
                verb=method,
                sets=sets,
                demands=read_security(swagger, given),
            ),
        )


class _Steps:
    """The assembly: what is done for every operation, and for each by its id."""

    def __init__(self, execute: Any) -> None:
        self._url, self._method = "", b""
        self._sets: tuple[tuple[bytes, bytes], ...] = ()
        self._cases: dict[str, tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]] = {}
        url, method, sets = _read_steps(execute)
        self._url, self._method, self._sets = url, method, sets
        for step in _steps(execute):
            for case in _list(_object(step.get("operation-switch")).get("case")):
                read = _read_steps(_object(case).get("execute"))
                for operation in _list(_object(case).get("operations")):
                    self._cases[_operation_id(operation)] = read

    def of(self, operation_id: Any) -> tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]:
        """URL, verb ("" keeps the caller's) and headers of an operation."""
        url, method, sets = self._cases.get(str(operation_id), ("", b"", ()))
        return url or self._url, method or self._method, self._sets + sets


def _operation_id(operation: Any) -> str:
    """IBM's editor also writes {verb, path} in the place of an id; those have none here."""
    return operation if isinstance(operation, str) else ""


def _read_steps(execute: Any) -> tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]:
    url, method = "", b""
    sets: list[tuple[bytes, bytes]] = []
    for step in _steps(execute):
        invoke = _object(step.get("invoke"))
        if isinstance(invoke.get("target-url"), str):
            url = invoke["target-url"]
            verb = str(invoke.get("verb", "keep")).upper()
            if verb != "KEEP":
                method = (verb if verb in METHODS else "GET").encode()
        actions = _list(_object(step.get("set-variable")).get("actions"))
        sets += [_set(_object(action)) for action in actions]
    return url, method, tuple(sets)


def _steps(execute: Any) -> Iterator[Mapping[str, Any]]:
    for step in _list(execute):
        step = _object(step)
        for policy in step:
            if policy not in _KNOWN_POLICIES and not policy.startswith("$$"):
                raise BadRequest(f"The policy '{policy}' of the assembly is not supported")
        yield step


def _set(action: Mapping[str, Any]) -> tuple[bytes, bytes]:
    name, value = action.get("set"), action.get("value")
    if not isinstance(name, str) or not name.startswith("message.headers."):
        raise BadRequest("set-variable can set message.headers.NAME only")
    name = name.removeprefix("message.headers.").lower()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRequest(f"set-variable: the value of {name} has to be a string or a number")
    text = str(value)
    if not _HEADER.fullmatch(name) or name in _RESERVED or _NO_TEXT.search(text):
        raise BadRequest(f"set-variable: no header can be set to that: {name}")
    return name.encode(), text.strip().encode()


def _target(url: str, namespace: str) -> Target | None:
    """The web action of a target URL; None for a URL of something else."""
    takes_path = url.endswith(REQUEST_PATH)
    before, found, path = url.removesuffix(REQUEST_PATH).rpartition(_WEB)
    segments = path.split("?", 1)[0].rstrip("/").split("/")
    if not found or "/api/v1/web/" in before or len(segments) != 3 or not all(segments):
        return None
    return Target(
        _web_path(unquote(segments[0]), unquote(segments[1]), unquote(segments[2]), namespace), takes_path
    )


def _own_target(extension: Any, namespace: str) -> Target | None:
    """The web action of `x-openwhisk`, where no assembly says more."""
    given = _object(extension)
    action, package = given.get("action"), given.get("package") or "default"
    if not isinstance(action, str) or not action or not isinstance(package, str):
        return None
    url = given.get("url")
    file = url.rsplit("/", 1)[-1] if isinstance(url, str) else ""
    ending = file.rpartition(".")[2] if "." in file else "http"
    owner = given.get("namespace")
    owner = owner if isinstance(owner, str) and owner else "_"
    return Target(_web_path(owner, package, f"{action}.{ending}", namespace), ending == "http")


def _web_path(owner: str, package: str, action: str, namespace: str) -> bytes:
    """Segments are percent-encoded; "_" is the namespace that the API is in."""
    owner = namespace if owner == "_" else owner
    return (_WEB + "/".join(quote(part, safe="@") for part in (owner, package, action))).encode()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
