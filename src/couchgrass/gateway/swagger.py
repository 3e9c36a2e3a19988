"""Changes of an API's swagger document: an endpoint added, one taken out. Each gives a new document.

What is not concerned stays as it is, unknown members and the order of keys included.
Source: OpenWhisk `core/routemgmt/common/apigw-utils.js`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from couchgrass.errors import BadRequest, NotFound
from couchgrass.gateway.apidoc import Endpoint
from couchgrass.gateway.compile import REQUEST_PATH

Swagger = dict[str, Any]

_PARAM: Final = re.compile(r"\{([^/{}]+)\}")
_WHOLE_PARAM: Final = re.compile(r"/\{[^/]+\}(?=/|$)")
_VERBS: Final = frozenset({"get", "post", "put", "delete", "patch", "head", "options"})


def base_swagger(base_path: str, title: str) -> Swagger:
    """A new API without endpoints."""
    return {
        "swagger": "2.0",
        "info": {"title": title or base_path, "version": "1.0.0"},
        "basePath": base_path,
        "paths": {},
        "x-ibm-configuration": {"assembly": {}, "cors": {"enabled": True}},
    }


def operation_id(verb: str, path: str) -> str:
    """The verb and the path's words, joined in camel case: "get" and "/a/b_c" to "getAB_c"."""
    words = re.sub(r"[^0-9A-Za-z_-]", " ", path)
    return verb.lower() + re.sub(r"\w\S*", lambda word: word[0].capitalize(), words).replace(" ", "")


def add_endpoint(swagger: Mapping[str, Any], endpoint: Endpoint, response_type: str, api_url: str) -> Swagger:
    """The document with one more path or verb, or with that one replaced. `api_url` is the functions' URL.

    Raises BadRequest when the document has another form than it needs for that.
    """
    changed: Swagger = copy.deepcopy(dict(swagger))
    verb = endpoint.verb.lower()
    path = changed.setdefault("paths", {}).setdefault(endpoint.path, {})
    if not isinstance(path, dict):
        raise BadRequest(f"The path '{endpoint.path}' of the API is no object")
    before = path.get(verb)
    known = before.get("operationId") if isinstance(before, dict) else None
    named = known if isinstance(known, str) and known else _free_id(changed, verb, endpoint.path)
    url = _url(endpoint, response_type, api_url)
    operation: Swagger = {"operationId": named}
    if endpoint.parameters is not None:
        operation["parameters"] = endpoint.parameters
    operation["x-openwhisk"] = {
        "url": url,
        "namespace": endpoint.namespace,
        "package": endpoint.package,
        "action": endpoint.action,
    }
    operation["responses"] = {"default": {"description": "Default response"}}
    path[verb] = operation
    _set_case(changed, named, url + (REQUEST_PATH if response_type == "http" else ""), endpoint.secure_key)
    return changed


def _free_id(swagger: Swagger, verb: str, path: str) -> str:
    """An id that no other operation has: "/a.b" and "/a/b" would have the same."""
    taken = {
        operation.get("operationId")
        for item in swagger["paths"].values()
        if isinstance(item, dict)
        for operation in item.values()
        if isinstance(operation, dict)
    }
    wanted = named = operation_id(verb, path)
    number = 2
    while named in taken:
        named = f"{wanted}{number}"
        number += 1
    return named


def _url(endpoint: Endpoint, response_type: str, api_url: str) -> str:
    segments = (endpoint.namespace, endpoint.package or "default", f"{endpoint.action}.{response_type}")
    return f"{api_url}/api/v1/web/" + "/".join(quote(segment, safe="@") for segment in segments)


def _set_case(swagger: Swagger, named: str, target: str, secure_key: Any) -> None:
    execute: list[Swagger] = [{"invoke": {"target-url": target, "verb": "keep"}}]
    if secure_key is not None:
        action = {"set": "message.headers.X-Require-Whisk-Auth", "value": secure_key}
        execute.append({"set-variable": {"actions": [action]}})
    case = {"operations": [named], "execute": execute}
    cases = _cases(swagger, makes=True)
    for index, each in enumerate(cases):
        if isinstance(each, dict) and each.get("operations") == [named]:
            cases[index] = case
            return
    cases.append(case)


def _cases(swagger: Swagger, *, makes: bool = False) -> list[Any]:
    """The cases of the assembly's operation switch, to be changed in place. `makes`: where there is none."""
    config: Any = swagger.get("x-gateway-configuration", swagger.get("x-ibm-configuration"))
    if config is None and makes:
        config = swagger["x-ibm-configuration"] = {"assembly": {}}
    try:
        if makes:
            execute = config.setdefault("assembly", {}).setdefault("execute", [])
        else:
            execute = config["assembly"]["execute"]
        for step in execute:
            if "operation-switch" in step:
                found = step["operation-switch"].setdefault("case", [])
                assert isinstance(found, list)
                return found
        cases: list[Any] = []
        if makes:
            execute.append({"operation-switch": {"case": cases}})
        return cases
    except (TypeError, AttributeError, KeyError, AssertionError) as bad:
        if not makes:
            return []
        raise BadRequest("The API's assembly has no form that an endpoint can be added to") from bad


def remove_endpoint(swagger: Mapping[str, Any], path: str, verb: str) -> Swagger | None:
    """The document without a path, or without one verb of it; None when no path is left. Raises NotFound."""
    changed: Swagger = copy.deepcopy(dict(swagger))
    paths = changed.get("paths")
    item = paths.get(path) if isinstance(paths, dict) else None
    if not isinstance(paths, dict) or not isinstance(item, dict):
        raise NotFound(f"path '{path}' does not exist in the API")
    verb = verb.lower()
    if verb and verb not in item:
        raise NotFound(f"path '{path}' with operation '{verb}' does not exist in the API")
    for name in [verb] if verb else [name for name in item if name in _VERBS]:
        removed = item.pop(name)
        if isinstance(removed, dict):
            _remove_case(changed, removed.get("operationId"))
    if not any(name in _VERBS for name in item):
        del paths[path]
    return changed if paths else None


def _remove_case(swagger: Swagger, named: Any) -> None:
    cases = _cases(swagger)
    for case in list(cases):
        operations = case.get("operations") if isinstance(case, dict) else None
        if isinstance(operations, list) and named in operations:
            operations.remove(named)
            if not operations:
                cases.remove(case)


def check_parameters(swagger: Mapping[str, Any]) -> None:
    """Paths with `{param}` need the response type http and a definition of each. Raises BadRequest."""
    base_path = swagger.get("basePath")
    if isinstance(base_path, str) and _WHOLE_PARAM.search(base_path):
        raise BadRequest(
            f"The base path ({base_path}) cannot have parameters. Only the relative path supports path "
            "parameters."
        )
    targets = _targets(swagger)
    paths = swagger.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not _WHOLE_PARAM.search(path) or not isinstance(item, dict):
            continue
        shared = item.get("parameters")
        for verb, operation in item.items():
            if verb in _VERBS and isinstance(operation, dict):
                _check_operation(path, operation, targets, shared if isinstance(shared, list) else [])


def _check_operation(
    path: str, operation: Mapping[str, Any], targets: Mapping[Any, str], shared: list[Any]
) -> None:
    extension = operation.get("x-openwhisk")
    url = extension.get("url") if isinstance(extension, dict) else None
    if isinstance(url, str) and url and not url.endswith(".http"):
        raise BadRequest(
            "The action must use a response type of '.http' in order to receive the path parameters."
        )
    named = operation.get("operationId")
    if isinstance(named, str) and named in targets and not targets[named].endswith(".http" + REQUEST_PATH):
        raise BadRequest(
            f"The target-url for operationId '{named}' must end in '{REQUEST_PATH}' in order for actions to "
            "receive the path parameters."
        )
    own = operation.get("parameters")
    rows = shared + (own if isinstance(own, list) else [])
    defined = {str(row.get("name")) for row in rows if isinstance(row, dict)}
    for name in _PARAM.findall(path):
        if name not in defined and not any(isinstance(row, dict) and "$ref" in row for row in rows):
            raise BadRequest(
                f"The parameter '{name}' defined in path '{path}' does not match any of the parameters "
                "defined for the path in the swagger file."
            )


def _targets(swagger: Mapping[str, Any]) -> dict[Any, str]:
    targets: dict[Any, str] = {}
    for case in _cases(dict(swagger)):
        if isinstance(case, dict) and isinstance(case.get("execute"), list):
            for step in case["execute"]:
                invoke = step.get("invoke") if isinstance(step, dict) else None
                url = invoke.get("target-url") if isinstance(invoke, dict) else None
                if isinstance(url, str):
                    operations = case.get("operations")
                    targets |= {
                        named: url
                        for named in (operations if isinstance(operations, list) else [])
                        if isinstance(named, str)
                    }
    return targets
