"""JSON Web Tokens."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from couchgrass.docdb.access import UserCtx
from couchgrass.docdb.jwt import ALGORITHMS, authenticate, parse_bearer
from couchgrass.docdb.settings import JwtAuth
from couchgrass.errors import BadRequest, CouchgrassError, NotFound, Unauthorized

NOW = 1_700_000_000.0
SECRET = b"a shared secret of some length"
RSA = RSAKey.generate_key(2048)
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
EC = {algorithm: ECKey.generate_key(curve) for algorithm, curve in CURVES.items()}


def pem(key: RSAKey | ECKey, *, private: bool = False) -> str:
    return key.as_pem(private=private).decode().replace("\n", "\\n")


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


KEYS = {
    "hmac:_default": b64(SECRET),
    "hmac:other": b64(b"quite another secret, also long"),
    "hmac:short": "aGVsbG8=",
    "hmac:empty": "",
    "hmac:bad": "%%%",
    "hmac:rsa": b64(RSA.as_pem(private=False)),
    "rsa:_default": pem(RSA),
    "rsa:secret": pem(RSA, private=True),
    "rsa:ec": pem(EC["ES256"]),
    "rsa:bad": "no key",
    "rsa:broken": "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----\\n",
    "ec:rsa": pem(RSA),
} | {f"ec:{algorithm}": pem(key) for algorithm, key in EC.items()}

CLAIMS = {"sub": "anna", "exp": NOW + 60}


def token(
    claims: Any = CLAIMS, *, alg: str = "HS256", key: Any = None, kid: Any = None, **header: Any
) -> str:
    """Signed with the right key for `alg` unless one is given."""
    if key is None:
        key = EC.get(alg) or (RSA if alg.startswith("RS") else OctKey.import_key(SECRET))
    kid = alg if kid is None and alg in EC else kid
    head = {"alg": alg, **({} if kid is None else {"kid": kid}), **header}
    registry = jws.JWSRegistry(algorithms=[*ALGORITHMS, "none"], strict_check_header=False)
    return jws.serialize_compact(head, json.dumps(claims), key, registry=registry)


def raw(header: Any, claims: Any = CLAIMS, mac: bytes = b"x") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), mac)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def user(text: str, *, now: float = NOW, **auth: Any) -> UserCtx:
    return authenticate(text, now=now, keys=KEYS, auth=JwtAuth(**auth))


def refusal(text: str, *, now: float = NOW, **auth: Any) -> tuple[int, str]:
    with pytest.raises(CouchgrassError) as caught:
        user(text, now=now, **auth)
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_token_of_every_algorithm_names_its_user(alg: str) -> None:
    assert user(token(alg=alg)) == UserCtx("anna", (), "jwt")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_changed_token_of_any_algorithm_is_refused(alg: str) -> None:
    header, _, signature = token(alg=alg).split(".")
    claims = raw({}, CLAIMS | {"sub": "root"}).split(".")[1]
    what = "HMAC" if alg.startswith("HS") else "signature"
    assert refusal(f"{header}.{claims}.{signature}") == (400, f"Bad {what} in authentication token")
    assert refusal(f"{header}.{claims}.") == (400, f"Bad {what} in authentication token")
    assert refusal(f"{header}.{claims}.!") == (400, f"Bad {what} in authentication token")


def test_the_key_id_chooses_the_key() -> None:
    other = OctKey.import_key(b"quite another secret, also long")
    assert user(token(key=other, kid="other")).name == "anna"
    assert refusal(token(key=other)) == (400, "Bad HMAC in authentication token")
    assert refusal(token(kid="nope")) == (400, "Unknown kid")
    assert refusal(token(kid="_default", alg="ES256")) == (400, "Unknown kid")
    assert refusal(raw({"alg": "HS256", "kid": 1})) == (400, "Unknown kid")


def test_a_short_secret_works_as_in_couchdb() -> None:
    head, claims, _ = raw({"alg": "HS256", "kid": "short"}).split(".")
    mac = hmac.digest(b"hello", f"{head}.{claims}".encode(), "sha256")
    signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    assert user(f"{head}.{claims}.{signature}").name == "anna"


def test_a_public_key_is_never_a_shared_secret() -> None:
    head, claims, _ = raw({"alg": "HS256"}).split(".")
    public = KEYS["rsa:_default"].replace("\\n", "\n").encode()
    mac = hmac.digest(public, f"{head}.{claims}".encode(), "sha256")
    forged = f"{head}.{claims}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(BadRequest, match="Unknown kid"):
        authenticate(forged, now=NOW, keys={"rsa:_default": KEYS["rsa:_default"]}, auth=JwtAuth())
    assert refusal(forged) == (400, "Bad HMAC in authentication token")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({}, "Missing alg header parameter"),
        ({"alg": None}, "Missing alg header parameter"),
        ({"alg": "none"}, "Invalid alg header parameter"),
        ({"alg": "PS256"}, "Invalid alg header parameter"),
        ({"alg": ["HS256"]}, "Invalid alg header parameter"),
        ([], "Not an object"),
    ],
)
def test_a_header_without_one_of_the_nine_algorithms_is_refused(header: Any, reason: str) -> None:
    assert refusal(raw(header, mac=b"")) == (400, reason)


def test_a_key_on_another_curve_does_not_verify() -> None:
    assert refusal(token(alg="ES256", kid="ES384")) == (400, "Bad signature in authentication token")


@pytest.mark.parametrize(
    ("alg", "kid", "reason"),
    [
        ("HS256", "empty", "Not a valid key"),
        ("HS256", "bad", "Not a valid key"),
        ("RS256", "bad", "Not a valid key"),
        ("RS256", "broken", "not an RSA public key"),
        ("RS256", "ec", "not an RSA public key"),
        ("RS256", "secret", "not an RSA public key"),
        ("ES256", "rsa", "not an EC public key"),
    ],
)
def test_a_configured_key_that_is_none_refuses_its_tokens(alg: str, kid: str, reason: str) -> None:
    assert refusal(token(alg=alg, kid=kid)) == (400, reason)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "a.b.c", "..", "e30.!.x", "e30.\u20ac.x", "YQ.e30.x"])
def test_a_malformed_token_is_a_bad_request(text: str) -> None:
    assert refusal(text) == (400, "Malformed authentication token")


def test_a_token_that_is_over_or_not_yet_valid_is_unauthorized() -> None:
    assert refusal(token(), now=NOW + 60) == (401, "exp not in future")
    assert user(token(), now=NOW + 59.9).name == "anna"
    both: dict[str, Any] = {"required_claims": (("exp", None), ("nbf", None))}
    assert refusal(token(CLAIMS | {"nbf": NOW}), **both) == (401, "nbf not in past")
    assert user(token(CLAIMS | {"nbf": NOW - 1}), **both).name == "anna"


@pytest.mark.parametrize("exp", ["never", True, [], {}])
def test_a_time_that_is_no_number_is_no_time(exp: Any) -> None:
    assert refusal(token({"sub": "anna", "exp": exp})) == (401, "exp not in future")
    assert refusal(token({"sub": "anna", "nbf": exp}), required_claims=(("nbf", None),)) == (
        401,
        "nbf not in past",
    )


@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "iss"])
def test_a_required_claim_must_be_there(name: str) -> None:
    assert refusal(token({"sub": "anna"}), required_claims=((name, None),)) == (400, f"Missing {name} claim")


def test_only_required_claims_are_checked() -> None:
    assert user(token({"sub": "anna", "exp": 1, "iss": "x"}), required_claims=()).name == "anna"


def test_issuer_and_issue_time_have_rules() -> None:
    mine: dict[str, Any] = {"required_claims": (("iss", "me"),)}
    assert user(token(CLAIMS | {"iss": "me"}), **mine).name == "anna"
    assert refusal(token(CLAIMS | {"iss": "you"}), **mine) == (400, "Invalid iss claim")
    issued: dict[str, Any] = {"required_claims": (("iat", None),)}
    assert user(token(CLAIMS | {"iat": 5}), **issued).name == "anna"
    assert refusal(token(CLAIMS | {"iat": "5"}), **issued) == (400, "Invalid iat claim")
    assert refusal(token(), required_claims=(("kid", None),)) == (400, "Missing kid claim")


def test_a_token_without_a_name_is_unauthorized() -> None:
    assert refusal(token({"exp": NOW + 60})) == (401, "Token missing sub claim.")
    assert refusal(token(CLAIMS | {"sub": 1})) == (400, "Malformed token")


@pytest.mark.parametrize(
    ("roles", "read"), [(["a", "b"], ("a", "b")), ("a , b,", ("a", "b")), ("", ()), ([], ())]
)
def test_roles_are_a_list_or_a_comma_separated_text(roles: Any, read: tuple[str, ...]) -> None:
    assert user(token(CLAIMS | {"_couchdb.roles": roles})).roles == read


@pytest.mark.parametrize("roles", [1, None, {"a": 1}, ["a", 1]])
def test_roles_of_another_form_are_refused(roles: Any) -> None:
    assert refusal(token(CLAIMS | {"_couchdb.roles": roles})) == (400, "Malformed token")


def test_the_claim_of_the_roles_is_configurable() -> None:
    claims = CLAIMS | {"mine": ["a"], "my": {"nested": {"_couchdb.roles": ["b"]}}}
    assert user(token(claims), roles_claim_name="mine").roles == ("a",)
    assert user(token(claims), roles_claim_path="my.nested._couchdb\\.roles").roles == ("b",)
    with pytest.raises(NotFound, match="missing json key: no"):
        user(token(claims), roles_claim_path="my.no")
    with pytest.raises(NotFound, match="json_mismatch"):
        user(token(claims), roles_claim_path="mine.x")


def test_an_unknown_critical_header_is_refused() -> None:
    header, claims, _ = raw({"alg": "HS256", "crit": ["x"], "x": 1}).split(".")
    mac = base64.urlsafe_b64encode(hmac.digest(SECRET, f"{header}.{claims}".encode(), "sha256"))
    assert refusal(f"{header}.{claims}.{mac.rstrip(b'=').decode()}")[0] == 400


def test_other_headers_are_ignored() -> None:
    assert user(token(typ="JWT", anything=1)).name == "anna"


def test_the_token_follows_the_scheme() -> None:
    assert parse_bearer("Bearer a.b.c") == parse_bearer("bearer  a.b.c ") == "a.b.c"
    assert parse_bearer("Basic a.b.c") is parse_bearer("") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
headers = st.dictionaries(
    st.sampled_from(["alg", "kid", "crit", "b64"]), json_values | st.sampled_from(ALGORITHMS)
)
claims = st.dictionaries(st.sampled_from(["sub", "exp", "_couchdb.roles"]), json_values)


@given(headers, claims, st.binary(max_size=40))
def test_no_unsigned_token_lets_anyone_in(header: Any, body: Any, mac: bytes) -> None:
    with pytest.raises((BadRequest, Unauthorized)):
        user(raw(header, body, mac))


@given(claims)
def test_a_signed_token_of_any_claims_is_accepted_or_refused(body: Any) -> None:
    try:
        ctx = user(token(body))
    except (BadRequest, Unauthorized):
        return
    assert ctx.name == body["sub"]
