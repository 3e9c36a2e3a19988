"""An action of a manifest: which code it wants, its kind, limits, and what makes it a web action.

Pure. Source: wskdeploy's manifest_parser.go and webaction.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from couchgrass.deploy import code, manifest, wanted
from couchgrass.deploy.code import Packed
from couchgrass.deploy.manifest import Limit, Manifest, Text
from couchgrass.deploy.runtimes import ARCHIVES, FAMILIES, Runtimes
from couchgrass.deploy.scope import Scope
from couchgrass.functions.entity import BLACKBOX
from couchgrass.functions.limits import CODE_BYTES_MAX, MB, SYSTEM_LIMITS

NATIVE_IMAGE: Final = "openwhisk/dockerskeleton"

WEB_EXPORT: Final = "web-export"
RAW_HTTP: Final = "raw-http"
FINAL: Final = "final"
AUTH: Final = "require-whisk-auth"
SAFE_INTEGER: Final = 2**53 - 1

_WEB: Final[Mapping[str, tuple[bool, bool, bool]]] = {
    "true": (True, False, True),
    "yes": (True, False, True),
    "raw": (True, True, True),
    "false": (False, False, False),
    "no": (False, False, False),
}
"""web-export, raw-http and final by the value of `web`."""

_LIMITS: Final = {"timeout": "timeout", "memorySize": "memory", "logSize": "logs"}
"""OpenWhisk's names by wskdeploy's, of those that can be asked for."""

_UNITS: Final = {"timeout": "ms", "memory": "MB", "logs": "MB"}


class Asked(msgspec.Struct, frozen=True):
    """Code that an action wants read. `function` is a path relative to the manifest."""

    package: str
    action: str
    line: int
    function: str
    include: tuple[tuple[int, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """By which `resolve` is given it: the package and the action as they are written."""
        return self.package, self.action


def asked(whole: Manifest, scope: Scope) -> tuple[Asked, ...]:
    """All code that is to be read. Raises ManifestRefused."""
    found = []
    for package in whole.packages:
        for action in package.actions:
            given = action.function or action.location
            if action.code and action.function:
                raise scope.refusal(action.code.line, f"{action.name}: has code and a function")
            if given and not action.code:
                path = scope.text(given.text, given.line)
                _check_path(action, path, given, scope)
                excluded = tuple(one.text for one in action.exclude)
                found.append(Asked(package.name, action.name, given.line, path, action.include, excluded))
            elif action.include or action.exclude:
                scope.warn(action.line, f"{action.name}: include and exclude are for folders")
    return tuple(found)


def _check_path(action: manifest.Action, path: str, given: Text, scope: Scope) -> None:
    if action.location and not action.function:
        scope.warn(given.line, "location is an old name: write function")
    if path.lower().startswith(("http://", "https://")):
        raise scope.refusal(
            given.line,
            f"{action.name}: its function is at a URL, and nothing is downloaded: put it into a file",
        )
    if not path:
        raise scope.refusal(given.line, f"{action.name}: its function is empty")


def executable(
    action: manifest.Action, packed: Packed | None, runtimes: Runtimes, scope: Scope
) -> wanted.Exec:
    """Its code, with the kind that it gets. `packed` is what `asked` wanted. Raises ManifestRefused."""
    if not packed and not action.code and not action.docker and not action.native:
        raise scope.refusal(action.line, f"{action.name}: has no function, no code and no image")
    if action.docker or action.native:
        image = NATIVE_IMAGE if action.native else scope.text(action.docker.text, action.docker.line)
        text = packed.code if packed else action.code.text
        found = code.executable(BLACKBOX, text, main=action.main.text, image=image)
    elif packed:
        if not packed.code:
            raise scope.refusal(action.line, f"{action.name}: its function is empty")
        found = code.executable(
            _kind(action, packed.extension, runtimes, scope), packed.code, main=action.main.text
        )
    else:
        found = code.executable(
            _inline_kind(action, runtimes, scope), action.code.text, main=action.main.text
        )
    if len(found.code.encode()) > CODE_BYTES_MAX:
        most = CODE_BYTES_MAX // MB
        raise scope.refusal(action.line, f"{action.name}: its code is over the {most} MB that can be sent")
    return found


def _inline_kind(action: manifest.Action, runtimes: Runtimes, scope: Scope) -> str:
    if not action.runtime:
        raise scope.refusal(action.code.line, f"{action.name}: code needs a runtime beside it")
    return runtimes.find(action.runtime.text) or _no_kind(action, runtimes, scope)


def _kind(action: manifest.Action, extension: str, runtimes: Runtimes, scope: Scope) -> str:
    """Of code in a file or folder: what is asked for when that exists and fits, else by the extension."""
    by_extension = runtimes.default_of(extension)
    if not action.runtime:
        if extension == "zip":
            raise scope.refusal(action.line, f"{action.name}: a folder or an archive needs a runtime")
        return by_extension or _no_extension(action, extension, scope)
    kind = runtimes.find(action.runtime.text)
    if not kind and extension == "zip":
        _no_kind(action, runtimes, scope)
    family = FAMILIES.get(extension, "")
    if kind and (extension in ARCHIVES or not family or runtimes.family(kind) == family):
        return kind
    if not by_extension:
        return _no_kind(action, runtimes, scope) if not kind else _no_extension(action, extension, scope)
    reason = f"does not fit a file .{extension}" if kind else "is not among the runtimes of the host"
    scope.doubt(
        action.runtime.line, f"{action.name}: {action.runtime.text} {reason}: {by_extension} is taken instead"
    )
    return by_extension


def _no_kind(action: manifest.Action, runtimes: Runtimes, scope: Scope) -> str:
    asked, line = action.runtime.text, action.runtime.line
    raise scope.refusal(line, f"{action.name}: the host has no runtime {asked}; there are {runtimes.known}")


def _no_extension(action: manifest.Action, extension: str, scope: Scope) -> str:
    what = f"files .{extension}" if extension else "a file without an extension"
    raise scope.refusal(action.line, f"{action.name}: name a runtime: there is none for {what}")


def limits(given: Iterable[Limit], scope: Scope) -> dict[str, int]:
    """By OpenWhisk's names. Raises ManifestRefused for what is out of range."""
    found: dict[str, int] = {}
    for one in given:
        name = _LIMITS.get(one.name)
        if name is None:
            scope.warn(one.line, f"{one.name} is a limit of the host: it can't be set for an action")
            continue
        allowed = getattr(SYSTEM_LIMITS, name)
        if not allowed.min <= one.value <= allowed.max:
            unit = _UNITS[name]
            raise scope.refusal(one.line, f"{one.name} must be {allowed.min} to {allowed.max} {unit}")
        found[name] = one.value
    return found


def web(given: Text, name: str, scope: Scope) -> dict[str, Any]:
    """The annotations that `web` or `web-export` makes; none when it isn't there."""
    if not given:
        return {}
    if given.text.lower() not in _WEB:
        raise scope.refusal(given.line, f"{name}: web must be true, false, yes, no or raw")
    return dict(zip((WEB_EXPORT, RAW_HTTP, FINAL), _WEB[given.text.lower()], strict=True))


def action_web(action: manifest.Action, scope: Scope) -> dict[str, Any]:
    """`web` of an action, which goes before `web-export`."""
    if action.web and action.web_export:
        scope.warn(action.web_export.line, f"{action.name}: web-export has no effect beside web")
    return web(action.web or action.web_export, action.name, scope)


def check_auth(annotations: Mapping[str, Any], name: str, line: int, scope: Scope) -> None:
    """Raises ManifestRefused when an action asks for a key that nobody can send."""
    match annotations.get(AUTH, False):
        case bool():
            return
        case str() as text if text:
            return
        case int() as number if 0 < number < SAFE_INTEGER:
            return
        case _:
            raise scope.refusal(line, f"{name}: {AUTH} must be true, false, a text or a number above zero")
