"""Golden files: what was rendered once and looked at, to be rendered again to the byte."""

from __future__ import annotations

import os
from pathlib import Path

from couchgrass.balancer.render import Value, text

FOLDER = Path(__file__).with_name("golden")
RENEW = "COUCHGRASS_RENEW_GOLDEN"
"""Set it to write the files anew, then look at the difference before you commit it."""


def check(name: str, value: Value) -> None:
    """Compares with the file of this name."""
    file = FOLDER / f"{name}.json"
    if os.environ.get(RENEW):
        file.write_bytes(text(value))
    assert text(value).decode() == file.read_text(encoding="utf-8"), f"{file.name}; {RENEW}=1 renews it"
