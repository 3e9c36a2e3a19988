"""API keys: good for their API, in their namespace, with their secret; stored as hashes."""

from __future__ import annotations

import pytest

from couchgrass import json
from couchgrass.errors import BadRequest, Unauthorized
from couchgrass.gateway.api import Api
from couchgrass.gateway.subscription import check, from_document, new_subscription, to_document

KEY, SECRET = "k" * 20, "s" * 20
V1 = Api(key="1", namespace="guest", base_path="/v1", resources={})
V2 = Api(key="2", namespace="guest", base_path="/v2", resources={})
OTHERS = Api(key="3", namespace="other", base_path="/v1", resources={})


def test_a_key_for_one_api_and_a_key_for_all() -> None:
    one = new_subscription("guest", "v1", "n", key=KEY)
    every = new_subscription("guest", "", "n", key=KEY)
    assert check(one, V1) is one
    assert check(every, V2) is every
    for refused, api in ((one, V2), (one, OTHERS), (every, OTHERS), (None, V1)):
        with pytest.raises(Unauthorized):
            check(refused, api)


def test_a_secret_has_to_be_the_keys_own() -> None:
    with_secret = new_subscription("guest", "", "n", key=KEY, secret=SECRET)
    assert check(with_secret, V1, SECRET) is with_secret
    for subscription, secret in (
        (with_secret, "s" * 19),
        (with_secret, ""),
        (new_subscription("guest", "", "n", key=KEY), SECRET),
        (new_subscription("guest", "", "n", key=KEY), ""),
    ):
        with pytest.raises(Unauthorized):
            check(subscription, V1, secret)


def test_only_hashes_are_stored() -> None:
    made = new_subscription("guest", "/v1", "n", key=KEY, secret=SECRET, created=7)
    document = to_document(made)
    text = json.encode(document).decode()
    assert KEY not in text and SECRET not in text
    assert from_document(json.decode(text)) == made
    assert from_document({"type": "api"}) is None


def test_the_same_key_elsewhere_is_another() -> None:
    assert new_subscription("a", "", "", key=KEY).id != new_subscription("b", "", "", key=KEY).id


@pytest.mark.parametrize("key", ["", "short", "k" * 600, "é" * 20, "k" * 20 + "\n"])
def test_keys_that_can_be_guessed_or_sent_by_nobody_are_refused(key: str) -> None:
    with pytest.raises(BadRequest):
        new_subscription("guest", "", "", key=key)
