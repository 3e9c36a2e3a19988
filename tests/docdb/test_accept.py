"""Accept and Accept-Encoding as CouchDB reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.accept import accepted_encodings, accepts_type


@pytest.mark.parametrize(
    "header",
    [
        None,
        "*/*",
        "multipart/*",
        "multipart/mixed",
        "Multipart/Mixed",
        "application/json;q=0.5, multipart/mixed;q=0.1",
        " multipart/mixed ; q = 1.000 ",
        "text/html;q=0, */*",
    ],
)
def test_a_type_is_accepted_by_itself_by_its_main_type_by_everything_and_without_a_header(
    header: str | None,
) -> None:
    assert accepts_type(header, "multipart/mixed")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "application/json",
        "multipart/related",
        "multipart/mixed;q=0",
        "*/*, multipart/mixed;q=0",
        "*/*, multipart/*;q=0.0",
        "multipart/mixed;level=1",
        "multipart/mixed;q=2",
        "multipart/mixed;q=x",
    ],
)
def test_a_type_is_not_accepted_when_it_is_not_named_or_refused_or_the_header_is_malformed(
    header: str,
) -> None:
    assert not accepts_type(header, "multipart/mixed")


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, {"identity"}),
        ("", {"identity"}),
        ("gzip", {"gzip", "identity"}),
        ("gzip;q=0.1, deflate", {"gzip", "identity"}),
        ("*", {"gzip", "identity"}),
        ("gzip;q=0, *", {"identity"}),
        ("gzip, identity;q=0", {"gzip"}),
        ("gzip, *;q=0", {"gzip"}),
        ("deflate", {"identity"}),
        ("identity;q=0", set()),
        ("*;q=0", set()),
        ("gzip;q=five", {"identity"}),
    ],
)
def test_identity_is_accepted_unless_refused_and_gzip_when_named_or_covered(
    header: str | None, accepted: set[str]
) -> None:
    assert accepted_encodings(header) == accepted


@given(st.text(st.sampled_from("gzip*/,;q=01. \tx"), max_size=30))
def test_any_header_has_an_answer(header: str) -> None:
    assert accepts_type(header, "multipart/mixed") in (True, False)
    assert accepted_encodings(header) <= {"gzip", "identity"}
