"""Apps out of a few names with a few forms each, so that two of them often have something in common."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from couchgrass.deploy.wanted import Action, App, Exec, Package, Route, Rule, Trigger

BOOLEANS: Final = st.booleans()
FEED: Final = "/whisk.system/alarms/"
INTERVAL, ALARM = FEED + "interval", FEED + "alarm"

PACKAGES: Final = {
    "p": [
        {"parameters": {"x": 1, "y": True}, "version": "1.0"},
        {"parameters": {"x": 2}, "publish": True},
        {},
    ],
    "q": [{"annotations": {"about": {"n": [1]}}}, {"parameters": {"x": 1}}],
    "bound": [
        {"binding": "/whisk.system/samples", "parameters": {"x": 1}},
        {"binding": "/whisk.system/utils"},
        {"binding": "/whisk.system/samples", "annotations": {"z": 1}},
    ],
}
ACTIONS: Final[list[dict[str, Any]]] = [
    {"exec": Exec("python:3", "x = 1"), "parameters": {"x": 1}},
    {"exec": Exec("python:3", "x = 1"), "parameters": {"x": 2}, "version": "1.0"},
    {"exec": Exec("python:3", "x = 2"), "annotations": {"web-export": True}},
    {"exec": Exec("nodejs:20", "eA==", main="go"), "limits": {"memory": 512}, "annotations": {"z": {}}},
]
TRIGGERS: Final[list[dict[str, Any]]] = [
    {"parameters": {"x": 1}},
    {"annotations": {"about": "x"}},
    {"feed": INTERVAL, "inputs": {"minutes": 1}},
    {"feed": INTERVAL, "inputs": {"minutes": 2}},
    {"feed": ALARM, "inputs": {"cron": "* * * * *"}},
]


@st.composite
def apps(draw: st.DrawFn) -> App:
    """One whose references all hold."""
    packages = [
        Package(name, **form)
        for name, forms in PACKAGES.items()
        if (form := draw(_one_of(forms))) is not None
    ]
    places = {"p/one": "p", "p/two": "p", "q/one": "q", "one": "", "two": ""}
    has = {one.name for one in packages} | {""}
    actions = [
        Action(name, **form)
        for name, package in places.items()
        if package in has and (form := draw(_one_of(ACTIONS))) is not None
    ]
    names = [one.name for one in actions]
    triggers = [Trigger(name, **form) for name in ("t", "u") if (form := draw(_one_of(TRIGGERS))) is not None]
    if not names:
        return App(tuple(packages), triggers=tuple(triggers))
    some = st.sampled_from(names)
    sequence = draw(_one_of([1, 2]))
    if sequence is not None:
        components = tuple(f"/_/{draw(some)}" for _ in range(sequence))
        actions.append(
            Action(
                draw(st.sampled_from(["all", "p/two"])) if "p" in has else "all",
                Exec("sequence", components=components),
            )
        )
    by_name = {one.name: one for one in actions}
    rules = [
        Rule(name, draw(st.sampled_from(triggers)).name, draw(some))
        for name in ("r", "s")
        if bool(triggers) and draw(BOOLEANS)
    ]
    routes = [
        Route("api", base, path, verb, draw(some), "http")
        for base, path, verb in (("/v1", "/a", "GET"), ("/v1", "/a/{id}", "PUT"), ("/v2", "/a", "GET"))
        if draw(BOOLEANS)
    ]
    return App(tuple(packages), tuple(by_name.values()), tuple(triggers), tuple(rules), tuple(routes))


def _one_of(forms: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([None, *forms])
