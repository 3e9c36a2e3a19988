"""What the pages weigh, and that they ask nobody else."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "src" / "couchgrass" / "pages" / "dashboard"
TODO = ROOT / "examples" / "todo" / "web" / "dist"
GZIPPED_BYTES_MAX = 250_000

_NAMES = re.compile(r"https?://(?!www\.w3\.org/)[a-z0-9.-]+\.[a-z]{2,}", re.IGNORECASE)
"""Addresses, but of the namespaces of SVG and the like."""


@pytest.mark.parametrize(("folder", "bytes_max"), [(DASHBOARD, GZIPPED_BYTES_MAX), (TODO, 40_000)])
def test_the_pages_are_light(folder: Path, bytes_max: int) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files, "make setup builds them"
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) < bytes_max


@pytest.mark.parametrize("folder", [DASHBOARD, TODO])
def test_the_page_itself_has_nothing_inline(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page)
    assert not _NAMES.search(page)


@pytest.mark.parametrize("folder", [DASHBOARD, TODO])
def test_styles_name_no_other_host(folder: Path) -> None:
    for path in folder.rglob("*.css"):
        assert not re.search(r"url\(|@import", path.read_text(encoding="utf-8")), path
