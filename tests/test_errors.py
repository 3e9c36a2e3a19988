"""The one family of errors: what a server says of each class, a client turns back into that class."""

from __future__ import annotations

import pytest

from couchgrass import errors
from couchgrass.errors import CouchgrassError, MethodNotAllowed, from_answer

FAMILY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CouchgrassError) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_every_class_comes_back_from_its_answer(kind: type[CouchgrassError]) -> None:
    raised = kind("why")
    told = from_answer(raised.status, raised.error, raised.reason)
    assert type(told) is kind
    assert (told.status, told.error, told.reason) == (raised.status, raised.error, raised.reason)
    assert str(told) == raised.reason


def test_no_two_classes_have_the_same_answer() -> None:
    assert len({(kind.status, kind.error) for kind in FAMILY}) == len(FAMILY)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (404, "no_db_file", "NotFound"),
        (403, "user_defined", "Forbidden"),
        (409, "document_update_conflict", "Conflict"),
        (412, "precondition_failed", "FileExists"),
        (502, "bad_gateway", "PeerLost"),
        (503, "stopping", "ServiceUnavailable"),
        (418, "teapot", "CouchgrassError"),
    ],
)
def test_an_error_that_is_not_ours_is_told_by_its_status_and_keeps_its_name(
    status: int, error: str, kind: str
) -> None:
    told = from_answer(status, error, "why")
    assert type(told).__name__ == kind
    assert (told.status, told.error, told.reason) == (status, error, "why")


def test_which_methods_were_allowed_is_not_in_the_answer() -> None:
    told = from_answer(405, "method_not_allowed", "Only GET allowed")
    assert isinstance(told, MethodNotAllowed) and told.allowed == ()
