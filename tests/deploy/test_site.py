"""Pages as a step of a plan: what is new, changed and gone, what is kept for open pages, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from couchgrass.deploy.rollback import inverse
from couchgrass.deploy.site import (
    Around,
    Located,
    Owner,
    Pages,
    Published,
    built,
    first_api,
    site_steps,
    strict_csp,
    with_pages,
)
from couchgrass.deploy.steps import Change, Kind, Plan, Step
from couchgrass.deploy.wanted import App, Route
from couchgrass.gateway.site import (
    REGIONS,
    Site,
    SiteFile,
    content_id,
    contents_of,
    digest_of,
    from_document,
    to_document,
)

OWNER = Owner("todo", "guest")
AROUND = Around(
    (
        Located("london", "London, GB", (51.5, -0.1), "http://127.0.0.1:3234"),
        Located("dallas", "Dallas, US", None, "https://dallas.example/gw"),
    ),
    "http://127.0.0.1:8080",
    "",
    "http://127.0.0.1:8080",
    "pages",
)
APP = App(routes=(Route("todos", "/v1", "/todo", "GET", "p/get", "http"),))
HASHED = "assets/a-{}.js"


def site(
    files: Mapping[str, str], *, path: str = "/", app: str = "todo", csp: str = "x", kept: str = ""
) -> Site:
    def one(name: str, text: str) -> SiteFile:
        return SiteFile(name, digest_of(text.encode()), len(text), "t", name.startswith("assets/"))

    old = (one(kept, kept),) if kept else ()
    return Site(path, app, "guest", csp, tuple(one(name, text) for name, text in files.items()), old)


def published(*sites: Site) -> Published:
    return Published(
        {one.path: one for one in sites},
        {one.path: "1-a" for one in sites},
        frozenset(doc_id for one in sites for doc_id in contents_of(one)),
    )


def only(steps: list[Step]) -> Step:
    (step,) = steps
    assert step.kind is Kind.PAGES
    return step


def put(step: Step) -> Site:
    found = from_document(step.body)
    assert found is not None
    return found


def test_new_pages_are_counted_and_the_same_ones_change_nothing() -> None:
    wanted = site({"index.html": "i", "a.css": "a" * 3000})
    step = only(site_steps(wanted, Published(), OWNER))
    assert (step.change, step.name, step.why) == (Change.CREATE, "/", ("2 files new, 3 kB",))
    assert put(step) == wanted
    again = only(site_steps(wanted, published(wanted), OWNER))
    assert again.change is Change.UNCHANGED


def test_what_changes_is_counted_and_only_new_contents_are_written() -> None:
    before = site({"index.html": "i", HASHED.format(1): "1", "same.txt": "s", "gone.txt": "g"})
    wanted = site({"index.html": "j", HASHED.format(2): "2" * 20, "same.txt": "s"})
    step = only(site_steps(wanted, published(before), OWNER))
    assert step.change is Change.UPDATE
    assert step.why == ("1 new, 1 changed, 2 removed, 21 bytes",)
    assert step.before == {**to_document(before), "_rev": "1-a"}
    assert inverse(step).body == step.before
    policy = msgspec.structs.replace(before, csp="other")
    assert only(site_steps(policy, published(before), OWNER)).why == ("their policy changes",)


def test_hashed_files_are_kept_for_one_deploy_of_others() -> None:
    first = site({"index.html": "1", HASHED.format(1): "1", "plain.js": "1"})
    second = site({"index.html": "2", HASHED.format(2): "2"})
    there = put(only(site_steps(second, published(first), OWNER)))
    assert [one.name for one in there.kept] == [HASHED.format(1)]
    assert only(site_steps(second, published(there), OWNER)).change is Change.UNCHANGED
    # The same assets in another page are no other generation of them.
    words = site({"index.html": "other words", HASHED.format(2): "2"})
    assert put(only(site_steps(words, published(there), OWNER))).kept == there.kept
    third = site({"index.html": "3", HASHED.format(3): "3"})
    there = put(only(site_steps(third, published(there), OWNER)))
    assert [one.name for one in there.kept] == [HASHED.format(2)]
    # One that comes back is a file again.
    there = put(only(site_steps(second, published(there), OWNER)))
    assert [one.name for one in there.kept] == [HASHED.format(3)]


def test_contents_that_somebody_deleted_are_put_right() -> None:
    there = site({"index.html": "i", "a": "a"}, kept=HASHED.format(0))
    lost = content_id("/", digest_of(b"a"))
    whole = published(there)
    present = msgspec.structs.replace(whole, contents=whole.contents - {lost})
    wanted = msgspec.structs.replace(there, kept=())
    assert only(site_steps(wanted, present, OWNER)).why == ("1 file missing in the database, 1 byte",)
    gone = content_id("/", digest_of(HASHED.format(0).encode()))
    present = msgspec.structs.replace(whole, contents=whole.contents - {gone})
    step = only(site_steps(wanted, present, OWNER))
    assert step.why == ("what was kept of the deploy before is lost",) and put(step).kept == ()


def test_pages_at_another_path_or_of_no_app_any_more_stay_until_they_are_pruned() -> None:
    old = site({"index.html": "i"}, path="/old/")
    others = site({"index.html": "i"}, path="/other/", app="other")
    new = site({"index.html": "i"}, path="/new/")
    present = published(old, others)
    made, left = site_steps(new, present, OWNER)
    assert (made.change, left.change, left.name) == (Change.CREATE, Change.LEFT, "/old/")
    prune = Owner("todo", "guest", prune=True)
    assert [step.change for step in site_steps(new, present, prune)] == [Change.CREATE, Change.DELETE]
    assert only(site_steps(None, present, prune)).name == "/old/"
    assert only(site_steps(None, present, OWNER)).change is Change.LEFT
    assert site_steps(None, Published(), OWNER) == []


def test_pages_of_another_app_are_taken_over_and_that_is_said() -> None:
    theirs = site({"index.html": "i"}, app="other")
    step = only(site_steps(site({"index.html": "i"}), published(theirs), OWNER))
    assert step.why == ("was of the app other in namespace guest",)


def test_new_pages_come_first_and_changed_ones_last() -> None:
    def step(change: Change, kind: Kind = Kind.PAGES) -> Step:
        return Step(kind, change, f"{change}")

    api = step(Change.CREATE, Kind.API)
    create, update, delete, left = map(step, (Change.CREATE, Change.UPDATE, Change.DELETE, Change.LEFT))
    assert with_pages(Plan((api,)), [update, left]).steps == (api, update, left)
    assert with_pages(Plan((api,)), [create, delete]).steps == (create, delete, api)


NAMES = st.sampled_from(["index.html", "a.txt", *(HASHED.format(n) for n in range(4))])
FILES = st.dictionaries(NAMES, st.sampled_from(["1", "2", "3"]), min_size=1)


@settings(max_examples=200, deadline=None)
@given(st.lists(FILES, min_size=2, max_size=6))
def test_whatever_was_deployed_before_it_is_there_and_open_pages_find_their_scripts(
    deploys: list[dict[str, str]],
) -> None:
    present = Published()
    for number, files in enumerate(deploys):
        wanted = site(files)
        step = only(site_steps(wanted, present, OWNER))
        after = put(step) if step.body else present.sites["/"]
        assert after.files == wanted.files
        if number:
            served = {one.name for one in (*after.files, *after.kept)}
            assert served >= {name for name in deploys[number - 1] if name.startswith("assets/")}
        present = published(after)
        assert only(site_steps(wanted, present, OWNER)).change is Change.UNCHANGED


def test_regions_json_says_where_the_app_is_and_no_secret() -> None:
    wanted, contents = built(Pages("/", (), {}, around=AROUND), APP, OWNER, "tenant-1")
    (file,) = wanted.files
    assert file.name == REGIONS and not file.hashed
    about = json.loads(contents[file.digest])
    issuer = "http://127.0.0.1:8080/oauth/v4/tenant-1"
    assert about == {
        "app": "todo",
        "namespace": "guest",
        "api": "/v1/todo",
        "sign_in": {
            "tenant": "tenant-1",
            "issuer": issuer,
            "client_id": "pages",
            "authorization_endpoint": f"{issuer}/authorization",
            "token_endpoint": f"{issuer}/token",
        },
        "balancer": "http://127.0.0.1:8080",
        "regions": [
            {
                "name": "london",
                "location": "London, GB",
                "coordinates": [51.5, -0.1],
                "gateway_url": "http://127.0.0.1:3234",
            },
            {
                "name": "dallas",
                "location": "Dallas, US",
                "coordinates": None,
                "gateway_url": "https://dallas.example/gw",
            },
        ],
    }
    wanted, contents = built(Pages("/", (file,), {}, "default-src *"), App(), OWNER, "")
    about = json.loads(contents[wanted.files[0].digest])
    assert (about["sign_in"], about["api"], about["balancer"]) == (None, "", "")
    assert (len(wanted.files), wanted.csp) == (1, "default-src *")


def test_the_strict_policy_lets_pages_ask_the_regions_and_nobody_else() -> None:
    csp = strict_csp(AROUND)
    assert "connect-src 'self' http://127.0.0.1:8080 http://127.0.0.1:3234 https://dallas.example;" in csp
    assert csp.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "connect-src 'self'; form-action 'self'" in strict_csp(Around())


@pytest.mark.parametrize(
    ("app", "path"),
    [
        (App(), ""),
        (APP, "/v1/todo"),
        (App(swaggers=({"basePath": "/v2/", "paths": {"/x": {}}},)), "/v2/x"),
        (App(swaggers=({"basePath": "/v2", "paths": {}},)), ""),
    ],
)
def test_the_first_api_is_what_clients_ask(app: App, path: str) -> None:
    assert first_api(app) == path
