"""Password hashes, admin hashes, and the rules of the documents of _users."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.docdb.access import ANONYMOUS, Security, UserCtx, parse_security
from couchgrass.docdb.password import (
    admin_credentials,
    apply_user_doc,
    check_iterations,
    check_no_totp,
    check_totp,
    check_user_update,
    derive,
    hash_admin_password,
    hash_generated,
    hash_password,
    is_admin_hash,
    login_credentials,
    needs_upgrade,
    user_name,
    user_roles,
    validate_user_doc,
    verify_password,
    visible_user_doc,
)
from couchgrass.docdb.settings import ChttpdAuth
from couchgrass.errors import BadRequest, CouchgrassError, Forbidden, NotFound, Unauthorized

AUTH = ChttpdAuth(iterations=2)
ADMIN = UserCtx("root", ("_admin",))
ANNA = UserCtx("anna")
BOB = UserCtx("bob")
USERS = parse_security({"admins": {"roles": ["user_admins"], "names": ["carol"]}})
DB_ADMINS = (UserCtx("carol"), UserCtx("dave", ("user_admins",)))
ANNA_ID = "org.couchdb.user:anna"

prfs = st.sampled_from(("sha", "sha224", "sha256", "sha384", "sha512"))


def doc(**fields: Any) -> dict[str, Any]:
    return {"_id": ANNA_ID, "type": "user", "name": "anna", "roles": []} | fields


def test_the_defaults_are_600000_rounds_of_sha256() -> None:
    assert (ChttpdAuth().pbkdf2_prf, ChttpdAuth().iterations) == ("sha256", 600_000)


@pytest.mark.parametrize(
    ("iterations", "key"),
    [
        (1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        (2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
    ],
)
def test_sha_is_rfc_6070_s_pbkdf2(iterations: int, key: str) -> None:
    assert derive("password", "salt", prf="sha", iterations=iterations) == key


@settings(max_examples=30)
@given(prfs, st.text(), st.text())
def test_a_hashed_password_verifies_and_no_other_does(prf: Any, password: str, salt: str) -> None:
    auth = ChttpdAuth(iterations=2, pbkdf2_prf=prf)
    credentials = hash_password(password, salt, auth)
    assert verify_password(password, credentials, auth)
    assert not verify_password(password + "x", credentials, auth)
    size = {"sha": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}[prf]
    assert len(credentials["derived_key"]) == 2 * size


def test_the_simple_scheme_is_sha1_of_password_and_salt() -> None:
    auth = ChttpdAuth(password_scheme="simple")
    credentials = hash_password("pw", "salt", auth)
    assert credentials == {
        "password_scheme": "simple",
        "salt": "salt",
        "password_sha": hashlib.sha1(b"pwsalt").hexdigest(),
    }
    assert verify_password("pw", credentials, AUTH)
    del credentials["password_scheme"]
    assert verify_password("pw", credentials, AUTH)
    assert not verify_password("no", credentials, AUTH)


def test_a_simple_hash_that_was_hashed_again_verifies() -> None:
    legacy = hashlib.sha1(b"pwsalt").hexdigest()
    credentials = {
        "password_scheme": "simple+pbkdf2",
        "salt": "salt",
        "pbkdf2_prf": "sha256",
        "iterations": 5,
        "derived_key": derive(legacy, "salt", prf="sha256", iterations=5),
    }
    assert verify_password("pw", credentials, AUTH)
    assert not verify_password(legacy, credentials, AUTH)


def test_credentials_without_prf_are_sha1_and_without_iterations_10000() -> None:
    key = derive("pw", "salt", prf="sha", iterations=10_000)
    assert verify_password(
        "pw", {"password_scheme": "pbkdf2", "salt": "salt", "derived_key": key}, ChttpdAuth()
    )


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"password_sha": None},
        {"password_scheme": "simple", "password_sha": 1, "salt": ""},
        {"password_scheme": "pbkdf2", "iterations": 1, "salt": ""},
        {"password_scheme": "pbkdf2", "iterations": 1, "derived_key": ["x"]},
        {"password_scheme": "none", "derived_key": ""},
        {"password_scheme": ["simple"]},
    ],
)
def test_credentials_without_a_hash_verify_nothing(credentials: dict[str, Any]) -> None:
    assert not verify_password("", credentials, AUTH)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"iterations": 9}, "Iteration count is too low for this server"),
        ({"iterations": 0}, "Iteration count is too low for this server"),
        ({"iterations": "10"}, "Iteration count is too low for this server"),
        ({"iterations": 101}, "Iteration count is too high for this server"),
        ({"iterations": 1 << 70}, "Iteration count is too high for this server"),
        ({"pbkdf2_prf": "md5"}, "PRF is invalid"),
        ({"pbkdf2_prf": ["sha"]}, "PRF is invalid"),
        ({"salt": 5}, "Salt value of '5' is invalid."),
    ],
)
def test_credentials_that_the_server_may_not_use_are_forbidden(fields: dict[str, Any], reason: str) -> None:
    auth = ChttpdAuth(min_iterations=10, max_iterations=100)
    credentials = {"password_scheme": "pbkdf2", "iterations": 50, "salt": "s", "derived_key": "x"} | fields
    with pytest.raises(Forbidden) as caught:
        verify_password("pw", credentials, auth)
    assert caught.value.reason == reason


def test_a_new_password_must_meet_every_requirement() -> None:
    auth = ChttpdAuth(iterations=1, password_regexp=((".{10,}", "Min length is 10."), (r"\d", "")))
    hash_password("0123456789", "s", auth)
    with pytest.raises(BadRequest) as caught:
        hash_password("short1", "s", auth)
    assert caught.value.reason == "Password does not conform to requirements. Min length is 10."
    with pytest.raises(BadRequest) as caught:
        hash_password("no digit in here", "s", auth)
    assert caught.value.reason == "Password does not conform to requirements."


def test_a_password_that_is_no_string_is_forbidden() -> None:
    with pytest.raises(Forbidden) as caught:
        apply_user_doc(doc(password=[1]), "s", AUTH)
    assert caught.value.reason == "Password value of '[1]' is invalid."


def test_storing_a_user_replaces_the_password_by_its_hash() -> None:
    old = {"derived_key": "x", "salt": "old", "iterations": 1, "password_sha": "y"}
    stored = apply_user_doc(doc(password="pw", **old, email="a@b"), "new", AUTH)
    assert stored == doc(email="a@b") | {
        "password_scheme": "pbkdf2",
        "pbkdf2_prf": "sha256",
        "salt": "new",
        "iterations": 2,
        "derived_key": derive("pw", "new", prf="sha256", iterations=2),
    }


@pytest.mark.parametrize("fields", [{}, {"password": None}, {"derived_key": "x", "preserve_salt": True}])
def test_storing_a_user_without_a_password_changes_nothing(fields: dict[str, Any]) -> None:
    assert apply_user_doc(doc(**fields), "new", AUTH) == doc(**fields)


def test_the_salt_stays_where_it_is_asked_to() -> None:
    stored = apply_user_doc(doc(password="pw", salt="old", preserve_salt=True), "new", AUTH)
    assert stored["salt"] == "old"
    assert "preserve_salt" not in stored
    assert apply_user_doc(doc(password="pw", preserve_salt=True), "new", AUTH)["salt"] == "new"
    assert apply_user_doc(doc(password="pw", salt="old", preserve_salt=1), "new", AUTH)["salt"] == "new"


def test_a_stored_hash_is_upgraded_when_the_settings_ask_for_another() -> None:
    stored = {"_rev": "1-a", **hash_password("pw", "s", AUTH)}
    assert not needs_upgrade(stored, AUTH)
    assert needs_upgrade(stored, ChttpdAuth(iterations=3))
    assert needs_upgrade(stored, ChttpdAuth(iterations=2, pbkdf2_prf="sha512"))
    assert needs_upgrade(stored, ChttpdAuth(password_scheme="simple"))
    assert needs_upgrade({"_rev": "1-a", "password_scheme": "simple"}, AUTH)
    assert not needs_upgrade(
        {"_rev": "1-a", "password_scheme": "simple"}, ChttpdAuth(password_scheme="simple")
    )
    assert not needs_upgrade(hash_password("pw", "s", AUTH), ChttpdAuth(iterations=3))
    assert not needs_upgrade(stored, ChttpdAuth(iterations=3, upgrade_hash_on_auth=False))


@settings(max_examples=30)
@given(prfs, st.text(alphabet="abcdef0123456789", min_size=1), st.text())
def test_an_admin_hash_verifies_its_password(prf: Any, salt: str, password: str) -> None:
    text = hash_admin_password(password, salt, ChttpdAuth(iterations=3, pbkdf2_prf=prf))
    assert text.startswith(f"-pbkdf2:{prf}-")
    assert is_admin_hash(text)
    credentials = admin_credentials(text)
    assert credentials is not None
    assert credentials["roles"] == ["_admin"]
    assert verify_password(password, credentials, AUTH)
    assert not verify_password(password + "x", credentials, AUTH)


def test_old_forms_of_admin_hashes_are_read() -> None:
    key = derive("pw", "salt", prf="sha", iterations=10)
    simple = hash_admin_password("pw", "salt", ChttpdAuth(password_scheme="simple"))
    assert simple == f"-hashed-{hashlib.sha1(b'pwsalt').hexdigest()},salt"
    for text in (f"-pbkdf2-{key},salt,10", f"-pbkdf2:sha-{key},salt,10", simple):
        credentials = admin_credentials(text)
        assert credentials is not None
        assert verify_password("pw", credentials, AUTH)


@pytest.mark.parametrize(
    "text", ["", "secret", "-pbkdf2:md5-a,b,1", "-pbkdf2-a,b", "-pbkdf2-a,b,x", "-hashed-a", "-hashed-a,b,c"]
)
def test_what_is_no_admin_hash_gives_no_credentials(text: str) -> None:
    assert admin_credentials(text) is None


def test_a_clear_password_is_not_taken_for_a_hash() -> None:
    assert not is_admin_hash("secret")
    assert not is_admin_hash("-pbkdf2:md5-a,b,1")


def test_a_server_admin_keeps_the_admin_password_and_adds_the_user_s_roles() -> None:
    admin_hash = hash_admin_password("pw", "salt", AUTH)
    credentials = login_credentials(admin_hash, {"_rev": "1-a", "roles": ["staff"], "derived_key": "x"})
    assert credentials is not None
    assert user_roles(credentials) == ("_admin", "staff")
    assert verify_password("pw", credentials, AUTH)
    assert login_credentials(None, None) is None
    assert login_credentials(None, doc()) == doc()


def test_a_user_in_conflict_can_t_log_in() -> None:
    with pytest.raises(Unauthorized, match="User document conflicts must be resolved before the document is"):
        login_credentials(None, doc(_conflicts=["1-b"]))


def test_roles_that_are_no_strings_count_for_nothing() -> None:
    assert user_roles({"roles": ["a", 1, None]}) == ("a",)
    assert user_roles({"roles": "_admin"}) == user_roles({}) == ()


KEY = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize("late", [-30, 0, 30])
def test_a_second_factor_is_rfc_6238_s_and_may_be_a_step_off(late: int) -> None:
    check_totp({"totp": {"key": KEY, "length": 8}}, "07081804", 1111111109 + late)
    check_totp({"totp": {"key": KEY}}, "081804", 1111111109 + late)


@pytest.mark.parametrize(
    ("totp", "token"),
    [
        ({"key": KEY}, "081805"),
        ({"key": KEY}, ""),
        ({"key": "1"}, "081804"),
        ({"key": KEY, "length": 10**9}, "081804"),
        ({"key": KEY, "length": "6"}, "081804"),
        ({"key": KEY, "algorithm": "md5"}, "081804"),
        ({"key": KEY, "algorithm": []}, "081804"),
        ({}, ""),
        ("x", "x"),
        (None, ""),
    ],
)
def test_a_wrong_or_malformed_second_factor_is_refused(totp: Any, token: str) -> None:
    with pytest.raises(Unauthorized, match=r"Name or password is incorrect\.$"):
        check_totp({"totp": totp}, token, 1111111109)


def test_who_has_a_second_factor_can_t_use_basic() -> None:
    check_no_totp({})
    check_totp({}, "", 59)
    with pytest.raises(Unauthorized, match=r"Name or password is incorrect\.$"):
        check_no_totp({"totp": {"key": KEY}})


@pytest.mark.parametrize("ctx", [ADMIN, ANNA, ANONYMOUS, *DB_ADMINS])
def test_admins_the_owner_and_who_signs_up_may_write_a_user(ctx: UserCtx) -> None:
    check_user_update(ANNA_ID, ctx, USERS)


@pytest.mark.parametrize("doc_id", [ANNA_ID, "_local/x", "other"])
def test_another_user_s_document_is_not_found(doc_id: str) -> None:
    with pytest.raises(NotFound) as caught:
        check_user_update(doc_id, BOB, USERS)
    assert caught.value.reason == "missing"


def test_the_name_is_in_the_id() -> None:
    assert user_name("org.couchdb.user:a:b") == "a:b"
    assert user_name("anna") is None


@pytest.mark.parametrize("ctx", [ADMIN, ANNA, *DB_ADMINS])
def test_admins_and_the_owner_see_a_whole_user(ctx: UserCtx) -> None:
    assert visible_user_doc(ANNA_ID, doc(salt="s"), ctx, USERS, AUTH) == doc(salt="s")


@pytest.mark.parametrize("ctx", [ANONYMOUS, BOB])
def test_others_see_public_fields_or_nothing(ctx: UserCtx) -> None:
    with pytest.raises(NotFound) as caught:
        visible_user_doc(ANNA_ID, doc(salt="s"), ctx, USERS, AUTH)
    assert caught.value.reason == "missing"
    public = ChttpdAuth(public_fields=("name", "email"))
    assert visible_user_doc(ANNA_ID, doc(salt="s"), ctx, USERS, public) == {"_id": ANNA_ID, "name": "anna"}


def test_an_anonymous_request_owns_no_document() -> None:
    with pytest.raises(NotFound):
        visible_user_doc("no-user", {"_id": "no-user", "a": 1}, ANONYMOUS, USERS, AUTH)


def test_design_documents_of_users_are_for_admins() -> None:
    assert visible_user_doc("_design/_auth", {"a": 1}, ADMIN, USERS, AUTH) == {"a": 1}
    with pytest.raises(Forbidden, match=r"Only administrators can view design docs in the users database\.$"):
        visible_user_doc("_design/_auth", {"a": 1}, ANNA, USERS, AUTH)


PBKDF2 = {"password_scheme": "pbkdf2", "iterations": 1, "derived_key": "x"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": "person"}, "doc.type must be user"),
        ({"name": ""}, "doc.name is required"),
        ({"name": None}, "doc.name is required"),
        ({"roles": None}, "doc.roles must exist"),
        ({"roles": "a"}, "doc.roles must be an array"),
        ({"roles": {}}, "doc.roles must be an array"),
        ({"roles": ["a", 1]}, "doc.roles can only contain strings"),
        ({"name": "bob"}, "Doc ID must be of the form org.couchdb.user:name"),
        ({"name": ["anna"]}, "Doc ID must be of the form org.couchdb.user:name"),
        (
            {"password_sha": "x"},
            "Users with password_sha must have a salt.See /_utils/script/couch.js for example code.",
        ),
        ({"password_scheme": "md5"}, "Password scheme `md5` not supported."),
        ({"password_scheme": [1]}, "Password scheme `[1]` not supported."),
        (PBKDF2 | {"iterations": "1"}, "iterations must be a number."),
        (PBKDF2 | {"iterations": True}, "iterations must be a number."),
        (PBKDF2 | {"derived_key": None}, "derived_key must be a string."),
        ({"roles": ["_admin"]}, "No system roles (starting with underscore) in users db."),
        ({"_id": "org.couchdb.user:_x", "name": "_x"}, "Username may not start with underscore."),
        ({"_id": "org.couchdb.user:a:b", "name": "a:b"}, "Character `:` is not allowed in usernames."),
    ],
)
def test_a_user_against_the_rules_is_forbidden_even_to_an_admin(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Forbidden) as caught:
        validate_user_doc(doc(**fields), None, ADMIN, USERS)
    assert caught.value.reason == reason


@pytest.mark.parametrize("ctx", [ADMIN, *DB_ADMINS])
def test_admins_may_set_roles_and_change_anyone(ctx: UserCtx) -> None:
    validate_user_doc(doc(roles=["staff", "_metrics", ""]), None, ctx, USERS)
    validate_user_doc(doc(roles=["staff"], **PBKDF2), doc(), ctx, USERS)


def test_anyone_may_sign_up_without_roles() -> None:
    validate_user_doc(doc(), None, ANONYMOUS, USERS)
    with pytest.raises(Forbidden, match="Only _admin may set roles"):
        validate_user_doc(doc(roles=["staff"]), None, ANONYMOUS, USERS)


def test_a_user_may_change_their_own_document_but_for_name_and_roles() -> None:
    old = doc(roles=["a", "b"])
    validate_user_doc(doc(roles=["b", "a"], email="x"), old, ANNA, USERS)
    for roles in (["a"], ["a", "b", "c"], ["a", "c"]):
        with pytest.raises(Forbidden, match="Only _admin may edit roles"):
            validate_user_doc(doc(roles=roles), old, ANNA, USERS)
    for ctx in (BOB, ANONYMOUS):
        with pytest.raises(Forbidden, match=r"You may only update your own user document\.$"):
            validate_user_doc(doc(), doc(), ctx, USERS)
    with pytest.raises(Forbidden, match=r"Usernames can not be changed\.$"):
        validate_user_doc(doc(), doc(name="other"), ADMIN, USERS)


@pytest.mark.parametrize("ctx", [ADMIN, ANNA])
def test_admins_and_the_owner_may_delete_a_user(ctx: UserCtx) -> None:
    validate_user_doc({"_id": ANNA_ID, "_deleted": True}, doc(), ctx, USERS)


@pytest.mark.parametrize("ctx", [BOB, ANONYMOUS, *DB_ADMINS])
@pytest.mark.parametrize("old", [doc(), None, {"_id": ANNA_ID}])
def test_nobody_else_may_delete_a_user(ctx: UserCtx, old: dict[str, Any] | None) -> None:
    with pytest.raises(Forbidden, match=r"Only admins may delete other user docs\.$"):
        validate_user_doc({"_id": ANNA_ID, "_deleted": True}, old, ctx, USERS)


@pytest.mark.parametrize("ctx", [ANNA, ANONYMOUS])
def test_who_is_no_admin_can_t_make_a_password_slower_to_check_than_the_server_s_own(ctx: UserCtx) -> None:
    for old in (None, doc(), doc(iterations=2)):
        check_iterations(doc(), old, ctx, USERS, AUTH)
        check_iterations(doc(iterations=2), old, ctx, USERS, AUTH)
        with pytest.raises(Forbidden, match=r"Iteration count is too high for this server$"):
            check_iterations(doc(iterations=3), old, ctx, USERS, AUTH)


def test_what_an_admin_or_former_settings_made_slow_may_stay_so() -> None:
    check_iterations(doc(iterations=3), doc(iterations=3), ANNA, USERS, AUTH)
    for ctx in (ADMIN, *DB_ADMINS):
        check_iterations(doc(iterations=3), None, ctx, USERS, AUTH)


values = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=4) | st.lists(st.text(max_size=3))
fields = st.sampled_from(
    ["_id", "_deleted", "type", "name", "roles", "password_scheme", "iterations", "derived_key", "salt"]
)
anything = st.dictionaries(fields, values | st.sampled_from([ANNA_ID, "user", "anna", "pbkdf2"]))


@given(anything, st.none() | anything, st.sampled_from([ADMIN, ANNA, BOB, ANONYMOUS]))
def test_any_document_is_accepted_or_forbidden(
    new: dict[str, Any], old: dict[str, Any] | None, ctx: UserCtx
) -> None:
    security: Security = USERS
    try:
        validate_user_doc(new, old, ctx, security)
    except CouchgrassError as refusal:
        assert refusal.status == 403


@pytest.mark.parametrize(
    ("settings", "iterations"),
    [({}, 1000), ({"min_iterations": 5000}, 5000), ({"iterations": 9}, 9)],
)
def test_a_password_drawn_by_lot_is_quick_to_check_where_the_settings_allow_it(
    settings: dict[str, int], iterations: int
) -> None:
    auth = ChttpdAuth(**settings)  # type: ignore[arg-type]
    credentials = admin_credentials(hash_generated("x" * 32, "salt", auth))
    assert credentials is not None
    assert credentials["iterations"] == iterations
    assert verify_password("x" * 32, credentials, auth)
