"""Code: what is base64, and its digest."""

from __future__ import annotations

import base64
import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.functions.code import code_text, is_base64

UPSTREAM = re.compile(rb"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")


@given(st.binary(min_size=1, max_size=200))
def test_base64_is_binary_and_decodes(content: bytes) -> None:
    text = base64.b64encode(content)
    found = code_text(f" {text.decode()}\n")
    assert found.binary and base64.b64decode(found.text, validate=True) == content
    assert found.digest == hashlib.sha256(text).hexdigest()


@given(st.text(alphabet="AZaz09+/=- \n", max_size=24).map(str.encode))
def test_base64_is_what_openwhisk_takes_for_it(text: bytes) -> None:
    assert is_base64(text) == (UPSTREAM.fullmatch(text) is not None)


@given(st.text(max_size=100))
def test_a_source_is_kept_as_it_is(source: str) -> None:
    found = code_text(source + "()")
    assert not found.binary and found.text == (source + "()").encode()


def test_empty_code_is_a_source() -> None:
    assert code_text("").text == b"" and not code_text("").binary
