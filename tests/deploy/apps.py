"""Apps for tests, made by hand."""

from __future__ import annotations

from typing import Any

from couchgrass.deploy.wanted import Action, App, Exec, Package, Route, Rule, Trigger

ECHO = "def main(args):\n    return args\n"


def action(name: str, code: str = ECHO, **more: Any) -> Action:
    """A web action."""
    return Action(name, Exec("python:3", code), annotations={"web-export": True, "final": True}, **more)


def sequence(name: str, *components: str) -> Action:
    return Action(name, Exec("sequence", components=components))


def route(action: str, verb: str, path: str = "/todo") -> Route:
    return Route("todos", "/v1", path, verb, action, "http")


FIRST = App(
    packages=(
        Package(
            "todo", {"username": "ada", "password": "one", "limit": 3}, {"about": "todos"}, version="1.0"
        ),
        Package("mine", {"name": "Grace"}, binding="/whisk.system/samples"),
    ),
    actions=(
        action("todo/get", parameters={"limit": 5}),
        action("todo/post", limits={"memory": 128}),
        action("old"),
        sequence("todo/inner", "/_/todo/post"),
        sequence("todo/both", "/_/todo/get", "/_/todo/inner"),
    ),
    triggers=(
        Trigger("often", feed="/whisk.system/alarms/interval", inputs={"minutes": 5}),
        Trigger("plain", {"a": 1}),
    ),
    rules=(Rule("on-often", "often", "todo/get"), Rule("on-plain", "plain", "todo/both")),
    routes=(route("todo/get", "GET"), route("todo/post", "POST"), route("todo/get", "GET", "/todo/{id}")),
)

SECOND = App(
    packages=(
        Package("todo", {"username": "ada", "password": "two"}, version="1.1"),
        Package("mine", {"place": "here"}, binding="/whisk.system/utils"),
        Package("more"),
    ),
    actions=(
        action("todo/get", ECHO + "# again\n"),
        action("todo/post", parameters={"x": {"y": [1, 2]}}, limits={"timeout": 1000}),
        action("more/new"),
        sequence("todo/both", "/_/todo/post", "/_/more/new"),
    ),
    triggers=(
        Trigger("often", feed="/whisk.system/alarms/interval", inputs={"minutes": 7}),
        Trigger("plain", {"b": 1}, {"about": "x"}),
        Trigger("nightly", feed="/whisk.system/alarms/alarm", inputs={"cron": "0 3 * * *"}),
    ),
    rules=(Rule("on-often", "often", "more/new"), Rule("on-night", "nightly", "todo/both")),
    routes=(route("todo/get", "GET"), route("more/new", "PUT")),
)
"""Differs from FIRST in every kind: what is new, what changes, what goes."""
