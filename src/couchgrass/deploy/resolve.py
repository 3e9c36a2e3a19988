"""A manifest with its deployment file, environment and code, as what an app asks for.

Pure. Names get their package in front, variables their values, APIs their routes. Order is the manifest's,
but that sequences come after all that is in them, since a host wants that to be there.
Where wskdeploy only warns and goes on with something else, so does this; where it would fail half-way or send
what can't work, this refuses before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from couchgrass.deploy import actions, code, inputs, interpolate, manifest, routes, wanted
from couchgrass.deploy.code import Packed
from couchgrass.deploy.deployment import Over, Overlay
from couchgrass.deploy.manifest import Manifest, Text
from couchgrass.deploy.runtimes import Runtimes
from couchgrass.deploy.scope import Scope
from couchgrass.functions.entity import SEQUENCE
from couchgrass.functions.limits import SEQUENCE_LENGTH_MAX
from couchgrass.functions.names import NO_PACKAGE, is_name

FEED: Final = "feed"
CONDUCTOR: Final = "conductor"
OWN: Final = "/_/"
"""In front of full names in the namespace that it is deployed to."""

_VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+){0,2}")


def resolve(
    whole: Manifest,
    over: Overlay,
    packed: Mapping[tuple[str, str], Packed],
    runtimes: Runtimes,
    scope: Scope,
) -> wanted.App:
    """The app, without swaggers. `packed`: the code that `actions.asked` wanted. Raises ManifestRefused."""
    if not whole.packages and not whole.config:
        if not whole.project:
            raise scope.refusal(1, "has no packages: there is nothing to deploy")
        scope.doubt(1, f"the project {whole.project} has no packages")
    _tell_ignored(whole, scope)
    project = inputs.project_values(whole.inputs, scope)
    parts = [_Package(one, project, over, scope) for one in whole.packages]
    app = _App(scope)
    for part in parts:
        app.add(part, packed, runtimes)
    over.tell_what_is_left()
    found = app.whole(whole)
    for name in sorted(set(scope.params) - scope.params_taken):
        scope.doubt(1, f"there is no input {name} to give a value to")
    return msgspec.structs.replace(found, warnings=tuple(scope.warnings))


class _Package:
    """A package under way: its name, which "" is for the default one, and the inputs that are looked up."""

    def __init__(
        self, given: manifest.Package, project: Mapping[str, Any], over: Overlay, scope: Scope
    ) -> None:
        self.given = given
        self.over = over
        self._scope = scope
        written = interpolate.interpolate(given.name, scope.env).text
        if not written:
            known = project.get(interpolate.variable(given.name))
            written = scope.text(given.name, given.line) if known is None else str(known)
        self.written = _named("package", written, given.name, given.line, scope)
        self.name = "" if written.lower() == NO_PACKAGE else written
        self._own = over.package(written)
        self.parameters = inputs.package_values(given.inputs, project, self._own.inputs, scope)
        self.values: Mapping[str, Any] = {**project, **self.parameters}
        if self.parameters and not self.name:
            scope.warn(given.line, "actions of the default package don't get its inputs: there is no package")

    def entity(self) -> wanted.Package | None:
        """None for the default package."""
        given, scope = self.given, self._scope
        if not self.name:
            return None
        if given.public:
            scope.warn(given.line, f"the package {self.name} is public: others can see and use it")
        return wanted.Package(
            self.name,
            parameters=self.parameters,
            annotations=self.annotated(given.annotations, self._own, given.line),
            publish=given.public,
            version=_version(given.version, scope),
        )

    def full(self, name: str) -> str:
        """An action's name with its package in front, when it has none of its own."""
        return f"{self.name}/{name}" if self.name and "/" not in name else name

    def named(self, kind: str, written: str, line: int) -> str:
        """A name that may be a variable: an input of the package, else one of the environment."""
        return _named(kind, self.reference(written, line), written, line, self._scope)

    def reference(self, written: str, line: int) -> str:
        """A text that may be a variable, filled in."""
        known = self.values.get(interpolate.variable(written))
        return str(known) if known is not None else self._scope.text(written, line)

    def inputs(self, given: Iterable[manifest.Input], over: Over = Over()) -> dict[str, Any]:  # noqa: B008
        """The inputs of one of its entities."""
        return inputs.values(given, self.values, over.inputs, self._scope)

    def annotated(self, given: Mapping[str, Any], over: Over, line: int) -> dict[str, Any]:
        """Annotations with those of the deployment file over them."""
        return {**self._scope.annotations(given, line), **over.annotations}


class _App:
    """What is made so far. Names are unique over all packages."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._packages: dict[str, wanted.Package] = {}
        self._actions: dict[str, wanted.Action] = {}
        self._triggers: dict[str, wanted.Trigger] = {}
        self._rules: dict[str, wanted.Rule] = {}
        self._lines: dict[tuple[str, str], int] = {}
        self._routes: list[tuple[manifest.Endpoint, wanted.Route]] = []

    def add(self, part: _Package, packed: Mapping[tuple[str, str], Packed], runtimes: Runtimes) -> None:
        """All of a package."""
        given = part.given
        package = part.entity()
        if package is not None:
            self._put(self._packages, package, "package", given.line)
        for dependency in given.dependencies:
            self._put(self._packages, _binding(dependency, part, self._scope), "package", dependency.line)
        known: dict[str, str] = {}
        for action in given.actions:
            code_of = packed.get((given.name, action.name))
            made = _action(action, part, code_of, runtimes, self._scope)
            self._put(self._actions, made, "action", action.line)
            known[action.name] = made.name
        for sequence in given.sequences:
            made = _sequence(sequence, part, self._scope)
            self._put(self._actions, made, "action", sequence.line)
            known[sequence.name] = made.name
        for trigger in given.triggers:
            self._put(self._triggers, _trigger(trigger, part, self._scope), "trigger", trigger.line)
        for rule in given.rules:
            self._put(self._rules, _rule(rule, part, self._scope), "rule", rule.line)
        self._routes += routes.routes(given.endpoints, known, self._scope)

    def whole(self, of: Manifest) -> wanted.App:
        """The app, when all packages are in."""
        if of.config and self._routes:
            self._scope.warn(of.config.line, "the project's config has the APIs: those of apis are left out")
            self._routes = []
        routes.check_unique(self._routes, self._scope)
        for endpoint, route in self._routes:
            action = self._actions[route.action]
            self._actions[route.action] = routes.exported(action, route.api, endpoint.line, self._scope)
        self._tell_ends()
        return wanted.App(
            packages=tuple(self._packages.values()),
            actions=self._ordered(),
            triggers=tuple(self._triggers.values()),
            rules=tuple(self._rules.values()),
            routes=tuple(route for _, route in self._routes),
            project=of.project,
        )

    def _ordered(self) -> tuple[wanted.Action, ...]:
        """Actions, then sequences, each after those in it. Raises ManifestRefused for a circle."""
        done = {name: one for name, one in self._actions.items() if one.exec.kind != SEQUENCE}
        left = {name: one for name, one in self._actions.items() if name not in done}
        while left:
            ready = [one for one in left.values() if left.keys().isdisjoint(_own(one.exec.components))]
            if not ready:
                name = next(iter(left))
                raise self._scope.refusal(self._lines["action", name], f"{name}: the sequence is in itself")
            for one in ready:
                done[one.name] = left.pop(one.name)
        return tuple(done.values())

    def _tell_ends(self) -> None:
        """What rules and sequences name and is not made here must be there already."""
        for rule in self._rules.values():
            line = self._lines["rule", rule.name]
            if rule.trigger not in self._triggers:
                self._scope.warn(line, f"{rule.name}: the trigger {rule.trigger} is not in this manifest")
            self._tell_absent(rule.name, rule.action, line)
        for action in self._actions.values():
            for component in _own(action.exec.components):
                self._tell_absent(action.name, component, self._lines["action", action.name])

    def _tell_absent(self, by: str, action: str, line: int) -> None:
        package = self._packages.get(action.partition("/")[0])
        is_bound = package is not None and package.binding
        if action not in self._actions and not action.startswith("/") and not is_bound:
            self._scope.warn(line, f"{by}: the action {action} is not in this manifest")

    def _put(self, into: dict[str, Any], entity: Any, kind: str, line: int) -> None:
        """Several packages may declare the same thing, but not two things by one name."""
        other = into.setdefault(entity.name, entity)
        if other is not entity and (other != entity or kind == "action"):
            raise self._scope.refusal(line, f"there are two of the {kind} {entity.name}")
        self._lines[kind, entity.name] = line


def _action(
    given: manifest.Action, part: _Package, packed: Packed | None, runtimes: Runtimes, scope: Scope
) -> wanted.Action:
    over = part.over.action(part.written, given.name)
    own = {**scope.annotations(given.annotations, given.line), **actions.action_web(given, scope)}
    annotations = {**own, **over.annotations}
    if given.conductor:
        annotations[CONDUCTOR] = True
    actions.check_auth(annotations, given.name, given.line, scope)
    name = _named("action", given.name, given.name, given.line, scope)
    return wanted.Action(
        part.full(name),
        actions.executable(given, packed, runtimes, scope),
        parameters=part.inputs(given.inputs, over),
        annotations=annotations,
        limits=actions.limits(given.limits, scope),
        version=_version(given.version, scope),
    )


def _sequence(given: manifest.Sequence, part: _Package, scope: Scope) -> wanted.Action:
    listed = [one.strip() for one in given.actions.text.split(",")]
    if "" in listed:
        raise scope.refusal(given.actions.line or given.line, f"{given.name}: actions must be like: a, b, c")
    if len(listed) > SEQUENCE_LENGTH_MAX:
        raise scope.refusal(given.actions.line, f"{given.name}: has more than {SEQUENCE_LENGTH_MAX} actions")
    components = [_absolute(part.full(one), given.actions.line, scope) for one in listed]
    return wanted.Action(
        part.full(part.named("sequence", given.name, given.line)),
        code.executable(SEQUENCE, components=components),
        annotations={
            **scope.annotations(given.annotations, given.line),
            **actions.web(given.web, given.name, scope),
        },
    )


def _trigger(given: manifest.Trigger, part: _Package, scope: Scope) -> wanted.Trigger:
    name = part.named("trigger", given.name, given.line)
    over = part.over.trigger(name, given.name)
    if given.source:
        scope.warn(given.source.line, f"{name}: source is an old name: write feed")
    written = given.feed or given.source
    feed = scope.text(written.text, written.line) if written else ""
    if written and not feed:
        raise scope.refusal(written.line, f"{name}: its feed is empty")
    values = part.inputs(given.inputs, over)
    annotations = part.annotated(given.annotations, over, given.line)
    if not feed:
        return wanted.Trigger(name, parameters=values, annotations=annotations)
    return wanted.Trigger(
        name,
        annotations={FEED: feed, **annotations},
        feed=_absolute(feed, written.line, scope),
        inputs=values,
    )


def _rule(given: manifest.Rule, part: _Package, scope: Scope) -> wanted.Rule:
    name = part.named("rule", given.name, given.line)
    for what, end in (("trigger", given.trigger), ("action", given.action)):
        if not end:
            raise scope.refusal(given.line, f"{name}: a rule needs its {what}")
    trigger = part.reference(given.trigger.text, given.trigger.line)
    action = part.reference(given.action.text, given.action.line).strip()
    if not trigger or not action:
        raise scope.refusal(given.line, f"{name}: its trigger or its action is empty")
    return wanted.Rule(
        name,
        trigger=trigger.removeprefix(OWN),
        action=part.full(action).removeprefix(OWN),
        annotations=scope.annotations(given.annotations, given.line),
    )


def _binding(given: manifest.Dependency, part: _Package, scope: Scope) -> wanted.Package:
    location, line = given.location.text, given.location.line or given.line
    name = _named("package", given.name, given.name, given.line, scope)
    if "github" in location.removeprefix("https://").removeprefix("http://").partition("/")[0]:
        raise scope.refusal(
            line,
            f"{name}: a dependency on GitHub is not fetched: put its packages into this manifest, or deploy "
            "it and bind it as /namespace/package",
        )
    segments = location.split("/")
    if len(segments) != 3 or segments[0] or not all(map(is_name, segments[1:])):
        raise scope.refusal(line, f"{name}: location must be /namespace/package")
    if given.version:
        scope.warn(given.version.line, f"{name}: version has no effect on a package that is bound")
    return wanted.Package(
        name,
        parameters=part.inputs(given.inputs),
        annotations=scope.annotations(given.annotations, given.line),
        binding=location,
    )


def _own(components: Iterable[str]) -> list[str]:
    """Those in the namespace that it is deployed to, without that."""
    return [one.removeprefix(OWN) for one in components if one.startswith(OWN)]


def _absolute(name: str, line: int, scope: Scope) -> str:
    """ "/namespace/package/action" of a name that may have none or all of it in front."""
    full = name if name.startswith("/") else OWN + name
    segments = full[1:].split("/")
    if not 2 <= len(segments) <= 3 or not all(map(is_name, segments)):
        raise scope.refusal(line, f"{name} is no name of an action")
    return full


def _named(kind: str, name: str, written: str, line: int, scope: Scope) -> str:
    """`written` is what an error shows: the name may come from the environment."""
    if not is_name(name):
        raise scope.refusal(line, f"{written} can't be the {kind}'s name" + ("" if name else ": it is empty"))
    return name


def _version(given: Text, scope: Scope) -> str:
    """ "1.0.0" of "1.0"; "" when there is none, so that the host counts versions."""
    if not given:
        return ""
    version = scope.text(given.text, given.line)
    if not _VERSION.fullmatch(version):
        raise scope.refusal(given.line, "version must be numbers: 1.0.0")
    return ".".join([*version.split("."), "0", "0"][:3])


def _tell_ignored(whole: Manifest, scope: Scope) -> None:
    entities: list[Any] = [whole, *whole.packages]
    for package in whole.packages:
        entities += [*package.actions, *package.triggers]
    for entity in entities:
        for key in entity.ignored:
            what = "feeds are not made: annotate the action with feed" if key.text == "feeds" else key.text
            has = "" if key.text == "feeds" else " has no effect: where it is deployed is told elsewhere"
            scope.warn(key.line, what + has)
