"""APIs of an app: the documents that they are to have, made of those that there are.

Pure. An API is all routes below one base path, in one OpenAPI 2 document that is put as a whole: so it
changes at once, can be put back as it was, and comes with its security. Operations that are not the app's
stay; the app's own have the member `x-couchgrass` with its name.

With a tenant the API is for people who are signed in there: the security definition `app-id`, in the form
that IBM's gateway reads. It goes again only where a deploy has made it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from couchgrass.deploy.steps import Change, Kind, PlanRefused, Present, Step
from couchgrass.deploy.wanted import Action, App, Route
from couchgrass.errors import BadRequest
from couchgrass.gateway.apidoc import Endpoint, action_of
from couchgrass.gateway.swagger import add_endpoint, base_swagger, remove_endpoint

OURS: Final = "x-couchgrass"
APP_ID: Final = "app-id"
SECURE: Final = "require-whisk-auth"
VERBS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
_PARAM: Final = re.compile(r"\{([^/{}]+)\}")

Document = dict[str, Any]
Operation = tuple[str, str]
"""(path, verb in lower case)"""


class Hosted(msgspec.Struct, frozen=True):
    """Whose APIs they are and where their actions are; see `diff.How`."""

    app: str
    namespace: str
    functions_url: str
    tenant: str = ""
    prune: bool = False


def api_steps(wanted: App, present: Present, hosted: Hosted) -> Iterator[Step]:
    """A step for each base path that the app has or had."""
    whole = {_base(document): document for document in wanted.swaggers}
    routed: dict[str, list[Route]] = {}
    for route in wanted.routes:
        routed.setdefault(route.base, []).append(route)
    if both := whole.keys() & routed.keys():
        raise PlanRefused(f"there are routes and a document for the base path {min(both)}")
    secrets = {one.name: secret for one in wanted.actions if (secret := _secret(one)) is not None}
    for base, document in whole.items():
        yield from _steps(base, present, _whole_document(document, hosted), set(), hosted)
    for base, routes in routed.items():
        before = present.apis.get(base)
        after, left = _routed_document(base, routes, before, secrets, hosted)
        yield from _steps(base, present, after, left, hosted)
    for base, there in present.apis.items():
        if base not in whole and base not in routed and (ours := operations(there, hosted.app)):
            kept = _without(there, ours) if hosted.prune else there
            yield from _steps(base, present, kept, set() if hosted.prune else ours, hosted)


def operations(document: Mapping[str, Any], app: str = "") -> set[Operation]:
    """All operations of a document, or those that are an app's."""
    whole = _mark(document).get("app") == app
    return {
        (path, verb)
        for path, verb, operation in _operations(document)
        if not app or whole or operation.get(OURS) == app
    }


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        for verb, operation in item.items() if isinstance(item, Mapping) else ():
            if verb in VERBS and isinstance(operation, Mapping):
                yield path, verb, operation


def _steps(
    base: str, present: Present, after: Document | None, left: set[Operation], hosted: Hosted
) -> Iterator[Step]:
    """The step of a document, and another one that tells of what left the manifest and stays."""
    before = present.apis.get(base)
    if before is None:
        if after is not None:
            yield Step(Kind.API, Change.CREATE, base, (), after)
    elif after is None:
        yield Step(Kind.API, Change.DELETE, base, ("left the manifest",), before=before)
    elif after != before:
        yield Step(Kind.API, Change.UPDATE, base, tuple(_words(before, after)), after, before)
    elif not left or left != operations(before, hosted.app):
        yield Step(Kind.API, Change.UNCHANGED, base, before=before)
    if left:
        names = sorted(f"{verb.upper()} {path}" for path, verb in left)
        yield Step(Kind.API, Change.LEFT, base, (f"{', '.join(names)} left the manifest",), before=before)


def _words(before: Document, after: Document) -> Iterator[str]:
    had, has = operations(before), operations(after)
    words = [
        *(f"{verb.upper()} {path} is new" for path, verb in sorted(has - had)),
        *(f"{verb.upper()} {path} goes" for path, verb in sorted(had - has)),
        *(
            f"{verb.upper()} {path} changes"
            for path, verb in sorted(had & has)
            if before["paths"][path][verb] != after["paths"][path][verb]
        ),
    ]
    if before.get("security") != after.get("security"):
        words.append("sign-in is turned on" if after.get("security") else "sign-in is turned off")
    elif before.get("securityDefinitions") != after.get("securityDefinitions"):
        words.append("sign-in changes")
    # What the gateway does for an operation stands elsewhere in the document, and changes with it.
    yield from words or (f"{key} changes" for key in before | after if before.get(key) != after.get(key))


def _routed_document(
    base: str,
    routes: Iterable[Route],
    before: Document | None,
    secrets: Mapping[str, Any],
    hosted: Hosted,
) -> tuple[Document, set[Operation]]:
    """The document with the app's routes, and those of it that left the manifest and stay."""
    routes = list(routes)
    document = copy.deepcopy(before) if before is not None else base_swagger(base, routes[0].api)
    ours, wanted = operations(document, hosted.app), {(one.path, one.verb.lower()) for one in routes}
    for route in routes:
        document = _with_route(document, route, secrets.get(route.action), hosted)
    left = ours - wanted
    if hosted.prune and left:
        document, left = _without(document, left) or document, set()
    if operations(document) == operations(document, hosted.app):
        document["info"] = {**document.get("info", {}), "title": routes[0].api}
    return _secured(document, hosted), left


def _with_route(document: Document, route: Route, secret: Any, hosted: Hosted) -> Document:
    owner, package, action = action_of(route.action)
    parameters = [
        {"name": name, "in": "path", "required": True, "type": "string", "description": f"The path's {name}"}
        for name in _PARAM.findall(route.path)
    ]
    endpoint = Endpoint(
        base_path=route.base,
        path=route.path,
        verb=route.verb,
        title=route.api,
        namespace=hosted.namespace if owner in ("", "_") else owner,
        package=package,
        action=action,
        parameters=parameters or None,
        secure_key=secret,
    )
    try:
        changed = add_endpoint(document, endpoint, route.response, hosted.functions_url.rstrip("/"))
    except BadRequest as bad:
        raise PlanRefused(f"the API {route.base}: {bad.reason}") from bad
    changed["paths"][route.path][route.verb.lower()][OURS] = hosted.app
    return changed


def _whole_document(document: Document, hosted: Hosted) -> Document:
    """A document that the manifest names, with our mark: all of it is the app's."""
    marked = copy.deepcopy(document)
    marked[OURS] = {"app": hosted.app}
    return _secured(marked, hosted)


def _without(document: Document, gone: Iterable[Operation]) -> Document | None:
    """The document without these operations; None when none is left."""
    left: Document | None = document
    for path, verb in gone:
        left = remove_endpoint(left, path, verb) if left is not None else None
    return left


def _secured(document: Document, hosted: Hosted) -> Document:
    """With sign-in or without; what others set up is left alone."""
    mark = dict(_mark(document))
    if hosted.tenant:
        document["securityDefinitions"] = {
            **(document.get("securityDefinitions") or {}),
            APP_ID: {
                "type": "oauth2",
                "flow": "application",
                "tokenUrl": "",
                "x-provider": {"name": APP_ID, "params": {"tenantId": hosted.tenant}},
                "x-tokenintrospect": {"url": None},
            },
        }
        document["security"] = [{"$$label": "client_id", APP_ID: []}]
        document[OURS] = {**mark, "signin": True}
    elif mark.pop("signin", False):
        definitions = {
            name: value for name, value in document.get("securityDefinitions", {}).items() if name != APP_ID
        }
        document.pop("security", None)
        document.pop("securityDefinitions", None)
        document.pop(OURS)
        document |= {"securityDefinitions": definitions} if definitions else {}
        document |= {OURS: mark} if mark else {}
    return document


def _mark(document: Mapping[str, Any]) -> Mapping[str, Any]:
    mark = document.get(OURS)
    return mark if isinstance(mark, Mapping) else {}


def _secret(action: Action) -> Any:
    """What a caller has to send who may run the web action, when there is such a thing."""
    value = action.annotations.get(SECURE)
    return value if value not in (None, False, "") else None


def _base(document: Mapping[str, Any]) -> str:
    base = document.get("basePath")
    if not isinstance(base, str) or not base.strip("/"):
        raise PlanRefused("a document of an API has no basePath")
    return "/" + base.strip("/")
