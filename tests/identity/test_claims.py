"""What tokens say, and who may redeem which."""

from __future__ import annotations

import pytest

from couchgrass.identity import claims
from couchgrass.identity.claims import SignedIn, User
from couchgrass.identity.oauth import Asked, OAuthError
from couchgrass.identity.tenant import Client, Tenant

ISSUER = "https://id.example/oauth/v4/t"
CLIENT = Client("web")
TENANT = Tenant("t", clients=(CLIENT,))
USER = User("6b1b36cb-3c9d-4d25-a7c4-5d1a7a1c9a77", "ada@example.org", "Ada", 2)
NOW = 1_700_000_000
WHO = SignedIn(USER, NOW - 5, "session", "n")


def test_an_access_token_says_who_for_whom_and_how_long() -> None:
    found = claims.access(ISSUER, TENANT, CLIENT, USER, now=NOW, jti="j")
    assert found["iss"] == ISSUER and found["aud"] == ["web"] and found["sub"] == USER.sub
    assert found["exp"] - found["iat"] == TENANT.access_s and found["tenant"] == "t"


def test_the_nonce_goes_into_the_identity_token_alone_when_there_is_one() -> None:
    found = claims.identity(ISSUER, TENANT, CLIENT, WHO, now=NOW)
    assert (found["nonce"], found["auth_time"], found["iat"]) == ("n", NOW - 5, NOW)
    later = SignedIn(USER, NOW - 5, "session")
    assert "nonce" not in claims.identity(ISSUER, TENANT, CLIENT, later, now=NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"token_use": claims.ACCESS},
        {"iss": "https://other.example"},
        {"aud": ["web"]},
        {"tenant": "u"},
        {"client": "other"},
        {"exp": NOW},
        {"exp": None},
        {"exp": "9999999999"},
    ],
)
def test_only_the_client_it_was_issued_to_redeems_it_and_only_in_time(changed: dict[str, object]) -> None:
    token = claims.refresh(ISSUER, TENANT, CLIENT, WHO, now=NOW, jti="j")
    assert claims.own(token, claims.REFRESH, ISSUER, TENANT, CLIENT, NOW + 1) is token
    with pytest.raises(OAuthError) as refused:
        claims.own({**token, **changed}, claims.REFRESH, ISSUER, TENANT, CLIENT, NOW + 1)
    assert refused.value.error == "invalid_grant"


def test_a_code_is_no_refresh_token() -> None:
    code = claims.code(ISSUER, TENANT, CLIENT, USER, Asked("web", "https://a/"), now=NOW, jti="j")
    with pytest.raises(OAuthError):
        claims.own(code, claims.REFRESH, ISSUER, TENANT, CLIENT, NOW)


def test_discovery_names_only_what_is_there() -> None:
    found = claims.discovery(ISSUER)
    ends = {
        name: url.removeprefix(ISSUER + "/")
        for name, url in found.items()
        if name.endswith(("_endpoint", "_uri"))
    }
    assert set(ends.values()) == {"authorization", "token", "publickeys", "userinfo", "introspect"}
    assert found["issuer"] == ISSUER


def test_a_client_that_acts_for_itself_is_its_own_subject() -> None:
    assert claims.machine(ISSUER, TENANT, CLIENT, now=NOW, jti="j")["sub"] == "web"


def test_an_answer_has_only_the_tokens_there_are() -> None:
    assert "refresh_token" not in claims.answer(TENANT, "a")
    assert claims.answer(TENANT, "a", "i", "r")["id_token"] == "i"
