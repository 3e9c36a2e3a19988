"""All collections of the REST API, put together: what `App` serves below a namespace."""

from __future__ import annotations

from couchgrass.clock import Clock
from couchgrass.functions.http.actions import Actions
from couchgrass.functions.http.activations import Activations
from couchgrass.functions.http.call import Routes
from couchgrass.functions.http.info import About
from couchgrass.functions.http.lookup import Lookup
from couchgrass.functions.http.packages import Packages
from couchgrass.functions.http.rules import Rules
from couchgrass.functions.http.triggers import Triggers
from couchgrass.functions.kinds import Kinds
from couchgrass.functions.limits import SystemLimits
from couchgrass.functions.run.controller import Controller
from couchgrass.functions.store.activations import Activations as Records
from couchgrass.functions.store.directory import Directory


def collections(
    directory: Directory,
    controller: Controller,
    records: Records,
    about: About,
    *,
    kinds: Kinds,
    limits: SystemLimits,
    clock: Clock,
) -> tuple[Routes, ...]:
    """Their routes. `about` is the App's."""
    lookup = Lookup(directory, controller)
    return (
        about.routes(),
        Actions(directory, controller, lookup, kinds=kinds, limits=limits, clock=clock).routes(),
        Packages(directory, clock=clock).routes(),
        Triggers(directory, controller, clock=clock).routes(),
        Rules(directory, lookup, clock=clock).routes(),
        Activations(records).routes(),
    )
