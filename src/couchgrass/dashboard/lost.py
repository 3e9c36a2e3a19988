"""Errors of what stands behind the dashboard, as its pages show them. Pure."""

from __future__ import annotations

from couchgrass.errors import GatewayTimeout, PeerLost, ServiceUnavailable


class NoAnswer(PeerLost):
    """One of the region's servers can't be reached, or broke off."""

    error = "no_answer"


class Late(GatewayTimeout):
    """One of the region's servers did not answer in time."""

    error = "no_answer_in_time"


class Crowded(ServiceUnavailable):
    """Too much is under way; this was not begun."""

    error = "overloaded"
