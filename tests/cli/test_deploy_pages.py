"""Where an app is, of the file with all regions: for its pages, and for who signs in at them."""

from __future__ import annotations

from couchgrass.cli.deploy_pages import around_of, redirects_of
from couchgrass.deploy.site import Around, Located
from couchgrass.topology.config import parse_topology

FILE = """
[regions.london]
location = "London, GB"
gateway.port = 3234
{london}
[regions.dallas]
coordinates = [32.8, -96.8]
database.port = 5994
functions.port = 3243
agent.port = 3245
gateway.port = 3244
gateway.public_url = "https://dallas.example.org"
{dallas}
[[apps]]
folder = "app"
namespace = "shop"
[balancer]
hostname = "shop.example.org"
"""
IN_FRONT = "gateway.default_namespace = 'shop'"


def around(london: str = "", dallas: str = "") -> Around:
    topology = parse_topology(FILE.format(london=london, dallas=dallas), "/srv", "couchgrass.toml")
    return around_of(topology, topology.apps[0])


def test_regions_are_where_the_file_says_and_an_apis_path_is_good_in_all() -> None:
    found = around(IN_FRONT)
    assert found.regions == (
        Located("london", "London, GB", (51.51, -0.13), "http://127.0.0.1:3234"),
        Located("dallas", "", (32.8, -96.8), "https://dallas.example.org"),
    )
    assert (found.balancer, found.prefix, found.issuer) == ("http://shop.example.org:8080", "/api/shop", "")
    assert around(IN_FRONT, IN_FRONT).prefix == ""


def test_the_issuer_is_that_of_the_first_region_with_sign_in() -> None:
    assert around(dallas="identity.enabled = true").issuer == "https://dallas.example.org"
    issuer = "identity = { enabled = true, issuer = 'https://id.example.org/' }"
    assert around(issuer, "identity.enabled = true").issuer == "https://id.example.org"


def test_people_sign_in_by_https_or_on_this_machine() -> None:
    redirects, warnings = redirects_of(around(), "/shop/")
    assert redirects == (
        "http://127.0.0.1/shop/",
        "http://localhost/shop/",
        "https://dallas.example.org/shop/",
    )
    assert warnings == (
        "nobody can sign in at http://shop.example.org:8080/shop/: that takes https, or this machine",
    )
