"""The pages of functions, against a real region: actions made, run, read and watched in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from couchgrass.ids import new_id
from couchgrass.testing.browser import PHONE, WIDE, check_accessible, check_fits, opened
from couchgrass.testing.region import Owner
from couchgrass.testing.up import UpProcess
from tests.web.conftest import SignedIn, open_dashboard
from tests.web.owner import HELLO, NAMESPACE, owner_of, write

HOME = f"#/functions/{NAMESPACE}"
EVERY_MS = 5_000
"""The list of activations has been asked for anew by then."""
SHOUT = 'def main(params):\n    print("louder")\n    return {"greeting": "HELLO"}\n'


@pytest.fixture
def owner(up_site: UpProcess) -> Owner:
    return owner_of(up_site)


@pytest.fixture
def name() -> str:
    """Of an action that no other test has."""
    return f"a{new_id()[:10]}"


def test_an_action_is_made_run_cold_and_warm_changed_and_deleted(dashboard: SignedIn, name: str) -> None:
    page = dashboard(f"{HOME}/new")
    page.get_by_label("Name").fill(name)
    page.get_by_role("combobox", name="Kind").select_option("python:3")
    write(page, "Code", HELLO)
    page.get_by_role("button", name="Create").click()

    outcome = page.get_by_role("region", name="Outcome")
    write(page, "Parameters as JSON", '{"name": "Ada"}')
    page.get_by_role("button", name="Invoke").click()
    expect(outcome.get_by_text("cold", exact=True)).to_be_visible()
    expect(outcome.get_by_role("textbox", name="Result")).to_contain_text("Hello, Ada!")
    expect(outcome.get_by_role("region", name="Log")).to_contain_text("stdouthello to Ada")
    expect(outcome.get_by_text("Made ready (init)")).to_be_visible()

    page.get_by_role("button", name="Invoke").click()
    expect(outcome.get_by_text("warm", exact=True)).to_be_visible()

    page.get_by_role("link", name="Code", exact=True).click()
    write(page, f"Code of {name}", SHOUT)
    # However fast it is typed, no key is lost.
    page.keyboard.type("# quick brown foxes jump over lazy dogs")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as version 0.0.2.")).to_be_visible()
    code = page.get_by_role("textbox", name=f"Code of {name}")
    expect(code).to_contain_text("# quick brown foxes jump over lazy dogs")
    page.get_by_role("link", name="Invoke", exact=True).click()
    # What was typed last is there still.
    expect(page.get_by_role("textbox", name="Parameters as JSON")).to_contain_text("Ada")
    page.get_by_role("button", name="Invoke").click()
    expect(outcome.get_by_role("region", name="Log")).to_contain_text("louder")

    page.get_by_role("button", name="Delete").click()
    page.get_by_label(f"Type {name} to confirm").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"The action {name} is deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="delete_todo")).to_be_visible()
    expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_what_functions_refuse_is_told_in_their_words(dashboard: SignedIn, owner: Owner, name: str) -> None:
    owner.put(name, "python:3", HELLO)
    page = dashboard(f"{HOME}/new")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("alert")).to_have_text("resource already exists (409)")
    page.goto(page.url.partition("#")[0] + f"{HOME}/actions/default/{name}?tab=settings")
    page.get_by_role("button", name="Change limits").click()
    page.get_by_label("Memory, MB").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text(
        "memory size 1 MB below allowed threshold of 128 MB (400)"
    )


def test_the_live_tail_shows_what_others_run_with_its_log(
    dashboard: SignedIn, owner: Owner, name: str
) -> None:
    owner.put(name, "python:3", HELLO)
    page = dashboard(f"{HOME}/tail")
    expect(page.get_by_text("Following.")).to_be_visible()
    assert owner.invoke(name, {"name": "Grace"}).status == 200
    seen = (
        page.get_by_role("list", name="Activations as they end").get_by_role("listitem").filter(has_text=name)
    )
    expect(seen).to_contain_text("hello to Grace")
    expect(seen).to_contain_text("success")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()


def test_an_activation_is_found_by_name_and_a_sequence_leads_to_its_parts(
    page: Page, dashboard: SignedIn, owner: Owner, name: str
) -> None:
    owner.put(name, "python:3", HELLO)
    sequence = {"exec": {"kind": "sequence", "components": [f"/{NAMESPACE}/{name}"] * 2}}
    assert owner.ask("PUT", f"actions/{name}s", sequence).status == 200
    assert owner.invoke(f"{name}s", {"name": "Ada"}).status == 200
    page.clock.install()
    dashboard(f"{HOME}/activations")
    wanted = page.get_by_role("textbox", name="Action")
    rows = page.get_by_role("region", name="Activations").locator("tbody tr")
    expect(rows.first).to_be_visible()
    wanted.fill(f"{name}s")
    # However long somebody types, the list comes anew meanwhile.
    with page.expect_response("**/activations?**"):
        page.clock.run_for(EVERY_MS)
    wanted.press("Enter")
    expect(rows).to_have_count(1)
    rows.get_by_role("link").last.click()
    parts = page.get_by_role("main").get_by_role("listitem")
    expect(parts).to_have_count(2)
    parts.first.get_by_role("link").click()
    expect(page.get_by_role("region", name="Log")).to_contain_text("hello to Ada")
    expect(page.get_by_text("Brought about by")).to_be_visible()


def test_a_trigger_fires_the_action_of_its_rule_while_that_is_active(
    dashboard: SignedIn, owner: Owner, name: str
) -> None:
    owner.put(name, "python:3", HELLO)
    page = dashboard(f"{HOME}/triggers")
    page.get_by_role("button", name="New trigger").click()
    page.get_by_label("Name", exact=True).fill(f"{name}t")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_role("button", name="New rule").click()
    page.get_by_label("Name", exact=True).fill(f"{name}r")
    page.get_by_role("combobox", name="Trigger").select_option(f"{name}t")
    page.get_by_role("combobox", name="Action").select_option(name)
    page.get_by_role("button", name="Create").click()
    rule = page.get_by_role("row", name=f"{name}r")
    expect(rule).to_contain_text("active")

    page.get_by_role("link", name="Triggers", exact=True).click()
    fire(page, f"{name}t", '{"name": "sun"}')
    page.get_by_role("dialog").get_by_role("link").click()
    page.get_by_role("main").get_by_role("listitem").get_by_role("link").click()
    expect(page.get_by_role("textbox", name="Result")).to_contain_text("Hello, sun!")

    page.goto(page.url.partition("#")[0] + f"{HOME}/rules")
    rule.get_by_role("button", name="Disable").click()
    expect(rule).to_contain_text("inactive")
    page.get_by_role("link", name="Triggers", exact=True).click()
    fire(page, f"{name}t", "{}")
    expect(page.get_by_role("dialog")).to_contain_text("No rule of it is active")


def fire(page: Page, trigger: str, parameters: str) -> None:
    page.get_by_role("row", name=trigger).get_by_role("button", name="Fire").click()
    write(page, "Parameters as JSON", parameters)
    page.get_by_role("dialog").get_by_role("button", name="Fire").click()


def test_a_wrong_key_is_told_and_the_right_one_opens_its_namespace(dashboard: SignedIn, owner: Owner) -> None:
    page = dashboard("#/functions?choose=1")
    page.get_by_label("Key", exact=True).fill("789c46b1-71f6-4ed5-8c54-816aa4f8c502:wrong")
    page.get_by_role("button", name="Open the namespace").click()
    expect(page.get_by_role("alert")).to_have_text("The supplied authentication is invalid (401)")
    page.get_by_label("Key", exact=True).fill(owner.key)
    page.get_by_role("button", name="Open the namespace").click()
    expect(page.get_by_role("link", name="get_todo")).to_be_visible()
    assert owner.key not in page.content()
    # It is kept in memory only: who is no admin would be asked for it again.
    kept = page.evaluate("() => JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert owner.key.partition(":")[2] not in kept


def test_secrets_are_hidden_until_asked_and_a_packages_parameters_stay_its_own(dashboard: SignedIn) -> None:
    page = dashboard(f"{HOME}/actions/todo_package/get_todo?tab=settings")
    expect(page.get_by_text("It has none of its own.")).to_be_visible()
    package = page.get_by_label("Parameters of the package")
    expect(package).to_contain_text("••••")
    page.get_by_role("button", name="Show password").click()
    expect(package).not_to_contain_text("••••")


def test_an_archive_is_told_by_its_files(dashboard: SignedIn) -> None:
    page = dashboard(f"{HOME}/actions/todo_package/get_todo")
    page.get_by_role("button", name="__main__.py").click()
    expect(page.get_by_role("textbox", name="__main__.py")).to_contain_text("def main")
    page.keyboard.press("Escape")
    with page.expect_download() as kept:
        page.get_by_role("button", name="Download").click()
    assert kept.value.suggested_filename == "get_todo.zip"


LOOKS = {"dark": ("dark", WIDE), "phone": ("light", PHONE)}
ONCE = ("/rules", "/limits")
"""Made of the same parts as the others: looked at in one look only."""


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_are_for_everybody(
    browser: Browser, up_site: UpProcess, owner: Owner, name: str, look: str
) -> None:
    owner.put(name, "python:3", HELLO)
    owner.invoke(name, {"name": "Ada"})
    scheme, viewport = LOOKS[look]
    with opened(browser, color_scheme=scheme, viewport=viewport) as window:
        page = window.page
        open_dashboard(page, up_site, HOME)
        places = {
            "": page.get_by_role("link", name="get_todo"),
            "/activations": page.get_by_role("link", name=name).first,
            "/rules": page.get_by_role("button", name="New rule"),
            "/limits": page.get_by_text("python:3 (default)"),
            f"/actions/default/{name}?tab=invoke": page.get_by_role("textbox", name="Parameters as JSON"),
            f"/actions/default/{name}": page.get_by_role("textbox", name=f"Code of {name}"),
        }
        for place, there in places.items():
            if look != "phone" and place in ONCE:
                continue
            page.goto(page.url.partition("#")[0] + HOME + place)
            expect(there).to_be_visible()
            check_accessible(page)
            check_fits(page)
