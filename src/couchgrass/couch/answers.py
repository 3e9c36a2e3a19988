"""Another server's refusals as errors of our own family."""

from __future__ import annotations

from typing import Any

from couchgrass import json
from couchgrass.errors import BadRequest, CouchgrassError, PeerLost, from_answer

OWN_ANSWERS = frozenset({501, 507})
"""Statuses from 500 on that a CouchDB gives on purpose, and gives again when it is asked again."""

TIMEOUT = 408


def refusal(status: int, text: bytes, name: str, location: str | None = None) -> CouchgrassError:
    """The error for an answer that is no success: PeerLost when the server failed, else its own refusal."""
    if location is not None and status < 400:
        return from_answer(status, "redirected", f"{name} redirects to another place: use its URL")
    is_failure = status == TIMEOUT or (status >= 500 and status not in OWN_ANSWERS)
    try:
        found = json.decode(text)
    except BadRequest:
        found = None
    if not isinstance(found, dict) or "error" not in found:
        if is_failure:
            return PeerLost(f"{name}: answered {status}")
        return from_answer(status, "peer_error", f"{name}: answered {status}")
    error, reason = str(found["error"]), str(found.get("reason", ""))
    if is_failure:
        return PeerLost(f"{name}: answered {status} {error}: {reason}")
    return from_answer(status, error, reason)


def decoded(text: bytes, name: str) -> Any:
    """An answer's JSON. Raises PeerLost: what can't be read did not come whole."""
    try:
        return json.decode(text)
    except BadRequest as bad:
        raise PeerLost(f"{name}: an answer can't be understood") from bad


def decoded_object(text: bytes, name: str) -> dict[str, Any]:
    """The same for an answer that is to be an object."""
    found = decoded(text, name)
    if not isinstance(found, dict):
        raise PeerLost(f"{name}: an answer can't be understood")
    return found
