"""The typed settings: defaults, text to value, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.cors import CorsPolicy
from couchgrass.docdb.settings import Chttpd, ChttpdAuth, Settings, check_value, snapshot
from couchgrass.errors import BadRequest


def test_without_any_text_everything_has_couchdbs_default() -> None:
    settings = snapshot({})
    assert settings == Settings()
    assert settings.couchdb.max_document_size == 8_000_000
    assert settings.couchdb.max_attachment_size == 1_073_741_824
    assert settings.chttpd.max_http_request_size == 4_294_967_296
    assert settings.couchdb.default_security == "admin_only"
    assert settings.chttpd_auth.iterations == 600_000
    assert settings.chttpd_auth.hash_algorithms == ("sha256", "sha")
    assert settings.uuids.algorithm == "sequential"
    assert not settings.cors.enabled


def test_text_becomes_values_of_the_keys_type() -> None:
    settings = snapshot(
        {
            "chttpd": {"port": "80", "require_valid_user": "true"},
            "attachments": {"compression_level": "0", "compressible_types": "text/* ,image/svg+xml"},
            "chttpd_auth": {"same_site": "strict"},
        }
    )
    assert settings.chttpd.port == 80
    assert settings.chttpd.require_valid_user is True
    assert settings.attachments.compression_level == 0
    assert settings.attachments.compressible_types == ("text/*", "image/svg+xml")
    assert settings.chttpd_auth.same_site == "strict"


def test_infinity_is_no_limit() -> None:
    settings = snapshot({"couchdb": {"max_attachment_size": "infinity", "max_document_id_length": "512"}})
    assert settings.couchdb.max_attachment_size is None
    assert settings.couchdb.max_document_id_length == 512


def test_an_empty_value_stands_for_the_default() -> None:
    assert snapshot({"couchdb": {"max_document_size": ""}}) == Settings()
    check_value("couchdb", "max_document_size", "")


def test_a_key_is_also_found_in_the_section_that_it_moved_from() -> None:
    settings = snapshot({"httpd": {"enable_cors": "true"}, "couch_httpd_auth": {"timeout": "30"}})
    assert settings.chttpd.enable_cors
    assert settings.cors.enabled
    assert settings.chttpd_auth.timeout == 30


def test_the_section_that_a_key_moved_to_wins() -> None:
    settings = snapshot({"chttpd_auth": {"timeout": "60"}, "couch_httpd_auth": {"timeout": "30"}})
    assert settings.chttpd_auth.timeout == 60


def test_the_backend_ports_settings_are_not_the_servers() -> None:
    assert snapshot({"httpd": {"port": "5986", "bind_address": "10.0.0.1"}}).chttpd == Chttpd()


def test_authentication_handlers_are_read_from_erlang_tuples_in_order() -> None:
    text = "{chttpd_auth, jwt_authentication_handler}, {couch_httpd_auth,cookie_authentication_handler}"
    settings = snapshot({"chttpd": {"authentication_handlers": text}})
    assert settings.chttpd.authentication_handlers == ("jwt", "cookie")


def test_required_claims_have_a_name_and_maybe_a_value() -> None:
    settings = snapshot({"jwt_auth": {"required_claims": 'exp, {iss, "My, Company"},nbf'}})
    assert settings.jwt_auth.required_claims == (("exp", None), ("iss", "My, Company"), ("nbf", None))


def test_password_patterns_are_strings_or_pairs_with_a_reason() -> None:
    text = r'[{".{10,}", "at least \"10\""}, "\\d+"]'
    settings = snapshot({"chttpd_auth": {"password_regexp": text}})
    assert settings.chttpd_auth.password_regexp == ((".{10,}", 'at least "10"'), (r"\d+", ""))
    assert snapshot({"chttpd_auth": {"password_regexp": "[]"}}).chttpd_auth == ChttpdAuth()


def test_a_hosts_cors_section_replaces_single_keys() -> None:
    settings = snapshot(
        {
            "cors": {"origins": "https://a.example", "credentials": "true", "headers": "X-One, x-two"},
            "cors:b.example": {"origins": "*", "max_age": "5"},
        }
    )
    assert settings.cors.policy.headers == ("x-one", "x-two")
    assert settings.cors.hosts["b.example"] == CorsPolicy(
        origins=("*",), credentials=True, headers=("x-one", "x-two"), max_age=5
    )


def test_sections_of_free_keys_are_taken_as_they_are() -> None:
    settings = snapshot(
        {"admins": {"anna": "-pbkdf2-x"}, "jwt_keys": {"hmac:a=": "c2"}, "vendor": {"name": "V"}}
    )
    assert settings.admins == {"anna": "-pbkdf2-x"}
    assert settings.jwt_keys == {"hmac:a=": "c2"}
    assert settings.vendor == {"name": "V"}


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("couchdb", "max_document_size", "8MB"),
        ("couchdb", "max_document_size", "-1"),
        ("couchdb", "max_document_size", "1.0"),
        ("couchdb", "max_document_size", "1e3"),
        ("couchdb", "max_document_size", "1_000"),
        ("couchdb", "max_document_size", "infinity"),
        ("couchdb", "max_document_size", "9" * 400),
        ("couchdb", "max_attachment_size", "null"),
        ("couchdb", "default_security", "nobody"),
        ("chttpd", "port", "65536"),
        ("chttpd", "require_valid_user", "yes"),
        ("chttpd", "authentication_handlers", "{chttpd_auth, magic_authentication_handler}"),
        ("chttpd", "authentication_handlers", "cookie"),
        ("httpd", "enable_cors", "1"),
        ("couch_httpd_auth", "timeout", "x"),
        ("chttpd_auth", "password_regexp", '["("]'),
        ("chttpd_auth", "password_regexp", '".+"'),
        ("chttpd_auth", "password_regexp", '[".+" ".+"]'),
        ("jwt_auth", "required_claims", "{iss}"),
        ("attachments", "compression_level", "10"),
        ("uuids", "algorithm", "magic"),
        ("cors", "max_age", "long"),
        ("cors:a.example", "credentials", "perhaps"),
    ],
)
def test_a_value_that_a_key_cant_take_is_refused_by_name(section: str, key: str, value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_value(section, key, value)
    assert f"[{section}] {key}" in refused.value.reason
    with pytest.raises(BadRequest):
        snapshot({section: {key: value}})


@pytest.mark.parametrize(
    ("section", "key"), [("couchdb", "os_process_timeout"), ("smoosh", "persist"), ("httpd", "port")]
)
def test_a_key_without_effect_takes_anything(section: str, key: str) -> None:
    check_value(section, key, "whatever, {really}")
    assert snapshot({section: {key: "whatever, {really}"}}) == Settings()


@given(
    st.dictionaries(
        st.sampled_from(["chttpd", "couchdb", "jwt_auth", "chttpd_auth", "cors:x"]),
        st.dictionaries(
            st.sampled_from(["port", "uuid", "required_claims", "timeout", "origins"]), st.text()
        ),
    )
)
def test_any_text_is_taken_or_refused(sections: dict[str, dict[str, str]]) -> None:
    try:
        snapshot(sections)
    except BadRequest as refused:
        assert refused.reason


def test_no_value_shows_in_a_log_or_traceback() -> None:
    settings = snapshot({"chttpd_auth": {"secret": "hush"}, "admins": {"anna": "hash"}})
    assert "hush" not in f"{settings!r} {settings.chttpd_auth!r} {settings}"
    assert "hash" not in repr(settings)
    assert settings.__rich_repr__() == []


def test_the_replicators_settings_are_typed_and_refused_like_others() -> None:
    assert snapshot({}).replicator.max_jobs == 2000
    text = {"max_jobs": "7", "verify_ssl_certificates": "false", "valid_endpoint_protocols": "HTTPS, http"}
    found = snapshot({"replicator": {**text, "password": "x"}}).replicator
    assert (found.max_jobs, found.verify_ssl_certificates) == (7, False)
    assert found.valid_endpoint_protocols == ("https", "http")
    for key, value in (("max_jobs", "0"), ("interval", "soon"), ("use_checkpoints", "yes")):
        with pytest.raises(BadRequest, match=key):
            check_value("replicator", key, value)
