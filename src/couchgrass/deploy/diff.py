"""What an app asks for, compared with what a namespace has: a plan.

Pure. Made in this order: packages, bindings, actions, sequences (in the manifest's order, which has each
after those in it), triggers and their feeds, rules, APIs; deletes come last, in the reverse order. What is to
be deleted is known by our mark alone, so nothing that was made by others is ever deleted. A package that has
others' actions in it stays, as does a trigger that has others' rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from couchgrass.deploy import differ
from couchgrass.deploy.api import Hosted, api_steps
from couchgrass.deploy.bodies import (
    BINDING,
    SEQUENCE,
    action_body,
    end_name,
    exec_body,
    full_name,
    package_body,
    rule_body,
    trigger_body,
    version_of,
)
from couchgrass.deploy.mark import Mark, inputs_digest, mark_of
from couchgrass.deploy.steps import Change, Entity, Kind, Plan, PlanRefused, Present, Step
from couchgrass.deploy.wanted import Action, App, Package, Rule, Trigger
from couchgrass.functions.bodies import next_version
from couchgrass.functions.entity import FIRST_VERSION


class How(msgspec.Struct, frozen=True):
    """`app` is the name that marks what is the app's. `now_ms`: the time, for the marks. `functions_url` is
    what targets of APIs begin with; `tenant`: who calls the APIs has to be signed in there."""

    app: str
    now_ms: int
    functions_url: str
    prune: bool = False
    tenant: str = ""


def plan(wanted: App, present: Present, how: How) -> Plan:
    """What there is to do. Raises PlanRefused."""
    namespace = present.namespace
    hosted = Hosted(how.app, namespace, how.functions_url, how.tenant, how.prune)
    made = [
        *(_package(one, present, how) for one in sorted(wanted.packages, key=lambda one: bool(one.binding))),
        *(_action(one, present, how) for one in sorted(wanted.actions, key=_is_sequence)),
        *(step for one in wanted.triggers for step in _trigger(one, present, how)),
        *(_rule(one, present, how) for one in wanted.rules),
    ]
    apis = list(api_steps(wanted, present, hosted))
    deleted = [step for step in apis if step.change is Change.DELETE]
    return Plan(
        (*made, *(step for step in apis if step not in deleted), *deleted, *_gone(wanted, present, how))
    )


def _is_sequence(action: Action) -> bool:
    return action.exec.kind == SEQUENCE


def _step(
    kind: Kind, name: str, there: Entity | None, why: Iterable[str], body: Callable[[], Mapping[str, Any]]
) -> Step:
    if there is None:
        return Step(kind, Change.CREATE, name, (), body())
    reasons = tuple(why)
    if not reasons:
        return Step(kind, Change.UNCHANGED, name, before=there)
    return Step(kind, Change.UPDATE, name, reasons, body(), there)


def _package(wanted: Package, present: Present, how: How) -> Step:
    there = present.packages.get(wanted.name)
    kind = Kind.BINDING if wanted.binding else Kind.PACKAGE
    if there is not None and bool(there.get(BINDING)) != bool(wanted.binding):
        is_what, becomes = ("a package", "a binding") if wanted.binding else ("a binding", "a package")
        raise PlanRefused(f"{wanted.name} is {is_what} and can't become {becomes}: delete it first")
    # A host tells a binding's parameters merged with the package's, so it has to be known which are its own.
    own = tuple(wanted.parameters) if wanted.binding else ()

    def why() -> Iterator[str]:
        if there is not None:
            yield from differ.owner_words(how.app, there)
            yield from differ.package_words(wanted, there, present.namespace)

    return _step(
        kind,
        wanted.name,
        there,
        why(),
        lambda: package_body(wanted, present.namespace, Mark(how.app, own=own)),
    )


def _action(wanted: Action, present: Present, how: How) -> Step:
    there = present.actions.get(wanted.name)
    kind = Kind.SEQUENCE if wanted.exec.kind == SEQUENCE else Kind.ACTION
    exec = exec_body(wanted, present.namespace)
    of_exec = [] if there is None else list(differ.exec_words(wanted, there, present.namespace))

    def why() -> Iterator[str]:
        if there is not None:
            yield from differ.owner_words(how.app, there)
            yield from of_exec
            yield from differ.action_words(wanted, there, present.namespace)

    def body() -> Mapping[str, Any]:
        has = "" if there is None else str(there.get("version", ""))
        version = version_of(wanted.version) or (next_version(has) if has else FIRST_VERSION)
        own = () if kind is Kind.SEQUENCE else tuple(wanted.parameters)
        mark = Mark(how.app, differ.exec_digest(wanted, present.namespace), version, how.now_ms, own)
        put = action_body(wanted, mark, exec if there is None or of_exec else None)
        gone = differ.gone_annotations(wanted, there or {})
        return {**put, "delAnnotations": gone} if gone else put

    return _step(kind, wanted.name, there, why(), body)


def _trigger(wanted: Trigger, present: Present, how: How) -> Iterator[Step]:
    """The trigger and its feed. A feed that was there is changed before the trigger, whose mark tells that it
    was."""
    there = present.triggers.get(wanted.name)
    digest = inputs_digest(full_name(wanted.feed, present.namespace), wanted.inputs) if wanted.feed else ""

    def why() -> Iterator[str]:
        if there is not None:
            yield from differ.owner_words(how.app, there)
            yield from differ.trigger_words(wanted, there, present.namespace)
            if mark_of(there).digest != digest:
                yield "its feed is told something else" if digest else "its feed goes"

    trigger = _step(
        Kind.TRIGGER,
        wanted.name,
        there,
        why(),
        lambda: trigger_body(wanted, present.namespace, Mark(how.app, digest)),
    )
    feed = _feed(wanted, present, digest)
    if feed is None:
        yield trigger
    else:
        yield from (feed, trigger) if there is not None else (trigger, feed)


def _feed(wanted: Trigger, present: Present, digest: str) -> Step | None:
    there = present.triggers.get(wanted.name)
    had = differ.feed_of(there) if there is not None else ""
    told = present.feeds.get(wanted.name) if had else None
    before = None if told is None else {"feed": had, "read": told}
    name, body = wanted.name, {"feed": full_name(wanted.feed, present.namespace), "inputs": wanted.inputs}
    if not wanted.feed:
        return None if before is None else Step(Kind.FEED, Change.DELETE, name, ("goes",), before=before)
    if before is None:
        why = ("the feed knows no such trigger",) if had else ()
        return Step(Kind.FEED, Change.CREATE, name, why, body)
    if had == body["feed"] and mark_of(there).digest == digest:
        return Step(Kind.FEED, Change.UNCHANGED, name, before=before)
    return Step(Kind.FEED, Change.UPDATE, name, ("is told something else",), body, before)


def _rule(wanted: Rule, present: Present, how: How) -> Step:
    there = present.rules.get(wanted.name)

    def why() -> Iterator[str]:
        if there is not None:
            yield from differ.owner_words(how.app, there)
            yield from differ.rule_words(wanted, there, present.namespace)

    return _step(
        Kind.RULE, wanted.name, there, why(), lambda: rule_body(wanted, present.namespace, Mark(how.app))
    )


def _gone(wanted: App, present: Present, how: How) -> Iterator[Step]:
    """What is the app's and left its manifest."""

    def ours(there: Mapping[str, Entity], asked: Iterable[Any]) -> list[tuple[str, Entity]]:
        names = {one.name for one in asked}
        return [
            (name, entity)
            for name, entity in there.items()
            if name not in names and mark_of(entity).app == how.app
        ]

    def step(kind: Kind, name: str, before: Entity, stays: str = "") -> Step:
        if not how.prune or stays:
            return Step(kind, Change.LEFT, name, (stays or "left the manifest",), before=before)
        return Step(kind, Change.DELETE, name, ("left the manifest",), before=before)

    def end(trigger: str) -> str:
        return full_name(trigger, present.namespace)

    gone_rules = ours(present.rules, wanted.rules)
    yield from (step(Kind.RULE, name, entity) for name, entity in gone_rules)
    for name, entity in ours(present.triggers, wanted.triggers):
        moved = {one.name for one in wanted.rules if full_name(one.trigger, present.namespace) != end(name)}
        others = _rules_of(name, present) - {rule for rule, _ in gone_rules} - moved
        stays = f"has other rules: {', '.join(sorted(others))}" if others else ""
        told = present.feeds.get(name)
        if told is not None and differ.feed_of(entity) and not stays:
            yield step(Kind.FEED, name, {"feed": differ.feed_of(entity), "read": told})
        yield step(Kind.TRIGGER, name, entity, stays)
    actions = ours(present.actions, wanted.actions)
    is_sequence = {name: entity.get("exec", {}).get("kind") == SEQUENCE for name, entity in actions}
    for name, entity in sorted(actions, key=lambda one: not is_sequence[one[0]]):
        yield step(Kind.SEQUENCE if is_sequence[name] else Kind.ACTION, name, entity)
    packages = ours(present.packages, wanted.packages)
    for name, entity in sorted(packages, key=lambda one: not one[1].get(BINDING)):
        inside = {one for one in present.actions if one.startswith(f"{name}/")}
        others = inside - {one for one, _ in actions}
        kind = Kind.BINDING if entity.get(BINDING) else Kind.PACKAGE
        yield step(kind, name, entity, f"has other actions: {', '.join(sorted(others))}" if others else "")


def _rules_of(trigger: str, present: Present) -> set[str]:
    """Also those that a list of rules does not show with their ends."""
    end = f"/{present.namespace}/{trigger}"
    told = present.triggers[trigger].get("rules") or {}
    named = {name for name, rule in present.rules.items() if end_name(rule.get("trigger")) == end}
    return named | {name.partition("/")[2] for name in told}
