"""The metrics of a region are one text that Prometheus reads, whatever its parts say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from couchgrass.agent.metrics import AGENT, Disk, Gathering, failed_family, own_families
from couchgrass.agent.seen import Health, Link
from couchgrass.errors import BadRequest
from couchgrass.exposition import Family, Sample, Spread, exposition

WELL = Health("london", True, False, "a.1", True, True, False)


def read(gathering: Gathering) -> dict[str, tuple[str, list[tuple[str, dict[str, str], float]]]]:
    """By metric: its type, and its samples."""
    found = list(text_string_to_metric_families(gathering.text()))
    assert len({family.name for family in found}) == len(found), "each metric comes once"
    return {
        family.name: (family.type, [(one.name, one.labels, one.value) for one in family.samples])
        for family in found
    }


def test_samples_of_one_metric_come_together_under_one_type_with_region_and_part() -> None:
    gathering = Gathering("london")
    gathering.add("database", '# HELP up is it\n# TYPE up gauge\nup 1\nother{a="x"} 2 1700000000\n')
    gathering.add("gateway", "# TYPE up gauge\n\nup 0\n")
    assert read(gathering) == {
        "up": (
            "gauge",
            [
                ("up", {"region": "london", "part": "database"}, 1),
                ("up", {"region": "london", "part": "gateway"}, 0),
            ],
        ),
        "other": ("unknown", [("other", {"region": "london", "part": "database", "a": "x"}, 2)]),
    }


def test_what_a_part_calls_its_region_is_kept_under_another_name() -> None:
    gathering = Gathering("london")
    gathering.add("database", 'up{part="disk",region="a,b=\\"c\\"}"} 1\n')
    ((_, labels, _),) = read(gathering)["up"][1]
    assert labels == {
        "region": "london",
        "part": "database",
        "exported_part": "disk",
        "exported_region": 'a,b="c"}',
    }


def test_a_histogram_stays_one() -> None:
    spread = Spread()
    spread.add(0.2)
    gathering = Gathering("london")
    for part in ("functions", "gateway"):
        gathering.add_families(part, [Family("took", "histogram", "how long", spread.samples())])
    kind, samples = read(gathering)["took"]
    assert kind == "histogram"
    assert sum(value for name, _, value in samples if name == "took_count") == 2


@pytest.mark.parametrize("text", ["<html>", "up", "up{a=1} 1", 'up{a="1"', "up one", 'up{a="1" b="2"} 1'])
def test_of_a_part_that_says_something_else_nothing_is_taken(text: str) -> None:
    gathering = Gathering("london")
    with pytest.raises(BadRequest):
        gathering.add("database", f"before 1\n{text}\n")
    assert gathering.text() == ""


@given(st.text(max_size=60))
def test_whatever_a_part_says_the_whole_can_be_read(text: str) -> None:
    gathering = Gathering("london")
    gathering.add("gateway", "up 1\n")
    try:
        gathering.add("database", text)
    except BadRequest:
        pass
    assert "up" in {family.name for family in text_string_to_metric_families(gathering.text())}


@given(st.dictionaries(st.sampled_from(["a", "b", "region"]), st.text(max_size=20)))
def test_labels_come_through_whatever_is_in_them(labels: dict[str, str]) -> None:
    gathering = Gathering("london")
    gathering.add("database", exposition([Family("x", "gauge", "an x", [Sample(1, labels)])]))
    ((_, seen, _),) = read(gathering)["x"][1]
    kept = {("exported_region" if name == "region" else name): text for name, text in labels.items()}
    assert seen == {"region": "london", "part": "database", **kept}


def test_the_agent_tells_health_links_and_disk() -> None:
    links = [
        Link("todos", "dallas", "london", "running", lag_s=1.5, pending=3, dead_letters=2),
        Link("lists", "dallas", "london", "missing"),
        Link("todos", "tokyo", "london", "running", peer_reachable=False),
    ]
    gathering = Gathering("london")
    gathering.add_families("gateway", [failed_family(4)])
    gathering.add_families(AGENT, own_families(WELL, links, Disk(10, 20)))
    seen = {
        (name, *(labels[key] for key in ("database", "source", "part") if key in labels)): value
        for _, samples in read(gathering).values()
        for name, labels, value in samples
    }
    expected = {
        ("couchgrass_live", AGENT): 1,
        ("couchgrass_ready", AGENT): 0,
        ("couchgrass_link_lag_seconds", "todos", "dallas", AGENT): 1.5,
        ("couchgrass_link_pending_changes", "todos", "dallas", AGENT): 3,
        ("couchgrass_link_dead_letters", "todos", "dallas", AGENT): 2,
        ("couchgrass_link_running", "lists", "dallas", AGENT): 0,
        ("couchgrass_peer_reachable", "tokyo", AGENT): 0,
        ("couchgrass_data_bytes", AGENT): 10,
        ("couchgrass_data_free_bytes", AGENT): 20,
        ("couchgrass_scrape_failed_total", "gateway"): 4,
    }
    assert expected.items() <= seen.items()
    assert ("couchgrass_link_lag_seconds", "lists", "dallas", AGENT) not in seen, "nobody knows it"


def test_a_disk_that_can_t_be_read_is_left_out() -> None:
    assert "couchgrass_data_bytes" not in {family.name for family in own_families(WELL, [], None)}
