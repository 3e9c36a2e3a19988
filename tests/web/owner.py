"""The app's namespace in the tests' regions, and the editor of the pages."""

from __future__ import annotations

import json

from playwright.sync_api import Page

from couchgrass.testing.region import Owner
from couchgrass.testing.up import UpProcess
from couchgrass.topology.places import CREDENTIALS

NAMESPACE = "guest"
HELLO = """
import sys

def main(params):
    print("hello to", params.get("name"))
    print("no name", file=sys.stderr)
    return {"greeting": f"Hello, {params.get('name')}!"}
"""


def owner_of(up: UpProcess, region: str = "london") -> Owner:
    """The namespace of the site's app, with its key, at one region's functions."""
    told = json.loads((up.folder / CREDENTIALS).read_text())["namespaces"][NAMESPACE]
    return Owner(f"http://127.0.0.1:{up.region(region).functions.port}", NAMESPACE, told["key"])


def write(page: Page, label: str, text: str) -> None:
    """Into an editor, in the place of what is there, as a person does who pastes."""
    editor = page.get_by_role("textbox", name=label, exact=True)
    editor.click()
    page.keyboard.press("Control+a")
    # By the editor's own command: a browser that types over a selection keeps its style as an inline one.
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)
