"""A region's file: its defaults, and what is said about mistakes in it."""

from __future__ import annotations

import pytest

from couchgrass.gateway.forward import TRUSTED, Trust
from couchgrass.region.config import (
    EXAMPLE,
    ConfigRefused,
    Dashboard,
    Region,
    Where,
    parse_region,
    parse_toml,
    region_of,
)
from couchgrass.region.toml_lines import key_lines


def parsed(text: str) -> Region:
    return parse_region(text, "/srv/app", "region.toml")


def test_an_empty_file_is_a_region() -> None:
    region = parsed("")
    assert region.name == "local"
    assert region.data == "/srv/app/couchgrass-data"
    assert (region.database.port, region.functions.port, region.gateway.port) == (5984, 3233, 3234)
    assert {region.database.host, region.functions.host, region.gateway.host} == {"127.0.0.1"}


def test_the_example_says_the_defaults() -> None:
    assert parsed(EXAMPLE) == parsed("")


def test_images_are_named_as_registries_name_them() -> None:
    for image in ("ruby", "me/ruby:1.2_a", "host:80/me/ruby:1", "me/ruby@sha256:ab"):
        text = f'[functions.images]\n"{image}" = "http://127.0.0.1:1"'
        assert parsed(text).functions.images == {image: "http://127.0.0.1:1"}


def test_who_is_believed_about_callers_is_this_machine_or_whom_the_file_names() -> None:
    assert parsed("").gateway.trusted_proxies == TRUSTED
    region = parsed('[gateway]\ntrusted_proxies = ["10.0.0.0/8", "fd00::1"]')
    trust = Trust(region.gateway.trusted_proxies)
    assert [client in trust for client in ("10.9.9.9", "fd00::1", "127.0.0.1", "11.0.0.1")] == [1, 1, 0, 0]


def test_paths_are_relative_to_the_file() -> None:
    region = parsed('data = "d"\n[database]\nurl = "https://c.example/"\ncredentials = "/etc/c.json"\n')
    assert region.data == "/srv/app/d"
    assert region.database.credentials == "/etc/c.json"
    assert region.database.url == "https://c.example"


def test_a_region_is_read_from_a_table_among_others() -> None:
    text = '[regions.london]\ndata = "l"\n[regions.london.gateway]\nport = 1\n[regions.dallas]\nnam = "x"\n'
    table, lines = parse_toml(text, "couchgrass.toml"), key_lines(text)
    london = region_of(
        table["regions"]["london"], "/a", Where("couchgrass.toml", lines, ("regions", "london"))
    )
    assert (london.data, london.gateway.port) == ("/a/l", 1)
    with pytest.raises(ConfigRefused) as refused:
        region_of(table["regions"]["dallas"], "/a", Where("couchgrass.toml", lines, ("regions", "dallas")))
    assert refused.value.reason == (
        "couchgrass.toml:6: regions.dallas.nam: there is no such key; did you mean name?"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nam = 1", "1: nam: there is no such key; did you mean name?"),
        ("\n[databse]\nport = 1", "2: databse: there is no such key; did you mean database?"),
        ("[gateway]\nhost = 'a'\nprot = 1", "3: gateway.prot: there is no such key; did you mean port?"),
        ("\n[regions.a]", "2: regions: the file has several regions: name one, as in region.toml#a"),
        ("[functions]\nurl = 'https://w'", "2: functions.url: needs the url of the gateway in front of it"),
        ("[functions]\nkey = 'k'", "2: functions.key: is for functions with a url"),
        ("[functions]\nurl = 'w'", "2: functions.url: no URL"),
        ("[gateway]\nurl = 'https://g'\nport = 1", "3: gateway.port: is of the gateway here, but"),
        ("coordinates = [91, 0]", "1: coordinates.0: must be a number <= 90"),
        ("[agent]\ncaught_up_s = inf", "2: agent.caught_up_s: must be a number, not inf or nan"),
        ("a = " + "[" * 2000 + "]" * 2000, "1: brackets stand in one another too deep"),
        ("[identity]\nzzz = 1", "2: identity.zzz: there is no such key; there are enabled, issuer"),
        ("functions = {limits = {concurrent = 1}}", "1: functions.limits.concurrent: "),
        ("\nname = 7", "2: name: must be text in quotes, not a whole number"),
        ('name = "a b"', "1: name: must begin with a letter or digit"),
        ("[gateway]\nport = 70000", "2: gateway.port: must be a whole number <= 65535"),
        ("[gateway]\n\nport = '1'", "3: gateway.port: must be a whole number, not text in quotes"),
        ("gateway = 1", "1: gateway: must be a table, not a whole number"),
        ("addresses = ['a', 1]", "1: addresses.1: must be text in quotes, not a whole number"),
        ("[gateway]\nport = 3233", "2: gateway.port: 3233 is the port of the functions too"),
        ("[functions]\nport = 5984", "2: functions.port: 5984 is the port of the database too"),
        ("[gateway]\nport = 5984", "2: gateway.port: 5984 is the port of the database too"),
        ("[database]\nport = 1\nurl = 'http://a'", "2: database.port: is of the embedded database"),
        (
            "[database]\ncredentials = 'c'",
            "2: database.credentials: is for a database with a url or a public_url",
        ),
        ("[database]\nurl = 'couch'", "2: database.url: no URL"),
        ("[database]\nurl = 'http://[a'", "2: database.url: no URL"),
        ("[database]\nurl = 'http://me:pw@a'", "2: database.url: has a name or password in it"),
        ("[functions.runtimes]\n'swift:5.3' = 'x'", '2: functions.runtimes."swift:5.3": no URL'),
        ("[functions.runtimes]\nswift = 'http://a'", "2: functions.runtimes.swift: no kind"),
        ("[functions.runtimes]\n'swift:5.3' = ''", '2: functions.runtimes."swift:5.3": no URL'),
        ("[functions.images]\n'me/ruby' = ''", '2: functions.images."me/ruby": no URL'),
        ("[functions.images]\n'Me Ruby' = 'http://a'", '2: functions.images."Me Ruby": no image'),
        ("[gateway]\npublic_url = 'a'", "2: gateway.public_url: no URL"),
        (
            "[gateway]\ntrusted_proxies = ['::1', '10.0.0.1/8']",
            "2: gateway.trusted_proxies.1: no network: it must look like 10.0.0.0/8",
        ),
        ("a = 1\nb = = 2", "2: no value"),
        ("a = 1\na = 2", "2: this key has a value already"),
        ("x = [1,\n2", "2: unclosed array"),
    ],
)
def test_a_mistake_is_told_with_line_and_key(text: str, said: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        parsed(text)
    assert refused.value.reason.startswith(f"region.toml:{said}")
    assert "pw" not in refused.value.reason


def test_a_dashboard_that_names_no_port_is_above_the_agent() -> None:
    assert parse_region("", "/", "f").dashboard.port == 3236
    assert parse_region("[agent]\nport = 0\n", "/", "f").dashboard.port == 0
    near = "[agent]\nport = 7000\n[gateway]\nport = 7001\n[dashboard]\nhost = '::1'\n"
    assert parse_region(near, "/", "f").dashboard == Dashboard("::1", 7002)
    assert parse_region("[dashboard]\nport = 5\n", "/", "f").dashboard.port == 5
    with pytest.raises(ConfigRefused, match=r"f:2: dashboard.port: 3235 is the port of the agent too"):
        parse_region("[dashboard]\nport = 3235\n", "/", "f")
    with pytest.raises(ConfigRefused, match=r"f:2: dashboard.public_url: no URL"):
        parse_region("[dashboard]\npublic_url = 'here'\n", "/", "f")
