"""Rights: the security object, the decision and its words, and the headers that name a user."""

from __future__ import annotations

import base64
import hmac
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.access import (
    ANONYMOUS,
    CLOUDANT_ROLES,
    DATABASE,
    EVERYTHING,
    MEMBER,
    Right,
    Security,
    UserCtx,
    allows,
    check_anonymous,
    check_maintenance,
    check_metrics,
    check_server_admin,
    check_signed_in,
    default_security,
    is_account,
    is_db_admin,
    parse_basic,
    parse_security,
    rights,
    split_roles,
    verify_proxy,
)
from couchgrass.docdb.settings import Chttpd, ChttpdAuth
from couchgrass.errors import BadRequest, CouchgrassError, Forbidden, Unauthorized

ADMIN = UserCtx("root", ("_admin",))
ANNA = UserCtx("anna", ("staff",))
BOB = UserCtx("bob")
KEY = UserCtx("apikey-1")

DATABASE_RIGHTS = [right for right in Right if right is not Right.SERVER_ADMIN]


def refused(ctx: UserCtx, security: Security, right: Right) -> CouchgrassError:
    with pytest.raises((Unauthorized, Forbidden)) as caught:
        allows(ctx, security, right)
    return caught.value


def test_a_new_database_is_for_server_admins_only() -> None:
    security = parse_security(default_security("admin_only"))
    assert rights(ADMIN, security) == EVERYTHING
    assert rights(ANNA, security) == rights(ANONYMOUS, security) == 0


@pytest.mark.parametrize("setting", ["everyone", "admin_local"])
def test_a_new_database_is_public_where_the_setting_says_so(setting: str) -> None:
    assert default_security(setting) == {}
    assert rights(ANONYMOUS, parse_security({})) == MEMBER


def test_members_are_named_by_name_or_role_and_are_no_admins() -> None:
    security = parse_security({"members": {"names": ["bob"], "roles": ["staff"]}})
    assert rights(BOB, security) == rights(ANNA, security) == MEMBER
    assert rights(ANONYMOUS, security) == rights(UserCtx("eve"), security) == 0


def test_the_old_word_readers_still_means_members() -> None:
    security = parse_security({"readers": {"names": ["bob"]}})
    assert rights(BOB, security) == MEMBER
    assert rights(ANNA, security) == 0


def test_admins_of_a_database_have_all_but_server_admin() -> None:
    security = parse_security({"admins": {"names": ["bob"], "roles": ["staff"]}, "members": {"names": ["x"]}})
    assert rights(BOB, security) == rights(ANNA, security) == DATABASE
    assert is_db_admin(BOB, security)
    assert not is_db_admin(KEY, security)


def test_naming_only_admins_leaves_a_database_public() -> None:
    assert rights(ANONYMOUS, parse_security({"admins": {"names": ["bob"]}})) == MEMBER


def test_refusals_of_a_private_database_have_couchdb_s_words() -> None:
    security = parse_security({"members": {"names": ["x"]}})
    for right in (Right.READ, Right.READ_DESIGN, Right.READ_SECURITY, Right.WRITE, Right.REPLICATE):
        anonymous, named = refused(ANONYMOUS, security, right), refused(BOB, security, right)
        assert (anonymous.status, anonymous.reason) == (401, "You are not authorized to access this db.")
        assert (named.status, named.reason) == (403, "You are not allowed to access this db.")


def test_refusals_of_db_admin_have_couchdb_s_words() -> None:
    security = parse_security({})
    for ctx, status in ((ANONYMOUS, 401), (BOB, 403)):
        refusal = refused(ctx, security, Right.DB_ADMIN)
        assert (refusal.status, refusal.reason) == (status, "You are not a db or server admin.")


def test_server_admin_is_only_the_role_and_is_refused_with_401() -> None:
    security = parse_security({"admins": {"names": ["bob"]}, "cloudant": {"bob": ["_admin"]}})
    allows(ADMIN, security, Right.SERVER_ADMIN)
    refusal = refused(BOB, security, Right.SERVER_ADMIN)
    assert (refusal.status, refusal.reason) == (401, "You are not a server admin.")
    check_server_admin(ADMIN)


def test_maintenance_is_for_db_admins_and_refused_with_401_to_members() -> None:
    security = parse_security({"admins": {"names": ["anna"]}, "members": {"names": ["bob"]}})
    check_maintenance(ANNA, security)
    check_maintenance(ADMIN, security)
    with pytest.raises(Unauthorized, match="You are not a server or db admin"):
        check_maintenance(BOB, security)
    with pytest.raises(Forbidden, match="You are not allowed to access this db"):
        check_maintenance(KEY, security)


def test_metrics_are_for_admins_and_the_metrics_role() -> None:
    check_metrics(ADMIN)
    check_metrics(UserCtx("prometheus", ("_metrics",)))
    with pytest.raises(Unauthorized, match="read-only metrics user"):
        check_metrics(ANNA)


def test_replicate_needs_any_name() -> None:
    check_signed_in(BOB)
    with pytest.raises(Unauthorized, match="not an authenticated user"):
        check_signed_in(ANONYMOUS)


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        ("_reader", {Right.READ, Right.READ_DESIGN}),
        ("_writer", {Right.WRITE}),
        ("_replicator", {Right.READ, Right.READ_DESIGN, Right.REPLICATE}),
        ("_design", {Right.READ_DESIGN}),
        ("_security", {Right.READ_SECURITY}),
        ("_admin", set(DATABASE_RIGHTS)),
        ("_shards", set()),
        ("_db_updates", set()),
    ],
)
def test_a_cloudant_role_grants_just_its_rights(role: str, granted: set[Right]) -> None:
    security = parse_security({"cloudant": {"apikey-1": [role]}})
    assert {right for right in Right if rights(KEY, security) & right} == granted
    for right in DATABASE_RIGHTS:
        if right in granted:
            allows(KEY, security, right)
        else:
            assert refused(KEY, security, right).status == 403


def test_cloudant_s_refusals_name_the_missing_role() -> None:
    security = parse_security({"cloudant": {"apikey-1": []}})
    assert refused(KEY, security, Right.READ).reason == "_reader access is required for this request"
    assert refused(ANONYMOUS, security, Right.WRITE).reason == "_writer access is required for this request"
    assert refused(ANONYMOUS, security, Right.WRITE).status == 401
    assert refused(KEY, security, Right.DB_ADMIN).reason == "_admin access is required for this request"


def test_a_cloudant_member_ends_the_openness_of_a_database_without_members() -> None:
    security = parse_security({"cloudant": {}})
    assert rights(ANONYMOUS, security) == rights(BOB, security) == 0


def test_nobody_s_rights_are_everyone_s() -> None:
    security = parse_security({"cloudant": {"nobody": ["_reader"], "apikey-1": ["_writer"]}})
    reader = CLOUDANT_ROLES["_reader"]
    assert rights(ANONYMOUS, security) == rights(BOB, security) == reader
    assert rights(KEY, security) == reader | Right.WRITE


def test_members_keep_their_rights_beside_cloudant_s() -> None:
    security = parse_security({"members": {"names": ["bob"]}, "cloudant": {"apikey-1": ["_reader"]}})
    assert rights(BOB, security) == MEMBER
    assert rights(KEY, security) == CLOUDANT_ROLES["_reader"]


def test_couchdb_auth_only_puts_cloudant_s_rights_out_of_force() -> None:
    security = parse_security(
        {"members": {"names": ["bob"]}, "cloudant": {"apikey-1": ["_admin"]}, "couchdb_auth_only": True}
    )
    assert rights(KEY, security) == 0
    assert refused(KEY, security, Right.READ).reason == "You are not allowed to access this db."


def test_a_security_object_keeps_what_it_does_not_know() -> None:
    document = {"quota": [1, {"a": None}], "admins": {"names": [], "more": 1}}
    assert parse_security(document).document == document


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], ""),
        (None, ""),
        ({"admins": []}, "admins or members must be a JSON list of strings"),
        ({"members": None}, "admins or members must be a JSON list of strings"),
        ({"admins": {"names": "bob"}}, "names must be a JSON list of strings"),
        ({"admins": {"names": [123]}}, "names must be a JSON list of strings"),
        ({"members": {"roles": {}}}, "roles must be a JSON list of strings"),
        ({"members": {"roles": [["a"]]}}, "roles must be a JSON list of strings"),
        ({"readers": {"roles": [None]}}, "roles must be a JSON list of strings"),
        ({"couchdb_auth_only": 1}, "couchdb_auth_only must be a boolean"),
        ({"cloudant": []}, "cloudant must be a JSON object of lists of roles"),
        ({"cloudant": {"k": "_reader"}}, "cloudant.k must be a JSON list of strings"),
    ],
)
def test_a_malformed_security_object_is_a_bad_request(document: Any, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_security(document)
    assert caught.value.reason == reason


def test_an_unknown_cloudant_role_is_refused() -> None:
    with pytest.raises(BadRequest, match="`_write` is not one of _reader"):
        parse_security({"cloudant": {"k": ["_reader", "_write"]}})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["admins", "members", "names", "roles", "cloudant", "nobody"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_json_is_a_security_object_or_a_bad_request(document: Any) -> None:
    try:
        security = parse_security(document)
    except BadRequest:
        return
    for ctx, right in product((ADMIN, ANNA, ANONYMOUS), DATABASE_RIGHTS):
        granted = bool(rights(ctx, security) & right)
        try:
            allows(ctx, security, right)
        except (Unauthorized, Forbidden):
            assert not granted
        else:
            assert granted


parties = st.fixed_dictionaries(
    {}, optional={what: st.lists(st.sampled_from(["anna", "staff", "bob"])) for what in ("names", "roles")}
)


@given(st.fixed_dictionaries({}, optional={"admins": parties, "members": parties}))
def test_an_anonymous_request_never_has_more_rights_than_a_named_one(document: dict[str, Any]) -> None:
    security = parse_security(document)
    assert rights(ANONYMOUS, security) & ~rights(ANNA, security) == 0


@pytest.mark.parametrize(
    ("required", "except_for_up", "up_open", "rest_open"),
    [
        (False, False, True, True),
        (False, True, True, False),
        (True, False, False, False),
        (True, True, True, False),
    ],
)
def test_require_valid_user(required: bool, except_for_up: bool, up_open: bool, rest_open: bool) -> None:
    setting = Chttpd(require_valid_user=required, require_valid_user_except_for_up=except_for_up)
    for path, is_open in (("/_up", up_open), ("/", rest_open), ("/db/doc", rest_open)):
        if is_open:
            check_anonymous("GET", path, setting)
        else:
            with pytest.raises(Unauthorized, match="Authentication required"):
                check_anonymous("GET", path, setting)
    check_anonymous("POST", "/_session", setting)


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


def test_basic_credentials_are_split_at_the_first_colon() -> None:
    assert parse_basic("Basic Zm9vOmJhcg==") == ("foo", "bar")
    assert parse_basic(basic(b"foo:b:a:r")) == ("foo", "b:a:r")
    assert parse_basic(basic(b":")) == ("", "")
    assert parse_basic(basic("jürgen:grün".encode()).replace("Basic", "basic")) == ("jürgen", "grün")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic x",
        "Basic XX=",
        "Basic Zm9v",
        "Basic \u20ac",
        basic(b"_:_"),
        basic(b"\xff:x"),
        "Bearer Zm9vOmJhcg==",
        "anonymous",
    ],
)
def test_malformed_or_other_credentials_are_anonymous(header: str) -> None:
    assert parse_basic(header) is None


@given(st.text().filter(lambda name: ":" not in name), st.text())
def test_basic_credentials_round_trip(name: str, password: str) -> None:
    expected = None if (name, password) == ("_", "_") else (name, password)
    assert parse_basic(basic(f"{name}:{password}".encode())) == expected


@given(st.text())
def test_no_header_makes_the_parser_fail(header: str) -> None:
    parse_basic(header)
    parse_basic("Basic " + header)


PROXY = {"x-auth-couchdb-username": "anna", "x-auth-couchdb-roles": "staff , users,,"}
SIGNED = ChttpdAuth(proxy_use_secret=True, secret="secret", hash_algorithms=("sha256", "sha"))


def test_a_proxy_names_the_user_and_roles() -> None:
    assert verify_proxy(PROXY, ChttpdAuth()) == UserCtx("anna", ("staff", "users"), "proxy")
    assert verify_proxy({"x-auth-couchdb-username": "anna"}, ChttpdAuth()) == UserCtx("anna", (), "proxy")
    assert verify_proxy({}, ChttpdAuth()) is None


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
def test_a_proxy_s_token_may_use_any_configured_hash(algorithm: str) -> None:
    token = hmac.digest(b"secret", b"anna", algorithm).hex()
    user = verify_proxy({**PROXY, "x-auth-couchdb-token": token}, SIGNED)
    assert user is not None
    assert user.name == "anna"


@pytest.mark.parametrize(
    "token", [None, "", "zz", "00", "\u00e4", hmac.digest(b"secret", b"bob", "sha256").hex()]
)
def test_a_proxy_without_the_right_token_names_no_one(token: str | None) -> None:
    headers = PROXY if token is None else {**PROXY, "x-auth-couchdb-token": token}
    assert verify_proxy(headers, SIGNED) is None


def test_an_empty_secret_lets_no_proxy_in() -> None:
    token = hmac.digest(b"", b"anna", "sha256").hex()
    assert verify_proxy({**PROXY, "x-auth-couchdb-token": token}, ChttpdAuth(proxy_use_secret=True)) is None


def test_a_proxy_s_header_names_are_configurable() -> None:
    auth = ChttpdAuth(x_auth_username="X-User", x_auth_roles="X-Roles")
    assert verify_proxy({"x-user": "anna", "x-roles": "a"}, auth) == UserCtx("anna", ("a",), "proxy")
    assert verify_proxy(PROXY, auth) is None


def test_roles_lose_only_the_empty_ones_at_the_end() -> None:
    assert split_roles("") == ()
    assert split_roles("a,,b , c,,") == ("a", "", "b", "c")


SYSTEM = ["_users", "_replicator", "whisk_subjects", "whisk_new", "couchgrass_identity"]


@pytest.mark.parametrize("name", SYSTEM)
def test_the_regions_own_databases_are_not_for_accounts(name: str) -> None:
    account = UserCtx("acc", ("couchgrass_account",))
    assert not is_account(account, name)
    assert is_account(account, f"my_{name}")
    assert not is_account(UserCtx(None, ("couchgrass_account",)), "mine")
    assert not is_account(ANNA, "mine")
