"""The caller's namespaces: there is one for each key."""

from __future__ import annotations

from couchgrass.functions.entity import Identity
from couchgrass.functions.http.call import answered
from couchgrass.serving.asgi import Answer


def names(identity: Identity) -> Answer:
    """GET /namespaces"""
    return answered([identity.namespace])
