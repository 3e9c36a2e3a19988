"""The settings as text: layers, the ini dialect, the answers of `_config`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from couchgrass.docdb.config import (
    Config,
    IniError,
    complete,
    concealed,
    delete,
    effective,
    hash_admins,
    parse_ini,
    put,
    reload,
    render_ini,
    section_values,
    value,
)
from couchgrass.errors import BadRequest, Forbidden, NotFound


def hashed(password: str) -> str:
    return f"-pbkdf2:sha256-{password.encode().hex()},salt,1"


def put_text(
    config: Config, section: str, key: str, body: object, persist: bool = True
) -> tuple[Config, str]:
    return put(config, section, key, body, persist=persist, hash_password=hashed)


def test_put_answers_the_old_value_or_nothing() -> None:
    config, old = put_text(Config(), "log", "level", "debug")
    assert old == ""
    config, old = put_text(config, "log", "level", "info")
    assert old == "debug"
    assert value(config, "log", "level") == "info"


def test_put_trims_the_value() -> None:
    config, _ = put_text(Config(), "log", "level", " debug\n")
    assert value(config, "log", "level") == "debug"


def test_put_persists_unless_told_not_to() -> None:
    config, _ = put_text(Config(), "log", "level", "debug")
    assert config.overlay == {"log": {"level": "debug"}}
    config, _ = put_text(config, "log", "level", "info", persist=False)
    assert config.overlay == {"log": {"level": "debug"}}
    assert value(config, "log", "level") == "info"
    config, _ = put_text(config, "log", "level", "none")
    assert value(config, "log", "level") == "none"


def test_delete_uncovers_what_the_operator_wrote() -> None:
    config = Config(base={"log": {"level": "none"}}, overlay={"log": {"level": "debug"}})
    config, old = delete(config, "log", "level", persist=True)
    assert old == "debug"
    assert value(config, "log", "level") == "none"
    assert render_ini(config.overlay) == ""


def test_delete_that_is_not_persisted_uncovers_what_is_on_disk() -> None:
    config = Config(overlay={"log": {"level": "debug"}}, volatile={"log": {"level": "info"}})
    config, old = delete(config, "log", "level", persist=False)
    assert old == "info"
    assert value(config, "log", "level") == "debug"


def test_an_unknown_value_is_not_found() -> None:
    with pytest.raises(NotFound) as missing:
        value(Config(), "log", "level")
    assert missing.value.reason == "unknown_config_value"
    with pytest.raises(NotFound):
        delete(Config(), "log", "level", persist=True)


def test_an_unknown_section_is_empty() -> None:
    assert section_values(Config(), "nothing") == {}


def test_all_settings_are_shown_sorted_with_the_upper_layer_winning() -> None:
    config = Config(
        base={"b": {"y": "1", "x": "1"}, "a": {"k": "1"}},
        overlay={"b": {"x": "2"}},
        volatile={"c": {"z": "3"}},
    )
    assert list(effective(config).items()) == [
        ("a", {"k": "1"}),
        ("b", {"x": "2", "y": "1"}),
        ("c", {"z": "3"}),
    ]


def test_reload_drops_what_was_not_persisted() -> None:
    config = Config(volatile={"log": {"level": "debug"}})
    assert reload(config, base={"a": {"k": "1"}}, overlay={}) == Config(base={"a": {"k": "1"}})


def test_a_setting_without_effect_is_stored() -> None:
    config, _ = put_text(Config(), "smoosh", "persist", "true")
    assert value(config, "smoosh", "persist") == "true"


@pytest.mark.parametrize("body", [1, None, True, ["x"], {"a": "b"}])
def test_only_a_string_can_be_put(body: object) -> None:
    with pytest.raises(BadRequest, match="a JSON string expected"):
        put_text(Config(), "log", "level", body)


def test_a_value_that_the_key_cant_take_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"\[couchdb\] max_document_size"):
        put_text(Config(), "couchdb", "max_document_size", "many")


@pytest.mark.parametrize("section", ["feature_flags", "query_servers", "native_query_servers", "daemons"])
def test_sections_that_name_code_cant_be_changed(section: str) -> None:
    with pytest.raises(Forbidden, match="blacklisted"):
        put_text(Config(), section, "k", "v")
    with pytest.raises(Forbidden, match="blacklisted"):
        delete(Config(base={section: {"k": "v"}}), section, "k", persist=True)


@pytest.mark.parametrize(
    ("section", "key", "text", "what"),
    [
        ("s]\nk = v\n[t", "k", "v", "section"),
        ("s[", "k", "v", "section"),
        ("", "k", "v", "section"),
        ("s ;x", "k", "v", "section"),
        ("s", "k\n", "v", "key"),
        ("s", "k]", "v", "key"),
        ("s", " k", "v", "key"),
        ("s", "a = b", "v", "key"),
        ("s", ";k", "v", "key"),
        ("s", "k", "a\nb", "value"),
        ("s", "k", "a\x00b", "value"),
        ("s", "k", "a ; b", "value"),
        ("s", "k", "; b", "value"),
    ],
)
def test_text_that_cant_stand_in_the_file_is_refused(section: str, key: str, text: str, what: str) -> None:
    with pytest.raises(BadRequest, match=f"Invalid configuration {what}"):
        put_text(Config(), section, key, text)


@given(st.text(min_size=1), st.text(min_size=1), st.text())
def test_what_is_accepted_comes_back_from_the_file(section: str, key: str, text: str) -> None:
    try:
        config, _ = put_text(Config(), section, key, text)
    except (BadRequest, Forbidden):
        return
    entries = [entry[1:] for entry in parse_ini(render_ini(config.overlay))]
    stored = value(config, section, key)
    assert entries == ([(section, key, stored)] if stored else [])


def test_an_admins_password_is_hashed_before_it_is_stored() -> None:
    config, old = put_text(Config(), "admins", "anna", "pass ; word")
    assert old == ""
    assert value(config, "admins", "anna") == hashed("pass ; word")


@pytest.mark.parametrize("text", ["-hashed-x,y", "-pbkdf2-x,y,10", "-pbkdf2:sha512-x,y,10"])
def test_a_hashed_password_is_stored_as_it_is(text: str) -> None:
    config, _ = put_text(Config(), "admins", "anna", text)
    assert value(config, "admins", "anna") == text


def test_an_admin_needs_a_password() -> None:
    with pytest.raises(BadRequest):
        put_text(Config(), "admins", "anna", " ")


def test_the_operators_plain_passwords_are_hashed_in_the_servers_own_layer() -> None:
    config = hash_admins(Config(base={"admins": {"anna": "secret", "bob": "-hashed-x,y"}}), hashed)
    assert config.overlay == {"admins": {"anna": hashed("secret")}}
    assert hash_admins(config, hashed) == config


def test_a_start_fills_in_what_is_missing_and_only_that() -> None:
    first = complete(Config(base={"admins": {"a": "p"}}), uuid="u1", secret="s1", hash_password=hashed)
    assert first.overlay == {
        "couchdb": {"uuid": "u1"},
        "chttpd_auth": {"secret": "s1"},
        "admins": {"a": hashed("p")},
    }
    assert complete(first, uuid="u2", secret="s2", hash_password=hashed) == first
    legacy = Config(base={"couch_httpd_auth": {"secret": "s0"}, "couchdb": {"uuid": "u0"}})
    assert complete(legacy, uuid="u1", secret="s1", hash_password=hashed) == legacy


def test_logs_show_no_secret() -> None:
    for section, key in (
        ("admins", "anna"),
        ("jwt_keys", "hmac:a"),
        ("chttpd_auth", "secret"),
        ("ssl", "password"),
    ):
        assert concealed(section, key, "hush") == "'****'"
    assert concealed("log", "level", "info") == "info"
    assert "hush" not in repr(Config(overlay={"chttpd_auth": {"secret": "hush"}}))
    assert Config().__rich_repr__() == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[s]\nk=v", [("s", "k", "v")]),
        ("\r\n[s]\r\n\r\nk  =  v  \r\n", [("s", "k", "v")]),
        ("[s]\nk = v ; comment", [("s", "k", "v")]),
        ("[s]\nk = v\t; comment", [("s", "k", "v")]),
        ("[s]\n ; comment\n;k = v\n", []),
        ("[s]\nk = v1;v2", [("s", "k", "v1;v2")]),
        ("[s]\nk =;v", [("s", "k", ";v")]),
        ("[s]\nk =\nl = ; nothing", []),
        ("[s]\nk==v", [("s", "k", "=v")]),
        ("[s]\nrsa:a= = v", [("s", "rsa:a=", "v")]),
        ("[s]\nk=a = b", [("s", "k=a", "b")]),
        ("[cors:a.example]\nk=v\n[t]\nk=w", [("cors:a.example", "k", "v"), ("t", "k", "w")]),
    ],
)
def test_the_dialect_is_couchdbs(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [entry[1:] for entry in parse_ini(text)] == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("[s]\nk", 2), ("k = v", 1), ("[s", 1), ("[]", 1), ("[s] x", 1), ("[s]\n\n= v", 3), ("\n[a]b]", 2)],
)
def test_a_line_that_is_not_understood_is_named(text: str, line: int) -> None:
    with pytest.raises(IniError) as bad:
        list(parse_ini(text))
    assert bad.value.line == line


def test_entries_know_their_line() -> None:
    assert [entry.line for entry in parse_ini("; c\n[s]\na=1\n\nb=2")] == [3, 5]
