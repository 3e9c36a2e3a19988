"""Which resource a path leads to.

The rule (openwhisk-apigateway's `routing.lua`): a path belongs to the route that matches most of its leading
segments, literally or by `{param}`; what remains of it is the action's. So `/v1/todo` also takes
`/v1/todo/42/x`. Of routes of one length the one that is literal further to the left wins, a segment that is
partly literal (`{id}.json`) before one that is a parameter alone. Empty segments don't count, so `//` leads
where `/` does. A route is found before its verb is looked at: another verb falls back to no shorter route.

A trie over segments: each of its nodes is visited at most once for a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from couchgrass.gateway.api import Api, Operation, tenant_of

_PARAM: Final = re.compile(r"\{[^{}/]*\}")

SEGMENTS_MAX: Final = 128
"""Of a path, those that are looked at; a route is refused before it has so many."""


class Resource:
    """A path of an API, or of several: `operations` by verb. `api` is the one that is asked about CORS and
    limits: the last one that has the path."""

    __slots__ = ("api", "operations")

    def __init__(self, api: Api) -> None:
        self.api = api
        self.operations: dict[str, tuple[Api, Operation]] = {}


class _Node:
    __slots__ = ("literals", "param", "patterns", "resource")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node] = {}
        self.patterns: dict[str, tuple[list[bytes], _Node]] = {}
        self.param: _Node | None = None
        self.resource: Resource | None = None


class Routes:
    """The routes of one tenant."""

    def __init__(self, apis: Iterable[Api] = ()) -> None:
        self._root = _Node()
        for api in sorted(apis, key=lambda api: api.base_path):
            for path, operations in api.resources.items():
                self._add(api, path, operations)

    def _add(self, api: Api, path: str, operations: Mapping[str, Operation]) -> None:
        node = self._root
        for segment in segments_of(api.base_path + "/" + path):
            node = _below(node, segment)
        if node.resource is None:
            node.resource = Resource(api)
        node.resource.api = api
        for verb, operation in operations.items():
            node.resource.operations[verb] = (api, operation)

    def find(self, path: bytes) -> tuple[Resource, bytes] | None:
        """The resource and what remains of `path`, which is percent-encoded and without a query. The rest is
        as it came, with its leading slash; None when no route matches."""
        segments = [segment for segment in path.split(b"/", SEGMENTS_MAX) if segment]
        found = _deepest(self._root, segments)
        if found is None:
            return None
        resource, depth = found
        if depth == len(segments) and not path.endswith(b"/"):
            return resource, b""
        return resource, _after(path, depth)


def _below(node: _Node, segment: str) -> _Node:
    if _PARAM.fullmatch(segment):
        if node.param is None:
            node.param = _Node()
        return node.param
    if _PARAM.search(segment):
        if segment not in node.patterns:
            node.patterns[segment] = ([part.encode() for part in _PARAM.split(segment)], _Node())
        return node.patterns[segment][1]
    return node.literals.setdefault(unquote_to_bytes(segment), _Node())


def _deepest(root: _Node, segments: list[bytes]) -> tuple[Resource, int] | None:
    best: tuple[Resource, int] | None = None
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if node.resource is not None and (best is None or depth > best[1]):
            best = node.resource, depth
        if depth == len(segments):
            continue
        segment = segments[depth]
        if b"%" in segment:
            segment = unquote_to_bytes(segment)
        # The last one that is put here is looked at first.
        if node.param is not None:
            waiting.append((node.param, depth + 1))
        if node.patterns:
            matching = [below for parts, below in node.patterns.values() if _fits(parts, segment)]
            waiting += [(below, depth + 1) for below in reversed(matching)]
        literal = node.literals.get(segment)
        if literal is not None:
            waiting.append((literal, depth + 1))
    return best


def _fits(parts: list[bytes], segment: bytes) -> bool:
    """Are these the literal parts of the segment, in order, with at least a byte between any two?

    No regular expression: one with many parameters takes time without end for some segments.
    """
    first, *between, last = parts
    at, end = len(first), len(segment) - len(last)
    if not segment.startswith(first) or not segment.endswith(last):
        return False
    for part in between:
        found = segment.find(part, at + 1, end)
        if found < 0:
            return False
        at = found + len(part)
    return at < end


def _after(path: bytes, depth: int) -> bytes:
    """What follows the first `depth` segments that are not empty."""
    at = 0
    for _ in range(depth):
        while path[at : at + 1] == b"/":
            at += 1
        at = path.find(b"/", at)
        if at < 0:
            return b""
    return path[at:]


def _tenant(path: bytes) -> tuple[bytes, bytes]:
    """The tenant and the path below it; the tenant is empty where there is none."""
    if b"//" in path[:6]:
        segments = [segment for segment in path.split(b"/", SEGMENTS_MAX) if segment]
        if len(segments) < 2 or segments[0] != b"api":
            return b"", path
        return segments[1], _after(path, 2)
    end = path.find(b"/", 5)
    return (path[5:], b"") if end < 0 else (path[5:end], path[end:])


def segments_of(path: str) -> list[str]:
    """The segments of a path that are not empty."""
    return [segment for segment in path.split("/") if segment]


class Table:
    """The routes of all tenants. `default` is the namespace whose APIs need no /api/TENANT."""

    def __init__(self, default: str = "") -> None:
        self._default = tenant_of(default).encode() if default else None
        self._tenants: dict[bytes, Routes] = {}

    def put(self, namespace: str, apis: Iterable[Api]) -> None:
        """Replaces the APIs of a namespace."""
        tenant = tenant_of(namespace).encode()
        apis = list(apis)
        if apis:
            self._tenants[tenant] = Routes(apis)
        else:
            self._tenants.pop(tenant, None)

    def find(self, path: bytes) -> tuple[Resource, bytes, bytes] | None:
        """The resource, the path below the tenant, and what of it follows the route."""
        if path.startswith((b"/api/", b"//")):
            tenant, below = _tenant(path)
            routes = self._tenants.get(tenant)
            if routes is not None:
                found = routes.find(below)
                return None if found is None else (found[0], below, found[1])
        routes = None if self._default is None else self._tenants.get(self._default)
        if routes is None:
            return None
        found = routes.find(path)
        return None if found is None else (found[0], path, found[1])
