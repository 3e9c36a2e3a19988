"""`couchgrass.toml` as values, and what is said about mistakes in it."""

from __future__ import annotations

import pytest

from couchgrass.region.config import ConfigRefused
from couchgrass.topology.config import Policy, Shape, Topology, parse_topology

WHOLE = """\
[regions.london]
coordinates = [51.5, -0.1]
[regions.london.database]
port = 5984

[regions.dallas]
location = "Dallas, US"
data = "dallas-data"
database.port = 5994
functions.port = 3243
gateway.port = 3244
agent.port = 3245

[[databases]]
match = "todos*"

[[apps]]
folder = "app"

[balancer]
location = "Paris"
policy = "geo"
"""
TWO = WHOLE.partition("[[databases]]")[0]
"""13 lines."""


def parsed(text: str) -> Topology:
    return parse_topology(text, "/srv/app", "couchgrass.toml")


def test_a_file_is_read_whole() -> None:
    topology = parsed(WHOLE)
    assert topology.names == ("london", "dallas")
    assert topology.region("london").data == "/srv/app/london"
    assert topology.region("dallas").data == "/srv/app/dallas-data"
    assert topology.databases[0].shape is Shape.MESH
    assert topology.apps[0].folder == "/srv/app/app"
    assert topology.balancer is not None
    assert topology.balancer.policy is Policy.GEO
    assert topology.balancer.data == "/srv/app/balancer"
    with pytest.raises(KeyError):
        topology.region("paris")


def test_regions_are_in_the_files_order() -> None:
    assert parsed("[regions.b]\n[regions.c]\ndatabase.port = 0\nfunctions.port = 0\ngateway.port = 0\n"
                  "agent.port = 0\n").names == ("b", "c")  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '[[databases]]\nmatch = "a*"\nshape = "hub"\nhub = "dallas"',
        '[[databases]]\nmatch = "a"\nshape = "ring"\nregions = ["dallas", "london"]',
        '[[databases]]\nmatch = "*"\nsource = "london"',
        '[balancer]\npolicy = "weighted"\n[balancer.weights]\nlondon = 0\ndallas = 3',
        '[balancer]\npolicy = "weighted"',
        '[balancer]\nhostname = "*.todo.example.org"\ntls = {certificate = "c.pem", key = "k.pem"}',
        '[[apps]]\nfolder = "a"\nnamespace = "me@example.org_dev"\naccount = "todo"\nregions = ["london"]',
        '[[apps]]\nfolder = "a"\n[[apps]]\nfolder = "a"\nnamespace = "other"',
    ],
)
def test_what_makes_sense_is_taken(text: str) -> None:
    assert parsed(TWO + text).names == ("london", "dallas")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[balancr]", "14: balancr: there is no such key; did you mean balancer?"),
        ("[balancer]\nprot = 1", "15: balancer.prot: there is no such key; did you mean port?"),
        ("[balancer]\ntls = {certificate = 'c', kee = 'k'}", "15: balancer.tls.kee: there is no such key"),
        ("[balancer]\ntls = {certificate = 'c'}", "15: balancer.tls: has no key"),
        ("[balancer]\n[balancer.tls]\nkey = 'k'", "15: balancer.tls: has no certificate"),
        ("[balancer]\nport = 70000", "15: balancer.port: must be a whole number <= 65535"),
        ("[balancer]\npolicy = 'fastest'", "15: balancer.policy: there is no fastest; there are failover"),
        ("[balancer]\nprobe_ms = nan", "15: balancer.probe_ms: must be a whole number, not inf or nan"),
        ("[balancer]\nhostname = 'a b'", "15: balancer.hostname: no name of a host"),
        ("[balancer]\ncoordinates = [51, 1000]", "15: balancer.coordinates.1: must be a number <= 180"),
        ("[[databases]]\nmatch = 'a'\n[[databases]]\nmach = 'b'", "17: databases.1.mach: there is no such k"),
        ("[[databases]]\nmatch = 'a'\n[[databases]]\nmatch = 7", "17: databases.1.match: must be text"),
        ("[[databases]]\nshape = 'ring'", "14: databases.0: has no match"),
        ("[[databases]]\nmatch = 'a'\nshape = 'star'", "16: databases.0.shape: there is no star; there are "),
        ("[[databases]]\nmatch = 'todo?'", "15: databases.0.match: todo?: no name of a database"),
        ("[[databases]]\nmatch = '_users'", "15: databases.0.match: _users: databases that begin with _ are"),
        ("[[databases]]\nmatch = 'whisk_*'", "15: databases.0.match: whisk_*: databases that begin with whi"),
        ("[[databases]]\nmatch = 'a'\n[[databases]]\nmatch = 'a'", "17: databases.1.match: a stands there t"),
        ("[[databases]]\nmatch = 'a'\nshape = 'hub'", "16: databases.0.shape: a hub needs the region"),
        ("[[databases]]\nmatch = 'a'\nhub = 'london'", "16: databases.0.hub: is for shape = "),
        (
            "[[databases]]\nmatch = 'a'\nshape = 'hub'\nhub = 'dalas'",
            "17: databases.0.hub: there is no region dalas; did you mean dallas?",
        ),
        ("[[databases]]\nmatch = 'a'\nsource = 'x'", "16: databases.0.source: there is no region x; there i"),
        ("[[databases]]\nmatch = 'a'\nregions = ['london']", "16: databases.0.regions: two at least"),
        (
            "[[databases]]\nmatch = 'a'\nregions = [\n'london',\n'paris']",
            "18: databases.0.regions.1: there is no region paris",
        ),
        ("[[databases]]\nmatch = 'a'\nregions = ['london', 'london']", "16: databases.0.regions.1: london s"),
        ("[[apps]]\nfolder = 'a'\nregions = ['paris']", "16: apps.0.regions.0: there is no region paris"),
        ("[[apps]]\nfolder = 'a'\naccount = 'a b'", "16: apps.0.account: no name"),
        ("[[apps]]\nfolder = 'a'\nnamespace = '/'", "16: apps.0.namespace: no name"),
        ("[[apps]]\nfolder = 'a'\npages = {folder = ''}", "16: apps.0.pages.folder: is empty"),
        ("[[apps]]\nfolder = 'a'\npages = {folder = 'w', path = '/x'}", "16: apps.0.pages.path: /x: a p"),
        ("[[apps]]\nfolder = 'a'\npages = {folder = 'w', csp = 'ä'}", "16: apps.0.pages.csp: a policy"),
        (
            "[[apps]]\nfolder = 'a'\npages = {folder = 'w'}\n[[apps]]\nfolder = 'b'\npages = {folder = 'w'}",
            "19: apps.1.pages.path: the pages of /srv/app/a are at / already",
        ),
        ("[[apps]]\nfolder = 'a'\npages = 'w'", "16: apps.0.pages: "),
        ("[[apps]]\nfolder = 'a'\n[[apps]]\nfolder = 'a'", "17: apps.1.folder: /srv/app/a is deployed to gu"),
        ("[balancer]\n[balancer.weights]\nlondon = -1", "16: balancer.weights.london: must be a whole numbe"),
        ("[balancer]\nweights = {london = 1}", "15: balancer.weights: are for policy = "),
        (
            "[balancer]\npolicy = 'weighted'\n[balancer.weights]\nlondn = 1",
            "17: balancer.weights.londn: there is no region londn; did you mean london?",
        ),
        ("[balancer]\npolicy = 'weighted'\nweights = {london = 0, dallas = 0}", "16: balancer.weights: all "),
        ("[balancer]\npolicy = 'geo'", "14: balancer.coordinates: it is not said where this is"),
        ("[balancer]\npolicy = 'geo'\nlocation = 'moon'", "16: balancer.location: nobody knows where moon i"),
        ("[balancer]\nport = 5994", "15: balancer.port: 5994 is the port of the database of dallas too"),
        ("[balancer]\nport = 1\nmetrics_port = 1", "16: balancer.metrics_port: 1 is the port of the balance"),
        ("[balancer]\ndata = 'london/b'", "15: balancer.data: lies in the data folder of region london"),
        ("[regions.paris]\ndata = 'x'", "14: regions.paris.database.port: 5984 is the port of the database "),
        ("[regions.'a b']", '14: regions."a b": a region\'s name must begin with a letter or digit'),
        ("[regions.paris]\nname = 'x'", "15: regions.paris.name: the table's name is the region's"),
        ("[regions.paris.gateway]\nprot = 1", "15: regions.paris.gateway.prot: there is no such key; did yo"),
        ("[regions]\nparis = 7", "15: regions.paris: must be a table"),
        ("[regions.paris.functions]\nurl = 'https://a'", "15: regions.paris.functions.url: needs the url of"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_line_and_key(text: str, said: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        parsed(TWO + text)
    assert refused.value.reason.startswith(f"couchgrass.toml:{said}")


def test_no_region_is_refused() -> None:
    with pytest.raises(ConfigRefused, match=r"couchgrass.toml:1: regions: there is no region"):
        parsed("[balancer]\n")


def test_there_are_not_too_many_regions() -> None:
    with pytest.raises(ConfigRefused, match="33 are too many: 32 at the most"):
        parsed("".join(f"[regions.r{number}]\n" for number in range(33)))


def test_a_fleet_may_have_the_same_ports_everywhere() -> None:
    text = ""
    for name in ("london", "dallas"):
        text += f'[regions.{name}]\ndata = "/srv/couchgrass"\naddresses = ["{name}.example.org"]\n'
    assert parsed(text + "[balancer]\nport = 3233\n").names == ("london", "dallas")
