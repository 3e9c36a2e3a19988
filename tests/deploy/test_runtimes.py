"""Kinds as a host lists them."""

from __future__ import annotations

import pytest

from couchgrass.deploy.runtimes import Listed, Runtimes

LISTED: Listed = {
    "nodejs": [
        {"kind": "nodejs:6", "default": False, "deprecated": True},
        {"kind": "nodejs:18", "default": False, "deprecated": False},
        {"kind": "nodejs:20", "default": True, "deprecated": False},
    ],
    "java": [{"kind": "java:8", "default": True, "deprecated": False}],
    "ballerina": [{"kind": "ballerina:0.990"}],
}


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("nodejs:18", "nodejs:18"),
        ("NodeJS:18", "nodejs:18"),
        ("nodejs:default", "nodejs:20"),
        ("nodejs", "nodejs:20"),
        ("nodejs:6", ""),
        ("python:3", ""),
        ("ballerina:default", ""),
    ],
)
def test_a_kind_is_found_by_what_is_asked_for(asked: str, kind: str) -> None:
    assert Runtimes(LISTED).find(asked) == kind


@pytest.mark.parametrize(
    ("extension", "kind"),
    [("js", "nodejs:20"), ("jar", "java:8"), ("java", "java:8"), ("py", ""), ("zip", "")],
)
def test_a_file_is_of_its_extensions_family(extension: str, kind: str) -> None:
    assert Runtimes(LISTED).default_of(extension) == kind
