"""A namespace in memory: OpenWhisk's PUTs by our functions host's own pure rules, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from couchgrass.deploy.mark import is_certain, mark_of, own_parameters
from couchgrass.deploy.steps import COLLECTIONS, Change, Kind, Present, Step
from couchgrass.functions import entity, form, put_action, put_package, put_rule, put_trigger
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import SYSTEM_LIMITS
from couchgrass.functions.names import FullName

NAMESPACE = "guest"
T = TypeVar("T", bound=msgspec.Struct)
SAMPLES = {name: entity.Package("whisk.system", name, publish=True) for name in ("samples", "utils")}


class Model:
    """What is in it; `now_ms` goes on with each write."""

    def __init__(self) -> None:
        self.entities: dict[str, dict[str, Any]] = {
            "packages": {},
            "actions": {},
            "triggers": {},
            "rules": {},
        }
        self.code: dict[str, bytes | None] = {}
        self.feeds: dict[str, dict[str, Any]] = {}
        self.apis: dict[str, dict[str, Any]] = {}
        self.now_ms = 1_000_000

    def do(self, step: Step) -> None:
        """One step, as `apply` does it."""
        self.now_ms += 1
        if step.kind is Kind.API:
            self._do_api(step)
        elif step.kind is Kind.FEED:
            self._do_feed(step)
        elif step.change is Change.DELETE:
            del self.entities[COLLECTIONS[step.kind]][step.name]
        else:
            body = dict(step.body)
            active = body.pop("active", True)
            self._put(COLLECTIONS[step.kind], step.name, body)
            if step.kind is Kind.RULE:
                self.entities["rules"][step.name] = _with(self.entities["rules"][step.name], active=active)

    def whole(self, step: Step) -> Step:
        """The step with the code that was there, as `apply` fetches it."""
        if step.before is None or step.kind not in (Kind.ACTION, Kind.SEQUENCE):
            return step
        return _with(step, before={**step.before, "exec": self._action(step.name, with_code=True)["exec"]})

    def present(self) -> Present:
        """As `read_present` reads it."""
        packages = {name: self._package(one) for name, one in self.entities["packages"].items()}
        actions = {}
        for name in self.entities["actions"]:
            found = self._action(name, with_code=False)
            if not is_certain(found):
                found = self._action(name, with_code=True)
            inherited = packages.get(name.partition("/")[0], {}).get("parameters", ())
            own = own_parameters(found["parameters"], inherited, mark_of(found).own)
            actions[name] = {**found, "parameters": own}
        rules = list(self.entities["rules"].values())
        triggers = {
            name: form.trigger(one, [rule for rule in rules if rule.trigger[1] == name])
            for name, one in self.entities["triggers"].items()
        }
        fed = {name: self.feeds.get(name) for name, one in triggers.items() if "feed" in _annotations(one)}
        told = {
            name: None if feed is None else {"config": dict(feed["inputs"]), "status": {"active": True}}
            for name, feed in fed.items()
        }
        return Present(
            NAMESPACE,
            packages,
            actions,
            triggers,
            {rule.name: form.rule(rule) for rule in rules},
            told,
            dict(self.apis),
        )

    def state(self) -> Any:
        """All of it, for comparing, without times."""
        found = {
            collection: {name: _with(one, updated=0) for name, one in entities.items()}
            for collection, entities in self.entities.items()
        }
        return found, {name: self.code[name] for name in found["actions"]}, dict(self.feeds), dict(self.apis)

    def _do_api(self, step: Step) -> None:
        if step.change is Change.DELETE:
            del self.apis[step.name]
        else:
            self.apis[step.name] = dict(step.body)

    def _do_feed(self, step: Step) -> None:
        if step.change is not Change.CREATE:
            del self.feeds[step.name]
        if step.change is not Change.DELETE:
            assert step.name in self.entities["triggers"], "a feed is of a trigger"
            assert step.name not in self.feeds, "there is one feed of a trigger"
            self.feeds[step.name] = {"feed": step.body["feed"], "inputs": dict(step.body["inputs"])}

    def _put(self, collection: str, name: str, body: Mapping[str, Any]) -> None:
        there = self.entities[collection].get(name)
        at = self.now_ms
        made: Any
        if collection == "actions":
            asked = put_action.read(body, namespace=NAMESPACE, kinds=Kinds(), system=SYSTEM_LIMITS)
            package, _, own = name.rpartition("/")
            assert not package or package in self.entities["packages"], "a package comes before its actions"
            made = (
                put_action.created(asked, FullName(NAMESPACE, package, own), now_ms=at)
                if there is None
                else put_action.updated(asked, there, now_ms=at)
            )
            if asked.exec is not None:
                self.code[name] = asked.code
        elif collection == "packages":
            put = put_package.read(body, namespace=NAMESPACE)
            made = (
                put_package.created(put, NAMESPACE, name, _provider, now_ms=at)
                if there is None
                else put_package.updated(put, there, _provider, now_ms=at)
            )
        elif collection == "triggers":
            parts = put_trigger.read(body)
            made = (
                put_trigger.created(parts, NAMESPACE, name, now_ms=at)
                if there is None
                else put_trigger.updated(parts, there, now_ms=at)
            )
        else:
            rule = put_rule.read(body, namespace=NAMESPACE)
            ends = (lambda _, trigger: self.entities["triggers"][trigger], self._end)
            made = (
                put_rule.created(rule, NAMESPACE, name, ends, now_ms=at)
                if there is None
                else put_rule.updated(rule, there, ends, now_ms=at)
            )
        self.entities[collection][name] = made

    def _end(self, name: FullName) -> Any:
        return self.entities["actions"][f"{name.package}/{name.name}" if name.package else name.name]

    def _action(self, name: str, *, with_code: bool) -> dict[str, Any]:
        action = self.entities["actions"][name]
        package = self.entities["packages"].get(action.package)
        inherited = () if package is None else package.parameters
        return form.action(action, self.code[name] if with_code else None, inherited=inherited)

    def _package(self, package: entity.Package) -> dict[str, Any]:
        return {**form.package_row(package), "parameters": form.parameter_rows(package.parameters)}


def _provider(namespace: str, name: str) -> entity.Package:
    return SAMPLES[name]


def _annotations(told: Mapping[str, Any]) -> dict[str, Any]:
    return {row["key"]: row["value"] for row in told["annotations"]}


def _with(one: T, **changes: Any) -> T:
    return msgspec.structs.replace(one, **changes)
